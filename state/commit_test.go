package state_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func batchOf(n int) plan.Batch {
	return plan.Batch{
		Records: []plan.Record{ledgertest.HeldRecord(n)},
		Journal: []plan.Entry{{ID: ledgertest.ID(n), At: ledgertest.At(n), Event: "create.applied", CycleID: "c-1", Status: 201}},
	}
}

func intentOf(n int) plan.Batch {
	return plan.Batch{Records: []plan.Record{ledgertest.FullRecord(n)}}
}

func TestConcurrentCommitsAreAllDurable(t *testing.T) {
	const writers, each = 16, 20
	path := filepath.Join(t.TempDir(), "state.db")
	l := open(t, path)
	var wg sync.WaitGroup
	var conflicts atomic.Int64
	for w := range writers {
		wg.Go(func() {
			for n := range each {
				if err := l.Commit(t.Context(), batchOf(w*each+n)); err != nil {
					t.Error(err)
				}
				// Everybody wants this one; one gets it.
				if err := l.Commit(t.Context(), batchOf(1<<20+n)); errors.Is(err, plan.ErrConflict) {
					conflicts.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	report := ledgertest.Verify(t, path)
	if want := writers*each + each; report.Records != want || report.Journal != want || conflicts.Load() != (writers-1)*each {
		t.Fatalf("%d records, %d lines, %d conflicts", report.Records, report.Journal, conflicts.Load())
	}
}

func TestAFailedCommitIsFinal(t *testing.T) {
	small := func(l *state.Ledger, n int) error { return l.Commit(t.Context(), batchOf(100+n)) }
	large := func(l *state.Ledger, n int) error {
		var batch plan.Batch
		for m := range 1000 {
			batch.Records = append(batch.Records, ledgertest.HeldRecord(1000*(n+1)+m))
		}
		return l.Commit(t.Context(), batch)
	}
	for name, fails := range map[string]func(l *state.Ledger, n int) error{"in the log": small, "in the trees": large} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			sample(t, path, 5)
			l, err := state.Open(state.Options{
				Path: path, Mode: state.ReadWrite,
				OpenFile: func(name string, _ int, mode os.FileMode) (*os.File, error) {
					return os.OpenFile(name, os.O_RDONLY, mode)
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			var wg sync.WaitGroup
			for n := range 8 {
				wg.Go(func() {
					if err := fails(l, n); kindOf(err) != state.Failed {
						t.Errorf("want failed, got %v", err)
					}
				})
			}
			wg.Wait()
			conflicting := plan.Batch{Records: []plan.Record{ledgertest.HeldRecord(3)}}
			if err := l.Commit(t.Context(), conflicting); kindOf(err) != state.Failed {
				t.Errorf("a commit of nothing: %v", err)
			}
			if _, err := l.Advance(t.Context(), false); kindOf(err) != state.Failed {
				t.Errorf("Advance: %v", err)
			}
			if _, ok, err := l.Record(t.Context(), ledgertest.ID(100)); ok || err != nil {
				t.Errorf("the record of a failed commit: %v, %v", ok, err)
			}
			if _, ok, err := l.Record(t.Context(), ledgertest.ID(3)); !ok || err != nil {
				t.Errorf("what was there before: %v, %v", ok, err)
			}
		})
	}
}

func TestAnIntentNeedsTheFileAtItsPath(t *testing.T) {
	cases := map[string]func(path string) error{
		"renamed": func(path string) error { return os.Rename(path, path+".away") },
		"deleted": os.Remove,
		"replaced": func(path string) error {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return errors.Join(os.Remove(path), os.WriteFile(path, content, 0o600))
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			path := filepath.Join(t.TempDir(), "state.db")
			l, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			if err := errors.Join(l.Commit(ctx, intentOf(1)), change(path)); err != nil {
				t.Fatal(err)
			}
			if err := l.Commit(ctx, intentOf(2)); kindOf(err) != state.Replaced {
				t.Fatalf("an intent: %v", err)
			}
			if _, err := l.Advance(ctx, false); kindOf(err) != state.Replaced {
				t.Errorf("Advance: %v", err)
			}
			if _, err := l.Compact(ctx, state.CompactOptions{}); kindOf(err) != state.Replaced {
				t.Errorf("Compact: %v", err)
			}
			// The outcome of what is under way is kept in the file that is open.
			outcome := ledgertest.HeldRecord(1)
			outcome.Revision = 1
			if err := l.Commit(ctx, plan.Batch{Records: []plan.Record{outcome}}); err != nil {
				t.Errorf("an outcome: %v", err)
			}
			// One that is not known still has its intent.
			unknown := intentOf(3)
			unknown.Placed = func() {}
			if err := l.Commit(ctx, unknown); err != nil {
				t.Errorf("an unknown outcome: %v", err)
			}
			if _, ok, err := l.Record(ctx, ledgertest.ID(2)); ok || err != nil {
				t.Errorf("the refused intent: %v, %v", ok, err)
			}
		})
	}
}

func TestCompactKeepsEverythingAndGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	sample(t, path, 3000)
	want := dump(t, path)
	l := open(t, path)
	ctx := t.Context()
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for n := range 20 {
				if err := l.Commit(ctx, batchOf(100000+w*100+n)); err != nil {
					t.Error(err)
				}
				if _, ok, err := l.Record(ctx, ledgertest.ID(5)); !ok || err != nil {
					t.Errorf("%v, %v", ok, err)
				}
			}
		})
	}
	report, err := l.Compact(ctx, state.CompactOptions{})
	wg.Wait()
	if err != nil || report.After >= report.Before || report.JournalLines != 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	if _, err := state.Open(state.Options{Path: path, LockTimeout: 1}); kindOf(err) != state.Locked {
		t.Errorf("the new file must be locked: %v", err)
	}
	if err := l.Commit(ctx, intentOf(99)); !errors.Is(err, plan.ErrConflict) {
		t.Errorf("an intent for what there is: %v", err)
	}
	if err := l.Commit(ctx, intentOf(1<<18)); err != nil {
		t.Errorf("an intent after the compaction: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	got := dump(t, path)
	if len(got.Records) != len(want.Records)+81 {
		t.Fatalf("%d records", len(got.Records))
	}
	if diff := ledgertest.Diff(want.Records[:3000], got.Records[:3000]); diff != "" {
		t.Error(diff)
	}
	if left := names(t, filepath.Dir(path)); len(left) != 2 {
		t.Errorf("something was left beside the file: %v", left)
	}
}

// TestAnIndexMayEmptyAtOnce: bbolt then takes whole levels out of the tree.
func TestAnIndexMayEmptyAtOnce(t *testing.T) {
	const many = 3000
	path := filepath.Join(t.TempDir(), "state.db")
	l := open(t, path)
	batch := plan.Batch{}
	for n := range many {
		batch.Records = append(batch.Records, ledgertest.HeldRecord(n))
	}
	for round := range 3 {
		if err := l.Commit(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		report, err := l.Verify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want := many * (1 - round%2); report.Unfinished != want {
			t.Fatalf("%d unfinished, want %d", report.Unfinished, want)
		}
		for n := range batch.Records {
			batch.Records[n].Revision++
			batch.Records[n].Phase = []plan.Phase{plan.Captured, plan.Created}[round%2]
		}
	}
}
