package engine_test

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

func TestALongLifeLeavesNothingBehind(t *testing.T) {
	// The simulator keeps the last of its requests only, so that it does not grow itself.
	inWorld(t, simulator.Options{Seed: 1, RequestLog: 100}, func(b *bench) {
		const early, some = 10, 10
		var ids []string
		for range 200 {
			ids = append(ids, b.hold("10"))
		}
		b.world.ClearFaults() // the bench keeps each request that it watches
		b.start(func(cfg *config.Config) { cfg.Log.Level = "error" })
		dice := rand.New(rand.NewPCG(1, 2))
		states := []string{simulator.Chargeable, simulator.Chargeable, simulator.Pending, simulator.Cancelled, "Frozen"}
		var first, last footprint
		for n := 1; n <= lifetime; n++ {
			for range some {
				id := ids[dice.IntN(len(ids))]
				b.must(b.world.SetAmount(id, dec([]string{"10", "10", "11"}[dice.IntN(3)])))
				b.state(states[dice.IntN(len(states))], id)
			}
			got, err := b.app.Engine.Cycle(b.t.Context(), false)
			b.must(err)
			if p := only(got); !p.Report.OK || p.Report.Counts.Polled != len(ids) {
				t.Fatalf("cycle %d: %+v", n, p)
			}
			b.pass(5 * time.Minute)
			switch n {
			case early:
				first = measure()
			case lifetime:
				last = measure()
			}
		}
		if last.goroutines != first.goroutines {
			t.Errorf("%d goroutines after %d cycles, %d after %d", first.goroutines, early, last.goroutines, lifetime)
		}
		// What the state file's log holds is in memory too, until it is folded.
		const mostOfLog = 8 << 20
		if last.heap > 2*first.heap+mostOfLog {
			t.Errorf("%d bytes after %d cycles, %d after %d", first.heap, early, last.heap, lifetime)
		}
		if got := b.world.Account(); got.Creates != len(ids) || got.Captures != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// footprint is what a process takes up.
type footprint struct {
	goroutines int
	heap       uint64
}

func measure() footprint {
	synctest.Wait()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{goroutines: runtime.NumGoroutine(), heap: m.HeapAlloc}
}
