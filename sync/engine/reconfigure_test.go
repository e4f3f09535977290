package engine_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// reload puts another configuration in force, as SIGHUP does.
func (b *bench) reload(change ...func(*config.Config)) {
	b.t.Helper()
	next := *b.cfg
	next.Properties = slices.Clone(b.cfg.Properties)
	for _, each := range change {
		each(&next)
	}
	b.must(b.app.Engine.Between(b.t.Context(), func() error { return b.app.Reload(b.t.Context(), &next) }))
	b.cfg = &next
}

func TestWhatIsInDoubtStaysInDoubtWithItsTimes(t *testing.T) {
	reloads := map[string][]func(*config.Config){
		"the same configuration":      nil,
		"a shorter time-out and wait": {func(cfg *config.Config) { cfg.V4.Timeout, cfg.V4.Settle = time.Second, time.Second }},
		"another payment method":      {method(config.DefaultMethod{ID: 102})},
		"without the property": {func(cfg *config.Config) {
			cfg.Properties = slices.DeleteFunc(cfg.Properties, func(p config.Property) bool { return p.Name == "hotel-1" })
		}},
	}
	for name, change := range reloads {
		t.Run(name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				second, err := b.world.AddEnterprise(simulator.Enterprise{Name: "hotel-2"})
				b.must(err)
				b.add(simulator.Preauthorization{Enterprise: second.Name, Amount: dec("1")})
				b.proven()
				id := b.hold("22.50")
				b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true})
				b.cycle()
				sent := time.Now()
				for range 20 {
					b.pass(20 * time.Second)
					b.reload(change...)
					b.cycle()
					if b.record(id).Phase == plan.Created {
						break
					}
				}
				b.expect(id, plan.Created, "")
				looked := b.lookups(id)
				if len(looked) != 1 || looked[0].Time.Sub(sent) < timeout+settle || looked[0].Time.Sub(sent) > timeout+settle+20*time.Second {
					t.Errorf("sent at %s, and looked up %v", sent, looked)
				}
				b.sent(simulator.OpCreate, id, 1)
				b.effects(3, 0)
			})
		})
	}
}

func TestAReloadForgetsNothingThatIsKnownOfTheSink(t *testing.T) {
	t.Run("the answer to the start-up question and the proof", func(t *testing.T) {
		inBench(t, func(b *bench) {
			b.proven(writers(4))
			listed, searched := len(b.requests(simulator.OpPaged, "")), len(b.requests(simulator.OpSearch, ""))
			b.reload()
			for range 8 {
				b.hold("10")
			}
			b.fault(simulator.OpCreate, simulator.Fault{Kind: simulator.KindDelay, Delay: 10 * time.Second})
			start := time.Now()
			b.cycle()
			if took := time.Since(start); took > 25*time.Second {
				t.Errorf("8 creates of 10 s took %s: they went one at a time", took)
			}
			b.sent(simulator.OpPaged, "", listed)
			b.sent(simulator.OpSearch, "", searched)
			b.told(telemetry.TokenKept, 1)
		})
	})
	t.Run("a proof that is still open", func(t *testing.T) {
		inBench(t, func(b *bench) {
			b.settings(func(s *simulator.Settings) { s.TokenPolicy = simulator.TokenOverwrite })
			b.hold("10")
			b.start()
			b.cycle()
			for range 12 {
				b.pass(time.Minute)
				b.reload()
				b.cycle()
			}
			b.told(telemetry.TokenNotKept, 1) // at the end of its window, which no reload has begun anew
		})
	})
	t.Run("an outage", func(t *testing.T) {
		inBench(t, func(b *bench) {
			b.proven()
			for range 30 {
				b.hold("10")
			}
			b.fault(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset})
			b.cycle()
			b.reload()
			before := b.writes()
			b.cycle()
			if n := b.writes() - before; n != 1 {
				t.Errorf("%d writes were sent", n)
			}
		})
	})
}

