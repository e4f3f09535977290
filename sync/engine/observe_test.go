package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func observing(cfg *config.Config)   { cfg.Mirror.Mode = config.ModeObserve }
func mirroring(cfg *config.Config)   { cfg.Mirror.Mode = config.ModeFull }
func captureOnly(cfg *config.Config) { cfg.Mirror.Mode = config.ModeCaptureOnly }

// observed gives the report's entry for a preauthorization.
func (b *bench) observed(id string) (o plan.Observed) {
	b.t.Helper()
	b.look(func(l *state.Ledger) {
		all, err := l.Observed(b.t.Context(), b.enterprise("hotel-1"), []preauth.ID{preauth.ID(id)})
		b.must(err)
		o = all[preauth.ID(id)]
	})
	return o
}

// everything gives every record, and who has been read.
func (b *bench) everything() (records []plan.Record, read map[preauth.ID]plan.Customer) {
	b.t.Helper()
	b.look(func(l *state.Ledger) {
		b.must(l.Each(b.t.Context(), func(r plan.Record) error {
			records = append(records, r)
			return nil
		}))
		docs, err := l.Properties(b.t.Context())
		b.must(err)
		for _, doc := range docs {
			var customers []preauth.ID
			ids, err := b.world.Customers(doc.Name)
			b.must(err)
			for _, id := range ids {
				customers = append(customers, preauth.ID(id))
			}
			read, err = l.Customers(b.t.Context(), doc.Enterprise, customers)
			b.must(err)
		}
	})
	return records, read
}

func TestAnObservedWeekSendsNothingAndTellsEverything(t *testing.T) {
	inBench(t, func(b *bench) {
		stay, unknown, gone := b.hold("10"), b.add(simulator.Preauthorization{Amount: dec("20"), Currency: "USD"}), b.hold("30")
		history := b.add(simulator.Preauthorization{Amount: dec("40"), State: simulator.Charged})
		b.start(observing)
		first := only(b.cycle())
		if c := first.Report.Counts; c.Created+c.Captured+c.Parked+c.Failed != 0 || c.Polled != 4 || !first.Report.OK {
			t.Errorf("the account says that something was done: %+v", first.Report)
		}
		b.cyclesOver(7*24*time.Hour, 6*time.Hour)
		b.charge(stay)
		b.state(simulator.Expired, gone)
		b.pass(time.Minute)
		b.cycle()
		b.restart() // the report is kept over a restart, and goes on
		b.cycle()
		b.effects(0, 0)
		if records, read := b.everything(); len(records) > 0 || len(read) > 0 {
			t.Errorf("observing has left %d records and %d customers read", len(records), len(read))
		}
		if o := b.observed(stay); o.Created.IsZero() || o.Captured.Before(o.Created) || o.Captured.Equal(o.Created) || o.Amount.Amount.String() != "10" {
			t.Errorf("of the stay the report says %+v", o)
		}
		if o := b.observed(unknown); o.Park == nil || o.Park.Reason != plan.CurrencyMismatch || !o.Created.IsZero() {
			t.Errorf("of the other currency the report says %+v", o)
		}
		if o := b.observed(gone); o.Created.IsZero() || o.Released.IsZero() {
			t.Errorf("of what the PMS released the report says %+v", o)
		}
		if o := b.observed(history); o.Baselined.IsZero() || !o.Created.IsZero() {
			t.Errorf("of history the report says %+v", o)
		}
		logs := b.logs.String()
		for event, n := range map[string]int{"create.observed": 2, "capture.observed": 1, "park.observed": 1, "release.observed": 1, "observe.started": 1, "create.applied": 0} {
			if got := strings.Count(logs, `"event":"`+event+`"`); got != n {
				t.Errorf("%s is told %d times, want %d", event, got, n)
			}
		}
	})
}

func TestAfterObservingEverythingBeginsAsIfItHadNotBeen(t *testing.T) {
	inBench(t, func(b *bench) {
		held, history := b.hold("10"), b.add(simulator.Preauthorization{Amount: dec("40"), State: simulator.Charged})
		b.start(observing)
		b.cycle()
		b.restart(mirroring)
		b.cycle()
		b.expect(held, plan.Created, "")
		b.expect(history, plan.Baseline, "") // the first run has only begun now
		b.effects(1, 0)
		// What is held in earnest is observed as it is: its capture would be sent.
		b.charge(held)
		late := b.hold("50")
		before, read := b.everything()
		b.restart(observing)
		b.cycle()
		b.pass(time.Minute)
		b.cycle()
		b.effects(1, 0)
		if after, readAfter := b.everything(); cmp.Diff(before, after) != "" || cmp.Diff(read, readAfter) != "" {
			t.Errorf("observing has changed the ledger:\n%s%s", cmp.Diff(before, after), cmp.Diff(read, readAfter))
		}
		if o := b.observed(held); o.Captured.IsZero() || !o.Created.IsZero() {
			t.Errorf("of the charged hold the report says %+v", o)
		}
		if o := b.observed(late); o.Created.IsZero() {
			t.Errorf("of the new one the report says %+v", o)
		}
		b.restart(mirroring)
		b.cycle()
		b.expect(held, plan.Captured, "")
		b.expect(late, plan.Created, "")
		// The next time the report begins anew.
		b.restart(observing)
		b.cycle()
		if o := b.observed(late); !o.Updated.IsZero() {
			t.Errorf("the report still has what an earlier one said: %+v", o)
		}
	})
}

