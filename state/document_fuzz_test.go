package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

const someID = preauth.ID("9f1b6d3a-0c55-4f0e-8e8b-3d1f6c1a2b77")

// documentType is one type of the ledger's documents, with the functions that
// every read and every write of it goes through.
type documentType struct {
	bucket string
	key    []byte
	decode func(key, value []byte) (any, error)
	encode func(key []byte, v any) ([]byte, error)
	// samples become the first inputs.
	samples []any
}

func documentOf[T any](
	bucket string, key []byte, decode func(key, value []byte) (T, error), encode func(key []byte, v T) ([]byte, error), samples ...T,
) documentType {
	d := documentType{
		bucket: bucket, key: key,
		decode: func(key, value []byte) (any, error) { return decode(key, value) },
		encode: func(key []byte, v any) ([]byte, error) { return encode(key, v.(T)) },
	}
	for _, each := range samples {
		d.samples = append(d.samples, each)
	}
	return d
}

func documentTypes(tb testing.TB) []documentType {
	tb.Helper()
	c, err := newCodec()
	if err != nil {
		tb.Fatal(err)
	}
	l := &Ledger{codec: c, options: Options{Path: "state.db"}}
	s := snapshot{l: l, enterprises: newEnterprises().with(someID)}
	id := uuid.MustParse(string(someID))
	token := func(key, value []byte) (plan.Token, error) { return stored(l.token(key, value)) }
	putToken := func(key []byte, t plan.Token) ([]byte, error) { return c.put(bucketTokens, key, toWireToken(t)) }
	types := append(l.documentsOfFewBytes(),
		documentOf(bucketRecords, id[:],
			func(key, value []byte) (recordAndLines, error) {
				d, err := s.decodeDocument(someID, key, value, true)
				return recordAndLines{d.now, d.lines, d.last}, err
			},
			func(key []byte, r recordAndLines) ([]byte, error) {
				d := document{key: key, now: r.Record, last: r.Last}
				number := s.enterprises.numbers[r.Enterprise]
				return c.encodeDocument(d, number, encodeLines(ownerOf(r.Record), r.Lines))
			}, sampleRecords()...),
		documentOf(bucketJournal, journalKey(id[:], 7), l.decodeOlder,
			func(_ []byte, lines []plan.Entry) ([]byte, error) {
				_, value := encodeOlder(id[:], lines)
				return value, nil
			}, sampleEntries(), sampleEntries()[:1]),
		documentOf(bucketEnterprises, numberKey(1),
			func(key, value []byte) (enterpriseAndPending, error) {
				e, pending, err := l.decodeEnterprise(key, value)
				return enterpriseAndPending{e, pending}, err
			},
			func(key []byte, e enterpriseAndPending) ([]byte, error) {
				u, err := idKey(e.ID)
				return seal(bucketEnterprises, key, binary.AppendUvarint(u, e.Pending)), err
			}, enterpriseAndPending{someID, 0}, enterpriseAndPending{someID, 1 << 40}),
		documentOf(bucketCustomers, append(numberKey(1), id[:]...), l.decodeCustomer,
			func(key []byte, c customer) ([]byte, error) { return c.encode(key), nil },
			customer{read: 1}, customer{beyond: 1}, customer{read: 9, beyond: 3, ids: []uuid.UUID{{1}, id}}),
		documentOf(bucketIdentities, []byte("v4\x00\x00\x00\x00\x00\x00\x00\x00\x07"), l.decodeOwners,
			func(key []byte, o owners) ([]byte, error) { return o.encode(key), nil },
			owners{mask: 1, ids: []uuid.UUID{id}}, owners{mask: 1<<15 | 1<<3, ids: []uuid.UUID{id, {2}}}),
		documentOf(bucketPasses, append(numberKey(1), id[:]...),
			func(key, value []byte) (plan.Pass, error) {
				_, p, err := l.decodePass(key, value)
				return p, err
			},
			func(key []byte, p plan.Pass) ([]byte, error) { return c.put(bucketPasses, key, toWirePass(p)) },
			plan.Pass{First: someID, Last: someID},
			plan.Pass{
				First: someID, Last: "ff1b6d3a-0c55-4f0e-8e8b-3d1f6c1a2b77", Basis: [32]byte{1, 31: 2},
				Reply:  preauth.Fingerprint{Body: [32]byte{3, 31: 4}, Entries: [32]byte{5, 31: 6}},
				Polled: 7, Skipped: map[plan.Why]int{"waits": 8},
			}),
		documentOf(bucketProperties, id[:],
			func(key, value []byte) (plan.Property, error) { return stored(l.property(key, value)) },
			func(key []byte, p plan.Property) ([]byte, error) {
				w, err := toWireProperty(p)
				return putIf(c, bucketProperties, key, w, err)
			},
			sampleProperties()...),
		documentOf(bucketSinks, []byte("v4"),
			func(key, value []byte) (plan.Sink, error) { return stored(l.sink(key, value)) },
			func(key []byte, s plan.Sink) ([]byte, error) {
				w, err := toWireSink(s)
				return putIf(c, bucketSinks, key, w, err)
			}, sampleSinks()...),
		documentOf(bucketTokens, keyOfToken(tb, string(someID)), token, putToken, sampleTokens(string(someID))...),
		documentOf(bucketTokens, keyOfToken(tb, longSample), token, putToken, sampleTokens(longSample)...),
		documentOf(bucketTallies, id[:], l.tally,
			func(key []byte, t plan.Tally) ([]byte, error) { return c.put(bucketTallies, key, toWireTally(t)) }, sampleTallies()...))
	return append(types, l.learntDocuments(tb)...)
}

