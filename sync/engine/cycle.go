package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Result is the account of one cycle.
type Result struct {
	CycleID    string
	Properties []PropertyResult
	// InDoubt counts the intents whose outcome was still not known at the end.
	InDoubt int
	// Sinks are in the order of the options.
	Sinks []SinkResult
}

// SinkResult says how a sink was in one cycle.
type SinkResult struct {
	Name string
	// Err is why nothing more was sent to it, nil when it was usable or not needed.
	Err error
}

// PropertyResult is the account of one property's cycle.
type PropertyResult struct {
	// Name is empty for what became of records whose property is not configured any
	// more; that result is there only when there is something to tell.
	Name   string
	Report plan.CycleReport
	// NewOutcomeParks counts what this cycle parked for an outcome.
	NewOutcomeParks int
	// Unread is set when nothing could be read of the property in this cycle.
	Unread bool
	// Err is the first failure, nil when there was none.
	Err error
}

// cycle is one cycle under way.
type cycle struct {
	id   string
	runs []*propertyRun
	// strays accounts for records whose property is not configured any more.
	strays *account
	// preview collects actions instead of sending them.
	preview bool

	mu sync.Mutex
	// panicked is the panic that ended it.
	panicked error
}

// Cycle runs one cycle of every property. With wait it returns when no intent
// is in flight, or after time-out + three times settle without a definite
// answer. Cancelling ctx ends polling and planning; what has been sent is
// waited for, at most its time-out. The error is ErrLedger, ErrPanicked, a
// *BindingError or ctx's; what went wrong for one property is in its result.
func (e *Engine) Cycle(ctx context.Context, wait bool) (Result, error) {
	c := &cycle{}
	var result Result
	err := e.run(ctx, c, func(ctx context.Context) (err error) {
		e.openSinks(ctx, c)
		e.verify(ctx, c)
		e.mirror(ctx, c)
		if wait {
			e.awaitVerdicts(ctx, c)
		}
		result, err = e.finish(ctx, c)
		return err
	})
	return result, err
}

// run frames a cycle: no other runs meanwhile, and a panic ends nothing but it.
func (e *Engine) run(ctx context.Context, c *cycle, do func(ctx context.Context) error) (err error) {
	e.turn.Lock()
	defer e.turn.Unlock()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	before := e.Failed()
	e.contain(c, func() {
		if err = e.begin(ctx, stop, c); err == nil {
			err = do(ctx)
		}
	})
	if failed := e.Failed(); failed != nil && before == nil {
		e.tellFatal(c, failed)
	}
	return cmp.Or(e.Failed(), c.broken(), err)
}

func (e *Engine) begin(ctx context.Context, stop context.CancelCauseFunc, c *cycle) error {
	e.mu.Lock()
	e.stop, e.generation = stop, 0
	fatal := e.fatal
	e.mu.Unlock()
	if fatal != nil {
		return fatal
	}
	c.id = e.opts.NewCycleID()
	c.strays = newAccount(e, c.id, "", "")
	for _, s := range e.sinks {
		s.beginCycle()
	}
	for _, p := range e.properties {
		run := &propertyRun{e: e, c: c, p: p, account: newAccount(e, c.id, p.opts.Name, p.opts.Currency)}
		run.account.begin()
		c.runs = append(c.runs, run)
	}
	e.identifyAll(ctx, c)
	e.tellUnconfigured(ctx, c)
	for _, run := range c.runs {
		if run.ready {
			run.start(ctx)
		}
	}
	return e.Failed()
}

// tellFatal says, once, why no cycle does anything any more.
func (e *Engine) tellFatal(c *cycle, err error) {
	event := telemetry.StateFailed
	if !errors.Is(err, ErrLedger) {
		event = telemetry.StateRefused
	}
	e.log.Error("nothing more is sent", telemetry.Event(event), telemetry.CycleID(c.id), telemetry.Err(err))
}

// identifyAll learns whose tokens the properties have.
func (e *Engine) identifyAll(ctx context.Context, c *cycle) {
	var asking errgroup.Group
	asking.SetLimit(max(1, e.opts.Pollers))
	for _, run := range c.runs {
		asking.Go(func() error {
			e.contain(c, func() {
				if err := run.identify(ctx); err != nil {
					run.account.fail(err)
					return
				}
				run.ready = true
			})
			return nil
		})
	}
	_ = asking.Wait() // failures are counted where they happen
}

// start stores that a property's cycle has begun, so that "read in an earlier
// cycle" has a meaning after a crash.
func (run *propertyRun) start(ctx context.Context) {
	e, p := run.e, run.p
	if other := run.twin(); other != nil {
		run.ready = false
		run.account.fail(&BindingError{fmt.Sprintf(
			"properties %s and %s are both enterprise %s: one of their access tokens is wrong, and neither is mirrored",
			p.opts.Name, other.opts.Name, p.enterprise)})
		return
	}
	run.doc.Cycle++
	run.doc.Name, run.doc.Sink = p.opts.Name, p.sink.opts.Name
	if err := e.commit(ctx, plan.Batch{Property: &run.doc}); err != nil {
		run.ready = false
		run.account.fail(err)
		return
	}
	run.doc.Revision++
}

// twin gives another property of the same enterprise.
func (run *propertyRun) twin() *property {
	for _, other := range run.e.properties {
		if other != run.p && other.enterprise == run.p.enterprise {
			return other
		}
	}
	return nil
}

