package main

import (
	"os"
	"strings"
	"testing"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// copyFile copies a file that nobody has open.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// told counts the log lines of an event.
func told(t *testing.T, p *process, event string) int {
	t.Helper()
	return strings.Count(p.stderr.String(), `"event":"`+event+`"`)
}

func TestADeletedStateFileLeadsToNoSecondHoldAndNoSecondCapture(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		generation bool
	}{
		{"with the generation file still beside it", true},
		{"with nothing left of it", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := six(t, simulator.ConfigOptions{})
			w.run(t, 0, "run", "--once")
			w.charge(t, 0)
			w.run(t, 0, "run", "--once")
			w.charge(t, 1)
			remove(t, w.state)
			if !c.generation {
				remove(t, w.state+".gen")
			}
			p := w.run(t, 1, "run", "--once")
			if n := told(t, p, "create.adopted"); n != 6 {
				t.Errorf("%d were adopted, not 6:\n%s", n, &p.stderr)
			}
			w.account(t, 6, 1)
			if n := w.parked(t, plan.UnknownCapture); n != 2 {
				t.Errorf("%d are parked as unknown_capture, not the 2 that are charged", n)
			}
			w.run(t, 0, "run", "--once")
			w.account(t, 6, 1)

			// What was still Chargeable is as good as ever.
			w.charge(t, 2)
			w.run(t, 0, "run", "--once")
			w.account(t, 6, 2)
			w.audit(t)
		})
	}
}

// TestAnOlderCopyPutBackCapturesNothingThatItInherited: each copy is taken after
// the first run, and the world has gone on since.
func TestAnOlderCopyPutBackCapturesNothingThatItInherited(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		// creates and captures are what happened after the copy.
		creates, captures bool
		// generation says what stands beside the copy: newer, older (as copied) or missing.
		generation string
	}{
		{"from before creates, the generation beside it newer", true, false, "newer"},
		{"from before creates, with its own generation", true, false, "older"},
		{"from before creates, the generation missing", true, false, "missing"},
		{"from before captures, the generation beside it newer", false, true, "newer"},
		{"from before captures, the generation missing", false, true, "missing"},
		{"from before both, with its own generation", true, true, "older"},
		{"from before both, the generation beside it newer", true, true, "newer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := six(t, simulator.ConfigOptions{})
			w.run(t, 0, "run", "--once")
			copyFile(t, w.state, w.state+".old")
			copyFile(t, w.state+".gen", w.state+".gen.old")
			creates, captures, charged := 6, 0, 1
			if c.creates {
				w.add(t)
				creates++
			}
			if c.captures {
				w.charge(t, 0)
				captures, charged = 1, 2
			}
			w.run(t, 0, "run", "--once")
			w.account(t, creates, captures)

			w.charge(t, 1)
			copyFile(t, w.state+".old", w.state)
			switch c.generation {
			case "older":
				copyFile(t, w.state+".gen.old", w.state+".gen")
			case "missing":
				remove(t, w.state+".gen")
			}
			p := w.run(t, 1, "run", "--once")
			if told(t, p, "state.older") == 0 {
				t.Errorf("it did not say that the file is older:\n%s", &p.stderr)
			}
			w.account(t, creates, captures)
			if n := w.parked(t, plan.UnknownCapture); n != charged {
				t.Errorf("%d are parked as unknown_capture, not the %d that are charged:\n%s", n, charged, &p.stderr)
			}
			w.run(t, 0, "run", "--once")
			w.account(t, creates, captures)

			w.charge(t, 2)
			w.run(t, 0, "run", "--once")
			w.account(t, creates, captures+1)
			w.audit(t)
		})
	}
}