// recordAndLines is a record's document.
type recordAndLines struct {
	plan.Record
	Lines []plan.Entry
	Last  uint64
}

type enterpriseAndPending struct {
	ID      preauth.ID
	Pending uint64
}

// documentsOfFewBytes are those of one number, and what the file says of itself.
func (l *Ledger) documentsOfFewBytes() []documentType {
	id := uuid.MustParse(string(someID))
	return []documentType{
		documentOf(bucketHighest, []byte("v4"), l.highest,
			func(key []byte, n int64) ([]byte, error) { return sealNumber(bucketHighest, key, uint64(n)), nil }, 0, 1<<40),
		documentOf(bucketDiscovered, append(id[:], id[:]...),
			func(key, value []byte) (plan.Discovered, error) {
				d, err := decodeDiscovered(key, value)
				if err != nil {
					return d, l.fault(bucketDiscovered, key, err) // as Discovered does
				}
				return d, nil
			},
			func(key []byte, d plan.Discovered) ([]byte, error) {
				return sealNumber(bucketDiscovered, key, uint64(d.Until.Unix())), nil
			}, plan.Discovered{Enterprise: someID, CustomerID: someID, Until: time.Unix(1_790_000_000, 0)}),
		documentOf(bucketMeta, []byte(keyFile),
			func(key, value []byte) (about wireFile, err error) {
				if err := l.codec.get(bucketMeta, key, value, &about); err != nil {
					return about, l.fault(bucketMeta, key, err) // as getFile does
				}
				return about, nil
			},
			func(key []byte, about wireFile) ([]byte, error) { return l.codec.put(bucketMeta, key, about) },
			wireFile{ID: "x", Created: 1, Generation: 3, ConnectorAddress: "https://pms.test", Older: "it says so", Backup: 5}),
	}
}

// learntDocuments are those of what was looked up and of what was observed.
func (l *Ledger) learntDocuments(tb testing.TB) []documentType {
	tb.Helper()
	id := uuid.MustParse(string(someID))
	var types []documentType
	for _, card := range []string{string(someID), "a card", longSample} {
		key, err := lookedUpKey("v4", "identifier", card)
		if err != nil {
			tb.Fatal(err)
		}
		shown := card
		if card == longSample {
			shown = "" // the key has only its hash
		}
		types = append(types, documentOf(bucketLookedUp, key, l.decodeLookedUp,
			func(key []byte, a plan.LookedUp) ([]byte, error) {
				return l.codec.put(bucketLookedUp, key, toWireLookedUp(a))
			},
			plan.LookedUp{Sink: "v4", Field: "identifier", CardID: shown, ID: 1 << 40, At: time.Unix(1_790_000_000, 0)},
			plan.LookedUp{Sink: "v4", Field: "identifier", CardID: shown, Found: "none", At: time.Unix(0, 0)}))
	}
	return append(types, documentOf(bucketObserved, append(id[:], id[:]...), l.decodeObserved,
		func(key []byte, o plan.Observed) ([]byte, error) {
			w, err := toWireObserved(o)
			return putIf(l.codec, bucketObserved, key, w, err)
		}, sampleObserved()...))
}

// meaning compares two documents; amounts compare as decimals and times as instants.
func meaning(a, b any) string {
	return cmp.Diff(a, b, cmp.Comparer(decimal.Decimal.Equal), cmp.Comparer(time.Time.Equal), cmp.AllowUnexported(customer{}, owners{}))
}

func stored[T any](v T, _ bool, err error) (T, error) { return v, err }

func putIf(c codec, bucket string, key []byte, wire any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return c.put(bucket, key, wire)
}

