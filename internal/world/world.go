package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// world is everything there is: two systems, a disk, the clocks, and a worker.
type world struct {
	*dice
	scenario

	// telling guards trace.
	telling sync.Mutex
	trace   io.Writer
	began   time.Time

	// mu guards what follows; nobody waits while holding it.
	mu sync.Mutex
	// faulty is set while things go wrong.
	faulty bool
	// still is for how many days, this one included, the PMS does nothing, and usual are
	// the settings with which that began.
	still int
	usual settings
	// wall is by how much the wall clock is off, jumped when that changed last.
	wall       time.Duration
	jumped     time.Time
	settings   settings
	properties []*property
	tenants    []*tenant
	// elsewhere is a system that no property writes to.
	elsewhere *tenant
	disk      *disk
	worker    *worker
	oracle    *oracle
}

// settings are what the operator may change between two cycles.
type settings struct {
	retry        bool
	newCustomers plan.ChargedHistory
	fuse         int
	// methods shifts the payment method of every card.
	methods int64
	mode    engine.Mode
	// misled says what is wrong with where the property with a v4 of its own writes to.
	misled misled
}

func newWorld(seed uint64, trace io.Writer) *world {
	d := newDice(seed)
	w := &world{dice: d, scenario: d.scenario(), trace: trace, began: time.Now(), faulty: true}
	w.settings = settings{retry: w.retry, newCustomers: w.newCustomers, fuse: w.fuse, mode: w.mode(d.throw("mode", ""))}
	w.oracle = newOracle(w, seed)
	w.disk = newDisk(w)
	for n := range w.sinks {
		w.tenants = append(w.tenants, newTenant(w, n))
	}
	w.elsewhere = newTenant(w, w.sinks)
	for n := range w.scenario.properties {
		w.properties = append(w.properties, newProperty(w, n))
	}
	w.say("seed", "%d: %+v", seed, w.scenario)
	return w
}

// say writes a line of the trace.
func (w *world) say(who, format string, args ...any) {
	if w.trace == nil {
		return
	}
	w.telling.Lock()
	defer w.telling.Unlock()
	fmt.Fprintf(w.trace, "%14s  %-8s %s\n", time.Since(w.began).Round(time.Millisecond), who, fmt.Sprintf(format, args...))
}

// locked runs do alone, with everything done whose time has come.
func (w *world) locked(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance()
	do()
}

// advance does what was to happen by now. The caller holds mu.
func (w *world) advance() {
	now := time.Now()
	for _, p := range w.properties {
		if w.still == 0 {
			p.advance(now)
		}
	}
	for _, t := range w.tenants {
		t.advance(now)
	}
}

// fault is true with the given share of the scenario's rate of faults.
func (w *world) fault(t throw, share float64) bool { return w.faulty && t.chance(w.faults*share) }

// clock is the wall clock, which may be wrong.
func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.wall)
}

// pass lets time go by.
func pass(ctx context.Context, died <-chan struct{}, d time.Duration) error {
	end, timer := time.Now().Add(d), time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-died:
		return errDead
	case <-ctx.Done():
		if !time.Now().Before(end) {
			return nil // both at this very instant
		}
		return ctx.Err()
	}
}

var errDead = errors.New("the worker was killed")
