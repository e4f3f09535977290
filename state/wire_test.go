package state_test

import (
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// TestTheNumbersThatAreStoredStayTheSame: to change one is to change the schema.
func TestTheNumbersThatAreStoredStayTheSame(t *testing.T) {
	numbers := map[string][2]int{
		"Charged": {int(preauth.Charged), 3}, "Failed": {int(preauth.Failed), 4}, "Cancelled": {int(preauth.Cancelled), 5},
		"Expired": {int(preauth.Expired), 6}, "Capturing": {int(plan.Capturing), 3}, "Captured": {int(plan.Captured), 4},
		"Baseline": {int(plan.Baseline), 5}, "Adopted": {int(plan.Adopted), 6}, "Released": {int(plan.Released), 7},
		"HistoryUnset": {int(plan.HistoryUnset), 0}, "HistoryFresh": {int(plan.HistoryFresh), 1}, "HistoryOld": {int(plan.HistoryOld), 2},
		"Unknown": {int(preauth.Unknown), 0}, "Chargeable": {int(preauth.Chargeable), 1}, "Pending": {int(preauth.Pending), 2},
		"None": {int(plan.None), 0}, "Creating": {int(plan.Creating), 1}, "Created": {int(plan.Created), 2},
		"NoAction": {int(plan.NoAction), 0}, "Create": {int(plan.Create), 1}, "Capture": {int(plan.Capture), 2},
		"ProofOpen": {int(plan.ProofOpen), 0}, "ProofKept": {int(plan.ProofKept), 1}, "ProofNotKept": {int(plan.ProofNotKept), 2},
	}
	for name, pair := range numbers {
		if pair[0] != pair[1] {
			t.Errorf("%s is stored as %d and is now %d", name, pair[1], pair[0])
		}
	}
}

// TestARecordIsSmall: a million of them are to take less than 300 bytes each, with all
// that stands elsewhere.
func TestARecordIsSmall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	l := open(t, path)
	for _, batch := range ledgertest.Created(1) {
		if err := l.Commit(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	_ = l.Close()
	tamper(t, path, func(tx *bolt.Tx) error {
		key, value := tx.Bucket([]byte("records")).Cursor().First()
		if size := len(key) + len(value); size > 190 {
			t.Errorf("a held record with its journal takes %d bytes", size)
		} else {
			t.Logf("a held record with its journal takes %d bytes", size)
		}
		return nil
	})
}
