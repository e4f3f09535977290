package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// account counts one property's cycle and tells it in the log. It is safe for
// concurrent use.
type account struct {
	e          *Engine
	log        *zap.Logger
	cycleID    string
	name       string
	currency   string
	enterprise preauth.ID
	started    time.Time

	mu       sync.Mutex
	counts   plan.Counts
	skips    map[plan.Why]int
	outcomes int
	// observed counts what would have been sent, unchanged the preauthorizations of
	// replies that said what they had said before.
	observed, unchanged int
	fuse                bool
	first               error
}

func newAccount(e *Engine, cycleID, name, currency string) *account {
	log := e.log.With(telemetry.CycleID(cycleID))
	if name != "" {
		log = log.With(telemetry.Property(name))
	}
	return &account{
		e: e, log: log, cycleID: cycleID, name: name, currency: currency,
		started: time.Now(), skips: map[plan.Why]int{},
	}
}

func (a *account) begin() {
	a.log.Info("cycle started", telemetry.Event(telemetry.CycleStarted))
}

// count changes the counts under the lock.
func (a *account) count(change func(*plan.Counts)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.counts)
}

func (a *account) skip(why plan.Why) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts.Skipped++
	a.skips[why]++
}

func (a *account) skipAll(skips map[plan.Why]int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for why, n := range skips {
		a.counts.Skipped += n
		a.skips[why] += n
	}
}

// repeated counts a reply that says what the one of an earlier pass said.
func (a *account) repeated(p plan.Pass) {
	a.skipAll(p.Skipped)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts.Polled += p.Polled
	a.unchanged += p.Polled
}

func (a *account) noteObserved(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.observed += n
}

// fail notes the first failure and logs each: this is where they are handled.
// What was given up because the cycle is being stopped is no failure of its own.
func (a *account) fail(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	_, refused := errors.AsType[*BindingError](err)
	a.mu.Lock()
	if a.first == nil || refused { // what no later cycle mends is told first
		a.first = err
	}
	a.counts.Failed++
	a.mu.Unlock()
	if errors.Is(err, ErrLedger) {
		return // it ends the whole cycle, which tells it once
	}
	a.log.Error("the property's cycle failed", telemetry.Event(telemetry.SourceFailed), telemetry.Err(err))
}

// failQuietly counts a failure whose cause has its own event.
func (a *account) failQuietly(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts.Failed++
	if a.first == nil {
		a.first = err
	}
}

func (a *account) err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.first
}

func (a *account) outcomeParks() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.outcomes
}

// parked tells that a record is newly parked.
func (a *account) parked(rec plan.Record) {
	a.mu.Lock()
	a.counts.Parked++
	if rec.Park.Reason.ForOutcome() {
		a.outcomes++
	}
	a.mu.Unlock()
	a.log.Warn("parked: "+rec.Park.Detail, append(recordFields(rec),
		telemetry.Event(telemetry.ActionParked), telemetry.Reason(string(rec.Park.Reason)),
		telemetry.TrackingID(rec.Park.TrackingID))...)
}

// settled tells what a decision changed without a request.
func (a *account) settled(s plan.Settled, d plan.Decision) {
	if s.Lifted != "" {
		a.log.Info("no longer parked", append(recordFields(s.Record),
			telemetry.Event(telemetry.ActionLifted), telemetry.Reason(string(s.Lifted)))...)
	}
	if s.Parked {
		a.parked(s.Record)
	}
	if s.Released {
		a.count(func(c *plan.Counts) { c.Released++ })
	}
	if d.Orphaned {
		a.log.Warn("the PMS released what v4 still holds, and v4 cannot void it: let it expire, or release it at the gateway",
			append(recordFields(s.Record), telemetry.Event(telemetry.HoldOrphaned))...)
	}
}

func (a *account) adopted(rec plan.Record) {
	if rec.Park != nil {
		a.parked(rec)
		return
	}
	a.count(func(c *plan.Counts) { c.Adopted++ })
	a.e.opts.Acted(a.name, plan.Create, "adopted")
	a.log.Warn("v4 already holds it without an intent here: adopted, not created again",
		append(recordFields(rec), telemetry.Event(telemetry.CreateAdopted))...)
}

// finish closes the account.
func (a *account) finish(interrupted bool) plan.CycleReport {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.e.now()
	took := time.Since(a.started)
	report := plan.CycleReport{
		CycleID: a.cycleID, Started: now.Add(-took), Finished: now,
		OK: a.first == nil && !interrupted && !a.fuse, Fuse: a.fuse, Counts: a.counts,
	}
	if a.first != nil {
		report.Error = a.first.Error()
	}
	log := a.log
	if a.e.opts.Mode == ModeObserve {
		log = log.With(zap.Int("observed", a.observed))
	}
	log.Info("cycle finished", telemetry.Event(telemetry.CycleFinished), telemetry.Duration(took),
		zap.Int("polled", a.counts.Polled), zap.Int("unchanged", a.unchanged), zap.Int("created", a.counts.Created), zap.Int("captured", a.counts.Captured),
		zap.Int("adopted", a.counts.Adopted), zap.Int("parked", a.counts.Parked), zap.Int("released", a.counts.Released),
		zap.Int("skipped", a.counts.Skipped), zap.Int("failed", a.counts.Failed))
	return report
}

// mostFields are those of the longest line about a record: seven of its own, and what is said of it.
const mostFields = 12

// recordFields are the fields that every line about a record carries, with room for more.
func recordFields(rec plan.Record) []zap.Field {
	fields := append(make([]zap.Field, 0, mostFields), telemetry.PreauthorizationID(string(rec.ID)))
	if rec.CustomerID != "" {
		fields = append(fields, telemetry.CustomerID(string(rec.CustomerID)))
	}
	amount := rec.Amount
	if rec.Intent != nil {
		amount = rec.Intent.Amount
		fields = append(fields, telemetry.Action(rec.Intent.Action.String()), telemetry.Attempt(rec.Intent.Attempt))
	}
	if amount.IsZero() {
		amount = rec.Seen.Amount
	}
	if !amount.IsZero() {
		fields = append(fields, telemetry.Amount(preauth.AmountText(amount.Amount)), telemetry.Currency(amount.Currency))
	}
	if rec.Identity != 0 {
		fields = append(fields, telemetry.Identity(rec.Identity))
	}
	return fields
}
