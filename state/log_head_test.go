package state_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/preauth-sync/preauth-sync/state"
)

// flip changes one bit of a file, until it is called back. To write the whole file anew
// for each would wait for the disk.
func flip(t *testing.T, path string, offset, bit int) (unflip func()) {
	t.Helper()
	change := func() {
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1)
		_, err = file.ReadAt(b, int64(offset))
		b[0] ^= 1 << bit
		if err == nil {
			_, err = file.WriteAt(b, int64(offset))
		}
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
	}
	change()
	return change
}

// TestNoChangedBitOfTheLogsHeadIsBelieved: nothing seals what stands before the log, and a
// length that has lost a bit would hide every group.
func TestNoChangedBitOfTheLogsHeadIsBelieved(t *testing.T) {
	good, _ := logged(t, 3, 2)
	at := logAt(t, good) - os.Getpagesize()
	const head = 16 + 16 + len("log") // of the page, of its element, and the key
	damaged := filepath.Join(t.TempDir(), "damaged.db")
	write(t, damaged, good)
	for offset := at; offset < at+head; offset++ {
		for bit := range 8 {
			unflip := flip(t, damaged, offset, bit)
			for _, mode := range []state.Mode{state.ReadOnly, state.ReadWrite} {
				if _, err := state.Open(state.Options{Path: damaged, Mode: mode}); kindOf(err) != state.Corrupt {
					t.Fatalf("bit %d of byte %d was changed: want corrupt, got %v", bit, offset-at, err)
				}
			}
			unflip()
			if !bytes.Equal(good, read(t, damaged)) {
				t.Fatalf("bit %d of byte %d was changed, and the refused file with it", bit, offset-at)
			}
		}
	}
}
