package cli

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
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

// runOnce tells its errors in the log, so that stderr stays one JSON object a
// line; only a configuration that cannot be read comes before there is a log.
func runOnce(ctx context.Context, e *env) error {
	cfg, err := e.load()
	if err != nil {
		return err
	}
	outside := app.Outside{Logs: e.Stderr}
	log, err := app.Logger(cfg, outside)
	if err != nil {
		return err
	}
	result, err := cycleOnce(ctx, cfg, outside)
	if err == nil {
		return onceVerdict(result)
	}
	if !engineHasTold(err) && ctx.Err() == nil {
		log.Error("the run could not be done", telemetry.Event(telemetry.RunFailed), telemetry.Err(err))
	}
	return &verdict{code: exitFailed, err: err, logged: true}
}

func cycleOnce(ctx context.Context, cfg *config.Config, outside app.Outside) (result engine.Result, err error) {
	a, err := app.Open(cfg, outside)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return a.Engine.Cycle(ctx, true)
}

// engineHasTold tells whether the engine has already logged the error.
func engineHasTold(err error) bool {
	_, binding := errors.AsType[*engine.BindingError](err)
	return binding || errors.Is(err, engine.ErrLedger)
}

// onceVerdict says with what exit code a cycle ends. A blown fuse goes before
// every other failure.
func onceVerdict(result engine.Result) error {
	code := exitDone
	if result.InDoubt > 0 {
		code = exitFailed
	}
	for _, p := range result.Properties {
		if p.Err != nil || p.Report.Counts.Failed > 0 || p.NewOutcomeParks > 0 {
			code = exitFailed
		}
	}
	if slices.ContainsFunc(result.Properties, func(p engine.PropertyResult) bool { return p.Report.Fuse }) {
		code = exitFuse
	}
	return end(code)
}
