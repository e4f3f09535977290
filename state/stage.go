package state

import (
	"fmt"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// staging works out what a group of batches writes. It only reads, so that what is
// refused leaves no trace.
type staging struct {
	// snapshot is what is stored, and writes lie over it.
	snapshot
	writes overlay
	known  *known
	// changes are those of the tallies.
	changes tallies
	// before is what the keys stood for that the batch under way has written, in order, and
	// spare is the memory of documents of batches before it.
	before []undone
	spare  []*document
	// property is the one whose sink was asked for last.
	property lastProperty
}

func (l *Ledger) stage(stored snapshot) *staging {
	return &staging{snapshot: stored, writes: make(overlay), known: l.known.over(), changes: make(tallies)}
}

// add stages one more batch, on top of those before it.
func (g *staging) add(batch plan.Batch) error {
	s := g.stager()
	defer func() { g.spare = append(g.spare, s.order...) }()
	if err := s.batch(batch); err != nil {
		s.undo()
		return err
	}
	g.changes.move(s.transitions)
	g.take(s)
	return nil
}

// finish adds what the group as a whole comes to.
func (g *staging) finish() error {
	s := g.stager()
	if err := s.addTallies(g.changes); err != nil {
		return err
	}
	g.take(s)
	return nil
}

func (g *staging) stager() *stager {
	g.before = g.before[:0]
	s := &stager{snapshot: g.under(g.writes), group: g, sequence: g.known.sequence, documents: make(map[preauth.ID]*document, 1)}
	s.enterprises = g.known.enterprises
	return s
}

// take makes what a batch has come to that of the group.
func (g *staging) take(s *stager) {
	g.known.enterprises, g.known.sequence = s.enterprises, s.sequence
	maps.Copy(g.known.spans, s.spans)
	for _, each := range s.bumped {
		g.known.bump(each)
	}
	if s.token {
		g.known.tokens++
	}
}

// room gives memory for a document of the batch under way.
func (g *staging) room() *document {
	last := len(g.spare) - 1
	if last < 0 {
		return new(document)
	}
	d := g.spare[last]
	g.spare = g.spare[:last]
	return d
}

// apply stores what a group writes in the trees.
func (g *staging) apply(tx *bolt.Tx) error {
	g.announce()
	return g.l.storeAll(tx, g.writes, g.known.sequence)
}

// announce is for whoever reads what is about to be stored.
func (g *staging) announce() { g.l.enterprises.Store(g.known.enterprises) }

// storeAll stores writes, each bucket's in the order of its keys, and the number of the
// newest journal line.
func (l *Ledger) storeAll(tx *bolt.Tx, writes overlay, sequence uint64) error {
	for name, values := range writes {
		bucket := tx.Bucket([]byte(name))
		for _, key := range slices.Sorted(maps.Keys(values)) {
			var err error
			if value := values[key]; value == nil {
				err = bucket.Delete([]byte(key))
			} else {
				err = bucket.Put([]byte(key), value)
			}
			if err != nil {
				return fmt.Errorf("storing in %s: %w", name, err)
			}
			l.touched(tx, putWeight)
		}
	}
	return tx.Bucket([]byte(bucketRecords)).SetSequence(sequence)
}

// stager works out what one batch writes. What it reads is what it has written.
type stager struct {
	snapshot
	group *staging
	// documents are those of the records that the batch is about, and order is that in
	// which they came.
	documents map[preauth.ID]*document
	order     []*document
	// transitions are those of the records that the batch puts.
	transitions []transition

	// What becomes of what the group knows: the number of the newest journal line, spans
	// that change, the enterprises whose records are put, and whether tokens are.
	sequence uint64
	spans    map[uint16][]span
	bumped   []preauth.ID
	token    bool
}

// undone is what a key stood for before a write: whether the group had written it, and
// what.
type undone struct {
	bucket string
	key    []byte
	value  []byte
	known  bool
}

// transition is a record as it is stored, zero for none, and as it will be.
type transition struct{ old, now *plan.Record }

// write puts a value among the group's writes; nil deletes the key.
func (s *stager) write(bucket string, key, value []byte) {
	was, known := s.group.writes.get(bucket, key)
	s.group.before = append(s.group.before, undone{bucket: bucket, key: key, value: was, known: known})
	s.group.writes.put(bucket, key, value)
}

// undo takes all writes back.
func (s *stager) undo() {
	for _, each := range slices.Backward(s.group.before) {
		if each.known {
			s.group.writes.put(each.bucket, each.key, each.value)
		} else {
			s.group.writes.drop(each.bucket, each.key)
		}
	}
}

func (s *stager) batch(batch plan.Batch) error {
	if err := s.passes(batch.Passes); err != nil {
		return err
	}
	if err := s.records(batch.Records, batch.Property); err != nil {
		return err
	}
	if err := s.journal(batch.Journal); err != nil {
		return err
	}
	if err := s.putDocuments(); err != nil {
		return err
	}
	if err := s.property(batch.Property); err != nil {
		return err
	}
	if err := s.sink(batch.Sink); err != nil {
		return err
	}
	if err := s.reads(batch.Read); err != nil {
		return err
	}
	if err := s.discovered(batch.Discovered); err != nil {
		return err
	}
	if err := s.lookedUp(batch.LookedUp); err != nil {
		return err
	}
	if err := s.report(batch); err != nil {
		return err
	}
	if err := s.tokens(batch.Tokens); err != nil {
		return err
	}
	if err := s.highest(batch.Highest); err != nil {
		return err
	}
	return s.pauses(batch.Pauses)
}

// put stores a document.
func (s *stager) put(bucket string, key []byte, wire any) error {
	value, err := s.l.codec.put(bucket, key, wire)
	if err != nil {
		return err
	}
	s.write(bucket, key, value)
	return nil
}

// conflict compares a stored revision (0 for none) with the one that was read.
func conflict(what, name string, stored, read uint64) error {
	if stored == read {
		return nil
	}
	return fmt.Errorf("%s %s is at revision %d and was read at %d: %w", what, name, stored, read, plan.ErrConflict)
}

func (s *stager) records(records []plan.Record, property *plan.Property) error {
	for _, r := range records {
		if err := s.record(r); err != nil {
			return err
		}
	}
	if err := s.identities(property); err != nil {
		return err
	}
	return s.captures(property)
}

// record puts a record; putDocuments stores it, with its journal.
func (s *stager) record(r plan.Record) error {
	d, err := s.document(r.ID)
	if err != nil {
		return err
	}
	if d.put {
		return fmt.Errorf("record %s stands twice in one batch", r.ID)
	}
	if err := conflict("record", string(r.ID), d.old.Revision, r.Revision); err != nil {
		return err
	}
	d.now, d.put = r, true
	d.now.Revision++
	t := transition{old: &d.old, now: &d.now}
	if err := s.unfinished(t); err != nil {
		return err
	}
	for _, index := range recordIndexes() {
		if err := s.reindex(index, t); err != nil {
			return err
		}
	}
	s.transitions = append(s.transitions, t)
	if t.old.Revision > 0 {
		if err := s.forget(*t.old); err != nil {
			return err
		}
	}
	return s.forget(*t.now)
}

func (s *stager) property(p *plan.Property) error {
	if p == nil {
		return nil
	}
	key, err := idKey(p.Enterprise)
	if err != nil {
		return err
	}
	old, _, err := s.l.property(key, s.get(bucketProperties, key))
	if err != nil {
		return err
	}
	if err := conflict("property", string(p.Enterprise), old.Revision, p.Revision); err != nil {
		return err
	}
	wire, err := toWireProperty(*p)
	if err != nil {
		return err
	}
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
	old, _, err := s.l.sink(key, s.get(bucketSinks, key))
	if err != nil {
		return err
	}
	if err := conflict("sink", sink.Name, old.Revision, sink.Revision); err != nil {
		return err
	}
	wire, err := toWireSink(*sink)
	if err != nil {
		return err
	}
	wire.Revision++
	return s.put(bucketSinks, key, wire)
}

func (s *stager) tokens(tokens []plan.Token) error {
	for _, t := range tokens {
		key, err := tokenKey(t.Sink, t.Token)
		if err != nil {
			return err
		}
		old, exists, err := s.l.token(key, s.get(bucketTokens, key))
		if err != nil {
			return err
		}
		if exists {
			t = mergeToken(old, t)
		}
		if err := s.put(bucketTokens, key, toWireToken(t)); err != nil {
			return err
		}
		s.index(bucketUnmatched, key, !t.Foreign)
		if err := s.forgetToken(t.Token); err != nil {
			return err
		}
	}
	s.token = len(tokens) > 0
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
	for _, h := range highest {
		key, err := sinkKey(h.Sink)
		if err != nil {
			return err
		}
		if h.Identity < 0 {
			return fmt.Errorf("identity %d of sink %s is negative", h.Identity, h.Sink)
		}
		old, err := s.l.highest(key, s.get(bucketHighest, key))
		if err != nil {
			return err
		}
		if h.Identity > old {
			s.write(bucketHighest, key, sealNumber(bucketHighest, key, uint64(h.Identity)))
		}
	}
	return nil
}
