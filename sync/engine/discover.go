package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

const (
	// keepDiscovered is how long customers stay known after they have left every window
	// in which they are looked for.
	keepDiscovered = 30 * 24 * time.Hour
	// refreshUntil is by how much the date of leaving must have moved to be stored again:
	// a cycle that finds the same customers writes nothing.
	refreshUntil = 24 * time.Hour
	// fewPages are so little that all of them are read in each cycle. Where there are
	// more, cycles ask for what is new, and for all once in every wholeEvery.
	fewPages   = 4
	wholeEvery = 24 * time.Hour
	// overlap is how far back the question for what is new reaches behind the beginning of
	// the walk before, for what the PMS shows late and for clocks that differ.
	overlap = 15 * time.Minute
)

// walks is what a process remembers of a property's complete walks. It forgets them
// when it ends: the next one begins with a whole walk.
type walks struct {
	// since is when the last one began, whole when the last one that relied on none
	// before it did, on the wall clock; zero before the first.
	since, whole time.Time
	// long is set when the last one that asked for everything took more than fewPages.
	long bool
}

// next gives the walk that is due.
func (w walks) next(now time.Time) Walk {
	if w.since.IsZero() || now.Sub(w.whole) >= wholeEvery || now.Before(w.since) {
		return Walk{All: true}
	}
	return Walk{All: !w.long, Since: w.since.Add(-overlap)}
}

// after remembers a complete walk.
func (w walks) after(walk Walk, began time.Time, pages int) walks {
	w.since = began
	if walk.All {
		w.long = pages > fewPages
	}
	if walk.Since.IsZero() {
		w.whole = began
	}
	return w
}

// discover gives the customers that discovery shows, and those it has shown in
// earlier cycles. An error means that some may be missing; what is given stands.
func (run *propertyRun) discover(ctx context.Context) ([]preauth.ID, error) {
	if run.p.opts.Discover == nil {
		return nil, nil
	}
	e, now := run.e, run.e.now()
	known := map[preauth.ID]time.Time{}
	err := e.ledger.Discovered(ctx, run.p.enterprise, func(d plan.Discovered) error {
		known[d.CustomerID] = d.Until
		return nil
	})
	if err != nil {
		return nil, e.fail(err)
	}
	walk, pages := run.p.walks.next(now), 0
	failed := run.p.opts.Discover(ctx, walk, func(page []preauth.FoundCustomer) error {
		e.opts.Progress()
		pages++
		return run.remember(ctx, known, page)
	})
	if complete(failed) && run.listing {
		run.p.walks = run.p.walks.after(walk, now, pages)
		if err := run.forget(ctx, known, now); err != nil {
			return nil, err
		}
	}
	return slices.Collect(maps.Keys(known)), failed
}

// complete tells whether nobody is missing from a walk that ended with an error: all
// that is wrong are entries that name nobody.
func complete(failed error) bool {
	switch e := failed.(type) { //nolint:errorlint // it looks at every part of the tree
	case nil:
		return true
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(e.Unwrap(), func(part error) bool { return !complete(part) })
	case interface{ Unwrap() error }:
		return e.Unwrap() != nil && complete(e.Unwrap())
	default:
		return failed == preauth.ErrOddEntries //nolint:errorlint // the end of the tree
	}
}

// remember stores whom a page shows.
func (run *propertyRun) remember(ctx context.Context, known map[preauth.ID]time.Time, page []preauth.FoundCustomer) error {
	var batch plan.Batch
	for _, found := range page {
		until, ok := known[found.ID]
		if ok && found.Until.Sub(until) < refreshUntil {
			continue
		}
		known[found.ID] = found.Until
		batch.Discovered = append(batch.Discovered, plan.Discovered{
			Enterprise: run.p.enterprise, CustomerID: found.ID, Until: found.Until,
		})
	}
	if len(batch.Discovered) == 0 {
		return nil
	}
	return run.e.commit(ctx, batch)
}

// forget drops who has been out of every window for long enough and has no
// unfinished record.
func (run *propertyRun) forget(ctx context.Context, known map[preauth.ID]time.Time, now time.Time) error {
	var left []preauth.ID
	for id, until := range known {
		if now.Sub(until) > keepDiscovered {
			left = append(left, id)
		}
	}
	for part := range slices.Chunk(left, chunkSize) {
		customers, err := run.e.ledger.Customers(ctx, run.p.enterprise, part)
		if err != nil {
			return run.e.fail(err)
		}
		var batch plan.Batch
		for _, id := range part {
			if len(customers[id].Unfinished) == 0 {
				batch.Discovered = append(batch.Discovered, plan.Discovered{Enterprise: run.p.enterprise, CustomerID: id})
			}
		}
		if len(batch.Discovered) == 0 {
			continue
		}
		if err := run.e.commit(ctx, batch); err != nil {
			return run.e.fail(err)
		}
		for _, each := range batch.Discovered {
			delete(known, each.CustomerID)
		}
	}
	return nil
}
