package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
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
	out := &control.ObservedStatus{
		Since: doc.ObservedSince, FirstRunOpen: !doc.FirstRunDone && !doc.ObservedFirstRunDone, Parked: map[string]int{},
	}
	created, captured := map[string]decimal.Decimal{}, map[string]decimal.Decimal{}
	add := func(at time.Time, amount preauth.Money, n *int, sums map[string]decimal.Decimal) {
		if !at.IsZero() {
			*n++
			sums[amount.Currency] = sums[amount.Currency].Add(amount.Amount)
		}
	}
	var parked []plan.Observed
	err := o.Ledger.EachObserved(ctx, doc.Enterprise, func(each plan.Observed) error {
		add(each.Created, each.Amount, &out.Created, created)
		add(each.Captured, each.Amount, &out.Captured, captured)
		if each.AsIf(plan.Record{}).Phase == plan.Baseline {
			out.Baseline++
		}
		if !each.Released.IsZero() {
			out.Released++
		}
		if each.Park != nil {
			out.Parked[string(each.Park.Reason)]++
			parked = append(parked, each)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.CreatedAmounts, out.CapturedAmounts = sums(created), sums(captured)
	out.ParkedAmounts, err = o.wouldWait(ctx, parked)
	return out, err
}

// wouldWait adds up what entries are about that would be parked, as a tally does for
// those that are.
func (o *Operator) wouldWait(ctx context.Context, parked []plan.Observed) (map[string]string, error) {
	ids := make([]preauth.ID, 0, len(parked))
	for _, each := range parked {
		ids = append(ids, each.ID)
	}
	records, err := o.Ledger.Records(ctx, ids)
	if err != nil {
		return nil, err
	}
	amounts := map[string]decimal.Decimal{}
	for _, each := range parked {
		rec := records[each.ID]
		rec.Seen = each.Seen
		if money := each.AsIf(rec).AtStake(); !money.IsZero() {
			amounts[money.Currency] = amounts[money.Currency].Add(money.Amount)
		}
	}
	return sums(amounts), nil
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
func known(ctx context.Context, ledger *state.Ledger, id preauth.ID) (plan.Record, *plan.Observed, error) {
	rec, recorded, err := ledger.Record(ctx, id)
	if err != nil {
		return plan.Record{}, nil, err
	}
	seen, observed, err := entry(ctx, ledger, id, rec.Enterprise)
	switch {
	case err != nil:
		return plan.Record{}, nil, err
	case !recorded && !observed:
		return plan.Record{}, nil, fmt.Errorf("the state file has no preauthorization %s: "+
			"its customer has not been read yet, or it is another property's", id)
	case !observed:
		return rec, nil, nil
	case !recorded:
		rec = plan.Record{
			ID: id, Enterprise: seen.Enterprise, CustomerID: seen.CustomerID, CardID: seen.CardID, Seen: seen.Seen, Updated: seen.Updated,
		}
	}
	return rec, &seen, nil
}

// entry looks for a preauthorization in the report of its enterprise, or in those of
// all where that is not known.
func entry(ctx context.Context, ledger *state.Ledger, id, enterprise preauth.ID) (plan.Observed, bool, error) {
	all := []preauth.ID{enterprise}
	if enterprise == "" {
		names, err := propertyNames(ctx, ledger)
		if err != nil {
			return plan.Observed{}, false, err
		}
		all = slices.Sorted(maps.Keys(names))
	}
	for _, each := range all {
		entries, err := ledger.Observed(ctx, each, []preauth.ID{id})
		if err != nil {
			return plan.Observed{}, false, err
		}
		if found, ok := entries[id]; ok {
			return found, true, nil
		}
	}
	return plan.Observed{}, false, nil
}

func observedOf(o plan.Observed) *control.Observed {
	out := &control.Observed{
		Seen: seenOf(o.Seen), Baselined: momentOf(o.Baselined), Created: momentOf(o.Created), Captured: momentOf(o.Captured),
		Released: momentOf(o.Released), Amount: amountOf(o.Amount), Currency: o.Amount.Currency, PaymentMethodID: o.PaymentMethodID, Updated: o.Updated,
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
