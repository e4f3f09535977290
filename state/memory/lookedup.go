package memory

import (
	"context"
	"maps"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

type lookedUpKey struct{ sink, field, card string }

// putLookedUp stores an answer that is forgotten as zero: so it hides what base has.
func (l *Ledger) putLookedUp(answers []plan.LookedUp) {
	for _, each := range answers {
		each.At = copySeconds(each.At)
		l.lookedUp[lookedUpKey{each.Sink, each.Field, each.CardID}] = each
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
