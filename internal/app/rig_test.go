package app

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/docstest/logdoc"
	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// rig is a daemon between a simulated PMS and a simulated billing platform, in
// virtual time: the wall clock begins at midnight, UTC.
type rig struct {
	*service

	t      *testing.T
	world  *simulator.World
	server *simulator.Memory
	folder string
	logs   *logs
	// load is what the daemon's Load does.
	load    func() (*config.Config, error)
	hangups chan os.Signal
	stop    context.CancelFunc
	// ended gives what run has returned; over is set once it has.
	ended chan error
	over  bool
}

// inRig runs a test in a bubble of virtual time. When it is over the daemon is
// stopped, its state file verified, and nothing may have been had twice.
func inRig(t *testing.T, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := simulator.New(simulator.Options{Seed: 1})
		r := &rig{t: t, world: w, server: w.Memory(), folder: t.TempDir(), logs: &logs{}, hangups: make(chan os.Signal, 1)}
		t.Cleanup(func() {
			if r.service != nil && !r.over {
				r.must(r.end())
			}
			r.must(r.server.Close())
			w.Close()
			ledgertest.Verify(t, r.path())
			if got := w.Account(); got.DuplicateCreates+got.DuplicateCaptures+len(got.Violations) > 0 {
				t.Errorf("%+v", got)
			}
			for _, fault := range logdoc.Faults("../../docs/logs.md", r.logs.String()) {
				t.Errorf("the log is not as docs/logs.md says: %v", fault)
			}
			if t.Failed() {
				t.Logf("the log:\n%s", r.logs)
			}
		})
		test(r)
	})
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) path() string { return filepath.Join(r.folder, "state.db") }

// config gives the world's configuration as it is now, with a cycle every five minutes.
func (r *rig) config(change ...func(*config.Config)) *config.Config {
	r.t.Helper()
	cfg := r.scheduled("*/5 * * * *")
	for _, each := range change {
		each(cfg)
	}
	return cfg
}

func (r *rig) scheduled(schedule string) *config.Config {
	r.t.Helper()
	file := filepath.Join(r.folder, "config.yaml")
	text := r.world.ConfigYAML(simulator.ConfigOptions{
		Address: r.server.URL(), StatePath: r.path(), CustomersDir: r.folder, Schedule: schedule,
		Timeout: 30 * time.Second, Settle: 5 * time.Minute,
	})
	r.must(os.WriteFile(file, []byte(text), 0o600))
	cfg, err := config.Load(file, config.Options{})
	r.must(err)
	return cfg
}

// begin runs a daemon. outside changes what it is given from outside.
func (r *rig) begin(cfg *config.Config, outside ...func(*Outside)) {
	r.t.Helper()
	out := Outside{
		Logs: r.logs, Clock: time.Now, Random: func() float64 { return 0 },
		Transport: httpx.TransportConfig{DialContext: r.server.DialContext, NoProxy: true},
	}
	for _, each := range outside {
		each(&out)
	}
	r.service = &service{Daemon: Daemon{
		Load: func() (*config.Config, error) { return r.load() }, Hangups: r.hangups, Outside: out.withDefaults(),
	}}
	var ctx context.Context
	ctx, r.stop = context.WithCancel(r.t.Context())
	r.ended, r.over = make(chan error, 1), false
	go func() { r.ended <- r.run(ctx, cfg) }()
	synctest.Wait()
}

// end stops the daemon and gives what it returned.
func (r *rig) end() error {
	r.stop()
	return r.wait()
}

// wait gives what the daemon returns by itself.
func (r *rig) wait() error {
	r.t.Helper()
	err := <-r.ended
	r.over = true
	return err
}

// pass lets virtual time pass.
func (r *rig) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// hangUp sends SIGHUP: what the daemon is to load next.
func (r *rig) hangUp(load func() (*config.Config, error)) {
	r.load = load
	r.hangups <- syscall.SIGHUP
	synctest.Wait()
}

// hold adds a chargeable preauthorization of a new customer to a property of the PMS.
func (r *rig) hold(property string) string {
	r.t.Helper()
	id, err := r.world.AddPreauthorization(simulator.Preauthorization{Enterprise: property, Amount: decimal.NewFromInt(20)})
	r.must(err)
	return id
}

// phase gives what the state file says of a preauthorization.
func (r *rig) phase(id string) plan.Phase {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "state.db") // a copy, so that the daemon can have its own meanwhile
	content, err := os.ReadFile(r.path())
	r.must(err)
	r.must(os.WriteFile(file, content, 0o600))
	l, err := state.Open(state.Options{Path: file, Mode: state.ReadOnly})
	r.must(err)
	defer func() { _ = l.Close() }()
	rec, _, err := l.Record(r.t.Context(), preauth.ID(id))
	r.must(err)
	return rec.Phase
}

// expect compares the phases of preauthorizations.
func (r *rig) expect(want plan.Phase, ids ...string) {
	r.t.Helper()
	for _, id := range ids {
		if got := r.phase(id); got != want {
			r.t.Errorf("%s is %s, want %s", id, got, want)
		}
	}
}

// events gives the log lines of an event.
func (r *rig) events(event string) []map[string]any {
	r.t.Helper()
	var found []map[string]any
	for text := range strings.Lines(r.logs.String()) {
		var line map[string]any
		r.must(json.Unmarshal([]byte(text), &line))
		if line["event"] == event {
			found = append(found, line)
		}
	}
	return found
}

func (r *rig) told(event string, times int) {
	r.t.Helper()
	if got := len(r.events(event)); got != times {
		r.t.Errorf("the log tells %s %d times, want %d", event, got, times)
	}
}

// cycles gives when the cycles of a property have begun, as the time of day.
func (r *rig) cycles(property string) []string {
	r.t.Helper()
	var times []string
	for _, line := range r.events("cycle.started") {
		at, err := time.Parse(time.RFC3339Nano, line["ts"].(string))
		r.must(err)
		if line["property"] == property {
			times = append(times, at.Format("15:04:05"))
		}
	}
	return slices.Clip(times)
}

// logs is where the daemon logs.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
