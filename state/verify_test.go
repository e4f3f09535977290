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
		"an unfinished record that the index has lost": dropFirst("unfinished"),
		"a token that the index has lost":              dropFirst("unmatched"),
		"a record that is gone":                        dropFirst("records"),
		"an identity that the index has lost":          dropFirst("identities"),
		"a token that is gone":                         dropFirst("tokens"),
		"a journal line that is gone":                  dropFirst("journal"),
		"an index entry for nothing":                   stray("unfinished", bytes.Repeat([]byte{7}, 32)),
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
				Phases: map[plan.Phase]int{plan.Created: 10, plan.Capturing: 1}, Parked: map[plan.Reason]int{plan.UnknownCapture: 1},
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

func TestVerifyCountsWhatThereIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	sample(t, path, 10)
	report := ledgertest.Verify(t, path)
	report.Pages = 0
	want := state.Report{
		Generation: 1, Records: 11, Phases: map[plan.Phase]int{plan.Created: 10, plan.Capturing: 1}, Unfinished: 11,
		Parked: 1, Identities: 11, Journal: 10, Customers: 1, Discovered: 1, Properties: 1, Sinks: 1, Tokens: 1, Unmatched: 1,
		Pauses: 2, LookedUp: 2, Observed: 1, ObservedReads: 1,
	}
	if diff := ledgertest.Diff(want, report); diff != "" {
		t.Fatal(diff)
	}
}