func TestAPropertyThatIsRemovedAndAddedAgainGoesOn(t *testing.T) {
	inBench(t, func(b *bench) {
		second, err := b.world.AddEnterprise(simulator.Enterprise{Name: "hotel-2"})
		b.must(err)
		id := b.add(simulator.Preauthorization{Enterprise: second.Name, Amount: dec("33")})
		b.proven()
		b.expect(id, plan.Created, "")
		both := b.cfg.Properties
		b.reload(func(cfg *config.Config) { cfg.Properties = cfg.Properties[:1] })
		b.charge(id)
		for range 5 {
			b.pass(time.Minute)
			if got := b.cycle(); len(got.Properties) != 1 {
				t.Errorf("%+v", got)
			}
		}
		b.expect(id, plan.Created, "")
		b.reload(func(cfg *config.Config) { cfg.Properties = []config.Property{both[1], both[0]} })
		b.cycle()
		b.expect(id, plan.Captured, "")
		b.effects(2, 1)
	})
}

func TestARenamedPropertyIsTheSame(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.held()
		b.reload(func(cfg *config.Config) { cfg.Properties[0].Name = "renamed" })
		if got := only(b.cycle()); got.Name != "renamed" || !got.Report.OK {
			t.Errorf("%+v", got)
		}
		b.expect(id, plan.Captured, "")
		b.effects(2, 1)
	})
}

func TestAnotherCurrencyHoldsForWhatIsCreatedFromThenOn(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.held()
		fresh := b.hold("40")
		currency := func(code string) func(*config.Config) {
			return func(cfg *config.Config) { cfg.Properties[0].Currency = code }
		}
		b.reload(currency("USD"))
		b.cycle()
		b.expect(id, plan.Captured, "") // v4 holds what the PMS has charged
		b.expect(fresh, plan.None, plan.CurrencyMismatch)
		b.reload(currency("EUR"))
		b.cycle()
		b.expect(fresh, plan.Created, "")
	})
}

func TestAFuseThatIsRaisedLetsTheNextCycleSend(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven(fuse(3))
		for range 5 {
			b.hold("10")
		}
		for range 2 {
			if got := only(b.cycle()); !got.Report.Fuse {
				t.Errorf("%+v", got)
			}
		}
		b.effects(1, 0)
		b.reload(fuse(5))
		if got := only(b.cycle()); got.Report.Fuse || got.Report.Counts.Created != 5 {
			t.Errorf("%+v", got)
		}
	})
}

func TestAReloadWaitsForTheCycleUnderWay(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven(writers(1))
		var ids []string
		for range 40 {
			ids = append(ids, b.hold("10"))
		}
		var begun sync.Once
		var over atomic.Bool
		var reloads sync.WaitGroup
		b.spy = func(r simulator.Request) {
			begun.Do(func() {
				reloads.Go(func() {
					b.reload(method(config.DefaultMethod{ID: 102}), fuse(1))
					over.Store(true)
				})
			})
			if over.Load() {
				t.Errorf("the configuration has changed before the %s of %s", r.Operation, r.Key)
			}
		}
		b.cycle()
		reloads.Wait()
		for _, id := range ids {
			if rec := b.expect(id, plan.Created, ""); rec.PaymentMethodID != 101 {
				t.Errorf("created with %d: a cycle under way keeps what it began with", rec.PaymentMethodID)
			}
		}
	})
}

// What a restart with "park" would park, and could not because v4 did not answer, waits
// like any other once a reload says "retry": the first may still be under way.
func TestAnInheritedCaptureWaitsThoughItMayBeSentAgainOnlySinceAReload(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.held()
		b.once(simulator.OpCapture, simulator.Fault{Kind: simulator.KindHang})
		b.crash(time.Second)
		b.fault(simulator.OpSearch, simulator.Fault{Kind: simulator.KindReset})
		b.start()
		b.cycle()
		b.expect(id, plan.Capturing, "")
		b.clear()
		b.reload(func(cfg *config.Config) { cfg.Mirror.UnknownCapture = config.UnknownCaptureRetry })
		b.cycle()
		b.sent(simulator.OpCapture, "", 1)
		b.pass(timeout + settle)
		b.cycle()
		b.sent(simulator.OpCapture, "", 2)
		b.expect(id, plan.Captured, "")
	})
}