func keyOfToken(tb testing.TB, token string) []byte {
	tb.Helper()
	key, err := tokenKey("v4", token)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// FuzzDocuments seals arbitrary bytes as each type of document, as if a defect had
// stored them, and reads them as the ledger does: never a panic, always an *Error of
// kind Corrupt, or a value that is stored again with the same meaning.
func FuzzDocuments(f *testing.F) {
	types := documentTypes(f)
	for n, d := range types {
		for _, sample := range d.samples {
			value, err := d.encode(d.key, sample)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(n), value[:len(value)-checksumLength])
		}
		f.Add(uint8(n), []byte{})
	}
	f.Fuzz(func(t *testing.T, n uint8, body []byte) {
		d := types[int(n)%len(types)]
		if _, err := d.decode(d.key, body); err == nil {
			t.Errorf("%s: bytes without their checksum were believed", d.bucket)
		}
		read, err := d.decode(d.key, seal(d.bucket, d.key, append([]byte(nil), body...)))
		if err != nil {
			refused, ok := errors.AsType[*Error](err)
			if !ok || refused.Kind != Corrupt {
				t.Errorf("%s: refused with %v", d.bucket, err)
			}
			return
		}
		value, err := d.encode(d.key, read)
		if err != nil {
			t.Fatalf("%s: what was read cannot be stored: %v: %+v", d.bucket, err, read)
		}
		again, err := d.decode(d.key, value)
		if err != nil {
			t.Fatalf("%s: what was stored cannot be read: %v: %+v", d.bucket, err, read)
		}
		if diff := meaning(read, again); diff != "" {
			t.Errorf("%s: it has another meaning once it is stored again (-read +again):\n%s", d.bucket, diff)
		}
	})
}

// TestEverySampleDocumentComesBackAsItWas holds the samples themselves to what is
// said of arbitrary bytes, so that the fuzzing begins with documents that are read.
func TestEverySampleDocumentComesBackAsItWas(t *testing.T) {
	for n, d := range documentTypes(t) {
		for i, sample := range d.samples {
			t.Run(fmt.Sprintf("%s %d %d", d.bucket, n, i), func(t *testing.T) {
				value, err := d.encode(d.key, sample)
				if err != nil {
					t.Fatal(err)
				}
				read, err := d.decode(d.key, value)
				if err != nil {
					t.Fatal(err)
				}
				if diff := meaning(sample, read); diff != "" {
					t.Error(diff)
				}
				value[len(value)-1] ^= 1
				if _, err := d.decode(d.key, value); err == nil {
					t.Error("a changed checksum was believed")
				}
			})
		}
	}
}

// longSample is a token whose key holds its hash.
var longSample = strings.Repeat("t", longToken+1)

func sampleRecords() []recordAndLines {
	at := time.UnixMilli(1_790_000_000_123)
	amount := preauth.Money{Amount: decimal.RequireFromString("123.45"), Currency: "EUR"}
	seen := plan.Observation{State: preauth.Charged, Active: true, Amount: amount}
	held := plan.Record{
		ID: someID, Revision: 2, Enterprise: someID, CustomerID: someID, CardID: string(someID), Phase: plan.Created, Identity: 5,
		Generation: 1, Amount: amount, PaymentMethodID: 4, Seen: seen, Updated: at, HeldSince: at,
	}
	full := plan.Record{
		ID: someID, Revision: 9, Enterprise: someID, CustomerID: someID, CardID: "no UUID", Phase: plan.Capturing,
		Identity: 1 << 40, Unsure: true, Generation: 7, Amount: amount, PaymentMethodID: 42, Sends: 1,
		Seen:    plan.Observation{State: preauth.Charged, Active: true, Amount: preauth.Money{Amount: amount.Amount, Currency: "CZK"}},
		History: plan.HistoryFresh, Missing: 2, Updated: at, HeldSince: at.Add(-time.Hour), Aged: true,
		Intent: &plan.Intent{
			Action: plan.Capture, Attempt: 2, Amount: amount, PaymentMethodID: 42, Token: string(someID), CreatedByUserID: 3,
			Deadline: at, Before: plan.Created, Resent: true, Adopt: true,
		},
		Park:     &plan.Park{Reason: plan.UnknownCapture, Seen: seen, Since: at, Detail: "v4 said nothing", TrackingID: "t-1"},
		Answered: &plan.Observation{StateText: "Paused", AmountFault: "no gross value"},
	}
	return []recordAndLines{
		{Record: plan.Record{ID: someID, Revision: 1}},
		{Record: held, Lines: sampleEntries(), Last: 12},
		{Record: full, Lines: sampleEntries()[1:], Last: 12},
		{Record: plan.Record{ID: someID, Revision: 2, Phase: plan.Baseline, Seen: seen}, Last: 6},
	}
}

