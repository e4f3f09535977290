package app

import (
	"context"
	"errors"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
)

// doors are where a daemon is asked: by scrapes and by operators. Each may be nil.
type doors struct {
	metrics *telemetry.Server
	control *control.Server
}

// openDoors opens those of a configuration. Without the control socket the daemon
// mirrors on: money goes before questions.
func (s *service) openDoors(ctx context.Context, cfg *config.Config) (err error) {
	if s.doors.metrics, err = s.serve(ctx, cfg.Metrics.Listen); err != nil {
		return err
	}
	s.doors.control = s.tryOperators(ctx, cfg.Control.Socket)
	return nil
}

// otherDoors gives those of another configuration. What it does not change is the
// same; a control socket that could not be made before, or whose file is gone, is made
// again.
func (s *service) otherDoors(ctx context.Context, cfg *config.Config) (doors, error) {
	next, was := s.doors, s.app.Config
	var err error
	if cfg.Metrics.Listen != was.Metrics.Listen {
		if next.metrics, err = s.serve(ctx, cfg.Metrics.Listen); err != nil {
			return doors{}, err
		}
	}
	switch {
	case cfg.Control.Socket != was.Control.Socket:
		next.control, err = s.answerOperators(ctx, cfg.Control.Socket)
	case next.control == nil || !next.control.Stands():
		next.control = s.tryOperators(ctx, cfg.Control.Socket)
	}
	if err != nil {
		return doors{}, errors.Join(err, shutBut(ctx, next, s.doors))
	}
	return next, nil
}

// shutBut closes those that are not kept. Operators' requests there are cancelled; a
// reload does not wait long for one to notice.
func shutBut(ctx context.Context, all, kept doors) (err error) {
	if all.control != kept.control {
		err = dismiss(ctx, all.control, shutLimit)
	}
	if all.metrics != kept.metrics {
		err = errors.Join(err, shut(ctx, all.metrics))
	}
	return err
}

// answerOperators answers them on the control socket; "" is off, and gives nil.
func (s *service) answerOperators(ctx context.Context, path string) (*control.Server, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // no server is what was asked for
	}
	file, err := control.Identify(s.app.Config.State.Path)
	if err != nil {
		return nil, err
	}
	socket, err := control.Listen(ctx, path)
	if err != nil {
		return nil, err
	}
	return control.Serve(ctx, socket, control.Options{
		Hello:    control.Hello{PID: os.Getpid(), Version: s.Build.Version, Started: s.began, State: file},
		Operator: func() control.Operator { return s.operator() },
		ExitCode: s.ExitCode, Log: s.logger,
	}), nil
}

// tryOperators is answerOperators that only tells of its failure.
func (s *service) tryOperators(ctx context.Context, path string) *control.Server {
	server, err := s.answerOperators(ctx, path)
	if err != nil {
		s.logger().Error("operators cannot ask the daemon while it runs; it mirrors all the same: mend it and send SIGHUP",
			telemetry.Event(telemetry.ControlFailed), zap.String("path", path), telemetry.Err(err))
	}
	return server
}

// dismiss cancels operators' requests and waits for them. It is an error when that
// takes longer than the limit.
func dismiss(ctx context.Context, server *control.Server, limit time.Duration) error {
	if server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	return server.Close(ctx)
}
