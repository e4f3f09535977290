package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/sync/engine"
)

func newRun(e *env) *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "run --once",
		Short: "Mirror: run one cycle of every property",
		Long: "run --once runs one cycle of every property and returns when no intent is in flight, or after time-out +\n" +
			"three times settle without a definite answer. What happens is told in the log, on stderr.\n\n" +
			"Exit codes: 0 done; 1 something could not be read or sent, or is newly parked for an outcome;\n" +
			"3 configuration refused; 4 state file locked; 5 fuse blown; 6 state file refused; 130 interrupted.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !once {
				return errors.New("the daemon is not available in this version: use `run --once`, from a timer for example")
			}
			return runOnce(cmd.Context(), e)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "run one cycle of every property, then return")
	return cmd
}

func runOnce(ctx context.Context, e *env) (err error) {
	cfg, err := e.load()
	if err != nil {
		return err
	}
	a, err := app.Open(cfg, app.Outside{Logs: e.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	result, err := a.Engine.Cycle(ctx, true)
	if err != nil {
		return err
	}
	return onceVerdict(result)
}

// onceVerdict says with what exit code a cycle ends. A blown fuse goes before
// every other failure.
func onceVerdict(result engine.Result) error {
	v := &verdict{code: exitDone}
	if result.InDoubt > 0 {
		v.code, v.err = exitFailed, fmt.Errorf(
			"%d requests are still without a definite answer; the next run looks them up, nothing is sent again blindly", result.InDoubt)
	}
	for _, p := range result.Properties {
		if p.Err != nil || p.Report.Counts.Failed > 0 || p.NewOutcomeParks > 0 {
			v.code = exitFailed
		}
	}
	if slices.ContainsFunc(result.Properties, func(p engine.PropertyResult) bool { return p.Report.Fuse }) {
		v.code = exitFuse
	}
	if v.code == exitDone {
		return nil
	}
	return v
}
