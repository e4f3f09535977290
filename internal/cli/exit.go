package cli

import (
	"context"
	"errors"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/engine"
)

// The exit codes. They are a contract.
const (
	exitDone         = 0
	exitFailed       = 1
	exitFound        = 2
	exitConfig       = 3
	exitLocked       = 4
	exitFuse         = 5
	exitStateRefused = 6
	exitInterrupted  = 130
)

// The exit codes of commands that only look, and of those that change what is stored,
// as their help tells them.
const (
	refusedCodes = "3 configuration refused; 4 state file locked; 6 state file refused; 130 interrupted."
	lookCodes    = "Exit codes: 0 shown, whatever it shows; 1 it could not be; " + refusedCodes
	changeCodes  = "Exit codes: 0 done; 1 not done; " + refusedCodes
)

// verdict ends a command with an exit code and, unless it is nil, an error.
type verdict struct {
	code int
	err  error
	// logged is set when the log has told the error: it is not said again.
	logged bool
	// whole is set for the daemon, which signals end in order: they are no interruption.
	whole bool
}

// Error is what Main says; a verdict without an error says nothing.
func (v *verdict) Error() string {
	if v.err == nil {
		return ""
	}
	return v.err.Error()
}

// Unwrap gives the cause.
func (v *verdict) Unwrap() error { return v.err }

// end gives a verdict without a word, or nil for exitDone.
func end(code int) error {
	if code == exitDone {
		return nil
	}
	return &verdict{code: code}
}

// exitCode maps what a command returned. When several apply, the order is
// 6, 4, 3, 130, 5, 1, 2. A command that a signal ended and that failed was interrupted.
func exitCode(err error, interrupted bool) int {
	if err == nil {
		return exitDone
	}
	codes := map[int]bool{exitFailed: true}
	if v, ok := errors.AsType[*verdict](err); ok {
		codes = map[int]bool{v.code: true}
	}
	if _, ok := errors.AsType[*config.Error](err); ok {
		codes[exitConfig] = true
	}
	if _, ok := errors.AsType[*engine.BindingError](err); ok {
		codes[exitStateRefused] = true
	}
	if answer, ok := errors.AsType[*control.Error](err); ok {
		codes = map[int]bool{answer.Code: true}
	}
	if refused, ok := errors.AsType[*state.Error](err); ok {
		codes[stateCode(refused.Kind)] = true
	}
	if v, ok := errors.AsType[*verdict](err); (interrupted || errors.Is(err, context.Canceled)) && (!ok || !v.whole) {
		codes[exitInterrupted] = true
	}
	for _, code := range []int{
		exitStateRefused, exitLocked, exitConfig, exitInterrupted, exitFuse, exitFailed, exitFound,
	} {
		if codes[code] {
			return code
		}
	}
	return exitFailed // of a daemon whose codes are others
}

func stateCode(kind state.Kind) int {
	switch kind {
	case state.Locked:
		return exitLocked
	case state.Corrupt, state.Foreign, state.NewerSchema, state.OtherAddresses:
		return exitStateRefused
	default: // replaced or failed while running: verified at the next start
		return exitFailed
	}
}

func message(err error) string {
	v, ok := errors.AsType[*verdict](err)
	switch {
	case err == nil, ok && v.logged:
		return ""
	case errors.Is(err, context.Canceled):
		return "interrupted"
	default:
		return err.Error()
	}
}
