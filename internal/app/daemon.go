package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
	"github.com/preauth-sync/preauth-sync/sync/schedule"
)

// drainMargin is what a drain gets beyond a write's time-out: for the commit of
// what the write came to, and for the cycle's account.
const drainMargin = 15 * time.Second

// Daemon is the program that runs for years: cycles on a schedule, metrics and
// health, and systemd told of it.
type Daemon struct {
	// Load reads the configuration again, at each value that Hangups brings.
	Load    func() (*config.Config, error)
	Hangups <-chan os.Signal
	Outside Outside
	Build   telemetry.Build
	// ExitCode gives what a command ends with that failed with an error.
	ExitCode func(error) int
}

// service is a daemon under way.
type service struct {
	Daemon

	app      *App
	ledger   *state.Ledger
	runner   *schedule.Runner
	metrics  *telemetry.Metrics
	pulse    *telemetry.Pulse
	notifier *telemetry.Notifier
	doors    doors
	end      context.CancelFunc

	// began is when it did.
	began time.Time

	mu  sync.Mutex
	log *zap.Logger
	// desk answers operators with what is in force now.
	desk Operator
	// supersede tells those who began with desk that it is no longer in force.
	supersede chan struct{}
	last      lastCycle
	// hopeless is the error with which no later cycle could do anything.
	hopeless error
}

func (s *service) fatal() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hopeless
}

// drain is how long a stop waits for what has been sent, to whichever v4.
func (s *service) drain() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var longest time.Duration
	for _, sink := range sinksOf(s.desk.Config) {
		longest = max(longest, sink.Config.Timeout)
	}
	return longest + drainMargin
}

func (s *service) logger() *zap.Logger {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log
}

// Run runs cycles until ctx ends, which is no error: what has been sent by then
// is waited for, at most v4.timeout and a margin. An error is one of opening the
// state file or the metrics listener; or engine.ErrLedger or an
// *engine.BindingError, with which no cycle can do anything any more; or
// schedule.ErrDrain.
func (d Daemon) Run(ctx context.Context, cfg *config.Config) error {
	d.Outside = d.Outside.withDefaults()
	return (&service{Daemon: d}).run(ctx, cfg)
}

func (s *service) run(ctx context.Context, cfg *config.Config) (err error) {
	if s.log, err = Logger(cfg, s.Outside); err != nil {
		return err
	}
	defer func() { s.stopped(err) }()
	ctx, s.end = context.WithCancel(ctx)
	defer s.end()
	if err := s.open(ctx, cfg); err != nil {
		return errors.Join(err, s.close(ctx))
	}
	s.started()
	var beside sync.WaitGroup
	var unanswered error
	beside.Go(func() {
		s.reloadOnHangup(ctx)
		unanswered = dismiss(ctx, s.doors.control, s.drain())
	})
	beside.Go(func() { <-ctx.Done(); s.stopping() })
	err = s.runner.Run(ctx)
	s.end()
	beside.Wait()
	err = errors.Join(s.fatal(), err, unanswered)
	if unanswered != nil || errors.Is(err, schedule.ErrDrain) {
		// What is still running has the ledger: the process's end takes it away.
		return err
	}
	return errors.Join(err, s.close(ctx))
}

// open builds everything, in the order in which it can be refused.
func (s *service) open(ctx context.Context, cfg *config.Config) (err error) {
	s.notifier = telemetry.NewNotifier(func(err error) {
		s.logger().Warn("systemd could not be told", telemetry.Event(telemetry.NotifyFailed), telemetry.Err(err))
	})
	s.pulse = telemetry.NewPulse(s.notifier.Alive)
	s.metrics = telemetry.NewMetrics(s.Build, s.Outside.Clock)
	s.Outside.Hooks = Hooks{
		Request:  func(e httpx.Event) { s.metrics.Request(e); s.pulse.Beat() },
		Progress: s.pulse.Beat,
		Acted: func(property string, action plan.ActionKind, outcome string) {
			s.metrics.Action(property, action.String(), outcome)
		},
	}
	if s.ledger, err = OpenLedger(cfg, state.ReadWrite, s.Outside); err != nil {
		return err
	}
	if s.app, err = build(cfg, s.Outside, s.ledger, s.ledger.Close); err != nil {
		return err
	}
	s.began = s.Outside.Clock()
	s.comesIntoForce()
	s.runner = schedule.New(schedule.Options{
		Schedule: cfg.Schedule, Job: s.cycle, Clock: s.Outside.Clock, Idle: s.pulse.Beat, Panicked: s.panicked,
		Drain: s.drain,
	})
	s.metrics.Ready(s.problems)
	s.metrics.Holdings(func() ([]telemetry.Holding, error) { return s.holdings(ctx) })
	s.metrics.Properties(names(cfg)...)
	return s.openDoors(ctx, cfg)
}

