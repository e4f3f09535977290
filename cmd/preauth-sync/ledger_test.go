package main

import (
	"testing"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// records verifies the state file and gives what it says, by Id.
func (s *served) records(t *testing.T) map[string]plan.Record {
	t.Helper()
	ledger, err := state.Open(state.Options{Path: s.state, Mode: state.ReadOnly})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := ledger.Close(); err != nil {
			t.Error(err)
		}
	}()
	report, err := ledger.Verify(t.Context())
	if err != nil {
		t.Fatalf("the state file does not verify: %v", err)
	}
	if len(report.Problems) > 0 {
		t.Fatalf("the state file has problems: %q", report.Problems)
	}
	all := map[string]plan.Record{}
	err = ledger.Each(t.Context(), func(rec plan.Record) error {
		all[string(rec.ID)] = rec
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// audit compares three accounts: what the PMS says, what v4 holds and what the
// state file says. Nothing may be there twice, nothing lost; what is charged and
// not captured, or captured and not known to be, must be parked as unknown_capture.
func (s *served) audit(t *testing.T) {
	t.Helper()
	s.auditTwice(t)
	both := s.Reconcile()
	if len(both.Wrong)+len(both.Without) > 0 {
		t.Errorf("wrong: %q, without a hold: %q", both.Wrong, both.Without)
	}
	records := s.records(t)
	held := map[string]simulator.Hold{}
	for _, hold := range s.Holds() {
		held[hold.SentToken] = hold
	}
	for _, id := range s.ids {
		p, _ := s.Preauthorization(id)
		rec, hold := records[id], held[id]
		if rec.Identity != hold.Identity {
			t.Errorf("%s: the file says identity %d, v4 %d", id, rec.Identity, hold.Identity)
		}
		parked := rec.Park != nil && rec.Park.Reason == plan.UnknownCapture
		switch {
		case p.State == simulator.Charged && rec.Phase == plan.Captured && hold.Captures == 1:
		case p.State == simulator.Charged && parked:
		case p.State == simulator.Chargeable && rec.Phase == plan.Created && hold.Captures == 0 && rec.Park == nil:
		default:
			t.Errorf("%s: the PMS says %s, the file %s (parked %+v), v4 has captured it %d times",
				id, p.State, rec.Phase, rec.Park, hold.Captures)
		}
	}
}

// auditTwice wants no effect twice.
func (s *served) auditTwice(t *testing.T) {
	t.Helper()
	account := s.Account()
	if account.DuplicateCreates+account.DuplicateCaptures > 0 {
		t.Errorf("made twice: %d creates, %d captures", account.DuplicateCreates, account.DuplicateCaptures)
	}
}

// parked counts the records that are parked for a reason.
func (s *served) parked(t *testing.T, reason plan.Reason) int {
	t.Helper()
	n := 0
	for _, rec := range s.records(t) {
		if rec.Park != nil && rec.Park.Reason == reason {
			n++
		}
	}
	return n
}

// charge charges the preauthorizations at these places.
func (s *served) charge(t *testing.T, places ...int) {
	t.Helper()
	for _, at := range places {
		if err := s.SetState(s.ids[at], simulator.Charged); err != nil {
			t.Fatal(err)
		}
	}
}

// add adds a Chargeable preauthorization of the first customer's.
func (s *served) add(t *testing.T) {
	t.Helper()
	id, err := s.AddPreauthorization(simulator.Preauthorization{
		CustomerID: s.customers[0], Amount: s.amountOf(t, 0), State: simulator.Chargeable,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.ids = append(s.ids, id)
}

// permissive lets v4 capture twice: a client's mistake then shows in the account.
func (s *served) permissive(t *testing.T) {
	t.Helper()
	if err := s.Configure(func(set *simulator.Settings) { set.AllowDoubleCapture = true }); err != nil {
		t.Fatal(err)
	}
}

// account wants exactly so many creates and captures.
func (s *served) account(t *testing.T, creates, captures int) {
	t.Helper()
	s.auditTwice(t)
	if a := s.Account(); a.Creates != creates || a.Captures != captures {
		t.Errorf("v4 has made %d creates and %d captures, not %d and %d", a.Creates, a.Captures, creates, captures)
	}
}

// amountOf is what the PMS says of the preauthorization at a place.
func (s *served) amountOf(t *testing.T, at int) decimal.Decimal {
	t.Helper()
	p, ok := s.Preauthorization(s.ids[at])
	if !ok {
		t.Fatalf("there is no preauthorization %s", s.ids[at])
	}
	return p.Amount
}
