// Package engine runs cycles: poll → plan → journal → apply → verify. It owns
// the journal protocol: no request leaves before its intent is durable, and
// none is sent again before its outcome is known.
package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Tokens says what a create sends as its transactionToken.
type Tokens string

// The token modes. Only TokenID lets an unknown create be verified.
const (
	TokenID   Tokens = "id"
	TokenCode Tokens = "code"
	TokenNone Tokens = "none"
)

// Mode is how much is sent.
type Mode string

// The modes, mirror.mode.
const (
	// ModeFull, or no mode, sends everything.
	ModeFull Mode = "full"
	// ModeCaptureOnly creates nothing new and finishes what is open.
	ModeCaptureOnly Mode = "capture_only"
	// ModeObserve sends nothing that writes, changes no phase, and keeps a report of
	// what would have been sent.
	ModeObserve Mode = "observe"
)

// DefaultSink is the name of the sink that properties share.
const DefaultSink = "default"

// SinkOptions describes one sink.
type SinkOptions struct {
	// Name is what properties call it by. The ledger calls it by that too, unless it is Own.
	Name string
	Sink Sink
	// Own is set for a sink that one property has for itself. The ledger names it after
	// the property's enterprise, so that names may change, and binds it to Address.
	Own     bool
	Address string
	// Timeout bounds one write; Settle is how long after it an effect may still appear.
	Timeout, Settle time.Duration
	// Concurrency is the most intents in flight.
	Concurrency     int
	Tokens          Tokens
	CreatedByUserID int64
}

// Customers is a property's list of customers, as read for one cycle.
type Customers struct {
	// IDs become the engine's: it puts them in order and adds to them.
	IDs []preauth.ID
	// Invalid are the entries that are no UUID: they are named, never sent.
	Invalid []InvalidCustomer
}

// InvalidCustomer is an entry of the list that is no UUID.
type InvalidCustomer struct {
	Spelled string
	// Where it stands, such as a file and its line.
	Where string
}

// Walk says what discovery is asked for.
type Walk struct {
	// All asks for everybody in the windows in which customers are looked for; else only
	// those are wanted of whom the PMS has told something new since Since.
	All bool
	// Since is when the last complete walk began, less an overlap. It is zero for a walk
	// that is to rely on none before it: the first, and one a day.
	Since time.Time
}

// PropertyOptions describes one property.
type PropertyOptions struct {
	Name     string
	Currency string
	// Sink names one of Options.Sinks.
	Sink   string
	Source Source
	// Customers and Methods are read again each cycle. With an error from either,
	// nothing is created in that cycle; what Customers gave is polled all the same.
	Customers func(ctx context.Context) (Customers, error)
	Methods   func(ctx context.Context) (Methods, error)
	// Lookup is the field of the sink's PaymentMethod that holds a card's Id, for what
	// Methods leaves to be asked there; empty for none.
	Lookup string
	// Discover hands over, page by page, the customers whom a walk asks for. Nil means
	// that nobody is looked for. An error does not take back what was handed over, nor
	// what earlier cycles found: it never shortens the list.
	Discover func(ctx context.Context, walk Walk, page func([]preauth.FoundCustomer) error) error
}

// Options are everything an engine is made of.
type Options struct {
	Ledger     Ledger
	Sinks      []SinkOptions
	Properties []PropertyOptions
	// Mode is mirror.mode.
	Mode Mode
	// HoldWarnAfter is the age from which a hold that is not captured is told of; 0 is never.
	HoldWarnAfter time.Duration
	// MirrorFirstRun and NewCustomers are mirror.first_run and mirror.new_customers.
	MirrorFirstRun bool
	NewCustomers   plan.ChargedHistory
	// MaxActions is the fuse: the most requests of one property's plan; 0 is none.
	MaxActions int
	// RetryCaptures is mirror.unknown_capture: retry.
	RetryCaptures bool
	// Pollers is how many polls of one property are under way at once.
	Pollers int
	// Program identifies this build: a pass that another one has made does not count.
	Program string
	Log     *zap.Logger
	Clock   Clock
	// Random gives numbers in [0, 1) for jitter.
	Random func() float64
	// NewCycleID names a cycle in logs and in the journal.
	NewCycleID func() string
	// Progress, unless nil, is called wherever a cycle gets on: a reply is read, a
	// commit durable, a step of a wait over.
	Progress func()
	// Acted, unless nil, hears what a write came to: applied, unknown, rejected,
	// not_sent, absent or adopted. The property is empty for one that is no longer configured.
	Acted func(property string, action plan.ActionKind, outcome string)
}

func (o Options) withDefaults() Options {
	if o.Progress == nil {
		o.Progress = func() {}
	}
	if o.Acted == nil {
		o.Acted = func(string, plan.ActionKind, string) {}
	}
	return o
}

// Engine runs cycles over one ledger. Its cycles do not overlap: Cycle, Backfill
// and Preview take turns.
type Engine struct {
	opts       Options
	log        *zap.Logger
	ledger     Ledger
	sinks      map[string]*sinkRuntime
	properties []*property
	// started is when this process began, on the monotonic clock: what an earlier
	// process left in flight is waited for from here.
	started time.Time
	// inherited is the file's generation at the start: records of it or of an
	// earlier one were not made by this process.
	inherited uint64

	// turn lets one cycle run at a time, in the order in which they come; waiting
	// counts those that have come.
	turn    *semaphore.Weighted
	waiting atomic.Int32
	// toldUnconfigured is set once tellUnconfigured has done so.
	toldUnconfigured bool
	// aging lets one goroutine do what an older file calls for.
	aging chan struct{}
	// barrier is held for reading around every write, and for writing while an
	// older file's records are adopted.
	barrier *semaphore.Weighted
	// ordering lets one order about pauses, or one reading of them, be carried out.
	ordering *semaphore.Weighted

	mu sync.Mutex
	// older says why the file is older than the world while what that calls for is
	// still to be done; adopted is set once it has been, in this process.
	older   string
	adopted bool
	fatal   error
	stop    context.CancelCauseFunc
	// pauses is whose writes are paused, and since when; "" stands for everybody's.
	pauses map[preauth.ID]time.Time
	// generation is this cycle's, 0 before its first write.
	generation uint64
	// doubtsLoaded is set once all that is in flight is known: what an earlier process
	// left, or a cycle that a panic ended.
	doubtsLoaded bool
	// doubtsFrom is when the last of what loading finds can have been sent.
	doubtsFrom time.Time
}

