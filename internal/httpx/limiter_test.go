package httpx

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// arrivals records when requests reach a server.
type arrivals struct {
	mu    sync.Mutex
	times []time.Time
}

func (a *arrivals) add() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times = append(a.times, time.Now())
}

// most gives the largest number of arrivals in any window, its end included.
// The times are in order because they were taken under the lock.
func (a *arrivals) most(window time.Duration) int {
	most, first := 0, 0
	for last := range a.times {
		for a.times[last].Sub(a.times[first]) > window {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

// nap waits in virtual time.
func nap(ctx context.Context, d time.Duration) {
	if d > 0 {
		_ = pause(ctx, d)
	}
}

func TestNoWindowEverHoldsMoreThanTheLimit(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(1, 20).Draw(rt, "limit")
		per := time.Duration(rapid.IntRange(100, 30000).Draw(rt, "per")) * time.Millisecond
		senders := rapid.IntRange(1, 8).Draw(rt, "senders")
		seed := rapid.Uint64().Draw(rt, "seed")
		const each = 15
		synctest.Test(t, func(t *testing.T) {
			limiter, seen := NewLimiter(limit, per), &arrivals{}
			begun := time.Now()
			var group sync.WaitGroup
			for sender := range senders {
				random := rand.New(rand.NewPCG(seed, uint64(sender)))
				group.Go(func() {
					for range each {
						nap(t.Context(), time.Duration(random.Int64N(int64(per)/4)))
						done, err := limiter.Start(t.Context())
						if err != nil {
							t.Error(err)
							return
						}
						nap(t.Context(), time.Duration(random.Int64N(int64(per)))) // the way there, however long
						seen.add()
						nap(t.Context(), time.Duration(random.Int64N(int64(per)/8))) // the way back
						done()
						done()
					}
				})
			}
			group.Wait()
			if got := seen.most(per); got > limit {
				t.Errorf("%d requests arrived within %s, allowed are %d", got, per, limit)
			}
			// Liveness: a slot is used again at the latest after the longest exchange and a window.
			rounds := int64(senders*each/limit+1)*4 + each
			if took, most := time.Since(begun), time.Duration(rounds*int64(per)); took > most {
				t.Errorf("took %s, which should have been over after %s", took, most)
			}
		})
	})
}

func TestTheWindowSlidesAtItsEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter, seen := NewLimiter(10, 10*time.Second), &arrivals{}
		send := func(n int) {
			for range n {
				if err := limiter.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				seen.add()
			}
		}
		send(1)
		nap(t.Context(), 9*time.Second)
		send(9) // at the end of the first window ...
		if time.Since(seen.times[0]) != 9*time.Second {
			t.Error("a burst within the limit had to wait")
		}
		send(10) // ... and at the beginning of the next: a token bucket allows both
		if got := seen.most(10 * time.Second); got > 10 {
			t.Errorf("%d requests within 10s", got)
		}
		if took := time.Since(seen.times[0]); took > 20*time.Second {
			t.Errorf("20 requests took %s", took)
		}
	})
}

func TestAnEndedContextCostsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := NewLimiter(1, time.Minute)
		if err := limiter.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := limiter.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			})
		}
		group.Wait()
		start := time.Now()
		if err := limiter.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(start); waited > 60*time.Second {
			t.Errorf("waited %s: those that gave up still count", waited)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := limiter.Wait(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("an ended context gives %v", err)
		}
	})
}

func TestNoLimitMeansNoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		for _, limiter := range []*Limiter{nil, NewLimiter(0, time.Second), NewLimiter(5, 0), NewLimiter(-1, time.Second)} {
			for range 1000 {
				if err := limiter.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if limiter.Wait(ended) == nil {
				t.Error("an ended context passes a limiter without a limit")
			}
		}
		if time.Since(start) != 0 {
			t.Error("waited without a limit")
		}
	})
}

func TestALimitThatChangesIsNeverExceeded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type rule struct {
			limit int // 0 means none
			per   time.Duration
		}
		rules := make([]rule, rapid.IntRange(2, 6).Draw(rt, "rules"))
		for i := range rules {
			rules[i] = rule{rapid.IntRange(0, 6).Draw(rt, "limit"), time.Duration(rapid.IntRange(1, 20).Draw(rt, "per")) * time.Second}
		}
		each := rapid.IntRange(1, 15).Draw(rt, "requests")
		synctest.Test(t, func(t *testing.T) {
			var limiter *Limiter
			var sent []time.Time
			for i, now := range rules {
				if i == 0 {
					limiter = NewLimiter(now.limit, now.per)
				} else {
					limiter = limiter.Next(now.limit, now.per)
				}
				for range each {
					if err := limiter.Wait(t.Context()); err != nil {
						t.Fatal(err)
					}
					sent = append(sent, time.Now())
					within := 0
					for _, at := range sent {
						if time.Since(at) < now.per {
							within++
						}
					}
					if now.limit > 0 && within > now.limit {
						t.Fatalf("under the rules %+v, %d requests within %s of one sent under rule %d", rules, within, now.per, i)
					}
				}
				nap(t.Context(), time.Nanosecond) // what is sent at the same moment was not sent before
			}
		})
	})
}

func TestALimitThatStaysTheSameGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := NewLimiter(3, time.Minute)
		start := time.Now()
		for range 3 {
			if err := limiter.Next(3, time.Minute).Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("a limit that stays the same made a burst wait %s", took)
		}
		if err := limiter.Next(3, time.Minute).Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < time.Minute {
			t.Errorf("a limit that stays the same forgot what was sent: the fourth came after %s", took)
		}
	})
}
