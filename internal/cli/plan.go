package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func newPlan(e *env) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Say what the next cycle would do, and send nothing",
		Long: "plan polls, decides as the next cycle would, and prints it. It opens the state file read-only and sends no\n" +
			"request that writes. Exit code 2 means that there is something to do.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := checkOutput(output); err != nil {
				return err
			}
			cfg, err := e.load()
			if err != nil {
				return err
			}
			a, err := app.OpenPreview(cfg, app.Outside{Logs: e.Stderr})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, a.Close()) }()
			preview, err := a.Engine.Preview(cmd.Context())
			if err != nil {
				return err
			}
			if output == outputJSON {
				err = writeJSON(e.Stdout, planJSON(preview))
			} else {
				err = planTable(e.Stdout, preview)
			}
			return errors.Join(err, planVerdict(preview))
		},
	}
	addOutput(cmd, &output)
	return cmd
}

func planVerdict(preview engine.Preview) error {
	code := exitDone
	var failed []error
	for _, p := range preview.Properties {
		if p.Err != nil {
			failed = append(failed, fmt.Errorf("property %s: the plan is not complete: %w", p.Name, p.Err))
		}
		if len(p.Actions) > 0 || newParks(p) > 0 {
			code = exitFound
		}
	}
	if len(failed) > 0 {
		return &verdict{code: exitFailed, err: errors.Join(failed...)}
	}
	return end(code)
}

// newParks counts the marks that do not stand yet.
func newParks(p engine.PropertyPreview) int {
	n := 0
	for _, park := range p.Parks {
		if park.New {
			n++
		}
	}
	return n
}

type planOutput struct {
	Properties []planProperty `json:"properties"`
}

type planProperty struct {
	Name    string           `json:"name"`
	Actions []planAction     `json:"actions"`
	Skipped map[plan.Why]int `json:"skipped"`
	Parks   []planPark       `json:"parks"`
	Fuse    bool             `json:"fuse_blown"`
	Error   string           `json:"error,omitempty"`
}

type planAction struct {
	ID              string `json:"preauthorization_id"`
	CustomerID      string `json:"customer_id"`
	Action          string `json:"action"`
	Amount          string `json:"amount"`
	Currency        string `json:"currency"`
	PaymentMethodID *int64 `json:"payment_method_id"`
}

type planPark struct {
	ID     string      `json:"preauthorization_id"`
	Reason plan.Reason `json:"reason"`
	Detail string      `json:"detail"`
	New    bool        `json:"new"`
}

func planJSON(preview engine.Preview) planOutput {
	out := planOutput{Properties: []planProperty{}}
	for _, p := range preview.Properties {
		next := planProperty{Name: p.Name, Actions: []planAction{}, Skipped: p.Skipped, Parks: []planPark{}, Fuse: p.Fuse}
		if p.Err != nil {
			next.Error = p.Err.Error()
		}
		for _, a := range p.Actions {
			action := planAction{
				ID: string(a.ID), CustomerID: string(a.CustomerID), Action: a.Action.String(),
				Amount: a.Amount.Amount.String(), Currency: a.Amount.Currency,
			}
			if a.PaymentMethodID != 0 {
				action.PaymentMethodID = &a.PaymentMethodID
			}
			next.Actions = append(next.Actions, action)
		}
		for _, park := range p.Parks {
			next.Parks = append(next.Parks, planPark{ID: string(park.ID), Reason: park.Reason, Detail: park.Detail, New: park.New})
		}
		out.Properties = append(out.Properties, next)
	}
	return out
}

func planTable(w io.Writer, preview engine.Preview) error {
	out := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for i, p := range preview.Properties {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "%s: %s, %d to park\n", p.Name, plural(len(p.Actions), "request", "requests"), newParks(p))
		if p.Fuse {
			fmt.Fprintln(out, "  above mirror.max_actions_per_cycle: NOTHING would be sent")
		}
		for _, a := range p.Actions {
			method := "-"
			if a.PaymentMethodID != 0 {
				method = "method " + strconv.FormatInt(a.PaymentMethodID, 10)
			} else if a.Action == plan.Create {
				method = "autopay"
			}
			fmt.Fprintf(out, "  %s\t%s\t%s\t%s\n", a.Action, a.ID, a.Amount, method)
		}
		for _, park := range p.Parks {
			standing := "parked"
			if park.New {
				standing = "park"
			}
			fmt.Fprintf(out, "  %s\t%s\t%s\t%s\n", standing, park.ID, park.Reason, park.Detail)
		}
		for _, why := range slices.Sorted(maps.Keys(p.Skipped)) {
			fmt.Fprintf(out, "  skipped\t%d\t%s\n", p.Skipped[why], why)
		}
	}
	return out.Flush()
}
