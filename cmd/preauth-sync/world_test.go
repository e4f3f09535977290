package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// patience is how long a test waits for an event that has to come.
const patience = time.Minute

// world gives the embedded field a name of this package, so that s.Close is the
// simulator's own and close the whole.
type world = simulator.World

// served is a simulated world on loopback with a configuration for it.
type served struct {
	*world
	url, dir, config, state string
	// ids are its preauthorizations, customers its customers, in their order.
	ids, customers []string
	server         *simulator.Server
	client         *http.Client

	mu      sync.Mutex
	arrived map[string]int
	changed chan struct{}
}

type servedOptions struct {
	dir      string
	seed     uint64
	populate simulator.PopulateOptions
	config   simulator.ConfigOptions
}

func serveWorld(o servedOptions) (*served, error) {
	s := &served{
		world: simulator.New(simulator.Options{Seed: o.seed}), dir: o.dir,
		config: filepath.Join(o.dir, "config.yaml"), state: filepath.Join(o.dir, "state.db"),
		client:  &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}},
		arrived: map[string]int{}, changed: make(chan struct{}),
	}
	people, err := s.Populate(o.populate)
	if err != nil {
		return nil, err
	}
	s.ids, s.customers = people.Preauthorizations, people.Customers
	if s.server, err = simulator.Listen("127.0.0.1:0", s.world); err != nil {
		return nil, err
	}
	s.url = s.server.URL()
	s.watch()
	o.config.Address, o.config.StatePath, o.config.CustomersDir = s.url, s.state, s.dir
	if err := s.WriteCustomers(s.dir); err != nil {
		return nil, err
	}
	return s, os.WriteFile(s.config, []byte(s.ConfigYAML(o.config)), 0o600)
}

// newWorld serves a world until the test's end, with short times.
func newWorld(t *testing.T, o servedOptions) *served {
	t.Helper()
	o.dir = t.TempDir()
	if o.config.Timeout == 0 {
		o.config.Timeout, o.config.Settle = 300*time.Millisecond, 200*time.Millisecond
	}
	s, err := serveWorld(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.close()
		if violations := s.Account().Violations; len(violations) > 0 {
			t.Errorf("an API's rules were broken: %q", violations)
		}
	})
	return s
}

func (s *served) close() {
	_ = s.server.Close()
	s.Close()
}

// watch counts the requests whose body has arrived, before anything is done with
// them. It is a rule that never applies, and goes with the others.
func (s *served) watch() {
	s.Inject(simulator.Fault{Kind: simulator.KindStatus, Match: func(r simulator.Request) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.arrived[r.Operation]++
		close(s.changed)
		s.changed = make(chan struct{})
		return false
	}})
}

// calm removes every fault.
func (s *served) calm() {
	s.ClearFaults()
	s.watch()
}

// seen is how many requests of an operation have arrived.
func (s *served) seen(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.arrived[operation]
}

// await waits until n requests of an operation have arrived since the beginning.
func (s *served) await(ctx context.Context, operation string, n int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		s.mu.Lock()
		have, changed := s.arrived[operation], s.changed
		s.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d requests %s have arrived, not %d: %w", have, operation, n, ctx.Err())
		}
	}
}

// gate holds the requests of an operation back, from their arrival until it is opened.
func (s *served) gate(t *testing.T, operation string) (open func()) {
	t.Helper()
	closed := make(chan struct{})
	open = sync.OnceFunc(func() { close(closed) })
	t.Cleanup(open)
	s.Inject(simulator.Fault{Operation: operation, Kind: simulator.KindStatus, Match: func(simulator.Request) bool {
		<-closed
		return false
	}})
	return open
}

// edit replaces a text of the configuration.
func (s *served) edit(t *testing.T, before, after string) {
	t.Helper()
	content := read(t, s.config)
	if !strings.Contains(content, before) {
		t.Fatalf("the configuration does not contain %q:\n%s", before, content)
	}
	write(t, s.config, strings.Replace(content, before, after, 1))
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// write writes a file aside and puts it in its place.
func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// admin asks the administration, as a person would with curl.
func (s *served) admin(ctx context.Context, method, path string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, s.url+"/simulator/"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	reply, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s is answered with %s", method, path, reply.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(reply.Body).Decode(into)
}

// secrets are what no output may contain.
func (s *served) secrets() []string {
	all := []string{s.ClientToken()}
	for _, e := range s.Enterprises() {
		all = append(all, e.AccessToken)
	}
	for _, t := range s.Tenants() {
		all = append(all, t.Password, t.ClientSecret)
	}
	return all
}
