package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// The buckets. A file has all of its schema's from its creation, and no others.
const (
	bucketMeta        = "meta"        // application, schema, file, and of its log the epoch and the size
	bucketEnterprises = "enterprises" // number → enterprise, how often its pending customers have changed
	bucketRecords     = "records"     // id → record and the newest lines of its journal
	bucketJournal     = "journal"     // id, sequence of the first → older lines of a long journal
	bucketCustomers   = "customers"   // number, customer → what is known of the customer
	bucketUnfinished  = "unfinished"  // number, customer or zeros, id → nothing: records that no customer's document has
	bucketInFlight    = "in_flight"   // id → nothing: an index of records
	bucketParked      = "parked"      // enterprise, since, id → nothing: an index of records
	bucketIdentities  = "identities"  // sink name, 0, identity / 16 → ids: an index of records
	bucketTallies     = "tallies"     // enterprise → what its records add up to
	bucketPasses      = "passes"      // number, first customer → pass
	bucketProperties  = "properties"  // enterprise → property
	bucketSinks       = "sinks"       // name → sink
	bucketHighest     = "highest"     // sink name → identity
	bucketTokens      = "tokens"      // sink name, 0, token → token
	bucketUnmatched   = "unmatched"   // the same key → nothing: an index of tokens
	bucketDiscovered  = "discovered"  // enterprise, customer → until when it is in a window, in seconds since 1970
	bucketPauses      = "pauses"      // enterprise, zeros for all → since when, in milliseconds since 1970
	bucketLookedUp    = "looked_up"   // sink name, 0, field, 0, card → the sink's answer
	bucketObserved    = "observed"    // enterprise, id → what would have been sent

	bucketObservedReads = "observed_reads" // enterprise, customer → the cycle first read in, of the report

	bucketLog = "log" // one key → room for the redo log, which is written in place
)

// buckets lists those that a file of this schema has.
func buckets() []string {
	return []string{
		bucketMeta, bucketEnterprises, bucketRecords, bucketJournal, bucketCustomers, bucketUnfinished, bucketInFlight,
		bucketParked, bucketIdentities, bucketTallies, bucketPasses, bucketProperties, bucketSinks, bucketHighest,
		bucketTokens, bucketUnmatched, bucketDiscovered, bucketPauses, bucketLookedUp, bucketObserved, bucketObservedReads,
		bucketLog,
	}
}

const (
	idLength = 16
	// canonicalLength is that of an Id as text.
	canonicalLength = 36
	numberLength    = 2
	seqLength       = 8
	sinceLength     = 8
	parkedLength    = 2*idLength + sinceLength
	// longToken is the length from which a token's key holds its hash instead: a
	// key has a limit of 32 KiB in bbolt, and what a sink sends has none.
	longToken = 512
)

// idKey gives an Id's 16 bytes. Only the canonical form is accepted, so that
// what is read back is what was put in, and no zeros, which stand for none.
func idKey(id preauth.ID) ([]byte, error) {
	u, err := uuid.Parse(string(id))
	if err != nil || u == uuid.Nil || len(id) != canonicalLength || strings.ToLower(string(id)) != string(id) {
		return nil, fmt.Errorf("%.64q cannot be an Id in the state file: %w", string(id), preauth.ErrNotUUID)
	}
	return u[:], nil
}

// optionalIDKey is idKey, and 16 zero bytes for none.
func optionalIDKey(id preauth.ID) ([]byte, error) {
	if id == "" {
		return make([]byte, idLength), nil
	}
	return idKey(id)
}

func keyID(key []byte) preauth.ID {
	return preauth.ID(uuid.UUID(key).String())
}

// optionalKeyID is keyID, and none for 16 zero bytes.
func optionalKeyID(key []byte) preauth.ID {
	if bytes.Equal(key, make([]byte, idLength)) {
		return ""
	}
	return keyID(key)
}

// pairKey is the key of what belongs to an enterprise: its Id, then the other's.
func pairKey(enterprise, id preauth.ID) ([]byte, error) {
	first, err := optionalIDKey(enterprise)
	if err != nil {
		return nil, err
	}
	second, err := idKey(id)
	if err != nil {
		return nil, err
	}
	return append(first, second...), nil
}

// customerKey is the key of what belongs to a customer of a numbered enterprise, or to
// none of them for "".
func customerKey(number uint16, customer preauth.ID) ([]byte, error) {
	id, err := optionalIDKey(customer)
	if err != nil {
		return nil, err
	}
	return append(numberKey(number), id...), nil
}

func numberKey(number uint16) []byte { return binary.BigEndian.AppendUint16(nil, number) }

// keyNumber gives back the number that a key begins with.
func keyNumber(key []byte) uint16 { return binary.BigEndian.Uint16(key) }

// journalKey is the key of older lines, the first of which has that number.
func journalKey(id []byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(bytes.Clone(id), seq)
}

func sinkKey(name string) ([]byte, error) {
	if name == "" || len(name) > longToken || strings.ContainsRune(name, 0) {
		return nil, fmt.Errorf("%.64q cannot be a sink's name in the state file", name)
	}
	return []byte(name), nil
}

func tokenKey(sink, token string) ([]byte, error) {
	key, err := sinkKey(sink)
	if err != nil {
		return nil, err
	}
	key = append(key, 0)
	if len(token) <= longToken {
		return append(key, token...), nil
	}
	sum := sha256.Sum256([]byte(token))
	return append(append(key, 0), sum[:]...), nil
}
