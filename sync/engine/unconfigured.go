package engine

import (
	"context"
	"slices"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// tellUnconfigured says, once for each configuration, what the ledger holds
// unfinished for properties that are not in it: nobody polls for them, so what
// is held there is never captured.
func (e *Engine) tellUnconfigured(ctx context.Context, c *cycle) {
	if e.toldUnconfigured || c.preview || slices.ContainsFunc(c.runs, func(run *propertyRun) bool { return run.p.enterprise == "" }) {
		return
	}
	known, err := e.ledger.Properties(ctx)
	if err != nil {
		_ = e.fail(err)
		return
	}
	for _, doc := range known {
		if slices.ContainsFunc(c.runs, func(run *propertyRun) bool { return run.p.enterprise == doc.Enterprise }) {
			continue
		}
		unfinished := 0
		err := e.ledger.Unfinished(ctx, doc.Enterprise, func(plan.Record) error {
			unfinished++
			return nil
		})
		if err != nil {
			_ = e.fail(err)
			return
		}
		if unfinished > 0 {
			e.log.Error("a property that is not configured has unfinished preauthorizations, which nobody polls: configure it until they are done",
				telemetry.Event(telemetry.PropertyUnconfigured), telemetry.CycleID(c.id), telemetry.Property(doc.Name),
				zap.String("enterprise_id", string(doc.Enterprise)), zap.Int("unfinished", unfinished))
		}
	}
	e.toldUnconfigured = true
}
