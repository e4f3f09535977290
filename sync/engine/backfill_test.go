package engine_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func (b *bench) backfill(opts engine.Backfill) engine.Result {
	b.t.Helper()
	result, err := b.app.Engine.Backfill(b.t.Context(), opts)
	b.must(err)
	return result
}

func TestABackfillHasNoFuse(t *testing.T) {
	inBench(t, func(b *bench) {
		ids := []string{b.hold("10"), b.hold("20"), b.hold("30")}
		b.start(func(cfg *config.Config) { cfg.Mirror.MaxActionsPerCycle = 1 })
		if got := only(b.cycle()); !got.Report.Fuse {
			t.Fatal("the fuse has not blown")
		}
		got := only(b.backfill(engine.Backfill{Wait: true}))
		if got.Report.Fuse || got.Report.Counts.Created != len(ids) || !got.Report.OK {
			t.Errorf("%+v", got.Report)
		}
		for _, id := range ids {
			b.expect(id, plan.Created, "")
		}
	})
}

func TestABackfillOfChargedHistory(t *testing.T) {
	cases := []struct {
		name string
		// token is set where v4 shows tokens like ours, so that history is parked.
		token  bool
		phase  plan.Phase
		reason plan.Reason
	}{
		{"mirrors the baseline", false, plan.Baseline, ""},
		{"answers what is parked as first seen charged", true, plan.None, plan.FirstSeenCharged},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				id := b.hold("22.50")
				b.charge(id)
				if c.token {
					b.foreign()
				}
				b.start()
				b.cycle()
				b.expect(id, c.phase, c.reason)
				b.backfill(engine.Backfill{})
				b.expect(id, c.phase, c.reason)
				b.backfill(engine.Backfill{Charged: true, Wait: true})
				b.expect(id, plan.Captured, "")
				b.backfill(engine.Backfill{Charged: true, Wait: true})
				b.effects(1, 1)
			})
		})
	}
}

func TestABackfillNeverAnswersAnOutcome(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.held()
		b.charge(id)
		b.once(simulator.OpCapture, simulator.Fault{Kind: simulator.KindReset})
		b.cycle()
		b.expect(id, plan.Capturing, plan.UnknownCapture)
		b.backfill(engine.Backfill{Charged: true, Wait: true})
		b.expect(id, plan.Capturing, plan.UnknownCapture)
		b.sent(simulator.OpCapture, "", 1)
	})
}

func TestTheLimitOfABackfill(t *testing.T) {
	inBench(t, func(b *bench) {
		ids := []string{b.hold("10"), b.hold("20"), b.hold("30"), b.hold("40")}
		b.configure()
		b.crowd(2500)
		b.start()
		b.backfill(engine.Backfill{Limit: 3, Wait: true})
		b.effects(3, 0)
		polled := b.polled()
		b.backfill(engine.Backfill{Limit: 1, Wait: true})
		b.effects(4, 0)
		for _, id := range ids {
			b.expect(id, plan.Created, "")
		}
		if b.polled()-polled > 3 {
			t.Errorf("%d polls for three thousand customers", b.polled()-polled)
		}
		// History that the limit left out stays history.
		old := b.add(simulator.Preauthorization{Amount: dec("50"), State: simulator.Charged})
		older := b.add(simulator.Preauthorization{Amount: dec("60"), State: simulator.Charged})
		b.backfill(engine.Backfill{Limit: 1, Charged: true, Wait: true})
		b.effects(5, 1)
		b.cycle()
		b.effects(5, 1)
		b.backfill(engine.Backfill{Charged: true, Wait: true})
		b.expect(old, plan.Captured, "")
		b.expect(older, plan.Captured, "")
	})
}

func TestWhatWasAgreedToBoundsWhatIsSentAndNotWhoIsPolled(t *testing.T) {
	inBench(t, func(b *bench) {
		b.hold("10")
		b.hold("20")
		b.configure()
		b.crowd(2500)
		b.start()
		got := only(b.backfill(engine.Backfill{Agreed: 1, Wait: true}))
		if got.Report.Counts.Created != 1 || got.Skipped[plan.BeyondLimit] != 1 || b.polled() != 3 {
			t.Errorf("%d polls, %+v", b.polled(), got)
		}
		b.told(telemetry.FirstRunOpen, 0)
	})
}

