package state

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// mapFile maps a file of so many bytes, and reads all of it.
func mapFile(t *testing.T, size int) {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "mapped"))
	if err == nil {
		err = file.Truncate(int64(size))
	}
	if err != nil {
		t.Fatal(err)
	}
	mapped, err := unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(mapped); err != nil {
			t.Error(err)
		}
		_ = file.Close()
	})
}

// TestOnlyWhatHasBeenMappedSinceCounts: a program larger than the limit must not have the
// file let go after every few reads.
func TestOnlyWhatHasBeenMappedSinceCounts(t *testing.T) {
	mapFile(t, 2*mostMapped)
	l := openNew(t)
	if l.overmapped() {
		t.Error("what was mapped before counts")
	}
	mapFile(t, 2*mostMapped)
	if !l.overmapped() {
		t.Error("what has been mapped since does not count")
	}
}
