package engine

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// How often and how long a write is tried again that is proven to have had no
// effect. What is still unsent then is planned again in the next cycle.
const (
	maxResends   = 4
	firstBackoff = time.Second
	maxHoldOff   = time.Minute
)

// sent is a write after its last send: the record with its intent, what it came
// to, and when its deadline was, on the monotonic clock.
type sent struct {
	record   plan.Record
	outcome  preauth.Outcome
	deadline time.Time
	// leave gives up the place in flight; it is nil where none was taken, or it is kept.
	leave func()
}

// settled is when an effect of a write must show: settle after its deadline, or
// after its end where that came later, as it does when the process was stopped.
func (s *sinkRuntime) settled(sent sent) time.Time {
	last := sent.deadline
	if now := time.Now(); now.After(last) {
		last = now
	}
	return last.Add(s.opts.Settle)
}

// send commits the intent and sends the write, once: again only when it is
// proven that nothing complete left, on 429, and once on 401 after a fresh
// login. Each send commits its own deadline first. An error means that nothing
// was committed, or that the ledger failed; the outcome is still to be settled.
func (s *sinkRuntime) send(
	ctx context.Context, c *cycle, run *propertyRun, rec plan.Record, intent plan.Intent,
) (sent, error) {
	generation, err := s.e.beginWrites(ctx)
	if err != nil {
		return sent{}, err
	}
	if rec.Identity == 0 {
		rec.Generation = generation
	}
	last := sent{record: rec}
	relogins := 0
	for resends := 0; ; resends++ {
		done, err := s.prepare(ctx, c, rec.Enterprise)
		if err != nil {
			if resends > 0 {
				return last, nil
			}
			return last, err
		}
		if last.record, err = s.intend(ctx, run, last.record, intent, resends); err != nil {
			done()
			return last, err
		}
		last.deadline = time.Now().Add(s.opts.Timeout)
		last.outcome = s.transmit(ctx, last)
		done()
		switch out := last.outcome; out.Kind {
		case preauth.OutcomeApplied, preauth.OutcomeRefused, preauth.OutcomeUnknown:
			s.judge(ctx, c, out.Kind)
			return last, nil
		case preauth.OutcomeUnauthorized:
			if relogins++; relogins > 1 {
				s.giveUp(c, out.Err)
				return last, nil
			}
			s.opts.Sink.Relogin()
			continue
		case preauth.OutcomeThrottled:
			if !s.throttle(c, out.RetryAfter, resends) {
				return last, nil
			}
		case preauth.OutcomeNotSent:
			s.delay(s.backoff(resends))
		}
		if resends+1 >= maxResends {
			s.judge(ctx, c, last.outcome.Kind)
			return last, nil
		}
	}
}

// prepare waits until the sink wants to hear from us, makes sure of a login, and
// takes its turn under the rate limit, until done is called.
func (s *sinkRuntime) prepare(ctx context.Context, c *cycle, enterprise preauth.ID) (done func(), err error) {
	if err := s.unusableBecause(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	wait := time.Until(s.holdOff)
	s.mu.Unlock()
	if wait > maxHoldOff {
		s.giveUp(c, fmt.Errorf("v4 asked not to be written to for another %s", wait.Round(time.Second)))
		return nil, s.unusableBecause()
	}
	if err := s.e.sleep(ctx, wait); err != nil {
		return nil, err
	}
	if err := s.opts.Sink.Ready(ctx); err != nil {
		if ctx.Err() == nil {
			s.giveUp(c, err)
		}
		return nil, err
	}
	if done, err = s.opts.Sink.Admit(ctx); err != nil {
		return nil, err
	}
	if s.over() {
		done()
		return nil, errOutage // others have found out while this one waited
	}
	if s.e.paused(enterprise) {
		done()
		return nil, errPaused
	}
	return done, nil
}

// intend makes the intent durable, with the deadline of the send that follows.
func (s *sinkRuntime) intend(
	ctx context.Context, run *propertyRun, rec plan.Record, intent plan.Intent, resends int,
) (plan.Record, error) {
	now := s.e.now()
	intent.Deadline = now.Add(s.opts.Timeout)
	rec.Intent, rec.Updated = &intent, now
	event := telemetry.CreateIntent
	rec.Phase = plan.Creating
	if intent.Action == plan.Capture {
		event, rec.Phase = telemetry.CaptureIntent, plan.Capturing
	}
	entry := run.entry(rec, event, now)
	entry.RequestID = intent.RequestID
	if resends > 0 {
		entry.Note = "sent again: it is certain that the send before had no effect"
	}
	if err := s.e.commit(ctx, plan.Batch{Records: []plan.Record{rec}, Journal: []plan.Entry{entry}}); err != nil {
		return rec, err
	}
	rec.Revision++
	if line := run.account.log.Check(zap.DebugLevel, "intent committed"); line != nil {
		line.Write(append(recordFields(rec), telemetry.Event(event))...)
	}
	return rec, nil
}

// transmit sends one request. Stopping the cycle does not cut it off: what has
// left is waited for until its deadline.
func (s *sinkRuntime) transmit(ctx context.Context, write sent) preauth.Outcome {
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), write.deadline)
	defer cancel()
	in := write.record.Intent
	if in.Action == plan.Capture {
		return s.opts.Sink.Capture(ctx, write.record.Identity)
	}
	return s.opts.Sink.Create(ctx, preauth.CreateRequest{
		PaymentMethodID: in.PaymentMethodID, Amount: in.Amount.Amount, Token: in.Token, CreatedByUserID: in.CreatedByUserID,
	})
}

// throttle holds every write to the sink back for as long as it asked, or ends
// its cycle, and returns false, when that is longer than a cycle should wait.
func (s *sinkRuntime) throttle(c *cycle, asked time.Duration, resends int) bool {
	wait := asked
	if wait <= 0 {
		wait = s.backoff(resends)
	}
	s.log(c).Warn("the sink asked for patience", telemetry.Event(telemetry.SinkThrottled),
		zap.Int64("wait_ms", wait.Milliseconds()))
	s.delay(wait)
	if wait > maxHoldOff {
		s.giveUp(c, fmt.Errorf("v4 asked not to be written to for %s", wait))
		return false
	}
	return true
}

// delay keeps every sender from the sink until wait has passed.
func (s *sinkRuntime) delay(wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if until := time.Now().Add(wait); until.After(s.holdOff) {
		s.holdOff = until
	}
}

// backoff doubles from one second, with up to half of it taken off at random.
func (s *sinkRuntime) backoff(resends int) time.Duration {
	full := firstBackoff << min(resends, 5)
	return full - time.Duration(s.e.opts.Random()*float64(full/2))
}

// sleepStep is how often a wait says that it gets on.
const sleepStep = 10 * time.Second

// sleep waits on the monotonic clock.
func (e *Engine) sleep(ctx context.Context, wait time.Duration) error {
	end := time.Now().Add(wait)
	for wait > 0 && ctx.Err() == nil {
		timer := time.NewTimer(min(wait, sleepStep))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		e.opts.Progress()
		wait = time.Until(end)
	}
	return ctx.Err()
}
