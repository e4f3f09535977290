package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state/memory"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// A cycle that reads what is paused at the very moment of an order must not put what
// it has read in the order's place.
func TestAPauseThatComesWhileACycleBeginsHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := &slowReader{memory.New(plan.File{New: true}), make(chan struct{}), make(chan struct{})}
		sink, source := &countingSink{}, oneHold{}
		e, err := engine.New(engine.Options{
			Ledger: ledger, Log: zap.NewNop(), Clock: time.Now, Random: func() float64 { return 0 }, NewCycleID: func() string { return "1" },
			Sinks: []engine.SinkOptions{{Name: "v4", Sink: sink, Timeout: timeout, Settle: settle, Concurrency: 1, Tokens: engine.TokenID}},
			Properties: []engine.PropertyOptions{{
				Name: "p", Currency: "EUR", Sink: "v4", Source: source,
				Customers: func(context.Context) (engine.Customers, error) {
					return engine.Customers{IDs: []preauth.ID{"000000c0-0001-4000-8000-000000000001"}}, nil
				},
				Methods: func(context.Context) (engine.Methods, error) { return source, nil },
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		paused, cycled := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := e.Cycle(t.Context(), false)
			cycled <- err
		}()
		<-ledger.read
		go func() { paused <- e.Pause(t.Context(), plan.Pause{Since: time.Now()}) }()
		synctest.Wait()
		close(ledger.goOn)
		for _, ended := range []chan error{paused, cycled} {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		if sink.creates != 0 {
			t.Errorf("%d creates were sent by a cycle that began while writes were being paused", sink.creates)
		}
	})
}

// slowReader is a ledger in which a cycle is caught reading what is paused.
type slowReader struct {
	*memory.Ledger

	read, goOn chan struct{}
}

func (l *slowReader) Pauses(ctx context.Context) ([]plan.Pause, error) {
	all, err := l.Ledger.Pauses(ctx)
	close(l.read)
	<-l.goOn
	return all, err
}

// oneHold is a property of one preauthorization, which is Chargeable.
type oneHold struct{}

func (oneHold) Enterprise(context.Context) (preauth.ID, error) {
	return "000000e0-0001-4000-8000-000000000001", nil
}

func (oneHold) Poll(_ context.Context, customers []preauth.ID, reply func(preauth.Reply) error) ([]preauth.RefusedCustomer, error) {
	return nil, reply(preauth.Reply{Customers: customers, Preauthorizations: []preauth.Preauthorization{{
		ID: "000000a1-0001-4000-8000-000000000001", CustomerID: customers[0], Active: true, State: preauth.Chargeable,
		StateText: "Chargeable", Amount: preauth.Money{Amount: dec("10"), Currency: "EUR"},
	}}})
}

func (h oneHold) Repoll(
	ctx context.Context, customers []preauth.ID, _ preauth.Fingerprint, reply func(preauth.Reply) error,
) ([]preauth.RefusedCustomer, error) {
	return h.Poll(ctx, customers, reply)
}

func (oneHold) Find(preauth.Preauthorization) plan.Method { return plan.Method{ID: 1} }

// countingSink is an empty sink that makes whatever it is asked for.
type countingSink struct{ creates int }

func (*countingSink) Ready(context.Context) error           { return nil }
func (*countingSink) Admit(context.Context) (func(), error) { return func() {}, nil }
func (*countingSink) Relogin()                              {}

func (*countingSink) FindMethods(context.Context, string, []string) (map[string]preauth.CardMethods, error) {
	return nil, nil
}

func (s *countingSink) Create(_ context.Context, r preauth.CreateRequest) preauth.Outcome {
	s.creates++
	return preauth.Outcome{
		Kind: preauth.OutcomeApplied, Status: 200,
		Hold: preauth.Hold{Identity: 1, Amount: r.Amount, Token: r.Token, PaymentMethodID: r.PaymentMethodID},
	}
}

func (*countingSink) Capture(context.Context, int64) preauth.Outcome {
	return preauth.Outcome{Kind: preauth.OutcomeApplied, Status: 200}
}

func (*countingSink) FindByToken(context.Context, string) ([]preauth.Hold, error) { return nil, nil }

func (*countingSink) List(context.Context, func([]preauth.Hold) error) error { return nil }

func (*countingSink) ListAbove(context.Context, int64, func([]preauth.Hold) error) error { return nil }