func TestABackfillOfNamedCustomersAndProperties(t *testing.T) {
	inBench(t, func(b *bench) {
		_, err := b.world.AddEnterprise(simulator.Enterprise{Name: "hotel-2"})
		b.must(err)
		here, there := b.hold("10"), b.add(simulator.Preauthorization{Enterprise: "hotel-2", Amount: dec("20")})
		named := b.add(simulator.Preauthorization{Amount: dec("30")})
		p, _ := b.world.Preauthorization(named)
		b.start()
		first := b.backfill(engine.Backfill{
			Properties: []string{"hotel-1"}, Customers: []preauth.ID{preauth.ID(p.CustomerID)}, Wait: true,
		})
		if len(first.Properties) != 1 || only(first).Name != "hotel-1" {
			t.Errorf("%+v", first.Properties)
		}
		b.expect(named, plan.Created, "")
		b.expect(here, plan.None, "")
		b.backfill(engine.Backfill{Properties: []string{"hotel-2"}, Wait: true})
		b.expect(there, plan.Created, "")
		b.expect(here, plan.None, "")
		// Neither has read every listed customer of the first property.
		b.charge(here)
		b.cycle()
		b.expect(here, plan.Baseline, "")
	})
}

func TestABackfillStepsAsideForACycle(t *testing.T) {
	inBench(t, func(b *bench) {
		ids := []string{b.hold("10"), b.hold("20"), b.hold("30")}
		b.configure()
		b.crowd(6000)
		b.start()
		var polls atomic.Int64
		cycled := make(chan int64, 1)
		b.spy = func(r simulator.Request) {
			if r.Operation != simulator.OpPoll {
				return
			}
			if polls.Add(1) == 1 {
				go func() {
					_, err := b.app.Engine.Cycle(b.t.Context(), false)
					if err != nil {
						t.Error(err)
					}
					cycled <- polls.Load()
				}()
				synctest.Wait()
			}
		}
		var far []engine.BackfillProgress
		got := only(b.backfill(engine.Backfill{Wait: true, Progress: func(p engine.BackfillProgress) { far = append(far, p) }}))
		if at, all := <-cycled, polls.Load(); at >= all {
			t.Errorf("the cycle had to wait until all %d polls were over", all)
		}
		if got.Report.Counts.Created+len(b.events("create.applied")) < len(ids) || got.Err != nil {
			t.Errorf("%+v", got)
		}
		b.effects(len(ids), 0)
		last := far[len(far)-1]
		if last.Waiting || last.Customers != last.Total || last.Total != 6000+len(ids) {
			t.Errorf("%+v", last)
		}
		if !slices.IsSortedFunc(far, func(a, b engine.BackfillProgress) int { return a.Customers - b.Customers }) {
			t.Errorf("it went back: %+v", far)
		}
	})
}

// Each waits for the other between two polls; both must get on all the same.
func TestTwoBackfillsAtOnceBothEnd(t *testing.T) {
	inBench(t, func(b *bench) {
		ids := []string{b.hold("10"), b.hold("20")}
		b.configure()
		b.crowd(8000)
		b.start()
		ctx, stop := context.WithCancel(b.t.Context())
		defer stop()
		var begun atomic.Bool
		second := make(chan error, 1)
		b.spy = func(r simulator.Request) {
			if r.Operation == simulator.OpPoll && begun.CompareAndSwap(false, true) {
				go func() {
					_, err := b.app.Engine.Backfill(ctx, engine.Backfill{})
					second <- err
				}()
				synctest.Wait()
			}
		}
		var steps atomic.Int64
		limit := func() {
			if steps.Add(1) > 1000 {
				stop()
			}
		}
		b.step.Store(&limit)
		_, err := b.app.Engine.Backfill(ctx, engine.Backfill{})
		if err = errors.Join(err, <-second); err != nil {
			t.Errorf("after %d steps and %d polls: %v", steps.Load(), b.polled(), err)
		}
		b.effects(len(ids), 0)
	})
}

