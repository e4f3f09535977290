package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/preauth-sync/preauth-sync/bench/server"
)

const (
	perCustomer = server.PerCustomer
	// seed is the world's.
	seed = 1
	// readers is connector.concurrency, and that of the bare reader: the default.
	readers = 4
	// method is every card's payment method.
	method = 4242
)

// build builds the program, unless there is one to measure.
func (b *bench) build(ctx context.Context) (err error) {
	if b.binary != "" {
		b.binary, err = filepath.Abs(b.binary)
		return err
	}
	b.binary = filepath.Join(b.dir, "preauth-sync")
	const program = "github.com/preauth-sync/preauth-sync/cmd/preauth-sync"
	said, err := exec.CommandContext(ctx, "go", "build", "-o", b.binary, program).CombinedOutput() //nolint:gosec // the path is ours
	if err != nil {
		return fmt.Errorf("the program cannot be built: %w\n%s", err, said)
	}
	return nil
}

// setting is what a site is like.
type setting struct {
	preauthorizations int
	// atOnce is v4.concurrency, latency how long v4 takes for a write.
	atOnce  int
	latency time.Duration
}

// site is a server in a process of its own, and a folder with a configuration for it.
type site struct {
	*bench
	setting

	dir, address string
	// stop ends the server and removes the folder.
	stop func() error
}

// open starts a server.
func (b *bench) open(ctx context.Context, as setting) (_ *site, err error) {
	s := &site{bench: b, setting: as}
	if s.dir, err = os.MkdirTemp(b.dir, "site-"); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, b.self, asServer, //nolint:gosec // it is this program
		"-customers", strconv.Itoa(s.preauthorizations/perCustomer), "-list", s.customers(), "-latency", s.latency.String())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s.stop = func() error { return errors.Join(in.Close(), cmd.Wait(), os.RemoveAll(s.dir)) }
	if s.address, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		return nil, errors.Join(fmt.Errorf("the server has not begun: %w", err), s.stop())
	}
	s.address = strings.TrimSpace(s.address)
	if err := s.configure(); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// configure writes the configuration.
func (s *site) configure() error {
	config := fmt.Sprintf(`schedule: "@every 1h"
state: {path: state.db}
control: {socket: ""}
metrics: {listen: ""}
connector:
  address: %[1]s
  client_token: token-of-the-client
  concurrency: %[2]d
  rate_limit: {requests: 10000, per: 1s}
v4:
  address: %[1]s%[5]s
  auth: {login_address: %[1]s%[6]s, client_id: bench, username: bench, password: password-of-bench}
  settle: 1s
  concurrency: %[3]d
mirror: {max_actions_per_cycle: 0}
properties:
  - name: bench
    access_token: token-of-the-property
    currency: EUR
    customers: {file: customers.txt}
    payment_methods: {default: %[4]d}
`, s.address, readers, s.atOnce, method, server.V4Path, server.LoginPath)
	return os.WriteFile(filepath.Join(s.dir, "config.yaml"), []byte(config), 0o600)
}

func (s *site) customers() string { return filepath.Join(s.dir, "customers.txt") }
func (s *site) state() string     { return filepath.Join(s.dir, "state.db") }

// order tells the server one of server.Control.
func (s *site) order(ctx context.Context, order string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.address+server.Control+order, nil)
	if err != nil {
		return nil, err
	}
	reply, err := new(http.Client).Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = reply.Body.Close() }()
	body, err := io.ReadAll(reply.Body)
	if err == nil && reply.StatusCode != http.StatusOK {
		err = fmt.Errorf("the server refuses %s: %s", order, body)
	}
	return body, err
}

// anew lets the program forget, and v4.
func (s *site) anew(ctx context.Context) error {
	paths, err := filepath.Glob(s.state() + "*")
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	_, err = s.order(ctx, "forget")
	return err
}

// outcome is how a process went.
type outcome struct {
	// wall is from its start to its end, start until it polled.
	wall, start time.Duration
	// cycle is what the program says of its cycle, 0 when it says nothing.
	cycle time.Duration
	// peak is the most memory that it had, in bytes.
	peak   int64
	counts server.Counts
}

// program runs the program under test.
func (s *site) program(ctx context.Context, args ...string) (outcome, error) {
	return s.run(ctx, s.binary, append([]string{"-c", "config.yaml"}, args...)...)
}

// bare runs a yardstick of this program's.
func (s *site) bare(ctx context.Context, as string, args ...string) (outcome, error) {
	return s.run(ctx, s.self, append([]string{as, "-address", s.address}, args...)...)
}

// run runs a process in the site's folder. It must end well.
func (s *site) run(ctx context.Context, program string, args ...string) (_ outcome, err error) {
	if _, err := s.order(ctx, "counts"); err != nil { // what came before does not count
		return outcome{}, err
	}
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return outcome{}, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // what is run is what is measured
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, log, log
	began := time.Now()
	failed := cmd.Run()
	o := outcome{wall: time.Since(began)}
	end, err := tail(log)
	switch {
	case ctx.Err() != nil:
		return outcome{}, ctx.Err()
	case failed != nil:
		const enough = 1 << 10
		return outcome{}, fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), failed, end[max(0, len(end)-enough):])
	case err != nil:
		return outcome{}, err
	}
	o.peak, o.cycle = peakOf(cmd.ProcessState), cycleOf(end)
	counts, err := s.order(ctx, "counts")
	if err != nil {
		return outcome{}, err
	}
	if err := json.Unmarshal(counts, &o.counts); err != nil {
		return outcome{}, err
	}
	if o.counts.FirstPoll > 0 {
		o.start = time.Unix(0, o.counts.FirstPoll).Sub(began)
	}
	return o, nil
}

// tail gives the end of a file: this process stays small, because those that it starts
// begin with its peak.
func tail(file *os.File) ([]byte, error) {
	const enough = 16 << 10
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(file, max(0, info.Size()-enough), enough))
}

// cycleOf gives how long the last cycle of a log took.
func cycleOf(log []byte) time.Duration {
	took := time.Duration(0)
	for line := range bytes.Lines(log) {
		var entry struct {
			Event string
			MS    float64 `json:"duration_ms"`
		}
		if json.Unmarshal(line, &entry) == nil && entry.Event == "cycle.finished" {
			took = time.Duration(entry.MS * float64(time.Millisecond))
		}
	}
	return took
}
