package state_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"github.com/shopspring/decimal"
	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// dropFirst deletes a bucket's first key.
func dropFirst(bucket string) func(tx *bolt.Tx) error {
	return func(tx *bolt.Tx) error {
		key, _ := tx.Bucket([]byte(bucket)).Cursor().First()
		return tx.Bucket([]byte(bucket)).Delete(bytes.Clone(key))
	}
}

// TestVerifyFindsIndexesThatDisagree: these files are sound byte by byte.
func TestVerifyFindsIndexesThatDisagree(t *testing.T) {
	stray := func(bucket string, key []byte) func(tx *bolt.Tx) error {
		return func(tx *bolt.Tx) error { return tx.Bucket([]byte(bucket)).Put(key, state.Seal(bucket, key, nil)) }
	}
	miscounted := plan.Tally{Phases: map[plan.Phase]int{plan.Created: 9, plan.Capturing: 2}}
	cases := map[string]func(tx *bolt.Tx) error{
		"a customer who is gone":                       dropFirst("customers"),
		"an unfinished record that the index has lost": dropFirst("unfinished"),
		"a record in flight that the index has lost":   dropFirst("in_flight"),
		"a token that the index has lost":              dropFirst("unmatched"),
		"a record that is gone":                        dropFirst("records"),
		"an identity that the index has lost":          dropFirst("identities"),
		"a token that is gone":                         dropFirst("tokens"),
		"journal lines that are gone":                  dropFirst("journal"),
		"an index entry for nothing":                   stray("unfinished", bytes.Repeat([]byte{7}, 34)),
		"an index entry for a record that is done":     stray("unfinished", append([]byte{0, 1}, bytes.Repeat([]byte{7}, 32)...)),
		"an index entry in flight for nothing":         stray("in_flight", bytes.Repeat([]byte{7}, 16)),
		"an index entry in flight of a wrong length":   stray("in_flight", []byte{7}),
		"a customer who has nothing":                   stray("customers", bytes.Repeat([]byte{7}, 18)),
		"a customer under a wrong length":              stray("customers", []byte{7}),
		"identities of nobody":                         stray("identities", []byte("v4\x00\x07\x07\x07\x07\x07\x07\x07\x07")),
		"journal lines that cannot be decoded":         stray("journal", bytes.Repeat([]byte{7}, 24)),
		"an index entry of a wrong length":             stray("unfinished", []byte{7}),
		"an unmatched token that is none":              stray("unmatched", []byte("v4\x00nothing")),
		"a parked record that the index has lost":      dropFirst("parked"),
		"a parked record that is none":                 stray("parked", bytes.Repeat([]byte{7}, 40)),
		"a parked record under a wrong length":         stray("parked", []byte{7}),
		"a tally that is gone":                         dropFirst("tallies"),
		"a tally that cannot be decoded":               stray("tallies", bytes.Repeat([]byte{7}, 16)),
		"a tally that counts something else": func(tx *bolt.Tx) error {
			key, _ := tx.Bucket([]byte("tallies")).Cursor().First()
			return state.PutTally(tx, bytes.Clone(key), miscounted)
		},
		"a tally of an enterprise without records": func(tx *bolt.Tx) error {
			return state.PutTally(tx, bytes.Repeat([]byte{7}, 16), miscounted)
		},
		"a discovered customer under a wrong length": stray("discovered", []byte{7}),
		"a tally without what is held": func(tx *bolt.Tx) error {
			bare := plan.Tally{
				Phases: map[plan.Phase]int{plan.Created: 11, plan.Capturing: 1}, Parked: map[plan.Reason]int{plan.UnknownCapture: 1},
				ParkedAmounts: map[string]decimal.Decimal{"EUR": decimal.RequireFromString("123.45")},
			}
			key, _ := tx.Bucket([]byte("tallies")).Cursor().First()
			return state.PutTally(tx, bytes.Clone(key), bare)
		},
		"an answer without a card":                 stray("looked_up", []byte("v4\x00identifier")),
		"an answer about a card of no form":        stray("looked_up", []byte("v4\x00identifier\x00\x09card")),
		"an answer that cannot be decoded":         stray("looked_up", []byte("v4\x00identifier\x00\x02card")),
		"what was observed under a wrong length":   stray("observed", []byte{7}),
		"what was observed that cannot be decoded": stray("observed", bytes.Repeat([]byte{7}, 32)),
		"an observed read under a wrong length":    stray("observed_reads", []byte{7}),
		"an observed read without a cycle":         stray("observed_reads", bytes.Repeat([]byte{7}, 32)),
		"a pause under a wrong length":             stray("pauses", []byte{7}),
		"a pause since no time":                    stray("pauses", bytes.Repeat([]byte{7}, 16)),
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			sample(t, path, 10)
			tamper(t, path, change)
			for _, mode := range []state.Mode{state.ReadOnly, state.ReadWrite} {
				l, err := state.Open(state.Options{Path: path, Mode: mode})
				if err != nil {
					t.Fatal(err)
				}
				report, err := l.Verify(t.Context())
				var refused *state.Error
				if !errors.As(err, &refused) || refused.Kind != state.Corrupt || len(report.Problems) == 0 {
					t.Errorf("want corrupt, got %v, %v", err, report.Problems)
				}
				_ = l.Close()
			}
		})
	}
}

