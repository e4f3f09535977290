package docstest

import (
	"bytes"
	"context"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/cli"
)

// program runs a command line in this process and gives its stdout.
func program(ctx context.Context, environment map[string]string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Main(ctx, cli.Process{
		Args: args, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs,
		LookupEnv: func(name string) (string, bool) { value, ok := environment[name]; return value, ok },
	})
	return code, out.String(), errs.String()
}

func TestTheDemoInTheReadmeIsWhatItPrints(t *testing.T) {
	code, got, stderr := program(t.Context(), nil, "demo")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if *update {
		replace(t, "demo", got)
	}
	if diff := cmp.Diff(shape(got), shape(block(t, "demo"))); diff != "" {
		t.Errorf("the demo's output has changed; -update writes it (-program +README):\n%s", diff)
	}
}

// announced is closed once a text has been written.
type announced struct {
	text string
	seen chan struct{}
	once sync.Once
	all  bytes.Buffer
}

// Write looks for the text in all that has been written.
func (a *announced) Write(p []byte) (int, error) {
	a.all.Write(p)
	if strings.Contains(a.all.String(), a.text) {
		a.once.Do(func() { close(a.seen) })
	}
	return len(p), nil
}

// simulator serves both APIs for the test's length and gives the configuration.
func simulator(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	out, ended := &announced{text: "# try:", seen: make(chan struct{})}, make(chan int, 1)
	go func() {
		ended <- cli.Main(ctx, cli.Process{
			Args: []string{"simulate", "--dir", dir, "--customers", "3"}, Stdin: strings.NewReader(""), Stdout: out, Stderr: out,
			LookupEnv: func(string) (string, bool) { return "", false },
		})
	}()
	select {
	case <-out.seen:
	case code := <-ended:
		t.Fatalf("simulate ended with %d: %s", code, out.all.String())
	}
	t.Cleanup(func() {
		stop()
		<-ended
	})
	return filepath.Join(dir, "config.yaml")
}

func TestTheFirstStepsInTheReadmeAreWhatTheCommandsPrint(t *testing.T) {
	config := simulator(t)
	var steps strings.Builder
	for line := range strings.Lines(block(t, "first steps")) {
		command, is := strings.CutPrefix(line, "$ preauth-sync ")
		if !is {
			continue
		}
		args, _, _ := strings.Cut(command, " 2>")
		_, out, stderr := program(t.Context(), map[string]string{"PREAUTH_SYNC_CONFIG": config}, strings.Fields(args)...)
		if strings.HasPrefix(stderr, "preauth-sync: ") {
			t.Errorf("%s says %s", strings.TrimSpace(line), stderr)
		}
		steps.WriteString(line + strings.ReplaceAll(out, filepath.Dir(config), "/tmp/sim"))
	}
	if *update {
		replace(t, "first steps", steps.String())
	}
	if diff := cmp.Diff(shape(steps.String()), shape(block(t, "first steps"))); diff != "" {
		t.Errorf("a command's output has changed; -update writes it (-program +README):\n%s", diff)
	}
}

// varying is what differs from run to run, and what stands for it.
var varying = []struct {
	what *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`the outcome is unknown: .*`), "the outcome is unknown: WHY"},
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "ID"},
	{regexp.MustCompile(`\b[0-9a-f]{8}…`), "ID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:]+Z`), "TIME"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`\d+ ms`), "N ms"},
	{regexp.MustCompile(`\S+ apart`), "N apart"},
	{regexp.MustCompile(`[0-9.]+ EUR`), "AMOUNT"},
	{regexp.MustCompile(`identity \d+`), "identity N"},
	{regexp.MustCompile(` +`), " "},
	{regexp.MustCompile(` *\n`), "\n"},
}

// shape is a text without what differs from run to run. The lines between two
// that stand at the margin are sorted: their order is not promised.
func shape(text string) []string {
	for _, v := range varying {
		text = v.what.ReplaceAllString(text, v.as)
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	from := 0
	for i := range len(lines) + 1 {
		if i == len(lines) || !strings.HasPrefix(lines[i], " ") {
			slices.Sort(lines[from:i])
			from = i + 1
		}
	}
	return lines
}
