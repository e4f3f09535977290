package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// In mirror.mode: observe a cycle polls and plans as ever. What it would have sent
// goes into the report instead, and the next cycle plans as if it had been sent. Who
// has been read is part of the report too. No phase changes, and no customer counts as
// read in any other mode.

// beginObserving begins a report where the cycles before were no observing ones, and
// notes the end of one.
func (run *propertyRun) beginObserving(ctx context.Context) error {
	e := run.e
	switch {
	case e.opts.Mode != ModeObserve && run.c.preview:
		return nil
	case e.opts.Mode != ModeObserve:
		run.doc.ObservedSince = time.Time{}
		return nil
	case !run.doc.ObservedSince.IsZero():
		return nil
	}
	if err := e.commit(ctx, plan.Batch{Unobserved: []preauth.ID{run.p.enterprise}}); err != nil {
		return e.fail(err)
	}
	run.doc.ObservedSince, run.doc.ObservedFirstRunDone = e.now(), false
	run.account.log.Warn("mirror.mode is observe: nothing is sent, and what would have been is kept in a report",
		telemetry.Event(telemetry.ObserveStarted))
	return nil
}

// observe plans a reply as if all that was planned before had been sent.
func (run *propertyRun) observe(ctx context.Context, reply Reply, seenAt time.Time) error {
	r := run.planned(reply)
	items, err := r.watch(ctx, seenAt)
	if older, ok := errors.AsType[*olderError](err); ok {
		if _, told := errors.AsType[*olderError](run.account.err()); told {
			run.account.failQuietly(older) // one reply after the other shows it
		} else {
			run.account.fail(fmt.Errorf("the state file is older than the world, which is mended once mirror.mode is not observe: %w", older))
		}
		return nil
	}
	if err != nil {
		return run.e.fail(err)
	}
	if len(r.batch.Observed)+len(r.batch.ObservedReads) > 0 {
		if err := run.e.commit(ctx, r.batch); err != nil {
			return err
		}
	}
	r.tell()
	return run.queue(ctx, reply, items)
}

// watch decides every preauthorization of a reply over its record as if.
func (r *plannedReply) watch(ctx context.Context, seenAt time.Time) ([]*item, error) {
	known, err := r.consult(ctx)
	if err != nil {
		return nil, err
	}
	report, err := r.run.e.ledger.Observed(ctx, r.run.p.enterprise, r.ids())
	if err != nil {
		return nil, err
	}
	for id, rec := range known.records {
		known.records[id] = report[id].AsIf(rec)
	}
	if known.methods, err = r.lookUp(ctx, known); err != nil {
		return nil, err
	}
	for _, p := range r.reply.Preauthorizations {
		if r.isRepeat(p) {
			continue
		}
		r.polled++
		rec := known.records[p.ID]
		rec, _, err := r.run.p.sink.adopt(ctx, r.run, rec, known.tokens[string(p.ID)])
		if err != nil {
			return nil, err
		}
		r.weigh(p, rec, report[p.ID], r.around(p, known), seenAt)
	}
	return r.items, nil
}

// weigh notes what a decision about a record as if comes to.
func (r *plannedReply) weigh(p preauth.Preauthorization, rec plan.Record, o plan.Observed, around plan.Context, seenAt time.Time) {
	d := plan.Decide(p, rec, around, r.run.policy())
	next, changed := o.Note(r.run.p.enterprise, rec, p, d, r.run.e.now())
	if changed {
		r.batch.Observed = append(r.batch.Observed, next)
	}
	if next.Released.After(o.Released) {
		r.told = append(r.told, func() {
			r.run.account.log.Info("the PMS released what v4 would hold by now, and v4 cannot void it",
				append(observedFields(next), telemetry.Event(telemetry.ReleaseObserved))...)
		})
	}
	if next.Park != nil && rec.Park == nil && (o.Park == nil || o.Park.Reason != next.Park.Reason) {
		r.told = append(r.told, func() {
			r.run.account.log.Info("would be parked: "+next.Park.Detail, append(observedFields(next),
				telemetry.Event(telemetry.ParkObserved), telemetry.Reason(string(next.Park.Reason)))...)
		})
	}
	if len(d.Actions) > 0 {
		r.items = append(r.items, &item{
			run: r.run, p: p, seenAt: seenAt, requestID: r.reply.RequestID, around: around, actions: d.Actions,
		})
	} else if d.Why != "" {
		r.skips[d.Why]++
	}
}

// report notes what would have been sent now, and tells it.
func (run *propertyRun) report(ctx context.Context, items []*item) error {
	ids := make([]preauth.ID, 0, len(items))
	for _, it := range items {
		ids = append(ids, it.p.ID)
	}
	entries, err := run.e.ledger.Observed(ctx, run.p.enterprise, ids)
	if err != nil {
		return run.e.fail(err)
	}
	now := run.e.now()
	var batch plan.Batch
	for _, it := range items {
		entry, ok := entries[it.p.ID]
		if !ok {
			entry = plan.Observed{
				ID: it.p.ID, Enterprise: run.p.enterprise, CustomerID: it.p.CustomerID, CardID: it.p.CardID, Seen: plan.Observe(it.p),
			}
		}
		for _, action := range it.actions {
			entry = entry.Send(action, it.p.Amount, it.around.Method.ID, now)
		}
		batch.Observed = append(batch.Observed, entry)
	}
	if err := run.e.commit(ctx, batch); err != nil {
		return err
	}
	for i, it := range items {
		run.account.noteObserved(len(it.actions))
		for _, action := range it.actions {
			fields := append(observedFields(batch.Observed[i]), telemetry.Action(action.String()))
			if action == plan.Create {
				fields = append(fields, telemetry.Event(telemetry.CreateObserved), zap.Int64("payment_method_id", it.around.Method.ID))
			} else {
				fields = append(fields, telemetry.Event(telemetry.CaptureObserved))
			}
			run.account.log.Info("would be sent, and is not: mirror.mode is observe", fields...)
		}
	}
	return nil
}

// observedFields are those of a line about an entry of the report.
func observedFields(o plan.Observed) []zap.Field {
	return recordFields(plan.Record{ID: o.ID, CustomerID: o.CustomerID, Amount: o.Amount, Seen: o.Seen})
}
