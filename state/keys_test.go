package state_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// The UUID of zeros stands for none in the file's keys.
func TestTheIdOfZerosIsRefused(t *testing.T) {
	const zeros preauth.ID = "00000000-0000-0000-0000-000000000000"
	l := open(t, filepath.Join(t.TempDir(), "state.db"))
	for name, change := range map[string]func(*plan.Record){
		"record":     func(r *plan.Record) { r.ID = zeros },
		"customer":   func(r *plan.Record) { r.CustomerID = zeros },
		"enterprise": func(r *plan.Record) { r.Enterprise = zeros },
	} {
		r := ledgertest.HeldRecord(1)
		change(&r)
		if err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{r}}); !errors.Is(err, preauth.ErrNotUUID) {
			t.Errorf("a %s of zeros: %v", name, err)
		}
	}
	if _, err := l.Customers(t.Context(), ledgertest.ID(9), []preauth.ID{zeros}); !errors.Is(err, preauth.ErrNotUUID) {
		t.Errorf("a customer of zeros is asked for: %v", err)
	}
}
