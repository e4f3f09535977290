package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// entry is a journal line about a record as it is now.
func (run *propertyRun) entry(rec plan.Record, event string, at time.Time) plan.Entry {
	return entryOf(run.c.id, rec, event, at)
}

func entryOf(cycleID string, rec plan.Record, event string, at time.Time) plan.Entry {
	entry := plan.Entry{
		ID: rec.ID, At: at, Event: event, CycleID: cycleID, Phase: rec.Phase,
		Amount: rec.Amount, PaymentMethodID: rec.PaymentMethodID, Identity: rec.Identity,
	}
	if in := rec.Intent; in != nil {
		entry.Action, entry.Attempt = in.Action, in.Attempt
		entry.Amount, entry.PaymentMethodID = in.Amount, in.PaymentMethodID
	}
	return entry
}

// settledEntries are the journal lines of what a decision changed that rests on a
// reply of the PMS's.
func (run *propertyRun) settledEntries(s plan.Settled, d plan.Decision, requestID string, at time.Time) []plan.Entry {
	var lines []plan.Entry
	if s.Lifted != "" {
		line := run.entry(s.Record, telemetry.ActionLifted, at)
		line.Reason = s.Lifted
		lines = append(lines, line)
	}
	if s.Parked {
		line := run.entry(s.Record, telemetry.ActionParked, at)
		line.Reason, line.Note = s.Record.Park.Reason, s.Record.Park.Detail
		lines = append(lines, line)
	}
	switch {
	case d.Orphaned:
		lines = append(lines, run.entry(s.Record, telemetry.HoldOrphaned, at))
	case s.Released:
		lines = append(lines, run.entry(s.Record, telemetry.RecordReleased, at))
	case s.Baselined:
		lines = append(lines, run.entry(s.Record, telemetry.RecordBaselined, at))
	}
	for i := range lines {
		lines[i].RequestID = requestID
	}
	return lines
}

// store commits what a decision about an item changed without a request.
func (it *item) store(ctx context.Context, s plan.Settled, d plan.Decision) error {
	run := it.run
	if !s.Changed {
		return nil
	}
	batch := plan.Batch{
		Records: []plan.Record{s.Record}, Journal: run.settledEntries(s, d, it.requestID, run.e.now()),
	}
	if err := run.e.commit(ctx, batch); err != nil {
		return err
	}
	run.account.settled(s, d)
	return nil
}

// adoption is the journal line of an adoption, or of the park that came of it.
func (run *propertyRun) adoption(rec plan.Record, at time.Time) plan.Entry {
	if rec.Park == nil {
		return run.entry(rec, telemetry.CreateAdopted, at)
	}
	line := run.entry(rec, telemetry.ActionParked, at)
	line.Reason, line.Note = rec.Park.Reason, rec.Park.Detail
	return line
}

// storeAdopted commits an adoption, or the park that came of it, by itself.
func (run *propertyRun) storeAdopted(ctx context.Context, rec plan.Record) (plan.Record, error) {
	batch := plan.Batch{
		Records: []plan.Record{rec}, Journal: []plan.Entry{run.adoption(rec, run.e.now())},
	}
	if err := run.e.commit(ctx, batch); err != nil {
		return rec, err
	}
	rec.Revision++
	run.account.adopted(rec)
	return rec, nil
}

// park marks a record for an outcome. The caller commits it.
func (run *propertyRun) park(rec *plan.Record, why plan.Reason, detail, trackingID string) {
	rec.Park = &plan.Park{Reason: why, Seen: rec.Seen, Since: run.e.now(), Detail: detail, TrackingID: trackingID}
}

