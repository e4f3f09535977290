// Package schedule runs a job at the ticks of a schedule, one at a time.
//
// cron's parser and its Next are used through config.Schedule; its runner is not.
// That one sleeps on a single long timer, which a suspended machine stops and a
// changed clock misleads, and it gives its jobs no context.
package schedule

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// IdleStep is the longest that a Runner waits before it looks at the wall clock again.
const IdleStep = 10 * time.Second

var (
	// ErrDrain is wrapped by an error of Run or Between when what ran outlived the
	// drain: it is running still.
	ErrDrain = errors.New("stopped while something was running, which did not end within the drain")
	// ErrStopped is returned by Between when Run has ended: the function did not run.
	ErrStopped = errors.New("nothing runs any more: the schedule has been stopped")
	// ErrPanicked is returned by Between when the function did not reach its end.
	ErrPanicked = errors.New("a panic ended it before it was done")
)

// Schedule gives ticks on the wall clock.
type Schedule interface {
	// Next gives the first tick after a moment; the zero time means never again.
	Next(after time.Time) time.Time
}

// Options are everything a Runner is made of. All are needed.
type Options struct {
	Schedule Schedule
	// Job is what each tick is for. Its context ends when Run's does; it then ends
	// what it has begun, and begins nothing more.
	Job func(ctx context.Context)
	// Drain is how long Run waits for what is running once its context has ended.
	Drain func() time.Duration
	// Clock is the wall clock.
	Clock func() time.Time
	// Idle is called at least every IdleStep while nothing runs: a sign of life. A
	// job gives its own.
	Idle func()
	// Panicked hears of each panic that was contained.
	Panicked func(value any, stack []byte)
}

// Runner runs a job at every tick. Its methods may be called from any goroutine.
type Runner struct {
	opts  Options
	queue chan turn
	ended chan struct{}

	mu       sync.Mutex
	schedule Schedule
	// since is when the last job began, on the wall clock; next is the first tick
	// after it. So however many ticks are missed, they make one.
	since, next time.Time
}

// turn is what runs while nothing else does: the job, or a function between two.
type turn struct {
	run func()
	// outcome has room for one error.
	outcome chan error
}

// New builds a Runner, which does nothing before Run.
func New(opts Options) *Runner {
	return &Runner{opts: opts, schedule: opts.Schedule, queue: make(chan turn), ended: make(chan struct{})}
}

// Run runs the job at once and then at every tick, until ctx ends. It is called once.
//
// Jobs never overlap. Ticks that come while a job runs or while the machine is
// suspended, and those that a clock put forward jumps over, make one job together,
// as soon as can be. When the clock is put back to before the start of the last
// job, the next tick is the first one from there. A job that panics is over, and
// the next tick runs it again. The error is nil, or wraps ErrDrain.
func (r *Runner) Run(ctx context.Context) error {
	defer close(r.ended)
	r.start()
	for {
		next, ok := r.await(ctx)
		if !ok {
			return nil
		}
		err := r.do(ctx, next.run)
		next.outcome <- err
		if errors.Is(err, ErrDrain) {
			return err
		}
	}
}

// Between runs f before the next job, never while one runs, and returns when f is
// over. Several callers queue: each f has a turn of its own.
//
// When ctx ends before that turn has come, or Run ends, f does not run and the error
// says so. ErrPanicked and ErrDrain tell of an f that has begun. Neither a job nor
// an f may call Between: it would wait for itself.
func (r *Runner) Between(ctx context.Context, f func()) error {
	mine := turn{run: f, outcome: make(chan error, 1)}
	select {
	case r.queue <- mine:
		return <-mine.outcome
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-r.ended:
		return ErrStopped
	}
}

// Reschedule replaces the schedule; it is for a function that Between runs.
//
// The next tick is the new schedule's first one after the start of the last job, so
// that reloading over and over does not put off an @every for ever. A tick of the
// old schedule that has come already is not lost.
func (r *Runner) Reschedule(schedule Schedule) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.schedule = schedule
	if !due(r.next, now) {
		r.next = schedule.Next(r.since)
	}
}

// Next is the next tick. It lies in the past while one is overdue, and is the zero
// time when there is none, or before Run.
func (r *Runner) Next() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next
}

// await gives the next turn, or false once ctx has ended. Who waits in the queue
// goes before a tick that has come.
func (r *Runner) await(ctx context.Context) (turn, bool) {
	for ctx.Err() == nil {
		r.opts.Idle()
		pause := r.pause()
		if next, ok := r.listen(ctx, pause); ok {
			return next, true
		}
		if pause == 0 {
			r.begin()
			return turn{run: func() { r.opts.Job(ctx) }, outcome: make(chan error, 1)}, true
		}
	}
	return turn{}, false
}

// listen waits no longer than the pause for somebody to come to the queue.
func (r *Runner) listen(ctx context.Context, pause time.Duration) (turn, bool) {
	select {
	case next := <-r.queue:
		return next, true
	default:
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case next := <-r.queue:
		return next, true
	case <-ctx.Done():
	case <-timer.C:
	}
	return turn{}, false
}

// do runs f and waits for it; once ctx has ended, no longer than the drain.
func (r *Runner) do(ctx context.Context, f func()) error {
	done := make(chan error, 1)
	go r.contain(f, done)
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	limit := r.opts.Drain()
	drain := time.NewTimer(limit)
	defer drain.Stop()
	select {
	case err := <-done:
		return err
	case <-drain.C:
		return fmt.Errorf("%w of %s", ErrDrain, limit)
	}
}

// contain runs f and says how it ended, whatever way it took.
func (r *Runner) contain(f func(), done chan<- error) {
	outcome := ErrPanicked
	defer func() {
		if value := recover(); value != nil {
			r.opts.Panicked(value, debug.Stack())
		}
		done <- outcome
	}()
	f()
	outcome = nil
}

// start makes a tick of this moment.
func (r *Runner) start() {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.since, r.next = now, now
}

// begin takes note that a job begins.
func (r *Runner) begin() {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.since, r.next = now, r.schedule.Next(now)
}

// pause is how long to wait before looking again; 0 says that a tick has come.
func (r *Runner) pause() time.Duration {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Before(r.since) { // the clock was put back
		r.since, r.next = now, r.schedule.Next(now)
	}
	switch {
	case r.next.IsZero():
		return IdleStep
	case due(r.next, now):
		return 0
	default:
		return min(IdleStep, r.next.Sub(now))
	}
}

// now is the wall clock and nothing else: a monotonic reading would win every
// comparison, and stands still while the machine is suspended.
func (r *Runner) now() time.Time { return r.opts.Clock().Round(0) }

// due tells whether a tick has come.
func due(tick, now time.Time) bool { return !tick.IsZero() && !now.Before(tick) }
