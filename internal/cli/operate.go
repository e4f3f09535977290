package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/state"
)

// operate lets use ask the daemon that has the configured state file, through its
// control socket. When none answers it opens the file for use, in this mode.
func (e *env) operate(ctx context.Context, mode state.Mode, use func(control.Operator) error) error {
	cfg, err := e.load()
	if err != nil {
		return err
	}
	return operateOn(ctx, cfg, mode, e.Stderr, use)
}

// operateOn is operate with a configuration that is loaded already. What the
// command has to log when it opens the file itself goes to logs.
func operateOn(
	ctx context.Context, cfg *config.Config, mode state.Mode, logs io.Writer, use func(control.Operator) error,
) (err error) {
	daemon, err := dial(ctx, cfg)
	if err == nil {
		defer daemon.Close()
		return use(daemon)
	}
	if !errors.Is(err, control.ErrNobody) {
		return err
	}
	file, err := app.OpenOperator(cfg, mode, app.Outside{Logs: logs})
	if err == nil {
		defer func() { err = errors.Join(err, file.Close()) }()
		return use(file)
	}
	if !held(err) {
		return err
	}
	// A daemon that has just started has the file before it has its socket.
	daemon, nobody := dial(ctx, cfg)
	if nobody != nil {
		return fmt.Errorf("%w; %w", err, nobody)
	}
	defer daemon.Close()
	return use(daemon)
}

func dial(ctx context.Context, cfg *config.Config) (*control.Client, error) {
	if cfg.Control.Socket == "" {
		return nil, fmt.Errorf("%w, since control.socket is \"\"", control.ErrNobody)
	}
	return control.Dial(ctx, cfg.Control.Socket, cfg.State.Path)
}

// held tells whether a state file is somebody else's: another process's, or
// another user's.
func held(err error) bool {
	refused, ok := errors.AsType[*state.Error](err)
	return ok && refused.Kind == state.Locked || errors.Is(err, fs.ErrPermission)
}
