package cli

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// teller takes what a check says. The first error of writing it stays; from then on it is
// said in another place, if there is one.
type teller struct {
	out io.Writer
	// instead is nil until something was done of which somebody has to hear.
	instead io.Writer
	err     error
}

// Write writes to the place that still takes something.
func (t *teller) Write(b []byte) (int, error) {
	if t.err == nil {
		var n int
		if n, t.err = t.out.Write(b); t.err == nil {
			return n, nil
		}
	}
	if t.instead == nil {
		return 0, t.err
	}
	return t.instead.Write(b)
}

// end gives what a check ends with: it has failed when it could not be told.
func (t *teller) end(err error) error {
	if t.err == nil || message(err) != "" {
		return err
	}
	return &verdict{code: exitCode(errors.Join(err, t.err), false), err: t.err}
}

// undisturbed keeps the end of a pipe or of a terminal from ending the process, until
// stop is called: what was sent is to be gone through with, and told.
func undisturbed() (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGPIPE, syscall.SIGHUP)
	return func() { signal.Stop(signals) }
}
