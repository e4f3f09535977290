package main

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

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

	// The world's mu guards what follows. mortal workers can be killed; broken ones
	// have seen a commit fail.
	dead, broken, mortal bool
	cancel               context.CancelFunc
	started              time.Time
	cycles               int
	// These begin anew each cycle: advanced is set once its generation is durable,
	// stopped are the properties one of whose files cannot be read.
	advanced bool
	stopped  map[*property]bool
	sinks    map[*tenant]*conduct
	// parked are those parked for an outcome, with the reason.
	parked []string
}

// start starts a worker on what the disk has.
func (w *world) start() {
	n := 1
	if w.worker != nil {
		n = w.worker.n + 1
	}
	k := &worker{w: w, n: n, died: make(chan struct{}), started: time.Now()}
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
		Ledger: k.ledger, MirrorFirstRun: w.mirrorFirst, NewCustomers: set.newCustomers, MaxActions: set.fuse,
		RetryCaptures: set.retry, Pollers: w.pollers, Log: zap.New(k.events), Clock: w.clock,
		Random:     func() float64 { return 0.5 },
		NewCycleID: func() string { return fmt.Sprintf("%d.%d", k.n, k.cycles) },
	}
	for _, t := range w.tenants {
		o.Sinks = append(o.Sinks, engine.SinkOptions{
			Name: t.name, Sink: sink{k, t}, Timeout: w.timeout, Settle: w.settle, Concurrency: w.concurrency,
			Tokens: w.tokens, CreatedByUserID: w.user,
		})
	}
	for _, p := range w.properties {
		s := source{k, p}
		each := engine.PropertyOptions{
			Name: p.name, Currency: p.currency, Sink: p.tenant.name, Source: s, Customers: s.list, Methods: s.methods,
		}
		if w.discover {
			each.Discover = s.discover
		}
		o.Properties = append(o.Properties, each)
	}
	return o
}

// die ends the worker. The caller holds the world's mu.
func (k *worker) die(why string) {
	if k.dead {
		return
	}
	k.dead = true
	k.w.say("worker", "%d is killed %s", k.n, why)
	close(k.died)
	if k.cancel != nil {
		k.cancel()
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

// step is taken wherever a worker turns to the world: it takes some time, the
// worker may be killed, and it may turn out to have a defect.
func (k *worker) step(ctx context.Context, what, about string, d time.Duration) error {
	t := k.w.throw("step "+what, about)
	dead, panics := false, false
	k.w.locked(func() {
		if k.mortal && t.chance(k.w.kills) {
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
		panic("a defect at " + what)
	case d > 0:
		return pass(ctx, k.died, d)
	default:
		return nil
	}
}

// cycle runs one cycle, in which the worker may be killed or told to stop.
func (k *worker) cycle(t throw, wait bool) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w := k.w
	w.locked(func() {
		k.cycles++
		k.cancel, k.advanced, k.stopped, k.sinks = cancel, false, map[*property]bool{}, map[*tenant]*conduct{}
		k.mortal = w.faulty
		w.oracle.cycleBegins(k)
		w.say("worker", "cycle %d.%d begins, wait=%t", k.n, k.cycles, wait)
	})
	if w.faulty && t.chance(0.15) {
		defer time.AfterFunc(t.between(0, 2*time.Minute), func() { w.locked(func() { k.die("at some moment") }) }).Stop()
	} else if w.faulty && t.chance(0.1) {
		defer time.AfterFunc(t.between(0, time.Minute), cancel).Stop()
	}
	result, err := k.engine.Cycle(ctx, wait)
	w.locked(func() {
		k.mortal = false
		w.say("worker", "cycle %d.%d is over: %v", k.n, k.cycles, err)
		for _, p := range result.Properties {
			if p.Err != nil {
				w.say("worker", "%s: %v", p.Name, p.Err)
			}
		}
		w.oracle.cycleOver(k, result, err)
		w.disk.unseen = false
	})
	return err
}