func TestWhatIsInFlightWaitsWhileObserving(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		lost := b.hold("10")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true})
		b.cycle()
		b.expect(lost, plan.Creating, "")
		b.restart(observing)
		b.pass(timeout + 2*settle)
		result, err := b.tryCycle(true)
		b.must(err)
		b.expect(lost, plan.Creating, "")
		if result.InDoubt != 1 {
			t.Errorf("%d in doubt, want 1", result.InDoubt)
		}
		b.restart(mirroring)
		b.pass(timeout + 2*settle)
		b.cycle()
		b.expect(lost, plan.Created, "")
		b.effects(2, 0)
	})
}

func TestABlownFuseIsObservedToo(t *testing.T) {
	inBench(t, func(b *bench) {
		first := b.hold("10")
		b.hold("20")
		b.start(observing, func(cfg *config.Config) { cfg.Mirror.MaxActionsPerCycle = 1 })
		if got := only(b.cycle()); !got.Report.Fuse {
			t.Errorf("the fuse has not blown: %+v", got.Report)
		}
		if o := b.observed(first); !o.Created.IsZero() {
			t.Errorf("the report says of what a full cycle would not have sent: %+v", o)
		}
	})
}

func TestABackfillIsRefusedWhileObserving(t *testing.T) {
	inBench(t, func(b *bench) {
		b.hold("10")
		b.start(observing)
		if _, err := b.app.Engine.Backfill(t.Context(), engine.Backfill{}); err == nil {
			t.Error("it was begun")
		}
		b.effects(0, 0)
	})
}

func TestCaptureOnlyFinishesWhatIsOpenAndLosesNothing(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		held, lost := b.hold("10"), b.hold("20")
		b.fault(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true, Match: amountIs("20")})
		b.cycle()
		b.expect(held, plan.Created, "")
		b.expect(lost, plan.Creating, "")
		b.clear()
		b.restart(captureOnly)
		fresh := b.hold("30")
		b.charge(held)
		b.pass(timeout + 2*settle)
		got := only(b.cycle())
		b.expect(held, plan.Captured, "")
		b.expect(lost, plan.Created, "") // verified, as ever
		b.expect(fresh, plan.None, "")
		if got.Skipped[plan.IsCaptureOnly] != 1 {
			t.Errorf("skipped: %v", got.Skipped)
		}
		b.charge(fresh)
		b.pass(time.Minute)
		b.cycle()
		b.expect(fresh, plan.None, "")
		b.effects(3, 1)
		b.restart(mirroring)
		b.cycle()
		b.expect(fresh, plan.Captured, "") // its charge was news all the time
		b.effects(4, 2)
	})
}

func TestAHoldThatAgesIsToldOfOnce(t *testing.T) {
	inBench(t, func(b *bench) {
		old := b.hold("10")
		b.start(func(cfg *config.Config) { cfg.Mirror.HoldWarnAfter = 120 * time.Hour })
		b.cycle()
		b.cyclesOver(119*time.Hour, 7*time.Hour)
		captured := b.hold("20")
		b.cycle()
		b.charge(captured)
		aged := func() int { return strings.Count(b.logs.String(), `"event":"hold.aging"`) }
		if n := aged(); n != 0 {
			t.Errorf("told %d times before its time", n)
		}
		b.cyclesOver(20*time.Hour, 7*time.Hour)
		b.restart()
		b.cyclesOver(200*time.Hour, 7*time.Hour)
		if n := aged(); n != 1 {
			t.Errorf("told %d times, want once: of %s", n, old)
		}
		if rec := b.record(old); !rec.Aged || rec.HeldSince.IsZero() {
			t.Errorf("the record does not say so: %+v", rec)
		}
	})
}

// amountIs tells of creates whether they are of an amount.
func amountIs(amount string) func(simulator.Request) bool {
	return func(r simulator.Request) bool { return strings.Contains(string(r.Body), `"amount":`+amount) }
}

func TestAChargeThatIsNewsIsObservedAsFullWouldMirrorIt(t *testing.T) {
	inBench(t, func(b *bench) {
		old := b.add(simulator.Preauthorization{Amount: dec("10"), State: simulator.Charged})
		b.start(observing)
		b.cycle()
		p, _ := b.world.Preauthorization(old)
		news := b.add(simulator.Preauthorization{CustomerID: p.CustomerID, Amount: dec("20"), State: simulator.Charged})
		late := b.add(simulator.Preauthorization{Amount: dec("30"), State: simulator.Charged})
		b.pass(time.Minute)
		b.cycle()
		b.restart()
		b.cycle()
		if o := b.observed(old); o.Baselined.IsZero() || !o.Created.IsZero() {
			t.Errorf("of what was charged before the report says %+v", o)
		}
		if o := b.observed(news); o.Created.IsZero() || o.Captured.IsZero() {
			t.Errorf("of a charge of somebody who had been read it says %+v", o)
		}
		if o := b.observed(late); o.Park == nil || o.Park.Reason != plan.FirstSeenCharged {
			t.Errorf("of the history of a new customer it says %+v", o)
		}
		b.effects(0, 0)
		// In earnest nobody has been read: the first run begins.
		b.restart(mirroring)
		b.cycle()
		for _, id := range []string{old, news, late} {
			b.expect(id, plan.Baseline, "")
		}
	})
}
