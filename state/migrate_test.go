package state_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// earlier gives a file that the last version with that schema wrote: 20 held
// records, one of every field, and four parked before anything was sent; with
// schema 2 also a discovered customer, with schema 3 also a pause, with schema 4 also an
// answer, what was observed, and two journal lines of no record. Its pages are of 1 KiB,
// to keep it small.
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

func earlierSchemas() []string { return []string{"1", "2", "3", "4"} }

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
			path, room := earlierFile(t, version), t.TempDir()
			t.Setenv("TMPDIR", room)
			l, err := state.Open(state.Options{Path: path, Binding: addresses()})
			if err != nil {
				t.Fatal(err)
			}
			all := contents(t, l)
			if diff := ledgertest.Diff(firstAccount(), all.Account.Tallies); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
			sameAccount(t, recount(t, l), all.Account)
			since := func(schema string) int { return map[bool]int{true: 1}[version >= schema] }
			strays, err := l.Journal(t.Context(), ledgertest.ID(99))
			got := []int{
				len(all.Records), len(all.Journal), len(all.Discovered), len(all.Pauses), len(all.LookedUp), len(all.Observed),
				len(all.ObservedCycles), len(strays),
			}
			want := []int{25, 20, since("2"), since("3"), since("4"), since("4"), since("4"), 2 * since("4")}
			if diff := ledgertest.Diff(want, got); diff != "" || err != nil {
				t.Errorf("want -, got +\n%s %v", diff, err)
			}
			if report, err := l.Verify(t.Context()); err != nil || report.Records != 25 {
				t.Errorf("%+v, %v", report, err)
			}
			if err := l.Commit(t.Context(), plan.Batch{Highest: []plan.Highest{{Sink: "v4", Identity: 99}}}); err == nil {
				t.Error("a reader has written")
			}
			// While it is read nobody else writes to it, though it is a copy that is read.
			if _, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite, LockTimeout: 1}); kindOf(err) != state.Locked {
				t.Errorf("want locked, got %v", err)
			}
			copied := filepath.Join(t.TempDir(), "copy.db")
			if err := errors.Join(l.Backup(t.Context(), copied), l.Close()); err != nil {
				t.Fatal(err)
			}
			if diff := ledgertest.Diff(all, dump(t, copied)); diff != "" {
				t.Errorf("original -, copy +\n%s", diff)
			}
			if after := read(t, path); !bytes.Equal(earlier(t, version), after) {
				t.Error("the file has been changed")
			}
			if left := append(names(t, room), names(t, filepath.Dir(path))...); len(left) != 1 {
				t.Errorf("something was left: %v", left)
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
				report, err := l.Verify(t.Context())
				if err != nil || report.Parked != 5 || report.Unfinished != 25 || report.Identities != 21 || report.Customers != 1 {
					t.Errorf("%+v, %v", report, err)
				}
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				if got := schemaOf(t, path); got != "5" {
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
			if len(got.Account.Parked) != 4 || len(got.Pauses) != len(want.Pauses)+1 || len(got.LookedUp) != len(want.LookedUp)+1 ||
				len(got.Observed) != len(want.Observed)+1 || len(got.ObservedCycles) != len(want.ObservedCycles)+1 {
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
			full := errors.New("the disk is full")
			_, err := state.Open(state.Options{
				Path: path, Mode: state.ReadWrite,
				OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
					if name != path {
						return nil, full
					}
					return os.OpenFile(name, flag, mode)
				},
			})
			if !errors.Is(err, full) {
				t.Fatalf("want the cause, got %v", err)
			}
			if after := read(t, path); !bytes.Equal(earlier(t, version), after) {
				t.Fatal("the file has been changed")
			}
			if left := names(t, filepath.Dir(path)); len(left) != 1 {
				t.Errorf("something was left: %v", left)
			}
			open(t, path)
		})
	}
}

func TestAnEarlierFileThatIsDamagedIsNotMigrated(t *testing.T) {
	path := earlierFile(t, "4")
	tamper(t, path, func(tx *bolt.Tx) error {
		key, value := tx.Bucket([]byte("records")).Cursor().First()
		body := append(bytes.Clone(value[:len(value)-4]), 0) // more than its document
		return tx.Bucket([]byte("records")).Put(key, state.Seal("records", key, body))
	})
	if got := refusal(t, path, state.Binding{}); got != state.Corrupt {
		t.Errorf("want corrupt, got %s", got)
	}
}

func TestAMigrationThatIsKilledLeavesTheEarlierFile(t *testing.T) {
	for _, version := range earlierSchemas() {
		t.Run("schema "+version, func(t *testing.T) {
			path := earlierFile(t, version)
			want := dump(t, path)
			process := exec.CommandContext(t.Context(), os.Args[0])
			process.Env = append(os.Environ(), compactingPath+"="+path)
			output, err := process.CombinedOutput()
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 9 {
				t.Fatalf("%v %s", err, output)
			}
			if !bytes.Equal(earlier(t, version), read(t, path)) {
				t.Error("the file has been changed")
			}
			if left := names(t, filepath.Dir(path)); len(left) != 2 {
				t.Errorf("the process was to die with its new file complete: %v", left)
			}
			// The next start does it again, and takes away what that one left.
			if diff := ledgertest.Diff(want, contents(t, open(t, path))); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
			if left := names(t, filepath.Dir(path)); len(left) != 1 {
				t.Errorf("something was left: %v", left)
			}
		})
	}
}

// TestManyRecordsAreMigrated: one transaction does not store them all.
func TestManyRecordsAreMigrated(t *testing.T) {
	const many = 9000
	path := earlierFile(t, "4")
	want := dump(t, path)
	model := slices.IndexFunc(want.Records, func(r plan.Record) bool { return r.Identity == 0 && r.CustomerID != "" })
	from := uuid.MustParse(string(want.Records[model].ID))
	tamper(t, path, func(tx *bolt.Tx) error {
		records := tx.Bucket([]byte("records"))
		value := bytes.Clone(records.Get(from[:]))
		for n := range many {
			id := uuid.MustParse(string(ledgertest.ID(1<<30 + n)))
			if err := records.Put(id[:], state.Seal("records", id[:], bytes.Clone(value[:len(value)-4]))); err != nil {
				return err
			}
		}
		return nil
	})
	for range many {
		want.Records = append(want.Records, want.Records[model])
		want.Records[len(want.Records)-1].ID = ledgertest.ID(1<<30 + len(want.Records) - 26)
	}
	l := open(t, path)
	n := 0
	err := l.Each(t.Context(), func(r plan.Record) error {
		if diff := ledgertest.Diff(want.Records[n], r); diff != "" {
			return errors.New(diff)
		}
		n++
		return nil
	})
	if err != nil || n != len(want.Records) {
		t.Errorf("%d records, then %v", n, err)
	}
	sums, err := l.Tallies(t.Context())
	if diff := ledgertest.Diff(recount(t, l).Tallies, sums); diff != "" || err != nil {
		t.Errorf("want -, got +\n%s %v", diff, err)
	}
}
