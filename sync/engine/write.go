package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// handle brings one preauthorization as far as it will go: each turn decides
// from the ledger as it is now, and sends at most one request.
func (s *sinkRuntime) handle(ctx context.Context, c *cycle, it *item) {
	defer it.place.leave()
	if s.e.paused(it.run.p.enterprise) {
		it.run.account.skip(plan.IsPaused)
		return
	}
	for {
		again, err := s.step(ctx, c, it)
		older, isOlder := errors.AsType[*olderError](err)
		switch {
		case isOlder:
			err = s.e.becomeOlder(ctx, c, older.why)
			again = err == nil
		case errors.Is(err, errOlder) && s.e.sinksReady():
			err = s.e.becomeOlder(ctx, c, "") // another sender found out and is at it: wait for it
			again = err == nil
		case errors.Is(err, errUnmatched):
			err = s.match(ctx, c)
			again = err == nil
		case errors.Is(err, plan.ErrConflict):
			again, err = true, nil // another sender had the same preauthorization
		case errors.Is(err, errPaused):
			it.run.account.skip(plan.IsPaused)
			return
		}
		if err != nil {
			it.run.hold(ctx, it, err)
			return
		}
		if !again {
			return
		}
	}
}

// hold counts an item that could not be sent; it is planned again next cycle.
func (run *propertyRun) hold(ctx context.Context, it *item, err error) {
	if ctx.Err() == nil {
		run.account.failQuietly(fmt.Errorf("preauthorization %s was not sent: %w", it.p.ID, err))
	}
}

var (
	errUnmatched = errors.New("tokens on the sink are not matched yet")
	errOlder     = errors.New("the state file is older than the world and not every sink could be asked what it holds")
	errStale     = errors.New("its observation is older than 10 minutes and could not be read again")
)

// begin makes sure that an item has a place in flight, which those from the queue bring
// with them, that nobody else is at its preauthorization, and that what was read is young.
func (s *sinkRuntime) begin(ctx context.Context, it *item) (disclaim func(), err error) {
	if err := it.place.take(ctx, s.places); err != nil {
		return nil, err
	}
	if disclaim, err = s.claim(ctx, it.p.ID); err != nil {
		return nil, err
	}
	if it.stale() {
		if it.run.refresh(ctx, []*item{it}); it.stale() {
			disclaim()
			return nil, errStale
		}
	}
	return disclaim, nil
}

