package main

import (
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// pair is a world of two preauthorizations. The first has its hold, so that the
// sink has shown that it keeps tokens; the second waits.
func pair(t *testing.T) (w *served, second string) {
	t.Helper()
	w = newWorld(t, servedOptions{populate: simulator.PopulateOptions{Customers: 1, PerCustomer: 2}})
	second = w.ids[1]
	w.turn(t, second, "Pending")
	w.run(t, 0, "run", "--once")
	w.turn(t, second, "Chargeable")
	return w, second
}

func (s *served) turn(t *testing.T, id, state string) {
	t.Helper()
	if err := s.Update(id, func(p *simulator.Preauthorization) { p.State = state }); err != nil {
		t.Fatal(err)
	}
}

// wants compares where a record stands, parked for reason or "" for not parked.
func (s *served) wants(t *testing.T, id string, phase plan.Phase, reason plan.Reason) {
	t.Helper()
	rec := s.records(t)[id]
	var parked plan.Reason
	if rec.Park != nil {
		parked = rec.Park.Reason
	}
	if rec.Phase != phase || parked != reason {
		t.Fatalf("it is %s, parked %q, not %s, parked %q", rec.Phase, parked, phase, reason)
	}
}

func TestARetriedCreateIsLookedUpAndNotSentAgain(t *testing.T) {
	t.Parallel()
	w, id := pair(t)
	p, _ := w.Preauthorization(id)
	// The create is lost; what stands under its token has another amount.
	var identity int64
	w.Inject(simulator.Fault{API: simulator.APIV4, Operation: simulator.OpCreate, Kind: simulator.KindReset, Times: 1, Match: func(simulator.Request) bool {
		var err error
		if identity, err = w.AddHold(simulator.Hold{Amount: decimal.NewFromInt(1), PaymentMethodID: 101, Token: id}); err != nil {
			t.Error(err)
		}
		return true
	}})
	w.run(t, 1, "run", "--once")
	w.wants(t, id, plan.Creating, plan.DuplicateFound)

	// What still stands there parks again, whatever is allowed.
	w.run(t, 0, "parked", "retry", id, "--resend-create", "--resend-capture")
	w.wants(t, id, plan.Creating, "")
	w.run(t, 1, "run", "--once")
	w.wants(t, id, plan.Creating, plan.DuplicateFound)

	if err := w.RemoveHold(identity); err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddHold(simulator.Hold{Amount: p.Amount, PaymentMethodID: 101, Token: id}); err != nil {
		t.Fatal(err)
	}
	w.run(t, 0, "parked", "retry", id, "--note", "the amount was put right")
	w.run(t, 0, "run", "--once")
	w.wants(t, id, plan.Created, "")
	if n := w.seen(simulator.OpCreate); n != 2 {
		t.Errorf("%d creates were sent, not one for each", n)
	}
}

func TestARetriedCreateThatWasNeverThereIsSentWithANewCount(t *testing.T) {
	t.Parallel()
	w, id := pair(t)
	w.Inject(simulator.Fault{API: simulator.APIV4, Operation: simulator.OpCreate, Kind: simulator.KindReset, Times: 4})
	for range 3 {
		w.run(t, 1, "run", "--once")
	}
	w.wants(t, id, plan.None, plan.UnknownCreate)
	w.run(t, 0, "run", "--once")
	w.run(t, 0, "parked", "retry", id)
	w.run(t, 1, "run", "--once") // the fourth is lost too, and is one of a new count
	w.wants(t, id, plan.None, "")
	w.run(t, 0, "run", "--once")
	w.wants(t, id, plan.Created, "")
	w.account(t, 2, 0)
}

func TestAHoldIsBelievedOnlyWhereV4ShowsIt(t *testing.T) {
	t.Parallel()
	w, id := pair(t)
	w.Inject(simulator.Fault{
		API: simulator.APIV4, Operation: simulator.OpCreate, Kind: simulator.KindStatus, Status: 400, Times: 1,
		Body: `{"trackingId":"t-1","type":"create","errors":[{"code":4711,"message":"declined"}]}`,
	})
	w.run(t, 1, "run", "--once")
	w.wants(t, id, plan.None, plan.Rejected)
	theirs, err := w.AddHold(simulator.Hold{
		Amount: decimal.NewFromInt(20), PaymentMethodID: 101, Token: "00000000-0000-4000-8000-0000000000ff",
	})
	if err != nil {
		t.Fatal(err)
	}
	byHand, err := w.AddHold(simulator.Hold{Amount: decimal.NewFromInt(20), PaymentMethodID: 101, Token: "gw_1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, identity, says string
	}{
		{"v4 does not have it", "99", "v4 has no identity 99"},
		{"it is another record's", "1", "identity 1 is that of preauthorization " + w.ids[0]},
		{"it carries another's token", decimal.NewFromInt(theirs).String(), "carries the token of another preauthorization: 00000000-"},
	} {
		p := w.run(t, 1, "parked", "resolve", id, "--as", "created="+c.identity, "--note", "made by hand")
		if !strings.Contains(p.stderr.String(), c.says) {
			t.Errorf("%s: %s", c.name, &p.stderr)
		}
		w.wants(t, id, plan.None, plan.Rejected)
	}

	// A hold of 20 is not captured for a charge of another amount that was answered.
	w.turn(t, id, "Charged")
	w.run(t, 0, "run", "--once")
	p := w.run(t, 0, "parked", "resolve", id, "--as", "created="+decimal.NewFromInt(byHand).String(), "--note", "made by hand")
	if !strings.Contains(p.stdout.String(), "nothing is captured while the PMS says Chargeable") ||
		!strings.Contains(p.stdout.String(), "the PMS has said Charged") {
		t.Errorf("%s", &p.stdout)
	}
	w.run(t, 0, "run", "--once")
	w.wants(t, id, plan.Created, plan.AmountChanged)
	w.run(t, 0, "parked", "resolve", id, "--as", "created="+decimal.NewFromInt(byHand).String(), "--note", "20 were agreed")
	w.run(t, 0, "run", "--once")
	w.wants(t, id, plan.Created, "")
	w.account(t, 1, 0)

	// The amount that v4 holds is.
	if err := w.Update(id, func(p *simulator.Preauthorization) { p.Amount = decimal.NewFromInt(20) }); err != nil {
		t.Fatal(err)
	}
	w.run(t, 0, "run", "--once")
	w.wants(t, id, plan.Captured, "")
	w.account(t, 1, 1)
}
