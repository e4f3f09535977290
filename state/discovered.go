package state

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// There may be hundreds of thousands of discovered customers, and each is a key
// and one number.

// discovered puts and forgets customers. What the file says already is not
// written again: a page that brings nothing new costs no transaction.
func (s *stager) discovered(found []plan.Discovered) error {
	for _, each := range found {
		key, err := pairKey(each.Enterprise, each.CustomerID)
		if err != nil {
			return err
		}
		var value []byte
		if !each.Until.IsZero() {
			value = sealNumber(bucketDiscovered, key, uint64(each.Until.Unix()))
		}
		if !bytes.Equal(value, s.get(bucketDiscovered, key)) {
			s.write(bucketDiscovered, key, value)
		}
	}
	return nil
}

// Discovered hands over the customers of an enterprise that discovery has found,
// in the order of their Ids. What is committed meanwhile may be seen or not.
func (l *Ledger) Discovered(ctx context.Context, enterprise preauth.ID, visit func(plan.Discovered) error) error {
	prefix, err := optionalIDKey(enterprise)
	if err != nil {
		return err
	}
	return scan(ctx, l, bucketDiscovered, prefix, func(_ snapshot, key, value []byte) (plan.Discovered, error) {
		d, err := decodeDiscovered(key, value)
		if err != nil {
			return d, l.fault(bucketDiscovered, key, err)
		}
		return d, nil
	}, visit)
}

func decodeDiscovered(key, value []byte) (plan.Discovered, error) {
	if len(key) != 2*idLength {
		return plan.Discovered{}, errors.New("its key is not two Ids")
	}
	seconds, err := unsealNumber(bucketDiscovered, key, value)
	if err != nil {
		return plan.Discovered{}, err
	}
	return plan.Discovered{
		Enterprise: optionalKeyID(key[:idLength]), CustomerID: keyID(key[idLength:]),
		Until: time.Unix(int64(seconds), 0).UTC(),
	}, nil
}
