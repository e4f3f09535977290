package alerts_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

const root = "../.."

// patience is how long something may take that takes no time.
const patience = 20 * time.Second

// job is what docs/alerts.yaml asks a scrape to be called.
const job = "preauth-sync"

// sample is one of a scrape.
type sample struct {
	labels labels.Labels
	value  float64
}

// scraped gives what Prometheus would store of a real daemon that mirrors from a
// simulator to a simulator, with something held and something parked.
func scraped(t *testing.T) []sample {
	t.Helper()
	return scrapedAfter(t, func(string, string, string) {})
}

// halted gives what it would store of one that is paused while the PMS charges: that
// awaits its capture.
func halted(t *testing.T) []sample {
	t.Helper()
	return scrapedAfter(t, func(program, config, apis string) {
		enter(t, program, "-c", config, "run", "--once")
		enter(t, program, "-c", config, "pause")
		ask(t, http.MethodPost, apis+"/simulator/preauthorizations", `{"id":"153e014f-b76c-423c-a1e7-443cc354ab01","state":"Charged"}`)
	})
}

func scrapedAfter(t *testing.T, work func(program, config, apis string)) []sample {
	t.Helper()
	program := build(t)
	dir := t.TempDir()
	apis := start(t, program, "# serving ", "simulate", "--customers", "3", "--dir", dir)
	park(t, apis)
	config, address := filepath.Join(dir, "config.yaml"), free(t)
	content, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	listening := strings.Replace(string(content), `listen: ""`, "listen: "+address, 1)
	if err := os.WriteFile(config, []byte(listening), 0o600); err != nil {
		t.Fatal(err)
	}
	work(program, config, apis)
	start(t, program, "cycle.finished", "-c", config, "run")
	ready(t, "http://"+address+"/readyz")
	return append(parse(t, get(t, "http://"+address+"/metrics")), sample{
		labels.FromStrings(model.MetricNameLabel, "up", "job", job, "instance", "localhost:9464"), 1,
	})
}

func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "preauth-sync")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/preauth-sync")
	cmd.Dir = root
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return program
}

// enter runs a command to its end.
func enter(t *testing.T, program string, args ...string) {
	t.Helper()
	if output, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, output)
	}
}

// start runs the program for the test's length, waits for a line with a text, and
// gives what follows the text.
func start(t *testing.T, program, text string, args ...string) (rest string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = writer.Close()
	said, drained := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(drained)
		defer close(said)
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			if _, after, found := strings.Cut(lines.Text(), text); found {
				select {
				case said <- after:
				default: // it has been said before
				}
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was told to end
		<-drained
		_ = reader.Close()
	})
	select {
	case rest, found := <-said:
		if !found {
			t.Fatalf("%v ended without a word of %q", args, text)
		}
		return rest
	case <-time.After(patience):
		t.Fatalf("%v says nothing of %q", args, text)
		return ""
	}
}

// park makes the PMS show a preauthorization in a currency that nobody bills in.
func park(t *testing.T, apis string) {
	t.Helper()
	// One of those that the simulator's first seed makes.
	ask(t, http.MethodPost, apis+"/simulator/preauthorizations", `{"id":"1662b42e-ddab-4469-980c-350510100045","currency":"USD"}`)
}

// ready waits until the daemon's first cycle counts.
func ready(t *testing.T, url string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < patience; <-tick.C {
		asked, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := (&http.Client{Timeout: patience}).Do(asked)
		if err != nil {
			t.Fatal(err)
		}
		_ = reply.Body.Close()
		if reply.StatusCode == http.StatusOK {
			return
		}
	}
	t.Fatal("the daemon does not become ready")
}

func get(t *testing.T, url string) string {
	t.Helper()
	return ask(t, http.MethodGet, url, "")
}

func ask(t *testing.T, method, url, body string) string {
	t.Helper()
	asked, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	reply, err := (&http.Client{Timeout: patience}).Do(asked)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reply.Body.Close() }()
	content, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %v: %s", url, reply.Status, err, content)
	}
	return string(content)
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

// parse reads the text format, as a scrape of the job does.
func parse(t *testing.T, text string) (all []sample) {
	t.Helper()
	parser := textparse.NewPromParser([]byte(text), labels.NewSymbolTable(), false)
	for {
		entry, err := parser.Next()
		switch {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatal(err)
		case entry != textparse.EntrySeries:
			continue
		}
		var of labels.Labels
		parser.Labels(&of)
		_, _, value := parser.Series()
		builder := labels.NewBuilder(of)
		builder.Set("job", job).Set("instance", "localhost:9464")
		all = append(all, sample{builder.Labels(), value})
	}
}
