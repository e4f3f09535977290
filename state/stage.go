package state

import (
	"bytes"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// write is one change of a transaction.
type write struct {
	bucket string
	key    []byte
	// value nil deletes the key.
	value []byte
	// entry is a journal line: its key and value wait for its sequence.
	entry func(seq uint64) (key, value []byte, err error)
}

// stager works out what a batch writes. It only reads, so that a batch that is
// refused half way leaves no trace in the transaction it shares.
type stager struct {
	l      *Ledger
	tx     *bolt.Tx
	writes []write
	// transitions are those of the records.
	transitions []transition
}

// transition is a record as it is stored, zero for none, and as it will be.
type transition struct{ old, now plan.Record }

func (l *Ledger) stage(tx *bolt.Tx, batch plan.Batch) (*stager, error) {
	s := &stager{l: l, tx: tx}
	if err := s.records(batch.Records, batch.Property); err != nil {
		return nil, err
	}
	if err := s.property(batch.Property); err != nil {
		return nil, err
	}
	if err := s.sink(batch.Sink); err != nil {
		return nil, err
	}
	if err := s.journal(batch.Journal); err != nil {
		return nil, err
	}
	if err := s.reads(bucketCustomers, batch.Read); err != nil {
		return nil, err
	}
	if err := s.discovered(batch.Discovered); err != nil {
		return nil, err
	}
	if err := s.lookedUp(batch.LookedUp); err != nil {
		return nil, err
	}
	if err := s.report(batch); err != nil {
		return nil, err
	}
	if err := s.tokens(batch.Tokens); err != nil {
		return nil, err
	}
	if err := s.highest(batch.Highest); err != nil {
		return nil, err
	}
	if err := s.pauses(batch.Pauses); err != nil {
		return nil, err
	}
	return s, nil
}

func apply(tx *bolt.Tx, writes []write) error {
	for _, w := range writes {
		bucket, key, value := tx.Bucket([]byte(w.bucket)), w.key, w.value
		if w.entry != nil {
			seq, err := bucket.NextSequence()
			if err != nil {
				return err
			}
			if key, value, err = w.entry(seq); err != nil {
				return err
			}
		}
		var err error
		if value == nil {
			err = bucket.Delete(key)
		} else {
			err = bucket.Put(key, value)
		}
		if err != nil {
			return fmt.Errorf("storing in %s: %w", w.bucket, err)
		}
	}
	return nil
}

func (s *stager) stored(bucket string, key []byte) []byte {
	s.l.touched(s.tx, 1)
	return s.tx.Bucket([]byte(bucket)).Get(key)
}

func (s *stager) put(bucket string, key []byte, wire any) error {
	value, err := s.l.codec.put(bucket, key, wire)
	if err != nil {
		return err
	}
	s.writes = append(s.writes, write{bucket: bucket, key: key, value: value})
	return nil
}

// index puts or deletes a key of an index bucket.
func (s *stager) index(bucket string, key []byte, present bool) {
	w := write{bucket: bucket, key: key}
	if present {
		w.value = seal(bucket, key, nil)
	}
	s.writes = append(s.writes, w)
}

// conflict compares a stored revision (0 for none) with the one that was read.
func conflict(what string, stored, read uint64) error {
	if stored == read {
		return nil
	}
	return fmt.Errorf("%s is at revision %d and was read at %d: %w", what, stored, read, plan.ErrConflict)
}

func (s *stager) records(records []plan.Record, property *plan.Property) error {
	seen := make(map[preauth.ID]bool, len(records))
	for _, r := range records {
		if seen[r.ID] {
			return fmt.Errorf("record %s stands twice in one batch", r.ID)
		}
		seen[r.ID] = true
		old, err := s.record(r)
		if err != nil {
			return err
		}
		t := transition{old: old, now: r}
		for _, index := range recordIndexes() {
			if err := s.reindex(index, t); err != nil {
				return err
			}
		}
		s.transitions = append(s.transitions, t)
	}
	if err := s.identities(property); err != nil {
		return err
	}
	return s.captures(property)
}

// record puts a record, and gives the one that was stored.
func (s *stager) record(r plan.Record) (plan.Record, error) {
	key, err := idKey(r.ID)
	if err != nil {
		return plan.Record{}, err
	}
	old, _, err := s.l.record(s.tx, r.ID, key)
	if err != nil {
		return plan.Record{}, err
	}
	if err := conflict("record "+string(r.ID), old.Revision, r.Revision); err != nil {
		return plan.Record{}, err
	}
	wire, err := toWireRecord(r)
	if err != nil {
		return plan.Record{}, err
	}
	wire.Revision++
	return old, s.put(bucketRecords, key, wire)
}

func (s *stager) property(p *plan.Property) error {
	if p == nil {
		return nil
	}
	key, err := idKey(p.Enterprise)
	if err != nil {
		return err
	}
	old, _, err := s.l.property(key, s.stored(bucketProperties, key))
	if err != nil {
		return err
	}
	if err := conflict("property "+string(p.Enterprise), old.Revision, p.Revision); err != nil {
		return err
	}
	wire := toWireProperty(*p)
	wire.Revision++
	return s.put(bucketProperties, key, wire)
}

func (s *stager) sink(sink *plan.Sink) error {
	if sink == nil {
		return nil
	}
	key, err := sinkKey(sink.Name)
	if err != nil {
		return err
	}
	old, _, err := s.l.sink(key, s.stored(bucketSinks, key))
	if err != nil {
		return err
	}
	if err := conflict("sink "+sink.Name, old.Revision, sink.Revision); err != nil {
		return err
	}
	wire, err := toWireSink(*sink)
	if err != nil {
		return err
	}
	wire.Revision++
	return s.put(bucketSinks, key, wire)
}

func (s *stager) journal(entries []plan.Entry) error {
	for _, e := range entries {
		id, err := idKey(e.ID)
		if err != nil {
			return fmt.Errorf("a journal line: %w", err)
		}
		s.writes = append(s.writes, write{
			bucket: bucketJournal,
			entry: func(seq uint64) ([]byte, []byte, error) {
				key := journalKey(id, seq)
				value, err := s.l.codec.put(bucketJournal, key, toWireEntry(e))
				return key, value, err
			},
		})
	}
	return nil
}

// reads marks customers as read, if they are not yet. What is stored of the forgotten
// enterprises does not count.
func (s *stager) reads(bucket string, read []plan.CustomerRead, forgotten ...preauth.ID) error {
	seen := make(map[string]bool, len(read))
	for _, each := range read {
		key, err := pairKey(each.Enterprise, each.CustomerID)
		if err != nil {
			return err
		}
		if seen[string(key)] || !slices.Contains(forgotten, each.Enterprise) && s.stored(bucket, key) != nil {
			continue
		}
		seen[string(key)] = true
		s.writes = append(s.writes, write{bucket: bucket, key: key, value: sealNumber(bucket, key, each.Cycle)})
	}
	return nil
}

func (s *stager) tokens(tokens []plan.Token) error {
	staged := make(map[string]plan.Token, len(tokens))
	for _, t := range tokens {
		key, err := tokenKey(t.Sink, t.Token)
		if err != nil {
			return err
		}
		old, exists := staged[string(key)]
		if !exists {
			if old, exists, err = s.l.token(key, s.stored(bucketTokens, key)); err != nil {
				return err
			}
		}
		if exists {
			t = mergeToken(old, t)
		}
		staged[string(key)] = t
		if err := s.put(bucketTokens, key, toWireToken(t)); err != nil {
			return err
		}
		s.index(bucketUnmatched, bytes.Clone(key), !t.Foreign)
	}
	return nil
}

// mergeToken adds t's holds to those stored, which stay as they are. A token
// once found foreign stays so until it shows up on another hold.
func mergeToken(stored, t plan.Token) plan.Token {
	known := make(map[int64]bool, len(stored.Holds))
	for _, h := range stored.Holds {
		known[h.Identity] = true
	}
	grown := false
	for _, h := range t.Holds {
		if !known[h.Identity] {
			known[h.Identity], grown = true, true
			stored.Holds = append(stored.Holds, h)
		}
	}
	stored.Foreign = t.Foreign || stored.Foreign && !grown
	return stored
}

func (s *stager) highest(highest []plan.Highest) error {
	staged := make(map[string]int64, len(highest))
	for _, h := range highest {
		key, err := sinkKey(h.Sink)
		if err != nil {
			return err
		}
		if h.Identity < 0 {
			return fmt.Errorf("identity %d of sink %s is negative", h.Identity, h.Sink)
		}
		old, exists := staged[h.Sink]
		if !exists {
			if old, err = s.l.highest(key, s.stored(bucketHighest, key)); err != nil {
				return err
			}
		}
		if h.Identity <= old {
			continue
		}
		staged[h.Sink] = h.Identity
		s.writes = append(s.writes, write{
			bucket: bucketHighest, key: key, value: sealNumber(bucketHighest, key, uint64(h.Identity)),
		})
	}
	return nil
}
