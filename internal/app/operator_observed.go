package app

import (
	"context"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// observed adds up what would have been sent of a property, nil while it is mirrored.
func (o *Operator) observed(ctx context.Context, doc plan.Property) (*control.ObservedStatus, error) {
	if doc.ObservedSince.IsZero() {
		return nil, nil //nolint:nilnil // nothing is observed
	}
	out := &control.ObservedStatus{Since: doc.ObservedSince, Parked: map[string]int{}}
	created, captured := map[string]decimal.Decimal{}, map[string]decimal.Decimal{}
	add := func(at time.Time, amount preauth.Money, n *int, sums map[string]decimal.Decimal) {
		if !at.IsZero() {
			*n++
			sums[amount.Currency] = sums[amount.Currency].Add(amount.Amount)
		}
	}
	err := o.Ledger.EachObserved(ctx, doc.Enterprise, func(each plan.Observed) error {
		add(each.Created, each.Amount, &out.Created, created)
		add(each.Captured, each.Amount, &out.Captured, captured)
		if !each.Released.IsZero() {
			out.Released++
		}
		if each.Park != nil {
			out.Parked[string(each.Park.Reason)]++
		}
		return nil
	})
	out.CreatedAmounts, out.CapturedAmounts = sums(created), sums(captured)
	return out, err
}

func sums(amounts map[string]decimal.Decimal) map[string]string {
	out := make(map[string]string, len(amounts))
	for currency, amount := range amounts {
		out[currency] = amount.String()
	}
	return out
}

// known gives a preauthorization's record, and what would have been sent for it if
// it has been observed. What has only been observed has a record that says nothing.
func known(ctx context.Context, ledger *state.Ledger, id preauth.ID) (plan.Record, *control.Observed, error) {
	rec, recorded, err := ledger.Record(ctx, id)
	if err != nil {
		return plan.Record{}, nil, err
	}
	entries, err := ledger.Observed(ctx, []preauth.ID{id})
	if err != nil {
		return plan.Record{}, nil, err
	}
	o, observed := entries[id]
	switch {
	case !recorded && !observed:
		return plan.Record{}, nil, fmt.Errorf("the state file has no preauthorization %s: "+
			"its customer has not been read yet, or it is another property's", id)
	case !observed:
		return rec, nil, nil
	case !recorded:
		rec = plan.Record{ID: id, Enterprise: o.Enterprise, CustomerID: o.CustomerID, Seen: o.Seen, Updated: o.Updated}
	}
	return rec, observedOf(o), nil
}

func observedOf(o plan.Observed) *control.Observed {
	out := &control.Observed{
		Seen: seenOf(o.Seen), Created: momentOf(o.Created), Captured: momentOf(o.Captured), Released: momentOf(o.Released),
		Amount: amountOf(o.Amount), Currency: o.Amount.Currency, PaymentMethodID: o.PaymentMethodID, Updated: o.Updated,
	}
	if p := o.Park; p != nil {
		out.Parked = parkOf(*p)
	}
	return out
}

// momentOf is nil for what has not happened.
func momentOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
