package state

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// An identity of a sink belongs to one record. A record's sink is its
// property's when the identity is stored, and stays so: a property that moves to
// another sink takes no identity with it.

func identityKey(sink string, identity int64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(sink), 0), uint64(identity))
}

// Owner gives the record that holds an identity of a sink, and whether one does.
func (l *Ledger) Owner(ctx context.Context, sink string, identity int64) (owner preauth.ID, ok bool, err error) {
	err = l.viewNow(ctx, func(tx *bolt.Tx) error {
		owner, ok, err = l.owner(tx, identityKey(sink, identity))
		return err
	})
	return owner, ok, err
}

func (l *Ledger) owner(tx *bolt.Tx, key []byte) (preauth.ID, bool, error) {
	value := tx.Bucket([]byte(bucketIdentities)).Get(key)
	if value == nil {
		return "", false, nil
	}
	id, err := unseal(bucketIdentities, key, value)
	if err == nil && len(id) != idLength {
		err = fmt.Errorf("an owner of %d bytes", len(id))
	}
	if err != nil {
		return "", false, l.fault(bucketIdentities, key, err)
	}
	return keyID(id), true, nil
}

// beginsCapture tells whether a record is put so that its capture can be sent.
func beginsCapture(t transition) bool {
	if t.now.Phase != plan.Capturing || t.now.Identity == 0 {
		return false
	}
	again := t.old.Intent != nil && t.now.Intent != nil && t.now.Intent.Attempt > t.old.Intent.Attempt
	return t.old.Phase != plan.Capturing || again
}

// captures refuses the intent to capture a hold where it is not: at another sink
// than the one that gave it, its identity is a stranger's.
func (s *stager) captures(property *plan.Property) error {
	for _, t := range s.transitions {
		if !beginsCapture(t) || t.old.Identity != t.now.Identity {
			continue // what is claimed in this batch is claimed at the same sink
		}
		sink, err := s.sinkOf(t.now.Enterprise, property)
		if err != nil {
			return err
		}
		owner, owned, err := s.l.owner(s.tx, identityKey(sink, t.now.Identity))
		if err != nil {
			return err
		}
		if !owned || owner != t.now.ID {
			return fmt.Errorf("identity %d of %s is not held at sink %q, where it was to be captured: %w",
				t.now.Identity, t.now.ID, sink, plan.ErrIdentityTaken)
		}
	}
	return nil
}

// identities gives up what records no longer hold, then claims what they hold now.
func (s *stager) identities(property *plan.Property) error {
	free := make(map[string]bool)
	for _, t := range s.transitions {
		if t.old.Identity == 0 || t.old.Identity == t.now.Identity {
			continue
		}
		key, err := s.claimed(t.old)
		if err != nil {
			return err
		}
		free[string(key)] = true
		s.writes = append(s.writes, write{bucket: bucketIdentities, key: key})
	}
	taken := make(map[string]preauth.ID)
	for _, t := range s.transitions {
		if t.now.Identity == 0 || t.old.Identity == t.now.Identity {
			continue
		}
		sink, err := s.sinkOf(t.now.Enterprise, property)
		if err != nil {
			return err
		}
		key := identityKey(sink, t.now.Identity)
		owner, owned := taken[string(key)]
		if !owned && !free[string(key)] {
			if owner, owned, err = s.l.owner(s.tx, key); err != nil {
				return err
			}
		}
		if owned {
			return fmt.Errorf("identity %d of sink %q, claimed by %s, is that of %s: %w",
				t.now.Identity, sink, t.now.ID, owner, plan.ErrIdentityTaken)
		}
		taken[string(key)] = t.now.ID
		id, err := idKey(t.now.ID)
		if err != nil {
			return err
		}
		s.writes = append(s.writes, write{bucket: bucketIdentities, key: key, value: seal(bucketIdentities, key, id)})
	}
	return nil
}

// sinkOf names the sink of an enterprise's records; "" before it has a property.
func (s *stager) sinkOf(enterprise preauth.ID, property *plan.Property) (string, error) {
	if property != nil && property.Enterprise == enterprise {
		return property.Sink, nil
	}
	if enterprise == "" {
		return "", nil
	}
	key, err := idKey(enterprise)
	if err != nil {
		return "", err
	}
	stored, _, err := s.l.property(key, s.stored(bucketProperties, key))
	return stored.Sink, err
}

// claimed finds under which sink a record holds its identity.
func (s *stager) claimed(r plan.Record) ([]byte, error) {
	cursor := s.tx.Bucket([]byte(bucketIdentities)).Cursor()
	for each, _ := cursor.First(); each != nil; {
		sink, _, _ := bytes.Cut(each, []byte{0})
		key := identityKey(string(sink), r.Identity)
		owner, ok, err := s.l.owner(s.tx, key)
		if err != nil {
			return nil, err
		}
		if ok && owner == r.ID {
			return key, nil
		}
		// The next sink: no name contains a zero byte.
		each, _ = cursor.Seek(append(bytes.Clone(sink), 1))
	}
	return nil, corrupt(s.l.options.Path, "identity %d of record %s is missing from the index", r.Identity, r.ID)
}
