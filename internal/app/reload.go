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
		notDone := s.runner.Between(ctx, func() {
			refused = s.app.Engine.Between(ctx, func() error { return s.reload(ctx) })
		})
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
	next, err := s.otherDoors(ctx, cfg)
	if err != nil {
		return err
	}
	if err := s.app.Reload(ctx, cfg); err != nil {
		_ = shutBut(ctx, next, s.doors) // nobody knows of them yet
		return err
	}
	was := s.doors
	s.doors = next
	_ = shutBut(ctx, was, next) // who was cut off comes again
	s.metrics.Properties(names(cfg)...)
	s.runner.Reschedule(cfg.Schedule)
	s.comesIntoForce()
	s.logger().Info("the configuration has been read again, and holds from the next cycle on",
		telemetry.Event(telemetry.ConfigReloaded), zap.Int("properties", len(cfg.Properties)),
		zap.String("schedule", cfg.Schedule.Expression), zap.Time("next_cycle", s.runner.Next()))
	return nil
}
