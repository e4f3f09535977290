package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// live lets things happen, then lets nothing go wrong any more, and judges.
func (w *world) live() {
	w.start()
	for n := range w.steps {
		w.day(strconv.Itoa(n))
	}
	w.calm()
	w.locked(w.oracle.judge)
}

// day is a while, and an order at its end.
func (w *world) day(name string) {
	t := w.throw("day", name)
	pause := pick(t, 0, t.between(0, 10*time.Second), t.between(0, w.settle), t.between(0, 3*time.Hour))
	if w.discover && t.chance(0.3) {
		pause = pick(t, t.between(0, 3*24*time.Hour), t.between(0, 60*24*time.Hour))
	}
	w.locked(func() {
		w.rest(t)
		for _, p := range w.properties {
			if w.still == 0 {
				p.plan(t, pause+time.Duration(t.IntN(2))*10*time.Minute)
			}
		}
	})
	w.sleep(pause)
	w.locked(func() { w.trouble(t) })
	switch {
	case t.chance(0.15), w.modes && t.chance(0.2):
		w.reconfigure(t)
	case w.still > 0 && w.settings != w.usual && t.chance(0.5):
		w.configure(func() { w.settings = w.usual })
	case w.settings.misled != wellLed:
		w.configure(func() { w.settings.misled = wellLed }) // somebody has noticed
	}
	if t.chance(0.3) {
		_ = w.answers(w.worker, t, 0.5) // what follows meets the same error
	}
	w.mishap(t)
	if t.chance(0.15) {
		_ = w.operate(w.worker, t) // what follows meets the same error
	}
	o := cycleOrder(name, t.chance(0.25))
	if t.chance(0.2) {
		o = w.backfillOrder(name, t)
	}
	w.run(t, o, w.company(name, t))
}

// sleep lets time pass while no cycle runs.
func (w *world) sleep(d time.Duration) { _ = pass(context.Background(), nil, d) } // nothing ends it early

// trouble sets what is wrong from now on.
func (w *world) trouble(t throw) {
	switch {
	case w.fault(t, 0.3):
		w.setClock(pick(t, jump, -jump, 365*24*time.Hour, -365*24*time.Hour))
	case w.wall != 0 && t.chance(0.2):
		w.setClock(-w.wall) // somebody sets it right
	}
	for _, v4 := range w.tenants {
		v4.down, v4.locked = w.fault(t, 0.3), w.fault(t, 0.1)
		v4.blind = w.loss == keptSafe && (w.fault(t, 0.1) || v4.blind && t.chance(0.7))
		if t.chance(0.1) {
			v4.foreign(t)
		}
		v4.turn(t)
	}
}

// setClock moves the wall clock.
func (w *world) setClock(by time.Duration) {
	w.wall, w.jumped = w.wall+by, time.Now()
}

// reconfigure changes what an operator may change at any time.
func (w *world) reconfigure(t throw) {
	w.configure(func() {
		w.settings.retry = w.retry && t.chance(0.7)
		w.settings.newCustomers = pick(t, plan.ParkHistory, plan.BaselineHistory, plan.MirrorHistory)
		w.settings.methods = 100 * t.Int64N(3)
		w.settings.mode = w.mode(t)
		w.mislead(t)
	})
}

// run has an order carried out, in company, and deals with how that ended, as
// whatever starts the worker does.
func (w *world) run(t throw, o *order, company func() error) {
	err := w.worker.carryOut(t, o)
	err = errors.Join(err, company())
	var refused *engine.BindingError
	switch {
	case w.worker.dead:
		w.sleep(pick(t, 0, t.between(0, time.Minute)))
		w.start()
	case errors.As(w.worker.engine.Failed(), &refused):
		w.locked(func() { w.oracle.refused(refused) })
		w.rescue()
		w.start()
	case w.worker.engine.Failed() != nil:
		w.start()
	case errors.As(err, &refused):
		w.locked(func() { w.oracle.notMisled(refused) })
	case err != nil && t.chance(0.5):
		w.start()
	}
}

// calm ends all faults, and runs the cycles after which everything must be in step.
func (w *world) calm() {
	t := w.throw("calm", "")
	w.sleep(time.Second)
	w.locked(func() {
		w.say("world", "is calm")
		w.faulty, w.still = false, 0
		w.settings.fuse, w.settings.mode, w.settings.misled = 0, engine.ModeFull, wellLed
		for _, v4 := range w.tenants {
			v4.down, v4.locked, v4.blind = false, false, false
		}
	})
	if t.chance(0.5) {
		w.start()
	} else if err := w.worker.reconfigure(); err != nil {
		panic(err) // the options are the world's own
	}
	if w.looksUp {
		w.sleep(w.oracle.forgetful())
	}
	if w.sinks > 1 && w.loss == keptSafe && !w.hostile && t.chance(0.4) {
		w.half()
	}
	w.locked(func() {
		for _, p := range w.properties {
			p.calm()
		}
	})
	if w.modes && t.chance(0.5) {
		w.interlude(t)
	}
	w.repeat("calm", calmCycles)
	if t.chance(0.2) {
		w.quiet(t)
	}
	if t.chance(0.3) {
		w.oracle.mirrored = true
		o := &order{name: "backfill calm", backfill: &engine.Backfill{Charged: true, Wait: true}}
		w.run(t, o, func() error { return nil })
	}
}

// calmCycles is how many cycles after the last fault everything must be in step:
// three, and two between which an unknown create is looked up again.
const calmCycles = 5
