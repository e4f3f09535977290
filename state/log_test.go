package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// smallLog is room for some groups, in bytes.
const smallLog = 16 << 10

// openSmall opens a file whose log is soon full.
func openSmall(t *testing.T, path string) *state.Ledger {
	t.Helper()
	l, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite}.WithLog(smallLog))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// newestTransaction gives the number of the last transaction of the trees.
func newestTransaction(t *testing.T, path string) (id int) {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "copy.db")
	write(t, copied, read(t, path))
	db, err := bolt.Open(copied, 0o600, &bolt.Options{ReadOnly: true})
	if err == nil {
		err = db.View(func(tx *bolt.Tx) error {
			id = tx.ID()
			return nil
		})
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return id
}

// TestASmallCommitWritesToTheLogOnly: the trees are left alone until a fold.
func TestASmallCommitWritesToTheLogOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	l := openSmall(t, path)
	before, id := read(t, path), newestTransaction(t, path)
	if err := l.Commit(t.Context(), batchOf(1)); err != nil {
		t.Fatal(err)
	}
	after := read(t, path)
	if at := changes(before, after, os.Getpagesize()); len(at) != 1 || newestTransaction(t, path) != id {
		t.Errorf("a commit has changed the pages at %v, transaction %d after %d", at, newestTransaction(t, path), id)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if newestTransaction(t, path) != id+1 {
		t.Errorf("the log was not folded at the end: transaction %d after %d", newestTransaction(t, path), id)
	}
	want := dump(t, path)
	if len(want.Records) != 1 || len(want.Journal) != 1 {
		t.Errorf("%d records, %d lines", len(want.Records), len(want.Journal))
	}
}

// TestWhatTheLogHoldsIsThere compares an open ledger, whose log is folded now and then,
// with what the next process would find after a kill, in both modes.
func TestWhatTheLogHoldsIsThere(t *testing.T) {
	dir := t.TempDir()
	path, left := filepath.Join(dir, "state.db"), filepath.Join(dir, "left.db")
	l := openSmall(t, path)
	ids := map[int]bool{}
	for n := range 40 {
		if err := l.Commit(t.Context(), batchOf(n)); err != nil {
			t.Fatal(err)
		}
		if n%7 == 3 {
			commitAgain(t, l, ledgertest.ID(n-1))
		}
		want := contents(t, l)
		if len(want.Records) != n+1 {
			t.Fatalf("%d records after %d commits", len(want.Records), n+1)
		}
		write(t, left, read(t, path))
		ids[newestTransaction(t, path)] = true
		if diff := ledgertest.Diff(want, dump(t, left)); diff != "" {
			t.Fatalf("after %d commits, open -, read +\n%s", n+1, diff)
		}
		ledgertest.Verify(t, left)
		next := openSmall(t, left)
		if diff := ledgertest.Diff(want, contents(t, next)); diff != "" {
			t.Fatalf("after %d commits, open -, opened again +\n%s", n+1, diff)
		}
		if err := next.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(ids) < 5 || len(ids) > 20 {
		t.Errorf("40 commits took %d transactions", len(ids))
	}
}

// commitAgain puts a record once more, as it is.
func commitAgain(t *testing.T, l *state.Ledger, id preauth.ID) {
	t.Helper()
	r, ok, err := l.Record(t.Context(), id)
	if !ok || err != nil {
		t.Fatalf("%v, %v", ok, err)
	}
	if err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{r}}); err != nil {
		t.Fatal(err)
	}
}

// TestALargeCommitGoesToTheTrees, and what the log held goes before it.
func TestALargeCommitGoesToTheTrees(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	l := open(t, path)
	if err := l.Commit(t.Context(), batchOf(5000)); err != nil {
		t.Fatal(err)
	}
	id := newestTransaction(t, path)
	var large plan.Batch
	for n := range 1000 {
		large.Records = append(large.Records, ledgertest.HeldRecord(n))
	}
	if err := l.Commit(t.Context(), large); err != nil {
		t.Fatal(err)
	}
	if got := newestTransaction(t, path); got != id+2 {
		t.Errorf("transaction %d after %d", got, id)
	}
	if got := contents(t, l); len(got.Records) != 1001 {
		t.Errorf("%d records", len(got.Records))
	}
}

