package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// chunkSize is the most customers one poll may ask for (vendor's limit).
const chunkSize = 1000

var errNotListed = errors.New("what the sink holds is not known yet")

// propertyRun is one property's part of one cycle.
type propertyRun struct {
	e       *Engine
	c       *cycle
	p       *property
	account *account
	doc     plan.Property
	// aside is set when a backfill leaves the property out.
	aside bool
	// ready is set once the property's enterprise is known and its cycle begun.
	ready   bool
	methods Methods
	// stopCreates is set when one of its files cannot be used.
	stopCreates bool
	// chunks are the customers to poll: the listed and those with unfinished records.
	chunks []chunk
	// listed are the customers of the list, distinct and in order.
	listed []preauth.ID
	// listing is set once it is being found out whom to poll.
	listing bool
	// isListed is set once the customers to poll are known, wholeList when nothing
	// was missing from their list.
	isListed, wholeList bool

	mu sync.Mutex
	// pending wait until the fuse has counted the whole plan.
	pending []kept
	// requests counts those of the plan, also above the fuse.
	requests int
	// strays are the Ids met of customers who were not asked for.
	strays map[preauth.ID]bool
	// parks are collected for a preview only.
	parks []PlannedPark
	// failedPolls counts the polls that failed in a row; polled is set once one did not.
	failedPolls int
	polled      bool
}

// item is a preauthorization for which something is to be sent.
type item struct {
	run *propertyRun
	p   preauth.Preauthorization
	// seenAt is when the reply that showed it was read, on the monotonic clock, and
	// requestID the PMS's name for that reply.
	seenAt    time.Time
	requestID string
	around    plan.Context
	// actions are those of the plan; the sender decides again.
	actions []plan.ActionKind
	// place is where it is in flight, while it is.
	place place
}

// enlist finds out whom to poll.
func (run *propertyRun) enlist(ctx context.Context) {
	if !run.p.sink.asked() {
		// What is history and what is news depends on what the sink held when the
		// file was new: nothing is read before that is known.
		run.account.failQuietly(cmp.Or(run.p.sink.unusableBecause(), errNotListed))
		return
	}
	if err := run.p.sink.unusableBecause(); err != nil && (run.c.preview || run.c.observe) {
		run.account.failQuietly(err) // the plan is made all the same, and called incomplete
	}
	if err := run.list(ctx); err != nil {
		run.account.fail(err)
	}
}

// mirror polls the property and hands what is to be sent to its sink: as it
// comes without a fuse, after counting it with one.
func (run *propertyRun) mirror(ctx context.Context) {
	if !run.isListed {
		return
	}
	var pollers errgroup.Group
	pollers.SetLimit(max(1, run.e.opts.Pollers))
	for _, chunk := range run.chunks {
		rest := run.c.backfill.rest(run, chunk.ids)
		if len(rest) == 0 {
			continue
		}
		if !run.c.backfill.begins(run, rest) {
			break
		}
		if len(rest) < len(chunk.ids) {
			chunk = chunksOf(rest)[0]
		}
		pollers.Go(func() error {
			if ctx.Err() == nil && !run.sourceIsOut() { // what has become of those that it waited for counts
				run.e.contain(run.c, func() { run.poll(ctx, chunk) })
			}
			return nil
		})
	}
	_ = pollers.Wait() // failures are counted where they happen
	run.feed(ctx)
}

// refuse names a customer that could not be read; the others go on.
func (run *propertyRun) refuse(id, reason string) {
	run.account.failQuietly(fmt.Errorf("customer %s could not be read: %s", id, reason))
	run.account.log.Error("a customer could not be read", telemetry.Event(telemetry.SourceCustomerRefused),
		telemetry.CustomerID(id), telemetry.Reason(reason))
}

// sourceOutAfter is how many polls in a row may fail: then the PMS is out of
// order, and what is left of the property is not polled in this cycle.
const sourceOutAfter = 3

var errSourceOut = fmt.Errorf("%d polls in a row failed: the rest of the property is not polled in this cycle", sourceOutAfter)

// poll reads one chunk; every complete reply is planned and committed by itself.
func (run *propertyRun) poll(ctx context.Context, chunk chunk) {
	unread := len(chunk.ids)
	known, err := run.pass(ctx, chunk)
	if err != nil {
		return // the ledger failed, which ends the cycle
	}
	refused, err := known.repoll(ctx, func(reply Reply) error {
		run.e.opts.Progress()
		unread -= len(reply.Customers)
		return run.take(ctx, known, reply, time.Now())
	})
	run.c.backfill.hasRead(unread)
	for _, r := range refused {
		run.refuse(string(r.CustomerID), r.Reason)
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		run.account.fail(err)
	}
	if run.countPoll(err) {
		run.account.fail(errSourceOut)
	}
}

// countPoll notes how a poll ended, and tells whether it is the one too many.
func (run *propertyRun) countPoll(err error) bool {
	run.mu.Lock()
	defer run.mu.Unlock()
	run.polled = run.polled || err == nil
	if err == nil && run.failedPolls < sourceOutAfter {
		run.failedPolls = 0
		return false
	}
	run.failedPolls++
	return run.failedPolls == sourceOutAfter && len(run.chunks) > sourceOutAfter
}

// unread tells whether nothing could be read in this cycle, though there was
// somebody to ask for.
func (run *propertyRun) unread() bool {
	run.mu.Lock()
	defer run.mu.Unlock()
	return !run.ready || !run.isListed || (len(run.chunks) > 0 && !run.polled)
}

