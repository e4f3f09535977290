package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func TestACardIsItsOneActiveMethodOrNone(t *testing.T) {
	on, off := func(id int64) preauth.PaymentMethod { return preauth.PaymentMethod{ID: id, Active: true, AccountID: 3} },
		func(id int64) preauth.PaymentMethod { return preauth.PaymentMethod{ID: id} }
	for name, c := range map[string]struct {
		found []preauth.PaymentMethod
		id    int64
		says  string
		fault string
	}{
		"none":                      {nil, 0, "no payment method whose field is card c-1", ""},
		"one active":                {[]preauth.PaymentMethod{on(7)}, 7, "", ""},
		"one active among inactive": {[]preauth.PaymentMethod{off(9), on(7), off(1)}, 7, "", ""},
		"only inactive":             {[]preauth.PaymentMethod{off(9)}, 0, "exactly one must be active, and 0 are: 9 (inactive, account 0)", ""},
		"two active":                {[]preauth.PaymentMethod{on(8), on(7)}, 0, "and 2 are: 7 (active, account 3), 8 (active, account 3)", ""},
		"many":                      {[]preauth.PaymentMethod{on(1), on(2), on(3), on(4), on(5), on(6), on(7)}, 0, "5 (active, account 3), 2 more", ""},
		"an odd answer":             {[]preauth.PaymentMethod{on(7)}, 0, "cannot be told: it is odd", "it is odd"},
	} {
		t.Run(name, func(t *testing.T) {
			got := plan.LookUp("default", "field", "c-1", preauth.CardMethods{Methods: c.found, Fault: c.fault}, time.Unix(1, 0))
			if got.ID != c.id || !strings.Contains(got.Found, c.says) || (c.id > 0) != (got.Found == "") {
				t.Errorf("%d, %q", got.ID, got.Found)
			}
			if m := got.Method(); m.ID != c.id || m.Missing != got.Found || m.Autopay || m.Ask || m.Unread {
				t.Errorf("the method is %+v", m)
			}
		})
	}
}

func TestAMissIsBelievedForAnHourAndAHitForGood(t *testing.T) {
	at := time.Unix(1_000_000, 0)
	hit, miss := plan.LookedUp{ID: 7, At: at}, plan.LookedUp{Found: "none", At: at}
	if !hit.Holds(at.Add(1000 * time.Hour)) {
		t.Error("a hit is forgotten")
	}
	if !miss.Holds(at.Add(59*time.Minute)) || miss.Holds(at.Add(time.Hour)) {
		t.Error("a miss is not believed for an hour")
	}
}

func TestNoAnswerIsNeverTakenForAutopay(t *testing.T) {
	rec := recordIn(t, plan.None, false, false)
	for _, m := range []plan.Method{{Ask: true}, {Unread: true}} {
		d := plan.Decide(observed(t, "Chargeable", "22", true), rec, plan.Context{Method: m}, plan.Policy{Currency: "EUR"})
		if len(d.Actions) > 0 || d.Why != plan.MethodUnread || d.Park != "" {
			t.Errorf("%+v: %s", m, show(d))
		}
	}
}

func TestCaptureOnlyCreatesNothingAndFinishesWhatIsHeld(t *testing.T) {
	policy := plan.Policy{Currency: "EUR", CaptureOnly: true, MirrorFirstRun: true, BackfillCharged: true}
	around := plan.Context{ReadBefore: true, Method: plan.Method{ID: 9}}
	for _, row := range rows() {
		for _, state := range []string{"Chargeable", "Charged"} {
			d := plan.Decide(observed(t, state, "22", true), row.record(t), around, policy)
			for _, action := range d.Actions {
				if action == plan.Create {
					t.Errorf("%s, %s: %s", row.name, state, show(d))
				}
			}
		}
	}
	held := recordIn(t, plan.Created, true, false)
	if d := plan.Decide(observed(t, "Charged", "22", true), held, around, policy); len(d.Actions) != 1 || d.Actions[0] != plan.Capture {
		t.Errorf("a hold is not captured: %s", show(d))
	}
	// What is charged meanwhile stays news, so that nothing is lost for it.
	rec := recordIn(t, plan.None, false, false)
	d := plan.Decide(observed(t, "Charged", "22", true), rec, around, plan.Policy{Currency: "EUR", CaptureOnly: true})
	if d.Why != plan.IsCaptureOnly || d.History != plan.HistoryFresh {
		t.Errorf("a charge is not kept for later: %s, history %d", show(d), d.History)
	}
}

func TestEveryRecordHasOneRisk(t *testing.T) {
	parked := &plan.Park{Reason: plan.AmountChanged}
	charged, chargeable := plan.Observation{State: preauth.Charged}, plan.Observation{State: preauth.Chargeable}
	for name, c := range map[string]struct {
		rec  plan.Record
		risk plan.Risk
	}{
		"nothing yet":          {plan.Record{Seen: chargeable}, plan.NoRisk},
		"old history":          {plan.Record{Seen: charged, History: plan.HistoryOld}, plan.NoRisk},
		"news not created yet": {plan.Record{Seen: charged, History: plan.HistoryFresh}, plan.RiskAwaiting},
		"being created":        {plan.Record{Phase: plan.Creating, Seen: chargeable}, plan.RiskHeld},
		"held":                 {plan.Record{Phase: plan.Created, Seen: chargeable}, plan.RiskHeld},
		"held and charged":     {plan.Record{Phase: plan.Created, Seen: charged}, plan.RiskAwaiting},
		"being captured":       {plan.Record{Phase: plan.Capturing, Seen: charged}, plan.RiskAwaiting},
		"adopted":              {plan.Record{Phase: plan.Adopted, Seen: chargeable}, plan.RiskHeld},
		"captured":             {plan.Record{Phase: plan.Captured, Seen: charged}, plan.NoRisk},
		"baseline":             {plan.Record{Phase: plan.Baseline, Seen: charged}, plan.NoRisk},
		"released":             {plan.Record{Phase: plan.Released, Identity: 7}, plan.NoRisk},
		"parked":               {plan.Record{Phase: plan.Created, Seen: charged, Park: parked}, plan.RiskParked},
	} {
		if got := c.rec.Risk(); got != c.risk {
			t.Errorf("%s: risk %d, want %d", name, got, c.risk)
		}
	}
}

func TestAMarkThatIsKeptKeepsItsCause(t *testing.T) {
	rec := recordIn(t, plan.None, false, false)
	cause := plan.Observe(observed(t, "Chargeable", "22", true))
	rec.Park = &plan.Park{Reason: plan.NoPaymentMethod, Seen: cause, Since: time.Unix(1, 0), Detail: "none"}
	now := observed(t, "Chargeable", "30", true)
	d := plan.Decide(now, rec, plan.Context{Method: plan.Method{Unread: true}}, plan.Policy{Currency: "EUR"})
	s := plan.Settle(rec, now, d, time.Unix(9, 0))
	if s.Lifted != "" || s.Parked || s.Record.Park == nil || !s.Record.Park.Seen.Equal(cause) {
		t.Errorf("the mark has become %+v, lifted %q", s.Record.Park, s.Lifted)
	}
	if d.Why != plan.MethodUnread {
		t.Errorf("skipped as %q", d.Why)
	}
}
