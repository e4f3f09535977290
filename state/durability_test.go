package state

import (
	"os"
	"path/filepath"
	"testing"
)

// What a lost power supply leaves cannot be seen from here: a killed process leaves
// everything to the kernel. So this looks at the one switch that decides it.
func TestEveryCommitIsSynced(t *testing.T) {
	l, err := Open(Options{Path: filepath.Join(t.TempDir(), "state.db"), Mode: ReadWrite})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	synced := func(when string) {
		t.Helper()
		if l.db.NoSync || l.db.NoGrowSync {
			t.Errorf("%s, commits are not synced to the disk", when)
		}
	}
	synced("at the start")
	if _, err := l.Compact(t.Context(), CompactOptions{}); err != nil {
		t.Fatal(err)
	}
	synced("once it is compacted")
}

// TestTheLogAsksTheDisk: a file that is closed cannot be synced.
func TestTheLogAsksTheDisk(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	if err := (inPlace{file}).Sync(); err != nil {
		t.Error(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := (inPlace{file}).Sync(); err == nil {
		t.Error("a sync of nothing has succeeded")
	}
}
