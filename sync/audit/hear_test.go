package audit

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// observing makes the program observe, with a report of preauthorizations 1, 2, ….
func (w *world) observing(report ...plan.Observed) {
	w.options.Observing = true
	w.doc.FirstRunDone, w.doc.ObservedSince = false, now().Add(-48*time.Hour)
	for i, o := range report {
		o.ID, o.Enterprise, o.CustomerID, o.Updated = id(i+1), enterprise(), customerOn(i+1), now().Add(-time.Hour)
		w.batch.Observed = append(w.batch.Observed, o)
	}
}

// A week in the shadow is compared line by line: what would have been captured is no
// baseline, though nobody counts as read.
func TestAFindingEndsWithWhatTheShadowSaysOfIt(t *testing.T) {
	w := newWorld()
	monday, friday := now().Add(-96*time.Hour), now().Add(-24*time.Hour)
	w.observing(
		plan.Observed{Created: monday, Captured: friday, Amount: eur("100"), PaymentMethodID: 9},
		plan.Observed{Created: monday, Amount: eur("100")},
		plan.Observed{Park: &plan.Park{Reason: plan.NoPaymentMethod, Detail: "no card"}},
		plan.Observed{Created: monday, Released: friday, Amount: eur("100"), PaymentMethodID: 9},
		plan.Observed{Captured: friday, Amount: eur("100")},
	)
	w.says(preauth.Charged, 1)
	w.says(preauth.Chargeable, 2)
	w.says(preauth.Chargeable, 3)
	w.says(preauth.Cancelled, 4)
	w.in(plan.Created, 5)
	w.held(5, 5)
	w.says(preauth.Charged, 5)
	w.says(preauth.Charged, 6) // before the shadow began
	w.says(preauth.Chargeable, 7)
	w.held(1001, 1001) // of whom nobody knows anything
	summary, found := w.audit(t)
	if len(found) != 6 || summary.Due != 0 {
		t.Fatalf("%+v, %+v", summary, found)
	}
	for i, want := range []string{
		"the PMS says Charged, 100.00 EUR, and no hold on v4 is known for it; mirror.mode is observe; in the shadow " +
			"it would have been created on 2026-11-17T12:00:00Z with 100.00 EUR on payment method 9, and it would have been captured on 2026-11-20T12:00:00Z",
		"; mirror.mode is observe; in the shadow it would have been created on 2026-11-17T12:00:00Z with 100.00 EUR",
		"; mirror.mode is observe; in the shadow it would be parked as no_payment_method: no card",
		"has not captured it; mirror.mode is observe; in the shadow it would have been captured on 2026-11-20T12:00:00Z",
		"no hold on v4 is known for it; mirror.mode is observe",
	} {
		if !strings.HasSuffix(found[i].Detail, want) {
			t.Errorf("%q does not end with %q", found[i].Detail, want)
		}
	}
}

