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

// hasAged tells whether a hold has been there for mirror.hold_warn_after without
// being captured, and nobody has been told yet.
func (run *propertyRun) hasAged(rec plan.Record) bool {
	after := run.e.opts.HoldWarnAfter
	if after == 0 || rec.Aged || run.c.preview || (rec.Phase != plan.Created && rec.Phase != plan.Adopted) {
		return false
	}
	return run.e.now().Sub(heldSince(rec)) >= after
}

// heldSince is when v4 has had a hold for certain.
func heldSince(rec plan.Record) time.Time {
	if rec.HeldSince.IsZero() {
		return rec.Updated // stored by a version that did not keep it
	}
	return rec.HeldSince
}

// tellAged tells of each hold once. It tells before it notes that it has: should the
// process die in between, they are told again, and none is left out.
func (run *propertyRun) tellAged(ctx context.Context, aged []plan.Record) error {
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
		// Where a record has changed meanwhile, the next cycle tells of all of them again.
		if err := run.e.commit(ctx, batch); err != nil && !errors.Is(err, plan.ErrConflict) {
			return err
		}
	}
	return nil
}
