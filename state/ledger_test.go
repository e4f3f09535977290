package state_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(victimPath); path != "" {
		victim(path)
		return
	}
	if path := os.Getenv(compactingPath); path != "" {
		fmt.Println(compacting(path))
		return
	}
	goleak.VerifyTestMain(m)
}

// open opens a ledger for the test's length and checks its file at the end.
// fairLog is room for many groups, in bytes. A file with the log of a new one takes several
// times as long to make, and to open.
const fairLog = 256 << 10

func open(tb testing.TB, path string) *state.Ledger {
	tb.Helper()
	l, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite}.WithLog(fairLog))
	if err != nil {
		tb.Fatalf("Open: %v", err)
	}
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
		ledgertest.Verify(tb, path)
	})
	return l
}

func TestStateIsALedger(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) ledgertest.Ledger {
		t.Helper()
		return open(t, filepath.Join(t.TempDir(), "state.db"))
	})
}
