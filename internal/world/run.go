package main

import (
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// options say which seeds are run, and how.
type options struct {
	first, count, only uint64
	again, workers     int
	most               int
	trace              bool
	out                io.Writer
}

// stuckAfter is how long one seed may take, in real time.
const stuckAfter = 20 * time.Second

// run runs the seeds and says how many failed.
func (o options) run(t *testing.T) int {
	t.Helper()
	if o.only != 0 {
		for range max(1, o.again) {
			if !o.one(t) {
				return 1
			}
		}
		return 0
	}
	var (
		mu     sync.Mutex
		group  sync.WaitGroup
		next   = o.first
		failed int
		began  = time.Now()
		total  = tally{}
	)
	take := func() (seed uint64, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if next >= o.first+o.count || failed >= o.most {
			return 0, false
		}
		next++
		if done := next - o.first; done%10000 == 0 {
			fmt.Fprintf(o.out, "%d seeds, %d failed, %.0f seeds/s\n", done, failed, float64(done)/time.Since(began).Seconds())
		}
		return next - 1, true
	}
	for range max(1, o.workers) {
		group.Go(func() {
			for {
				seed, ok := take()
				if !ok {
					return
				}
				w := simulate(t, seed, nil)
				mu.Lock()
				total.add(w.oracle.tally)
				if len(w.oracle.failures) > 0 {
					failed++
					w.oracle.report(o.out)
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	ran := next - o.first
	fmt.Fprintf(o.out, "%d seeds, %d failed, %.0f seeds/s\n%s\n", ran, failed, float64(ran)/time.Since(began).Seconds(), total)
	return failed
}

// one runs one seed and tells whether it went well.
func (o options) one(t *testing.T) bool {
	t.Helper()
	var trace io.Writer
	if o.trace {
		trace = o.out
	}
	w := simulate(t, o.only, trace)
	w.oracle.report(o.out)
	fmt.Fprintf(o.out, "seed %d: %s\n", o.only, w.oracle.tally)
	return len(w.oracle.failures) == 0
}

// simulate runs one seed in virtual time.
func simulate(t *testing.T, seed uint64, trace io.Writer) *world {
	t.Helper()
	stuck := time.AfterFunc(stuckAfter, func() {
		panic(fmt.Sprintf("seed %d is stuck: something waits for a lock while virtual time would have to pass", seed))
	})
	defer stuck.Stop()
	var w *world
	synctest.Test(t, func(*testing.T) {
		w = newWorld(seed, trace)
		w.live()
	})
	return w
}
