package engine

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Preview is what the next cycle would do.
type Preview struct {
	Properties []PropertyPreview
}

// PropertyPreview is what the next cycle would do for one property.
type PropertyPreview struct {
	Name    string
	Actions []PlannedAction
	Skipped map[plan.Why]int
	Parks   []PlannedPark
	// Fuse is set when the plan is above the fuse, so that nothing would be sent.
	Fuse bool
	// Paused is set when nothing would be sent because writes are paused.
	Paused bool
	// Err is why the plan is not complete, nil when it is.
	Err error
}

// PlannedAction is one request of a plan.
type PlannedAction struct {
	ID         preauth.ID
	CustomerID preauth.ID
	Action     plan.ActionKind
	Amount     preauth.Money
	// PaymentMethodID is 0 where the create names none, and for captures.
	PaymentMethodID int64
}

// PlannedPark is a mark that the next cycle would set, or keep.
type PlannedPark struct {
	ID     preauth.ID
	Reason plan.Reason
	Detail string
	// New is set when the ledger does not carry the mark yet.
	New bool
}

// Preview plans a cycle and prints it instead of executing it: the same start-up
// question, polls and decisions, and no request that writes. The ledger should
// be one that forgets, such as an overlay: what a cycle would store is stored.
func (e *Engine) Preview(ctx context.Context) (Preview, error) {
	return e.preview(ctx, &cycle{preview: true})
}

func (e *Engine) preview(ctx context.Context, c *cycle) (out Preview, err error) {
	err = e.run(ctx, c, func(ctx context.Context) error {
		e.openSinks(ctx, c)
		e.mirror(ctx, c)
		var planned []*propertyRun
		for _, run := range c.runs {
			if !run.aside {
				planned = append(planned, run)
				out.Properties = append(out.Properties, run.preview())
			}
		}
		_, err := e.finish(ctx, c)
		for i, run := range planned {
			out.Properties[i].Err = run.account.err()
		}
		return err
	})
	return out, err
}

func (run *propertyRun) preview() PropertyPreview {
	out := PropertyPreview{
		Name: run.p.opts.Name, Skipped: run.account.skipped(), Parks: run.parks, Fuse: run.account.fuseBlown(),
		Paused: run.e.paused(run.p.enterprise),
	}
	slices.SortFunc(run.pending, byID)
	for _, each := range run.pending {
		it := run.item(each)
		for _, action := range it.actions {
			planned := PlannedAction{ID: it.p.ID, CustomerID: it.p.CustomerID, Action: action, Amount: it.p.Amount}
			if action == plan.Create {
				planned.PaymentMethodID = it.around.Method.ID
			}
			out.Actions = append(out.Actions, planned)
		}
	}
	slices.SortFunc(out.Parks, func(a, b PlannedPark) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func (a *account) skipped() map[plan.Why]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.skips)
}

func (a *account) fuseBlown() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.fuse
}