// TestReadersNeverSeeHalfACommit has two records that every commit puts together, read
// while the log is filled and folded all the time.
func TestReadersNeverSeeHalfACommit(t *testing.T) {
	l := openSmall(t, filepath.Join(t.TempDir(), "state.db"))
	ids := []preauth.ID{ledgertest.ID(1), ledgertest.ID(2)}
	both := func() [2]plan.Record {
		found, err := l.Records(t.Context(), ids)
		if err != nil {
			t.Error(err)
		}
		return [2]plan.Record{found[ids[0]], found[ids[1]]}
	}
	if err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{ledgertest.HeldRecord(1), ledgertest.HeldRecord(2)}}); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var last uint64
			for !stop.Load() {
				pair := both()
				if pair[0].Revision != pair[1].Revision || pair[0].Revision < last {
					t.Errorf("revisions %d and %d after %d", pair[0].Revision, pair[1].Revision, last)
					return
				}
				last = pair[0].Revision
				walked := 0
				if err := l.Each(t.Context(), func(plan.Record) error { walked++; return nil }); err != nil || walked < 2 {
					t.Errorf("%d records, %v", walked, err)
					return
				}
			}
		})
	}
	for n := range 300 {
		pair := both()
		batch := plan.Batch{Records: pair[:]}
		if n%50 == 7 { // one that is too large for the log
			for m := range 400 {
				batch.Records = append(batch.Records, ledgertest.HeldRecord(1000+n*1000+m))
			}
		}
		if err := l.Commit(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		if stored := both()[0].Revision; stored != uint64(n)+2 {
			t.Fatalf("revision %d after %d commits", stored, n+2)
		}
	}
	stop.Store(true)
	wg.Wait()
}

// TestACopyIsMadeOfWhatWasStoredBefore takes backups while others commit.
func TestACopyIsMadeOfWhatWasStoredBefore(t *testing.T) {
	dir := t.TempDir()
	l := openSmall(t, filepath.Join(dir, "state.db"))
	var stored atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; !stop.Load(); n++ {
			if err := l.Commit(t.Context(), batchOf(n)); err != nil {
				t.Error(err)
				return
			}
			stored.Add(1)
		}
	})
	for n := range 10 {
		least := int(stored.Load())
		path := filepath.Join(dir, fmt.Sprintf("%d.db", n))
		if err := l.Backup(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		got := dump(t, path)
		if len(got.Records) < least || len(got.Records) != len(got.Journal) {
			t.Errorf("the copy has %d records and %d lines, and %d were stored", len(got.Records), len(got.Journal), least)
		}
	}
	stop.Store(true)
	wg.Wait()
}

// TestACopyHasNothingOfWhatCameMeanwhile commits, and lets the log be folded and filled
// again, in the middle of a copy.
func TestACopyHasNothingOfWhatCameMeanwhile(t *testing.T) {
	dir := t.TempDir()
	l := openSmall(t, filepath.Join(dir, "state.db"))
	for commits := range 12 {
		if err := l.Commit(t.Context(), batchOf(100*commits)); err != nil {
			t.Fatal(err)
		}
		want := contents(t, l)
		var copied bytes.Buffer
		err := l.CopyTo(t.Context(), writerFunc(func(b []byte) (int, error) {
			for n := range commits {
				if copied.Len() > 0 {
					break // they have come
				}
				if err := l.Commit(t.Context(), batchOf(100*commits+1+n)); err != nil {
					t.Error(err)
				}
			}
			return copied.Write(b)
		}))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "copied.db")
		write(t, path, copied.Bytes())
		if diff := ledgertest.Diff(want, dump(t, path)); diff != "" {
			t.Fatalf("%d commits meanwhile: want -, copied +\n%s", commits, diff)
		}
	}
}

