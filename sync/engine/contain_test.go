package engine_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// panicAt makes the program panic at the given step from now on, counted from
// 1, and at the one after it. It gives how many steps there were.
func (b *bench) panicAt(step int64) *atomic.Int64 {
	steps := &atomic.Int64{}
	f := func() {
		if n := steps.Add(1); n == step || n == step+1 {
			panic("a defect")
		}
	}
	b.step.Store(&f)
	return steps
}

// Wherever a cycle panics, twice, what follows is as after a crash: nothing had
// twice, nothing lost, and the capture parks if it may have been sent.
func TestAPanicAtAnyStepEndsItsCycleAndTheNextOneRuns(t *testing.T) {
	parked, captured := 0, 0
	for step, over := int64(1), false; !over; step++ {
		inBench(t, func(b *bench) {
			b.proven()
			id := b.hold("10")
			steps := b.panicAt(step)
			broken := 0
			for n := range 12 {
				if _, err := b.tryCycle(false); errors.Is(err, engine.ErrPanicked) {
					broken++
				} else if err != nil {
					t.Fatal(err)
				}
				if n == 7 {
					b.charge(id)
				}
				b.pass(settle)
			}
			over = steps.Load() < step
			if told := len(b.events(telemetry.CyclePanicked)); told < broken {
				t.Errorf("%d cycles panicked, and the log tells %d", broken, told)
			}
			switch rec := b.record(id); {
			case over:
				b.expect(id, plan.Captured, "")
			case broken == 0:
				t.Errorf("no cycle ended at step %d", step)
			case rec.Phase == plan.Capturing:
				b.expect(id, plan.Capturing, plan.UnknownCapture)
				parked++
			default:
				b.expect(id, plan.Captured, "")
				b.effects(2, 1)
				captured++
			}
		})
	}
	if parked == 0 || captured < 5 {
		t.Errorf("%d steps ended in a park and %d in a capture: the steps are not where they should be", parked, captured)
	}
}

func TestAPanicLeavesNoTurnTaken(t *testing.T) {
	inBench(t, func(b *bench) {
		for range 20 {
			b.hold("10") // the proof is open: creates wait for one another
		}
		b.start()
		b.panicAt(7)
		if _, err := b.tryCycle(false); !errors.Is(err, engine.ErrPanicked) {
			t.Fatal(err)
		}
		b.cyclesOver(4*settle, time.Minute)
		b.effects(20, 0)
	})
}
