package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// An abort ends a process where it stands, as a kill does, and shows every stack.
// The contract: a create in doubt is looked up, and made when it is not there; a
// capture in doubt cannot be looked up, and is parked for a person, never sent again.
func TestAnAbortInTheMiddleOfAWriteNeitherRepeatsNorLosesAnything(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{simulator.OpCreate, simulator.OpCapture} {
		for _, effect := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, with its effect %t", operation, effect), func(t *testing.T) {
				t.Parallel()
				w := six(t, simulator.ConfigOptions{Timeout: 2 * time.Second, Settle: 200 * time.Millisecond})
				captures, parked := 0, 0
				if operation == simulator.OpCapture {
					parked = 1
					if effect {
						captures = 1
					}
					w.run(t, 0, "run", "--once")
					w.charge(t, 0)
				}
				w.Inject(simulator.Fault{API: simulator.APIV4, Operation: operation, Kind: simulator.KindHang, After: effect, Nth: 1})
				p := w.begin(t, "run", "--once")
				if err := w.await(t.Context(), operation, 1); err != nil {
					t.Fatal(err)
				}
				if err := p.signal(syscall.SIGABRT); err != nil {
					t.Fatal(err)
				}
				ended(t, p, 2)
				dump := p.stderr.String()
				if !strings.Contains(dump, "SIGABRT") || !strings.Contains(dump, "goroutine ") {
					t.Errorf("there are no stacks in what it said:\n%s", dump)
				}
				for _, secret := range w.secrets() {
					if strings.Contains(dump, secret) {
						t.Error("the dump shows a secret")
					}
				}
				w.calm()
				w.runUntilClean(t)
				w.account(t, 6, captures)
				if n := w.parked(t, plan.UnknownCapture); n != parked {
					t.Errorf("%d captures are parked, not %d", n, parked)
				}
				w.audit(t)
			})
		}
	}
}

// failingDisk mounts one from a file. abort makes it read-only below whoever uses
// it, as the kernel does when a disk fails; again mounts it anew.
func failingDisk(t *testing.T) (dir string, abort, again func()) {
	t.Helper()
	dir, image := t.TempDir(), filepath.Join(t.TempDir(), "disk")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 8<<20)); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) error {
		said, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s %q: %w: %s", name, args, err, said)
		}
		return nil
	}
	mount := func() error { return run("mount", "-o", "loop", image, dir) }
	if err := errors.Join(run("mkfs.ext4", "-q", image), mount()); err != nil {
		t.Skipf("only who may mount can let a disk fail: %v", err)
	}
	unmount := func() error { return syscall.Unmount(dir, 0) }
	t.Cleanup(func() {
		if err := unmount(); err != nil {
			t.Error(err)
		}
	})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir, func() { must(run("mount", "-o", "remount,abort", dir)) }, func() { must(errors.Join(unmount(), mount())) }
}

// The contract: without a durable intent nothing is sent, so a daemon whose disk
// turns read-only ends before its next write, and so does every start until it is
// mended.
func TestADiskThatTurnsReadOnlyEndsTheDaemonBeforeItsNextWriteAndNothingIsLost(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: always, Timeout: patience})
	disk, abort, again := failingDisk(t)
	before := w.state
	w.state = filepath.Join(disk, "state.db")
	w.edit(t, before, w.state)
	d := w.daemon(t)
	d.says(t, "cycle.finished", 1)
	w.account(t, 6, 0)

	open := w.gate(t, simulator.OpPoll)
	d.sends(t, simulator.OpPoll, w.seen(simulator.OpPoll)+1)
	w.charge(t, 0)
	w.add(t)
	abort()
	open()
	d.stopped(t, 1)
	if told(t, d.process, "state.failed") != 1 || !strings.Contains(d.stderr.String(), "read-only file system") {
		t.Errorf("it does not say what is wrong:\n%s", &d.stderr)
	}
	for _, command := range [][]string{{"run"}, {"run", "--once"}} {
		p := w.run(t, 1, command...)
		if said := p.stderr.String(); !strings.Contains(said, w.state) || !strings.Contains(said, "read-only file system") {
			t.Errorf("it does not say what is wrong with %s:\n%s", w.state, said)
		}
	}
	if creates, captures := w.seen(simulator.OpCreate), w.seen(simulator.OpCapture); creates != 6 || captures != 0 {
		t.Errorf("%d creates and %d captures were sent, the last without a durable intent", creates, captures)
	}

	again()
	w.runUntilClean(t)
	w.account(t, 7, 1)
	w.audit(t)
}
