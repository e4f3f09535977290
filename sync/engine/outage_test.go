package engine_test

import (
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func writers(n int) func(*config.Config) {
	return func(cfg *config.Config) { cfg.V4.Concurrency = n }
}

func TestFiveUnknownOutcomesInARowEndTheCycle(t *testing.T) {
	for _, concurrency := range []int{1, 8} {
		inBench(t, func(b *bench) {
			b.proven(writers(concurrency))
			for range 30 {
				b.hold("10")
			}
			b.fault(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset})
			before := len(b.requests(simulator.OpCreate, ""))
			if got := only(b.cycle()); got.Report.OK {
				t.Errorf("%+v", got)
			}
			sent := len(b.requests(simulator.OpCreate, "")) - before
			if sent < 5 || sent > 5+concurrency-1 {
				t.Errorf("with %d senders %d creates were sent", concurrency, sent)
			}
			b.told(telemetry.SinkOutage, 1)
			// The next cycle begins with one write, and ends with it.
			for _, restart := range []bool{false, true} {
				if restart {
					b.restart()
				}
				before = len(b.requests(simulator.OpCreate, ""))
				b.pass(time.Second)
				b.cycle()
				if sent := len(b.requests(simulator.OpCreate, "")) - before; sent != 1 {
					t.Errorf("%d creates were sent in the next cycle", sent)
				}
			}
		})
	}
}

func TestAfterAnOutageOneWriteGoesFirst(t *testing.T) {
	cases := []struct {
		name  string
		first simulator.Fault
		goes  bool
	}{
		{"and its success lets the others go", simulator.Fault{Kind: simulator.KindDelay, Delay: 10 * time.Second}, true},
		{"and its refusal does, too", simulator.Fault{
			Kind: simulator.KindStatus, Status: 400, Delay: 10 * time.Second, Body: `{"errors":[{"code":1,"message":"no"}]}`,
		}, true},
		{"and its silence keeps the others", simulator.Fault{Kind: simulator.KindHang}, false},
		{"and its 503 keeps the others", simulator.Fault{Kind: simulator.KindStatus, Status: 503}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.proven()
				for range 30 {
					b.hold("10")
				}
				b.fault(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset})
				b.cycle()
				b.clear()
				b.once(simulator.OpCreate, c.first)
				before := len(b.requests(simulator.OpCreate, ""))
				b.pass(time.Minute)
				b.cycle()
				sent := b.requests(simulator.OpCreate, "")[before:]
				if !c.goes {
					if len(sent) != 1 {
						t.Errorf("%d creates were sent", len(sent))
					}
					return
				}
				if len(sent) < 10 || sent[1].Time.Sub(sent[0].Time) < 10*time.Second {
					t.Errorf("%d creates were sent", len(sent))
				}
				if b.sink().Outage {
					t.Error("the outage goes on")
				}
			})
		})
	}
}

func TestADefiniteOutcomeBetweenUnknownOnesIsNoOutage(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven(writers(1))
		for range 12 {
			b.hold("10")
		}
		n := 0
		b.fault(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, Match: func(simulator.Request) bool {
			n++
			return n%5 != 0
		}})
		b.cycle()
		if n != 12 {
			t.Errorf("%d creates were sent", n)
		}
		b.told(telemetry.SinkOutage, 0)
	})
}

func TestWhatIsInDoubtIsVerifiedDuringAnOutage(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven(writers(1))
		var ids []string
		for range 5 {
			ids = append(ids, b.hold("10"))
		}
		b.fault(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true})
		b.cycle()
		b.cyclesOver(timeout+settle+time.Minute, time.Minute)
		for _, id := range ids {
			b.expect(id, plan.Created, "")
		}
		b.effects(6, 0)
	})
}