// TestACompactionTakesTheLogWithIt: what it holds is in the new file, whose own is empty.
func TestACompactionTakesTheLogWithIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	l := openSmall(t, path)
	for n := range 3 {
		if err := l.Commit(t.Context(), batchOf(n)); err != nil {
			t.Fatal(err)
		}
	}
	want := contents(t, l)
	if _, err := l.Compact(t.Context(), state.CompactOptions{}); err != nil {
		t.Fatal(err)
	}
	if diff := ledgertest.Diff(want, contents(t, l)); diff != "" {
		t.Errorf("before -, after +\n%s", diff)
	}
	content := read(t, path)
	at := logAt(t, content)
	room := content[at : at+smallLog-os.Getpagesize()]
	if !bytes.Equal(room, make([]byte, len(room))) {
		t.Error("something has been copied to the log")
	}
}

// TestACopyOfAFileThatIsOnlyReadHasItsLog: it cannot be folded.
func TestACopyOfAFileThatIsOnlyReadHasItsLog(t *testing.T) {
	dir := t.TempDir()
	path, left, copied := filepath.Join(dir, "state.db"), filepath.Join(dir, "left.db"), filepath.Join(dir, "copied.db")
	l := openSmall(t, path)
	if err := l.Commit(t.Context(), batchOf(1)); err != nil {
		t.Fatal(err)
	}
	want := contents(t, l)
	write(t, left, read(t, path))
	reader, err := state.Open(state.Options{Path: left})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(reader.Backup(t.Context(), copied), reader.Close()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, left), read(t, path)) {
		t.Error("a reader has changed the file")
	}
	if diff := ledgertest.Diff(want, dump(t, copied)); diff != "" {
		t.Errorf("want -, copied +\n%s", diff)
	}
}

// logged makes a file as a kill leaves it: so many commits are folded, so many in the log.
func logged(t *testing.T, folded, inLog int) (content []byte, holds everything) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	l := openSmall(t, path)
	for n := range folded + inLog {
		if n == folded {
			if err := l.MarkOlder(t.Context(), "this folds the log"); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Commit(t.Context(), batchOf(n)); err != nil {
			t.Fatal(err)
		}
	}
	return read(t, path), contents(t, l)
}

// TestNoChangedByteOfTheLogIsBelieved flips a bit of each byte of the last commits in
// the log, and of some elsewhere in it.
func TestNoChangedByteOfTheLogIsBelieved(t *testing.T) {
	good, want := logged(t, 3, 2)
	at := logAt(t, good)
	damaged := filepath.Join(t.TempDir(), "damaged.db")
	write(t, damaged, good)
	refused := 0
	for offset := at; offset < at+smallLog; offset++ {
		if within := (offset - at) % os.Getpagesize(); within > 1100 && within%97 != 0 {
			continue
		}
		unflip := flip(t, damaged, offset, offset%8)
		l, err := state.Open(state.Options{Path: damaged})
		if err != nil {
			if kindOf(err) != state.Corrupt {
				t.Fatalf("byte %d: %v", offset, err)
			}
			refused++
			unflip()
			continue
		}
		if diff := ledgertest.Diff(want, contents(t, l)); diff != "" {
			t.Fatalf("byte %d was changed and believed: %s", offset, diff)
		}
		_ = l.Close()
		unflip()
	}
	if refused < 1000 {
		t.Errorf("%d refused", refused)
	}
}

// logAt gives where the log's value stands in a file.
func logAt(t *testing.T, content []byte) int {
	t.Helper()
	path := filepath.Join(t.TempDir(), "copy.db")
	write(t, path, content)
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var at int
	err = db.View(func(tx *bolt.Tx) error {
		at = int(tx.Bucket([]byte("log")).RootPage()) * os.Getpagesize()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return at + os.Getpagesize()
}
