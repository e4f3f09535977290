package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/docstest/logdoc"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// Schedules of a daemon under test: cycles one after the other, or the first only.
const (
	always = "@every 1s"
	seldom = "@every 1000h"
)

// daemon is `preauth-sync run` under way.
type daemon struct {
	*process
	world *served
	// url is where metrics and health are.
	url string
}

// daemon starts one, with additions to the environment, and waits until it runs.
func (s *served) daemon(t *testing.T, env ...string) *daemon {
	t.Helper()
	address := freeAddress(t)
	s.edit(t, `listen: ""`, `listen: "`+address+`"`)
	d := &daemon{process: s.beginIn(t, env, "run"), world: s, url: "http://" + address}
	d.says(t, "daemon.started", 1)
	t.Cleanup(func() { d.asDocumented(t) })
	return d
}

var logged = regexp.MustCompile(`(?m)^\{.+\}\n`)

// asDocumented holds what it has logged against docs/logs.md. Of one that was killed
// the last line may be a part, and one that hung has printed where.
func (p *process) asDocumented(t *testing.T) {
	t.Helper()
	for _, fault := range logdoc.Faults("../../docs/logs.md", strings.Join(logged.FindAllString(p.stderr.String(), -1), "")) {
		t.Errorf("the log is not as docs/logs.md says: %v", fault)
	}
}

// freeAddress is one on loopback where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// says waits until an event has been logged n times.
func (p *process) says(t *testing.T, event string, n int) {
	t.Helper()
	pattern := regexp.MustCompile(`(?s)(?:"event":"` + regexp.QuoteMeta(event) + `".*?){` + strconv.Itoa(n) + `}`)
	if err := p.stderr.await(t.Context(), pattern); err != nil {
		t.Fatal(err)
	}
}

// sends waits until n requests of an operation have arrived.
func (d *daemon) sends(t *testing.T, operation string, n int) {
	t.Helper()
	if err := d.world.await(t.Context(), operation, n); err != nil {
		t.Fatalf("%v; it said:\n%s", err, &d.stderr)
	}
}

func (d *daemon) kick(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := d.signal(s); err != nil {
		t.Fatal(err)
	}
}

// stop ends a daemon in order, and wants its log whole and without secrets.
func (d *daemon) stop(t *testing.T) {
	t.Helper()
	d.kick(t, syscall.SIGTERM)
	d.stopped(t, 0)
}

// stopped waits for the end that has been asked for, and looks at what was said.
func (d *daemon) stopped(t *testing.T, code int) {
	t.Helper()
	ended(t, d.process, code)
	lines, err := readLogs(d.stderr.String())
	if err != nil {
		t.Fatal(err)
	}
	if last := lines[len(lines)-1]["event"]; last != "daemon.stopped" {
		t.Errorf("the last line is %v:\n%s", last, &d.stderr)
	}
	if d.stdout.String() != "" {
		t.Errorf("it wrote to stdout: %s", &d.stdout)
	}
	for _, secret := range d.world.secrets() {
		if strings.Contains(d.stderr.String(), secret) {
			t.Error("a secret was said")
		}
	}
}

// get asks the daemon.
func (d *daemon) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	reply, err := d.world.client.Get(d.url + path)
	if err != nil {
		t.Fatalf("%v; it said:\n%s", err, &d.stderr)
	}
	defer reply.Body.Close()
	content, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(content)
}

// ready waits until /readyz says that nothing keeps the daemon from its work.
func (d *daemon) ready(t *testing.T) {
	t.Helper()
	d.becomes(t, http.StatusOK, `{"ready":true,"problems":[],"notes":[`)
}

// becomes waits until /readyz answers with a status and a text.
func (d *daemon) becomes(t *testing.T, want int, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		status, body := d.get(t, "/readyz")
		if status == want && strings.Contains(body, text) {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("/readyz stays %d: %s; it said:\n%s", status, body, &d.stderr)
		}
		d.after(10 * time.Millisecond)
	}
}

