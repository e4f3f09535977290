package docstest

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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

// announced is closed once a text has been written.
type announced struct {
	text string
	seen chan struct{}
	once sync.Once
	mu   sync.Mutex
	all  bytes.Buffer
}

// Write looks for the text in all that has been written.
func (a *announced) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all.Write(p)
	if strings.Contains(a.all.String(), a.text) {
		a.once.Do(func() { close(a.seen) })
	}
	return len(p), nil
}

// background runs a command that lasts until the test's end, and waits until it
// has written a text.
func background(t *testing.T, text string, args ...string) *announced {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out, ended := &announced{text: text, seen: make(chan struct{})}, make(chan int, 1)
	go func() {
		ended <- cli.Main(ctx, cli.Process{
			Args: args, Stdin: strings.NewReader(""), Stdout: out, Stderr: out,
			LookupEnv: func(string) (string, bool) { return "", false },
		})
	}()
	select {
	case <-out.seen:
	case code := <-ended:
		stop()
		t.Fatalf("%s ended with %d: %s", args[0], code, out.all.String())
	}
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("%s ended with %d: %s", args[0], code, out.all.String())
		}
	})
	return out
}

// session is a terminal in which a block's commands are typed.
type session struct {
	config string
	// addresses are those that the document names, and what they are here.
	addresses map[string]string
}

var served = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// simulate serves both APIs for the test's length, with more flags if there are any.
// Metrics are listened for where the document says that they are by default.
func simulate(t *testing.T, flags ...string) session {
	t.Helper()
	dir := t.TempDir()
	out := background(t, "# try:", append([]string{"simulate", "--dir", dir, "--customers", "3"}, flags...)...)
	out.mu.Lock()
	apis := served.FindString(out.all.String())
	out.mu.Unlock()
	s := session{config: filepath.Join(dir, "config.yaml"), addresses: map[string]string{"$SIM": apis, "127.0.0.1:9464": free(t)}}
	content, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	listening := strings.Replace(string(content), `listen: ""`, "listen: "+s.addresses["127.0.0.1:9464"], 1)
	if err := os.WriteFile(s.config, []byte(listening), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// free is an address where nobody listens.
func free(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// patience is how long something may take that takes no time.
const patience = 10 * time.Second

// daemon runs the daemon for the test's length, and waits for its first cycle's end.
func (s session) daemon(t *testing.T) {
	t.Helper()
	background(t, "cycle.finished", "-c", s.config, "run")
	for began := time.Now(); !strings.Contains(s.curl(t, "127.0.0.1:9464/readyz", ""), `"ready":true`); {
		if time.Since(began) > patience {
			t.Fatal("the daemon does not become ready")
		}
	}
}

// replay types the commands of a document's block again, and gives the block as it
// would be now.
func (s session) replay(t *testing.T, path, name string) string {
	t.Helper()
	var now strings.Builder
	for line := range strings.Lines(block(t, path, name)) {
		command, is := strings.CutPrefix(line, "$ ")
		if !is {
			continue
		}
		out := s.enter(t, strings.TrimSpace(command))
		now.WriteString(line + strings.ReplaceAll(out, filepath.Dir(s.config), "/tmp/sim"))
	}
	return now.String()
}

var request = regexp.MustCompile(`^curl -s (?:-d '(.+)' )?(\S+)(?: \| grep (\S+)| (>/dev/null))?$`)

// enter runs one line: a command of the program, or a request of curl.
func (s session) enter(t *testing.T, line string) string {
	t.Helper()
	if asked := request.FindStringSubmatch(line); asked != nil {
		if reply := s.curl(t, asked[2], asked[1]); asked[4] == "" {
			return grep(reply, asked[3])
		}
		return ""
	}
	command, is := strings.CutPrefix(line, "preauth-sync ")
	if !is {
		s.file(t, line)
		return ""
	}
	command, _, _ = strings.Cut(command, " 2>")
	args := words(strings.ReplaceAll(command, "/tmp/sim", filepath.Dir(s.config)))
	_, out, stderr := program(t.Context(), map[string]string{"PREAUTH_SYNC_CONFIG": s.config}, args...)
	if strings.HasPrefix(stderr, "preauth-sync: ") {
		t.Errorf("%s says %s", line, stderr)
	}
	return out
}

// file copies, removes or edits files of the simulated installation.
func (s session) file(t *testing.T, line string) {
	t.Helper()
	args := words(strings.ReplaceAll(line, "/tmp/sim", filepath.Dir(s.config)))
	if !slices.Contains([]string{"cp", "rm", "sed"}, args[0]) {
		t.Fatalf("nothing here can run %q", line)
	}
	if said, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %s", line, err, said)
	}
}

var word = regexp.MustCompile(`'([^']*)'|\S+`)

// words divides a command line as a shell does.
func words(line string) []string {
	var all []string
	for _, found := range word.FindAllString(line, -1) {
		all = append(all, strings.Trim(found, "'"))
	}
	return all
}

func (s session) curl(t *testing.T, url, body string) string {
	t.Helper()
	for called, is := range s.addresses {
		url = strings.Replace(url, called, is, 1)
	}
	if !strings.HasPrefix(url, "http") {
		url = "http://" + url
	}
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	asked, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	// An idle connection would outlive the test.
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	reply, err := client.Do(asked)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reply.Body.Close() }()
	content, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// grep keeps the lines with a text in them; "" keeps all.
func grep(text, with string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if strings.Contains(line, with) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}