// outcome commits what a write came to, with its journal line, and tells it. The write's
// place in flight is free once the commit has its own: the next intent is not durable
// before this outcome is, and may share its sync.
func (run *propertyRun) outcome(
	ctx context.Context, s *sinkRuntime, rec plan.Record, event string, sent sent, note string,
) (plan.Record, error) {
	now, in, out := run.e.now(), sent.record.Intent, sent.outcome
	rec.Updated = now
	line := run.entry(rec, event, now)
	line.Action, line.Attempt, line.Amount, line.PaymentMethodID = in.Action, in.Attempt, in.Amount, in.PaymentMethodID
	line.Status, line.TrackingID, line.Note = out.Status, out.TrackingID, note
	if rec.Park != nil {
		line.Reason = rec.Park.Reason
		if note == "" {
			line.Note = rec.Park.Detail
		}
	}
	batch := plan.Batch{Records: []plan.Record{rec}, Journal: []plan.Entry{line}, Placed: sent.leave}
	if event == telemetry.CreateRejected {
		batch.LookedUp = s.unlearned(run, rec)
	}
	if rec.Identity != 0 {
		batch.Highest = []plan.Highest{{Sink: s.name, Identity: rec.Identity}}
	}
	err := run.e.commit(ctx, batch)
	for errors.Is(err, plan.ErrConflict) {
		// A poll has stored a newer observation while the request was under way. What
		// the request came to must not be lost for that.
		if rec, err = run.rebase(ctx, rec, in); err == nil {
			batch.Records = []plan.Record{rec}
			err = run.e.commit(ctx, batch)
		}
	}
	if err != nil {
		return rec, err
	}
	rec.Revision++
	run.tellOutcome(rec, event, line, out)
	return rec, nil
}

// rebase puts an outcome on the record as it is stored now, if that is still in
// flight with the same intent.
func (run *propertyRun) rebase(ctx context.Context, rec plan.Record, in *plan.Intent) (plan.Record, error) {
	stored, known, err := run.e.ledger.Record(context.WithoutCancel(ctx), rec.ID)
	switch {
	case err != nil:
		return rec, run.e.fail(err)
	case !known || stored.Intent == nil || stored.Intent.Action != in.Action || stored.Intent.Attempt != in.Attempt:
		return rec, fmt.Errorf("preauthorization %s was moved on by somebody else: %w", rec.ID, errMovedOn)
	}
	rec.Revision, rec.Seen, rec.Missing = stored.Revision, stored.Seen, stored.Missing
	rec.CustomerID, rec.CardID = stored.CustomerID, stored.CardID
	return rec, nil
}

var errMovedOn = errors.New("its record is no longer in flight with this intent")

func (run *propertyRun) tellOutcome(rec plan.Record, event string, line plan.Entry, out preauth.Outcome) {
	_, became, _ := strings.Cut(event, ".")
	run.e.opts.Acted(run.account.name, line.Action, became)
	run.c.backfill.tell()
	shown := rec
	shown.Intent = &plan.Intent{Action: line.Action, Attempt: line.Attempt, Amount: line.Amount}
	fields := append(recordFields(shown), telemetry.Event(event), telemetry.TrackingID(out.TrackingID))
	if out.Status != 0 {
		fields = append(fields, telemetry.Status(out.Status))
	}
	level := zapcore.InfoLevel
	if out.Kind != preauth.OutcomeApplied || event == telemetry.CreateAdopted {
		level = zapcore.WarnLevel
		if out.Err != nil {
			fields = append(fields, telemetry.Err(out.Err))
		}
	}
	if line.Note != "" && out.Err == nil {
		fields = append(fields, zap.String("note", line.Note))
	}
	run.account.log.Log(level, sentence(event), fields...)
	if rec.Park != nil && rec.Park.Reason.ForOutcome() {
		run.account.parked(rec)
	}
}

// sentence says an outcome's event in words.
func sentence(event string) string {
	switch event {
	case telemetry.CreateApplied:
		return "hold created"
	case telemetry.CreateAdopted:
		return "hold found by its token; whether it has been captured is not known: adopted, not captured automatically"
	case telemetry.CreateUnknown:
		return "no answer that settles the create: it will be looked up, not sent again"
	case telemetry.CreateAbsent:
		return "the create had no effect: planned afresh"
	case telemetry.CreateRejected:
		return "v4 refused the create"
	case telemetry.CreateNotSent:
		return "the create did not leave: planned again in the next cycle"
	case telemetry.CaptureApplied:
		return "hold captured"
	case telemetry.CaptureUnknown:
		return "no answer that settles the capture: v4 offers no way to look it up"
	case telemetry.CaptureRejected:
		return "v4 refused the capture"
	case telemetry.CaptureNotSent:
		return "the capture did not leave: planned again in the next cycle"
	default:
		return event
	}
}

// blowFuse says that the property's plan is larger than the operator allows.
func (a *account) blowFuse(requests, most int) {
	a.mu.Lock()
	a.fuse = true
	a.mu.Unlock()
	a.log.Error("the fuse has blown: nothing is sent for this property; look at the plan, then raise mirror.max_actions_per_cycle",
		telemetry.Event(telemetry.FuseBlown), zap.Int("requests", requests), zap.Int("max_actions_per_cycle", most))
}
