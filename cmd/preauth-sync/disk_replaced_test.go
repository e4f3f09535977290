package main

import (
	"os"
	"strings"
	"testing"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// TestADaemonWhoseStateFileIsReplacedSendsNothingMore: an intent in a file that
// nobody will open again would be none.
func TestADaemonWhoseStateFileIsReplacedSendsNothingMore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		// replace does it; with it the next start finds an older file, a new one, or
		// what the daemon has left.
		replace func(t *testing.T, w *served)
		older   bool
	}{
		{"by a copy from before its creates", func(t *testing.T, w *served) {
			t.Helper()
			rename(t, w.state+".old", w.state)
		}, true},
		{"by nothing", func(t *testing.T, w *served) {
			t.Helper()
			remove(t, w.state)
		}, true},
		{"by a copy of itself", func(t *testing.T, w *served) {
			t.Helper()
			copyFile(t, w.state, w.state+".copy")
			rename(t, w.state+".copy", w.state)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, servedOptions{
				seed: 1, populate: simulator.PopulateOptions{Customers: 1, PerCustomer: 1},
				config: simulator.ConfigOptions{Schedule: always},
			})
			w.permissive(t)
			w.run(t, 0, "run", "--once")
			copyFile(t, w.state, w.state+".old")
			w.add(t)
			d := w.daemon(t)
			d.says(t, "create.applied", 1)
			d.ready(t)
			open := w.gate(t, simulator.OpPoll) // nothing is written while the file is changed
			c.replace(t, w)
			w.add(t)
			w.charge(t, 0)
			open()
			d.stopped(t, 1)
			if said := d.stderr.String(); told(t, d.process, "state.failed") != 1 || !strings.Contains(said, "start again on the new one") {
				t.Errorf("it does not say what to do:\n%s", said)
			}
			w.account(t, 2, 0)

			next := w.begin(t, "run", "--once")
			if _, err := next.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if older := told(t, next, "state.older") > 0; older != c.older {
				t.Errorf("that the file is older was told: %v\n%s", older, &next.stderr)
			}
			w.recover(t)
			captures := 1
			if c.older {
				captures = 0 // what an older file has inherited is not captured
			}
			w.account(t, 3, captures)
		})
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
