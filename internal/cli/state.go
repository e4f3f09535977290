package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func newState(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Look after the state file",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newStateBackup(e), newStateVerify(e), newStateCompact(e), newStateExport(e), newStateRestored(e), newStateRebind(e))
	return cmd
}

func newStateBackup(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the state file, consistently and checked; the copy knows that it is one",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.withLedger(state.ReadOnly, func(ledger *state.Ledger) error {
				if err := ledger.Backup(cmd.Context(), args[0]); err != nil {
					return err
				}
				_, err := fmt.Fprintf(e.Stdout, "backup written to %s; a run on it adopts what it holds and captures nothing of it by itself\n", args[0])
				return err
			})
		},
	}
}

func newStateVerify(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Check every page, checksum and index of the state file",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.withLedger(state.ReadOnly, func(ledger *state.Ledger) error {
				report, err := ledger.Verify(cmd.Context())
				for _, problem := range report.Problems {
					fmt.Fprintf(e.Stdout, "FAIL  %s\n", problem)
				}
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(e.Stdout, "ok    %d records, %d unfinished, %d parked, %d journal lines, %d customers, %d pages, generation %d\n",
					report.Records, report.Unfinished, report.Parked, report.Journal, report.Customers, report.Pages, report.Generation)
				return err
			})
		},
	}
}

func newStateCompact(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "compact",
		Short: "Rewrite the state file without its free pages",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.withLedger(state.ReadWrite, func(ledger *state.Ledger) error {
				before, after, err := ledger.Compact(cmd.Context())
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(e.Stdout, "%d bytes before, %d after\n", before, after)
				return err
			})
		},
	}
}

func newStateExport(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "export",
		Short: "Print every record with its journal, one JSON object a line",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.withLedger(state.ReadOnly, func(ledger *state.Ledger) error {
				ctx := cmd.Context()
				names, err := propertyNames(ctx, ledger)
				if err != nil {
					return err
				}
				encoder := json.NewEncoder(e.Stdout)
				encoder.SetEscapeHTML(false)
				return ledger.Each(ctx, func(rec plan.Record) error {
					journal, err := ledger.Journal(ctx, rec.ID)
					if err != nil {
						return err
					}
					return encoder.Encode(viewRecord(rec, names[rec.Enterprise], journal))
				})
			})
		},
	}
}

func newStateRestored(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "restored",
		Short: "Say that the state file is an older copy",
		Long: "Say that the state file is an older copy, such as one from a machine's snapshot. The next run then adopts what\n" +
			"it holds, asks v4 what has come since, and captures nothing of it by itself.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.withLedger(state.ReadWrite, func(ledger *state.Ledger) error {
				if err := ledger.Restored(cmd.Context()); err != nil {
					return err
				}
				_, err := fmt.Fprintln(e.Stdout, "the state file is marked as an older copy")
				return err
			})
		},
	}
}

func newStateRebind(e *env) *cobra.Command {
	var property string
	cmd := &cobra.Command{
		Use:   "rebind",
		Short: "Accept that the same systems are now found at other addresses",
		Long: "Bind the state file to the configuration's addresses, because the same PMS and the same v4 have moved. With\n" +
			"--property, accept instead that another enterprise is now behind that property's name.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := e.load()
			if err != nil {
				return err
			}
			// Opened without a binding: the one it has is what is to be changed.
			return useLedger(state.Options{Path: cfg.State.Path, Mode: state.ReadWrite}, func(ledger *state.Ledger) error {
				if property != "" {
					return e.freeName(cmd.Context(), ledger, property)
				}
				if err := ledger.Rebind(cmd.Context(), app.Binding(cfg)); err != nil {
					return err
				}
				_, err := fmt.Fprintf(e.Stdout, "the state file is bound to %s and %s\n", cfg.Connector.Address, cfg.V4.Address)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&property, "property", "", "accept another enterprise behind this property's `NAME`")
	return cmd
}

// freeName takes a name from the enterprise that had it, so that another may.
func (e *env) freeName(ctx context.Context, ledger *state.Ledger, name string) error {
	known, err := ledger.Properties(ctx)
	if err != nil {
		return err
	}
	for _, doc := range known {
		if doc.Name != name {
			continue
		}
		doc.Name = ""
		if err := ledger.Commit(ctx, plan.Batch{Property: &doc}); err != nil {
			return err
		}
		_, err := fmt.Fprintf(e.Stdout, "enterprise %s is no longer called %s; its records stay\n", doc.Enterprise, name)
		return err
	}
	return errors.New("no property of the state file is called " + name)
}
