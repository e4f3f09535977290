package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state/memory"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// While an outcome is being stored the next intent may join it: each outcome here is stored
// only once another intent is on its way. It never makes one more intent in flight than
// there are places, in the ledger or on the wire.
func TestTheNextIntentJoinsTheOutcomeBeforeIt(t *testing.T) {
	const holds = 40
	for _, concurrency := range []int{1, 3} {
		t.Run(fmt.Sprint(concurrency), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ledger := &slowLedger{Ledger: memory.New(plan.File{New: true}), holds: holds, inFlight: map[preauth.ID]bool{}}
				ledger.changed.L = &ledger.mu
				sink, source := &slowSink{}, manyHolds{holds: holds}
				e := holdsEngine(t, ledger, sink, source, concurrency, []preauth.ID{oneCustomer})
				cycleOf(t, e)
				if sink.creates != holds || ledger.intents != holds || len(ledger.inFlight) > 0 {
					t.Errorf("%d creates, %d intents, in flight at the end: %v", sink.creates, ledger.intents, ledger.inFlight)
				}
				if ledger.most != concurrency || sink.most != concurrency {
					t.Errorf("with %d places %d intents were in flight, and %d requests", concurrency, ledger.most, sink.most)
				}
			})
		})
	}
}

// A preauthorization that is shown with two customers may be in the queue twice. Whoever
// comes second waits for what becomes of it, and doubts nothing that is under way.
func TestWhoComesSecondWaitsForTheFirst(t *testing.T) {
	for _, concurrency := range []int{1, 8} {
		t.Run(fmt.Sprint(concurrency), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ledger := newLateLedger()
				sink, source := &slowSink{}, manyHolds{holds: 1}
				customers := make([]preauth.ID, 1001)
				for n := range customers {
					customers[n] = preauth.ID(fmt.Sprintf("000000c0-%04x-4000-8000-000000000001", n))
				}
				e := holdsEngine(t, ledger, sink, source, concurrency, customers)
				result, err := e.Cycle(t.Context(), false)
				if err != nil {
					t.Fatal(err)
				}
				if sink.creates != 1 || result.InDoubt != 0 {
					t.Errorf("%d creates, %d in doubt", sink.creates, result.InDoubt)
				}
			})
		})
	}
}

// A request whose intent came in the place of an outcome that cannot be stored never leaves.
func TestNothingIsSentAfterAnOutcomeThatIsNotStored(t *testing.T) {
	for _, concurrency := range []int{1, 3} {
		t.Run(fmt.Sprint(concurrency), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ledger := newLateLedger()
				ledger.OnCommit(func(batch plan.Batch) error {
					if len(batch.Records) > 0 && batch.Records[0].Phase == plan.Created {
						return errors.New("the disk is full")
					}
					return nil
				})
				sink := &slowSink{}
				e := holdsEngine(t, ledger, sink, manyHolds{holds: 40}, concurrency, []preauth.ID{oneCustomer})
				if _, err := e.Cycle(t.Context(), false); !errors.Is(err, engine.ErrLedger) {
					t.Errorf("the cycle ended with %v", err)
				}
				if sink.creates != concurrency {
					t.Errorf("%d creates were sent from %d places", sink.creates, concurrency)
				}
			})
		})
	}
}

// holdsEngine mirrors the holds of one property.
func holdsEngine(
	t *testing.T, ledger engine.Ledger, sink engine.Sink, source manyHolds, concurrency int, customers []preauth.ID,
) *engine.Engine {
	t.Helper()
	e, err := engine.New(engine.Options{
		Ledger: ledger, Log: zap.NewNop(), Clock: time.Now, Random: func() float64 { return 0 }, NewCycleID: func() string { return "1" },
		MaxActions: 100,
		Sinks: []engine.SinkOptions{{
			Name: "v4", Sink: sink, Timeout: timeout, Settle: settle, Concurrency: concurrency, Tokens: engine.TokenNone,
		}},
		Properties: []engine.PropertyOptions{{
			Name: "p", Currency: "EUR", Sink: "v4", Source: source,
			Customers: func(context.Context) (engine.Customers, error) {
				return engine.Customers{IDs: slices.Clone(customers)}, nil
			},
			Methods: func(context.Context) (engine.Methods, error) { return source, nil },
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// lateLedger stores batches in the order in which they come: one with Placed a second after
// it was placed.
type lateLedger struct {
	*memory.Ledger

	queue chan struct{}
}

func newLateLedger() *lateLedger {
	return &lateLedger{memory.New(plan.File{New: true}), make(chan struct{}, 1)}
}

func (l *lateLedger) Commit(ctx context.Context, batch plan.Batch) error {
	l.queue <- struct{}{}
	defer func() { <-l.queue }()
	if placed := batch.Placed; placed != nil {
		placed()
		batch.Placed = func() {}
		<-time.After(time.Second)
	}
	return l.Ledger.Commit(ctx, batch)
}

// slowLedger gives an outcome its place after a second, and stores it as long as no other intent is on its way.
type slowLedger struct {
	*memory.Ledger

	mu      sync.Mutex
	changed sync.Cond
	// holds is how many intents there are to be, and intents how many are on their way.
	holds, intents int
	// inFlight are the records in flight, and most is how many there have been at once.
	inFlight map[preauth.ID]bool
	most     int
}

func (l *slowLedger) Commit(ctx context.Context, batch plan.Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	isOutcome := len(batch.Records) > 0 && l.inFlight[batch.Records[0].ID]
	if len(batch.Records) > 0 && batch.Records[0].Intent != nil {
		l.intents++
		l.changed.Broadcast()
	}
	if isOutcome {
		l.mu.Unlock()
		<-time.After(time.Second) // whoever has left before now is found out
		l.mu.Lock()
	}
	before := l.intents
	if err := l.Ledger.Commit(ctx, batch); err != nil {
		return err
	}
	for _, r := range batch.Records {
		delete(l.inFlight, r.ID)
		if r.Phase.InFlight() {
			l.inFlight[r.ID] = true
		}
	}
	l.most = max(l.most, len(l.inFlight))
	for isOutcome && l.intents == before && l.intents < l.holds {
		l.changed.Wait()
	}
	return nil
}

// slowSink makes what it is asked for, in a second.
type slowSink struct {
	countingSink

	mu         sync.Mutex
	busy, most int
}

func (s *slowSink) Create(ctx context.Context, r preauth.CreateRequest) preauth.Outcome {
	s.mu.Lock()
	s.busy++
	s.most = max(s.most, s.busy)
	s.mu.Unlock()
	<-time.After(time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
	out := s.countingSink.Create(ctx, r)
	out.Hold.Identity = int64(s.creates)
	return out
}

// manyHolds is a property that shows the same preauthorizations with whichever customers.
type manyHolds struct {
	oneHold

	holds int
}

func (h manyHolds) Repoll(
	_ context.Context, customers []preauth.ID, _ preauth.Fingerprint, reply func(preauth.Reply) error,
) ([]preauth.RefusedCustomer, error) {
	all := make([]preauth.Preauthorization, h.holds)
	for n := range all {
		all[n] = preauth.Preauthorization{
			ID: preauth.ID(fmt.Sprintf("000000a1-%04x-4000-8000-000000000001", n+1)), CustomerID: customers[0], Active: true,
			State: preauth.Chargeable, StateText: "Chargeable", Amount: preauth.Money{Amount: dec("10"), Currency: "EUR"},
		}
	}
	return nil, reply(preauth.Reply{Customers: customers, Preauthorizations: all})
}
