package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/preauth"
)

// tellToken says what has become of the token.
func (p *probing) tellToken(c *checker, sight app.ProbeSight) {
	limit := p.probe.Sink.Config.Settle
	switch {
	case sight.Respelled:
		c.ok("token", "kept, in another letter case: Search shows the hold by it %s after the reply, and Ids match in any", app.Rounded(sight.After))
		return
	case len(sight.Found) > 0:
		c.ok("token", "kept: Search shows the hold by it %s after the reply", app.Rounded(sight.After))
		return
	case sight.Carried == app.CarriesOther:
		c.warn("token", "not kept: the hold carries another one, of %s", plural(sight.Length, "character", "characters"))
	case sight.Carried == app.CarriesOwn:
		c.warn("token", "the hold carries it, but Search does not show the hold by it within %s", limit)
	case sight.Carried == app.CarriesNone:
		c.warn("token", "the hold shows no token within %s", limit)
	default:
		c.warn("token", "v4 does not show the hold within %s", limit)
	}
	if sight.Err != nil {
		c.warn("search", "%s", sight.Err)
	}
}

func (p *probing) tellCapture(c *checker, capture app.ProbeWrite) {
	switch capture.Answer() {
	case app.AnswerDone:
		c.ok("capture", "%s; the reply has %s", answered(capture), strings.Join(capture.Form.Keys, ", "))
	case app.AnswerEmpty:
		c.warn("capture", "%s and no body, which does not say whether it was captured: look for the payment in v4", answered(capture))
	case app.AnswerRefused:
		c.fail("capture", errors.New(refusedWith(capture)))
	default:
		c.fail("capture", capture.Err)
	}
}

// suggest prints the configuration that the findings speak for.
func (p *probing) suggest(c *checker, found app.ProbeFindings) {
	at := "v4"
	if p.probe.Sink.Own {
		at = fmt.Sprintf("v4 of property %s", p.probe.Sink.Name)
	}
	fmt.Fprintf(c.out, "\nWhat this suggests for %s:\n\nv4:\n", at)
	for _, each := range p.probe.Suggest(found) {
		fmt.Fprintf(c.out, "  # %s\n  %s: %s\n", each.Why, each.Key, each.Value)
	}
	fmt.Fprintln(c.out)
}

// afterwards says what is left for a person to do.
func (p *probing) afterwards(c *checker, found app.ProbeFindings) {
	identity := found.Create.Hold.Identity
	switch capture := found.Capture; {
	case capture.Answer() == app.AnswerDone, capture.Answer() == app.AnswerEmpty:
		fmt.Fprintf(c.out, "Refund by hand, in v4 or at the gateway, what was charged to %s: %s, the payment of identity %d.\n",
			p.methodWords(), p.charged(found), identity)
	case capture.Answer() == app.AnswerUnknown, capture.Kind == preauth.OutcomeApplied: // refused as captured before
		fmt.Fprintf(c.out, "Whether it was captured is not known. Look in v4 whether identity %d has a payment, of %s on %s, token %s.\n"+
			"If it has one, refund it by hand. If it has none, the hold stands. %s\n", identity, p.probe.Amount, p.methodWords(), p.probe.Token, noVoid)
	default:
		p.stands(c, identity)
	}
}

// charged says how often the amount was charged, as far as that is known.
func (p *probing) charged(found app.ProbeFindings) string {
	text := p.probe.Amount.String()
	if found.Capture.Answer() == app.AnswerEmpty {
		text += " if it was captured"
	}
	if found.Again == nil {
		return text
	}
	switch found.Again.Answer() {
	case app.AnswerDone:
		return "twice " + text
	case app.AnswerEmpty, app.AnswerUnknown:
		return text + ", perhaps twice"
	default:
		return text
	}
}

const noVoid = "v4 has no void: release it at the gateway, or let it expire."

// stands tells of a hold that is not captured.
func (p *probing) stands(c *checker, identity int64) {
	fmt.Fprintf(c.out, "An uncaptured hold stands in v4: identity %d, %s on %s, token %s. %s\n",
		identity, p.probe.Amount, p.methodWords(), p.probe.Token, noVoid)
}

// answered says what a request was answered with, and where v4's log has it.
func answered(write app.ProbeWrite) string {
	text := fmt.Sprintf("HTTP %d in %s", write.Status, app.Rounded(write.Took))
	if write.TrackingID != "" {
		text += ", trackingId " + write.TrackingID
	}
	return text
}

// refusedWith says how, and with which of v4's errors.
func refusedWith(write app.ProbeWrite) string {
	return "refused with " + answered(write) + preauth.ListErrors(write.Errors)
}

// notTaken says what is known of a write without a definite answer.
func notTaken(write app.ProbeWrite) string {
	if write.Err != nil {
		return write.Err.Error()
	}
	return answered(write)
}

func itemForm(create app.ProbeWrite) string {
	if create.Form.Wrapped {
		return "the reply's item is an envelope with the object as its instance"
	}
	return "the reply's item is the object itself"
}

func userWords(id int64) string {
	if id == 0 {
		return "the reply names none"
	}
	return fmt.Sprintf("v4 notes the hold as made by its user %d", id)
}

// identities gives the distinct ones of the holds, and of one that is known besides.
func identities(holds []preauth.Hold, known int64) (all []string) {
	var distinct []int64
	if known != 0 {
		distinct = append(distinct, known)
	}
	for _, hold := range holds {
		distinct = append(distinct, hold.Identity)
	}
	slices.Sort(distinct)
	for _, identity := range slices.Compact(distinct) {
		all = append(all, fmt.Sprint(identity))
	}
	return all
}
