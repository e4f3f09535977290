package docstest

import (
	"go/ast"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/docstest/logdoc"
)

const logs = "docs/logs.md"

func TestTheEventsAreThoseOfTheCode(t *testing.T) {
	said, err := logdoc.Read(filepath.Join(root, logs))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(declaredEvents(t), slices.Sorted(maps.Keys(said))); diff != "" {
		t.Errorf("the tables differ (-code +document):\n%s", diff)
	}
}

// declaredEvents are the names of events.go.
func declaredEvents(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, decl := range parseGo(t, "internal/telemetry/events.go").Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			event, err := strconv.Unquote(spec.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, event)
		}
	}
	slices.Sort(all)
	return all
}

// The tests of the engine and of the daemon hold every line that they cause against
// the document. What commands cause beside them is caused here.
func TestWhatCommandsCauseIsLoggedAsTheDocumentSays(t *testing.T) {
	var all strings.Builder
	run := func(s session, want int, line string) {
		t.Helper()
		code, out, errs := program(t.Context(), nil, append([]string{"-c", s.config}, strings.Fields(line)...)...)
		if code != want {
			t.Errorf("%s ends with %d: %s%s", line, code, out, errs)
		}
		all.WriteString(errs)
	}

	alone := simulate(t)
	for was, is := range map[string]string{
		"timeout: 2s": "timeout: 300ms", "settle: 2s": "settle: 300ms", `socket: ""`: "socket: nowhere/control.sock",
	} {
		alone.alter(t, was, is)
	}
	alone.curl(t, "$SIM/simulator/faults", `{"api":"v4","operation":"create","kind":"reset_after","times":1}`)
	run(alone, 0, "backfill --yes")
	deaf := background(t, "cycle.finished", "-c", alone.config, "run")

	asked := simulate(t)
	asked.alter(t, "connector:", "log: {level: debug}\nconnector:")
	asked.alter(t, `socket: ""`, "socket: control.sock")
	daemon := background(t, "cycle.finished", "-c", asked.config, "run")
	asked.curl(t, "$SIM/simulator/preauthorizations", `{"id":"1662b42e-ddab-4469-980c-350510100045","amount":"17.00"}`)
	for _, line := range []string{
		"pause", "resume", "backfill --yes", "parked retry --reason amount_changed", "backfill --yes",
		"parked resolve --reason amount_changed --as released --note seen",
	} {
		run(asked, 0, line)
	}
	run(asked, 4, "run --once")

	all.WriteString(daemon.said() + deaf.said())
	for _, event := range []string{
		"daemon.started", "writes.paused", "writes.resumed", "backfill.progress", "action.parked", "parked.retried",
		"parked.resolved", "control.answered", "control.failed", "run.failed", "request",
	} {
		if !strings.Contains(all.String(), `"event":"`+event+`"`) {
			t.Errorf("nothing here has logged %s", event)
		}
	}
	for _, fault := range logdoc.Faults(filepath.Join(root, logs), all.String()) {
		t.Error(fault)
	}
}

// said is everything so far.
func (a *announced) said() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.all.String()
}
