package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// lookUpsFailed is how many look-ups in a row may fail: then v4 is out of order,
// and the next cycle goes on.
const lookUpsFailed = 3

// verifyDue gives a verdict on what is due, where one can be given.
func (s *sinkRuntime) verifyDue(ctx context.Context, c *cycle) {
	due := s.dueDoubts()
	if s.proving() && (s.hasDoubts() || s.windowOver()) {
		if err := s.probe(ctx, c); err != nil {
			return
		}
	}
	if len(due) == 0 {
		return
	}
	if err := s.ensureOpen(ctx, c); err != nil || s.e.isOlder() {
		return
	}
	failed := 0
	for _, id := range due {
		if ctx.Err() != nil || s.unusableBecause() != nil || failed == lookUpsFailed {
			return
		}
		run, err := s.verifyOne(ctx, c, id)
		if err == nil {
			failed = 0
			continue
		}
		failed++
		if ctx.Err() == nil {
			run.account.failQuietly(err)
			run.account.log.Error("could not be verified; tried again later", telemetry.Event(telemetry.VerifyFailed),
				telemetry.PreauthorizationID(string(id)), telemetry.Err(err))
		}
	}
}

// verifyOne settles one intent whose outcome is unknown. It gives the run that
// accounts for it.
func (s *sinkRuntime) verifyOne(ctx context.Context, c *cycle, id preauth.ID) (*propertyRun, error) {
	if err := s.e.barrier.Acquire(ctx, 1); err != nil {
		return c.runFor(s.e, plan.Record{}), err
	}
	defer s.e.barrier.Release(1)
	rec, known, err := s.e.ledger.Record(ctx, id)
	run := c.runFor(s.e, rec)
	switch {
	case err != nil:
		return run, s.e.fail(err)
	case !known || !rec.Phase.InFlight() || rec.Park != nil:
		s.forget(id)
		return run, nil
	case rec.Phase == plan.Capturing:
		return run, s.captureAgain(ctx, c, run, rec)
	case rec.Intent.Token != string(rec.ID):
		return run, s.giveUpCreate(ctx, run, rec, "it was not sent with its own Id as the token, so it cannot be looked up")
	default:
		return run, s.lookUp(ctx, c, run, rec)
	}
}

// lookUp asks the sink for an unknown create's token.
func (s *sinkRuntime) lookUp(ctx context.Context, c *cycle, run *propertyRun, rec plan.Record) error {
	holds, err := s.opts.Sink.FindByToken(ctx, rec.Intent.Token)
	if err != nil {
		s.postpone(rec.ID)
		return err
	}
	err = s.verdict(ctx, c, run, rec, holds)
	if errors.Is(err, plan.ErrConflict) {
		return nil // somebody moved it on; it stays due and is read again
	}
	return err
}

// captureAgain sends an unknown capture again, which only an operator allows
// whose gateway refuses a second full capture.
func (s *sinkRuntime) captureAgain(ctx context.Context, c *cycle, run *propertyRun, rec plan.Record) error {
	settled := s.forget(rec.ID)
	if !s.e.opts.RetryCaptures || rec.Unsure || rec.Intent.Adopt || rec.Intent.Attempt >= maxSends {
		next := rec
		run.park(&next, plan.UnknownCapture, "its outcome was never known: look in v4 for its payment", "")
		_, err := run.outcome(ctx, s, next, telemetry.CaptureUnknown, sent{record: rec}, "")
		return err
	}
	if time.Now().Before(settled) {
		s.doubt(rec.ID, settled) // it was due at once to be parked, before a reload allowed to send it again
		return nil
	}
	if s.e.paused(rec.Enterprise) {
		s.doubt(rec.ID, time.Now().Add(s.opts.Settle))
		return nil
	}
	release, err := s.permit(ctx)
	if err != nil {
		s.doubt(rec.ID, time.Now().Add(s.opts.Settle))
		return err
	}
	defer release()
	intent := *rec.Intent
	intent.Attempt, intent.Resent = intent.Attempt+1, true
	if _, err = s.capture(ctx, c, run, rec, intent, nil); err != nil {
		s.doubtIfNew(rec.ID, s.justSent(), s.justSent())
	}
	if errors.Is(err, errPaused) {
		return nil
	}
	return err
}

