package main

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
)

// worker is one process. Once it is dead nothing that it does has any effect.
type worker struct {
	w      *world
	n      int
	engine *engine.Engine
	ledger *ledger
	died   chan struct{}
	events *events

	// The world's mu guards what follows. broken workers have seen a commit fail.
	dead, broken bool
	// orders are those under way.
	orders  map[*order]bool
	started time.Time
	cycles  int
	// aged are the holds of which it has told that they have aged.
	aged map[preauth.ID]bool
	thisCycle
}

// thisCycle begins anew with each cycle.
type thisCycle struct {
	began time.Time
	// advanced is set once its generation is durable.
	advanced bool
	// unread are the properties' files that could not be read, listed whom those name that
	// were read whole.
	unread map[string]bool
	listed map[*property][]preauth.ID
	// walked are the properties whose guests have been looked for to the end.
	walked map[*property]bool
	sinks  map[*tenant]*conduct
}

// stopped tells whether one of a property's files could not be read in this cycle.
func (k *worker) stopped(p *property) bool {
	return k.unread[p.name+" customers"] || k.unread[p.name+" methods"]
}

// start starts a worker on what the disk has.
func (w *world) start() {
	n := 1
	if w.worker != nil {
		n = w.worker.n + 1
	}
	k := &worker{w: w, n: n, died: make(chan struct{}), orders: map[*order]bool{}, started: time.Now(), aged: map[preauth.ID]bool{}}
	k.events = &events{k: k}
	w.say("worker", "%d starts", n)
	w.locked(func() {
		k.ledger = w.disk.open(k)
		w.worker = k
		w.oracle.starts()
	})
	e, err := engine.New(k.options())
	if err != nil {
		panic(err) // the options are the world's own
	}
	k.engine = e
}

func (k *worker) options() engine.Options {
	w, set := k.w, k.w.settings
	o := engine.Options{
		Ledger: k.ledger, Sinks: k.reach(), Mode: set.mode, HoldWarnAfter: w.warnAfter, MirrorFirstRun: w.mirrorFirst, NewCustomers: set.newCustomers, MaxActions: set.fuse,
		RetryCaptures: set.retry, Pollers: w.pollers, Log: zap.New(k.events), Clock: w.clock,
		Random:     func() float64 { return 0.5 },
		NewCycleID: k.begins,
	}
	for _, p := range w.properties {
		s := source{k, p}
		each := engine.PropertyOptions{
			Name: p.name, Currency: p.currency, Sink: p.tenant.configured(), Source: s, Customers: s.list, Methods: s.methods,
		}
		if p.misled() && set.misled == shared {
			each.Sink = engine.DefaultSink
		}
		if w.looksUp {
			each.Lookup = lookup
		}
		if w.discover {
			each.Discover = s.discover
		}
		o.Properties = append(o.Properties, each)
	}
	return o
}

// reconfigure has the worker go on with what is configured now.
func (k *worker) reconfigure() error {
	return k.engine.Between(context.Background(), func() error { return k.engine.Reconfigure(k.options()) })
}

// die ends the worker. The caller holds the world's mu.
func (k *worker) die(why string) {
	if k.dead {
		return
	}
	k.dead = true
	k.w.say("worker", "%d is killed %s", k.n, why)
	close(k.died)
	k.w.oracle.tally["kills"]++
	for o := range k.orders {
		o.cancel()
	}
}

// isDead tells whether the worker has died.
func (k *worker) isDead() bool {
	select {
	case <-k.died:
		return true
	default:
		return false
	}
}

// throw gives the numbers for something that the worker does. Whether one that is to
// stop still does it is left to chance, so that must not count.
func (k *worker) throw(ctx context.Context, what, about string) throw {
	if k.isDead() || ctx.Err() != nil {
		return k.w.numbers(what, 0)
	}
	return k.w.throw(what, about)
}

// step is taken wherever a worker turns to the world: it takes some time, the
// worker may be killed, and it may turn out to have a defect.
func (k *worker) step(ctx context.Context, what, about string, d time.Duration) error {
	t := k.throw(ctx, "step "+what, about)
	dead, panics := false, false
	k.w.locked(func() {
		if k.mortal() && t.chance(k.w.kills) {
			k.die("at the step " + what + " " + about)
		}
		dead = k.dead
		panics = !dead && k.w.fault(t, 0.005)
	})
	switch {
	case dead:
		return errDead
	case panics:
		k.w.say("worker", "has a defect at the step %s %s", what, about)
		panic(defect + what)
	case d > 0:
		return pass(ctx, k.died, d)
	default:
		return nil
	}
}

// defect is what the world's own defects say.
const defect = "a defect at "

// begins begins a cycle, of the schedule or of a backfill, and names it.
func (k *worker) begins() (id string) {
	k.w.locked(func() {
		k.cycles++
		k.thisCycle = thisCycle{
			began: time.Now(), unread: map[string]bool{}, listed: map[*property][]preauth.ID{}, walked: map[*property]bool{},
			sinks: map[*tenant]*conduct{},
		}
		k.w.oracle.tally["cycles"]++
		k.w.oracle.tally["cycles of "+string(k.w.settings.mode)]++
		id = fmt.Sprintf("%d.%d", k.n, k.cycles)
		k.w.say("worker", "cycle %s begins", id)
	})
	return id
}

// mortal workers can be killed: those that are at work.
func (k *worker) mortal() bool { return k.w.faulty && len(k.orders) > 0 }
