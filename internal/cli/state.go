package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/state"
)

func newState(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Look after the state file",
		Long: "The state file is the program's memory: what has been sent, and what became of it. These commands copy, check and\n" +
			"shrink it. None of them makes one. `backup` and `export` work beside a running daemon; the others need the file alone.\n\n" +
			changeCodes,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newStateBackup(e), newStateVerify(e), newStateCompact(e), newStateExport(e), newStateRestored(e), newStateRebind(e))
	return cmd
}

// withLedger opens the configured state file for a command that must have it for
// itself. It makes none.
func (e *env) withLedger(mode state.Mode, use func(*state.Ledger) error) error {
	cfg, err := e.load()
	if err != nil {
		return err
	}
	return useLedger(state.Options{Path: cfg.State.Path, Mode: mode, Binding: app.Binding(cfg)}, use)
}

func useLedger(options state.Options, use func(*state.Ledger) error) (err error) {
	if err := state.Find(options.Path); err != nil {
		return err
	}
	ledger, err := state.Open(options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	return use(ledger)
}

func newStateBackup(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the state file, consistently and checked; the copy knows that it is one",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.operate(ctx, state.ReadOnly, func(operator control.Operator) error {
				err := state.Receive(ctx, args[0], time.Now(), func(to io.Writer) error { return operator.Backup(ctx, to) })
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(e.Stdout, "backup written to %s; a run on it adopts what it holds and captures nothing of it by itself\n", args[0])
				return err
			})
		},
	}
}

func newStateVerify(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Check every page, checksum and index of the state file",
		Long: "Check every page, checksum and index of the state file. It needs the file alone: while the daemon has it, make a\n" +
			"copy with state backup, which is checked the same way before it gets its name.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := e.withLedger(state.ReadOnly, func(ledger *state.Ledger) error {
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
			if held(err) {
				err = fmt.Errorf("%w; state backup makes a copy beside it, and checks that", err)
			}
			return err
		},
	}
}

func newStateExport(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "export",
		Short: "Print every record with its journal, one JSON object a line",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.operate(cmd.Context(), state.ReadOnly, func(operator control.Operator) error {
				out := bufio.NewWriter(e.Stdout)
				encoder := json.NewEncoder(out)
				encoder.SetEscapeHTML(false)
				err := operator.Export(cmd.Context(), func(rec control.Record) error { return encoder.Encode(rec) })
				return errors.Join(err, out.Flush())
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