// verdict compares what the sink shows for an intent's token with the intent.
func (s *sinkRuntime) verdict(ctx context.Context, c *cycle, run *propertyRun, rec plan.Record, holds []preauth.Hold) error {
	hits := distinct(holds, rec.Intent.Token)
	if len(hits) == 0 {
		return s.absent(ctx, c, run, rec)
	}
	shown := &plan.Candidate{ID: rec.ID, Identity: hits[0].Identity, Token: hits[0].Token, Replied: s.e.now()}
	if err := s.decideProof(ctx, c, plan.ProofKept, shown); err != nil {
		return err
	}
	fault, err := s.differs(ctx, rec, hits)
	if err != nil {
		return err
	}
	if fault != "" {
		return s.duplicate(ctx, run, rec, fault)
	}
	next, event := becomeCreated(rec, hits[0], s.e.now()), telemetry.CreateApplied
	if rec.Intent.Adopt {
		next.Phase, next.Unsure = plan.Adopted, true
		event = telemetry.CreateAdopted
	}
	_, err = run.outcome(ctx, s, next, event, sent{record: rec, outcome: preauth.Outcome{Kind: preauth.OutcomeApplied}}, "found by its token")
	if errors.Is(err, plan.ErrIdentityTaken) {
		return s.duplicate(ctx, run, rec, fmt.Sprintf("identity %d belongs to another preauthorization", hits[0].Identity))
	}
	if err != nil {
		return err
	}
	s.forget(rec.ID)
	if rec.Intent.Adopt {
		run.account.count(func(n *plan.Counts) { n.Adopted++ })
		return nil
	}
	run.account.count(func(n *plan.Counts) { n.Created++ })
	if next.Seen.State == preauth.Charged {
		s.mu.Lock()
		s.found = append(s.found, next)
		s.mu.Unlock()
	}
	return nil
}

// captureFound goes on with what was found after its property had been planned:
// it is read again and, when the PMS still says so, captured.
func (s *sinkRuntime) captureFound(ctx context.Context, c *cycle) {
	s.mu.Lock()
	found := s.found
	s.found = nil
	s.mu.Unlock()
	for _, rec := range found {
		run := c.runFor(s.e, rec)
		if run.methods == nil || run.account.fuseBlown() {
			continue // the next cycle plans it
		}
		s.handle(ctx, c, &item{run: run, p: preauth.Preauthorization{ID: rec.ID, CustomerID: rec.CustomerID, CardID: rec.CardID}})
	}
}

// distinct keeps one hold an identity, of those that really carry the token.
func distinct(holds []preauth.Hold, token string) []preauth.Hold {
	var hits []preauth.Hold
	for _, hold := range holds {
		known := slices.ContainsFunc(hits, func(h preauth.Hold) bool { return h.Identity == hold.Identity })
		if hold.Token == token && !known {
			hits = append(hits, hold)
		}
	}
	return hits
}

// differs says in what the sink's holds differ from the intent, or gives "".
func (s *sinkRuntime) differs(ctx context.Context, rec plan.Record, hits []preauth.Hold) (string, error) {
	in, hold := rec.Intent, hits[0]
	if len(hits) > 1 {
		return fmt.Sprintf("its token is on %d identities: %d and %d", len(hits), hits[0].Identity, hits[1].Identity), nil
	}
	if !hold.Amount.Equal(in.Amount.Amount) {
		return fmt.Sprintf("identity %d carries its token with the amount %s instead of %s",
			hold.Identity, hold.Amount, in.Amount.Amount), nil
	}
	if in.PaymentMethodID != 0 && hold.PaymentMethodID != 0 && hold.PaymentMethodID != in.PaymentMethodID {
		return fmt.Sprintf("identity %d carries its token on payment method %d instead of %d",
			hold.Identity, hold.PaymentMethodID, in.PaymentMethodID), nil
	}
	if in.CreatedByUserID != 0 && hold.CreatedByUserID != 0 && hold.CreatedByUserID != in.CreatedByUserID {
		return fmt.Sprintf("identity %d carries its token and was created by user %d instead of %d",
			hold.Identity, hold.CreatedByUserID, in.CreatedByUserID), nil
	}
	owner, taken, err := s.e.ledger.Owner(ctx, s.name, hold.Identity)
	if err != nil {
		return "", s.e.fail(err)
	}
	if taken && owner != rec.ID {
		return fmt.Sprintf("identity %d carries its token and belongs to preauthorization %s", hold.Identity, owner), nil
	}
	return "", nil
}

