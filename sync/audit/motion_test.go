package audit

import (
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// meddler changes the ledger in the middle of a comparison.
type meddler struct{ meddle func() }

func (m meddler) Find(preauth.Preauthorization) plan.Method {
	m.meddle()
	return plan.Method{ID: 101}
}

// commit changes the ledger while an audit reads it.
func (w *world) commit(t *testing.T, change func(rec *plan.Record), n int) {
	t.Helper()
	rec, known, err := w.ledger.Record(t.Context(), id(n))
	if err != nil {
		t.Fatal(err)
	}
	if !known {
		rec = plan.Record{ID: id(n), Enterprise: enterprise(), CustomerID: customerOn(n)}
	}
	change(&rec)
	rec.Updated = now().Add(time.Minute)
	if err := w.ledger.Commit(t.Context(), plan.Batch{Records: []plan.Record{rec}}); err != nil {
		t.Fatal(err)
	}
}

func TestACycleMeanwhileRaisesNoAlarm(t *testing.T) {
	create := func(rec *plan.Record) {
		rec.Phase, rec.Identity, rec.Amount, rec.PaymentMethodID = plan.Created, int64(1), eur("100"), 101
	}
	capture := func(rec *plan.Record) { rec.Phase = plan.Captured }
	cases := []struct {
		name   string
		make   func(w *world)
		change func(rec *plan.Record)
	}{
		{"a create after v4 was read", func(w *world) { w.says(preauth.Chargeable, 1) }, create},
		{"a create that v4 shows already", func(w *world) {
			w.says(preauth.Chargeable, 1)
			w.held(1, 1)
		}, create},
		{"a capture", func(w *world) {
			w.in(plan.Created, 1)
			w.held(1, 1)
			w.says(preauth.Charged, 1)
		}, capture},
	}
	for _, c := range cases {
		t.Run(c.name+", between two reads", func(t *testing.T) {
			w := newWorld()
			c.make(w)
			w.beforePoll = func() error {
				w.commit(t, c.change, 1)
				return nil
			}
			if summary := w.expect(t); summary.InMotion != 1 {
				t.Errorf("%+v", summary)
			}
		})
		t.Run(c.name+", while it is judged", func(t *testing.T) {
			w := newWorld()
			c.make(w)
			w.methods = meddler{func() { w.commit(t, c.change, 1) }}
			if summary := w.expect(t); summary.InMotion != 1 {
				t.Errorf("%+v", summary)
			}
		})
	}
}

func TestAHoldThatFindsItsOwnerMeanwhileIsNobodysDuplicate(t *testing.T) {
	w := newWorld()
	w.in(plan.Created, 1)
	w.held(1, 1)
	w.held(2, 1) // whose create is under way, with a token of another's
	w.says(preauth.Chargeable, 1)
	w.methods = meddler{func() {
		w.commit(t, func(rec *plan.Record) { rec.Phase, rec.Identity = plan.Created, 2 }, 2)
	}}
	if summary := w.expect(t); summary.InMotion != 1 {
		t.Errorf("%+v", summary)
	}
}
