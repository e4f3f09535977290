package app

import (
	"cmp"
	"context"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
)

// reloadOnHangup reads the configuration again at each signal, between two cycles.
func (s *service) reloadOnHangup(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.Hangups:
		}
		var refused error
		notDone := s.runner.Between(ctx, func() { refused = s.reload(ctx) })
		if err := cmp.Or(notDone, refused); err != nil && ctx.Err() == nil {
			s.logger().Error("the configuration is not changed: the one before holds; mend it and send SIGHUP again",
				telemetry.Event(telemetry.ConfigRefused), telemetry.Err(err))
		}
	}
}

// reload puts another configuration in force, or changes nothing.
func (s *service) reload(ctx context.Context) error {
	s.notifier.Reloading()
	defer s.notifier.Ready()
	cfg, err := s.Load()
	if err != nil {
		return err
	}
	server, moves := s.server, cfg.Metrics.Listen != s.app.Config.Metrics.Listen
	if moves {
		if server, err = s.serve(ctx, cfg.Metrics.Listen); err != nil {
			return err
		}
	}
	if err := s.app.Reload(ctx, cfg); err != nil {
		if moves {
			_ = shut(ctx, server) // nobody knows of it yet
		}
		return err
	}
	if moves {
		server, s.server = s.server, server
		_ = shut(ctx, server) // a scrape that was cut off comes again
	}
	s.metrics.Properties(names(cfg)...)
	s.runner.Reschedule(cfg.Schedule)
	s.mu.Lock()
	s.log, s.timeout, s.secrets = s.app.Log, cfg.V4.Timeout, s.app.outside.secrets(cfg)
	s.mu.Unlock()
	s.logger().Info("the configuration has been read again, and holds from the next cycle on",
		telemetry.Event(telemetry.ConfigReloaded), zap.Int("properties", len(cfg.Properties)),
		zap.String("schedule", cfg.Schedule.Expression), zap.Time("next_cycle", s.runner.Next()))
	return nil
}
