package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func (b *bench) pause(enterprise preauth.ID) {
	b.t.Helper()
	b.must(b.app.Engine.Pause(b.t.Context(), plan.Pause{Enterprise: enterprise, Since: time.Now()}))
}

// enterprise gives that of a property that has had a cycle.
func (b *bench) enterprise(name string) (found preauth.ID) {
	b.t.Helper()
	b.look(func(l *state.Ledger) {
		docs, err := l.Properties(b.t.Context())
		b.must(err)
		for _, doc := range docs {
			if doc.Name == name {
				found = doc.Enterprise
			}
		}
	})
	return found
}

func (b *bench) resume(enterprise preauth.ID) {
	b.t.Helper()
	b.must(b.app.Engine.Pause(b.t.Context(), plan.Pause{Enterprise: enterprise}))
}

func TestNothingIsSentWhileWritesArePaused(t *testing.T) {
	for _, fuse := range []int{0, 1000} {
		inBench(t, func(b *bench) {
			id := b.held(func(cfg *config.Config) { cfg.Mirror.MaxActionsPerCycle = fuse })
			b.charge(id)
			fresh := b.hold("20")
			b.pause("")
			before := b.writes()
			got := only(b.cycle())
			if b.writes() != before || !got.Report.OK || got.Skipped[plan.IsPaused] != 2 {
				t.Errorf("%d writes, %+v", b.writes()-before, got)
			}
			b.told("writes.paused", 1)
			b.restart()
			b.cycle()
			b.expect(id, plan.Created, "")
			b.expect(fresh, plan.None, "")
			b.resume("")
			b.cycle()
			b.expect(id, plan.Captured, "")
			b.expect(fresh, plan.Created, "")
		})
	}
}

func TestAPauseOfOnePropertyLeavesTheOthers(t *testing.T) {
	inBench(t, func(b *bench) {
		_, err := b.world.AddEnterprise(simulator.Enterprise{Name: "hotel-2"})
		b.must(err)
		_, err = b.world.AddCustomer("hotel-2", "")
		b.must(err)
		b.proven()
		here, there := b.hold("10"), b.add(simulator.Preauthorization{Enterprise: "hotel-2", Amount: dec("20")})
		paused := b.enterprise("hotel-1")
		b.pause(paused)
		b.cycle()
		b.expect(here, plan.None, "")
		b.expect(there, plan.Created, "")
		b.resume(paused)
		b.cycle()
		b.expect(here, plan.Created, "")
	})
}

func TestAPauseWaitsForWhatIsUnderWayAndNothingFollows(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven(func(cfg *config.Config) { cfg.V4.Concurrency = 2 })
		for range 10 {
			b.hold("10")
		}
		b.fault(simulator.OpCreate, simulator.Fault{Kind: simulator.KindDelay, Delay: 10 * time.Second})
		done := make(chan struct{})
		go func() { defer close(done); b.cycle() }()
		b.pass(time.Second)
		synctest.Wait()
		began := time.Now()
		b.pause("")
		if waited := time.Since(began); waited != 9*time.Second {
			t.Errorf("it returned after %s, while writes were under way for another 9 s", waited)
		}
		at := b.writes()
		<-done
		if b.writes() != at {
			t.Errorf("%d writes were sent after the pause", b.writes()-at)
		}
		b.effects(3, 0)
	})
}

func TestAnUnknownCreateIsLookedUpWhileWritesArePaused(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("10")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true})
		b.cycle()
		b.expect(id, plan.Creating, "")
		b.pause("")
		b.pass(timeout + settle)
		b.cycle()
		b.expect(id, plan.Created, "")
		b.sent(simulator.OpCreate, id, 1)
	})
}

func TestACaptureInDoubtIsNotSentAgainWhileWritesArePaused(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.held(func(cfg *config.Config) { cfg.Mirror.UnknownCapture = config.UnknownCaptureRetry })
		b.charge(id)
		b.once(simulator.OpCapture, simulator.Fault{Kind: simulator.KindReset})
		b.cycle()
		b.pause("")
		for range 3 {
			b.pass(timeout + settle)
			b.cycle()
		}
		b.expect(id, plan.Capturing, "")
		b.sent(simulator.OpCapture, "", 1)
		b.resume("")
		b.pass(timeout + settle)
		b.cycle()
		b.expect(id, plan.Captured, "")
	})
}

func TestAPauseHoldsAWriteThatWaitsForItsTurn(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("10")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindThrottle, RetryAfter: "30"})
		done := make(chan struct{})
		go func() { defer close(done); b.cycle() }()
		b.pass(time.Second)
		synctest.Wait()
		b.pause("")
		<-done
		b.sent(simulator.OpCreate, id, 1)
		b.expect(id, plan.None, "")
		b.resume("")
		b.cycle()
		b.expect(id, plan.Created, "")
	})
}
