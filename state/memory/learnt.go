package memory

import (
	"cmp"
	"context"
	"maps"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

type lookedUpKey struct{ sink, field, card string }

// putLearnt stores what a batch forgets as zero: so it hides what base has.
func (l *Ledger) putLearnt(batch plan.Batch) {
	for _, each := range batch.LookedUp {
		each.At = copySeconds(each.At)
		l.lookedUp[lookedUpKey{each.Sink, each.Field, each.CardID}] = each
	}
	for _, each := range batch.Observed {
		l.observed[each.ID] = copyObserved(each)
	}
}

// LookedUp gives what the sink has answered for those cards that it was asked for,
// by card.
func (l *Ledger) LookedUp(ctx context.Context, sink, field string, cards []string) (map[string]plan.LookedUp, error) {
	found := make(map[string]plan.LookedUp)
	if l.base != nil {
		below, err := l.base.LookedUp(ctx, sink, field, cards)
		if err != nil {
			return nil, err
		}
		maps.Copy(found, below)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, card := range cards {
		if kept, ok := l.lookedUp[lookedUpKey{sink, field, card}]; ok {
			found[card] = kept
		}
	}
	maps.DeleteFunc(found, func(_ string, each plan.LookedUp) bool { return each.At.IsZero() })
	return found, ctx.Err()
}

// Observed gives the entries that there are among the asked, by Id.
func (l *Ledger) Observed(ctx context.Context, ids []preauth.ID) (map[preauth.ID]plan.Observed, error) {
	found := make(map[preauth.ID]plan.Observed)
	if l.base != nil {
		below, err := l.base.Observed(ctx, ids)
		if err != nil {
			return nil, err
		}
		maps.Copy(found, below)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if kept, ok := l.observed[id]; ok {
			found[id] = copyObserved(kept)
		}
	}
	maps.DeleteFunc(found, func(_ preauth.ID, each plan.Observed) bool { return each.Updated.IsZero() })
	return found, ctx.Err()
}

// EachObserved hands over the entries of one enterprise, or of all for "", in the
// order of their Ids.
func (l *Ledger) EachObserved(ctx context.Context, enterprise preauth.ID, visit func(plan.Observed) error) error {
	l.mu.Lock()
	own := make(map[preauth.ID]bool, len(l.observed))
	var kept []plan.Observed
	for id, each := range l.observed {
		own[id] = true
		if !each.Updated.IsZero() && (enterprise == "" || each.Enterprise == enterprise) {
			kept = append(kept, copyObserved(each))
		}
	}
	l.mu.Unlock()
	var base func(func(plan.Observed) error) error
	if l.base != nil {
		base = func(visit func(plan.Observed) error) error {
			return l.base.EachObserved(ctx, enterprise, func(o plan.Observed) error {
				if own[o.ID] {
					return nil
				}
				return visit(o)
			})
		}
	}
	return mergeVisits(ctx, kept, base, visit, func(a, b plan.Observed) int { return cmp.Compare(a.ID, b.ID) })
}
