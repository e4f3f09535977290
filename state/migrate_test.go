package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/shopspring/decimal"
	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// earlier gives a file that the last version with that schema wrote: 20 held
// records, one of every field, and four parked before anything was sent; with
// schema 2 also a discovered customer, with schema 3 also a pause. Its pages are of 1 KiB, to keep it small.
func earlier(t *testing.T, version string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "schema"+version+".db"))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// earlierFile gives the path of such a file.
func earlierFile(t *testing.T, version string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	write(t, path, earlier(t, version))
	return path
}

func earlierSchemas() []string { return []string{"1", "2", "3"} }

func schemaOf(t *testing.T, path string) (version string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(func(tx *bolt.Tx) error {
		value := tx.Bucket([]byte("meta")).Get([]byte("schema"))
		version = string(value[:len(value)-4]) // without its checksum
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return version
}

func firstAccount() map[preauth.ID]plan.Tally {
	amounts := func(eur, czk string) map[string]decimal.Decimal {
		sums := map[string]decimal.Decimal{"EUR": decimal.RequireFromString(eur), "CZK": decimal.RequireFromString(czk)}
		for currency, sum := range sums {
			if sum.IsZero() {
				delete(sums, currency)
			}
		}
		return sums
	}
	return map[preauth.ID]plan.Tally{
		"": {
			Phases: map[plan.Phase]int{plan.None: 1}, Parked: map[plan.Reason]int{plan.UnknownState: 1},
			ParkedAmounts: amounts("0", "103.1"), OldestParked: ledgertest.At(1),
			Held: amounts("0", "0"), Awaiting: amounts("0", "0"),
		},
		ledgertest.ID(9): {
			Phases: map[plan.Phase]int{plan.None: 3}, Parked: map[plan.Reason]int{plan.FirstSeenCharged: 2, plan.BadAmount: 1},
			ParkedAmounts: amounts("202.2", "101.1"), OldestParked: ledgertest.At(5),
			Held: amounts("0", "0"), Awaiting: amounts("0", "0"),
		},
		ledgertest.ID(1 << 20): {
			Phases: map[plan.Phase]int{plan.Created: 20, plan.Capturing: 1}, Parked: map[plan.Reason]int{plan.UnknownCapture: 1},
			ParkedAmounts: amounts("123.45", "0"), OldestParked: ledgertest.At(1<<19 + 1),
			Held: amounts("2469", "0"), Awaiting: amounts("0", "0"),
		},
	}
}

func TestAReaderOfAnEarlierSchemaAnswersAndChangesNothing(t *testing.T) {
	for _, version := range earlierSchemas() {
		t.Run("schema "+version, func(t *testing.T) {
			path := earlierFile(t, version)
			l, err := state.Open(state.Options{Path: path, Binding: addresses()})
			if err != nil {
				t.Fatal(err)
			}
			all := contents(t, l)
			if diff := ledgertest.Diff(firstAccount(), all.Account.Tallies); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
			sameAccount(t, recount(t, l), all.Account)
			discovered, paused := map[string]int{"1": 0, "2": 1, "3": 1}[version], map[string]int{"3": 1}[version]
			if len(all.Records) != 25 || len(all.Journal) != 20 || len(all.Discovered) != discovered || len(all.Pauses) != paused {
				t.Errorf("%d records, %d lines, %d discovered, %d pauses",
					len(all.Records), len(all.Journal), len(all.Discovered), len(all.Pauses))
			}
			if report, err := l.Verify(t.Context()); err != nil || report.Records != 25 {
				t.Errorf("%+v, %v", report, err)
			}
			enough := errors.New("enough")
			if err := l.Parked(t.Context(), func(plan.Record) error { return enough }); !errors.Is(err, enough) {
				t.Errorf("want the visit's error, got %v", err)
			}
			// A copy of it has its schema.
			copied := filepath.Join(t.TempDir(), "copy.db")
			if err := errors.Join(l.Backup(t.Context(), copied), l.Close()); err != nil {
				t.Fatal(err)
			}
			if diff := ledgertest.Diff(all, dump(t, copied)); diff != "" {
				t.Errorf("original -, copy +\n%s", diff)
			}
			if got := schemaOf(t, copied); got != version {
				t.Errorf("the copy has schema %s", got)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(earlier(t, version), after) {
				t.Errorf("the file has been changed: %v", err)
			}
		})
	}
}

func TestAFileOfAnEarlierSchemaIsMigratedByAWriter(t *testing.T) {
	for _, version := range earlierSchemas() {
		t.Run("schema "+version, func(t *testing.T) {
			path := earlierFile(t, version)
			want := dump(t, path)
			for range 2 {
				l, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite, Binding: addresses()})
				if err != nil {
					t.Fatal(err)
				}
				if f := l.File(); f.New || f.Older != "" {
					t.Errorf("%+v", f)
				}
				if diff := ledgertest.Diff(want, contents(t, l)); diff != "" {
					t.Errorf("before -, after +\n%s", diff)
				}
				if report, err := l.Verify(t.Context()); err != nil || report.Parked != 5 {
					t.Errorf("%+v, %v", report, err)
				}
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				if got := schemaOf(t, path); got != "4" {
					t.Fatalf("schema %s", got)
				}
			}
			// It goes on as any other file.
			l := open(t, path)
			found := plan.Discovered{Enterprise: ledgertest.ID(9), CustomerID: ledgertest.ID(1), Until: ledgertest.At(1)}
			paused := plan.Pause{Since: ledgertest.At(1)}
			r := want.Account.Parked[0]
			r.Park = nil
			err := l.Commit(t.Context(), plan.Batch{
				Records: []plan.Record{r}, Discovered: []plan.Discovered{found}, Pauses: []plan.Pause{paused},
				LookedUp: []plan.LookedUp{{Sink: "v4", Field: "identifier", CardID: "card", ID: 4, At: ledgertest.At(1)}},
				Observed: []plan.Observed{ledgertest.FullObserved(1)},

				ObservedReads: []plan.CustomerRead{{Enterprise: ledgertest.ID(9), CustomerID: ledgertest.ID(7), Cycle: 3}},
			})
			if err != nil {
				t.Fatal(err)
			}
			got := contents(t, l)
			if len(got.Account.Parked) != 4 || len(got.Pauses) != len(want.Pauses)+1 || len(got.LookedUp) != 1 ||
				len(got.Observed) != 1 || len(got.ObservedCycles) != 1 {
				t.Errorf("%d parked, %d pauses, %d looked up, %d observed, %d read",
					len(got.Account.Parked), len(got.Pauses), len(got.LookedUp), len(got.Observed), len(got.ObservedCycles))
			}
			sameAccount(t, recount(t, l), got.Account)
		})
	}
}

func TestARefusedFileOfAnEarlierSchemaStaysAsItIs(t *testing.T) {
	for _, version := range earlierSchemas() {
		t.Run("schema "+version, func(t *testing.T) {
			path := earlierFile(t, version)
			if got := refusal(t, path, state.Binding{SinkAddress: "https://other.test"}); got != state.OtherAddresses {
				t.Errorf("another sink: %s", got)
			}
		})
	}
}

func TestAMigrationThatCannotBeStoredLeavesTheFileAsItWas(t *testing.T) {
	for _, version := range earlierSchemas() {
		t.Run("schema "+version, func(t *testing.T) {
			path := earlierFile(t, version)
			_, err := state.Open(state.Options{
				Path: path, Mode: state.ReadWrite,
				OpenFile: func(name string, _ int, mode os.FileMode) (*os.File, error) {
					return os.OpenFile(name, os.O_RDONLY, mode)
				},
			})
			if kindOf(err) != state.Failed {
				t.Fatalf("want failed, got %v", err)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(earlier(t, version), after) {
				t.Fatalf("the file has been changed: %v", err)
			}
			open(t, path)
		})
	}
}

// TestACrashInAMigrationLeavesTheEarlierSchema builds what a crash can leave: any of
// the new pages, before the head that leads to them.
func TestACrashInAMigrationLeavesTheEarlierSchema(t *testing.T) {
	const page, heads = 1024, 2
	for _, version := range earlierSchemas() {
		t.Run("schema "+version, func(t *testing.T) {
			whole := earlierFile(t, version)
			dir := t.TempDir()
			before, want := earlier(t, version), dump(t, whole)
			l, err := state.Open(state.Options{Path: whole, Mode: state.ReadWrite})
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			after, err := os.ReadFile(whole)
			if err != nil {
				t.Fatal(err)
			}
			torn := append(bytes.Clone(before), make([]byte, len(after)-len(before))...)
			crashes := 0
			for n := heads; n < len(after)/page; n++ {
				each := after[n*page : (n+1)*page]
				if bytes.Equal(torn[n*page:(n+1)*page], each) {
					continue
				}
				copy(torn[n*page:], each)
				crashes++
				path := filepath.Join(dir, fmt.Sprintf("%d.db", n))
				write(t, path, torn)
				if diff := ledgertest.Diff(want, dump(t, path)); diff != "" {
					t.Fatalf("with page %d written: want -, got +\n%s", n, diff)
				}
				if got := schemaOf(t, path); got != version {
					t.Fatalf("with page %d written: schema %s", n, got)
				}
				// The next start does it again.
				if diff := ledgertest.Diff(want, contents(t, open(t, path))); diff != "" {
					t.Fatalf("with page %d written, the next start: want -, got +\n%s", n, diff)
				}
			}
			if least := map[string]int{"1": 5, "2": 3, "3": 3}[version]; crashes < least {
				t.Errorf("only %d pages are new: the test does not bite", crashes)
			}
		})
	}
}
