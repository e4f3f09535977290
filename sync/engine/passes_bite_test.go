package engine_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state/memory"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// What a reply is planned on may change while it is planned: then it makes no pass.
func TestAPassRestsOnTheLedgerAsItWasBeforeThePlan(t *testing.T) {
	for _, meanwhile := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ledger := &busyLedger{Ledger: memory.New(plan.File{New: true})}
			source := &toldHold{}
			e, _ := oneHoldEngine(t, ledger, source, time.Now)
			source.print = 1
			for range 3 {
				cycleOf(t, e)
			}
			source.print = 2
			if meanwhile {
				ledger.meanwhile = plan.Record{
					ID: "000000a1-0002-4000-8000-000000000002", Enterprise: oneEnterprise, CustomerID: oneCustomer, Phase: plan.Released,
				}
			}
			cycleOf(t, e)
			p, ok, err := ledger.Pass(t.Context(), oneEnterprise, oneCustomer)
			if err != nil || ok == meanwhile || ok && p.Reply.Body[0] != 2 {
				t.Errorf("a record of the customer is put meanwhile: %t; there is a pass: %t, %v", meanwhile, ok, err)
			}
		})
	}
}

// A reply that says the same in another order keeps the pass on, unless something was put
// that the pass rested on after it was read.
func TestAPassThatIsForgottenMeanwhileStaysForgotten(t *testing.T) {
	for _, meanwhile := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ledger, source := memory.New(plan.File{New: true}), &toldHold{print: 1}
			e, _ := oneHoldEngine(t, ledger, source, time.Now)
			for range 3 {
				cycleOf(t, e)
			}
			source.print, source.unchanged = 2, true
			if meanwhile {
				source.polled = func() {
					r := plan.Record{ID: "000000a1-0002-4000-8000-000000000002", Enterprise: oneEnterprise, CustomerID: oneCustomer}
					if err := ledger.Commit(t.Context(), plan.Batch{Records: []plan.Record{r}}); err != nil {
						t.Error(err)
					}
				}
			}
			cycleOf(t, e)
			p, ok, err := ledger.Pass(t.Context(), oneEnterprise, oneCustomer)
			if err != nil || ok == meanwhile || ok && p.Reply.Body[0] != 2 {
				t.Errorf("a record of the customer is put meanwhile: %t; there is a pass: %t, %v", meanwhile, ok, err)
			}
		})
	}
}

const (
	oneEnterprise = preauth.ID("000000e0-0001-4000-8000-000000000001")
	oneCustomer   = preauth.ID("000000c0-0001-4000-8000-000000000001")
)

