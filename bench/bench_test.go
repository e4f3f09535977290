package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain is also the processes that the benchmark starts of itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// TestEveryMeasurementGivesFigures runs all of it, small, with the real program. Nothing
// here depends on a time.
func TestEveryMeasurementGivesFigures(t *testing.T) {
	const scale = 0.005 // more customers than one poll can ask for
	b := &bench{options: options{scale: scale, rounds: 1, writers: []int{4, 8}}, dir: t.TempDir(), self: os.Args[0], lives: map[int]*life{}}
	if err := b.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, m := range measurements() {
		t.Run(m.name, func(t *testing.T) {
			if _, err := exec.LookPath("python3"); err != nil && m.name == "creates" {
				t.Skip("the plain script needs python3")
			}
			rows, err := m.run(t.Context(), b)
			if left, is := errors.AsType[leftOutError](err); is {
				t.Skip(left)
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) == 0 {
				t.Error("there are no figures")
			}
			for _, r := range rows {
				if r.value <= 0 {
					t.Errorf("%s: %v is no figure", r.what, r.value)
				}
				if counts := m.name == "requests" || m.name == "syncs"; counts && r.missed() {
					t.Errorf("%s: %v instead of %v", r.what, r.value, r.target.limit)
				}
			}
		})
	}
}
