package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
)

func newShow(e *env) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one preauthorization: its record and its journal",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			id, err := preauth.ParseID(args[0])
			if err != nil {
				return fmt.Errorf("the preauthorization's Id: %w", err)
			}
			var view recordView
			err = e.withLedger(state.ReadOnly, func(ledger *state.Ledger) (err error) {
				view, err = readRecord(cmd.Context(), ledger, id)
				return err
			})
			if err != nil {
				return err
			}
			if output == outputJSON {
				return writeJSON(e.Stdout, view)
			}
			return showTable(e.Stdout, view)
		},
	}
	addOutput(cmd, &output)
	return cmd
}

// withLedger opens the configured state file for one command.
func (e *env) withLedger(mode state.Mode, use func(*state.Ledger) error) error {
	cfg, err := e.load()
	if err != nil {
		return err
	}
	return useLedger(state.Options{Path: cfg.State.Path, Mode: mode, Binding: app.Binding(cfg)}, use)
}

// useLedger opens a state file that is there; it makes none.
func useLedger(options state.Options, use func(*state.Ledger) error) (err error) {
	if _, err := os.Stat(options.Path); err != nil {
		return fmt.Errorf("there is no state file to use: %w", err)
	}
	ledger, err := state.Open(options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	return use(ledger)
}

func readRecord(ctx context.Context, ledger *state.Ledger, id preauth.ID) (recordView, error) {
	rec, known, err := ledger.Record(ctx, id)
	if err != nil {
		return recordView{}, err
	}
	if !known {
		return recordView{}, fmt.Errorf("the state file has no preauthorization %s: "+
			"its customer has not been read yet, or it is another property's", id)
	}
	journal, err := ledger.Journal(ctx, id)
	if err != nil {
		return recordView{}, err
	}
	names, err := propertyNames(ctx, ledger)
	if err != nil {
		return recordView{}, err
	}
	return viewRecord(rec, names[rec.Enterprise], journal), nil
}

func propertyNames(ctx context.Context, ledger *state.Ledger) (map[preauth.ID]string, error) {
	known, err := ledger.Properties(ctx)
	if err != nil {
		return nil, err
	}
	names := make(map[preauth.ID]string, len(known))
	for _, doc := range known {
		names[doc.Enterprise] = doc.Name
	}
	return names, nil
}

func showTable(w io.Writer, v recordView) error {
	out := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(out, "preauthorization\t%s\n", v.ID)
	fmt.Fprintf(out, "property\t%s\n", v.Property)
	fmt.Fprintf(out, "customer\t%s\n", v.CustomerID)
	fmt.Fprintf(out, "the PMS says\t%s\n", v.Seen.describe())
	fmt.Fprintf(out, "phase\t%s\n", v.Phase)
	if v.Identity != 0 {
		fmt.Fprintf(out, "v4 holds\tidentity %d, %s %s, method %d\n", v.Identity, v.Amount, v.Currency, v.PaymentMethodID)
	}
	if v.Unsure {
		fmt.Fprintf(out, "capture\tnot known: look in v4 for its payment\n")
	}
	if in := v.Intent; in != nil {
		fmt.Fprintf(out, "in flight\t%s, attempt %d, %s %s, until %s\n",
			in.Action, in.Attempt, in.Amount, in.Currency, in.Deadline.UTC().Format(time.RFC3339))
	}
	if p := v.Parked; p != nil {
		fmt.Fprintf(out, "parked\t%s since %s: %s\n", p.Reason, p.Since.UTC().Format(time.RFC3339), p.Detail)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, "\njournal")
	for _, line := range v.Journal {
		fmt.Fprintf(out, "  %s\t%s\t%s\n", line.At.UTC().Format(time.RFC3339), line.Event, line.describe())
	}
	return out.Flush()
}

func (s seenView) describe() string {
	text := s.State
	if !s.Active {
		text += ", not active"
	}
	if s.Fault != "" {
		return text + ", " + s.Fault
	}
	return text + ", " + s.Amount + " " + s.Currency
}

func (l entryView) describe() string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if l.Attempt > 0 {
		add("attempt %d", l.Attempt)
	}
	if l.Amount != "" {
		add("%s %s", l.Amount, l.Currency)
	}
	if l.Identity != 0 {
		add("identity %d", l.Identity)
	}
	if l.Status != 0 {
		add("HTTP %d", l.Status)
	}
	if l.TrackingID != "" {
		add("trackingId %s", l.TrackingID)
	}
	if l.Reason != "" {
		add("%s", string(l.Reason))
	}
	if l.Note != "" {
		add("%s", l.Note)
	}
	return strings.Join(parts, ", ")
}