func TestABackfillThatIsInterruptedGoesOnWhereTheLedgerIs(t *testing.T) {
	inBench(t, func(b *bench) {
		for range 20 {
			b.hold("10")
		}
		b.start()
		ctx, stop := context.WithCancel(b.t.Context())
		defer stop()
		var creates atomic.Int64
		b.spy = func(r simulator.Request) {
			if r.Operation == simulator.OpCreate {
				if creates.Add(1) == 7 {
					stop()
				}
			}
		}
		if _, err := b.app.Engine.Backfill(ctx, engine.Backfill{Wait: true}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if made := b.world.Account().Creates; made == 0 || made == 20 {
			t.Fatalf("%d creates before the interruption", made)
		}
		b.spy = nil
		b.restart()
		b.pass(time.Minute)
		b.backfill(engine.Backfill{Wait: true})
		b.effects(20, 0)
	})
}

func TestABackfillOfNamedCustomersMatchesNoTokens(t *testing.T) {
	inBench(t, func(b *bench) {
		inherited := b.held()
		customer := preauth.ID(b.customerOf(inherited))
		b.stop()
		b.foreign()
		b.start()
		// That token may be anybody's whom this backfill does not ask for.
		got := only(b.backfill(engine.Backfill{Customers: []preauth.ID{customer}, Wait: true}))
		if got.Err == nil {
			t.Error("a capture that has to wait is no failure")
		}
		b.expect(inherited, plan.Created, "")
		b.backfill(engine.Backfill{Wait: true})
		b.expect(inherited, plan.Captured, "")
	})
}

func TestAnOrderOfChargedHistoryOutlivesItsBackfill(t *testing.T) {
	refusal := simulator.Fault{Kind: simulator.KindStatus, Status: 400, Body: `{"errors":[{"code":1,"message":"no"}]}`}
	cases := []struct {
		name string
		// token is set where v4 shows tokens like ours, so that history is parked.
		token  bool
		fault  simulator.Fault
		reason plan.Reason
	}{
		{"the baseline, refused", false, refusal, plan.Rejected},
		{"what was first seen charged, refused", true, refusal, plan.Rejected},
		{"the baseline, lost on the way", false, simulator.Fault{Kind: simulator.KindReset}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				shown := b.hold("10")
				id := b.hold("22.50")
				b.charge(id)
				if c.token {
					b.foreign()
				}
				b.start()
				b.cycle()
				b.expect(shown, plan.Created, "")
				b.once(simulator.OpCreate, c.fault)
				b.backfill(engine.Backfill{Charged: true, Wait: true})
				if c.reason != "" {
					b.expect(id, plan.None, c.reason)
					b.taken(b.retry(id, control.Retry{}))
				}
				b.cyclesOver(time.Hour, 10*time.Minute)
				b.expect(id, plan.Captured, "")
				b.effects(2, 1)
			})
		})
	}
}

func TestWhatABackfillDoesNotSendStaysHistory(t *testing.T) {
	for _, token := range []bool{false, true} {
		inBench(t, func(b *bench) {
			ids := []string{b.hold("10"), b.hold("20"), b.hold("30")}
			b.charge(ids...)
			if token {
				b.foreign()
			}
			b.start()
			b.cycle()
			before := b.records()
			b.backfill(engine.Backfill{Charged: true, Limit: 1, Wait: true})
			b.effects(1, 1)
			b.pause("")
			b.backfill(engine.Backfill{Charged: true, Wait: true})
			b.resume("")
			b.cyclesOver(time.Hour, 10*time.Minute)
			b.effects(1, 1)
			for id, rec := range b.records() {
				if rec.Phase != plan.Captured && (rec.Phase != before[id].Phase || rec.History != before[id].History) {
					t.Errorf("%s was %s and is %s", id, before[id].Phase, rec.Phase)
				}
			}
			if lifted := len(b.events("action.lifted")); lifted > 1 {
				t.Errorf("%d marks were lifted for one that was sent", lifted)
			}
		})
	}
}
