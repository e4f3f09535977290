package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"go.uber.org/goleak"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/docstest/logdoc"
	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The v4 time-out and settle of every bench.
const (
	timeout = 30 * time.Second
	settle  = 5 * time.Minute
)

// v4Address leads to the same world as the PMS's address, and can be refused by itself.
const v4Address = "http://127.0.0.1:2"

// bench is the whole program, built as it is in production, between a simulated
// PMS and a simulated billing platform, in virtual time.
type bench struct {
	t      *testing.T
	world  *simulator.World
	server *simulator.Memory
	path   string
	cfg    *config.Config
	logs   *buffer
	app    *app.App
	wire   *wire
	cycles int
	files  int
	// program is the build that runs.
	program string
	// unlisted are the customers that no customers file names.
	unlisted []string
	// results are the accounts of every cycle so far.
	results []engine.Result

	mu   sync.Mutex
	seen []request
	// spy is called with each request as it arrives, before it has any effect.
	spy func(simulator.Request)
	// step is called wherever a cycle gets on, in its goroutine.
	step atomic.Pointer[func()]
}

// request is a request with its body.
type request struct {
	simulator.Request

	body string
}

// inBench runs a test on a new bench in a bubble of virtual time. When the test
// is over the program is closed, its state file verified, and the simulator's own
// ledger of effects looked at: nothing may have been had twice.
func inBench(t *testing.T, test func(b *bench)) {
	t.Helper()
	inWorld(t, simulator.Options{Seed: 1}, test)
}

func inWorld(t *testing.T, options simulator.Options, test func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := simulator.New(options)
		b := &bench{
			t: t, world: w, server: w.Memory(), path: filepath.Join(t.TempDir(), "state.db"), logs: &buffer{},
		}
		t.Cleanup(b.finish)
		b.watch()
		test(b)
	})
}

// watch notes every request. It is a rule that never applies.
func (b *bench) watch() {
	b.world.Inject(simulator.Fault{Kind: simulator.KindReset, Match: func(r simulator.Request) bool {
		b.mu.Lock()
		b.seen = append(b.seen, request{r, string(r.Body)})
		spy := b.spy
		b.mu.Unlock()
		if spy != nil {
			spy(r)
		}
		return false
	}})
}

// clear ends every fault.
func (b *bench) clear() {
	b.world.ClearFaults()
	b.watch()
}

func (b *bench) finish() {
	b.stop()
	if err := b.server.Close(); err != nil {
		b.t.Error(err)
	}
	b.world.Close()
	if b.cfg != nil {
		ledgertest.Verify(b.t, b.path)
	}
	got := b.world.Account()
	if got.DuplicateCreates+got.DuplicateCaptures > 0 {
		b.t.Errorf("%d creates and %d captures were had twice", got.DuplicateCreates, got.DuplicateCaptures)
	}
	if len(got.Violations) > 0 {
		b.t.Errorf("the client broke the rules: %q", got.Violations)
	}
	for _, fault := range logdoc.Faults("../../docs/logs.md", b.logs.String()) {
		b.t.Errorf("the log is not as docs/logs.md says: %v", fault)
	}
	if b.t.Failed() {
		b.t.Logf("the log:\n%s", b.logs)
	}
}

// configure writes the world's configuration and loads it, once.
func (b *bench) configure(change ...func(*config.Config)) {
	b.t.Helper()
	if b.cfg == nil {
		folder := b.t.TempDir()
		file := filepath.Join(folder, "config.yaml")
		text := b.world.ConfigYAML(simulator.ConfigOptions{
			Address: b.server.URL(), V4Address: v4Address, StatePath: b.path, CustomersDir: folder, Timeout: timeout, Settle: settle,
		})
		b.must(b.world.WriteCustomers(folder))
		b.must(os.WriteFile(file, []byte(text), 0o600))
		var err error
		b.cfg, err = config.Load(file, config.Options{})
		b.must(err)
		b.cfg.Log.Level = "debug"
		for i := range b.cfg.Properties {
			p := &b.cfg.Properties[i].Customers
			p.IDs, p.File = nil, filepath.Join(folder, b.cfg.Properties[i].Name+".txt")
		}
		b.list()
	}
	for _, each := range change {
		each(b.cfg)
	}
}

// start opens the program, as its process would begin.
func (b *bench) start(change ...func(*config.Config)) {
	b.t.Helper()
	b.must(b.tryStart(change...))
}

func (b *bench) tryStart(change ...func(*config.Config)) error {
	b.t.Helper()
	b.configure(change...)
	b.cfg.State.Path = b.path
	b.wire = &wire{to: b.server.DialContext}
	cycles := 0
	a, err := app.Open(b.cfg, app.Outside{
		Logs: b.logs, Clock: time.Now, Random: func() float64 { return 0 },
		Transport: b.transport(), Program: b.program,
		NewID: func() string {
			cycles++
			return fmt.Sprintf("cycle-%d-%d", b.files, cycles)
		},
		Hooks: app.Hooks{Progress: func() {
			if step := b.step.Load(); step != nil {
				(*step)()
			}
		}},
	})
	b.files++
	if err == nil {
		b.app = a
	}
	return err
}

// transport is the process's way to both APIs.
func (b *bench) transport() httpx.TransportConfig {
	return httpx.TransportConfig{DialContext: b.wire.dial, NoProxy: true}
}

