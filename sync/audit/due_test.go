package audit

import (
	"strings"
	"testing"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// What the next cycle does is said of what it will do, and of nothing else.
func TestNothingIsDueThatTheNextCycleWillNotDo(t *testing.T) {
	const creates, captures, parks = "the next cycle creates it", "the next cycle captures it", "the next cycle parks it as unknown_state"
	for _, c := range []struct {
		name string
		make func(w *world)
		// due is how many of the three findings are.
		due int
		// says is in the details of all that would be sent, forecasts in one detail each.
		says      string
		forecasts []string
	}{
		{"as it is", func(*world) {}, 2, "", []string{creates, captures, parks}},
		{"while all writes are paused", func(w *world) {
			w.batch.Pauses = []plan.Pause{{Since: now()}}
		}, 0, "writes are paused", []string{parks}},
		{"while those of the property are", func(w *world) {
			w.batch.Pauses = []plan.Pause{{Enterprise: enterprise(), Since: now()}}
		}, 0, "writes are paused", []string{parks}},
		{"while those of another are", func(w *world) {
			w.batch.Pauses = []plan.Pause{{Enterprise: id(9), Since: now()}}
		}, 2, "", []string{creates, captures, parks}},
		{"after the fuse has blown", func(w *world) {
			w.doc.LastCycle = &plan.CycleReport{Fuse: true}
		}, 0, "the fuse has blown in the last cycle", []string{parks}},
		{"after a cycle whose fuse has not", func(w *world) {
			w.doc.LastCycle = &plan.CycleReport{}
		}, 2, "", []string{creates, captures, parks}},
		{"with an older file", func(w *world) { w.older = true }, 0, "the state file is older than the world", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			w.says(preauth.Chargeable, 1)
			w.in(plan.Created, 2)
			w.held(2, 2)
			w.says(preauth.Charged, 2)
			w.says(preauth.Unknown, 3)
			c.make(w)
			summary, found := w.audit(t)
			if len(found) != 3 {
				t.Fatalf("%+v", found)
			}
			mentions(t, found[0].Detail, c.says)
			mentions(t, found[1].Detail, c.says)
			details, due := "", 0
			for _, f := range found {
				details += f.Detail + "\n"
				if f.Due {
					due++
				}
			}
			if due != c.due || summary.Due != c.due || strings.Count(details, "; the next cycle ") != len(c.forecasts) {
				t.Errorf("%d and %d due:\n%s", due, summary.Due, details)
			}
			mentions(t, details, c.forecasts...)
		})
	}
}

func TestWhatIsDueCanBeCountedOnly(t *testing.T) {
	w := newWorld()
	w.options.WithoutDue = true
	w.says(preauth.Chargeable, 1)
	w.in(plan.Created, 2)
	w.held(2, 2)
	w.says(preauth.Chargeable, 2, func(p *preauth.Preauthorization) { p.Amount = eur("7") })
	if summary := w.expect(t, told(AmountDiffers, 2, 2)); summary.Due != 1 || summary.Findings[Missing] > 0 {
		t.Errorf("%+v", summary)
	}
}

// What v4 was seen to hold is told, and not what the ledger thinks it does.
func TestAnOrphanIsAsV4Shows(t *testing.T) {
	w := newWorld()
	w.in(plan.Released, 1, holding(1))
	w.held(1, 1, func(h *preauth.Hold) { h.Amount = eur("100.01").Amount })
	w.says(preauth.Cancelled, 1)
	_, found := w.audit(t)
	if len(found) != 2 {
		t.Fatalf("%+v", found)
	}
	mentions(t, found[1].Detail, "the PMS says Cancelled, 100.00 EUR, and v4 holds 100.01 EUR under identity 1")
}

func TestATokenThatNobodyHasIsV4sOwnUnlessTokensAreKept(t *testing.T) {
	for _, c := range []struct {
		proof     plan.Proof
		ownTokens bool
	}{{plan.ProofOpen, true}, {plan.ProofNotKept, true}, {plan.ProofKept, false}} {
		w := newWorld()
		w.sink.Proof, w.options.OwnTokens = c.proof, c.ownTokens
		w.in(plan.Created, 1)
		w.held(1, 5000)
		w.says(preauth.Chargeable, 1)
		w.expect(t)
	}
}
