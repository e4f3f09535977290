package main

import (
	"context"
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

const (
	// wholeEvery is how long it may take until everybody is asked for again, keptFor how
	// long guests stay known after they have left every window.
	wholeEvery = 24 * time.Hour
	keptFor    = 30 * 24 * time.Hour
	// jump is a small jump of the clock.
	jump = time.Hour
)

// walks notes whom an order is to find: everybody who is in a window. What the PMS has
// dated back, or shown while the clock was wrong, may have to wait for the next walk
// over all.
func (o *oracle) walks(by *order, p *property) {
	wrong := o.w.wall != 0 || !o.w.jumped.IsZero() && time.Since(o.w.jumped) < wholeEvery+2*jump
	isDue := func(n news) bool {
		waits := wrong || n.shown.Sub(n.at) > p.w.lag
		return p.shows(n) && (!waits || time.Since(n.shown) > wholeEvery+2*jump)
	}
	by.due[p] = nil
	for _, c := range p.customers {
		if slices.ContainsFunc(c.news, isDue) {
			by.due[p] = append(append(by.due[p], c.id), targets(c, isDue)...)
		}
	}
}

// walked notes a complete walk.
func (o *oracle) walked(k *worker, by *order, p *property, walk engine.Walk) {
	o.tally["walks"]++
	if !walk.All {
		o.tally["walks for news"]++
	}
	k.walked[p] = true
	by.walked[p] = true
}

// leaves is J: who is forgotten has left every window long ago, in a complete walk,
// and has nothing unfinished.
func (o *oracle) leaves(l *ledger, batch plan.Batch, b before) {
	for _, d := range batch.Discovered {
		p := o.property(d.Enterprise)
		if !d.Until.IsZero() {
			continue
		}
		o.tally["forgotten"]++
		until, is := b.discovered[d.CustomerID]
		switch {
		case !is:
			o.fail("J", d.CustomerID, "it is forgotten, and was not known")
		case !l.k.walked[p]:
			o.fail("J", d.CustomerID, "it is forgotten by a walk that is not complete")
		case o.w.age(until) <= keptFor:
			o.fail("J", d.CustomerID, "it is forgotten %s after it has left", o.w.age(until))
		case slices.ContainsFunc(o.records(), func(rec plan.Record) bool { return rec.CustomerID == d.CustomerID && rec.Unfinished() }):
			o.fail("J", d.CustomerID, "it is forgotten, and has something unfinished")
		}
	}
}

// findsAll is J at the end of an order: whoever is known has been asked for, however
// the walk went, and after a complete walk whoever is in a window.
func (o *oracle) findsAll(by *order, p *property, ok bool) {
	if !o.w.discover || by.limited() {
		return
	}
	if ok && by.walked[p] {
		for _, id := range by.due[p] {
			if !by.polled[id] {
				o.fail("J", id, "it is in a window, and %s has gone well and has not asked for it", by.name)
			}
		}
	}
	if asked := slices.ContainsFunc(p.customers, func(c *customer) bool { return by.polled[c.id] }); !asked || o.w.crowd > 0 || o.w.loss != keptSafe {
		return
	}
	for id := range o.discovered(p.enterprise) {
		if !by.polled[id] {
			o.fail("J", id, "it is known, and %s has asked for others and not for it", by.name)
		}
	}
}

// limited orders do not ask for everybody.
func (o *order) limited() bool {
	return o.backfill != nil && (len(o.backfill.Customers) > 0 || o.backfill.Limit > 0)
}

// discovered are whom the durable ledger knows by discovery, and until when.
func (o *oracle) discovered(enterprise preauth.ID) map[preauth.ID]time.Time {
	all := map[preauth.ID]time.Time{}
	_ = o.w.disk.file.store.Discovered(context.Background(), enterprise, func(d plan.Discovered) error { // memory does not fail
		all[d.CustomerID] = d.Until
		return nil
	})
	return all
}
