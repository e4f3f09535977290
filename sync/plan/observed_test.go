package plan_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// watch plans one observation as an observing cycle does, and notes it.
func watch(t require, o plan.Observed, rec plan.Record, p preauth.Preauthorization, around plan.Context, policy plan.Policy, at int64) (plan.Observed, plan.Decision, bool) {
	t.Helper()
	as := o.AsIf(rec)
	d := plan.Decide(p, as, around, policy)
	next, changed := o.Note(as.Enterprise, as, p, d, time.Unix(at, 0))
	for _, action := range d.Actions {
		next = next.Send(action, p.Amount, around.Method.ID, time.Unix(at, 0))
	}
	return next, d, changed
}

func TestAReportTellsAStayFromItsHoldToItsCharge(t *testing.T) {
	rec := recordIn(t, plan.None, false, false)
	around, policy := plan.Context{Method: plan.Method{ID: 9}}, plan.Policy{Currency: "EUR", NewCustomers: plan.ParkHistory}
	var o plan.Observed
	steps := []struct {
		name    string
		seen    preauth.Preauthorization
		actions []plan.ActionKind
		park    plan.Reason
	}{
		{"a hold", observed(t, "Chargeable", "22", true), []plan.ActionKind{plan.Create}, ""},
		{"the same again", observed(t, "Chargeable", "22", true), nil, ""},
		{"another amount", observed(t, "Chargeable", "30", true), nil, plan.AmountChanged},
		{"the charge", observed(t, "Charged", "22", true), []plan.ActionKind{plan.Capture}, ""},
		{"the same again", observed(t, "Charged", "22", true), nil, ""},
		{"a charge taken back", observed(t, "Chargeable", "22", true), nil, plan.StateRegressed},
	}
	for i, step := range steps {
		next, d, _ := watch(t, o, rec, step.seen, around, policy, int64(i+1))
		if diff := cmp.Diff(step.actions, d.Actions); diff != "" || d.Park != step.park {
			t.Fatalf("%s: %s, parked %q\n%s", step.name, show(d), d.Park, diff)
		}
		o = next
	}
	if !o.Created.Equal(time.Unix(1, 0)) || !o.Captured.Equal(time.Unix(4, 0)) || o.PaymentMethodID != 9 || o.Amount.Amount.String() != "22" {
		t.Errorf("the report says %+v", o)
	}
}

func TestAReportTellsOfAReleaseOnce(t *testing.T) {
	rec := recordIn(t, plan.None, false, false)
	around, policy := plan.Context{Method: plan.Method{ID: 9}}, plan.Policy{Currency: "EUR"}
	o, _, _ := watch(t, plan.Observed{}, rec, observed(t, "Chargeable", "22", true), around, policy, 1)
	gone := observed(t, "Expired", "22", true)
	o, _, changed := watch(t, o, rec, gone, around, policy, 2)
	if !changed || !o.Released.Equal(time.Unix(2, 0)) {
		t.Fatalf("the release is not noted: %+v", o)
	}
	if again, _, changed := watch(t, o, rec, gone, around, policy, 3); changed || !again.Released.Equal(o.Released) {
		t.Errorf("the release is noted again: %+v", again)
	}
}

func TestWhatNeedsNoWordIsNotInTheReport(t *testing.T) {
	rec := recordIn(t, plan.None, false, false)
	policy := plan.Policy{Currency: "EUR"}
	parked, _, changed := watch(t, plan.Observed{}, rec, observed(t, "Chargeable", "22", true),
		plan.Context{Method: plan.Method{Missing: "nobody knows it"}}, policy, 1)
	if !changed || parked.Park == nil || parked.Park.Reason != plan.NoPaymentMethod {
		t.Fatalf("a park is not noted: %+v", parked)
	}
	gone, _, changed := watch(t, parked, rec, observed(t, "Expired", "22", true), plan.Context{}, policy, 2)
	if !changed || !gone.Updated.IsZero() || gone.ID == "" {
		t.Errorf("an entry that says nothing any more is kept: %+v", gone)
	}
	if _, _, changed := watch(t, plan.Observed{}, rec, observed(t, "Pending", "22", true), plan.Context{}, policy, 3); changed {
		t.Error("waiting is noted")
	}
}

func TestWhatIsReallyHeldIsNotTakenForTheReports(t *testing.T) {
	held := recordIn(t, plan.Created, true, false)
	stale := plan.Observed{Created: time.Unix(1, 0), Amount: observed(t, "Chargeable", "99", true).Amount, Updated: time.Unix(1, 0)}
	if got := stale.AsIf(held); !got.Amount.Equal(held.Amount) || got.Phase != plan.Created {
		t.Errorf("a real hold of %s is taken for one of %s", held.Amount, got.Amount)
	}
}

func TestObservingTheSameAgainChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, rec := drawObserved(t), drawRecord(t)
		around, policy := drawContext(t)
		before := rec
		o, _, _ := watch(t, plan.Observed{}, rec, p, around, policy, 1)
		again, d, changed := watch(t, o, rec, p, around, policy, 2)
		if len(d.Actions) > 0 {
			t.Fatalf("would be sent a second time: %s after %+v", show(d), o)
		}
		if changed && !o.Updated.IsZero() {
			if settled, _, twice := watch(t, again, rec, p, around, policy, 3); twice {
				t.Fatalf("the report does not come to rest: %s", cmp.Diff(again, settled))
			}
		}
		if diff := cmp.Diff(before, rec); diff != "" {
			t.Fatalf("observing changes the record: %s", diff)
		}
	})
}
