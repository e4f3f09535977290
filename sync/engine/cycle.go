package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// cycle is one cycle under way.
type cycle struct {
	id   string
	runs []*propertyRun
	// strays accounts for records whose property is not configured any more.
	strays *account
	// preview collects actions instead of sending them.
	preview bool
	// observe is set while nothing is sent and only the report is kept.
	observe bool
	// backfill is nil for a cycle of the schedule.
	backfill *backfill

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
	return e.cycle(ctx, &cycle{observe: e.opts.Mode == ModeObserve}, wait)
}

func (e *Engine) cycle(ctx context.Context, c *cycle, wait bool) (result Result, err error) {
	err = e.run(ctx, c, func(ctx context.Context) (err error) {
		e.openSinks(ctx, c)
		e.verify(ctx, c)
		e.mirror(ctx, c)
		if wait && !c.observe && !c.backfill.goesOn() {
			c.backfill.tellNow(e.inDoubt() > 0)
			e.awaitVerdicts(ctx, c)
		}
		result, err = e.finish(ctx, c)
		return err
	})
	return result, err
}

// run frames a cycle: no other runs meanwhile, and a panic ends nothing but it.
func (e *Engine) run(ctx context.Context, c *cycle, do func(ctx context.Context) error) error {
	return e.Between(ctx, func() error { return e.runNow(ctx, c, do) })
}

func (e *Engine) runNow(ctx context.Context, c *cycle, do func(ctx context.Context) error) (err error) {
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
	if err := e.loadPauses(ctx); err != nil {
		return err
	}
	c.id = e.opts.NewCycleID()
	c.strays = newAccount(e, c.id, "", "")
	for _, s := range e.sinks {
		s.beginCycle()
	}
	for _, p := range e.properties {
		run := &propertyRun{e: e, c: c, p: p, account: newAccount(e, c.id, p.opts.Name, p.opts.Currency)}
		if run.aside = c.backfill.leavesOut(p.opts.Name); !run.aside {
			run.account.begin()
		}
		c.backfill.joins(run)
		c.runs = append(c.runs, run)
	}
	e.identifyAll(ctx, c)
	e.tellUnconfigured(ctx, c)
	e.bindSinks(ctx, c)
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
					if _, refused := errors.AsType[*BindingError](err); refused || !run.aside {
						run.account.fail(err)
					}
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
	if run.aside {
		return
	}
	run.tellPaused()
	if err := run.beginObserving(ctx); err != nil {
		run.ready = false
		run.account.fail(err)
		return
	}
	if e.opts.HoldWarnAfter == 0 || e.now().Before(run.doc.HeldFrom) {
		run.doc.HeldFrom = time.Time{}
	}
	run.doc.Cycle++
	run.doc.Name, run.doc.Sink = p.opts.Name, p.sink.name
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
		if s.name == "" {
			continue
		}
		if !s.asked() || (!s.ready() && (e.isOlder() || s.hasDoubts() || c.preview || c.observe)) {
			s.open(ctx, c)
		}
	}
	if e.isOlder() && e.sinksReady() && !c.observe {
		if err := e.adoptOlder(ctx, c); err != nil {
			_ = e.fail(err)
		}
	}
}

// verify looks up what is due.
func (e *Engine) verify(ctx context.Context, c *cycle) {
	if c.observe {
		return // what is in flight stays so, as every phase does
	}
	for _, s := range e.sinks {
		if s.name != "" {
			s.verifyDue(ctx, c)
		}
	}
}

// mirror runs every property: its pollers fill the queue, from which its sink's senders
// are given one item after the other, each with a place in flight. For each place there
// are two senders: while one waits for its outcome to be durable, another goes on in its
// place.
func (e *Engine) mirror(ctx context.Context, c *cycle) {
	var senders sync.WaitGroup
	for _, s := range e.sinks {
		s.queue = make(chan *item)
		seated := make(chan *item)
		senders.Go(func() { s.seat(ctx, seated) })
		for range 2 * s.opts.Concurrency {
			senders.Go(func() {
				e.contain(c, func() {
					for it := range seated {
						s.handle(ctx, c, it)
					}
				})
			})
		}
	}
	e.enlistAll(ctx, c)
	// They take turns in the same order in each cycle, so that the time from one poll of
	// a customer to the next is that from one cycle to the next.
	var pollers errgroup.Group
	pollers.SetLimit(max(1, e.opts.Pollers))
	for _, run := range c.runs {
		if !run.ready {
			continue
		}
		pollers.Go(func() error {
			e.contain(c, func() { run.mirror(ctx) })
			return nil
		})
	}
	_ = pollers.Wait() // failures are counted where they happen
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
		if !run.ready || run.aside {
			continue
		}
		listing.Go(func() error {
			e.contain(c, func() { run.enlist(ctx) })
			return nil
		})
	}
	_ = listing.Wait() // failures are counted where they happen
}

// inDoubt counts the intents whose outcome is not known.
func (e *Engine) inDoubt() int {
	n := 0
	for _, s := range e.sinks {
		n += s.doubtCount()
	}
	return n
}

// awaitVerdicts waits until nothing is in flight.
func (e *Engine) awaitVerdicts(ctx context.Context, c *cycle) {
	var group sync.WaitGroup
	for _, s := range e.sinks {
		if s.name == "" {
			continue // nobody knows yet whose it is
		}
		group.Go(func() { e.contain(c, func() { s.await(ctx, c) }) })
	}
	group.Wait()
}
