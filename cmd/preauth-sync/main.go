// Command preauth-sync mirrors card preauthorizations from a hotel PMS into a
// billing platform.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"github.com/preauth-sync/preauth-sync/internal/cli"
)

func main() {
	if os.Getenv("GOGC") == "" {
		keepHeap()
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	go func() {
		// The first signal lets what has been sent finish; without the handler the
		// second one ends the process, which the journal is made for.
		<-ctx.Done()
		stop()
	}()
	code := cli.Main(ctx, cli.Process{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, LookupEnv: os.LookupEnv,
		Terminals: cli.Terminals{Stdin: terminal(os.Stdin), Stdout: terminal(os.Stdout), Stderr: terminal(os.Stderr)},
		Hangups:   hangups,
	})
	os.Exit(code) //nolint:forbidigo // main is where exit codes leave
}

func terminal(stream *os.File) bool { return term.IsTerminal(int(stream.Fd())) }

// hangups gives SIGHUP to the daemon. Several that come while it is busy are one.
func hangups() (signals <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}