// Finance gets the same in columns: the last that would have been done.
func TestAFindingSaysTheLastThatWouldHaveBeenDone(t *testing.T) {
	monday, friday := now().Add(-96*time.Hour), now().Add(-24*time.Hour)
	parks := func(since time.Time) *plan.Park {
		return &plan.Park{Reason: plan.AmountChanged, Since: since, Detail: "another amount"}
	}
	says := plan.Observation{State: preauth.Chargeable, Amount: eur("80")}
	for name, c := range map[string]struct {
		report plan.Observed
		want   Shadow
	}{
		"nothing":                      {plan.Observed{History: plan.HistoryFresh}, Shadow{Action: "none"}},
		"a create":                     {plan.Observed{Created: monday, Amount: eur("100")}, Shadow{"create", eur("100"), monday, ""}},
		"a create, and a release":      {plan.Observed{Created: monday, Released: friday, Amount: eur("100")}, Shadow{"create", eur("100"), monday, ""}},
		"a create and a capture":       {plan.Observed{Created: monday, Captured: friday, Amount: eur("100")}, Shadow{"capture", eur("100"), friday, ""}},
		"both at once":                 {plan.Observed{Created: friday, Captured: friday, Amount: eur("100")}, Shadow{"capture", eur("100"), friday, ""}},
		"a park of what would be held": {plan.Observed{Created: monday, Amount: eur("100"), Seen: says, Park: parks(friday)}, Shadow{"park", eur("100"), friday, plan.AmountChanged}},
		"a park of what is not":        {plan.Observed{Seen: says, Park: parks(friday)}, Shadow{"park", eur("80"), friday, plan.AmountChanged}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.observing(c.report)
			w.says(preauth.Chargeable, 1)
			_, found := w.audit(t)
			if len(found) != 1 || found[0].Shadow == nil {
				t.Fatalf("%+v", found)
			}
			if diff := cmp.Diff(c.want, *found[0].Shadow); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whoever has been observed once has no first run in the shadow any more, and a charge
// that came after is news.
func TestTheShadowHasAFirstRunOfItsOwn(t *testing.T) {
	for name, c := range map[string]struct {
		done, read bool
		says       string
	}{
		"while it lasts":                        {},
		"once it is over":                       {done: true, says: "no hold on v4 is known for it; mirror.mode is observe"},
		"while it lasts, of one observed since": {read: true, says: "no hold on v4 is known for it; mirror.mode is observe"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.observing()
			w.doc.ObservedFirstRunDone = c.done
			if c.read {
				w.batch.ObservedReads = []plan.CustomerRead{{Enterprise: enterprise(), CustomerID: customerOn(1), Cycle: 1}}
			}
			w.says(preauth.Charged, 1)
			_, found := w.audit(t)
			if len(found) != min(1, len(c.says)) {
				t.Fatalf("%+v", found)
			}
			if len(found) > 0 {
				mentions(t, found[0].Detail, c.says)
			}
			w.options.Observing = false
			summary, err := Run(t.Context(), w.options, func(f Finding) error { return errors.New(f.Detail) })
			if err != nil {
				t.Errorf("when it is mirrored: %+v, %v", summary, err)
			}
		})
	}
}

func TestWithoutTheShadowItsReportIsNotRead(t *testing.T) {
	w := newWorld()
	w.observing(plan.Observed{Captured: now(), Amount: eur("100")})
	w.options.Observing = false
	w.says(preauth.Chargeable, 1)
	_, found := w.audit(t)
	if len(found) != 1 || !found[0].Due || found[0].Shadow != nil || strings.Contains(found[0].Detail, "shadow") {
		t.Errorf("%+v", found)
	}
}

func TestWhileNothingIsCreatedCapturesAreDue(t *testing.T) {
	w := newWorld()
	p := w.property()
	p.Policy.CaptureOnly = true
	w.says(preauth.Chargeable, 1)
	w.in(plan.Created, 2)
	w.held(2, 2)
	w.says(preauth.Charged, 2)
	p.Customers = w.customers
	w.options.Properties = []Property{p}
	_, found := w.audit(t)
	if len(found) != 2 || found[0].Due || !found[1].Due {
		t.Fatalf("%+v", found)
	}
	mentions(t, found[0].Detail, "mirror.mode is capture_only, so nothing is created")
}

func TestACardToBeLookedUpIsWhatTheLedgerRemembersOfIt(t *testing.T) {
	const field, card = "paymentMethodIdentifier", "e417dfe8-c813-4938-837b-36081199ce88"
	for name, c := range map[string]struct {
		card     string
		lookedUp []plan.LookedUp
		due      bool
		says     string
	}{
		"a hit":                         {card, []plan.LookedUp{{ID: 9}}, true, "the next cycle creates it"},
		"a miss":                        {card, []plan.LookedUp{{Found: "v4 has none"}}, false, "the next cycle parks it as no_payment_method: v4 has none"},
		"a miss in other letters":       {strings.ToUpper(card), []plan.LookedUp{{Found: "v4 has none"}}, false, "v4 has none"},
		"nobody has asked yet":          {card, nil, true, "the next cycle creates it"},
		"another sink's answer":         {card, []plan.LookedUp{{Sink: "other", Found: "v4 has none"}}, true, "the next cycle creates it"},
		"another field's":               {card, []plan.LookedUp{{Field: "name", Found: "v4 has none"}}, true, "the next cycle creates it"},
		"a preauthorization of no card": {" ", nil, false, "the PMS names no card"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			for _, each := range c.lookedUp {
				if each.CardID, each.At = card, now(); each.Sink == "" {
					each.Sink = sinkName
				}
				if each.Field == "" {
					each.Field = field
				}
				w.batch.LookedUp = append(w.batch.LookedUp, each)
			}
			w.methods = method{Ask: true}
			w.says(preauth.Chargeable, 1, func(p *preauth.Preauthorization) { p.CardID = c.card })
			p := w.property()
			p.Lookup = field
			w.options.Properties = []Property{p}
			_, found := w.audit(t)
			if len(found) != 1 || found[0].Due != c.due {
				t.Fatalf("%+v", found)
			}
			mentions(t, found[0].Detail, c.says)
		})
	}
}

// What is on another sink is neither looked for here nor called a stranger's.
func TestWhatIsOnAnotherSinkIsLeftOut(t *testing.T) {
	away := func(rec *plan.Record) { rec.Enterprise = id(9) }
	for name, c := range map[string]struct {
		sink      string
		elsewhere bool
		strangers bool
		judged    bool
	}{
		"another one's":                               {sink: "other", elsewhere: true},
		"one's that is not configured":                {sink: "other", strangers: true},
		"of nobody's who is not bound, and elsewhere": {elsewhere: true},
		"of this one's who is not configured":         {sink: sinkName, strangers: true, judged: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			doc := plan.Property{Enterprise: id(9), Name: "away", Sink: c.sink}
			if err := w.ledger.Commit(t.Context(), plan.Batch{Property: &doc}); err != nil {
				t.Fatal(err)
			}
			if c.elsewhere {
				w.options.Elsewhere = map[preauth.ID]bool{id(9): true}
			}
			w.in(plan.Created, 1, away)
			w.in(plan.Created, 2)
			w.held(2, 2)
			w.held(1001, 1) // under its token, as where two names are of one tenant
			w.says(preauth.Chargeable, 2)
			var want []string
			if c.judged {
				want = []string{told(Missing, 1, 1), told(Duplicate, 1, 1001)}
			}
			summary, found := w.audit(t)
			got := outline(found)
			for i := range got {
				got[i] = strings.TrimSuffix(got[i], "away")
			}
			for i := range want {
				want[i] = strings.TrimSuffix(want[i], hotel)
			}
			if strings.Join(got, "\n") != strings.Join(want, "\n") || len(summary.Unread) > 0 != c.strangers {
				t.Errorf("%q, want %q; %q", got, want, summary.Unread)
			}
		})
	}
}

func TestAuditsAddUp(t *testing.T) {
	one := Summary{Checked: 1, Holds: 2, Foreign: 3, InMotion: 4, Answered: 5, Unlisted: 6, Due: 7, Findings: map[Kind]int{Missing: 8}, Unread: []string{"a"}}
	two := one.Plus(one).Plus(Summary{})
	if two.Checked != 2 || two.Holds != 4 || two.Foreign != 6 || two.InMotion != 8 || two.Answered != 10 || two.Unlisted != 12 ||
		two.Due != 14 || two.Findings[Missing] != 16 || len(two.Findings) != 1 || len(two.Unread) != 2 {
		t.Errorf("%+v", two)
	}
}
