package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// smallDisk mounts one in memory, which grow gives more room.
func smallDisk(t *testing.T, size string) (dir string, grow func(size string)) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("only who may mount can fill a disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir, func(size string) {
		t.Helper()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size="+size); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFullDiskEndsTheDaemonAndNothingIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, servedOptions{
		seed: 1, populate: simulator.PopulateOptions{Customers: 500, PerCustomer: 10},
		config: simulator.ConfigOptions{Schedule: always, Extra: "mirror:\n  max_actions_per_cycle: 0\n"},
	})
	w.permissive(t)
	disk, grow := smallDisk(t, "3400k") // a new file, and one step of its growth
	before := w.state
	w.state = filepath.Join(disk, "state.db")
	w.edit(t, before, w.state)
	d := w.daemon(t)
	d.stopped(t, 1)
	if told(t, d.process, "state.failed") != 1 || !strings.Contains(d.stderr.String(), "see that the disk is writable and has room") {
		t.Errorf("it does not say what to do:\n%s", &d.stderr)
	}
	sent := w.Account().Creates
	if sent == 0 || sent == len(w.ids) {
		t.Fatalf("the disk was full after %d creates of %d", sent, len(w.ids))
	}

	// Every hold has had its intent first, so the file knows of each.
	records := w.records(t)
	for _, hold := range w.Holds() {
		if phase := records[hold.SentToken].Phase; phase != plan.Creating && phase != plan.Created {
			t.Errorf("%s is held, and the file says %s", hold.SentToken, phase)
		}
	}

	// While there is no room nothing more is sent.
	w.run(t, 1, "run")
	if n := w.Account().Creates; n != sent {
		t.Errorf("%d more were created", n-sent)
	}

	grow("16m")
	w.runUntilClean(t)
	w.account(t, len(w.ids), 0)
	w.audit(t)
}
