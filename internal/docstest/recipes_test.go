package docstest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// journalctl is one that gives a log in place of the journal, after the real one has
// taken the same arguments for an empty journal. Like the real one it puts systemd's
// own words among the lines, and what came before each where -o cat is missing.
const journalctl = `#!/bin/bash
set -euo pipefail
before='Nov 21 08:50:43 host preauth-sync[17]: '
taken=()
for argument in "$@"; do
	case $argument in
	-f | --follow) ;; # it would wait for more
	cat) before= && taken+=("$argument") ;;
	*) taken+=("$argument") ;;
	esac
done
"$JOURNALCTL" --directory="$EMPTY" "${taken[@]}" >/dev/null
sed "s/^/$before/" <<<'Started preauth-sync.service - Mirror of card preauthorizations.'
sed "s/^/$before/" "$LOG"
`

func TestTheRecipesGiveWhatTheDocumentShows(t *testing.T) {
	host := afterWork(t)
	seen := 0
	for _, found := range recipe.FindAllStringSubmatch(read(t, logs), -1) {
		seen++
		t.Run(found[1], func(t *testing.T) {
			out := host.enter(t, found[2])
			if out == "" {
				t.Errorf("%s gives nothing", found[2])
			}
			compare(t, logs, found[1], "$ "+found[2]+"\n"+out)
		})
	}
	if seen < 5 {
		t.Errorf("only %d recipes were found", seen)
	}
}

func TestEveryLookIntoTheLogThatADocumentTellsOfWorks(t *testing.T) {
	host := afterWork(t)
	seen := 0
	for _, path := range documents(t) {
		for _, found := range fence.FindAllStringSubmatch(read(t, path), -1) {
			for line := range strings.Lines(found[2]) {
				if found[1] == "sh" && strings.HasPrefix(line, "journalctl ") && strings.Contains(line, "| jq") {
					seen++
					host.enter(t, strings.TrimSpace(line))
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no document tells of one")
	}
}

// host is a machine with the tools of operators and a log.
type host struct {
	shell       string
	environment []string
}

// afterWork is one on which the service has worked for a while.
func afterWork(t *testing.T) host {
	t.Helper()
	here := map[string]string{}
	for _, tool := range []string{"bash", "jq", "journalctl"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Skipf("%s is not installed, so no look into the log can be tried", tool)
		}
		here[tool] = path
	}
	folder := t.TempDir()
	write(t, filepath.Join(folder, "log"), morning(t))
	write(t, filepath.Join(folder, "bin", "journalctl"), journalctl)
	if err := os.Chmod(filepath.Join(folder, "bin", "journalctl"), 0o700); err != nil {
		t.Fatal(err)
	}
	return host{here["bash"], []string{
		"PATH=" + filepath.Join(folder, "bin") + string(filepath.ListSeparator) + os.Getenv("PATH"),
		"JOURNALCTL=" + here["journalctl"], "EMPTY=" + t.TempDir(), "LOG=" + filepath.Join(folder, "log"),
	}}
}

// enter runs a line, which must not fail, and gives what it prints.
func (h host) enter(t *testing.T, line string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), h.shell, "-o", "pipefail", "-c", line)
	cmd.Env = h.environment
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%s: %v: %s", line, err, &errs)
	}
	return string(out)
}

var recipe = regexp.MustCompile("<!-- ([a-z0-9 ]+) -->\n```text\n\\$ (journalctl .+)\n")

// morning is the log of some work: two captures, one without an answer, an amount
// that changes.
func morning(t *testing.T) string {
	t.Helper()
	s := simulate(t)
	s.alter(t, "connector:", "log: {level: debug}\nconnector:")
	var log strings.Builder
	work := func() {
		_, _, stderr := program(t.Context(), nil, "-c", s.config, "run", "--once")
		log.WriteString(stderr)
	}
	work()
	s.curl(t, "$SIM/simulator/preauthorizations", `{"id":"1662b42e-ddab-4469-980c-350510100045","state":"Charged"}`)
	s.curl(t, "$SIM/simulator/faults", `{"api":"v4","operation":"capture","kind":"status_after","status":503,"times":1}`)
	work()
	s.curl(t, "$SIM/simulator/preauthorizations", `{"id":"153e014f-b76c-423c-a1e7-443cc354ab01","state":"Charged"}`)
	s.curl(t, "$SIM/simulator/preauthorizations", `{"id":"2f5d49db-a674-4bb0-bc21-0c7340a7b3d8","state":"Charged"}`)
	s.curl(t, "$SIM/simulator/preauthorizations", `{"id":"90811e89-c155-4005-9ad8-10b9aceae9af","amount":"17.00"}`)
	work()
	return log.String()
}

// alter puts another text into the session's configuration.
func (s session) alter(t *testing.T, was, is string) {
	t.Helper()
	content, err := os.ReadFile(s.config)
	if err != nil || !strings.Contains(string(content), was) {
		t.Fatalf("the configuration has no %q: %v", was, err)
	}
	write(t, s.config, strings.Replace(string(content), was, is, 1))
}
