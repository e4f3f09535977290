// World simulates everything around the engine in one process and in virtual
// time: the PMS, v4, a disk that can fail, the clocks, and the worker, which is
// killed at any of its steps and started again on what its disk really kept. A
// seed decides all of it. Whether the promise was kept is judged by an oracle that
// shares no code with the engine.
//
// The worker is told to run cycles and backfills, sometimes two at once, and operators
// pause and resume writes and answer marks at any moment. Between them they change what
// is sent and what is only observed, and lead a property to a v4 that is not its own. On
// some days the PMS does nothing. Guests are listed or found, and merged; their cards are
// named or looked up.
//
//	go run ./internal/world -seeds 100000     run many; prints seeds per second and those that fail
//	go run ./internal/world -seed 17 -trace   replay one, with a line for everything that happens
//
// # What is deterministic
//
// Every decision of the world is derived by hashing from the seed, what is decided
// and about whom, and every delay is of its own length to the nanosecond. So a seed
// with one property and a concurrency of one replays line by line, although the
// engine runs many goroutines. Left to chance is who comes first of those that set out
// in the same instant: two senders, two properties, two sinks. Such a seed may need
// a few replays to fail again, for which there is -again.
//
// # What it leaves out
//
// HTTP and bbolt, which have tests of their own: this one lives of its speed. Then,
// what the contract itself leaves out:
//
//   - An effect is had, and shows, within time-out + twice settle of its sending, and
//     within time-out + settle where state files are lost. A few hostile seeds go
//     beyond it; they are not held to "at most once".
//   - An older state file that nothing beside it gives away comes back only when
//     nothing has been captured since, and once that time has passed. So it is with a
//     file that is deleted together with its generation.
//   - Where the ledger has lost a capture and the PMS then takes the charge back, only to
//     charge again, a second capture is what the decision table says.
//   - Copies of a count of generations that was given up are not put back.
//   - What the PMS dates back, or shows while the clock is wrong, is found within a day,
//     and not at once.
//
// A mutex that is waited for keeps virtual time from passing. A seed that is stuck on
// one ends the process after a while, and is named.
package main

import (
	"flag"
	"os"
	"runtime"
	"testing"
)

func main() {
	var o options
	flag.Uint64Var(&o.first, "from", 1, "the first seed")
	flag.Uint64Var(&o.count, "seeds", 1000, "how many seeds to run")
	flag.Uint64Var(&o.only, "seed", 0, "run this seed alone")
	flag.IntVar(&o.again, "again", 1, "with -seed: at most how often, until it fails")
	flag.BoolVar(&o.trace, "trace", false, "with -seed: print what happens")
	flag.IntVar(&o.workers, "parallel", runtime.GOMAXPROCS(0), "how many seeds at once")
	flag.IntVar(&o.most, "failures", 10, "end after so many failing seeds")
	flag.Parse()
	o.out = os.Stdout
	// Virtual time is to be had in tests only, so this is one.
	all := func(string, string) (bool, error) { return true, nil }
	testing.Main(all, []testing.InternalTest{{Name: "World", F: func(t *testing.T) {
		t.Helper()
		if failed := o.run(t); failed > 0 {
			t.Errorf("%d seeds failed", failed)
		}
	}}}, nil, nil)
}
