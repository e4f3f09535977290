package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/state"
)

// probing is a probe as it was asked for: check's --probe and what goes with it.
type probing struct {
	*env

	method string
	order  app.ProbeOrder
	second bool
	yes    bool
	// probe is nil unless one was asked for.
	probe *app.Probe
}

const aboutProbe = "--probe makes one real hold on METHOD (a paymentMethodId, or autopay), looks for it by its token and captures it,\n" +
	"to find out what v4 does with tokens and replies. It charges --amount to that card: take one of your own, and refund it\n" +
	"by hand. Each request is sent once. It ends with the keys that it suggests for the configuration, and says what it is\n" +
	"going to do before it asks. The state file hears nothing of it.\n\n"

func (p *probing) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&p.method, "probe", "", "make a real hold on this payment `METHOD`, capture it, and report what v4 does")
	flags.StringVar(&p.order.Amount, "amount", "", "how much --probe charges, in the currency that v4's tenant bills in: `X`, such as 1.00, and 1000.00 at most")
	flags.BoolVar(&p.second, "second-capture", false, "let --probe capture twice: where the gateway takes that, it charges twice")
	flags.StringVar(&p.order.Property, "property", "", "whose v4 --probe is for, by the `NAME` of the property")
	flags.BoolVarP(&p.yes, "yes", "y", false, "let --probe begin without asking; needed without a terminal")
}

// check reads the flags, before anything is opened.
func (p *probing) check(flags *pflag.FlagSet, offline bool) error {
	if !flags.Changed("probe") {
		for _, name := range []string{"amount", "second-capture", "property", "yes"} {
			if flags.Changed(name) {
				return fmt.Errorf("--%s goes with --probe", name)
			}
		}
		return nil
	}
	switch id, err := strconv.ParseInt(p.method, 10, 64); {
	case offline:
		return errors.New("--probe and --offline exclude each other")
	case p.method == "autopay":
	case err != nil || id <= 0:
		return fmt.Errorf("--probe %.64q: give a paymentMethodId, a whole number above zero, or autopay", p.method)
	default:
		p.order.PaymentMethodID = id
	}
	if p.order.Amount == "" {
		return errors.New("--probe needs --amount: how much to charge, such as --amount 1.00")
	}
	return nil
}

// prepare builds the probe, if one was asked for.
func (p *probing) prepare(cfg *config.Config) error {
	if p.method == "" {
		return nil
	}
	probe, err := app.NewProbe(cfg, p.order, app.Outside{Logs: p.Stderr, Tries: checkTries})
	if err != nil {
		return err
	}
	if !p.yes && !p.Terminals.Stdin {
		_ = probe.Close() // nothing was asked of anybody
		return errors.New("there is no terminal to ask on, and --probe charges a card: say --yes if it shall")
	}
	p.probe = probe
	return nil
}

// run makes the probe, if one was asked for and nothing has failed before it.
func (p *probing) run(ctx context.Context, c *checker) error {
	if p.probe == nil {
		return c.verdict
	}
	defer func() { _ = p.probe.Close() }() // it closes connections
	if !p.mayBegin(ctx, c) {
		return c.verdict
	}
	p.announce(c)
	if c.out.err != nil { // without its token nobody would find the hold
		return fmt.Errorf("nothing was sent, since it could not be announced: %w", c.out.err)
	}
	if !p.yes {
		if agreed, err := p.ask(ctx, c); !agreed {
			return err
		}
		if !p.mayBegin(ctx, c) {
			return c.verdict
		}
	}
	defer undisturbed()()
	c.out.instead = p.Stderr
	return p.make(ctx, c)
}

// mayBegin tells whether nothing has failed so far, and writes are not paused.
func (p *probing) mayBegin(ctx context.Context, c *checker) bool {
	if c.verdict == nil {
		if err := operateOn(ctx, c.cfg, state.ReadOnly, c.errors, func(o control.Operator) error { return p.paused(ctx, o) }); err != nil {
			c.fail("writes", err)
		}
	}
	if c.verdict != nil {
		fmt.Fprintln(c.out, "Nothing was sent: mend what has failed before you probe.")
	}
	return c.verdict == nil
}

// paused gives an error while the writes are that a probe is one of.
func (p *probing) paused(ctx context.Context, o control.Operator) error {
	status, err := o.Status(ctx)
	if err != nil {
		return err
	}
	if since := status.PausedSince; since != nil {
		return fmt.Errorf("all writes are paused since %s: `preauth-sync resume` first", moment(*since))
	}
	for _, each := range status.Properties {
		if since := each.PausedSince; since != nil && slices.Contains(p.probe.Properties, each.Name) {
			return fmt.Errorf("writes of %[1]s are paused since %[2]s: `preauth-sync resume --property %[1]s` first", each.Name, moment(*since))
		}
	}
	return nil
}

// ask asks whether it shall begin. What it does not begin with sends nothing.
func (p *probing) ask(ctx context.Context, c *checker) (bool, error) {
	although := ""
	if mode := c.cfg.Mirror.Mode; mode != config.ModeFull {
		although = fmt.Sprintf(", though mirror.mode is %s", mode)
	}
	agreed, err := p.confirm(ctx, fmt.Sprintf("Charge %s to %s%s? [y/N] ", p.probe.Amount, p.methodWords(), although))
	if ctx.Err() != nil {
		fmt.Fprintln(p.Stderr) // the question's line has no end yet
	}
	if !agreed {
		fmt.Fprintln(c.out, "Nothing was sent.")
	}
	return agreed, err
}

