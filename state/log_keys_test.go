package state_test

import (
	"path/filepath"
	"testing"

	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// TestALargeFileIsFoldedBeforeItsLogIsFull: a fold of very many documents would have the
// pages of all of them in memory.
func TestALargeFileIsFoldedBeforeItsLogIsFull(t *testing.T) {
	const size, inOne, commits = 12 << 20, 20, 60
	for name, c := range map[string]struct {
		log   int
		folds bool
	}{"small": {size / 8, false}, "large": {size, true}} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			l, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite}.WithLog(c.log))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			before := newestTransaction(t, path)
			for n := range commits {
				var batch plan.Batch
				for i := range inOne {
					batch.Records = append(batch.Records, ledgertest.HeldRecord(n*inOne+i))
				}
				if err := l.Commit(t.Context(), batch); err != nil {
					t.Fatal(err)
				}
			}
			if folds := newestTransaction(t, path) > before; folds != c.folds {
				t.Errorf("folded is %t", folds)
			}
		})
	}
}
