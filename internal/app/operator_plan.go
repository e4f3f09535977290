package app

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/state/memory"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Plan says what the next cycle would do. It polls, and sends nothing that writes.
func (o *Operator) Plan(ctx context.Context) (control.Plan, error) {
	return o.preview(ctx, func(e *engine.Engine) (engine.Preview, error) { return e.Preview(ctx) })
}

// preview plans with an engine whose ledger forgets, over the state file as it is.
// A daemon runs no cycle meanwhile, so that the file stands still.
func (o *Operator) preview(ctx context.Context, ask func(*engine.Engine) (engine.Preview, error)) (out control.Plan, err error) {
	if o.daemon == nil {
		return o.previewNow(ask)
	}
	err = o.daemon.app.Engine.Between(ctx, func() error {
		now := o.daemon.operator()                 // a reload may have gone before
		now.Outside.Hooks = o.daemon.Outside.Hooks // cycles wait for it, so that its progress is the daemon's
		out, err = now.previewNow(ask)
		return err
	})
	return out, err
}

func (o *Operator) previewNow(ask func(*engine.Engine) (engine.Preview, error)) (out control.Plan, err error) {
	var ledger engine.Ledger = memory.New(plan.File{New: true})
	if o.Ledger != nil {
		ledger = memory.Overlay(o.Ledger)
	}
	a, err := o.clients()
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if err := a.use(ledger, nil, zap.NewNop()); err != nil {
		return out, err
	}
	preview, err := ask(a.Engine)
	out = planOf(preview)
	out.Mode = string(o.Config.Mirror.Mode)
	return out, err
}

func planOf(preview engine.Preview) control.Plan {
	out := control.Plan{Properties: []control.PropertyPlan{}}
	for _, p := range preview.Properties {
		next := control.PropertyPlan{
			Name: p.Name, Actions: []control.Action{}, Skipped: map[string]int{}, Parks: []control.PlannedPark{}, Fuse: p.Fuse, Paused: p.Paused,
		}
		if p.Err != nil {
			next.Error = p.Err.Error()
		}
		for why, n := range p.Skipped {
			next.Skipped[string(why)] = n
		}
		for _, a := range p.Actions {
			action := control.Action{
				ID: string(a.ID), CustomerID: string(a.CustomerID), Action: a.Action.String(),
				Amount: a.Amount.Amount.String(), Currency: a.Amount.Currency,
			}
			if a.PaymentMethodID != 0 {
				action.PaymentMethodID = &a.PaymentMethodID
			}
			next.Actions = append(next.Actions, action)
		}
		for _, park := range p.Parks {
			next.Parks = append(next.Parks, control.PlannedPark{ID: string(park.ID), Reason: park.Reason, Detail: park.Detail, New: park.New})
		}
		out.Properties = append(out.Properties, next)
	}
	return out
}
