package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func newPlan(e *env) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Say what the next cycle would do, and send nothing",
		Long: "plan polls, decides as the next cycle would, and prints it. It changes nothing and sends no request that writes;\n" +
			"a running daemon plans between two cycles.\n\n" +
			"Exit codes: 0 nothing to do; 1 the plan is not complete; 2 there is something to send or to park;\n" + refusedCodes,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			return e.operate(cmd.Context(), state.ReadOnly, func(operator control.Operator) error {
				next, err := operator.Plan(cmd.Context())
				if err != nil {
					return err
				}
				if output == outputJSON {
					err = writeJSON(e.Stdout, next)
				} else {
					err = planPage(e.page(), next)
				}
				if err != nil {
					return err
				}
				return planVerdict(next)
			})
		},
	}
	addOutput(cmd, &output)
	return cmd
}

func planVerdict(next control.Plan) error {
	if err := planFailed(next); err != nil {
		return &verdict{code: exitFailed, err: err}
	}
	for _, p := range next.Properties {
		if len(p.Actions) > 0 || newParks(p) > 0 {
			return end(exitFound)
		}
	}
	return nil
}

// planFailed says why a plan is not complete, nil when it is.
func planFailed(next control.Plan) error {
	var failed []error
	for _, p := range next.Properties {
		if p.Error != "" {
			failed = append(failed, fmt.Errorf("property %s: the plan is not complete: %s", p.Name, p.Error))
		}
	}
	return errors.Join(failed...)
}

// newParks counts the marks that do not stand yet.
func newParks(p control.PropertyPlan) int {
	n := 0
	for _, park := range p.Parks {
		if park.New {
			n++
		}
	}
	return n
}

func planPage(p *page, next control.Plan) error {
	tellMode(p, next.Mode)
	for i, property := range next.Properties {
		if i > 0 {
			p.line()
		}
		propertyPlan(p, property)
	}
	return p.err
}

// propertyPlan prints what would be sent, what would be parked, and what is left
// alone, each by kind.
func propertyPlan(p *page, next control.PropertyPlan) {
	p.line(heading.inked("%s: %s, %d to park", next.Name, plural(len(next.Actions), "request", "requests"), newParks(next)))
	if next.Fuse {
		p.line(failure.inked("  above mirror.max_actions_per_cycle: NOTHING would be sent"))
	}
	if next.Paused {
		p.line(warning.inked("  writes are paused: NOTHING would be sent"))
	}
	for _, kind := range kindsOf(next.Actions, func(a control.Action) string { return a.Action }) {
		p.line(say("  %s %d: %s", kind.name, len(kind.all), totals(kind.all)))
		var rows [][]cell
		for _, a := range kind.all {
			rows = append(rows, []cell{say("%s", a.ID), say("%s", money(a.Amount, a.Currency)), say("%s", paidWith(a))})
		}
		p.table("    ", rows...)
	}
	for _, kind := range kindsOf(next.Parks, parkKind) {
		p.line(warning.inked("  %s %d", kind.name, len(kind.all)))
		var rows [][]cell
		for _, park := range kind.all {
			rows = append(rows, []cell{say("%s", park.ID), say("%s", park.Detail)})
		}
		p.table("    ", rows...)
	}
	var rows [][]cell
	for _, why := range slices.Sorted(maps.Keys(next.Skipped)) {
		rows = append(rows, []cell{say("skip %s %d", why, next.Skipped[why]), faint.inked("%s", whyInWords(plan.Why(why)))})
	}
	p.table("  ", rows...)
}

func parkKind(park control.PlannedPark) string {
	if park.New {
		return "park " + string(park.Reason)
	}
	return "stays parked " + string(park.Reason)
}

// kind is what a plan has of one kind.
type kind[T any] struct {
	name string
	all  []T
}

// kindsOf groups by kind, in the order in which they first come.
func kindsOf[T any](all []T, name func(T) string) []kind[T] {
	var kinds []kind[T]
	for _, each := range all {
		i := slices.IndexFunc(kinds, func(k kind[T]) bool { return k.name == name(each) })
		if i < 0 {
			i = len(kinds)
			kinds = append(kinds, kind[T]{name: name(each)})
		}
		kinds[i].all = append(kinds[i].all, each)
	}
	return kinds
}

// totals adds requests up, by currency.
func totals(all []control.Action) string {
	sums := map[string]decimal.Decimal{}
	for _, a := range all {
		amount, err := decimal.NewFromString(a.Amount)
		if err != nil {
			continue // shown as it is, in its line
		}
		sums[a.Currency] = sums[a.Currency].Add(amount)
	}
	var parts []string
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		parts = append(parts, money(sums[currency].String(), currency))
	}
	return strings.Join(parts, " and ")
}

// paidWith names the payment method of a create; a capture has its hold's.
func paidWith(a control.Action) string {
	switch {
	case a.PaymentMethodID != nil:
		return method(*a.PaymentMethodID)
	case a.Action == plan.Create.String():
		return method(0)
	default:
		return ""
	}
}

// whyInWords says why nothing is sent.
func whyInWords(why plan.Why) string {
	switch why {
	case plan.InStep:
		return "v4 holds what the PMS says"
	case plan.Waiting:
		return "the PMS has not decided yet: Pending or Failed"
	case plan.IsReleased:
		return "the PMS has released it"
	case plan.IsCaptured:
		return "captured, as the PMS says"
	case plan.IsBaseline:
		return "charged before this program came"
	case plan.InDoubt:
		return "asked for already, and the outcome is not known yet"
	case plan.IsParked:
		return "parked by now, or to park: see above"
	case plan.IsAnswered:
		return "an operator has answered what the PMS says"
	case plan.CreatesStopped:
		return "not created while the customers or the payment methods file cannot be used"
	case plan.MethodUnread:
		return "not created while v4 cannot be asked which payment method the card is"
	case plan.IsCaptureOnly:
		return "not created while mirror.mode is capture_only"
	case plan.IsPaused:
		return "writes are paused: see `preauth-sync status`"
	case plan.BeyondLimit:
		return "left for another backfill by --limit"
	case plan.Conflicting:
		return "shown twice in one reply, with different contents"
	default:
		return ""
	}
}
