package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// everyPoint names the environment variable that makes the sweeps take every disk
// call there is, instead of a sample of them.
const everyPoint = "PREAUTH_SYNC_EVERY_POINT"

// begin names, among the pwrites between two syncs, the first.
const begin = "begin"

// scene is a run that is worth a crash at each of its disk calls.
type scene struct {
	name string
	// world makes one where nothing is due. With fresh, each crash has its own.
	world func(t *testing.T) *served
	fresh bool
	// due gives the next run something to do, and tells with which preauthorization.
	due func(w *served, t *testing.T) string
	// silent says that the run may send nothing at all.
	silent bool
	// standings are those that a sweep must have met after its crashes: one that
	// meets fewer has missed a crash point.
	standings []string
}

func scenes() []scene {
	return []scene{
		{
			name: "a first run", world: crashWorld, fresh: true, due: (*served).firstOne,
			standings: []string{"no file", "none", "creating", "creating, held on v4", "created, held on v4"},
		},
		{
			name: "a create", world: settledWorld, due: (*served).addNext,
			standings: []string{"none", "creating", "creating, held on v4", "created, held on v4"},
		},
		{
			name: "a capture", world: settledWorld, due: (*served).chargeNext,
			standings: []string{
				"created, held on v4", "capturing, held on v4", "capturing, captured on v4", "captured, captured on v4",
			},
		},
		{
			name: "a look-up of what v4 has made", world: settledWorld, due: (*served).leaveMade, silent: true,
			standings: []string{"creating, held on v4", "created, held on v4"},
		},
		{
			name: "a look-up of what v4 has not made", world: settledWorld, due: (*served).leaveUnmade, silent: true,
			standings: []string{"creating", "none"},
		},
		{
			name: "an adoption by an older copy", world: copiedWorld, due: (*served).putOldBack, silent: true,
			standings: []string{"created, captured on v4", "adopted, parked, captured on v4"},
		},
		{
			name: "an adoption by a new file", world: copiedWorld, due: (*served).lose, silent: true,
			standings: []string{"no file, captured on v4", "none, captured on v4", "adopted, parked, captured on v4"},
		},
	}
}

// tracedRun is a run that has come to its end under a tracer.
type tracedRun struct {
	*process
	// reached says whether the point was; code is -1 for a run that was killed.
	reached bool
	code    int
}

// traced runs preauth-sync under a tracer.
func (s *served) traced(t *testing.T, at point) tracedRun {
	t.Helper()
	end := filepath.Join(t.TempDir(), "end")
	p, err := startProcess(s.dir, nil, "traced", end, at.String(), "preauth-sync", "-c", s.config, "run", "--once")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	ended(t, p, 0)
	run := tracedRun{process: p}
	if _, err := fmt.Sscan(read(t, end), &run.reached, &run.code); err != nil {
		t.Fatalf("%s was not seen to its end: %v; it said:\n%s", at, err, &p.stderr)
	}
	return run
}

// mayTrace skips a test where no process may trace another.
func mayTrace(t *testing.T) {
	t.Helper()
	end := filepath.Join(t.TempDir(), "end")
	p, err := startProcess(t.TempDir(), nil, "traced", end, point{at: 1, what: "after"}.String(), "preauth-sync", "version")
	if err != nil {
		t.Fatal(err)
	}
	ended(t, p, 0)
	if _, err := os.Stat(end); err != nil {
		t.Skipf("no process may be traced here: %s", &p.stderr)
	}
}

// TestAKillAtAnyDiskCallNeitherRepeatsNorLosesAnything ends runs right before,
// right after and in the middle of what they do to the disk: that is before, during
// and after each of their commits.
func TestAKillAtAnyDiskCallNeitherRepeatsNorLosesAnything(t *testing.T) {
	t.Parallel()
	mayTrace(t)
	for _, sc := range scenes() {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			sc.sweep(t, []string{"before", "half", "after"}, sc.crash)
		})
	}
}

// sweep goes through the points of a scene, every one in each of the ways, until
// hit finds that there are no more, and wants hit to have found every standing of
// the scene. A commit to the log is one write and a sync; one to the trees is its pages
// and a sync, then the head that makes them count and a sync. The sample takes the first
// way where each of these begins, and the last way at its sync.
func (sc scene) sweep(t *testing.T, ways []string, hit func(*testing.T, *served, point) string) {
	t.Helper()
	met := map[string]int{}
	var w *served
	for n := 0; ; n++ {
		at := point{at: n/len(ways) + 1, what: ways[n%len(ways)]}
		if os.Getenv(everyPoint) == "" {
			at = point{at: n/2 + 1, call: begin, what: ways[0]}
			if n%2 == 1 {
				at = point{at: n/2 + 1, call: "fdatasync", what: ways[len(ways)-1]}
			}
		}
		if w == nil || sc.fresh {
			w = sc.world(t)
		}
		found := hit(t, w, at)
		if t.Failed() {
			t.Fatalf("at %s", at)
		}
		if found == "" {
			break
		}
		met[found]++
	}
	for _, standing := range sc.standings {
		if met[standing] == 0 {
			t.Errorf("nothing was left as %q", standing)
		}
	}
	for _, standing := range slices.Sorted(maps.Keys(met)) {
		t.Logf("%4d  %s", met[standing], standing)
	}
}

// crash lets one run crash, looks at what it has left, and recovers. It gives
// nothing for a run that has come to its end.
func (sc scene) crash(t *testing.T, w *served, at point) (standing string) {
	t.Helper()
	id, before := sc.due(w, t), w.sent()
	run := w.traced(t, at)
	if run.reached != (run.code == -1) {
		t.Fatalf("it ended with %d, and its point was reached: %v", run.code, run.reached)
	}
	standing = sc.look(t, w, run, id, before)
	w.recover(t)
	return standing
}

// look wants an intent of all that was sent, or that nothing was sent since before,
// and tells where the preauthorization stands after a run. It gives nothing for one
// that came to its end before the point; one that gave up waiting, as it does on a
// machine that is busy, has not come to its end.
func (sc scene) look(t *testing.T, w *served, run tracedRun, id string, before map[string]int) string {
	t.Helper()
	if !run.reached && told(t, run.process, "intents.in_doubt") == 0 {
		return ""
	}
	found := w.left(t)
	if !sc.silent {
		w.journaled(t, found)
	} else if now := w.sent(); !maps.Equal(before, now) {
		t.Errorf("it has sent: %v, before %v", now, before)
	}
	return w.standing(found, id)
}
