// Package app is the composition root: it builds the program from its
// configuration and closes it in reverse order.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sources/connector"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Outside is everything that comes from outside a program: where it logs, its
// clock, its randomness and its network. The zero value is the real world, with
// logs thrown away.
type Outside struct {
	Logs   io.Writer
	Clock  func() time.Time
	Random func() float64
	// Transport is how both APIs are reached.
	Transport httpx.TransportConfig
	// Tries is the most that a read or a login is sent; 0 leaves it to the clients.
	Tries int
	// NewID names cycles.
	NewID func() string
	// Program identifies the build that is running: see engine.Options.
	Program string
	// Hooks hear what goes on, for metrics and the watchdog. Each may be nil.
	Hooks Hooks
	// Retired are secrets of earlier configurations: a rotated token may still be
	// good, and an API may still echo it.
	Retired []httpx.Secret
}

// Hooks hear what goes on in a program.
type Hooks struct {
	// Request hears of every HTTP exchange with either API.
	Request func(httpx.Event)
	// Progress is called wherever a cycle gets on.
	Progress func()
	// Acted hears what a write came to.
	Acted func(property string, action plan.ActionKind, outcome string)
}

func (o Outside) withDefaults() Outside {
	if o.Logs == nil {
		o.Logs = io.Discard
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.NewID == nil {
		o.NewID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	if o.Hooks.Request == nil {
		o.Hooks.Request = func(httpx.Event) {}
	}
	return o
}

// secrets are those that no output may show.
func (o Outside) secrets(cfg *config.Config) []httpx.Secret {
	return append(cfg.Secrets(), o.Retired...)
}

// App is a built program.
type App struct {
	Config *config.Config
	Log    *zap.Logger
	Engine *engine.Engine
	// Sources are the connector's clients, in the order of the properties.
	Sources []*connector.Client
	// Sinks are the one that properties share, if any does, and then those that
	// properties have for themselves.
	Sinks []Sink

	outside Outside
	ledger  engine.Ledger
	limits  limits
	// closers release the clients, closeLedger the ledger.
	closers     []func()
	closeLedger func() error
}

// Logger builds the configured logger, which no secret gets through.
func Logger(cfg *config.Config, outside Outside) (*zap.Logger, error) {
	outside = outside.withDefaults()
	return telemetry.New(outside.Logs, telemetry.Options{
		Level: cfg.Log.Level, Format: cfg.Log.Format, Clock: outside.Clock,
	}, telemetry.Redact(outside.secrets(cfg)...))
}

// Clients builds everything but the ledger and the engine: what check needs.
func Clients(cfg *config.Config, outside Outside) (*App, error) {
	a, err := connect(cfg, outside, limits{})
	if err == nil {
		a.takeStdLog()
	}
	return a, err
}

// connect builds the clients, under the limits that earlier ones have used up in part.
func connect(cfg *config.Config, outside Outside, limits limits) (*App, error) {
	outside = outside.withDefaults()
	log, err := Logger(cfg, outside)
	if err != nil {
		return nil, err
	}
	a := &App{Config: cfg, Log: log, outside: outside, limits: limits}
	if err := errors.Join(a.buildSources(), a.buildSinks()); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// takeStdLog logs what the standard logger is told: net/http reports stray bytes on
// idle connections through it.
func (a *App) takeStdLog() {
	a.closers = append(a.closers, zap.RedirectStdLog(a.Log.With(telemetry.Event(telemetry.RuntimeMessage))))
}

func (a *App) buildSources() error {
	cfg := a.Config.Connector
	transport := httpx.NewTransport(a.outside.Transport)
	a.closers = append(a.closers, transport.CloseIdleConnections)
	slots := make(chan struct{}, cfg.Concurrency)
	for _, p := range a.Config.Properties {
		client, err := connector.New(connector.Config{
			Address: cfg.Address, Client: cfg.Client, ClientToken: cfg.ClientToken, AccessToken: p.AccessToken,
			Timeout: cfg.Timeout, Tries: a.outside.Tries, Limiter: a.limits.of(connector.API+" "+p.AccessToken.Reveal(), cfg.RateLimit), Slots: slots,
			Backoff: httpx.Backoff{Random: a.outside.Random}, Transport: transport, Now: a.outside.Clock,
			Observer: a.observe(a.Log.With(telemetry.Property(p.Name))),
		})
		if err != nil {
			return fmt.Errorf("property %s: %w", p.Name, err)
		}
		a.Sources = append(a.Sources, client)
	}
	return nil
}

// limits are the rate limiters by what they limit. They outlive the clients.
type limits map[string]*httpx.Limiter

func (l limits) of(key string, rate config.RateLimit) *httpx.Limiter {
	limiter, used := l[key]
	if used {
		limiter = limiter.Next(rate.Requests, rate.Per)
	} else {
		limiter = httpx.NewLimiter(rate.Requests, rate.Per)
	}
	l[key] = limiter
	return limiter
}

// Open builds the whole program on its state file, creating it when absent.
func Open(cfg *config.Config, outside Outside) (*App, error) {
	ledger, err := OpenLedger(cfg, state.ReadWrite, outside)
	if err != nil {
		return nil, err
	}
	return build(cfg, outside, ledger, ledger.Close)
}

// OpenLedger opens the state file alone.
func OpenLedger(cfg *config.Config, mode state.Mode, outside Outside) (*state.Ledger, error) {
	return state.Open(state.Options{
		Path: cfg.State.Path, Mode: mode, Now: outside.withDefaults().Clock, Binding: Binding(cfg),
	})
}

// Binding is what a state file made for this configuration is bound to.
func Binding(cfg *config.Config) state.Binding {
	return state.Binding{ConnectorAddress: cfg.Connector.Address, SinkAddress: cfg.V4.Address}
}

func build(cfg *config.Config, outside Outside, ledger engine.Ledger, closeLedger func() error) (*App, error) {
	a, err := Clients(cfg, outside)
	if err != nil {
		return nil, errors.Join(err, closeLedger())
	}
	if err := a.use(ledger, closeLedger, a.Log); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// use builds the engine. closeLedger is nil where the ledger is somebody else's.
func (a *App) use(ledger engine.Ledger, closeLedger func() error, log *zap.Logger) (err error) {
	a.ledger, a.closeLedger = ledger, closeLedger
	a.Engine, err = engine.New(a.options(ledger, log))
	return err
}

func (a *App) options(ledger engine.Ledger, log *zap.Logger) engine.Options {
	cfg := a.Config
	return engine.Options{
		Ledger: ledger, Sinks: a.sinkOptions(), Properties: a.properties(),
		Mode: engine.Mode(cfg.Mirror.Mode), HoldWarnAfter: cfg.Mirror.HoldWarnAfter,
		MirrorFirstRun: cfg.Mirror.FirstRun == config.FirstRunMirror,
		NewCustomers:   plan.ChargedHistory(cfg.Mirror.NewCustomers),
		MaxActions:     cfg.Mirror.MaxActionsPerCycle,
		RetryCaptures:  cfg.Mirror.UnknownCapture == config.UnknownCaptureRetry,
		Pollers:        cfg.Connector.Concurrency,
		Program:        a.outside.Program,
		Log:            log, Clock: a.outside.Clock, Random: a.outside.Random, NewCycleID: a.outside.NewID,
		Progress: a.outside.Hooks.Progress, Acted: a.outside.Hooks.Acted,
	}
}

// Reload lets the program go on with another configuration, from the next cycle
// on. With an error the old one holds and nothing has changed. What the state
// file is bound to cannot change while it is open: its path and all addresses,
// which v4 a property writes to, and whose tokens the properties have. Credentials that either API refuses are
// an error too; an API that cannot be reached says nothing. It is for a
// function that the engine's Between runs: what is sent meanwhile would not count
// towards a limit that changes.
func (a *App) Reload(ctx context.Context, cfg *config.Config) error {
	if cfg.State.Path != a.Config.State.Path {
		return fmt.Errorf("state.path has changed from %s to %s: stop the program and start it again for that",
			a.Config.State.Path, cfg.State.Path)
	}
	if was, is := Binding(a.Config), Binding(cfg); was != is {
		return fmt.Errorf("the addresses have changed from %s and %s to %s and %s: stop the program, say `preauth-sync state rebind` "+
			"if they are the same systems, and start it again", was.ConnectorAddress, was.SinkAddress, is.ConnectorAddress, is.SinkAddress)
	}
	if err := CheckTenants(ctx, a.ledger, cfg); err != nil {
		return err
	}
	outside := a.outside
	outside.Retired = append(slices.Clone(outside.Retired), a.Config.Secrets()...)
	next, err := connect(cfg, outside, maps.Clone(a.limits))
	if err != nil {
		return err
	}
	if err := next.vouch(ctx, a.ledger); err != nil {
		return errors.Join(err, next.Close())
	}
	if err := a.Engine.Reconfigure(next.options(a.ledger, next.Log)); err != nil {
		return errors.Join(err, next.Close())
	}
	a.release()
	a.Config, a.Log, a.Sources, a.Sinks = cfg, next.Log, next.Sources, next.Sinks
	a.outside, a.limits, a.closers = outside, next.limits, next.closers
	a.takeStdLog()
	return nil
}

// vouchLimit is how long both APIs are waited for before new credentials are
// taken without their word.
const vouchLimit = 20 * time.Second

// vouch asks the APIs whether they take the credentials, and whose tokens they are.
func (a *App) vouch(ctx context.Context, ledger engine.Ledger) error {
	ctx, cancel := context.WithTimeout(ctx, vouchLimit)
	defer cancel()
	known, err := ledger.Properties(ctx)
	if err != nil {
		return err
	}
	names := map[preauth.ID]string{}
	for i, p := range a.Config.Properties {
		enterprise, err := a.Sources[i].Enterprise(ctx)
		if refusal, ok := errors.AsType[*connector.Error](err); ok && (refusal.Status == http.StatusUnauthorized || refusal.Status == http.StatusForbidden) {
			return fmt.Errorf("property %s: %w", p.Name, err)
		}
		if err != nil {
			continue
		}
		if err := engine.CheckBinding(known, p.Name, enterprise); err != nil {
			return err
		}
		if other, twice := names[enterprise]; twice {
			return fmt.Errorf("properties %s and %s are both enterprise %s: one of their access tokens is wrong", other, p.Name, enterprise)
		}
		names[enterprise] = p.Name
	}
	for _, sink := range a.Sinks {
		if refusal, ok := errors.AsType[*preauth.SinkRefusal](sink.Ready(ctx)); ok {
			return sink.tell(refusal)
		}
	}
	return nil
}

// release closes the clients, the last built first.
func (a *App) release() {
	for _, closer := range slices.Backward(a.closers) {
		closer()
	}
	a.closers = nil
}

// Close closes everything, the last built first.
func (a *App) Close() error {
	a.release()
	if a.closeLedger == nil {
		return nil
	}
	return a.closeLedger()
}

// observe tells in the log what an HTTP exchange means for operators: being
// throttled and having to try again, always; everything else at debug level.
func (a *App) observe(log *zap.Logger) httpx.Observer {
	return func(e httpx.Event) {
		a.outside.Hooks.Request(e)
		if e.Throttled && e.API == connector.API {
			log.Warn("the PMS asked for patience", append(exchangeFields(e),
				telemetry.Event(telemetry.SourceThrottled), zap.Int64("wait_ms", e.Wait.Milliseconds()))...)
			return
		}
		if e.Err != nil && e.Wait > 0 {
			log.Warn("a request failed and is tried again", append(exchangeFields(e),
				telemetry.Event(telemetry.RequestRetried), zap.Int64("wait_ms", e.Wait.Milliseconds()))...)
			return
		}
		if line := log.Check(zap.DebugLevel, "request"); line != nil {
			line.Write(append(exchangeFields(e), telemetry.Event(telemetry.Request))...)
		}
	}
}

func exchangeFields(e httpx.Event) []zap.Field {
	return []zap.Field{
		zap.String("api", e.API), zap.String("operation", e.Operation), telemetry.Status(e.Status),
		telemetry.Attempt(e.Attempt), telemetry.Duration(e.Duration),
		telemetry.RequestID(e.RequestID), telemetry.TrackingID(e.TrackingID), telemetry.Err(e.Err),
	}
}