func (s *service) started() {
	cfg := s.app.Config
	s.logger().Info("the daemon runs; its first cycle begins at once", telemetry.Event(telemetry.DaemonStarted),
		zap.String("version", s.Build.Version), zap.String("commit", s.Build.Commit), zap.Int("properties", len(cfg.Properties)),
		zap.String("schedule", cfg.Schedule.Expression), zap.String("timezone", cfg.Timezone.String()),
		zap.String("state_path", cfg.State.Path), zap.String("metrics_listen", cfg.Metrics.Listen),
		zap.String("control_socket", cfg.Control.Socket))
	s.notifier.Ready()
	s.notifier.Status("the first cycle is under way")
}

func (s *service) stopping() {
	s.notifier.Stopping()
	s.logger().Info("stopping: nothing more is begun, and what has been sent is waited for", telemetry.Event(telemetry.DaemonStopping))
}

// stopped writes the last line. What the engine has told is not told again.
func (s *service) stopped(err error) {
	if err == nil {
		s.logger().Info("stopped: nothing is in flight that the state file does not know", telemetry.Event(telemetry.DaemonStopped))
		return
	}
	fields := []zap.Field{telemetry.Event(telemetry.DaemonStopped)}
	if _, binding := errors.AsType[*engine.BindingError](err); !binding && !errors.Is(err, engine.ErrLedger) {
		fields = append(fields, telemetry.Err(err))
	}
	s.logger().Error("the daemon cannot go on", fields...)
}

// close releases what open has built, the last first.
func (s *service) close(ctx context.Context) error {
	_ = shut(ctx, s.doors.metrics) // a scrape that was cut off is no failure of a stop
	if s.app == nil {
		return nil
	}
	return s.app.Close()
}

// cycle is the schedule's job.
func (s *service) cycle(ctx context.Context) {
	began := s.Outside.Clock()
	result, err := s.app.Engine.Cycle(ctx, false)
	s.account(began, result, err)
	if err := s.verdict(result); err != nil {
		s.giveUp(err)
	}
}

// giveUp ends the daemon with an error that has been told.
func (s *service) giveUp(err error) {
	s.mu.Lock()
	s.hopeless = err
	s.mu.Unlock()
	s.end()
}

// lost ends the daemon because an operator's request found that the state file can no
// longer be written.
func (s *service) lost(err error) {
	s.logger().Error("nothing more is sent", telemetry.Event(telemetry.StateFailed), telemetry.Err(err))
	s.giveUp(err)
}

// verdict gives the error with which no later cycle can do anything: the ledger's,
// or that no property is what the state file was made for.
func (s *service) verdict(result engine.Result) error {
	if err := s.app.Engine.Failed(); err != nil {
		return err
	}
	var refused *engine.BindingError
	for _, p := range result.Properties {
		if p.Name != "" && !errors.As(p.Err, &refused) {
			return nil
		}
	}
	if refused == nil {
		return nil
	}
	return refused
}

func (s *service) panicked(value any, stack []byte) {
	s.logger().Error("please report this with the stack; the next cycle runs", telemetry.Event(telemetry.CyclePanicked),
		telemetry.Err(fmt.Errorf("%w: %v", engine.ErrPanicked, value)), zap.ByteString("stack", stack))
}

func names(cfg *config.Config) []string {
	var all []string
	for _, p := range cfg.Properties {
		all = append(all, p.Name)
	}
	return all
}
