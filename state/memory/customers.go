package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// pending are the unfinished records of this ledger's own, by customer. touched are the
// customers of whom base may say something else.
type pending struct {
	ids     map[customerKey]map[preauth.ID]bool
	touched map[customerKey]bool
	// revisions count what may have changed who has any, by enterprise.
	revisions map[preauth.ID]uint64
}

func newPending() pending {
	return pending{
		ids: make(map[customerKey]map[preauth.ID]bool), touched: make(map[customerKey]bool), revisions: make(map[preauth.ID]uint64),
	}
}

func customerOf(r plan.Record) customerKey { return customerKey{r.Enterprise, r.CustomerID} }

// move notes a record as it is now instead of as it was.
func (p pending) move(was, is plan.Record) {
	if was.Unfinished() != is.Unfinished() || customerOf(was) != customerOf(is) {
		p.revisions[was.Enterprise]++
		p.revisions[is.Enterprise]++
	}
	p.touched[customerOf(was)], p.touched[customerOf(is)] = true, true
	delete(p.ids[customerOf(was)], was.ID)
	if !is.Unfinished() {
		return
	}
	key := customerOf(is)
	if p.ids[key] == nil {
		p.ids[key] = make(map[preauth.ID]bool)
	}
	p.ids[key][is.ID] = true
}

// Customers gives what is known of each customer; those of whom nothing is known are
// absent.
func (l *Ledger) Customers(ctx context.Context, enterprise preauth.ID, customers []preauth.ID) (map[preauth.ID]plan.Customer, error) {
	found := make(map[preauth.ID]plan.Customer, len(customers))
	if l.base != nil {
		below, err := l.base.Customers(ctx, enterprise, customers)
		if err != nil {
			return nil, err
		}
		maps.Copy(found, below)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range customers {
		key := customerKey{enterprise, id}
		c := found[id]
		if cycle, ok := l.customers[key]; ok {
			c.Read = cycle
		}
		if l.pending.touched[key] {
			c.Unfinished = slices.DeleteFunc(slices.Clone(c.Unfinished), func(id preauth.ID) bool { _, own := l.records[id]; return own })
			c.Unfinished = slices.AppendSeq(c.Unfinished, maps.Keys(l.pending.ids[key]))
			slices.Sort(c.Unfinished)
		}
		if delete(found, id); c.Read != 0 || len(c.Unfinished) > 0 {
			found[id] = c
		}
	}
	return found, ctx.Err()
}

// Pending hands over the customers of an enterprise who have unfinished records, in the
// order of their Ids, each once.
func (l *Ledger) Pending(ctx context.Context, enterprise preauth.ID, visit func(preauth.ID) error) error {
	l.mu.Lock()
	touched := make(map[preauth.ID]bool)
	for key := range l.pending.touched {
		if key.enterprise == enterprise && key.customer != "" {
			touched[key.customer] = true
		}
	}
	l.mu.Unlock()
	var kept []preauth.ID
	own, err := l.Customers(ctx, enterprise, slices.Collect(maps.Keys(touched)))
	if err != nil {
		return err
	}
	for id, c := range own {
		if len(c.Unfinished) > 0 {
			kept = append(kept, id)
		}
	}
	var base func(func(preauth.ID) error) error
	if l.base != nil {
		base = func(visit func(preauth.ID) error) error {
			return l.base.Pending(ctx, enterprise, func(id preauth.ID) error {
				if touched[id] {
					return nil
				}
				return visit(id)
			})
		}
	}
	return mergeVisits(ctx, kept, base, visit, cmp.Compare[preauth.ID])
}

// PendingRevision changes with every commit that changes whom Pending hands over.
func (l *Ledger) PendingRevision(ctx context.Context, enterprise preauth.ID) (uint64, error) {
	var below uint64
	if l.base != nil {
		var err error
		if below, err = l.base.PendingRevision(ctx, enterprise); err != nil {
			return 0, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return below + l.pending.revisions[enterprise], ctx.Err()
}

// InFlight hands over the records in flight, of every enterprise, in the order of their
// Ids.
func (l *Ledger) InFlight(ctx context.Context, visit func(plan.Record) error) error {
	return l.visit(ctx, func(r plan.Record) bool { return r.Phase.InFlight() }, baseOf(l, func(r Reader) visits {
		return func(visit func(plan.Record) error) error { return r.InFlight(ctx, visit) }
	}), visit)
}

// visits hands over records.
type visits = func(visit func(plan.Record) error) error

// visit hands over the records of this ledger's own that are wanted, and those of base
// that it does not hide, in the order of their Ids.
func (l *Ledger) visit(ctx context.Context, wanted func(plan.Record) bool, base visits, visit func(plan.Record) error) error {
	var shown visits
	if base != nil {
		shown = func(visit func(plan.Record) error) error {
			return base(func(r plan.Record) error {
				if l.hides(r.ID) {
					return nil
				}
				return visit(r)
			})
		}
	}
	return mergeVisits(ctx, l.kept(wanted), shown, visit, func(a, b plan.Record) int { return cmp.Compare(a.ID, b.ID) })
}
