package state

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// recordIndex is a bucket of keys without values, one for each record that key
// gives a key for. The key ends with the record's Id.
type recordIndex struct {
	bucket string
	// key is nil for a record that does not belong in the index.
	key func(plan.Record) ([]byte, error)
}

func inFlightIndex() recordIndex { return recordIndex{bucketInFlight, inFlightKey} }
func parkedIndex() recordIndex   { return recordIndex{bucketParked, parkedKey} }

func recordIndexes() []recordIndex { return []recordIndex{inFlightIndex(), parkedIndex()} }

func inFlightKey(r plan.Record) ([]byte, error) {
	if !r.Phase.InFlight() {
		return nil, nil
	}
	return idKey(r.ID)
}

// parkedKey sorts the marks of an enterprise by their age.
func parkedKey(r plan.Record) ([]byte, error) {
	if r.Park == nil {
		return nil, nil
	}
	key, err := pairKey(r.Enterprise, r.ID)
	if err != nil {
		return nil, err
	}
	// With its sign turned over, a time before 1970 sorts before the others.
	since := binary.BigEndian.AppendUint64(nil, uint64(toMillis(r.Park.Since))^1<<63)
	return slices.Insert(key, idLength, since...), nil
}

// parkedSince gives back since when.
func parkedSince(key []byte) time.Time {
	return fromMillis(int64(binary.BigEndian.Uint64(key[idLength:]) ^ 1<<63))
}

// reindex moves a record from where an index has it to where it belongs.
func (s *stager) reindex(index recordIndex, t transition) error {
	was, err := index.key(*t.old)
	if err != nil {
		return err
	}
	is, err := index.key(*t.now)
	if err != nil || bytes.Equal(was, is) {
		return err
	}
	if was != nil {
		s.index(index.bucket, was, false)
	}
	if is != nil {
		s.index(index.bucket, is, true)
	}
	return nil
}

// index puts or deletes a key of a bucket of keys.
func (s *stager) index(bucket string, key []byte, present bool) {
	var value []byte
	if present {
		value = seal(bucket, key, nil)
	}
	s.write(bucket, key, value)
}

// InFlight hands over the records in flight, of every enterprise, in the order of their
// Ids. What is committed meanwhile may be seen or not.
func (l *Ledger) InFlight(ctx context.Context, visit func(plan.Record) error) error {
	return scan(ctx, l, bucketInFlight, nil, l.indexed(inFlightIndex()), visit)
}

// Parked hands over the parked records, those of one enterprise after those of
// another, the oldest mark first. What is committed meanwhile may be seen or
// not, and a record whose mark is replaced meanwhile may be seen twice.
func (l *Ledger) Parked(ctx context.Context, visit func(plan.Record) error) error {
	return scan(ctx, l, bucketParked, nil, l.indexed(parkedIndex()), visit)
}

// indexed turns a key of an index into its record, which must agree.
func (l *Ledger) indexed(index recordIndex) func(s snapshot, key, value []byte) (plan.Record, error) {
	return func(s snapshot, key, value []byte) (plan.Record, error) {
		if _, err := unseal(index.bucket, key, value); err != nil {
			return plan.Record{}, l.fault(index.bucket, key, err)
		}
		if len(key) < idLength {
			return plan.Record{}, corrupt(l.options.Path, "the index of %s records holds %x", index.bucket, key)
		}
		id := key[len(key)-idLength:]
		r, _, err := l.record(s, keyID(id), bytes.Clone(id))
		if err != nil {
			return r, err
		}
		own, err := index.key(r)
		if err != nil {
			return r, err
		}
		if !bytes.Equal(own, key) {
			return r, corrupt(l.options.Path, "the index of %s records is wrong about record %s", index.bucket, keyID(id))
		}
		return r, nil
	}
}
