package main

import (
	"context"
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
)

// order is what a worker is told to do: a cycle or a backfill. What the worker asks
// of the world on its behalf carries it in the context.
type order struct {
	name string
	wait bool
	// backfill is nil for a cycle.
	backfill *engine.Backfill
	cancel   context.CancelFunc

	// The world's mu guards what follows. alone is set while no other order has been
	// under way since it began.
	alone bool
	// parked are those parked for an outcome, with the reason.
	parked []string
	// acted are those for which something was sent, other than by verification.
	acted map[preauth.ID]bool
	// listed are the customers that it was to read, polled those that it asked for.
	listed map[*property][]preauth.ID
	polled map[preauth.ID]bool
	// due are those in a window when they were looked for, walked the properties in which
	// that came to its end.
	due    map[*property][]preauth.ID
	walked map[*property]bool
	began  time.Time
	far    engine.BackfillProgress
}

type orderKey struct{}

// orderOf gives the order for which the worker turns to the world, if there is one.
func orderOf(ctx context.Context) *order {
	o, _ := ctx.Value(orderKey{}).(*order)
	return o
}

func cycleOrder(name string, wait bool) *order { return &order{name: "cycle " + name, wait: wait} }

// backfillOrder is any backfill that an operator may order.
func (w *world) backfillOrder(name string, t throw) *order {
	b := &engine.Backfill{Charged: t.chance(0.4), Wait: t.chance(0.3)}
	if t.chance(0.3) {
		b.Limit = 1 + t.IntN(4)
	}
	some, p := t.chance(0.4), pick(t, w.properties...)
	if some || t.chance(0.3) {
		b.Properties = []string{p.name}
	}
	if some {
		for _, c := range p.customers {
			if len(b.Customers) == 0 || t.chance(0.5) {
				b.Customers = append(b.Customers, c.id)
			}
		}
		t.Shuffle(len(b.Customers), func(i, j int) { b.Customers[i], b.Customers[j] = b.Customers[j], b.Customers[i] })
	}
	return &order{name: "backfill " + name, wait: b.Wait, backfill: b}
}

// charged tells whether history is mirrored by order.
func (o *order) charged() bool { return o.backfill != nil && o.backfill.Charged }

// asks tells whether a preauthorization is among those to mirror.
func (o *order) asks(e *entry) bool {
	b := o.backfill
	return b == nil || (len(b.Properties) == 0 || slices.Contains(b.Properties, e.property.name)) &&
		(len(b.Customers) == 0 || slices.Contains(b.Customers, e.customer.id))
}

// leavesOut tells whether not all customers of all properties of a sink are read.
func (o *order) leavesOut(w *world, t *tenant) bool {
	return o.backfill != nil && (len(o.backfill.Customers) > 0 || slices.ContainsFunc(w.properties, func(p *property) bool {
		return p.tenant == t && len(o.backfill.Properties) > 0 && !slices.Contains(o.backfill.Properties, p.name)
	}))
}

// carryOut carries an order out. Meanwhile the worker may be killed, or told to stop.
func (k *worker) carryOut(t throw, o *order) error {
	w := k.w
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), orderKey{}, o))
	defer cancel()
	o.cancel = cancel
	w.locked(func() {
		w.oracle.begins(k, o)
		k.orders[o] = true
		w.say("worker", "%d: %s begins, wait=%t %s", k.n, o.name, o.wait, describe(o.backfill))
	})
	if w.faulty && t.chance(0.15) {
		defer time.AfterFunc(t.between(0, 2*time.Minute), func() { w.locked(func() { k.die("at some moment") }) }).Stop()
	} else if w.faulty && t.chance(0.1) {
		defer time.AfterFunc(t.between(0, time.Minute), cancel).Stop()
	}
	result, err := k.run(ctx, o)
	_ = pass(context.Background(), nil, t.between(1, time.Microsecond)) // the end of a worker ends two at once
	w.locked(func() {
		delete(k.orders, o)
		w.say("worker", "%d: %s is over: %v", k.n, o.name, err)
		for _, p := range result.Properties {
			if p.Err != nil {
				w.say("worker", "%s: %v", p.Name, p.Err)
			}
		}
		w.oracle.over(k, o, result, err)
		w.disk.unseen = false
	})
	return err
}

func (k *worker) run(ctx context.Context, o *order) (engine.Result, error) {
	if o.backfill == nil {
		return k.engine.Cycle(ctx, o.wait)
	}
	ordered := *o.backfill
	ordered.Progress = func(p engine.BackfillProgress) { k.w.locked(func() { k.w.oracle.progresses(o, p) }) }
	return k.engine.Backfill(ctx, ordered)
}
