package main

import (
	"os"
	"strings"
	"testing"
)

// TestADiskThatFailsAtAnyCallEndsTheRunAndNothingIsLost lets one disk call of a run
// fail, as a bad block does, or it and all that follow, as a full disk does. The
// sample takes the scenes in which something is sent.
func TestADiskThatFailsAtAnyCallEndsTheRunAndNothingIsLost(t *testing.T) {
	t.Parallel()
	mayTrace(t)
	for _, sc := range scenes() {
		if sc.silent && os.Getenv(everyPoint) == "" {
			continue
		}
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			sc.sweep(t, []string{"EIO", "ENOSPC+"}, sc.fail)
		})
	}
}

// fail lets the disk fail in one run, which must say so, looks at what that has
// left, and goes on with a sound disk. It gives nothing for a run that has met no
// failure.
func (sc scene) fail(t *testing.T, w *served, at point) (standing string) {
	t.Helper()
	id, before := sc.due(w, t), w.sent()
	run := w.traced(t, at)
	standing = sc.look(t, w, run, id, before)
	if run.reached {
		said := run.stderr.String()
		times := told(t, run.process, "state.failed") + told(t, run.process, "run.failed")
		if run.code != 1 || times != 1 || !strings.Contains(said, w.state) {
			t.Errorf("it ended with %d, and should say once what is wrong with %s:\n%s", run.code, w.state, said)
		}
	}
	w.recover(t)
	return standing
}