// oneHoldEngine mirrors one hold, told of after five days, into a sink that holds nothing.
func oneHoldEngine(t *testing.T, ledger engine.Ledger, source *toldHold, clock func() time.Time) (*engine.Engine, *countingSink) {
	t.Helper()
	sink := &countingSink{}
	e, err := engine.New(engine.Options{
		Ledger: ledger, Log: zap.NewNop(), Clock: clock, Random: func() float64 { return 0 }, NewCycleID: func() string { return "1" },
		HoldWarnAfter: 120 * time.Hour,
		Sinks:         []engine.SinkOptions{{Name: "v4", Sink: sink, Timeout: timeout, Settle: settle, Concurrency: 1, Tokens: engine.TokenID}},
		Properties: []engine.PropertyOptions{{
			Name: "p", Currency: "EUR", Sink: "v4", Source: source,
			Customers: func(context.Context) (engine.Customers, error) {
				return engine.Customers{IDs: []preauth.ID{oneCustomer}}, nil
			},
			Methods: func(context.Context) (engine.Methods, error) { return source, nil },
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return e, sink
}

func cycleOf(t *testing.T, e *engine.Engine) {
	t.Helper()
	if _, err := e.Cycle(t.Context(), false); err != nil {
		t.Fatal(err)
	}
}

// toldHold is oneHold with a fingerprint, which calls polled with each poll.
type toldHold struct {
	oneHold

	print     byte
	unchanged bool
	polled    func()
}

func (h *toldHold) Repoll(
	ctx context.Context, customers []preauth.ID, _ preauth.Fingerprint, reply func(preauth.Reply) error,
) ([]preauth.RefusedCustomer, error) {
	if h.polled != nil {
		h.polled()
	}
	return h.Poll(ctx, customers, func(r preauth.Reply) error {
		r.Fingerprint.Body, r.Unchanged = [32]byte{h.print}, h.unchanged
		return reply(r)
	})
}

// busyLedger puts a record once, as soon as the customers of a reply have been read.
type busyLedger struct {
	*memory.Ledger

	meanwhile plan.Record
}

func (l *busyLedger) Customers(ctx context.Context, enterprise preauth.ID, ids []preauth.ID) (map[preauth.ID]plan.Customer, error) {
	found, err := l.Ledger.Customers(ctx, enterprise, ids)
	if err == nil && l.meanwhile.ID != "" {
		err = l.Commit(ctx, plan.Batch{Records: []plan.Record{l.meanwhile}})
		l.meanwhile = plan.Record{}
	}
	return found, err
}

// Nobody was missing from the list when it was last compared, and nothing else has changed.
func TestWhoLeavesTheListLaterIsPolledToo(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.held()
		b.state(simulator.Chargeable, id)
		b.cycle()
		b.cycle()
		p, _ := b.world.Preauthorization(id)
		b.list(p.CustomerID)
		b.charge(id)
		b.cycle()
		b.expect(id, plan.Captured, "")
	})
}

// Whom an operator has had backfilled by name is polled from then on, as long as
// something is unfinished, though the list has been known to have left out nobody.
func TestWhoIsUnfinishedAgainIsPolledThoughTheListIsTheSame(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.held()
		b.cycle()
		b.expect(id, plan.Captured, "")
		p, _ := b.world.Preauthorization(id)
		b.list(p.CustomerID)
		b.cycle()
		b.cycle()
		polls := len(b.requests(simulator.OpPoll, p.CustomerID))
		next := b.add(simulator.Preauthorization{CustomerID: p.CustomerID, Amount: dec("20")})
		b.cycle()
		b.sent(simulator.OpPoll, p.CustomerID, polls)
		b.backfill(engine.Backfill{Customers: []preauth.ID{preauth.ID(p.CustomerID)}, Wait: true})
		b.expect(next, plan.Created, "")
		b.charge(next)
		b.cycle()
		b.expect(next, plan.Captured, "")
	})
}

// agingIs is how often the log has told of a hold that ages.
func (b *bench) agingIs() int { return strings.Count(b.logs.String(), `"event":"hold.aging"`) }

// A hold that the PMS has released and takes back is as old as v4's, while the bound on
// the age of holds is that of younger ones.
func TestAHoldThatComesBackIsToldOfWhenItAges(t *testing.T) {
	inBench(t, func(b *bench) {
		old := b.hold("10")
		b.start(func(cfg *config.Config) { cfg.Mirror.HoldWarnAfter = 120 * time.Hour })
		b.cycle()
		b.cyclesOver(50*time.Hour, 7*time.Hour)
		b.state(simulator.Cancelled, old)
		b.cyclesOver(42*time.Hour, 7*time.Hour)
		b.expect(old, plan.Released, "")
		b.hold("20")
		b.cyclesOver(42*time.Hour, 7*time.Hour)
		if n := b.agingIs(); n != 0 {
			t.Fatalf("told %d times of holds that are young or released", n)
		}
		b.state(simulator.Chargeable, old)
		b.cyclesOver(14*time.Hour, 7*time.Hour)
		b.expect(old, plan.Created, "")
		if n := b.agingIs(); n != 1 {
			t.Errorf("told %d times of a hold that has come back and come of age, want once", n)
		}
	})
}

// A bound that the clock is behind says nothing of the holds that are made from now on.
// It is gone before any is.
func TestAHoldOfAClockThatWasAheadIsToldOfWhenItAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ahead := 1000 * time.Hour
		clock := func() time.Time { return time.Now().Add(ahead) }
		ledger, source := memory.New(plan.File{New: true}), &toldHold{}
		e, _ := oneHoldEngine(t, ledger, source, clock)
		bound := func() time.Time {
			t.Helper()
			p, _, err := ledger.Property(t.Context(), oneEnterprise)
			if err != nil {
				t.Fatal(err)
			}
			return p.HeldFrom
		}
		cycleOf(t, e)
		if bound().Before(clock().Add(-time.Minute)) {
			t.Fatalf("the bound is %s at %s", bound(), clock())
		}
		ahead = 0
		polls := 0
		source.polled = func() {
			if polls++; bound().After(clock()) {
				t.Errorf("at %s the file says that no hold is older than %s", clock(), bound())
			}
		}
		cycleOf(t, e)
		if polls == 0 {
			t.Error("nobody was polled")
		}
	})
}
