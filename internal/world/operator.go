package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// describe says what a backfill is to do.
func describe(b *engine.Backfill) string {
	if b == nil {
		return ""
	}
	return fmt.Sprintf("charged=%t limit=%d properties=%v customers=%v", b.Charged, b.Limit, b.Properties, b.Customers)
}

// company is what goes on beside an order: another one, and operators who pause and
// resume. It returns a wait for all of it.
func (w *world) company(day string, t throw) (wait func() error) {
	var group sync.WaitGroup
	var second, ordered error
	k := w.worker
	if t.chance(0.15) {
		group.Go(func() {
			t := w.throw("company", day)
			if pass(context.Background(), k.died, t.between(0, 40*time.Second)) == nil {
				second = w.second(k, day, t)
			}
		})
	}
	if t.chance(0.15) {
		group.Go(func() {
			t := w.throw("operator", day)
			for range 1 + t.IntN(3) {
				if pass(context.Background(), k.died, t.between(0, 40*time.Second)) == nil {
					ordered = errors.Join(ordered, pick(t, w.operate, w.answer)(k, t))
				}
			}
		})
	}
	return func() error {
		group.Wait()
		return errors.Join(second, ordered)
	}
}

// second is the order that comes while another is carried out.
func (w *world) second(k *worker, day string, t throw) error {
	switch n := t.IntN(10); {
	case n < 6:
		return k.carryOut(t, cycleOrder(day+"b", t.chance(0.25)))
	case n < 9:
		return k.carryOut(t, w.backfillOrder(day+"b", t))
	default:
		return k.reconfigure() // with what is configured already
	}
}

// operate pauses writes, or lets them go on. The error is that of the worker.
func (w *world) operate(k *worker, t throw) error {
	ctx, pause := context.Background(), plan.Pause{}
	paused := w.oracle.pauses()
	if len(paused) > 0 && t.chance(0.6) {
		pause.Enterprise = pick(t, paused...).Enterprise
	} else {
		pause = w.pause(t)
	}
	if t.chance(0.2) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.between(0, 20*time.Second))
		defer cancel()
	}
	err := w.order(ctx, k, pause)
	_ = pass(context.Background(), nil, t.between(1, time.Microsecond)) // whoever goes on at this very instant is told first
	w.say("operator", "%s, with %v", sayPause(pause), err)
	return k.engine.Failed()
}

// order gives the order to pause or to resume, and notes what it promises.
func (w *world) order(ctx context.Context, k *worker, pause plan.Pause) error {
	if pause.Since.IsZero() {
		w.locked(func() { w.oracle.resumes(pause.Enterprise) })
	}
	err := k.engine.Pause(ctx, pause)
	w.locked(func() { w.oracle.ordered(k, pause, err) }) //nolint:contextcheck // the ledger in memory never waits
	return err
}

// pause is an order to pause everything, or one property.
func (w *world) pause(t throw) plan.Pause {
	pause := plan.Pause{Since: w.clock().Truncate(time.Millisecond)}
	if t.chance(0.6) {
		pause.Enterprise = pick(t, w.properties...).enterprise
	}
	return pause
}

// edit changes what is paused while no worker runs, and starts one.
func (w *world) edit(pause plan.Pause) {
	w.locked(func() {
		w.say("operator", "%s in the file", sayPause(pause))
		w.oracle.resumes(pause.Enterprise)
		if err := w.disk.file.store.Commit(context.Background(), plan.Batch{Pauses: []plan.Pause{pause}}); err != nil {
			panic(err) // memory does not fail
		}
	})
	w.start()
}

// resumeAll lifts what is still paused.
func (w *world) resumeAll() {
	for _, pause := range w.oracle.pauses() {
		pause.Since = time.Time{}
		err := w.order(context.Background(), w.worker, pause)
		w.locked(func() {
			w.say("operator", "%s, with %v", sayPause(pause), err)
			if err != nil {
				w.oracle.fail("P", pause.Enterprise, "a pause cannot be lifted: %v", err)
			}
		})
	}
}

func sayPause(p plan.Pause) string {
	what := "pauses "
	if p.Since.IsZero() {
		what = "resumes "
	}
	if p.Enterprise == "" {
		return what + "everything"
	}
	return what + string(p.Enterprise)
}

// pauses are what is durably paused, by enterprise.
func (o *oracle) pauses() (all []plan.Pause) {
	o.w.locked(func() { all = o.paused() })
	return all
}

func (o *oracle) paused() []plan.Pause {
	if o.w.disk.file == nil {
		return nil
	}
	all, _ := o.w.disk.file.store.Pauses(context.Background()) // memory does not fail
	return all
}

// resumes forgets a promise: from now on writes may go on.
func (o *oracle) resumes(enterprise preauth.ID) { delete(o.held, enterprise) }

// ordered notes what an order to pause or resume has promised, and judges it.
func (o *oracle) ordered(k *worker, pause plan.Pause, err error) {
	o.tally["orders of "+strconv.FormatBool(!pause.Since.IsZero())]++
	durable := false
	for _, each := range o.paused() {
		durable = durable || each.Enterprise == pause.Enterprise
	}
	switch {
	case k.dead:
	case err == nil && durable == pause.Since.IsZero():
		o.fail("P", pause.Enterprise, "an order to pause or resume has returned and is not durable")
	case pause.Since.IsZero() || errors.Is(err, engine.ErrLedger) || errors.As(err, new(*engine.BindingError)):
	case err == nil:
		o.held[pause.Enterprise] = time.Time{}
		for enterprise, n := range o.flying {
			if n > 0 && o.mustNotSend(enterprise) {
				o.fail("P", enterprise, "an order to pause has returned while %d writes are under way", n)
			}
		}
	default:
		o.held[pause.Enterprise] = time.Now() // what had begun may go on, and nothing else
	}
}

// starts notes that a worker has started: what it finds paused is paused.
func (o *oracle) starts() {
	o.tally["starts"]++
	held := map[preauth.ID]time.Time{}
	for _, pause := range o.paused() {
		held[pause.Enterprise] = time.Time{}
	}
	for enterprise := range o.held {
		if _, is := held[enterprise]; !is {
			o.fail("P", enterprise, "a pause has not survived the worker")
		}
	}
	o.held = held
}

// mustNotSend tells whether writes of an enterprise are paused.
func (o *oracle) mustNotSend(enterprise preauth.ID) bool {
	for _, of := range []preauth.ID{"", enterprise} {
		if from, is := o.held[of]; is && (from.IsZero() || time.Now().After(from)) {
			return true
		}
	}
	return false
}
