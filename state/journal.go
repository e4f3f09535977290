package state

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// A record and its journal are one document, so that an intent and its outcome change one
// place each: the number of the newest line, the length of the lines, the lines, and then
// the record, which is decoded without them. A long journal's older lines stand apart, in
// documents that are written once: their newest number and the lines.

// journalLength is how many bytes of lines stand with their record, but for the newest.
const journalLength = 1 << 10

// document is a record with its journal as a batch has found it, and leaves it.
type document struct {
	key      []byte
	old, now plan.Record
	// put tells that the batch puts the record.
	put bool
	// lines are those that stand with the record, and last is the newest one's number, 0
	// before the first. The number stays when the line is left out.
	lines []plan.Entry
	last  uint64
}

// splitRecord takes a record's value apart.
func splitRecord(key, value []byte) (last uint64, lines, record []byte, err error) {
	body, err := unseal(bucketRecords, key, value)
	if err != nil {
		return 0, nil, nil, err
	}
	last, used := binary.Uvarint(body)
	if used <= 0 {
		return 0, nil, nil, errors.New("it has no number of a journal line")
	}
	body = body[used:]
	length, used := binary.Uvarint(body)
	if used <= 0 || length > uint64(len(body)-used) {
		return 0, nil, nil, errors.New("its journal is longer than it")
	}
	body = body[used:]
	return last, body[:length], body[length:], nil
}

func (s snapshot) decodeRecord(id preauth.ID, key, value []byte) (plan.Record, error) {
	d, err := s.decodeDocument(id, key, value, false)
	return d.now, err
}

// decodeDocument decodes a record, and its lines where they are wanted.
func (s snapshot) decodeDocument(id preauth.ID, key, value []byte, wantLines bool) (document, error) {
	last, lines, record, err := splitRecord(key, value)
	var w wireRecord
	if err == nil {
		err = s.l.codec.decode(record, &w)
	}
	if err != nil {
		return document{}, s.l.fault(bucketRecords, key, err)
	}
	d := document{key: key, last: last}
	d.now, err = fromWireRecord(id, w, s.enterprises)
	if err == nil && wantLines {
		d.lines, err = decodeLines(id, ownerOf(d.now), last, lines)
	}
	if err != nil {
		return document{}, s.l.fault(bucketRecords, key, err)
	}
	d.old = d.now
	return d, nil
}

// encodeDocument encodes a record; lines are its lines as they are encoded.
func (c codec) encodeDocument(d document, enterprise uint16, lines []byte) ([]byte, error) {
	w, err := toWireRecord(d.now, enterprise)
	if err != nil {
		return nil, err
	}
	record, err := c.enc.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("encoding a document of %s: %w", bucketRecords, err)
	}
	body := make([]byte, 0, 2*binary.MaxVarintLen64+len(lines)+len(record)+checksumLength)
	body = binary.AppendUvarint(body, d.last)
	body = binary.AppendUvarint(body, uint64(len(lines)))
	body = append(append(body, lines...), record...)
	return seal(bucketRecords, d.key, body), nil
}

// encodeOlder gives the document of lines that stand apart, and its key.
func encodeOlder(id []byte, lines []plan.Entry) (key, value []byte) {
	key = journalKey(id, lines[0].Seq)
	body := binary.AppendUvarint(nil, lines[len(lines)-1].Seq)
	return key, seal(bucketJournal, key, append(body, encodeLines(owner{}, lines)...))
}

func (l *Ledger) decodeOlder(key, value []byte) ([]plan.Entry, error) {
	body, err := unseal(bucketJournal, key, value)
	if err == nil && len(key) != idLength+seqLength {
		err = fmt.Errorf("its key has %d bytes", len(key))
	}
	if err != nil {
		return nil, l.fault(bucketJournal, key, err)
	}
	last, used := binary.Uvarint(body)
	if used <= 0 {
		return nil, l.fault(bucketJournal, key, errors.New("it has no number of a journal line"))
	}
	lines, err := decodeLines(keyID(key[:idLength]), owner{}, last, body[used:])
	if err == nil && (len(lines) == 0 || lines[0].Seq != binary.BigEndian.Uint64(key[idLength:])) {
		err = errors.New("its first line has not the number of its key")
	}
	if err != nil {
		return nil, l.fault(bucketJournal, key, err)
	}
	return lines, nil
}

// Journal gives a record's lines, oldest first.
func (l *Ledger) Journal(ctx context.Context, id preauth.ID) ([]plan.Entry, error) {
	key, err := idKey(id)
	if err != nil {
		return nil, err
	}
	var entries []plan.Entry
	err = l.viewNow(ctx, func(s snapshot) error {
		older := s.cursor(bucketJournal)
		for at, value := older.Seek(key); bytes.HasPrefix(at, key); at, value = older.Next() {
			lines, err := l.decodeOlder(at, value)
			if err != nil {
				return err
			}
			entries = append(entries, lines...)
		}
		value := s.get(bucketRecords, key)
		if value == nil {
			return nil
		}
		d, err := s.decodeDocument(id, key, value, true)
		entries = append(entries, d.lines...)
		return err
	})
	return entries, err
}

// journal appends lines, each to its record's, which is stored or in the batch.
func (s *stager) journal(entries []plan.Entry) error {
	for _, e := range entries {
		if int(e.Phase) >= len(plan.Phases()) || e.Action > plan.Capture {
			return fmt.Errorf("a journal line of %s with phase %d and action %d", e.ID, e.Phase, e.Action)
		}
		d, err := s.document(e.ID)
		if err != nil {
			return fmt.Errorf("a journal line: %w", err)
		}
		if d.now.Revision == 0 {
			return fmt.Errorf("a journal line of %s, of which there is no record", e.ID)
		}
		s.sequence++
		e.Seq, d.last = s.sequence, s.sequence
		d.lines = append(d.lines, e)
	}
	return nil
}

// document gives what a batch makes of a record: it is decoded once.
func (s *stager) document(id preauth.ID) (*document, error) {
	if d, ok := s.documents[id]; ok {
		return d, nil
	}
	key, err := idKey(id)
	if err != nil {
		return nil, err
	}
	d := s.group.room()
	*d = document{key: key}
	if value := s.get(bucketRecords, key); value != nil {
		if *d, err = s.decodeDocument(id, key, value, true); err != nil {
			return nil, err
		}
	}
	s.documents[id] = d
	s.order = append(s.order, d)
	return d, nil
}

// putDocuments puts the records of a batch with their journals.
func (s *stager) putDocuments() error {
	for _, d := range s.order {
		lines := encodeLines(ownerOf(d.now), d.lines)
		if newest := len(d.lines) - 1; newest > 0 && len(lines) > journalLength {
			key, value := encodeOlder(d.key, d.lines[:newest])
			s.write(bucketJournal, key, value)
			lines = encodeLines(ownerOf(d.now), d.lines[newest:])
		}
		number, err := s.number(d.now.Enterprise)
		if err != nil {
			return err
		}
		value, err := s.l.codec.encodeDocument(*d, number, lines)
		if err != nil {
			return err
		}
		s.write(bucketRecords, d.key, value)
	}
	return nil
}