func TestTheDaemonRunsACycleAtOnceAndOneAtEachTick(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: always})
	d := w.daemon(t)
	d.says(t, "cycle.finished", 1)
	w.account(t, 6, 0)
	w.charge(t, 0)
	d.says(t, "capture.applied", 1)
	d.says(t, "cycle.finished", 3)
	d.stop(t)
	w.account(t, 6, 1)
	w.audit(t)

	lines, err := readLogs(d.stderr.String())
	if err != nil {
		t.Fatal(err)
	}
	var began []time.Time
	for _, line := range lines {
		if line["event"] == "cycle.started" {
			at, err := time.Parse(time.RFC3339, line["ts"].(string))
			if err != nil {
				t.Fatal(err)
			}
			began = append(began, at)
		}
	}
	// However late a tick is answered on a busy machine, there is one cycle for each, and
	// the one at the start.
	span := began[len(began)-1].Sub(began[0])
	if most := int(span/time.Second) + 2; len(began) > most {
		t.Errorf("%d cycles began within %s", len(began), span)
	}
}

func TestASignalBetweenCyclesEndsTheDaemonAtOnce(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			w := six(t, simulator.ConfigOptions{Schedule: seldom})
			d := w.daemon(t)
			d.ready(t)
			d.kick(t, s)
			d.stopped(t, 0)
			var events []string
			lines, _ := readLogs(d.stderr.String()) // stopped has read it
			for _, line := range lines {
				events = append(events, line["event"].(string))
			}
			end := []string{"cycle.finished", "daemon.stopping", "daemon.stopped"}
			if !slices.Equal(events[max(0, len(events)-len(end)):], end) || events[0] != "daemon.started" {
				t.Errorf("it said %q", events)
			}
			w.account(t, 6, 0)
			w.audit(t)
		})
	}
}

func TestADaemonThatIsTerminatedWaitsForWhatItHasSent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		operation string
		with      syscall.Signal
		// charged have their holds before; under way is how many writes are sent at once.
		charged  []int
		underWay int
	}{
		{simulator.OpCreate, syscall.SIGTERM, nil, 1}, // the first is sent alone
		{simulator.OpCapture, syscall.SIGINT, []int{0, 1, 2, 3}, 2},
	} {
		t.Run(c.operation, func(t *testing.T) {
			t.Parallel()
			w := six(t, simulator.ConfigOptions{Schedule: always, Timeout: patience, Settle: 200 * time.Millisecond})
			w.edit(t, "v4:\n", "v4:\n  concurrency: 2\n")
			if c.operation == simulator.OpCapture {
				w.run(t, 0, "run", "--once")
				w.charge(t, c.charged...)
			}
			open := w.gate(t, c.operation)
			d := w.daemon(t)
			d.sends(t, c.operation, c.underWay)
			d.kick(t, c.with)
			d.says(t, "daemon.stopping", 1)
			open()
			d.stopped(t, 0)
			if n, m := told(t, d.process, c.operation+".applied"), w.seen(c.operation); n != c.underWay || m != n {
				t.Errorf("%d had been sent, %d were applied, and %d were sent in all", c.underWay, n, m)
			}
			w.runUntilClean(t)
			w.account(t, 6, len(c.charged))
			if n := w.seen(simulator.OpCreate) + w.seen(simulator.OpCapture); n != 6+len(c.charged) {
				t.Errorf("%d writes were sent for %d", n, 6+len(c.charged))
			}
			w.audit(t)
		})
	}
}

func TestADaemonThatGetsNoReplyEndsWithinItsDrain(t *testing.T) {
	t.Parallel()
	const timeout = 400 * time.Millisecond
	w := six(t, simulator.ConfigOptions{Schedule: seldom, Timeout: timeout, Settle: 200 * time.Millisecond})
	w.Inject(simulator.Fault{Operation: simulator.OpCreate, Kind: simulator.KindHang, After: true, Nth: 1})
	d := w.daemon(t)
	d.sends(t, simulator.OpCreate, 1)
	began := time.Now()
	d.kick(t, syscall.SIGTERM)
	d.stopped(t, 0)
	// The contract is the time-out and 15 s; what is waited for beyond it is a commit.
	if took := time.Since(began); took > timeout+10*time.Second {
		t.Errorf("it took %s", took)
	}
	if told(t, d.process, "create.unknown") != 1 || w.seen(simulator.OpSearch) > 0 {
		t.Errorf("it did not leave the doubt to the next run:\n%s", &d.stderr)
	}
	w.run(t, 0, "run", "--once")
	w.account(t, 6, 0)
	w.audit(t)
}
