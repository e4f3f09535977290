package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/state"
)

func newStateCompact(e *env) *cobra.Command {
	var older age
	cmd := &cobra.Command{
		Use:   "compact",
		Short: "Rewrite the state file without its free pages, and without old journal lines",
		Long: "Rewrite the state file without its free pages. It needs the file alone: stop the daemon first. Whatever cuts it\n" +
			"short leaves the file as it was.\n\n" +
			"With --journal-older-than, journal lines that are older are left out for good: export them first if they have\n" +
			"to be kept. What is more than history stays: every line of what is unfinished or parked, each\n" +
			"preauthorization's last line, and the one that says that its create was about to be sent, by which the\n" +
			"program knows its own holds on v4.",
		Example: "  preauth-sync state compact --journal-older-than 2160h   # 90 days",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var options state.CompactOptions
			if older > 0 {
				options.JournalBefore = time.Now().Add(-time.Duration(older))
			}
			return e.withLedger(state.ReadWrite, func(ledger *state.Ledger) error {
				report, err := ledger.Compact(cmd.Context(), options)
				if err != nil {
					return err
				}
				fmt.Fprintf(e.Stdout, "%d bytes before, %d after", report.Before, report.After)
				if older > 0 {
					fmt.Fprintf(e.Stdout, "; %d journal lines left out", report.JournalLines)
				}
				_, err = fmt.Fprintln(e.Stdout)
				return err
			})
		},
	}
	cmd.Flags().Var(&older, "journal-older-than", "leave out journal lines older than this `DURATION`, such as 2160h")
	return cmd
}

// age is a flag: a duration above zero, spelled as in the configuration.
type age time.Duration

// Set implements pflag.Value.
func (a *age) Set(text string) error {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return errors.New("must be a duration with its unit, such as 2160h for 90 days")
	case d <= 0:
		return errors.New("must be above zero")
	}
	*a = age(d)
	return nil
}

// String implements pflag.Value.
func (a *age) String() string {
	if *a == 0 {
		return ""
	}
	return time.Duration(*a).String()
}

// Type implements pflag.Value.
func (a *age) Type() string { return "duration" }
