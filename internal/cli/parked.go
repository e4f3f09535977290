package cli

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func newParked(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "parked",
		Short: "List what is parked, and answer it",
		Long: "What is parked waits: nothing is sent for it until its cause is gone, or somebody has answered. `parked list` shows it,\n" +
			"`preauth-sync show ID` tells the story of one and which answers fit it, `parked retry` and `parked resolve` answer. An\n" +
			"answer cannot be taken back.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newParkedList(e), newParkedRetry(e), newParkedResolve(e))
	return cmd
}

// outputCSV is offered where spreadsheets are likely to follow.
const outputCSV = "csv"

func newParkedList(e *env) *cobra.Command {
	var choice parkedChoice
	var output string
	cmd := &cobra.Command{
		Use:   "list [ID...]",
		Short: "List what is parked, the oldest first",
		Long: "List what is parked, the oldest first: all of it, or some by Id or by --reason and --property.\n\n" +
			lookCodes,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains([]string{outputTable, outputJSON, outputCSV}, output) {
				return fmt.Errorf("-o %q: use table, json or csv", output)
			}
			of, err := choice.read(args)
			if err != nil {
				return err
			}
			return e.operate(cmd.Context(), state.ReadOnly, func(operator control.Operator) error {
				list, err := operator.Parked(cmd.Context(), of)
				if err != nil {
					return err
				}
				return errors.Join(refusals(list.Refused), e.writeParked(output, list.Rows))
			})
		},
	}
	choice.add(cmd)
	addOutputs(cmd, &output, "output as table, json or csv", outputTable, outputJSON, outputCSV)
	return cmd
}

// refusals makes an error of what an answer or a question did not fit.
func refusals(texts []string) error {
	var all []error
	for _, text := range texts {
		all = append(all, errors.New(text))
	}
	return errors.Join(all...)
}

// parkedChoice are the flags that choose among what is parked. They and Ids
// exclude each other: which of the two was meant to bind would be a guess.
type parkedChoice struct{ reason, property string }

func (c *parkedChoice) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.reason, "reason", "", "all that is parked for this `REASON`")
	completes(cmd, "reason", reasons)
	cmd.Flags().StringVar(&c.property, "property", "", "all that is parked of the property with this `NAME`")
}

func (c *parkedChoice) read(args []string) (control.Selection, error) {
	of := control.Selection{Reason: plan.Reason(c.reason), Property: c.property}
	if of.Reason != "" && !slices.Contains(plan.Reasons(), of.Reason) {
		return of, fmt.Errorf("--reason %.64q: nothing is parked for that; the reasons are %s", c.reason, plan.Reasons())
	}
	if len(args) > 0 && c.reason+c.property != "" {
		return of, errors.New("name preauthorizations by their Ids or choose them by --reason and --property, not both")
	}
	for _, arg := range args {
		id, err := preauth.ParseID(arg)
		if err != nil {
			return of, fmt.Errorf("the preauthorization's Id: %w", err)
		}
		of.IDs = append(of.IDs, id)
	}
	return of, nil
}

// readSome is read for commands that change something: everything is never meant.
func (c *parkedChoice) readSome(args []string) (control.Selection, error) {
	if len(args) == 0 && c.reason+c.property == "" {
		return control.Selection{}, errors.New("say which: name preauthorizations by their Ids, or choose them by --reason or --property")
	}
	return c.read(args)
}

func (e *env) writeParked(output string, rows []control.Parked) error {
	switch output {
	case outputJSON:
		return writeJSON(e.Stdout, rows)
	case outputCSV:
		return parkedCSV(e.Stdout, rows)
	default:
		return parkedPage(e.page(), rows)
	}
}

func parkedCSV(w io.Writer, rows []control.Parked) error {
	out := csv.NewWriter(w)
	lines := [][]string{{
		"preauthorization_id", "property", "reason", "since", "amount", "currency", "identity", "tracking_id", "detail", "phase", "customer_id",
		"held_amount", "pms_state", "pms_amount", "pms_currency", "difference", "payment_method_id",
	}}
	for _, r := range rows {
		lines = append(lines, []string{
			r.ID, r.Property, string(r.Reason), moment(r.Since), figure(r.Amount, r.Currency), r.Currency, identityOf(r), r.TrackingID, r.Detail,
			r.Phase, r.CustomerID, figure(r.Held, r.Currency), r.Seen.State, figure(r.Seen.Amount, r.Seen.Currency), r.Seen.Currency,
			figure(r.Difference, r.Currency), methodOf(r),
		})
	}
	return out.WriteAll(lines)
}

// methodOf is empty where v4 holds nothing, and for a hold on the AutoPay method.
func methodOf(r control.Parked) string {
	if r.PaymentMethodID == 0 {
		return ""
	}
	return strconv.FormatInt(r.PaymentMethodID, 10)
}

func identityOf(r control.Parked) string {
	if r.Identity == nil {
		return ""
	}
	return strconv.FormatInt(*r.Identity, 10)
}

func parkedPage(p *page, rows []control.Parked) error {
	if len(rows) == 0 {
		p.line(say("nothing is parked"))
		return p.err
	}
	table := [][]cell{titles("since", "preauthorization", "property", "reason", "phase", "amount", "identity", "detail")}
	for _, r := range rows {
		table = append(table, []cell{
			say("%s", moment(r.Since)), say("%s", r.ID), say("%s", r.Property), warning.inked("%s", r.Reason), say("%s", r.Phase),
			say("%s", money(r.Amount, r.Currency)), say("%s", cmp.Or(identityOf(r), "-")), say("%s", r.Detail),
		})
	}
	p.table("", table...)
	return p.err
}
