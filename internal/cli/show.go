package cli

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
)

func newShow(e *env) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one preauthorization: its record and its journal",
		Long: "Show one preauthorization: what the PMS and v4 have of it, and the journal of all that was asked and answered. A\n" +
			"trackingId is for v4's support, a Request-Id for the PMS's. With mirror.mode: observe it tells what would have been sent.\n" +
			"What is parked ends with what can be done about it.\n\n" + lookCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			id, err := preauth.ParseID(args[0])
			if err != nil {
				return fmt.Errorf("the preauthorization's Id: %w", err)
			}
			return e.operate(cmd.Context(), state.ReadOnly, func(operator control.Operator) error {
				record, err := operator.Show(cmd.Context(), id)
				if err != nil {
					return err
				}
				if output == outputJSON {
					return writeJSON(e.Stdout, record)
				}
				return recordPage(e.page(), record)
			})
		},
	}
	addOutput(cmd, &output)
	return cmd
}

func recordPage(p *page, r control.Record) error {
	p.table("", recordRows(r)...)
	p.line()
	p.line(heading.inked("journal"))
	var lines [][]cell
	for _, line := range r.Journal {
		lines = append(lines, []cell{faint.inked("%s", moment(line.At)), inkOf(line).inked("%s", line.Event), say("%s", told(line))})
	}
	p.table("  ", lines...)
	if r.Parked == nil {
		return p.err
	}
	p.line()
	p.line(heading.inked("what can be done"))
	if !r.Parked.Reason.WaitsForOperator() && len(r.ByHand) == 0 {
		p.table("  ", []cell{say("mend the cause: the mark lifts by itself in the first cycle that does not find it any more")})
	}
	for i, step := range r.ByHand {
		p.table("  ", []cell{say("%d. %s", i+1, step)})
	}
	for _, answer := range r.Choices {
		p.table("  ", []cell{say("preauth-sync %s", answer.Command)})
		p.table("    ", []cell{faint.inked("%s", answer.Then)})
	}
	return p.err
}

func recordRows(r control.Record) [][]cell {
	rows := [][]cell{
		{say("preauthorization"), heading.inked("%s", r.ID)},
		{say("property"), say("%s", cmp.Or(r.Property, "of enterprise "+r.Enterprise))},
		{say("customer"), say("%s", cmp.Or(r.CustomerID, "not known"))},
		{say("card"), say("%s", cmp.Or(r.CardID, "not known"))},
		{say("the PMS says"), say("%s", seen(r.Seen))},
		{say("phase"), say("%s", r.Phase)},
		{say("last change"), say("%s", moment(r.Updated))},
	}
	if r.Identity != 0 {
		rows = append(rows, []cell{say("on v4"), say("identity %d, %s, %s", r.Identity, money(r.Amount, r.Currency), method(r.PaymentMethodID))})
	}
	if r.Unsure {
		rows = append(rows, []cell{say("capture"), warning.inked("not known: look in v4 for its payment")})
	}
	if r.Missing > 0 {
		rows = append(rows, []cell{say("missing"), warning.inked("from %s of the PMS in a row", plural(r.Missing, "reply", "replies"))})
	}
	if in := r.Intent; in != nil {
		rows = append(rows, []cell{say("in doubt"), warning.inked("%s of %s, attempt %d, given up at %s: its outcome is not known",
			in.Action, money(in.Amount, in.Currency), in.Attempt, moment(in.Deadline))})
	}
	if k := r.Parked; k != nil {
		rows = append(rows, []cell{say("parked"), warning.inked("%s, since %s", k.Reason, moment(k.Since))}, []cell{say(""), say("%s", k.Detail)})
	}
	return append(append(rows, lookedUpRows(r)...), observedRows(r)...)
}

func seen(s control.Seen) string {
	text := s.State
	if !s.Active {
		text += ", not active"
	}
	if s.Fault != "" {
		return text + ", " + s.Fault
	}
	return text + ", " + money(s.Amount, s.Currency)
}

// method names a payment method of v4's; a hold without one is the AutoPay method's.
func method(id int64) string {
	if id == 0 {
		return "the AutoPay method"
	}
	return fmt.Sprintf("method %d", id)
}
