package telemetry

import (
	"sync/atomic"
	"time"
)

// Pulse knows when the program last made progress.
type Pulse struct {
	born  time.Time
	last  atomic.Int64 // nanoseconds after born, on the monotonic clock
	alive func()
}

// NewPulse builds a Pulse that counts from now. alive, unless it is nil, is called
// at each beat, possibly from several goroutines at once; it must be as cheap as a
// beat has to be.
func NewPulse(alive func()) *Pulse { return &Pulse{born: time.Now(), alive: alive} }

// Beat says that something has moved: an exchange is over, a commit is durable, a
// step of waiting has passed. Never call it from a ticker: that beats for a program that
// hangs as well.
func (p *Pulse) Beat() {
	p.last.Store(int64(time.Since(p.born)))
	if p.alive != nil {
		p.alive()
	}
}

// Since is how long ago the last beat was. It is measured on the monotonic clock, so
// neither a changed wall clock nor a suspended machine looks like a hang.
func (p *Pulse) Since() time.Duration {
	return time.Since(p.born) - time.Duration(p.last.Load())
}
