package ledgertest

import (
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// placedInOrder commits each revision of a record as soon as the one before has its place:
// none waits for another, and none may find another revision than that one.
func placedInOrder(t *testing.T, l Ledger) {
	t.Helper()
	const chains, revisions = 4, 50
	var wg sync.WaitGroup
	for chain := range chains {
		next := make(chan uint64, 1)
		next <- 0
		wg.Go(func() {
			for range revisions {
				revision := <-next
				wg.Go(func() {
					r := plan.Record{ID: ID(chain), Enterprise: ID(100), Revision: revision}
					err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{r}, Placed: func() {
						next <- revision + 1
						for range revisions {
							runtime.Gosched() // whoever may come too early does
						}
					}})
					if err != nil {
						t.Errorf("revision %d: %v", revision, err)
					}
				})
			}
		})
	}
	wg.Wait()
	for chain := range chains {
		if got := record(t, l, ID(chain)).Revision; got != revisions {
			t.Errorf("%d revisions were stored, want %d", got, revisions)
		}
	}
}

// placedInVain commits what is wrong in itself. Whoever begins once it is placed counts on
// it, in the same group or later.
func placedInVain(t *testing.T, l Ledger) {
	t.Helper()
	const after = 20
	commit(t, l, plan.Batch{Records: []plan.Record{HeldRecord(0)}})
	var wg sync.WaitGroup
	follow := func(n int) {
		if err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{HeldRecord(n)}}); err == nil {
			t.Errorf("record %d was stored", n)
		}
	}
	err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{{ID: "none"}}, Placed: func() {
		for n := range after {
			wg.Go(func() { follow(1 + n) })
		}
	}})
	if err == nil || errors.Is(err, plan.ErrConflict) {
		t.Errorf("an Id that is none: %v", err)
	}
	wg.Wait()
	follow(1 + after)
	all := each(t, func(visit func(plan.Record) error) error { return l.Each(t.Context(), visit) })
	if len(all) != 1 {
		t.Errorf("%d records are stored, want the first", len(all))
	}
}
