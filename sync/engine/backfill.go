package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// ErrObserving refuses a backfill: it would send.
var ErrObserving = errors.New("mirror.mode is observe, which sends nothing: look at a backfill with --dry-run, or set mirror.mode to full")

// Backfill is a one-shot run over history: the same plan and journal as a cycle's,
// without the fuse. It can be interrupted anywhere; another one goes on where the
// ledger is.
type Backfill struct {
	// Properties are the names of those that are mirrored, empty for all.
	Properties []string
	// Customers are asked for instead of the listed ones, unless empty. They are
	// distinct. What waits for every property to be polled goes on waiting then.
	Customers []preauth.ID
	// Charged also creates and captures what is the baseline, and what is parked as
	// first_seen_charged.
	Charged bool
	// Limit is the most preauthorizations that are acted on, 0 for no limit. Once it
	// is reached nobody else is polled.
	Limit int
	// Agreed is the most that somebody has agreed to, 0 for no bound. What comes beyond
	// it is not acted on; everybody is polled all the same.
	Agreed int
	// Wait is Cycle's.
	Wait bool
	// Progress, unless nil, is told how far it is, several times a second at most.
	Progress func(BackfillProgress)
}

// BackfillProgress is how far a backfill is.
type BackfillProgress struct {
	// Customers counts those that have been read, of Total.
	Customers, Total int
	Counts           plan.Counts
	// Waiting is set while only outcomes that are not known yet are waited for.
	Waiting bool
}

// Backfill runs a backfill. Whoever waits for a cycle meanwhile gets it: the
// backfill steps aside between two polls, and goes on afterwards. The errors are
// Cycle's and ErrObserving; the result adds up the cycles it was made of.
func (e *Engine) Backfill(ctx context.Context, opts Backfill) (Result, error) {
	if e.opts.Mode == ModeObserve {
		return Result{}, ErrObserving
	}
	b := newBackfill(e, opts)
	var sum Result
	for {
		b.begin()
		result, err := e.cycle(ctx, &cycle{backfill: b}, opts.Wait)
		sum.add(result)
		if err != nil || !b.goesOn() {
			return sum, err
		}
	}
}

// PreviewBackfill is Preview for a backfill.
func (e *Engine) PreviewBackfill(ctx context.Context, opts Backfill) (Preview, error) {
	return e.preview(ctx, &cycle{preview: true, backfill: newBackfill(e, opts)})
}

// tellEvery is how often progress is told.
const tellEvery = 200 * time.Millisecond

// backfill is one under way. For a cycle of the schedule it is nil, which asks for
// nothing out of the ordinary.
type backfill struct {
	e       *Engine
	opts    Backfill
	telling sync.Mutex

	mu sync.Mutex
	// taken counts the preauthorizations that are acted on.
	taken int
	// last is the last customer that was begun, by enterprise; they go by Id.
	last map[preauth.ID]preauth.ID
	// begun is set once this cycle has begun a poll, left when it has stepped aside
	// before everybody was polled.
	begun, left bool
	// read and total count customers: those read so far, and those to read in this cycle.
	read, before, total int
	// runs are this cycle's; earlier adds up the cycles before.
	runs    []*propertyRun
	earlier plan.Counts
	told    time.Time
}

func newBackfill(e *Engine, opts Backfill) *backfill {
	if opts.Progress == nil {
		opts.Progress = func(BackfillProgress) {}
	}
	return &backfill{e: e, opts: opts, last: map[preauth.ID]preauth.ID{}}
}

// begin makes ready for a cycle.
func (b *backfill) begin() {
	earlier := b.counts()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.begun, b.left, b.runs, b.earlier = false, false, nil, earlier
	b.before, b.total = b.read, 0
}

// joins notes a run of this cycle.
func (b *backfill) joins(run *propertyRun) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.runs = append(b.runs, run)
}