func (s *sinkRuntime) duplicate(ctx context.Context, run *propertyRun, rec plan.Record, fault string) error {
	s.forget(rec.ID)
	next := rec
	run.park(&next, plan.DuplicateFound, fault, "")
	_, err := run.outcome(ctx, s, next, telemetry.CreateUnknown, sent{record: rec}, "")
	return err
}

// absent weighs that the sink does not show an intent's token. It is proven
// after two reads settle apart, on a sink that has shown that it keeps tokens.
func (s *sinkRuntime) absent(ctx context.Context, c *cycle, run *propertyRun, rec plan.Record) error {
	switch s.proof() {
	case plan.ProofOpen:
		s.postpone(rec.ID)
		return nil
	case plan.ProofNotKept:
		return s.giveUpCreate(ctx, run, rec, "this sink does not keep tokens, so it cannot be looked up: search v4 by amount and method")
	case plan.ProofKept:
	}
	if shows, err := s.controlShows(ctx, c); err != nil || !shows {
		s.postpone(rec.ID)
		return err
	}
	if !s.secondAbsence(rec.ID) {
		return nil
	}
	s.forget(rec.ID)
	next := back(rec)
	next.Sends = rec.Intent.Attempt
	if next.Sends >= maxSends {
		run.park(&next, plan.UnknownCreate, fmt.Sprintf("sent %d times without an answer and never found on v4", next.Sends), "")
	}
	_, err := run.outcome(ctx, s, next, telemetry.CreateAbsent, sent{record: rec}, "not found in two reads")
	if err == nil {
		run.account.failQuietly(fmt.Errorf("the create for preauthorization %s had no effect", rec.ID))
	}
	return err
}

// giveUpCreate parks a create whose outcome cannot be found out.
func (s *sinkRuntime) giveUpCreate(ctx context.Context, run *propertyRun, rec plan.Record, why string) error {
	s.forget(rec.ID)
	next := rec
	run.park(&next, plan.UnknownCreate, why, "")
	_, err := run.outcome(ctx, s, next, telemetry.CreateUnknown, sent{record: rec}, "")
	return err
}

// secondAbsence notes an absence, and tells whether it is the second and far
// enough from the first.
func (s *sinkRuntime) secondAbsence(id preauth.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.doubts[id]
	switch {
	case d == nil:
		return false
	case d.absent.IsZero():
		d.absent = time.Now()
		d.due = d.absent.Add(s.opts.Settle)
		return false
	default:
		return time.Since(d.absent) >= s.opts.Settle
	}
}

// await waits until nothing is in flight on the sink, at most time-out + three
// times settle.
func (s *sinkRuntime) await(ctx context.Context, c *cycle) {
	limit := time.Now().Add(s.opts.Timeout + 3*s.opts.Settle)
	// Nothing can be verified while the file is older and a sink has not answered.
	for s.hasDoubts() && ctx.Err() == nil && !s.e.isOlder() {
		next := s.nextDue()
		if next.After(limit) {
			return
		}
		if s.e.sleep(ctx, time.Until(next)) != nil || s.unusableBecause() != nil {
			return
		}
		s.verifyDue(ctx, c)
		s.captureFound(ctx, c)
	}
}

// nextDue is when the next verdict, or the proof that it waits for, is due.
func (s *sinkRuntime) nextDue() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	var next time.Time
	for _, d := range s.doubts {
		if next.IsZero() || d.due.Before(next) {
			next = d.due
		}
	}
	if s.doc.Candidate != nil && s.doc.Proof == plan.ProofOpen && s.probeAt.Before(next) {
		next = s.probeAt
	}
	return next
}

// runFor gives the run that accounts for a record.
func (c *cycle) runFor(e *Engine, rec plan.Record) *propertyRun {
	for _, run := range c.runs {
		if rec.Enterprise != "" && run.p.enterprise == rec.Enterprise {
			return run
		}
	}
	return &propertyRun{e: e, c: c, account: c.strays}
}
