package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
)

// news is something new about a guest: how the PMS dates it, when it shows it, and for
// how long that is looked for.
type news struct{ at, shown, until time.Time }

// touch lets something new happen to a guest, which the PMS may date back.
func (p *property) touch(t throw, c *customer) {
	now := time.Now()
	n := news{at: now, shown: now.Add(p.w.lag), until: now.Add(t.between(time.Hour, p.w.within))}
	if t.chance(0.2) {
		n.shown = now.Add(t.between(p.w.lag, 20*time.Hour))
	}
	c.news = append(c.news, n)
}

// home is to whom a guest's preauthorizations belong: to itself, or to whom it has
// been merged into.
func (c *customer) home() *customer {
	for c.target != nil {
		c = c.target
	}
	return c
}

// shows tells whether the PMS shows something new by now to whoever asks for what is
// looked for; both clocks have a say, as in a query by time.
func (p *property) shows(n news) bool {
	now := time.Now()
	clock := now.Add(p.w.wall)
	return !n.shown.After(now) && !n.at.After(clock) && n.until.After(clock)
}

// inWindow tells until when a guest is to be found, by what is not older than since. It
// is zero for one that is not.
func (p *property) inWindow(c *customer, since time.Time) (until time.Time) {
	for _, n := range c.news {
		if p.shows(n) && !n.at.Before(since) && n.until.After(until) {
			until = n.until
		}
	}
	return until
}

// found is whom a walk shows: everybody in a window, or those with news; and into whom
// they have been merged, as far as no walk before it has shown that.
func (p *property) found(walk engine.Walk) (all []preauth.FoundCustomer) {
	since := walk.Since
	if walk.All {
		since = time.Time{}
	}
	for _, c := range p.customers {
		until := p.inWindow(c, since)
		if until.IsZero() {
			continue
		}
		all = append(all, preauth.FoundCustomer{ID: c.id, Until: until})
		for _, id := range targets(c, func(n news) bool { return !n.shown.After(time.Now()) && !n.at.Before(walk.Since) }) {
			all = append(all, preauth.FoundCustomer{ID: id, Until: until})
		}
	}
	return all
}

// targets are whom a guest has been merged into, one after the other, as far as that is
// known by what was news then.
func targets(c *customer, known func(news) bool) (all []preauth.ID) {
	for c.target != nil && known(c.merger) {
		c = c.target
		all = append(all, c.id)
	}
	return all
}

// meet lets something happen to a guest that discovery is about.
func (p *property) meet(t throw) {
	c, into := p.customers[t.IntN(len(p.customers))], p.customers[t.IntN(len(p.customers))]
	p.touch(t, c)
	if c.target != nil || into.home() == c || t.chance(0.6) {
		return
	}
	c.target, c.merger = into, c.news[len(c.news)-1]
	p.w.say("pms", "%s is merged into %s", c.id, into.id)
	for _, e := range p.entries {
		if e.customer == c {
			e.customer, e.merged = into.home(), ""
			p.w.oracle.cases[e.id].merged = true
		}
	}
}

// discover shows who is in a window, unless a page fails; what names nobody is an error
// that leaves nobody out.
func (s source) discover(ctx context.Context, walk engine.Walk, page func([]preauth.FoundCustomer) error) error {
	w := s.k.w
	t := s.k.throw(ctx, "discover", s.p.name)
	var pages [][]preauth.FoundCustomer
	w.locked(func() {
		all := s.p.found(walk)
		t.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		pages = slices.Collect(slices.Chunk(all, 1+t.IntN(2)))
		for w.long && len(pages) < manyPages {
			pages = append(pages, nil) // of guests that have been shown before
		}
		w.oracle.walks(orderOf(ctx), s.p)
		w.say("pms", "%s: shows who is in a window: all=%t since %s: %d", s.p.name, walk.All, walk.Since.UTC().Format(time.DateTime), len(all))
	})
	var odd error
	if w.fault(t, 0.15) {
		odd = fmt.Errorf("customers: %w", preauth.ErrOddEntries)
	}
	for _, each := range pages {
		if err := s.k.step(ctx, "discover", s.p.name, t.between(time.Millisecond, time.Second)); err != nil {
			return err
		}
		if w.fault(t, 0.1) {
			return errors.Join(odd, errSource)
		}
		if err := page(each); err != nil {
			return err
		}
	}
	w.locked(func() { w.oracle.walked(s.k, orderOf(ctx), s.p, walk) })
	return odd
}

// manyPages are more than are read in every cycle.
const manyPages = 5