// property is a property and what this process has learnt of it.
type property struct {
	opts PropertyOptions
	sink *sinkRuntime
	// enterprise is empty until configuration/get has answered.
	enterprise preauth.ID
	walks      walks
	// agedAt is when its holds were last gone through for those that have come of age.
	agedAt time.Time
}

// New builds an engine. Nothing is read or sent before the first cycle.
func New(opts Options) (*Engine, error) {
	file := opts.Ledger.File()
	now := time.Now()
	e := &Engine{
		ledger: opts.Ledger, started: now, doubtsFrom: now, inherited: file.Generation, older: file.Older,
		aging: make(chan struct{}, 1), barrier: semaphore.NewWeighted(everybody), turn: semaphore.NewWeighted(1), ordering: semaphore.NewWeighted(1),
	}
	if err := e.Reconfigure(opts); err != nil {
		return nil, err
	}
	return e, nil
}

// Reconfigure gives the engine other options; it is for a function that Between runs.
// The ledger stays. What is known of a sink stays too, above all what is in doubt
// there: the ledger's binding makes sure that a name goes on meaning the same sink.
// Properties are asked anew whose tokens they have.
func (e *Engine) Reconfigure(opts Options) error {
	opts = opts.withDefaults()
	sinks := make(map[string]*sinkRuntime, len(opts.Sinks))
	properties := make([]*property, 0, len(opts.Properties))
	for _, s := range opts.Sinks {
		sinks[s.Name] = e.sinks[s.Name]
		if sinks[s.Name] == nil {
			sinks[s.Name] = newSinkRuntime(e, s)
		}
	}
	for _, p := range opts.Properties {
		sink, ok := sinks[p.Sink]
		if !ok {
			return fmt.Errorf("property %s writes to the sink %q, which is not among the sinks", p.Name, p.Sink)
		}
		properties = append(properties, &property{opts: p, sink: sink})
	}
	for _, s := range opts.Sinks {
		sinks[s.Name].opts = s
	}
	e.opts, e.log, e.sinks, e.properties = opts, opts.Log, sinks, properties
	e.toldUnconfigured = false
	e.reloadDoubts()
	return nil
}

// Between runs f while no cycle runs. It waits for its turn, at most until ctx
// ends, which is an error then. Neither a cycle nor f may call it.
func (e *Engine) Between(ctx context.Context, f func() error) error {
	e.waiting.Add(1)
	err := e.turn.Acquire(ctx, 1)
	e.waiting.Add(-1)
	if err != nil {
		return err
	}
	defer e.turn.Release(1)
	return f()
}

// Recheck lets the next cycle look for intents in flight that an operator has put
// back to be verified.
func (e *Engine) Recheck() { e.reloadDoubts() }

// ErrLedger is wrapped by the error of a cycle that ended because the ledger
// can no longer be trusted: nothing more is sent until the next start.
var ErrLedger = errors.New("the state file failed; nothing more is sent until the next start verifies it")

// BindingError says that the world is not the one the state file was made for.
type BindingError struct{ Message string }

// Error says what differs and what to do about it.
func (e *BindingError) Error() string { return e.Message }

// everybody is the whole barrier; a write takes one part of it.
const everybody = 1 << 20

// now is the wall clock, for what is stored and shown.
func (e *Engine) now() time.Time { return e.opts.Clock() }

// fail ends the cycle, and every later one, because the ledger failed.
func (e *Engine) fail(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err // a read was given up, because the cycle is being stopped
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fatal == nil {
		e.fatal = fmt.Errorf("%w: %w", ErrLedger, err)
		if binding, ok := errors.AsType[*BindingError](err); ok {
			e.fatal = binding // the file is sound; it is the world that does not fit
		}
		if e.stop != nil {
			e.stop(e.fatal)
		}
	}
	return e.fatal
}

// Failed gives the error after which no cycle does anything any more: the process
// should end. It is nil while there is none.
func (e *Engine) Failed() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.fatal
}

// commit stores a batch. A conflict is the caller's to solve; any other error
// is fatal: whether the batch is durable is then not known.
func (e *Engine) commit(ctx context.Context, batch plan.Batch) error {
	if err := e.Failed(); err != nil {
		return err
	}
	// A batch is stored whole even when the cycle is being stopped.
	err := e.ledger.Commit(context.WithoutCancel(ctx), batch)
	e.opts.Progress()
	if err == nil || plan.IsRefusal(err) {
		return err
	}
	return e.fail(err)
}

// beginWrites starts a generation of the file before a cycle's first write.
func (e *Engine) beginWrites(ctx context.Context) (uint64, error) {
	generation, err := e.advance(ctx)
	if err != nil {
		return 0, e.fail(err)
	}
	return generation, nil
}

// advance holds the lock, so that a cycle's first writes start one generation.
func (e *Engine) advance(ctx context.Context) (generation uint64, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fatal != nil {
		return 0, e.fatal
	}
	if e.generation == 0 {
		e.generation, err = e.ledger.Advance(context.WithoutCancel(ctx), false)
	}
	return e.generation, err
}
