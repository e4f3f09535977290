package v4

import (
	"context"
	"errors"
	"fmt"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// mostWalked is how many requests a walk through all payment methods may take. It may
// not take more than half of what asking for each card would, either.
const mostWalked = 100

// walk reads all payment methods in the order of their identities, and compares them
// here: the conditions of a Search combine with AND (vendor's docs), so that it cannot
// name several cards. It tells whether all of them are known to have been shown: if not,
// none of what was shown counts.
func (l *methodsLookup) walk(ctx context.Context) bool {
	spelled := map[string][]string{}
	methods := map[string][]preauth.PaymentMethod{}
	for _, card := range l.cards {
		spelled[normalizeToken(card)] = append(spelled[normalizeToken(card)], card)
		methods[card] = []preauth.PaymentMethod{}
	}
	walk := methodsWalk{lookup: l, wanted: func(value string) bool { return len(spelled[value]) > 0 }, left: min(len(l.cards)/2, mostWalked)}
	for {
		items, err := walk.next(ctx)
		if err != nil {
			if errors.Is(err, preauth.ErrUnanswered) {
				l.silent++
			}
			return false
		}
		if len(items) == 0 {
			break
		}
		for _, item := range items {
			for _, card := range spelled[item.value] {
				methods[card] = append(methods[card], item.method)
			}
		}
	}
	for card, each := range methods {
		l.found[card] = preauth.CardMethods{Methods: each}
	}
	return true
}

// methodsWalk is the place of a walk.
type methodsWalk struct {
	lookup *methodsLookup
	wanted func(value string) bool
	// last is the highest identity so far, left how many requests it may still take.
	last int64
	left int
	// named is set once the field has been seen in any of them.
	named bool
}

// next gives what follows upon last; nothing when that was the end. It is an error when
// the reply is not in the order that was asked for, or does not begin with the lowest;
// and when there is nothing at all, since v4 may not know the condition.
func (w *methodsWalk) next(ctx context.Context) ([]methodItem, error) {
	items, err := w.ask(ctx, above(w.last))
	if err != nil {
		return nil, err
	}
	if len(items) == 0 && !w.named {
		return nil, fmt.Errorf("no payment method has a field %s", w.lookup.field)
	}
	first := w.last == 0
	for _, item := range items {
		if item.method.ID <= w.last {
			return nil, errors.New("v4 does not show payment methods in the order asked for")
		}
		w.last, w.named = item.method.ID, w.named || item.named
	}
	if first && len(items) > 0 {
		return items, w.checkBelow(ctx, items[0].method.ID)
	}
	return items, nil
}

// checkBelow makes sure that there is nothing below the first reply. A sink that takes
// no notice of the order may show the newest few, and these in order.
func (w *methodsWalk) checkBelow(ctx context.Context, lowest int64) error {
	if lowest == 1 {
		return nil
	}
	below, err := w.ask(ctx, condition{Name: "identity", Operator: "lt", Value: lowest})
	if err == nil && len(below) > 0 {
		err = errors.New("v4 does not begin with the lowest payment method")
	}
	return err
}

func (w *methodsWalk) ask(ctx context.Context, where condition) ([]methodItem, error) {
	if w.left--; w.left < 0 {
		return nil, errors.New("there are more payment methods than it is worth to read")
	}
	return w.lookup.client.searchMethods(ctx, w.lookup.field, query{
		Top: walkTop, Search: []condition{where}, OrderBy: []order{{Name: "identity", Direction: "asc"}},
	}, w.wanted)
}
