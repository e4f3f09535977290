package cli

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func newParked(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "parked",
		Short: "List what is parked, and answer it",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
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
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains([]string{outputTable, outputJSON, outputCSV}, output) {
				return fmt.Errorf("-o %q: use table, json or csv", output)
			}
			of, err := choice.read(args)
			if err != nil {
				return err
			}
			return e.withAnswers(state.ReadOnly, func(answers *app.Answers) error {
				parked, refused, err := answers.Parked(cmd.Context(), of)
				if err != nil {
					return err
				}
				names, err := propertyNames(cmd.Context(), answers.Ledger)
				if err != nil {
					return err
				}
				views := make([]parkedRow, 0, len(parked))
				for _, rec := range parked {
					views = append(views, viewParked(rec, names[rec.Enterprise]))
				}
				return errors.Join(append(refused, writeParked(e.Stdout, output, views))...)
			})
		},
	}
	choice.add(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", outputTable, "output as table, json or csv")
	return cmd
}

// withAnswers opens the configured state file to answer what is parked in it.
func (e *env) withAnswers(mode state.Mode, use func(*app.Answers) error) error {
	cfg, err := e.load()
	if err != nil {
		return err
	}
	return useLedger(state.Options{Path: cfg.State.Path, Mode: mode, Binding: app.Binding(cfg)}, func(ledger *state.Ledger) error {
		return use(&app.Answers{Config: cfg, Ledger: ledger, Clock: time.Now})
	})
}

// parkedChoice are the flags that choose among what is parked. They and Ids
// exclude each other: which of the two was meant to bind would be a guess.
type parkedChoice struct{ reason, property string }

func (c *parkedChoice) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.reason, "reason", "", "all that is parked for this `REASON`")
	cmd.Flags().StringVar(&c.property, "property", "", "all that is parked of the property with this `NAME`")
}

func (c *parkedChoice) read(args []string) (app.Selection, error) {
	of := app.Selection{Reason: plan.Reason(c.reason), Property: c.property}
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
func (c *parkedChoice) readSome(args []string) (app.Selection, error) {
	if len(args) == 0 && c.reason+c.property == "" {
		return app.Selection{}, errors.New("say which: name preauthorizations by their Ids, or choose them by --reason or --property")
	}
	return c.read(args)
}

// parkedRow is a parked preauthorization as parked list prints it.
type parkedRow struct {
	ID         string      `json:"preauthorization_id"`
	Property   string      `json:"property"`
	Reason     plan.Reason `json:"reason"`
	Since      time.Time   `json:"since"`
	Amount     string      `json:"amount"`
	Currency   string      `json:"currency"`
	Identity   *int64      `json:"identity"`
	TrackingID string      `json:"tracking_id"`
	Detail     string      `json:"detail"`
	Phase      string      `json:"phase"`
	CustomerID string      `json:"customer_id"`
	// Answers is the observation that an answer is about, Seen the newest one.
	Answers seenView `json:"answers"`
	Seen    seenView `json:"seen"`

	atStake preauth.Money
}

func viewParked(rec plan.Record, property string) parkedRow {
	row := parkedRow{
		ID: string(rec.ID), Property: property, Reason: rec.Park.Reason, Since: rec.Park.Since.UTC(), atStake: rec.AtStake(),
		Amount: amountText(rec.AtStake()), Currency: rec.AtStake().Currency, TrackingID: rec.Park.TrackingID, Detail: rec.Park.Detail,
		Phase: rec.Phase.String(), CustomerID: string(rec.CustomerID), Answers: viewSeen(rec.Park.Seen), Seen: viewSeen(rec.Seen),
	}
	if rec.Identity != 0 {
		row.Identity = &rec.Identity
	}
	return row
}

func (r parkedRow) identity() string {
	if r.Identity == nil {
		return ""
	}
	return strconv.FormatInt(*r.Identity, 10)
}

func writeParked(w io.Writer, output string, rows []parkedRow) error {
	switch output {
	case outputJSON:
		return writeJSON(w, rows)
	case outputCSV:
		return parkedCSV(w, rows)
	default:
		return parkedTable(w, rows)
	}
}

func parkedCSV(w io.Writer, rows []parkedRow) error {
	out := csv.NewWriter(w)
	lines := [][]string{{
		"preauthorization_id", "property", "reason", "since", "amount", "currency", "identity", "tracking_id", "detail", "phase", "customer_id",
	}}
	for _, r := range rows {
		lines = append(lines, []string{
			r.ID, r.Property, string(r.Reason), r.Since.Format(time.RFC3339), r.Amount, r.Currency, r.identity(), r.TrackingID, r.Detail,
			r.Phase, r.CustomerID,
		})
	}
	return out.WriteAll(lines)
}

func parkedTable(w io.Writer, rows []parkedRow) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintln(w, "nothing is parked")
		return err
	}
	out := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(out, "since\tpreauthorization\tproperty\treason\tphase\tamount\tidentity\tdetail")
	for _, r := range rows {
		amount, identity := "-", "-"
		if !r.atStake.IsZero() {
			amount = r.atStake.String()
		}
		if r.Identity != nil {
			identity = r.identity()
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			r.Since.Format(time.RFC3339), r.ID, r.Property, r.Reason, r.Phase, amount, identity, r.Detail)
	}
	return out.Flush()
}
