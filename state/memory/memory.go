// Package memory is a ledger that forgets: for tests of what uses a ledger, and
// for planning, where it lies over a real one and takes the writes.
package memory

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Reader is the part of a ledger that only reads.
type Reader interface {
	File() plan.File
	Record(ctx context.Context, id preauth.ID) (plan.Record, bool, error)
	Records(ctx context.Context, ids []preauth.ID) (map[preauth.ID]plan.Record, error)
	Each(ctx context.Context, visit func(plan.Record) error) error
	Unfinished(ctx context.Context, enterprise preauth.ID, visit func(plan.Record) error) error
	Owner(ctx context.Context, sink string, identity int64) (preauth.ID, bool, error)
	Journal(ctx context.Context, id preauth.ID) ([]plan.Entry, error)
	Customers(ctx context.Context, enterprise preauth.ID, customers []preauth.ID) (map[preauth.ID]plan.Customer, error)
	Pending(ctx context.Context, enterprise preauth.ID, visit func(preauth.ID) error) error
	PendingRevision(ctx context.Context, enterprise preauth.ID) (uint64, error)
	InFlight(ctx context.Context, visit func(plan.Record) error) error
	Discovered(ctx context.Context, enterprise preauth.ID, visit func(plan.Discovered) error) error
	LookedUp(ctx context.Context, sink, field string, cards []string) (map[string]plan.LookedUp, error)
	Observed(ctx context.Context, enterprise preauth.ID, ids []preauth.ID) (map[preauth.ID]plan.Observed, error)
	EachObserved(ctx context.Context, enterprise preauth.ID, visit func(plan.Observed) error) error
	ObservedReads(ctx context.Context, enterprise preauth.ID, customers []preauth.ID) (map[preauth.ID]uint64, error)
	Pauses(ctx context.Context) ([]plan.Pause, error)
	Property(ctx context.Context, enterprise preauth.ID) (plan.Property, bool, error)
	Properties(ctx context.Context) ([]plan.Property, error)
	Sink(ctx context.Context, name string) (plan.Sink, bool, error)
	Highest(ctx context.Context, sink string) (int64, error)
	Tokens(ctx context.Context, sink string, tokens []string) (map[string]plan.Token, error)
	Unmatched(ctx context.Context, sink string, visit func(plan.Token) error) error
}

type customerKey struct{ enterprise, customer preauth.ID }

type identityKey struct {
	sink     string
	identity int64
}

type tokenKey struct{ sink, token string }

// Ledger keeps everything in memory. Its methods may be called from many
// goroutines.
type Ledger struct {
	// base is read where nothing is kept here; nil for none.
	base Reader

	mu         sync.Mutex
	file       plan.File
	generation uint64
	hook       func(plan.Batch) error
	failed     error // see plan.Batch.Placed
	seq        uint64
	records    map[preauth.ID]plan.Record
	owners     map[identityKey]preauth.ID
	moved      map[preauth.ID]bool // whose identity has changed here: base's owner is void
	journal    map[preauth.ID][]plan.Entry
	customers  map[customerKey]uint64
	pending    pending
	passes     passes
	discovered map[customerKey]time.Time // zero hides what base has
	lookedUp   map[lookedUpKey]plan.LookedUp
	report     report
	pauses     map[preauth.ID]time.Time // zero hides what base has
	properties map[preauth.ID]plan.Property
	sinks      map[string]plan.Sink
	highest    map[string]int64
	tokens     map[tokenKey]plan.Token
}

// New gives an empty ledger that answers File with file.
func New(file plan.File) *Ledger {
	return &Ledger{
		file: file, generation: file.Generation,
		records:    make(map[preauth.ID]plan.Record),
		owners:     make(map[identityKey]preauth.ID),
		moved:      make(map[preauth.ID]bool),
		journal:    make(map[preauth.ID][]plan.Entry),
		customers:  make(map[customerKey]uint64),
		pending:    newPending(),
		passes:     newPasses(),
		discovered: make(map[customerKey]time.Time),
		lookedUp:   make(map[lookedUpKey]plan.LookedUp),
		report:     newReport(),
		pauses:     make(map[preauth.ID]time.Time),
		properties: make(map[preauth.ID]plan.Property),
		sinks:      make(map[string]plan.Sink),
		highest:    make(map[string]int64),
		tokens:     make(map[tokenKey]plan.Token),
	}
}

// Overlay gives a ledger that reads through to base and keeps every write to
// itself. Journal lines of its own carry sequence numbers above 2^63. Nothing
// else should write to base meanwhile.
func Overlay(base Reader) *Ledger {
	l := New(base.File())
	l.base = base
	l.passes = passesOver(base)
	l.seq = 1 << 63
	return l
}

// OnCommit sets what is asked before a batch is stored: its error is returned by
// Commit, and nothing is stored. It is for fault injection; nil for none.
func (l *Ledger) OnCommit(hook func(plan.Batch) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hook = hook
}

// Restart makes File answer as it would in the next process: not new, with the
// generation that was reached.
func (l *Ledger) Restart() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.file.New = false
	l.file.Generation = l.generation
}

// File gives what the ledger knows of itself.
func (l *Ledger) File() plan.File {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file
}

// Advance starts a new generation; adopted true clears the mark of an older file.
func (l *Ledger) Advance(ctx context.Context, adopted bool) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("the new generation was not begun: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.generation++
	if adopted {
		l.file.Older = ""
	}
	return l.generation, nil
}

// MarkOlder makes File say that it may be older than the world, and why, until
// Advance is called with adopted true. An earlier reason stays.
func (l *Ledger) MarkOlder(ctx context.Context, why string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("the ledger was not marked as older: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if why == "" {
		why = "it was found to be older than the sink"
	}
	if l.file.Older == "" {
		l.file.Older = why
	}
	return nil
}
