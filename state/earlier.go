package state

import (
	"bytes"
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// What files of the schemas 1 to 4 hold otherwise than this one. They are only read, and
// rewritten: see migrate.go. Their customers are keyed by two Ids and hold a cycle, their
// identities are keyed one by one and hold an Id, their journal has a line a key.

// earlierBuckets lists those that a file of an earlier schema has.
func earlierBuckets(version int) []string {
	names := []string{
		bucketMeta, bucketRecords, bucketUnfinished, bucketIdentities, bucketJournal, bucketCustomers,
		bucketProperties, bucketSinks, bucketHighest, bucketTokens, bucketUnmatched,
	}
	if version >= 2 {
		names = append(names, bucketParked, bucketTallies, bucketDiscovered)
	}
	if version >= 3 {
		names = append(names, bucketPauses)
	}
	if version >= 4 {
		names = append(names, bucketLookedUp, bucketObserved, bucketObservedReads)
	}
	return names
}

// keptBuckets lists those of an earlier file whose documents are still the same.
func keptBuckets() []string {
	return []string{
		bucketProperties, bucketSinks, bucketHighest, bucketTokens, bucketUnmatched, bucketDiscovered, bucketPauses,
		bucketLookedUp, bucketObserved, bucketObservedReads,
	}
}

type earlierRecord struct {
	Revision        uint64           `cbor:"1,keyasint"`
	Enterprise      []byte           `cbor:"2,keyasint,omitempty"`
	CustomerID      []byte           `cbor:"3,keyasint,omitempty"`
	Card            []byte           `cbor:"4,keyasint,omitempty"`
	CardText        string           `cbor:"5,keyasint,omitempty"`
	Phase           uint8            `cbor:"6,keyasint,omitempty"`
	Identity        int64            `cbor:"7,keyasint,omitempty"`
	Unsure          bool             `cbor:"8,keyasint,omitempty"`
	Generation      uint64           `cbor:"9,keyasint,omitempty"`
	Amount          *wireMoney       `cbor:"10,keyasint,omitempty"`
	PaymentMethodID int64            `cbor:"11,keyasint,omitempty"`
	Intent          *wireIntent      `cbor:"12,keyasint,omitempty"`
	Sends           int              `cbor:"13,keyasint,omitempty"`
	Seen            wireObservation  `cbor:"14,keyasint"`
	History         uint8            `cbor:"15,keyasint,omitempty"`
	Missing         int              `cbor:"16,keyasint,omitempty"`
	Park            *wirePark        `cbor:"17,keyasint,omitempty"`
	Answered        *wireObservation `cbor:"18,keyasint,omitempty"`
	Updated         int64            `cbor:"19,keyasint,omitempty"`
	HeldSince       int64            `cbor:"20,keyasint,omitempty"`
	Aged            bool             `cbor:"21,keyasint,omitempty"`
}

func (l *Ledger) decodeEarlierRecord(key, value []byte) (plan.Record, error) {
	var w earlierRecord
	if err := l.codec.get(bucketRecords, key, value, &w); err != nil {
		return plan.Record{}, l.fault(bucketRecords, key, err)
	}
	var faults wireFaults
	r := plan.Record{
		ID: keyID(key), Revision: w.Revision, Enterprise: faults.id(w.Enterprise), CustomerID: faults.id(w.CustomerID),
		CardID: faults.card(w.Card, w.CardText), Phase: faults.phase(w.Phase), Identity: w.Identity, Unsure: w.Unsure,
		Generation: w.Generation, Amount: faults.money(w.Amount), PaymentMethodID: w.PaymentMethodID,
		HeldSince: fromMillis(w.HeldSince), Aged: w.Aged, Intent: faults.intent(w.Intent),
		Sends: w.Sends, Seen: faults.observation(w.Seen), History: plan.History(w.History), Missing: w.Missing,
		Park: faults.park(w.Park), Updated: fromMillis(w.Updated),
	}
	if w.Answered != nil {
		answered := faults.observation(*w.Answered)
		r.Answered = &answered
	}
	if faults.err != nil {
		return plan.Record{}, l.fault(bucketRecords, key, faults.err)
	}
	return r, nil
}

type earlierEntry struct {
	At              int64      `cbor:"1,keyasint,omitempty"`
	Event           string     `cbor:"2,keyasint,omitempty"`
	CycleID         string     `cbor:"3,keyasint,omitempty"`
	Action          uint8      `cbor:"4,keyasint,omitempty"`
	Attempt         int        `cbor:"5,keyasint,omitempty"`
	Phase           uint8      `cbor:"6,keyasint,omitempty"`
	Amount          *wireMoney `cbor:"7,keyasint,omitempty"`
	PaymentMethodID int64      `cbor:"8,keyasint,omitempty"`
	Identity        int64      `cbor:"9,keyasint,omitempty"`
	Status          int        `cbor:"10,keyasint,omitempty"`
	TrackingID      string     `cbor:"11,keyasint,omitempty"`
	Reason          string     `cbor:"12,keyasint,omitempty"`
	Note            string     `cbor:"13,keyasint,omitempty"`
	RequestID       string     `cbor:"14,keyasint,omitempty"`
}

func (l *Ledger) decodeEarlierEntry(key, value []byte) (plan.Entry, error) {
	var w earlierEntry
	err := l.codec.get(bucketJournal, key, value, &w)
	if err == nil && len(key) != idLength+seqLength {
		err = fmt.Errorf("its key has %d bytes", len(key))
	}
	if err != nil {
		return plan.Entry{}, l.fault(bucketJournal, key, err)
	}
	var faults wireFaults
	e := plan.Entry{
		ID: keyID(key[:idLength]), Seq: binary.BigEndian.Uint64(key[idLength:]), At: fromMillis(w.At), Event: w.Event, CycleID: w.CycleID,
		Action: faults.action(w.Action), Attempt: w.Attempt, Phase: faults.phase(w.Phase),
		Amount: faults.money(w.Amount), PaymentMethodID: w.PaymentMethodID, Identity: w.Identity,
		Status: w.Status, TrackingID: w.TrackingID, Reason: plan.Reason(w.Reason), Note: w.Note,
		RequestID: w.RequestID,
	}
	if faults.err != nil {
		return plan.Entry{}, l.fault(bucketJournal, key, faults.err)
	}
	return e, nil
}

// decodeEarlierRead gives the customer of an earlier file's key, and the cycle.
func (l *Ledger) decodeEarlierRead(key, value []byte) (plan.CustomerRead, error) {
	cycle, err := unsealNumber(bucketCustomers, key, value)
	if err == nil && len(key) != 2*idLength {
		err = fmt.Errorf("its key has %d bytes", len(key))
	}
	if err != nil {
		return plan.CustomerRead{}, l.fault(bucketCustomers, key, err)
	}
	return plan.CustomerRead{Enterprise: optionalKeyID(key[:idLength]), CustomerID: keyID(key[idLength:]), Cycle: cycle}, nil
}

// decodeEarlierOwner gives the sink and the identity of an earlier file's key, and whose
// it is.
func (l *Ledger) decodeEarlierOwner(key, value []byte) (sink string, identity int64, owner preauth.ID, err error) {
	const identityLength = 8
	id, err := unseal(bucketIdentities, key, value)
	name := len(key) - identityLength - 1
	if err == nil && (len(id) != idLength || name < 0 || key[name] != 0) {
		err = fmt.Errorf("an owner of %d bytes, under a key of %d", len(id), len(key))
	}
	if err != nil {
		return "", 0, "", l.fault(bucketIdentities, key, err)
	}
	return string(key[:name]), int64(binary.BigEndian.Uint64(key[name+1:])), keyID(id), nil
}

// earlierJournal walks the lines of an earlier file.
type earlierJournal struct {
	l          *Ledger
	cursor     *bolt.Cursor
	key, value []byte
}

func (l *Ledger) earlierJournal(from *bolt.Tx) *earlierJournal {
	j := &earlierJournal{l: l, cursor: from.Bucket([]byte(bucketJournal)).Cursor()}
	j.key, j.value = j.cursor.First()
	return j
}

// before tells whether the next line stands before those of an Id; nil stands for the end.
func (j *earlierJournal) before(id []byte) bool {
	return j.key != nil && (id == nil || bytes.Compare(j.key, id) < 0)
}

// take gives the next lines that are an Id's.
func (j *earlierJournal) take(id []byte) (lines []plan.Entry, err error) {
	for ; bytes.HasPrefix(j.key, id); j.key, j.value = j.cursor.Next() {
		line, err := j.l.decodeEarlierEntry(j.key, j.value)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}