// step takes one decision and sends what it calls for. It returns true when
// there may be more to do.
func (s *sinkRuntime) step(ctx context.Context, c *cycle, it *item) (bool, error) {
	disclaim, err := s.begin(ctx, it)
	if err != nil {
		return false, err
	}
	defer disclaim()
	release, err := s.permit(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	if err := s.ensureOpen(ctx, c); err != nil {
		return false, err
	}
	if s.e.isOlder() {
		return false, errOlder
	}
	leaveGate, err := s.enterGate(ctx, c)
	if err != nil {
		return false, err
	}
	defer leaveGate()
	if it.stale() {
		return true, nil // it aged while it waited for its turn
	}
	if err := s.e.barrier.Acquire(ctx, 1); err != nil {
		return false, err
	}
	defer s.e.barrier.Release(1)
	defer s.e.contained(c) // nobody may go on behind a panic
	settled, d, err := s.decideNow(ctx, it)
	if err != nil {
		return false, err
	}
	if len(d.Actions) == 0 {
		if d.Why == plan.InDoubt {
			s.doubtIfNew(it.p.ID, s.justSent(), s.justSent())
		}
		return false, it.store(ctx, settled, d)
	}
	if settled.Lifted != "" {
		// The mark goes in a commit of its own, so that its lifting is told once.
		return true, it.store(ctx, settled, d)
	}
	if d.Actions[0] == plan.Create {
		return s.create(ctx, c, it, settled.Record)
	}
	if s.mustMatch(settled.Record) {
		return false, errUnmatched
	}
	return s.capture(ctx, c, it.run, settled.Record, plan.Intent{
		Action: plan.Capture, Attempt: settled.Record.Sends + 1, Amount: settled.Record.Amount, Before: plan.Created, RequestID: it.requestID,
		Resent: settled.Record.Sends > 0, // an operator has let one in doubt be sent again
	}, it.place.leave)
}

// decideNow decides from the record as it is now, after consulting what the
// sink was found to hold.
func (s *sinkRuntime) decideNow(ctx context.Context, it *item) (plan.Settled, plan.Decision, error) {
	rec, known, err := s.e.ledger.Record(ctx, it.p.ID)
	if err != nil {
		return plan.Settled{}, plan.Decision{}, s.e.fail(err)
	}
	if !known {
		rec = plan.Record{ID: it.p.ID, Enterprise: it.run.p.enterprise, CustomerID: it.p.CustomerID}
	}
	if rec.Reads() == plan.None || rec.Phase == plan.Baseline {
		tokens, err := s.e.ledger.Tokens(ctx, s.name, []string{string(it.p.ID)})
		if err != nil {
			return plan.Settled{}, plan.Decision{}, s.e.fail(err)
		}
		adopted, changed, err := s.adopt(ctx, it.run, rec, tokens[string(it.p.ID)])
		if err != nil {
			return plan.Settled{}, plan.Decision{}, err
		}
		if changed {
			if rec, err = it.run.storeAdopted(ctx, adopted); err != nil {
				return plan.Settled{}, plan.Decision{}, err
			}
		}
	}
	d := plan.Decide(it.p, rec, it.around, it.run.policy())
	settled := plan.Settle(rec, it.p, d, s.e.now())
	if d.Ordered {
		settled = settled.Order()
	}
	return settled, d, nil
}

// create makes a hold: intent, send, outcome.
func (s *sinkRuntime) create(ctx context.Context, c *cycle, it *item, rec plan.Record) (bool, error) {
	intent := plan.Intent{
		Action: plan.Create, Attempt: rec.Sends + 1, Amount: it.p.Amount, PaymentMethodID: it.around.Method.ID,
		CreatedByUserID: s.opts.CreatedByUserID, Before: rec.Phase, RequestID: it.requestID,
	}
	switch s.opts.Tokens {
	case TokenID:
		intent.Token = string(it.p.ID)
	case TokenCode:
		intent.Token = it.p.Code
	case TokenNone:
	}
	sent, err := s.send(ctx, c, it.run, rec, intent)
	if err != nil {
		return false, err
	}
	isCharged := it.p.State == preauth.Charged // its capture follows, in its place
	if !isCharged {
		sent.leave = it.place.leave
	}
	applied, err := s.settleCreate(ctx, c, it.run, sent)
	return applied && isCharged, err
}

// settleCreate commits what a create came to, and tells whether it was applied.
func (s *sinkRuntime) settleCreate(ctx context.Context, c *cycle, run *propertyRun, sent sent) (bool, error) {
	rec, out := sent.record, sent.outcome
	switch out.Kind {
	case preauth.OutcomeApplied:
		created := becomeCreated(rec, out.Hold, s.e.now())
		replied := time.Now()
		next, err := run.outcome(ctx, s, created, telemetry.CreateApplied, sent, "")
		if errors.Is(err, plan.ErrIdentityTaken) {
			sent.outcome.Kind = preauth.OutcomeUnknown
			sent.outcome.Err = fmt.Errorf("v4 answered with identity %d, which is another preauthorization's", out.Hold.Identity)
			return s.settleCreate(ctx, c, run, sent)
		}
		if err != nil {
			return false, err
		}
		run.account.count(func(n *plan.Counts) { n.Created++ })
		return true, s.prove(ctx, c, next, replied)
	case preauth.OutcomeRefused:
		refused := back(rec)
		run.park(&refused, plan.Rejected, refusal(out), out.TrackingID)
		_, err := run.outcome(ctx, s, refused, telemetry.CreateRejected, sent, "")
		return false, err
	case preauth.OutcomeNotSent, preauth.OutcomeThrottled, preauth.OutcomeUnauthorized:
		_, err := run.outcome(ctx, s, back(rec), telemetry.CreateNotSent, sent, errorText(out.Err))
		run.account.failQuietly(fmt.Errorf("a create was not sent: %w", out.Err))
		return false, err
	default:
		return false, s.doubtCreate(ctx, run, sent)
	}
}

// doubtCreate leaves an unknown create in flight, to be verified; where it
// cannot be, it parks.
func (s *sinkRuntime) doubtCreate(ctx context.Context, run *propertyRun, sent sent) error {
	rec, out := sent.record, sent.outcome
	if s.opts.Tokens != TokenID {
		run.park(&rec, plan.UnknownCreate, "no answer that settles it, and without transaction_token: id it cannot be looked up: "+
			errorText(out.Err), out.TrackingID)
	}
	next, err := run.outcome(ctx, s, rec, telemetry.CreateUnknown, sent, errorText(out.Err))
	if err == nil && next.Park == nil {
		s.doubt(next.ID, s.settled(sent))
	}
	return err
}

// capture charges a hold: intent, send, outcome.
func (s *sinkRuntime) capture(
	ctx context.Context, c *cycle, run *propertyRun, rec plan.Record, intent plan.Intent, leave func(),
) (bool, error) {
	inDoubt := rec.Phase == plan.Capturing
	sent, err := s.send(ctx, c, run, rec, intent)
	if errors.Is(err, plan.ErrIdentityTaken) {
		return false, run.parkElsewhere(ctx, rec)
	}
	if err != nil {
		return false, err
	}
	sent.leave = leave
	rec, out := sent.record, sent.outcome
	next := rec
	event, note := telemetry.CaptureUnknown, errorText(out.Err)
	switch out.Kind {
	case preauth.OutcomeApplied:
		next.Phase, next.Intent, next.Sends, next.Unsure, next.Park = plan.Captured, nil, 0, false, nil
		event = telemetry.CaptureApplied
		run.account.count(func(n *plan.Counts) { n.Captured++ })
	case preauth.OutcomeRefused:
		event, note = telemetry.CaptureRejected, ""
		if intent.Resent {
			run.park(&next, plan.UnknownCapture, "sent again after an unknown outcome, and then refused: "+refusal(out), out.TrackingID)
		} else {
			next = back(next)
			run.park(&next, plan.Rejected, refusal(out), out.TrackingID)
		}
	case preauth.OutcomeNotSent, preauth.OutcomeThrottled, preauth.OutcomeUnauthorized:
		event = telemetry.CaptureNotSent
		run.account.failQuietly(fmt.Errorf("a capture was not sent: %w", out.Err))
		if inDoubt {
			earlier := *next.Intent // the send before it is still the one in doubt
			earlier.Attempt--
			next.Intent = &earlier
			s.doubt(next.ID, s.settled(sent))
		} else {
			next = back(next)
		}
	default:
		s.doubtCapture(run, &next, sent)
	}
	_, err = run.outcome(ctx, s, next, event, sent, note)
	return false, err
}

// parkElsewhere parks what the ledger does not let be captured: the hold was made at
// another v4 than the one that the property writes to now.
func (run *propertyRun) parkElsewhere(ctx context.Context, rec plan.Record) error {
	run.park(&rec, plan.UnknownCapture, fmt.Sprintf("identity %d is not this preauthorization's at the v4 that its property writes to now: "+
		"look at the one before, and capture it there by hand", rec.Identity), "")
	rec.Updated = run.e.now()
	_, err := run.storeAdopted(ctx, rec)
	return err
}

// maxSends is how often one action is sent whose outcome stays unknown.
const maxSends = 3

// doubtCapture parks an unknown capture: v4 offers no way to verify one. Only
// an operator whose gateway refuses a second full capture lets it be sent again.
func (s *sinkRuntime) doubtCapture(run *propertyRun, rec *plan.Record, sent sent) {
	if s.e.opts.RetryCaptures && !rec.Unsure && rec.Intent.Attempt < maxSends {
		s.doubt(rec.ID, s.settled(sent))
		return
	}
	run.park(rec, plan.UnknownCapture, "no answer that settles it: look in v4 for its payment: "+errorText(sent.outcome.Err),
		sent.outcome.TrackingID)
}

// becomeCreated is the record once its hold is known.
func becomeCreated(rec plan.Record, hold preauth.Hold, now time.Time) plan.Record {
	rec.Phase, rec.Identity, rec.Amount, rec.HeldSince = plan.Created, hold.Identity, rec.Intent.Amount, now
	rec.PaymentMethodID = rec.Intent.PaymentMethodID
	if rec.PaymentMethodID == 0 {
		rec.PaymentMethodID = hold.PaymentMethodID
	}
	rec.Intent, rec.Sends, rec.Park, rec.Unsure = nil, 0, nil, false
	return rec
}

// back is the record once it is certain that its intent had no effect.
func back(rec plan.Record) plan.Record {
	rec.Phase, rec.Intent = rec.Intent.Before, nil
	return rec
}

func refusal(out preauth.Outcome) string {
	return fmt.Sprintf("v4 refused it with HTTP %d%s", out.Status, preauth.ListErrors(out.Errors))
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