func (p *probing) methodWords() string {
	if id := p.probe.PaymentMethodID; id > 0 {
		return fmt.Sprintf("payment method %d", id)
	}
	return "the AutoPay method"
}

func (p *probing) announce(c *checker) {
	amount, sink := p.probe.Amount, p.probe.Sink.Config
	fmt.Fprintf(c.out, "\nThe probe is real. At %s it\n", sink.Address)
	fmt.Fprintf(c.out, "  1. holds %s on %s\n", amount, p.methodWords())
	fmt.Fprintf(c.out, "  2. looks for the hold by its token, for %s at most\n", sink.Settle)
	fmt.Fprintf(c.out, "  3. captures it, which charges %s\n", amount)
	if p.second {
		fmt.Fprintf(c.out, "  4. captures it again, which charges another %s where the gateway takes that\n", amount)
	}
	fmt.Fprintln(c.out, "v4 has no void, and this program no refund: what it charges is to be refunded by hand.")
	if mode := c.cfg.Mirror.Mode; mode != config.ModeFull {
		fmt.Fprintf(c.out, "mirror.mode is %s: the probe is sent all the same.\n", mode)
	}
	c.ok("token", "%s; look for it in v4 if the probe ends early", p.probe.Token)
}

// make takes the probe's steps.
func (p *probing) make(ctx context.Context, c *checker) error {
	create, err := p.probe.Create(ctx)
	switch {
	case err != nil:
		c.fail("create", fmt.Errorf("nothing was sent: %w", err))
		return c.verdict
	case create.Answer() == app.AnswerRefused, create.Answer() == app.AnswerNone:
		c.fail("create", fmt.Errorf("v4 holds nothing of the probe: %w", create.Err))
		return c.verdict
	case create.Answer() != app.AnswerDone:
		return p.unknown(ctx, c, create)
	}
	c.ok("create", "identity %d, %s; %s", create.Hold.Identity, answered(create), itemForm(create))
	c.ok("user", "%s", userWords(create.Hold.CreatedByUserID))
	found := app.ProbeFindings{Create: create}
	if found.Sight, err = p.look(ctx, create); err != nil {
		p.stands(c, create.Hold.Identity)
		return err
	}
	if several := identities(found.Sight.Found, create.Hold.Identity); len(several) > 1 {
		c.fail("token", fmt.Errorf("v4 shows it on the identities %s: one create has made several holds, and none of them was captured", strings.Join(several, ", ")))
		return c.verdict
	}
	p.tellToken(c, found.Sight)
	if found.Capture, err = p.probe.Capture(ctx, create.Hold.Identity); err != nil {
		c.fail("capture", fmt.Errorf("nothing was sent: %w", err))
		p.stands(c, create.Hold.Identity)
		return c.verdict
	}
	p.tellCapture(c, found.Capture)
	if taken := found.Capture.Answer(); p.second && (taken == app.AnswerDone || taken == app.AnswerEmpty) {
		p.again(ctx, c, &found)
	}
	p.suggest(c, found)
	p.afterwards(c, found)
	return errors.Join(c.verdict, ctx.Err())
}

// look searches for the token, and tells of the wait four times a minute.
func (p *probing) look(ctx context.Context, create app.ProbeWrite) (app.ProbeSight, error) {
	var next time.Duration
	return p.probe.Look(ctx, create, func(passed, limit time.Duration) {
		if passed >= next {
			fmt.Fprintf(p.Stderr, "looking for the token: not shown after %s, for %s at most\n", app.Rounded(passed), limit)
			next = passed + 15*time.Second
		}
	})
}

// unknown looks for a hold that v4 may have made.
func (p *probing) unknown(ctx context.Context, c *checker, create app.ProbeWrite) error {
	c.fail("create", create.Err)
	sight, interrupted := p.look(ctx, create)
	switch several := identities(sight.Found, 0); {
	case len(several) == 1:
		c.warn("token", "Search shows the hold %s after the end of the create: v4 keeps tokens", app.Rounded(sight.After))
		p.stands(c, sight.Found[0].Identity)
	case len(several) > 1:
		c.fail("token", fmt.Errorf("v4 shows it on the identities %s: one create has made several holds", strings.Join(several, ", ")))
	default:
		fmt.Fprintf(c.out, "Search does not show the token. v4 may hold it all the same, under another token or before long: look there for\n"+
			"%s, or for %s on %s made at about %s. Probe again only after that.\n",
			p.probe.Token, p.probe.Amount, p.methodWords(), moment(create.Ended))
	}
	if interrupted != nil {
		return interrupted
	}
	return c.verdict
}

// again captures once more.
func (p *probing) again(ctx context.Context, c *checker, found *app.ProbeFindings) {
	const what = "second capture"
	write, err := p.probe.Capture(ctx, found.Create.Hold.Identity)
	if err != nil {
		c.fail(what, fmt.Errorf("nothing was sent: %w", err))
		return
	}
	found.Again = &write
	switch write.Answer() {
	case app.AnswerRefused:
		c.ok(what, "%s", refusedWith(write))
	case app.AnswerDone:
		c.fail(what, fmt.Errorf("v4 took it, with %s: the card has been charged TWICE", answered(write)))
	case app.AnswerNone:
		c.fail(what, write.Err)
	default:
		c.fail(what, fmt.Errorf("%s: the card may have been charged twice", notTaken(write)))
	}
}