// leavesOut tells whether a property is none of those to mirror.
func (b *backfill) leavesOut(property string) bool {
	if b == nil || len(b.opts.Properties) == 0 {
		return false
	}
	return !slices.Contains(b.opts.Properties, property)
}

// partial tells whether other customers are asked for than the listed ones.
func (b *backfill) partial() bool { return b != nil && len(b.opts.Customers) > 0 }

func (b *backfill) charged() bool { return b != nil && b.opts.Charged }

// lists counts whom a run is to poll.
func (b *backfill) lists(run *propertyRun) {
	if b == nil {
		return
	}
	remaining := 0
	for _, chunk := range run.chunks {
		remaining += len(b.rest(run, chunk.ids))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total += remaining
}

// rest gives those of a chunk that no earlier cycle of the backfill has begun.
func (b *backfill) rest(run *propertyRun, chunk []preauth.ID) []preauth.ID {
	if b == nil {
		return chunk
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	last := b.last[run.p.enterprise]
	for len(chunk) > 0 && chunk[0] <= last {
		chunk = chunk[1:]
	}
	return chunk
}

// begins asks before each poll whether it may be begun, and notes that it is: not
// once the limit is reached, nor while somebody waits for a cycle; but each cycle
// begins one, so that two that wait for each other both get on.
func (b *backfill) begins(run *propertyRun, chunk []preauth.ID) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opts.Limit > 0 && b.taken >= b.opts.Limit {
		return false
	}
	if !run.c.preview && (b.left || b.begun && b.e.waiting.Load() > 0) {
		b.left = true
		return false
	}
	b.begun, b.last[run.p.enterprise] = true, chunk[len(chunk)-1]
	return true
}

// goesOn tells whether another cycle is needed.
func (b *backfill) goesOn() bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left
}

// within gives those of a reply's items that are within the limit and agreed to.
func (b *backfill) within(items []*item) []*item {
	if b == nil {
		return items
	}
	b.mu.Lock()
	taken := len(items)
	for _, most := range []int{b.opts.Limit, b.opts.Agreed} {
		if most > 0 {
			taken = min(taken, most-b.taken)
		}
	}
	b.taken += taken
	b.mu.Unlock()
	for _, it := range items[taken:] {
		it.run.account.skip(plan.BeyondLimit)
	}
	return items[:taken]
}

// reading counts the customers of a reply as read while its items are sent: it
// is told how many of them have been.
func (b *backfill) reading(customers, items int) (given func(n int)) {
	if items == 0 {
		b.hasRead(customers)
	}
	counted := 0
	return func(n int) {
		b.hasRead(customers*n/items - counted)
		counted = customers * n / items
	}
}

// hasRead counts customers whose poll is over.
func (b *backfill) hasRead(customers int) {
	if b == nil || customers == 0 {
		return
	}
	b.mu.Lock()
	b.read += customers
	b.mu.Unlock()
	b.tell()
}

// tell tells how far it is, unless it has just done so.
func (b *backfill) tell() {
	if b == nil {
		return
	}
	b.mu.Lock()
	early := time.Since(b.told) < tellEvery
	b.mu.Unlock()
	if !early {
		b.tellNow(false)
	}
}

// tellNow tells how far it is.
func (b *backfill) tellNow(waiting bool) {
	if b == nil {
		return
	}
	b.telling.Lock() // one after the other, so that what is told never goes back
	defer b.telling.Unlock()
	counts := b.counts()
	b.mu.Lock()
	b.told = time.Now()
	how := BackfillProgress{Customers: b.read, Total: b.before + b.total, Counts: counts, Waiting: waiting}
	b.mu.Unlock()
	b.opts.Progress(how)
}

// counts adds up what has been done so far.
func (b *backfill) counts() plan.Counts {
	b.mu.Lock()
	sum, runs := b.earlier, b.runs
	b.mu.Unlock()
	for _, run := range runs {
		run.account.count(func(c *plan.Counts) { sum = sum.Plus(*c) })
	}
	return sum
}
