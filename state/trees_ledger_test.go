package state_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// held commits so many records at once, which go to the trees, and gives their Ids.
func held(t *testing.T, l *state.Ledger, from, until int) (ids []preauth.ID) {
	t.Helper()
	var batch plan.Batch
	for n := from; n < until; n++ {
		batch.Records = append(batch.Records, ledgertest.HeldRecord(n))
		ids = append(ids, ledgertest.ID(n))
	}
	if err := l.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return ids
}

// TestALookupSeesWhatTheTreesHaveBecome: nothing that was read of the trees counts for
// those that a later transaction has made, or a compaction.
func TestALookupSeesWhatTheTreesHaveBecome(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "state.db"))
	var ids []preauth.ID
	for from := 0; from < 4000; from += 1000 {
		ids = append(ids, held(t, l, from, from+1000)...)
		found, err := l.Records(t.Context(), ids)
		if err != nil || len(found) != len(ids) {
			t.Fatalf("%d of %d records, %v", len(found), len(ids), err)
		}
	}
	if _, err := l.Compact(t.Context(), state.CompactOptions{}); err != nil {
		t.Fatal(err)
	}
	found, err := l.Records(t.Context(), ids)
	if err != nil || len(found) != len(ids) {
		t.Fatalf("%d of %d records after a compaction, %v", len(found), len(ids), err)
	}
}

// TestAPageDamagedUnderAnOpenLedgerIsAnError: what cannot be looked up is not taken for
// what is not there, and nothing more is stored.
func TestAPageDamagedUnderAnOpenLedgerIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	l, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite}.WithLog(fairLog))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ids := held(t, l, 0, 1000)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	const leaf = 0x02 // the flags of a leaf in the head of its page
	for offset := int64(2 * os.Getpagesize()); offset < info.Size(); offset += int64(os.Getpagesize()) {
		head := make([]byte, 16)
		if _, err := file.ReadAt(head, offset); err != nil {
			t.Fatal(err)
		}
		overflow := binary.NativeEndian.Uint32(head[12:])
		if binary.NativeEndian.Uint16(head[8:]) == leaf && overflow == 0 {
			if _, err := file.WriteAt([]byte{0xFF}, offset); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, err = l.Records(t.Context(), ids)
	if refused, ok := errors.AsType[*state.Error](err); !ok || refused.Kind != state.Corrupt {
		t.Errorf("looking up: %v", err)
	}
	record := ledgertest.HeldRecord(1)
	if err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{record}}); !state.IsFailed(err) {
		t.Errorf("committing: %v", err)
	}
}