// stop closes the program, if it is open.
func (b *bench) stop() {
	b.t.Helper()
	if b.app == nil {
		return
	}
	if err := b.app.Close(); err != nil {
		b.t.Error(err)
	}
	b.app = nil
}

// restart closes the program in order and opens it again.
func (b *bench) restart(change ...func(*config.Config)) {
	b.t.Helper()
	b.stop()
	b.start(change...)
}

// cycle runs one cycle, which must not end with an error.
func (b *bench) cycle() engine.Result {
	b.t.Helper()
	result, err := b.tryCycle(false)
	b.must(err)
	return result
}

func (b *bench) tryCycle(wait bool) (engine.Result, error) {
	b.t.Helper()
	result, err := b.app.Engine.Cycle(b.t.Context(), wait)
	b.cycles++
	b.results = append(b.results, result)
	return result, err
}

// crash runs a cycle, and stops the world at the given time into it: the state
// file is taken as it is then, the process's connections are cut, and nothing
// more of it counts. The next start opens what was taken.
func (b *bench) crash(into time.Duration) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = b.app.Engine.Cycle(ctx, false) // nobody sees how a killed process ends
	}()
	b.pass(into)
	synctest.Wait()
	left := b.copy(true)
	b.wire.kill()
	cancel()
	<-done
	b.stop()
	b.path = left
}

// copy gives a copy of the state file as it is now, with or without its generation.
func (b *bench) copy(generation bool) string {
	b.t.Helper()
	to := filepath.Join(b.t.TempDir(), "state.db")
	b.must(copyFile(b.path, to))
	if generation {
		if err := copyFile(b.path+".gen", to+".gen"); err != nil && !errors.Is(err, os.ErrNotExist) {
			b.t.Fatal(err)
		}
	}
	return to
}

// putBack stops the program and puts an earlier copy of its state file in its place.
func (b *bench) putBack(earlier string) {
	b.t.Helper()
	b.stop()
	b.must(copyFile(earlier, b.path))
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}

// pass lets virtual time pass.
func (b *bench) pass(d time.Duration) {
	b.t.Helper()
	<-time.After(d)
}

// cyclesOver runs cycles, one every interval, until so much time is over.
func (b *bench) cyclesOver(span, interval time.Duration) {
	b.t.Helper()
	for end := time.Now().Add(span); time.Now().Before(end); {
		b.pass(interval)
		b.cycle()
	}
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// effects compares how many creates and captures v4 has made in all.
func (b *bench) effects(creates, captures int) {
	b.t.Helper()
	if got := b.world.Account(); got.Creates != creates || got.Captures != captures {
		b.t.Errorf("v4 made %d creates and %d captures, want %d and %d", got.Creates, got.Captures, creates, captures)
	}
}

// hold adds a chargeable preauthorization of a new customer to the PMS.
func (b *bench) hold(amount string) string {
	b.t.Helper()
	return b.add(simulator.Preauthorization{Amount: decimal.RequireFromString(amount)})
}

// add adds a preauthorization to the PMS, and its customer to the configuration.
func (b *bench) add(p simulator.Preauthorization) string {
	b.t.Helper()
	id, err := b.world.AddPreauthorization(p)
	b.must(err)
	if b.cfg == nil {
		return id
	}
	b.list()
	return id
}

// list writes each property's customers file: all of its customers, but those
// left out from now on.
func (b *bench) list(without ...string) {
	b.t.Helper()
	b.unlisted = append(b.unlisted, without...)
	for _, p := range b.cfg.Properties {
		if p.Customers.File == "" {
			continue
		}
		ids, err := b.world.Customers(p.Name)
		b.must(err)
		ids = slices.DeleteFunc(ids, func(id string) bool { return slices.Contains(b.unlisted, id) })
		b.must(os.WriteFile(p.Customers.File, []byte(strings.Join(ids, "\n")+"\n"), 0o600))
	}
}

// charge says in the PMS that a preauthorization has been charged.
func (b *bench) charge(ids ...string) { b.state(simulator.Charged, ids...) }

func (b *bench) state(state string, ids ...string) {
	b.t.Helper()
	for _, id := range ids {
		b.must(b.world.SetState(id, state))
	}
}

// settings changes how the simulated platforms behave.
func (b *bench) settings(change func(*simulator.Settings)) {
	b.t.Helper()
	b.must(b.world.Configure(change))
}

// fault makes the next write of an operation go wrong.
func (b *bench) fault(operation string, f simulator.Fault) {
	f.API, f.Operation = simulator.APIV4, operation
	b.world.Inject(f)
}

// once is fault for one request.
func (b *bench) once(operation string, f simulator.Fault) {
	f.Times = 1
	b.fault(operation, f)
}

// proven starts the program on a sink that has shown that it keeps tokens.
func (b *bench) proven(change ...func(*config.Config)) {
	b.t.Helper()
	first := b.hold("1.00")
	b.start(change...)
	b.cycle()
	b.expect(first, plan.Created, "")
	if b.sink().Proof != plan.ProofKept {
		b.t.Fatal("the sink has not shown that it keeps tokens")
	}
}

// only gives the account of the one property.
func only(r engine.Result) engine.PropertyResult { return r.Properties[0] }
