package state

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/google/uuid"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// An identity of a sink belongs to one record. A record's sink is its
// property's when the identity is stored, and stays so: a property that moves to
// another sink takes no identity with it.
//
// Sinks count their identities up, so the owners of sixteen that follow each other stand
// in one document: a bit for each that has one, the first the lowest, then their Ids.

const (
	// identitiesOf is how many identities stand in one document.
	identitiesOf = 16
	maskLength   = 2
)

// owners are those of a document's identities.
type owners struct {
	mask uint16
	ids  []uuid.UUID
}

// identityKey gives the key of the document that an identity stands in, and its position
// there.
func identityKey(sink string, identity int64) (key []byte, at int) {
	key = append(make([]byte, 0, len(sink)+1+seqLength), sink...)
	key = append(key, 0)
	return binary.BigEndian.AppendUint64(key, uint64(identity)/identitiesOf), int(uint64(identity) % identitiesOf)
}

// index gives where the Id of a position stands, and whether it has one.
func (o owners) index(at int) (index int, owned bool) {
	return bits.OnesCount16(o.mask & (1<<at - 1)), o.mask&(1<<at) != 0
}

// set gives a position to a record.
func (o *owners) set(at int, id uuid.UUID) {
	index, owned := o.index(at)
	if owned {
		o.ids[index] = id
		return
	}
	o.mask |= 1 << at
	o.ids = slices.Insert(o.ids, index, id)
}

func (o *owners) unset(at int) {
	index, owned := o.index(at)
	if owned {
		o.mask &^= 1 << at
		o.ids = slices.Delete(o.ids, index, index+1)
	}
}

// encode gives the document, nil where nothing is owned.
func (o owners) encode(key []byte) []byte {
	if o.mask == 0 {
		return nil
	}
	body := make([]byte, 0, maskLength+idLength*len(o.ids)+checksumLength)
	body = binary.BigEndian.AppendUint16(body, o.mask)
	for _, id := range o.ids {
		body = append(body, id[:]...)
	}
	return seal(bucketIdentities, key, body)
}

func (l *Ledger) decodeOwners(key, value []byte) (o owners, err error) {
	if value == nil {
		return o, nil
	}
	body, err := unseal(bucketIdentities, key, value)
	if err != nil {
		return o, l.fault(bucketIdentities, key, err)
	}
	if len(body) > maskLength {
		o.mask = binary.BigEndian.Uint16(body)
	}
	if o.mask == 0 || len(body) != maskLength+idLength*bits.OnesCount16(o.mask) {
		return o, l.fault(bucketIdentities, key, fmt.Errorf("it has %d bytes for the mask %x", len(body), o.mask))
	}
	o.ids = make([]uuid.UUID, 0, len(body)/idLength+1) // one more is often set
	for id := range slices.Chunk(body[maskLength:], idLength) {
		o.ids = append(o.ids, uuid.UUID(id))
	}
	return o, nil
}

// Owner gives the record that holds an identity of a sink, and whether one does.
func (l *Ledger) Owner(ctx context.Context, sink string, identity int64) (owner preauth.ID, ok bool, err error) {
	err = l.viewNow(ctx, func(s snapshot) error {
		owner, ok, err = l.owner(s, sink, identity)
		return err
	})
	return owner, ok, err
}

func (l *Ledger) owner(s snapshot, sink string, identity int64) (preauth.ID, bool, error) {
	key, at := identityKey(sink, identity)
	all, err := l.decodeOwners(key, s.get(bucketIdentities, key))
	if err != nil {
		return "", false, err
	}
	index, owned := all.index(at)
	if !owned {
		return "", false, nil
	}
	return preauth.ID(all.ids[index].String()), true, nil
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
		owner, owned, err := s.l.owner(s.snapshot, sink, t.now.Identity)
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
	for _, t := range s.transitions {
		if t.old.Identity == 0 || t.old.Identity == t.now.Identity {
			continue
		}
		sink, err := s.claimed(*t.old)
		if err != nil {
			return err
		}
		if err := s.setOwner(sink, t.old.Identity, ""); err != nil {
			return err
		}
	}
	for _, t := range s.transitions {
		if t.now.Identity == 0 || t.old.Identity == t.now.Identity {
			continue
		}
		sink, err := s.sinkOf(t.now.Enterprise, property)
		if err != nil {
			return err
		}
		owner, owned, err := s.l.owner(s.snapshot, sink, t.now.Identity)
		if err != nil {
			return err
		}
		if owned {
			return fmt.Errorf("identity %d of sink %q, claimed by %s, is that of %s: %w",
				t.now.Identity, sink, t.now.ID, owner, plan.ErrIdentityTaken)
		}
		if err := s.setOwner(sink, t.now.Identity, t.now.ID); err != nil {
			return err
		}
	}
	return nil
}

// setOwner gives an identity to a record, or to none for "".
func (s *stager) setOwner(sink string, identity int64, owner preauth.ID) error {
	key, at := identityKey(sink, identity)
	all, err := s.l.decodeOwners(key, s.get(bucketIdentities, key))
	if err != nil {
		return err
	}
	if owner == "" {
		all.unset(at)
	} else {
		id, err := idKey(owner)
		if err != nil {
			return err
		}
		all.set(at, uuid.UUID(id))
	}
	s.write(bucketIdentities, key, all.encode(key))
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
	return s.group.property.sinkOf(s.l, key, s.get(bucketProperties, key))
}

// lastProperty is the property whose sink was asked for last, as it was then: nearly
// always the next question is about the same.
type lastProperty struct {
	key, value []byte
	sink       string
}

// sinkOf decodes a property, unless it is the last one as it was.
func (p *lastProperty) sinkOf(l *Ledger, key, value []byte) (string, error) {
	if p.key != nil && bytes.Equal(key, p.key) && bytes.Equal(value, p.value) {
		return p.sink, nil
	}
	stored, _, err := l.property(key, value)
	if err != nil {
		return "", err
	}
	*p = lastProperty{key: key, value: bytes.Clone(value), sink: stored.Sink}
	return p.sink, nil
}

// claimed finds under which sink a record holds its identity.
func (s *stager) claimed(r plan.Record) (sink string, err error) {
	all := s.cursor(bucketIdentities)
	for key, _ := all.First(); key != nil; {
		name, _, _ := bytes.Cut(key, []byte{0})
		owner, ok, err := s.l.owner(s.snapshot, string(name), r.Identity)
		if err != nil {
			return "", err
		}
		if ok && owner == r.ID {
			return string(name), nil
		}
		// The next sink: no name contains a zero byte.
		key, _ = all.Seek(append(bytes.Clone(name), 1))
	}
	return "", corrupt(s.l.options.Path, "identity %d of record %s is missing from the index", r.Identity, r.ID)
}
