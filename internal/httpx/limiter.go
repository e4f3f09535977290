package httpx

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Limiter keeps requests under a sliding-window limit: in no window of the
// given length do more than the given number of them reach the server. It lets
// bursts of up to that number through, and is safe for concurrent use. A nil
// Limiter limits nothing.
//
// It holds one slot for each request allowed. A slot taken at Start comes back a
// full window after the exchange is over. The server saw the request somewhere
// between the two, so two requests that use the same slot reach it at least a
// window apart, however long the way there was. A token bucket cannot promise
// that: it lets almost twice its burst into a window that straddles a refill.
type Limiter struct {
	// slots holds, for each free slot, the time from which it may be used.
	slots chan time.Time
	// per is the window as configured, window the same with its margin.
	per, window time.Duration
}

// The margin widens the window by a hundredth, within these bounds, because
// the server's idea of the window's ends need not be exactly ours, and because
// a caller of Wait does not say when its request arrived.
const (
	marginPart  = 100
	leastMargin = 50 * time.Millisecond
	mostMargin  = time.Second
)

// NewLimiter allows the given number of requests in any window of length per.
// When either is zero or negative there is no limit, and nil is returned.
func NewLimiter(requests int, per time.Duration) *Limiter {
	if requests <= 0 || per <= 0 {
		return nil
	}
	return newLimiter(requests, per, time.Time{})
}

func newLimiter(requests int, per time.Duration, from time.Time) *Limiter {
	l := &Limiter{slots: make(chan time.Time, requests), per: per, window: per + marginOf(per)}
	for range requests {
		l.slots <- from
	}
	return l
}

func marginOf(per time.Duration) time.Duration {
	return min(max(per/marginPart, leastMargin), mostMargin, per)
}

// Next is the limiter to use from now on for what l has limited so far. Where
// the limit is the same it is l, which knows what has been sent. Another one
// knows nothing of that, so it begins by waiting for one window of its own: whatever was
// sent before is out of it then.
func (l *Limiter) Next(requests int, per time.Duration) *Limiter {
	switch {
	case requests <= 0 || per <= 0:
		return nil
	case l != nil && cap(l.slots) == requests && l.per == per:
		return l
	default:
		return newLimiter(requests, per, time.Now().Add(per+marginOf(per)))
	}
}

// Start waits until one more request may be sent, or until ctx ends, which is
// the only error. The caller sends its request at once and calls done when the
// exchange is over; calling it more than once does no harm, never calling it
// loses a slot for good. done is nil when there is an error.
func (l *Limiter) Start(ctx context.Context) (done func(), err error) {
	if l == nil {
		return func() {}, contextError(ctx)
	}
	if err := contextError(ctx); err != nil {
		return nil, err
	}
	var free time.Time
	select {
	case free = <-l.slots:
	case <-ctx.Done():
		return nil, contextError(ctx)
	}
	if err := pause(ctx, time.Until(free)); err != nil {
		l.slots <- free // nothing was sent: the slot stays as good as it was
		return nil, err
	}
	return sync.OnceFunc(func() { l.slots <- time.Now().Add(l.window) }), nil
}

// Wait is Start for a caller that cannot say when its exchange is over: the
// window is then measured from the send, and only the margin covers the way.
func (l *Limiter) Wait(ctx context.Context) error {
	done, err := l.Start(ctx)
	if err != nil {
		return err
	}
	done()
	return nil
}

// pause waits on the monotonic clock. The only error is ctx's.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return contextError(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// contextError says what ended the context, or nothing while it goes on.
func contextError(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("stopped before the request was sent: %w", ctx.Err())
}
