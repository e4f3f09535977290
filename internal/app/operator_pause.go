package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Pause stops all writes, or one property's, until Resume. It returns once none of
// them is under way, and says what is paused now. What is paused already stays so.
func (o *Operator) Pause(ctx context.Context, property string) ([]control.Paused, error) {
	return o.pause(ctx, property, func(known map[preauth.ID]plan.Pause, order plan.Pause) (plan.Pause, bool) {
		if stands, is := known[order.Enterprise]; is {
			return stands, true
		}
		order.Since = o.Outside.Clock()
		return order, true
	})
}

// Resume lifts a pause of all writes, or one property's own. The two are lifted
// separately: what is still paused is among what it gives.
func (o *Operator) Resume(ctx context.Context, property string) ([]control.Paused, error) {
	return o.pause(ctx, property, func(known map[preauth.ID]plan.Pause, order plan.Pause) (plan.Pause, bool) {
		_, is := known[order.Enterprise]
		return order, is
	})
}

// pause carries out what order makes of what is paused already.
func (o *Operator) pause(
	ctx context.Context, property string, order func(map[preauth.ID]plan.Pause, plan.Pause) (plan.Pause, bool),
) ([]control.Paused, error) {
	if _, err := o.ledger(); err != nil {
		return nil, err
	}
	enterprise, err := o.enterprise(ctx, property)
	if err != nil {
		return nil, fmt.Errorf("%w: one that it does not know is paused together with all others, without --property", err)
	}
	known, err := o.pauses(ctx)
	if err != nil {
		return nil, err
	}
	if next, changes := order(known, plan.Pause{Enterprise: enterprise}); changes {
		if err := o.put(ctx, property, next); err != nil {
			return nil, err
		}
	}
	return o.paused(ctx)
}

// put stores a pause, and has a daemon obey it at once.
func (o *Operator) put(ctx context.Context, property string, pause plan.Pause) error {
	if o.daemon == nil {
		return o.Ledger.Commit(ctx, plan.Batch{Pauses: []plan.Pause{pause}})
	}
	said, event := "an operator lets writes be sent again", telemetry.WritesResumed
	if !pause.Since.IsZero() {
		said, event = "an operator pauses writes: nothing more is sent", telemetry.WritesPaused
	}
	log := o.daemon.logger()
	if property != "" {
		log = log.With(telemetry.Property(property))
	}
	log.Warn(said, telemetry.Event(event))
	err := o.daemon.app.Engine.Pause(ctx, pause)
	if errors.Is(err, engine.ErrLedger) {
		o.daemon.lost(err)
	}
	return err
}

// paused gives what is paused: everything first, then properties by name.
func (o *Operator) paused(ctx context.Context) ([]control.Paused, error) {
	known, err := o.pauses(ctx)
	if err != nil {
		return nil, err
	}
	names, err := propertyNames(ctx, o.Ledger)
	if err != nil {
		return nil, err
	}
	out := []control.Paused{}
	for enterprise, pause := range known {
		name := cmp.Or(names[enterprise], string(enterprise)) // another enterprise may have taken its name
		out = append(out, control.Paused{Property: name, Since: pause.Since})
	}
	slices.SortFunc(out, func(a, b control.Paused) int { return cmp.Compare(a.Property, b.Property) })
	return out, nil
}
