package state

import (
	"bytes"
	"context"
	"fmt"
	"maps"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// The tally of an enterprise is stored with the records that it counts, in the
// same transaction, so that asking for it costs the same with ten records and
// with a million. What plan.Record.AtStake and Risk answer is therefore part of the
// schema: where they answer otherwise, the amounts stored have to be added up anew.

// tallies are sums by enterprise, or changes to such sums. Nothing in them is
// zero, and since when the oldest is parked is not part of them: the index of
// parked records knows.
type tallies map[preauth.ID]plan.Tally

func newTally() plan.Tally {
	return plan.Tally{
		Phases: make(map[plan.Phase]int), Parked: make(map[plan.Reason]int),
		ParkedAmounts: make(map[string]decimal.Decimal),
		Held:          make(map[string]decimal.Decimal), Awaiting: make(map[string]decimal.Decimal),
	}
}

// count adds a record once (1), or takes it away (-1).
func (t tallies) count(r plan.Record, times int) {
	tally, ok := t[r.Enterprise]
	if !ok {
		tally = newTally()
		t[r.Enterprise] = tally
	}
	addCount(tally.Phases, r.Phase, times)
	if r.Park != nil {
		addCount(tally.Parked, r.Park.Reason, times)
	}
	stake := r.AtStake()
	if sum := amountsAt(tally, r.Risk()); sum != nil {
		if times < 0 {
			stake.Amount = stake.Amount.Neg()
		}
		addAmount(sum, stake.Currency, stake.Amount)
	}
}

// amountsAt gives the sums of what is at that risk, nil for none.
func amountsAt(t plan.Tally, risk plan.Risk) map[string]decimal.Decimal {
	switch risk {
	case plan.RiskHeld:
		return t.Held
	case plan.RiskAwaiting:
		return t.Awaiting
	case plan.RiskParked:
		return t.ParkedAmounts
	case plan.NoRisk:
	}
	return nil
}

// move counts records as they are now instead of as they were.
func (t tallies) move(transitions []transition) {
	for _, each := range transitions {
		if each.old.Revision > 0 {
			t.count(*each.old, -1)
		}
		t.count(*each.now, 1)
	}
}

func addCount[K comparable](to map[K]int, key K, n int) {
	if to[key] += n; to[key] == 0 {
		delete(to, key)
	}
}

func addAmount(to map[string]decimal.Decimal, currency string, amount decimal.Decimal) {
	if to[currency] = to[currency].Add(amount); to[currency].IsZero() {
		delete(to, currency)
	}
}

func isEmptyTally(t plan.Tally) bool {
	return len(t.Phases) == 0 && len(t.Parked) == 0 && len(t.ParkedAmounts) == 0 && len(t.Held) == 0 && len(t.Awaiting) == 0
}

func sameTally(a, b plan.Tally) bool {
	return maps.Equal(a.Phases, b.Phases) && maps.Equal(a.Parked, b.Parked) &&
		sameAmounts(a.ParkedAmounts, b.ParkedAmounts) && sameAmounts(a.Held, b.Held) && sameAmounts(a.Awaiting, b.Awaiting)
}

func sameAmounts(a, b map[string]decimal.Decimal) bool {
	return maps.EqualFunc(a, b, decimal.Decimal.Equal)
}

// addTallies adds the changes of a transaction to what is stored: one document
// is read and written for each enterprise whose sums have changed.
func (s *stager) addTallies(changes tallies) error {
	for enterprise, change := range changes {
		if isEmptyTally(change) {
			continue
		}
		key, err := optionalIDKey(enterprise)
		if err != nil {
			return err
		}
		sum, err := s.l.tally(key, s.get(bucketTallies, key))
		if err != nil {
			return err
		}
		for phase, n := range change.Phases {
			addCount(sum.Phases, phase, n)
		}
		for reason, n := range change.Parked {
			addCount(sum.Parked, reason, n)
		}
		for _, risk := range [...]plan.Risk{plan.RiskHeld, plan.RiskAwaiting, plan.RiskParked} {
			for currency, amount := range amountsAt(change, risk) {
				addAmount(amountsAt(sum, risk), currency, amount)
			}
		}
		value, err := s.l.encodeTally(key, sum)
		if err != nil {
			return err
		}
		s.write(bucketTallies, key, value)
	}
	return nil
}

// encodeTally gives the document, nil where there is nothing to count.
func (l *Ledger) encodeTally(key []byte, sum plan.Tally) ([]byte, error) {
	if isEmptyTally(sum) {
		return nil, nil
	}
	wire := toWireTally(sum)
	if _, err := fromWireTally(wire); err != nil {
		return nil, corrupt(l.options.Path, "%s does not fit the records: %v", describe(bucketTallies, key), err)
	}
	return l.codec.put(bucketTallies, key, wire)
}

// tally turns a stored value, nil for none, into what it stands for.
func (l *Ledger) tally(key, value []byte) (plan.Tally, error) {
	if value == nil {
		return newTally(), nil
	}
	var w wireTally
	if err := l.codec.get(bucketTallies, key, value, &w); err != nil {
		return plan.Tally{}, l.fault(bucketTallies, key, err)
	}
	t, err := fromWireTally(w)
	if err == nil && len(key) != idLength {
		err = fmt.Errorf("its key has %d bytes", len(key))
	}
	if err != nil {
		return plan.Tally{}, l.fault(bucketTallies, key, err)
	}
	return t, nil
}

// Tallies counts the records of every enterprise that has any, those without one
// under "". Nothing in a tally is zero: amounts that add up to nothing are left
// out. It reads one snapshot, and its cost does not grow with the records.
func (l *Ledger) Tallies(ctx context.Context) (map[preauth.ID]plan.Tally, error) {
	all := make(tallies)
	err := l.viewNow(ctx, func(s snapshot) error {
		parked := s.cursor(bucketParked)
		return s.forEach(bucketTallies, func(key, value []byte) error {
			t, err := l.tally(key, value)
			if err != nil {
				return err
			}
			if len(t.Parked) > 0 {
				oldest, _ := parked.Seek(key)
				if !bytes.HasPrefix(oldest, key) || len(oldest) != parkedLength {
					return corrupt(l.options.Path, "the index of parked records lacks those of %s", describe(bucketTallies, key))
				}
				t.OldestParked = parkedSince(oldest)
			}
			all[optionalKeyID(key)] = t
			return nil
		})
	})
	return all, err
}
