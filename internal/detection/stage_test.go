package detection_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sources/connector"
	"github.com/preauth-sync/preauth-sync/state/memory"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
	"github.com/preauth-sync/preauth-sync/sync/schedule"
)

// cycles are played of each scenario.
const cycles = 4

// stage is a scenario under way.
type stage struct {
	t      *testing.T
	of     scenario
	pms    *pms
	engine *engine.Engine
	// began and ended are those of the cycles.
	began, ended []time.Time
}

func open(t *testing.T, of scenario) *stage {
	t.Helper()
	s := &stage{t: t, of: of, pms: newPMS()}
	known := ledger{memory.New(plan.File{Generation: 1})}
	s.must(known.Commit(t.Context(), plan.Batch{Sink: &plan.Sink{Name: engine.DefaultSink, Listed: true, Proof: plan.ProofKept}}))
	opts := engine.Options{
		Ledger: known, MaxActions: of.fuse, Pollers: of.concurrency, Log: zap.NewNop(), Clock: time.Now,
		Random: func() float64 { return 0 }, NewCycleID: func() string { return "" },
		Sinks: []engine.SinkOptions{{
			Name: engine.DefaultSink, Sink: &v4{pms: s.pms}, Timeout: window, Settle: window, Concurrency: 8, Tokens: engine.TokenID,
		}},
	}
	everybody, slots := customers(slices.Max(of.sizes)), make(chan struct{}, of.concurrency)
	for i, size := range of.sizes {
		s.must(known.Commit(t.Context(), plan.Batch{Property: &plan.Property{
			Enterprise: enterprise(i), Name: name(i), Sink: engine.DefaultSink, FirstRunDone: true,
		}}))
		opts.Properties = append(opts.Properties, engine.PropertyOptions{
			Name: name(i), Currency: "EUR", Sink: engine.DefaultSink, Source: s.client(i, slots),
			Customers: func(context.Context) (engine.Customers, error) {
				return engine.Customers{IDs: slices.Clone(everybody[:size])}, nil
			},
			Methods: func(context.Context) (engine.Methods, error) { return anyMethod{}, nil },
		})
	}
	var err error
	s.engine, err = engine.New(opts)
	s.must(err)
	return s
}

// client is what internal/app builds for a property.
func (s *stage) client(i int, slots chan struct{}) *connector.Client {
	s.t.Helper()
	client, err := connector.New(connector.Config{
		Address: "https://pms.test", Client: "detection", ClientToken: httpx.NewSecret("c"), AccessToken: httpx.NewSecret(name(i)),
		Limiter: httpx.NewLimiter(ourLimit, window), Slots: slots, Transport: s.pms,
	})
	s.must(err)
	return client
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// ticks are the multiples of a duration, as those of */5 * * * * are.
type ticks time.Duration

// Next implements schedule.Schedule.
func (every ticks) Next(after time.Time) time.Time {
	return after.Truncate(time.Duration(every)).Add(time.Duration(every))
}

// play lets the daemon's schedule begin the cycles.
func (s *stage) play() {
	s.t.Helper()
	ctx, stop := context.WithCancel(s.t.Context())
	defer stop()
	s.must(schedule.New(schedule.Options{
		Schedule: ticks(s.of.every), Clock: time.Now, Idle: func() {}, Drain: func() time.Duration { return window },
		Panicked: func(value any, stack []byte) { s.t.Errorf("%v\n%s", value, stack) },
		Job: func(ctx context.Context) {
			s.cycle(ctx)
			if len(s.ended) == cycles {
				stop()
			}
		},
	}).Run(ctx))
}

func (s *stage) cycle(ctx context.Context) {
	s.began = append(s.began, time.Now())
	result, err := s.engine.Cycle(ctx, false)
	s.ended = append(s.ended, time.Now())
	if err != nil {
		s.t.Error(err)
	}
	for _, p := range result.Properties {
		if p.Err != nil {
			s.t.Errorf("%s: %v", p.Name, p.Err)
		}
	}
}

// account is what the cycles but the first have come to.
func (s *stage) account() measured {
	s.t.Helper()
	s.pms.mu.Lock()
	defer s.pms.mu.Unlock()
	m := measured{polls: s.pms.polls / cycles}
	for i := 1; i < cycles; i++ {
		m.cycle = max(m.cycle, s.ended[i].Sub(s.began[i]))
	}
	var sum time.Duration
	changes := 0
	for _, d := range s.pms.detections {
		if d.changed.Before(s.began[1]) {
			continue
		}
		took := d.sent.Sub(d.changed)
		m.worst, sum, changes = max(m.worst, took), sum+took, changes+1
	}
	if want := m.polls * (cycles - 2); changes != want {
		s.t.Fatalf("%d changes were sent, and not %d", changes, want)
	}
	// A change that comes at any time waits half an interval less than one that comes
	// right after its poll.
	m.mean = sum/time.Duration(changes) - max(s.of.every, m.cycle)/2
	return m
}

// ledger has read every customer before, and keeps no list of them.
type ledger struct{ *memory.Ledger }

// Customers implements engine.Ledger.
func (ledger) Customers(_ context.Context, _ preauth.ID, ids []preauth.ID) (map[preauth.ID]plan.Customer, error) {
	all := make(map[preauth.ID]plan.Customer, len(ids))
	for _, id := range ids {
		all[id] = plan.Customer{Read: 1}
	}
	return all, nil
}

// anyMethod pays for everything.
type anyMethod struct{}

// Find implements engine.Methods.
func (anyMethod) Find(preauth.Preauthorization) plan.Method { return plan.Method{ID: 1} }

// hotel begins the names of the properties, which are their access tokens too.
const hotel = "hotel-"

func name(i int) string { return hotel + strconv.Itoa(i) }

func enterprise(i int) preauth.ID {
	return preauth.ID(fmt.Sprintf("%08x-0000-4000-8000-0000000000e0", i))
}

// customers gives so many, sorted.
func customers(n int) []preauth.ID {
	all := make([]preauth.ID, n)
	for i := range all {
		all[i] = preauth.ID(fmt.Sprintf("%08x-0000-4000-8000-0000000000c0", i))
	}
	return all
}
