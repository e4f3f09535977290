package state_test

import (
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Whoever shares a sync goes on only after it, as the one who leads does.
func TestWhoSharesAGroupWaitsUntilItIsStored(t *testing.T) {
	const writers, each = 16, 10
	l := open(t, filepath.Join(t.TempDir(), "state.db"))
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range each {
				if err := l.Commit(t.Context(), batchOf(w*each+n)); err != nil {
					t.Error(err)
				}
				if _, stored, err := l.Record(t.Context(), ledgertest.ID(w*each+n)); !stored || err != nil {
					t.Errorf("a commit has returned, and its record is stored: %t, %v", stored, err)
				}
			}
		})
	}
	wg.Wait()
}

// Everybody wants each record, while what others have just asked for is being synced: one
// gets it.
func TestOfManyWhoWantARecordOneGetsIt(t *testing.T) {
	const writers, records = 16, 200
	l := open(t, filepath.Join(t.TempDir(), "state.db"))
	var stored [records]atomic.Int64
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for n := range records {
				if err := l.Commit(t.Context(), batchOf(n)); err == nil {
					stored[n].Add(1)
				} else if !errors.Is(err, plan.ErrConflict) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for n := range records {
		if got := stored[n].Load(); got != 1 {
			t.Errorf("%d have stored record %d as a new one", got, n)
		}
	}
}
