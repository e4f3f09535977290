package state_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
)

// TestALossOfPowerInACommitLeavesTheOneBefore: a commit syncs its pages before it
// writes the head that makes them count. So what a disk holds when its power fails
// in between is the file of before with any of the new pages' sectors, in any order.
func TestALossOfPowerInACommitLeavesTheOneBefore(t *testing.T) {
	const sector, losses = 512, 6
	dir := t.TempDir()
	path, cut := filepath.Join(dir, "state.db"), filepath.Join(dir, "cut.db")
	sample(t, path, 40)
	l := open(t, path)
	dice := rand.New(rand.NewPCG(1, 1))
	for n := range 5 {
		before := read(t, path)
		if err := l.Commit(t.Context(), batchOf(1000+n)); err != nil {
			t.Fatal(err)
		}
		after := read(t, path)
		write(t, cut, before)
		want := dump(t, cut)
		size := max(len(before), len(after))
		grown := append(bytes.Clone(before), make([]byte, size-len(before))...)
		changed := changes(grown, after, sector)
		if len(changed) < 4 {
			t.Fatalf("the commit has changed %d sectors", len(changed))
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
				t.Fatalf("commit %d: %s", n, diff)
			}
			// The next start writes, and what it finds is what it goes on from.
			if err := again(t, cut); err != nil {
				t.Fatalf("commit %d: %v", n, err)
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
