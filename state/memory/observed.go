package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

type observedKey struct{ enterprise, id preauth.ID }

// report is what is kept of what was observed.
type report struct {
	entries map[observedKey]plan.Observed // one without a time hides what base has
	reads   map[customerKey]uint64
	// forgotten are the enterprises whose report in base is hidden.
	forgotten map[preauth.ID]bool
}

func newReport() report {
	return report{
		entries: make(map[observedKey]plan.Observed), reads: make(map[customerKey]uint64), forgotten: make(map[preauth.ID]bool),
	}
}

// checkReport refuses what names no enterprise: it would not be what was meant.
func checkReport(batch plan.Batch) error {
	for _, each := range batch.Unobserved {
		if _, err := preauth.ParseID(string(each)); err != nil {
			return fmt.Errorf("the enterprise of a report to forget: %w", err)
		}
	}
	for _, each := range batch.Observed {
		if _, err := preauth.ParseID(string(each.Enterprise)); err != nil {
			return fmt.Errorf("the enterprise of what was observed of %.64q: %w", string(each.ID), err)
		}
		if _, err := preauth.ParseID(string(each.ID)); err != nil {
			return fmt.Errorf("an entry of what was observed: %w", err)
		}
	}
	for _, each := range batch.ObservedReads {
		if _, err := preauth.ParseID(string(each.Enterprise)); err != nil {
			return fmt.Errorf("the enterprise of a customer read in the report: %w", err)
		}
	}
	return nil
}

func (r report) put(batch plan.Batch, readBelow map[customerKey]bool) {
	for _, enterprise := range batch.Unobserved {
		r.forgotten[enterprise] = true
		maps.DeleteFunc(r.entries, func(key observedKey, _ plan.Observed) bool { return key.enterprise == enterprise })
		maps.DeleteFunc(r.reads, func(key customerKey, _ uint64) bool { return key.enterprise == enterprise })
	}
	for _, each := range batch.Observed {
		r.entries[observedKey{each.Enterprise, each.ID}] = copyObserved(each)
	}
	for _, each := range batch.ObservedReads {
		key := customerKey{each.Enterprise, each.CustomerID}
		if _, ok := r.reads[key]; !ok && (!readBelow[key] || r.forgotten[each.Enterprise]) {
			r.reads[key] = each.Cycle
		}
	}
}

// Observed gives the entries of an enterprise that there are among the asked, by Id.
func (l *Ledger) Observed(ctx context.Context, enterprise preauth.ID, ids []preauth.ID) (map[preauth.ID]plan.Observed, error) {
	found := make(map[preauth.ID]plan.Observed)
	if l.base != nil {
		below, err := l.base.Observed(ctx, enterprise, ids)
		if err != nil {
			return nil, err
		}
		maps.Copy(found, below)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.report.forgotten[enterprise] {
		clear(found)
	}
	for _, id := range ids {
		if kept, ok := l.report.entries[observedKey{enterprise, id}]; ok {
			found[id] = copyObserved(kept)
		}
	}
	maps.DeleteFunc(found, func(_ preauth.ID, each plan.Observed) bool { return each.Updated.IsZero() })
	return found, ctx.Err()
}

// EachObserved hands over the entries of one enterprise, or of all for "", in the
// order of the enterprises, then of their Ids.
func (l *Ledger) EachObserved(ctx context.Context, enterprise preauth.ID, visit func(plan.Observed) error) error {
	l.mu.Lock()
	forgotten := maps.Clone(l.report.forgotten)
	own := make(map[observedKey]bool)
	var kept []plan.Observed
	for key, each := range l.report.entries {
		if enterprise != "" && key.enterprise != enterprise {
			continue
		}
		own[key] = true
		if !each.Updated.IsZero() {
			kept = append(kept, copyObserved(each))
		}
	}
	l.mu.Unlock()
	var base func(func(plan.Observed) error) error
	if l.base != nil {
		base = func(visit func(plan.Observed) error) error {
			return l.base.EachObserved(ctx, enterprise, func(o plan.Observed) error {
				if forgotten[o.Enterprise] || own[observedKey{o.Enterprise, o.ID}] {
					return nil
				}
				return visit(o)
			})
		}
	}
	return mergeVisits(ctx, kept, base, visit, func(a, b plan.Observed) int {
		return cmp.Or(cmp.Compare(a.Enterprise, b.Enterprise), cmp.Compare(a.ID, b.ID))
	})
}

// ObservedReads gives the cycle in which each customer was first read, of the report;
// those never read are absent.
func (l *Ledger) ObservedReads(ctx context.Context, enterprise preauth.ID, customers []preauth.ID) (map[preauth.ID]uint64, error) {
	found := make(map[preauth.ID]uint64, len(customers))
	if l.base != nil {
		below, err := l.base.ObservedReads(ctx, enterprise, customers)
		if err != nil {
			return nil, err
		}
		maps.Copy(found, below)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.report.forgotten[enterprise] {
		clear(found)
	}
	for _, id := range customers {
		if cycle, ok := l.report.reads[customerKey{enterprise, id}]; ok {
			found[id] = cycle
		}
	}
	return found, ctx.Err()
}
