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

// errPaused keeps a write from being sent. It is no failure.
var errPaused = errors.New("writes are paused")

// Pause carries out an operator's order to send nothing that writes, or with a
// zero Since lifts it. It is durable, and holds for a cycle under way too. After a
// nil error none of those writes is under way; with another the order holds
// nevertheless, unless it is ErrLedger. Plans and look-ups go on.
func (e *Engine) Pause(ctx context.Context, pause plan.Pause) error {
	if err := e.storePause(ctx, pause); err != nil {
		return err
	}
	if pause.Since.IsZero() {
		return nil
	}
	// Every write holds a part of the barrier, from before it looks for a pause.
	if err := e.barrier.Acquire(ctx, everybody); err != nil {
		return fmt.Errorf("writes are paused, but one that had begun may still be under way: %w", err)
	}
	e.barrier.Release(everybody)
	return nil
}

// storePause makes an order durable, and obeys it. Orders are taken one after the
// other, so that the last one stored is the one that holds.
func (e *Engine) storePause(ctx context.Context, pause plan.Pause) error {
	if err := e.Failed(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if err := e.ordering.Acquire(ctx, 1); err != nil {
		return err
	}
	defer e.ordering.Release(1)
	if err := e.ledger.Commit(ctx, plan.Batch{Pauses: []plan.Pause{pause}}); err != nil {
		return e.fail(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if pause.Since.IsZero() {
		delete(e.pauses, pause.Enterprise)
		return nil
	}
	if e.pauses == nil {
		e.pauses = map[preauth.ID]time.Time{}
	}
	e.pauses[pause.Enterprise] = pause.Since
	return nil
}

// loadPauses reads what is paused.
func (e *Engine) loadPauses(ctx context.Context) error {
	if err := e.ordering.Acquire(ctx, 1); err != nil {
		return err
	}
	defer e.ordering.Release(1)
	stored, err := e.ledger.Pauses(ctx)
	if err != nil {
		return e.fail(err)
	}
	pauses := make(map[preauth.ID]time.Time, len(stored))
	for _, pause := range stored {
		pauses[pause.Enterprise] = pause.Since
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pauses = pauses
	return nil
}

// pausedSince gives when the writes of an enterprise were paused, if they are.
func (e *Engine) pausedSince(enterprise preauth.ID) (since time.Time, paused bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if since, paused = e.pauses[""]; !paused {
		since, paused = e.pauses[enterprise]
	}
	return since, paused
}

func (e *Engine) paused(enterprise preauth.ID) bool {
	_, paused := e.pausedSince(enterprise)
	return paused
}

// tellPaused says in each cycle that nothing will be sent.
func (run *propertyRun) tellPaused() {
	if since, paused := run.e.pausedSince(run.p.enterprise); paused {
		run.account.log.Warn("writes are paused: what is planned is not sent until `preauth-sync resume`",
			telemetry.Event(telemetry.WritesPaused), zap.Time("since", since.UTC()))
	}
}