// sampleEntries are lines whose fields are stored in every way.
func sampleEntries() []plan.Entry {
	at := time.UnixMilli(1_790_000_000_123)
	amount := preauth.Money{Amount: decimal.RequireFromString("123.45"), Currency: "EUR"}
	other := preauth.Money{Amount: decimal.RequireFromString("-1.5"), Currency: "KWD"}
	return []plan.Entry{
		{ID: someID, Seq: 7},
		{
			ID: someID, Seq: 8, At: at, Event: "create.intent", CycleID: string(someID), Action: plan.Create, Attempt: 1,
			Phase: plan.Creating, Amount: amount, PaymentMethodID: 4, RequestID: string(someID),
		},
		{
			ID: someID, Seq: 10, At: at.Add(time.Second), Event: "create.applied", CycleID: string(someID), Action: plan.Create, Attempt: 1,
			Phase: plan.Created, Amount: amount, PaymentMethodID: 4, Identity: 5, Status: 200, TrackingID: "t", RequestID: "no UUID",
		},
		{
			ID: someID, Seq: 11, At: at.Add(-time.Hour), Event: "an event of another day", CycleID: "c", Action: plan.Capture, Attempt: -2,
			Phase: plan.Created, Amount: other, PaymentMethodID: 5, Identity: 6, Status: -1, Reason: plan.Rejected, Note: "a note",
			RequestID: "no UUID",
		},
		{ID: someID, Seq: 12, Phase: plan.Released, Amount: other, PaymentMethodID: 5, Identity: 6, CycleID: "c"},
	}
}

func sampleProperties() []plan.Property {
	at := time.UnixMilli(1_790_000_000_123)
	return []plan.Property{{Enterprise: someID}, {
		Enterprise: someID, Revision: 3, Name: "prague", Sink: "v4", Cycle: 8, FirstRunDone: true, ObservedSince: at, ObservedFirstRunDone: true, HeldFrom: at,
		Unlisted: &plan.Unlisted{List: [32]byte{1, 31: 2}, Revision: 3, Customers: []preauth.ID{someID, someID}},
		LastCycle: &plan.CycleReport{
			CycleID: "c", Started: at, Finished: at, OK: true, Error: "e", Fuse: true, Counts: plan.Counts{Polled: 1, Failed: 2},
		},
	}}
}

func sampleSinks() []plan.Sink {
	return []plan.Sink{{Name: "v4"}, {
		Name: "v4", Revision: 2, Listed: true, TokensAtCreation: true, Proof: plan.ProofKept, Outage: true, Address: "https://v4.test",
		Candidate: &plan.Candidate{ID: someID, Identity: 4, Token: string(someID), Replied: time.UnixMilli(1_790_000_000_123)},
	}}
}

func sampleObserved() []plan.Observed {
	at := time.UnixMilli(1_790_000_000_123)
	amount := preauth.Money{Amount: decimal.RequireFromString("123.45"), Currency: "EUR"}
	seen := plan.Observation{State: preauth.Charged, Active: true, Amount: amount}
	return []plan.Observed{{ID: someID, Enterprise: someID, CardID: "no UUID", Updated: at}, {
		ID: someID, Enterprise: someID, CustomerID: someID, CardID: string(someID), History: plan.HistoryOld, Baselined: at,
		Seen: seen, Amount: amount, PaymentMethodID: 42, Created: at, Captured: at, Released: at, Updated: at,
		Park: &plan.Park{Reason: plan.AmountChanged, Seen: seen, Since: at, Detail: "another amount"},
	}}
}

func sampleTokens(token string) []plan.Token {
	hold := preauth.Hold{Identity: 4, PaymentMethodID: 5, Amount: decimal.RequireFromString("22.5"), Token: token, CreatedByUserID: 6}
	other := hold
	other.Token = "TOKEN"
	return []plan.Token{{Sink: "v4", Token: token}, {Sink: "v4", Token: token, Holds: []preauth.Hold{hold, other}, Foreign: true}}
}

func sampleTallies() []plan.Tally {
	full := newTally()
	full.Phases[plan.Created], full.Parked[plan.Rejected] = 3, 1
	full.ParkedAmounts["EUR"] = decimal.RequireFromString("-7.25")
	full.Held["EUR"], full.Awaiting["CZK"] = decimal.RequireFromString("0.1"), decimal.RequireFromString("12")
	return []plan.Tally{newTally(), full}
}
