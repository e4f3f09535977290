package memory

import (
	"context"
	"fmt"
	"maps"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// ends are the first and the last customer of a pass; a customer by itself is both.
type ends struct{ first, last preauth.ID }

func (e ends) overlaps(o ends) bool { return e.first <= o.last && o.first <= e.last }

// passes are those of this ledger's own, by enterprise and first customer.
type passes struct {
	kept map[customerKey]plan.Pass
	// stamps count the commits that put records, by enterprise, and tokens those that put
	// tokens.
	stamps map[preauth.ID]uint64
	tokens uint64
}

func newPasses() passes {
	return passes{kept: make(map[customerKey]plan.Pass), stamps: make(map[preauth.ID]uint64)}
}

// passesOver gives those of a ledger over base. A preview uses none, and what lies over
// another ledger of this kind goes on with that one's.
func passesOver(base Reader) passes {
	p := newPasses()
	if under, ok := base.(*Ledger); ok {
		under.mu.Lock()
		defer under.mu.Unlock()
		p.kept = maps.Clone(under.passes.kept)
	}
	return p
}

func checkPasses(batch plan.Batch) error {
	for _, each := range batch.Passes {
		for _, id := range []preauth.ID{each.Enterprise, each.First, each.Last} {
			if _, err := preauth.ParseID(string(id)); err != nil {
				return fmt.Errorf("a pass: %w", err)
			}
		}
		if each.First > each.Last {
			return fmt.Errorf("a pass begins with %s and ends with %s", each.First, each.Last)
		}
	}
	return nil
}

// drop forgets the passes that share customers with ends.
func (p *passes) drop(enterprise preauth.ID, with ends) {
	maps.DeleteFunc(p.kept, func(key customerKey, each plan.Pass) bool {
		return key.enterprise == enterprise && with.overlaps(ends{each.First, each.Last})
	})
}

// forget forgets the pass that a record's customer is part of.
func (p *passes) forget(r plan.Record) {
	p.stamps[r.Enterprise]++
	if r.CustomerID != "" {
		p.drop(r.Enterprise, ends{r.CustomerID, r.CustomerID})
	}
}

// putPasses puts those whose stamp is not behind, then forgets those that the rest of the
// batch does not let stand.
func (l *Ledger) putPasses(batch plan.Batch, b below) {
	for _, each := range batch.Passes {
		if each.Stamp != l.stamp(each.Enterprise) {
			continue
		}
		l.passes.drop(each.Enterprise, ends{each.First, each.Last})
		each.Stamp, each.Skipped = 0, maps.Clone(each.Skipped)
		l.passes.kept[customerKey{each.Enterprise, each.First}] = each
	}
	put := make(map[preauth.ID]bool, len(batch.Records))
	for _, r := range batch.Records {
		put[r.ID] = true
		if was := l.stored(r.ID, b); was.Revision > 0 {
			l.passes.forget(was)
		}
		l.passes.forget(r)
	}
	for _, t := range batch.Tokens {
		id, _ := preauth.ParseID(t.Token) // none is no record's
		if r := l.stored(id, b); r.Revision > 0 {
			l.passes.forget(r)
		} else if !put[id] {
			clear(l.passes.kept) // what has no record yet may be part of any
		}
	}
	if len(batch.Tokens) > 0 {
		l.passes.tokens++
	}
}

// Stamp changes with every commit that puts a record of the enterprise, or a token.
func (l *Ledger) Stamp(enterprise preauth.ID) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stamp(enterprise)
}

func (l *Ledger) stamp(enterprise preauth.ID) uint64 {
	return l.passes.stamps[enterprise] + l.passes.tokens
}

// Pass gives the pass of an enterprise whose first customer is given, and whether there
// is one.
func (l *Ledger) Pass(ctx context.Context, enterprise, first preauth.ID) (p plan.Pass, ok bool, err error) {
	if _, err := preauth.ParseID(string(first)); err != nil {
		return p, false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	p, ok = l.passes.kept[customerKey{enterprise, first}]
	p.Skipped = maps.Clone(p.Skipped)
	return p, ok, ctx.Err()
}
