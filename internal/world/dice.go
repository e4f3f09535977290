package main

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// dice gives every decision numbers of its own: they depend on the seed, on what
// is decided, about whom, and on how often that has been decided before, but never
// on the order in which goroutines come to ask.
type dice struct {
	seed uint64

	mu     sync.Mutex
	thrown map[string]uint64
}

func newDice(seed uint64) *dice { return &dice{seed: seed, thrown: map[string]uint64{}} }

// throw gives the numbers for one decision.
func (d *dice) throw(what, about string) throw {
	key := what + " " + about
	d.mu.Lock()
	n := d.thrown[key]
	d.thrown[key]++
	d.mu.Unlock()
	return d.numbers(key, n)
}

func (d *dice) numbers(key string, n uint64) throw {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(key))                                                 // never fails
	return throw{rand.New(rand.NewPCG(d.seed*0x9e3779b97f4a7c15+n, sum.Sum64()))} //nolint:gosec // chance, not secrecy
}

// throw is the numbers for one decision.
type throw struct{ *rand.Rand }

// chance is true with the given probability.
func (t throw) chance(p float64) bool { return t.Float64() < p }

// between gives a time in [low, high), to the nanosecond: two things hardly ever
// happen at the same instant, so that their order does not depend on the scheduler.
func (t throw) between(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(t.Int64N(int64(high-low)))
}

// pick gives one of several.
func pick[T any](t throw, of ...T) T { return of[t.IntN(len(of))] }

// besideID makes one that sorts between another and the next of its kind.
func besideID(id preauth.ID, n int) preauth.ID {
	return id[:19] + preauth.ID(fmt.Sprintf("9000-%012x", n))
}

func isBeside(id preauth.ID) bool { return id[19] == '9' }

// idOf makes an Id that is the same in every run.
func idOf(kind, n int) preauth.ID {
	return preauth.ID(fmt.Sprintf("%08x-%04x-4000-8000-%012x", kind, n&0xffff, n))
}
