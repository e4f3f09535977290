package cli

import (
	"context"
	"errors"
	"os"
	"runtime"
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
		Use:   "run",
		Short: "Mirror: the daemon, or one cycle of every property with --once",
		Long: "run is the daemon. It runs one cycle at once and then one at every tick of the schedule, until SIGTERM or SIGINT:\n" +
			"then nothing more is begun, and what has been sent is waited for, at most v4.timeout + 15 s. A second signal\n" +
			"ends it on the spot. SIGHUP reads the configuration again; one that is refused changes nothing.\n\n" +
			"run --once runs one cycle of every property and returns when no intent is in flight, or after v4.timeout and\n" +
			"three times v4.settle without a definite answer.\n\n" +
			"What happens is told in the log, on stderr.\n\n" +
			"Exit codes: 0 done, also after SIGTERM to the daemon; 1 something could not be read or sent, or is newly parked\n" +
			"for an outcome; 3 configuration refused; 4 state file locked; 5 fuse blown (--once); 6 state file refused;\n" +
			"130 interrupted (--once).",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if once {
				return e.runOnce(cmd.Context())
			}
			return e.runDaemon(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "run one cycle of every property, then return")
	return cmd
}

// runDaemon leaves it to the daemon to tell its errors in the log.
func (e *env) runDaemon(ctx context.Context) error {
	var hangups <-chan os.Signal
	if e.Hangups != nil { // from the very start, so that none ends the process
		signals, stop := e.Hangups()
		defer stop()
		hangups = signals
	}
	cfg, err := e.load()
	if err != nil {
		return err
	}
	b := built()
	daemon := app.Daemon{
		Load: e.load, Hangups: hangups, Outside: app.Outside{Logs: e.Stderr, Program: program()},
		Build:    telemetry.Build{Version: b.version, Commit: b.commit, GoVersion: runtime.Version()},
		ExitCode: func(err error) int { return exitCode(err, false) },
	}
	if err := daemon.Run(ctx, cfg); err != nil {
		return &verdict{code: exitFailed, err: err, logged: true, whole: true}
	}
	return nil
}

// runOnce tells its errors in the log, so that stderr stays one JSON object a
// line; only a configuration that cannot be read comes before there is a log.
func (e *env) runOnce(ctx context.Context) error {
	cfg, err := e.load()
	if err != nil {
		return err
	}
	outside := app.Outside{Logs: e.Stderr, Program: program()}
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
