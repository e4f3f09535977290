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

// slowReading calls after once all that is in flight has been read.
type slowReading struct {
	*memory.Ledger

	after func()
}

func (l *slowReading) InFlight(ctx context.Context, visit func(plan.Record) error) error {
	err := l.Ledger.InFlight(ctx, visit)
	if after := l.after; after != nil {
		l.after = nil
		after()
	}
	return err
}

// askedSink counts look-ups, and never finds anything.
type askedSink struct {
	*countingSink

	asked int
}

func (s *askedSink) FindByToken(context.Context, string) ([]preauth.Hold, error) {
	s.asked++
	return nil, nil
}

func TestWhatAnOperatorPutsBackWhileACycleBeginsIsLookedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const id = "000000a1-0002-4000-8000-000000000002"
		ledger := &slowReading{Ledger: memory.New(plan.File{New: true})}
		sink, source := &askedSink{countingSink: &countingSink{}}, oneHold{}
		e, err := engine.New(engine.Options{
			Ledger: ledger, Log: zap.NewNop(), Clock: time.Now, Random: func() float64 { return 0 }, NewCycleID: func() string { return "1" },
			Sinks: []engine.SinkOptions{{
				Name: "v4", Sink: sink, Timeout: timeout, Settle: settle, Concurrency: 1, Tokens: engine.TokenID,
			}},
			Properties: []engine.PropertyOptions{{
				Name: "p", Currency: "EUR", Sink: "v4", Source: source,
				Customers: func(context.Context) (engine.Customers, error) { return engine.Customers{}, nil },
				Methods:   func(context.Context) (engine.Methods, error) { return source, nil },
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		cycle := func() {
			if _, err := e.Cycle(t.Context(), false); err != nil {
				t.Error(err)
			}
			<-time.After(5 * time.Minute)
		}
		ledger.after = func() { // as `parked retry` does
			err := ledger.Commit(t.Context(), plan.Batch{Records: []plan.Record{{
				ID: id, Enterprise: "000000e0-0001-4000-8000-000000000001", Phase: plan.Creating,
				Intent: &plan.Intent{Action: plan.Create, Attempt: 1, Token: id, Deadline: time.Now()},
			}}})
			if err != nil {
				t.Error(err)
			}
			e.Recheck()
		}
		for range 6 {
			cycle()
		}
		if sink.asked == 0 {
			t.Error("nobody has looked it up")
		}
	})
}
