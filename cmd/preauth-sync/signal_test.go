package main

import (
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// six is a world of six preauthorizations, all Chargeable.
func six(t *testing.T, config simulator.ConfigOptions) *served {
	t.Helper()
	w := newWorld(t, servedOptions{
		seed: 1, populate: simulator.PopulateOptions{Customers: 3, PerCustomer: 2}, config: config,
	})
	w.permissive(t)
	return w
}

func TestATerminatedRunThatGetsNoReplyLeavesItsIntentToTheNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		effect bool
		// codes are how the next runs end.
		codes []int
	}{
		{"when v4 has made the hold, the next run finds it", true, []int{0}},
		{"when v4 has not, the next run finds that out, and the one after it creates", false, []int{1, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := six(t, simulator.ConfigOptions{})
			w.Inject(simulator.Fault{
				API: simulator.APIV4, Operation: simulator.OpCreate, Kind: simulator.KindHang, After: c.effect, Nth: 2,
			})
			p := w.begin(t, "run", "--once")
			if err := w.await(t.Context(), simulator.OpCreate, 2); err != nil {
				t.Fatal(err)
			}
			if err := p.signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			ended(t, p, 130)
			for _, code := range c.codes {
				w.run(t, code, "run", "--once")
			}
			w.account(t, 6, 0)
			w.audit(t)
		})
	}
}

func TestASecondSignalEndsARunAtOnceAndNothingIsSentTwice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		command   []string
		operation string
	}{
		{[]string{"run", "--once"}, simulator.OpCreate},
		{[]string{"run", "--once"}, simulator.OpCapture},
		{[]string{"run"}, simulator.OpCreate},
		{[]string{"run"}, simulator.OpCapture},
	} {
		t.Run(strings.Join(c.command, " ")+", "+c.operation, func(t *testing.T) {
			t.Parallel()
			w := six(t, simulator.ConfigOptions{Timeout: 2 * time.Second, Settle: 200 * time.Millisecond})
			if c.operation == simulator.OpCapture {
				w.run(t, 0, "run", "--once")
				w.charge(t, 0)
			}
			w.Inject(simulator.Fault{API: simulator.APIV4, Operation: c.operation, Kind: simulator.KindHang, After: true, Nth: 1})
			p := w.begin(t, c.command...)
			if err := w.await(t.Context(), c.operation, 1); err != nil {
				t.Fatal(err)
			}
			for range 1000 { // the second one counts only once the first has been taken
				if p.signal(syscall.SIGTERM) != nil {
					break
				}
				p.after(5 * time.Millisecond)
			}
			ended(t, p, -1)
			w.calm()
			w.runUntilClean(t)
			captures := 0
			if c.operation == simulator.OpCapture {
				captures = 1
			}
			w.account(t, 6, captures)
			w.audit(t)
		})
	}
}

func TestARunThatIsStoppedPastItsDeadlinesGoesOnWithoutRepeating(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{})
	w.Inject(simulator.Fault{
		API: simulator.APIV4, Operation: simulator.OpCreate, Kind: simulator.KindDelay, After: true,
		Delay: 50 * time.Millisecond, Nth: 1,
	})
	p := w.begin(t, "run", "--once")
	if err := w.await(t.Context(), simulator.OpCreate, 1); err != nil {
		t.Fatal(err)
	}
	if err := p.signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p.after(700 * time.Millisecond) // time-out and settle are 500 ms
	if err := p.signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	ended(t, p, 0)
	w.account(t, 6, 0)
	w.audit(t)
}

func TestSimulateEndsOnASignalWhileItIsUsed(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{}) // for its folder alone
	p := w.begin(t, "simulate", "--dir", t.TempDir())
	if err := p.stdout.await(t.Context(), regexp.MustCompile(`# try: `)); err != nil {
		t.Fatal(err)
	}
	if err := p.signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended(t, p, 0)
}