// identify finds out the property's enterprise and loads its document.
func (run *propertyRun) identify(ctx context.Context) error {
	e, p := run.e, run.p
	if p.enterprise == "" {
		enterprise, err := p.opts.Source.Enterprise(ctx)
		if err != nil {
			return err
		}
		known, err := e.ledger.Properties(ctx)
		if err != nil {
			return e.fail(err)
		}
		if err := CheckBinding(known, p.opts.Name, enterprise); err != nil {
			return err
		}
		p.enterprise = enterprise
	}
	run.account.enterprise = p.enterprise
	doc, ok, err := e.ledger.Property(ctx, p.enterprise)
	if err != nil {
		return e.fail(err)
	}
	if !ok {
		doc = plan.Property{Enterprise: p.enterprise}
	}
	run.doc = doc
	return nil
}

// CheckBinding refuses a name behind which another enterprise used to be, one
// that is known by another name too: two access tokens may have changed places.
// A name that is new is a renaming, and changes nothing. The error is a
// *BindingError.
func CheckBinding(known []plan.Property, name string, enterprise preauth.ID) error {
	for _, doc := range known {
		if doc.Name == name && doc.Enterprise != enterprise {
			return &BindingError{fmt.Sprintf(
				"property %s was enterprise %s and its access token now belongs to enterprise %s: "+
					"check the token, or accept the change with `preauth-sync state rebind --property %s`", name, doc.Enterprise, enterprise, name)}
		}
	}
	return nil
}

// openSinks loads what earlier processes left in flight, and asks those sinks
// what they hold whose answer matters before anything is planned.
func (e *Engine) openSinks(ctx context.Context, c *cycle) {
	if err := e.loadDoubts(ctx); err != nil {
		return
	}
	for _, s := range e.sinks {
		if !s.asked() || (!s.ready() && (e.isOlder() || s.hasDoubts() || c.preview)) {
			s.open(ctx, c)
		}
	}
	if e.isOlder() && e.sinksReady() {
		if err := e.adoptOlder(ctx, c); err != nil {
			_ = e.fail(err)
		}
	}
}

// verify looks up what is due.
func (e *Engine) verify(ctx context.Context, c *cycle) {
	for _, s := range e.sinks {
		s.verifyDue(ctx, c)
	}
}

// mirror runs every property: its pollers fill the queue that its sink's
// senders empty.
func (e *Engine) mirror(ctx context.Context, c *cycle) {
	var senders, pollers sync.WaitGroup
	for _, s := range e.sinks {
		s.queue = make(chan *item)
		for range s.opts.Concurrency {
			senders.Go(func() {
				e.contain(c, func() {
					for it := range s.queue {
						s.handle(ctx, c, it)
					}
				})
			})
		}
	}
	e.enlistAll(ctx, c)
	slots := make(chan struct{}, max(1, e.opts.Pollers))
	for _, run := range c.runs {
		if !run.ready {
			continue
		}
		pollers.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			e.contain(c, func() { run.mirror(ctx) })
		})
	}
	pollers.Wait()
	for _, s := range e.sinks {
		close(s.queue)
	}
	senders.Wait()
}

// enlistAll finds out whom to poll, of every property before anything is sent: a
// capture may have to wait until all of them have been polled.
func (e *Engine) enlistAll(ctx context.Context, c *cycle) {
	var listing errgroup.Group
	listing.SetLimit(max(1, e.opts.Pollers))
	for _, run := range c.runs {
		if !run.ready {
			continue
		}
		listing.Go(func() error {
			e.contain(c, func() { run.enlist(ctx) })
			return nil
		})
	}
	_ = listing.Wait() // failures are counted where they happen
}

// awaitVerdicts waits until nothing is in flight.
func (e *Engine) awaitVerdicts(ctx context.Context, c *cycle) {
	var group sync.WaitGroup
	for _, s := range e.sinks {
		group.Go(func() { e.contain(c, func() { s.await(ctx, c) }) })
	}
	group.Wait()
}

func (e *Engine) finish(ctx context.Context, c *cycle) (Result, error) {
	result := Result{CycleID: c.id}
	for _, opts := range e.opts.Sinks {
		s := e.sinks[opts.Name]
		result.InDoubt += s.doubtCount()
		result.Sinks = append(result.Sinks, SinkResult{Name: opts.Name, Err: s.outOfUse()})
	}
	broken := c.broken()
	for _, run := range c.runs {
		if broken != nil {
			run.account.failQuietly(broken)
		}
		report := run.account.finish(ctx.Err() != nil)
		if run.ready {
			run.close(ctx, report)
		}
		result.Properties = append(result.Properties, PropertyResult{
			Name: run.p.opts.Name, Report: report, NewOutcomeParks: run.account.outcomeParks(), Err: run.account.err(),
			Unread: run.unread(),
		})
	}
	if parks, err := c.strays.outcomeParks(), c.strays.err(); parks > 0 || err != nil {
		result.Properties = append(result.Properties, PropertyResult{NewOutcomeParks: parks, Err: err})
	}
	if result.InDoubt > 0 {
		e.log.Error("requests are still without a definite answer: the next cycle looks them up, nothing is sent again blindly",
			telemetry.Event(telemetry.IntentsInDoubt), telemetry.CycleID(c.id), zap.Int("in_doubt", result.InDoubt))
	}
	if err := e.Failed(); err != nil {
		return result, err
	}
	for _, p := range result.Properties {
		if binding, ok := errors.AsType[*BindingError](p.Err); ok {
			return result, binding
		}
	}
	return result, ctx.Err()
}

// close stores the account of a property's cycle.
func (run *propertyRun) close(ctx context.Context, report plan.CycleReport) {
	over, err := run.firstRunIsOver(context.WithoutCancel(ctx))
	if err != nil {
		_ = run.e.fail(err)
		return
	}
	run.doc.FirstRunDone, run.doc.LastCycle = over, &report
	if err := run.e.commit(ctx, plan.Batch{Property: &run.doc}); err != nil {
		_ = run.e.fail(err) // nobody else writes this document
	}
}
