package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/engine"
)

// Backfill mirrors history, see engine.Backfill; a dry run only plans it. Without a
// daemon it opens the state file for itself where there is none yet, and waits for
// requests without a definite answer as run --once does; a daemon goes on looking
// them up in its cycles. With an error the account says what was done until then.
func (o *Operator) Backfill(ctx context.Context, order control.Backfill, progress func(control.Progress)) (control.Account, error) {
	if err := o.checkBackfill(ctx, order); err != nil {
		return control.Account{}, err
	}
	opts := engine.Backfill{
		Customers: order.Customers, Charged: order.Charged, Limit: order.Limit, Agreed: order.Agreed, Wait: o.daemon == nil,
		Progress: func(p engine.BackfillProgress) {
			progress(control.Progress{
				Customers: p.Customers, CustomersTotal: p.Total, Polled: p.Counts.Polled, Created: p.Counts.Created,
				Captured: p.Counts.Captured, Parked: p.Counts.Parked, Failed: p.Counts.Failed, Waiting: p.Waiting,
			})
		},
	}
	if order.Property != "" {
		opts.Properties = []string{order.Property}
	}
	if order.DryRun {
		plan, err := o.preview(ctx, func(e *engine.Engine) (engine.Preview, error) { return e.PreviewBackfill(ctx, opts) })
		return control.Account{Plan: &plan, Properties: []control.PropertyAccount{}}, err
	}
	if o.daemon != nil {
		result, err := o.daemon.app.Engine.Backfill(ctx, opts)
		if failed := o.daemon.app.Engine.Failed(); failed != nil {
			o.daemon.giveUp(failed)
		}
		return accountOf(result, err)
	}
	return o.backfillAlone(ctx, opts)
}

func (o *Operator) backfillAlone(ctx context.Context, opts engine.Backfill) (out control.Account, err error) {
	if o.Ledger == nil {
		if o.Ledger, err = OpenLedger(o.Config, state.ReadWrite, o.Outside); err != nil {
			return out, err
		}
	}
	a, err := o.clients()
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if err := a.use(o.Ledger, nil, a.Log); err != nil {
		return out, err
	}
	return accountOf(a.Engine.Backfill(ctx, opts))
}

// checkBackfill refuses what cannot be meant.
func (o *Operator) checkBackfill(ctx context.Context, order control.Backfill) error {
	all := names(o.Config)
	switch {
	case order.Property != "" && !slices.Contains(all, order.Property):
		return fmt.Errorf("no property is called %.64q; the configuration has %q", order.Property, all)
	case len(order.Customers) > 0 && order.Property == "" && len(all) > 1:
		return fmt.Errorf("customers belong to one property: name it, one of %q", all)
	case order.Limit < 0:
		return fmt.Errorf("the limit is %d: it is the most preauthorizations that are acted on, or 0 for all", order.Limit)
	case order.DryRun || o.Ledger == nil:
		return nil
	}
	paused, err := o.pauses(ctx)
	if err != nil {
		return err
	}
	if _, everything := paused[""]; everything {
		return errors.New("writes are paused: nothing would be sent until `preauth-sync resume`")
	}
	if order.Property == "" {
		return nil
	}
	called, err := propertyNames(ctx, o.Ledger)
	if err != nil {
		return err
	}
	for enterprise := range paused {
		if called[enterprise] == order.Property {
			return fmt.Errorf("writes of %s are paused: nothing would be sent until `preauth-sync resume --property %s`", order.Property, order.Property)
		}
	}
	return nil
}

func accountOf(result engine.Result, err error) (control.Account, error) {
	out := control.Account{Properties: []control.PropertyAccount{}, InDoubt: result.InDoubt}
	for _, p := range result.Properties {
		out.NewlyParked += p.NewOutcomeParks
		next := control.PropertyAccount{Name: p.Name, Report: p.Report, Skipped: map[string]int{}}
		for why, n := range p.Skipped {
			next.Skipped[string(why)] = n
		}
		if p.Err != nil {
			next.Report.Error = p.Err.Error()
		}
		out.Properties = append(out.Properties, next)
	}
	return out, err
}
