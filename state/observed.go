package state

import (
	"bytes"
	"context"
	"fmt"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// report forgets the report of enterprises, then puts and forgets entries and marks
// customers as read in it.
func (s *stager) report(batch plan.Batch) error {
	if err := s.unobserved(batch.Unobserved); err != nil {
		return err
	}
	if err := s.observed(batch.Observed); err != nil {
		return err
	}
	for _, each := range batch.ObservedReads {
		if _, err := idKey(each.Enterprise); err != nil {
			return fmt.Errorf("the enterprise of a customer read in the report: %w", err)
		}
	}
	return s.observedReads(batch.ObservedReads)
}

// observedReads marks customers as read in the report, if they are not yet.
func (s *stager) observedReads(read []plan.CustomerRead) error {
	for _, each := range read {
		key, err := pairKey(each.Enterprise, each.CustomerID)
		if err != nil {
			return err
		}
		if s.get(bucketObservedReads, key) == nil {
			s.write(bucketObservedReads, key, sealNumber(bucketObservedReads, key, each.Cycle))
		}
	}
	return nil
}

func (s *stager) unobserved(enterprises []preauth.ID) error {
	for _, each := range enterprises {
		prefix, err := idKey(each)
		if err != nil {
			return fmt.Errorf("the enterprise of a report to forget: %w", err)
		}
		for _, bucket := range [...]string{bucketObserved, bucketObservedReads} {
			entries := s.cursor(bucket)
			for key, _ := entries.Seek(prefix); bytes.HasPrefix(key, prefix); key, _ = entries.Next() {
				s.l.touched(s.tx, 1)
				s.write(bucket, key, nil)
			}
		}
	}
	return nil
}

// observed puts and forgets entries. One without an enterprise is refused, also where it
// is to be forgotten: it would not be the one that was meant.
func (s *stager) observed(entries []plan.Observed) error {
	for _, each := range entries {
		if _, err := idKey(each.Enterprise); err != nil {
			return fmt.Errorf("the enterprise of what was observed of %.64q: %w", string(each.ID), err)
		}
		key, err := pairKey(each.Enterprise, each.ID)
		if err != nil {
			return fmt.Errorf("an entry of what was observed: %w", err)
		}
		if each.Updated.IsZero() {
			s.write(bucketObserved, key, nil)
			continue
		}
		wire, err := toWireObserved(each)
		if err != nil {
			return err
		}
		if err := s.put(bucketObserved, key, wire); err != nil {
			return err
		}
	}
	return nil
}

// Observed gives the entries of an enterprise that there are among the asked, by Id.
func (l *Ledger) Observed(ctx context.Context, enterprise preauth.ID, ids []preauth.ID) (map[preauth.ID]plan.Observed, error) {
	found := make(map[preauth.ID]plan.Observed)
	err := l.viewNow(ctx, func(s snapshot) error {
		for _, id := range ids {
			key, err := pairKey(enterprise, id)
			if err != nil {
				return err
			}
			value := s.get(bucketObserved, key)
			if value == nil {
				continue
			}
			if found[id], err = l.decodeObserved(key, value); err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

// EachObserved hands over the entries of one enterprise, or of all for "", in the
// order of the enterprises, then of their Ids. What is committed meanwhile may be seen
// or not.
func (l *Ledger) EachObserved(ctx context.Context, enterprise preauth.ID, visit func(plan.Observed) error) error {
	var prefix []byte
	if enterprise != "" {
		var err error
		if prefix, err = idKey(enterprise); err != nil {
			return err
		}
	}
	return scan(ctx, l, bucketObserved, prefix, func(_ snapshot, key, value []byte) (plan.Observed, error) {
		return l.decodeObserved(key, value)
	}, visit)
}

// ObservedReads gives the cycle in which each customer was first read, of the report;
// those never read are absent.
func (l *Ledger) ObservedReads(ctx context.Context, enterprise preauth.ID, customers []preauth.ID) (map[preauth.ID]uint64, error) {
	found := make(map[preauth.ID]uint64, len(customers))
	err := l.viewNow(ctx, func(s snapshot) error {
		for _, id := range customers {
			key, err := pairKey(enterprise, id)
			if err != nil {
				return err
			}
			value := s.get(bucketObservedReads, key)
			if value == nil {
				continue
			}
			if found[id], err = unsealNumber(bucketObservedReads, key, value); err != nil {
				return l.fault(bucketObservedReads, key, err)
			}
		}
		return nil
	})
	return found, err
}

func (l *Ledger) decodeObserved(key, value []byte) (plan.Observed, error) {
	var w wireObserved
	if err := l.codec.get(bucketObserved, key, value, &w); err != nil {
		return plan.Observed{}, l.fault(bucketObserved, key, err)
	}
	if len(key) != 2*idLength {
		return plan.Observed{}, l.fault(bucketObserved, key, fmt.Errorf("its key has %d bytes", len(key)))
	}
	o, err := fromWireObserved(keyID(key[:idLength]), keyID(key[idLength:]), w)
	if err != nil {
		return plan.Observed{}, l.fault(bucketObserved, key, err)
	}
	return o, nil
}
