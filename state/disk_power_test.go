package state_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
)

// sector is what a disk writes in one piece, in bytes.
const sector = 512

// TestALossOfPowerInACommitLeavesTheOneBefore, or all of it: what a disk holds when its
// power fails is the log of before with any of the new sectors.
func TestALossOfPowerInACommitLeavesTheOneBefore(t *testing.T) {
	dir := t.TempDir()
	path, cut := filepath.Join(dir, "state.db"), filepath.Join(dir, "cut.db")
	l := openSmall(t, path)
	torn := 0
	for n := range 6 {
		before, old := read(t, path), contents(t, l)
		batch := batchOf(n)
		batch.Journal[0].Note = strings.Repeat("a group of more than one block ", 40)
		if err := l.Commit(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		after, now := read(t, path), contents(t, l)
		if len(before) != len(after) || len(changes(before, after, os.Getpagesize())) > 1 {
			continue // the log was full, and has been folded
		}
		changed := changes(before, after, sector)
		for subset := range 1 << len(changed) {
			content, want := bytes.Clone(before), old
			for i, at := range changed {
				if subset&(1<<i) != 0 {
					copy(content[at:at+sector], after[at:])
				}
			}
			if bytes.Equal(content, after) {
				want = now
			} else {
				torn++
			}
			write(t, cut, content)
			if diff := ledgertest.Diff(want, dump(t, cut)); diff != "" {
				t.Fatalf("commit %d, sectors %b: %s", n, subset, diff)
			}
			// The next start writes, and what it finds is what it goes on from.
			if err := again(t, cut); err != nil {
				t.Fatalf("commit %d, sectors %b: %v", n, subset, err)
			}
		}
	}
	if torn < 10 {
		t.Errorf("%d torn writes", torn)
	}
}

// TestALossOfPowerInAFoldLeavesTheLog: a transaction syncs its pages before it writes the
// head that makes them count. So what a disk holds when its power fails in between is the
// file of before, its log included, with any of the new pages' sectors, in any order.
func TestALossOfPowerInAFoldLeavesTheLog(t *testing.T) {
	const losses = 12
	dir := t.TempDir()
	path, cut := filepath.Join(dir, "state.db"), filepath.Join(dir, "cut.db")
	sample(t, path, 40)
	dice := rand.New(rand.NewPCG(1, 1))
	for n := range 4 {
		l := open(t, path)
		for m := range 3 {
			if err := l.Commit(t.Context(), batchOf(1000+3*n+m)); err != nil {
				t.Fatal(err)
			}
		}
		want, before := contents(t, l), read(t, path)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		after := read(t, path)
		size := max(len(before), len(after))
		grown := append(bytes.Clone(before), make([]byte, size-len(before))...)
		changed := changes(grown, after, sector)
		if len(changed) < 4 {
			t.Fatalf("the fold has changed %d sectors", len(changed))
		}
		for range losses {
			torn := bytes.Clone(grown)
			for _, at := range changed {
				if at >= 2*os.Getpagesize() && dice.IntN(2) == 0 {
					copy(torn[at:at+sector], after[at:])
				}
			}
			write(t, cut, torn)
			if diff := ledgertest.Diff(want, dump(t, cut)); diff != "" {
				t.Fatalf("fold %d: %s", n, diff)
			}
			if err := again(t, cut); err != nil {
				t.Fatalf("fold %d: %v", n, err)
			}
		}
	}
}

// again opens a file as the next start does, and commits.
func again(t *testing.T, path string) error {
	t.Helper()
	l, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite})
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	if err := l.Commit(t.Context(), batchOf(9999)); err != nil {
		return err
	}
	report, err := l.Verify(t.Context())
	if err == nil && !slices.Equal(report.Problems, nil) {
		t.Errorf("problems: %q", report.Problems)
	}
	return err
}

// changes gives where two contents of one length differ, in sectors.
func changes(before, after []byte, sector int) (at []int) {
	for from := 0; from < len(after); from += sector {
		if !bytes.Equal(before[from:from+sector], after[from:from+sector]) {
			at = append(at, from)
		}
	}
	return at
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
