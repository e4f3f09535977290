package state

import (
	"context"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// observed puts and forgets entries of the report.
func (s *stager) observed(entries []plan.Observed) error {
	for _, each := range entries {
		key, err := idKey(each.ID)
		if err != nil {
			return fmt.Errorf("an entry of what was observed: %w", err)
		}
		if each.Updated.IsZero() {
			s.writes = append(s.writes, write{bucket: bucketObserved, key: key})
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

// Observed gives the entries that there are among the asked, by Id.
func (l *Ledger) Observed(ctx context.Context, ids []preauth.ID) (map[preauth.ID]plan.Observed, error) {
	found := make(map[preauth.ID]plan.Observed)
	err := l.viewNow(ctx, func(tx *bolt.Tx) error {
		bucket := tx.Bucket([]byte(bucketObserved))
		if bucket == nil {
			return nil // a file of an earlier schema, opened ReadOnly
		}
		for _, id := range ids {
			key, err := idKey(id)
			if err != nil {
				return err
			}
			value := bucket.Get(key)
			l.touched(tx, 1)
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
// order of their Ids. It reads those of the others too, so whoever wants all of
// them asks once. What is committed meanwhile may be seen or not.
func (l *Ledger) EachObserved(ctx context.Context, enterprise preauth.ID, visit func(plan.Observed) error) error {
	return scan(ctx, l, bucketObserved, nil, func(_ *bolt.Tx, key, value []byte) (plan.Observed, error) {
		return l.decodeObserved(key, value)
	}, func(o plan.Observed) error {
		if enterprise != "" && o.Enterprise != enterprise {
			return nil
		}
		return visit(o)
	})
}

func (l *Ledger) decodeObserved(key, value []byte) (plan.Observed, error) {
	var w wireObserved
	if err := l.codec.get(bucketObserved, key, value, &w); err != nil {
		return plan.Observed{}, l.fault(bucketObserved, key, err)
	}
	if len(key) != idLength {
		return plan.Observed{}, l.fault(bucketObserved, key, fmt.Errorf("its key has %d bytes", len(key)))
	}
	o, err := fromWireObserved(keyID(key), w)
	if err != nil {
		return plan.Observed{}, l.fault(bucketObserved, key, err)
	}
	return o, nil
}
