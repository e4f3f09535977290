package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

// TestMain lets the test binary be preauth-sync too: re-executed under that
// name it runs the real main, with its signals and its exit codes.
func TestMain(m *testing.M) {
	testscript.Main(leakFree{m}, map[string]func(){"preauth-sync": main, "traced": traced, "many": serveMany})
}

// raceOptions keep a binary built with -race from sleeping a second at its end.
const raceOptions = "atexit_sleep_ms=0"

// leakFree fails a run that leaves a goroutine behind.
type leakFree struct{ *testing.M }

// Run runs the tests, then looks.
func (m leakFree) Run() int {
	code := m.M.Run()
	if code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "goleak:", err)
		return 1
	}
	return 0
}

// TestScripts runs testdata/script. What its commands beyond testscript's own do
// is said at each of them.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			s := newScript()
			env.Values[scriptKey{}] = s
			env.Defer(s.close)
			example, err := os.ReadFile("../../config.example.yaml")
			if err != nil {
				return err
			}
			env.Setenv("GORACE", raceOptions)
			// A configuration of the machine's must not be found.
			env.Setenv("PREAUTH_SYNC_CONFIG", env.WorkDir+"/config.yaml")
			return os.WriteFile(env.WorkDir+"/config.example.yaml", example, 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"simulator": cmdSimulator, "sim": cmdSim, "edit": cmdEdit, "damage": cmdDamage, "empty": cmdEmpty,
			"exits": cmdExits, "begin": cmdBegin, "said": cmdSaid, "signal": cmdSignal, "ended": cmdEnded,
			"json": cmdJSON, "logs": cmdLogs,
		},
	})
}