func (run *propertyRun) sourceIsOut() bool {
	run.mu.Lock()
	defer run.mu.Unlock()
	return run.failedPolls >= sourceOutAfter
}

// take plans a reply, commits what it changes, and queues what it calls for.
func (run *propertyRun) take(ctx context.Context, known *pass, reply Reply, seenAt time.Time) error {
	if run.c.observe {
		return run.observe(ctx, reply, seenAt)
	}
	if reply.Unchanged {
		return known.repeat(ctx, reply)
	}
	for {
		known.stamp()
		planned, err := run.planReply(ctx, reply, seenAt)
		if older, ok := errors.AsType[*olderError](err); ok {
			if err := run.e.becomeOlder(ctx, run.c, older.why); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return run.e.fail(err)
		}
		err = planned.commit(ctx)
		if errors.Is(err, plan.ErrConflict) {
			continue // a sender has moved one of the records on meanwhile
		}
		if err != nil {
			return err
		}
		planned.tell()
		if err := known.keep(ctx, planned); err != nil {
			return err
		}
		return run.queue(ctx, reply, planned.items)
	}
}

// queue hands items over as they come, or keeps them for the fuse to count.
func (run *propertyRun) queue(ctx context.Context, reply Reply, items []*item) error {
	items = run.c.backfill.within(items)
	most := run.maxActions()
	run.mu.Lock()
	for _, it := range items {
		run.requests += len(it.actions)
	}
	keep := most > 0 || run.c.preview || run.c.observe
	if keep && (run.c.preview || most == 0 || run.requests <= most) {
		for _, it := range items {
			run.pending = append(run.pending, run.keep(it))
		}
	} else if keep {
		run.pending = nil
	}
	run.mu.Unlock()
	if keep {
		return nil
	}
	return run.send(ctx, items, run.c.backfill.reading(len(reply.Customers), len(items)))
}

// maxActions is the fuse, 0 for none; a backfill has none.
func (run *propertyRun) maxActions() int {
	if run.c.backfill != nil {
		return 0
	}
	return run.e.opts.MaxActions
}

// feed sends what the fuse has let through.
func (run *propertyRun) feed(ctx context.Context) {
	if most := run.maxActions(); most > 0 && run.requests > most {
		run.account.blowFuse(run.requests, most)
		return
	}
	if run.c.preview || run.c.observe && run.e.paused(run.p.enterprise) {
		return
	}
	slices.SortFunc(run.pending, byID)
	for part := range slices.Chunk(run.pending, chunkSize) {
		items := make([]*item, 0, len(part))
		for _, each := range part {
			items = append(items, run.item(each))
		}
		if run.c.observe {
			if run.report(ctx, items) != nil {
				return // the ledger failed, which ends the cycle
			}
			continue
		}
		if run.send(ctx, items, func(int) {}) != nil {
			return // ctx has ended, which the caller sees
		}
	}
}

// send gives items to the sink's senders, reading again those that have aged, and
// says after each how many it has given.
func (run *propertyRun) send(ctx context.Context, items []*item, given func(n int)) error {
	for i, it := range items {
		if it.stale() {
			run.refresh(ctx, items[i:min(i+chunkSize, len(items))])
		}
		select {
		case run.p.sink.queue <- it:
			given(i + 1)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// staleAfter is how old an observation may be when it is acted on.
const staleAfter = 10 * time.Minute

func (it *item) stale() bool { return time.Since(it.seenAt) > staleAfter }

// refresh reads aged observations again, in one poll. What a complete reply no
// longer shows, or cannot be asked for, stays stale and is not acted on.
func (run *propertyRun) refresh(ctx context.Context, items []*item) {
	byID := make(map[preauth.ID]*item, len(items))
	asked := map[preauth.ID]bool{}
	for _, it := range items {
		if it.stale() && it.p.CustomerID != "" {
			byID[it.p.ID] = it
			asked[it.p.CustomerID] = true
		}
	}
	if len(asked) == 0 {
		return
	}
	customers := make([]preauth.ID, 0, len(asked))
	for id := range asked {
		customers = append(customers, id)
	}
	slices.Sort(customers)
	var again []preauth.Preauthorization
	_, err := run.p.opts.Source.Poll(ctx, customers, func(reply Reply) error {
		for _, p := range reply.Preauthorizations {
			if it, ok := byID[p.ID]; ok {
				again = append(again, p)
				it.p, it.seenAt, it.requestID = p, time.Now(), reply.RequestID
			}
		}
		return nil
	})
	run.refreshMethods(ctx, byID, again)
	if err != nil && ctx.Err() == nil {
		run.account.fail(err)
	}
}

// refreshMethods finds the payment methods of observations that were read again.
func (run *propertyRun) refreshMethods(ctx context.Context, items map[preauth.ID]*item, again []preauth.Preauthorization) {
	policy := run.policy()
	answers, err := run.lookUp(ctx, again, func(p preauth.Preauthorization) bool {
		return slices.Contains(items[p.ID].actions, plan.Create) && wouldCreate(p, plan.Record{ID: p.ID}, items[p.ID].around, policy)
	})
	if err != nil {
		_ = run.e.fail(err)
	}
	for _, p := range again {
		items[p.ID].around.Method = run.methodOf(p, answers)
	}
}
