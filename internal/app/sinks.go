package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	v4 "github.com/preauth-sync/preauth-sync/sinks/v4"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Sink is one v4 and its client.
type Sink struct {
	*v4.Client

	// Name is engine.DefaultSink for the one that properties share, and the property's
	// for one that it has for itself.
	Name   string
	Own    bool
	Config config.V4
}

// sinksOf gives the sinks of a configuration, without clients.
func sinksOf(cfg *config.Config) []Sink {
	var shared, own []Sink
	for _, p := range cfg.Properties {
		switch {
		case p.OwnV4:
			own = append(own, sinkFor(cfg, p))
		case shared == nil:
			shared = []Sink{sinkFor(cfg, p)}
		}
	}
	return append(shared, own...)
}

// SinkOf names the sink that a property writes to.
func SinkOf(p config.Property) string {
	if p.OwnV4 {
		return p.Name
	}
	return engine.DefaultSink
}

func sinkFor(cfg *config.Config, p config.Property) Sink {
	if p.OwnV4 {
		return Sink{Name: SinkOf(p), Own: true, Config: p.V4}
	}
	return Sink{Name: SinkOf(p), Config: cfg.V4}
}

// tell says whose an error is.
func (s Sink) tell(err error) error {
	if s.Own {
		return fmt.Errorf("property %s: %w", s.Name, err)
	}
	return err
}

func (a *App) buildSinks() error {
	for _, sink := range sinksOf(a.Config) {
		log := a.Log
		if sink.Own {
			log = log.With(telemetry.Property(sink.Name))
		}
		client, err := a.sinkClient(sink.Config, log)
		if err != nil {
			return sink.tell(err)
		}
		sink.Client = client
		a.Sinks = append(a.Sinks, sink)
		a.closers = append(a.closers, client.Close)
	}
	return nil
}

func (a *App) sinkClient(cfg config.V4, log *zap.Logger) (*v4.Client, error) {
	return v4.New(v4.Config{
		Address: cfg.Address,
		Auth: v4.Auth{
			Token: cfg.Auth.Token, LoginAddress: cfg.Auth.LoginAddress, ClientID: cfg.Auth.ClientID,
			Username: cfg.Auth.Username, Password: cfg.Auth.Password, ClientSecret: cfg.Auth.ClientSecret,
		},
		Timeout: cfg.Timeout, Tries: a.outside.Tries, Limiter: a.limits.of(userOf(cfg), cfg.RateLimit),
		CaptureField: cfg.CaptureField, CaptureEmptyReply: string(cfg.CaptureEmptyReply),
		AlreadyCapturedCodes: cfg.AlreadyCapturedCodes, Transport: a.outside.Transport,
		Observer: a.observe(log), Now: a.outside.Clock, Random: a.outside.Random,
	})
}

// userOf names whom a v4 sees: sinks of one user with the same limit share it.
func userOf(cfg config.V4) string {
	auth := cfg.Auth
	return strings.Join([]string{"v4", cfg.Address, auth.LoginAddress, auth.ClientID, auth.Username, auth.Token.Reveal()}, " ")
}

func (a *App) sinkOptions() []engine.SinkOptions {
	var all []engine.SinkOptions
	for _, sink := range a.Sinks {
		cfg := sink.Config
		all = append(all, engine.SinkOptions{
			Name: sink.Name, Sink: sink.Client, Own: sink.Own, Address: cfg.Address,
			Timeout: cfg.Timeout, Settle: cfg.Settle, Concurrency: cfg.Concurrency,
			Tokens: engine.Tokens(cfg.TransactionToken), CreatedByUserID: cfg.CreatedByUserID,
		})
	}
	return all
}

// CheckTenants refuses a configuration in which a property writes to another v4 than
// the state file says, which knows properties by the names that they had. The error is
// an *engine.BindingError, or one of the state file.
func CheckTenants(ctx context.Context, ledger tenants, cfg *config.Config) error {
	known, err := ledger.Properties(ctx)
	if err != nil {
		return err
	}
	for _, p := range cfg.Properties {
		at := slices.IndexFunc(known, func(doc plan.Property) bool { return doc.Name == p.Name })
		if at < 0 {
			continue // the next cycle finds out whose it is
		}
		own, _, err := ledger.Sink(ctx, string(known[at].Enterprise))
		if err != nil {
			return err
		}
		if err := engine.CheckSink(p.Name, known[at], own, engine.SinkOptions{Name: SinkOf(p), Own: p.OwnV4, Address: p.V4.Address}); err != nil {
			return err
		}
	}
	return nil
}

// tenants is what the state file knows of who writes where.
type tenants interface {
	Properties(ctx context.Context) ([]plan.Property, error)
	Sink(ctx context.Context, name string) (plan.Sink, bool, error)
}
