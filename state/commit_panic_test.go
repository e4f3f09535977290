package state

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func newCreate() plan.Batch {
	id := preauth.ID(uuid.NewString())
	return plan.Batch{Records: []plan.Record{{ID: id, Enterprise: id, Phase: plan.Creating, Intent: &plan.Intent{Action: plan.Create}}}}
}

func openNew(t *testing.T) *Ledger {
	t.Helper()
	l, err := Open(Options{Path: filepath.Join(t.TempDir(), "state.db"), Mode: ReadWrite})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// TestAPanicWhileAGroupIsStoredStoresNothing: neither for who leads nor for who follows,
// and the ledger is final after it.
func TestAPanicWhileAGroupIsStoredStoresNothing(t *testing.T) {
	l := openNew(t)
	l.writing.Lock()
	l.log.open = nil // to append panics
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for n := range errs {
		wg.Go(func() { errs[n] = l.Commit(t.Context(), newCreate()) })
	}
	l.writing.Unlock()
	wg.Wait()
	for n, err := range errs {
		if kindOf(err) != Failed {
			t.Errorf("commit %d: want failed, got %v", n, err)
		}
	}
	if err := l.Commit(t.Context(), newCreate()); err == nil {
		t.Error("a commit after it has been stored")
	}
}

// TestWhoFollowsALeadThatBreaksOffIsNotStored: whoever leads releases those who follow
// even then, and they must not go on as if their intents were durable.
func TestWhoFollowsALeadThatBreaksOffIsNotStored(t *testing.T) {
	l := openNew(t)
	if !l.group.join(&request{batch: newCreate(), turn: make(chan bool, 1)}) {
		t.Fatal("somebody leads already")
	}
	followed := make(chan error)
	go func() { followed <- l.Commit(t.Context(), newCreate()) }()
	taken := l.group.take()
	for len(taken) < 2 {
		taken = append(taken, l.group.take()...)
	}
	l.group.done(taken)
	if err := <-followed; !errors.Is(err, errNotStored) {
		t.Errorf("want not stored, got %v", err)
	}
}