// TestWhatIsKeptInMemoryMustBeSound: such a file does not open.
func TestWhatIsKeptInMemoryMustBeSound(t *testing.T) {
	seal := func(bucket string, key, body []byte) func(tx *bolt.Tx) error {
		return func(tx *bolt.Tx) error {
			return tx.Bucket([]byte(bucket)).Put(key, state.Seal(bucket, key, bytes.Clone(body)))
		}
	}
	first := func(tx *bolt.Tx) []byte {
		_, value := tx.Bucket([]byte("enterprises")).Cursor().First()
		return bytes.Clone(value[:len(value)-4])
	}
	for name, change := range map[string]func(tx *bolt.Tx) error{
		"an enterprise that is gone":         dropFirst("enterprises"),
		"an enterprise that is no Id":        seal("enterprises", []byte{0, 3}, []byte{7}),
		"an enterprise out of order":         seal("enterprises", []byte{0, 9}, append(bytes.Repeat([]byte{7}, 16), 0)),
		"an enterprise of two numbers":       func(tx *bolt.Tx) error { return seal("enterprises", []byte{0, 3}, first(tx))(tx) },
		"an enterprise under a wrong length": seal("enterprises", []byte{7}, append(bytes.Repeat([]byte{7}, 16), 0)),
		"a pass that cannot be decoded":      seal("passes", bytes.Repeat([]byte{7}, 18), nil),
		"a pass under a wrong length":        seal("passes", []byte{7}, nil),
		"a pass within another": func(tx *bolt.Tx) error {
			key, value := tx.Bucket([]byte("passes")).Cursor().First()
			inner := bytes.Clone(key)
			inner[2+3]++ // a customer between the first and the last
			return seal("passes", inner, value[:len(value)-4])(tx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			sample(t, path, 10)
			tamper(t, path, change)
			if got := refusal(t, path, state.Binding{}); got != state.Corrupt {
				t.Errorf("want corrupt, got %s", got)
			}
		})
	}
}

func TestVerifyCountsWhatThereIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	sample(t, path, 10)
	report := ledgertest.Verify(t, path)
	report.Pages = 0
	want := state.Report{
		Generation: 1, Records: 12, Phases: map[plan.Phase]int{plan.Created: 11, plan.Capturing: 1}, Unfinished: 12, InFlight: 1,
		Parked: 1, Identities: 12, Journal: 13, Customers: 1, Passes: 1, Discovered: 1, Properties: 1, Sinks: 1, Tokens: 1, Unmatched: 1,
		Pauses: 2, LookedUp: 2, Observed: 1, ObservedReads: 1,
	}
	if diff := ledgertest.Diff(want, report); diff != "" {
		t.Fatal(diff)
	}
}
