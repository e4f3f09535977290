package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// agingSteps is how many times, at the most, the holds are gone through in the time
// after which one is told of: in a property with many, one comes of age in every cycle.
const agingSteps = 100

// tellAging tells of the holds that have been there for mirror.hold_warn_after without
// being captured, once each. It goes through them only when one may have come of age.
func (run *propertyRun) tellAging(ctx context.Context) error {
	after, now := run.e.opts.HoldWarnAfter, run.e.now()
	if after == 0 || run.c.preview {
		return nil
	}
	if bound := run.doc.HeldFrom; !bound.IsZero() && (!passed(bound, now, after) || !passed(run.p.agedAt, now, after/agingSteps)) {
		return nil
	}
	var aged []plan.Record
	oldest := now
	err := run.e.ledger.Unfinished(ctx, run.p.enterprise, func(rec plan.Record) error {
		since := heldSince(rec)
		switch held := rec.Phase == plan.Created || rec.Phase == plan.Adopted; {
		case rec.Identity == 0 || rec.Aged || rec.Phase == plan.Captured:
		case held && now.Sub(since) >= after:
			aged = append(aged, rec)
		case since.Before(oldest):
			oldest = since
		}
		return nil
	})
	if err != nil {
		return run.e.fail(err)
	}
	whole, err := run.tellAged(ctx, aged)
	if whole {
		run.doc.HeldFrom, run.p.agedAt = oldest, now
	}
	return err
}

// passed tells whether so much time has passed since then, which is also so where the
// clock has been set back since.
func passed(since, now time.Time, d time.Duration) bool {
	return now.Before(since) || now.Sub(since) >= d
}

// boundHeld stores, before a hold comes back that is older than the bound on their age or
// has come of age already, that there is no bound. So does the start of a cycle whose
// clock is behind it, or that is not to tell of any.
func (run *propertyRun) boundHeld(ctx context.Context, records []plan.Record) error {
	after, now := run.e.opts.HoldWarnAfter, run.e.now()
	run.mu.Lock()
	defer run.mu.Unlock()
	bound := run.doc.HeldFrom
	older := func(rec plan.Record) bool {
		return rec.Identity != 0 && !rec.Aged && rec.Unfinished() && (heldSince(rec).Before(bound) || now.Sub(heldSince(rec)) >= after)
	}
	if bound.IsZero() {
		return nil
	}
	if !slices.ContainsFunc(records, older) {
		return nil
	}
	run.doc.HeldFrom = time.Time{}
	if err := run.e.commit(ctx, plan.Batch{Property: &run.doc}); err != nil {
		return run.e.fail(err) // nobody else writes this document
	}
	run.doc.Revision++
	return nil
}

// heldSince is when v4 has had a hold for certain.
func heldSince(rec plan.Record) time.Time {
	if rec.HeldSince.IsZero() {
		return rec.Updated // stored by a version that did not keep it
	}
	return rec.HeldSince
}

// tellAged tells of each hold once. It tells before it notes that it has: should the
// process die in between, they are told again, and none is left out. It is false where
// a record has changed meanwhile: then the next cycle tells of them again.
func (run *propertyRun) tellAged(ctx context.Context, aged []plan.Record) (whole bool, err error) {
	whole = true
	for part := range slices.Chunk(aged, chunkSize) {
		var batch plan.Batch
		for _, rec := range part {
			since := heldSince(rec)
			run.account.log.Warn("v4 has held it for long and it is not captured: holds expire at the card's bank",
				append(recordFields(rec), telemetry.Event(telemetry.HoldAging), zap.Time("held_since", since.UTC()),
					zap.Int64("age_hours", int64(run.e.now().Sub(since)/time.Hour)))...)
			rec.Aged = true
			batch.Records = append(batch.Records, rec)
		}
		err := run.e.commit(ctx, batch)
		if errors.Is(err, plan.ErrConflict) {
			whole = false
		} else if err != nil {
			return false, err
		}
	}
	return whole, nil
}
