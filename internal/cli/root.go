// Package cli is the command line: one file a command. Commands write results
// to stdout and return errors; Main says the error and gives the exit code.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/config"
)

// Process is what the command line gets from its process.
type Process struct {
	// Args are without the program's name.
	Args           []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Terminals      Terminals
	LookupEnv      func(string) (string, bool)
	// Hangups asks for SIGHUP from now on, until stop is called; without it that
	// signal ends the process. Nil means that there is none.
	Hangups func() (signals <-chan os.Signal, stop func())
}

// Terminals says which of a process's streams are terminals, with somebody before them.
type Terminals struct{ Stdin, Stdout, Stderr bool }

// defaultConfig is read when neither -c nor $PREAUTH_SYNC_CONFIG names a file.
const defaultConfig = "/etc/preauth-sync/config.yaml"

// Main runs one command and gives the process's exit code. Cancelling ctx
// interrupts it; what has been sent to the sink is still waited for.
func Main(ctx context.Context, p Process) int {
	root := newRoot(&p) //nolint:contextcheck // cobra hands ctx to each command
	root.SetArgs(p.Args)
	cmd, err := root.ExecuteContextC(ctx)
	if _, told := errors.AsType[*usageError](err); err != nil && cmd == root && !told {
		err = &usageError{root, oneLine(err)} // it is no command's: nothing but an unknown one
	}
	code := exitCode(err, ctx.Err() != nil)
	if said := message(err); said != "" {
		fmt.Fprintln(p.Stderr, "preauth-sync: "+said)
	}
	return code
}

// Commands gives every command as it is registered, for pages and completions that
// are made of them. They are not for running: there is no process around them.
func Commands() *cobra.Command { return newRoot(&Process{}) }

// env is what every command gets.
type env struct {
	*Process
	configPath string
}

func newRoot(p *Process) *cobra.Command {
	e := &env{Process: p}
	root := &cobra.Command{
		Use:   "preauth-sync",
		Short: "Mirror card preauthorizations from a hotel PMS into a billing platform",
		Long: "preauth-sync mirrors every card preauthorization of a hotel's PMS (the Connector API) into a billing\n" +
			"platform (the v4 PaymentPreAuthorize API), and captures it there once the PMS has charged it:\n" +
			"at most one create and one capture each, none silently dropped, and what cannot be decided is parked.\n\n" +
			"Try `preauth-sync demo`: it needs no configuration.",
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.Version = built().version
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	root.PersistentFlags().StringVarP(&e.configPath, "config", "c", "",
		"configuration `FILE` (default $PREAUTH_SYNC_CONFIG, then "+defaultConfig+")")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{cmd, err.Error()} })
	root.AddCommand(
		newRun(e), newPlan(e), newBackfill(e), newPause(e), newResume(e), newCheck(e), newStatus(e), newShow(e), newParked(e), newAudit(e), newState(e),
		newSimulate(e), newDemo(e), newVersion(e), newCompletion(),
	)
	sayUsage(root)
	e.completeProperties(root)
	return root
}

// load reads the configuration that the flags and the environment name.
func (e *env) load() (*config.Config, error) {
	path := e.configPath
	if path == "" {
		path, _ = e.LookupEnv("PREAUTH_SYNC_CONFIG")
	}
	if path == "" {
		path = defaultConfig
	}
	credentials, service := e.LookupEnv("CREDENTIALS_DIRECTORY")
	if !service { // a command of root's, who reads what the service gets copies of
		credentials = filepath.Join(filepath.Dir(path), "credentials")
	}
	return config.Load(path, config.Options{LookupEnv: e.LookupEnv, CredentialsDir: credentials})
}
