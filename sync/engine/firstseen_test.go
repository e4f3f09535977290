package engine_test

import (
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func TestWhatWasChargedBeforeTheFirstRun(t *testing.T) {
	cases := []struct {
		name     string
		firstRun config.FirstRun
		token    bool
		phase    plan.Phase
		reason   plan.Reason
	}{
		{"is the baseline", config.FirstRunBaseline, false, plan.Baseline, ""},
		{"is created and captured where the operator says so", config.FirstRunMirror, false, plan.Captured, ""},
		{"parks where v4 shows tokens like ours", config.FirstRunBaseline, true, plan.None, plan.FirstSeenCharged},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				id, other := b.hold("22.50"), b.hold("10")
				b.charge(id)
				if c.token {
					b.foreign()
				}
				b.start(func(cfg *config.Config) { cfg.Mirror.FirstRun = c.firstRun })
				b.cycle()
				b.expect(id, c.phase, c.reason)
				b.expect(other, plan.Created, "")
				b.restart()
				b.cycle()
				b.expect(id, c.phase, c.reason)
				// What is charged from now on is news, whatever became of history.
				b.charge(other)
				b.cycle()
				b.expect(other, plan.Captured, "")
			})
		})
	}
}

func TestTheChargedHistoryOfCustomersAddedLater(t *testing.T) {
	cases := []struct {
		policy config.NewCustomers
		phase  plan.Phase
		reason plan.Reason
	}{
		{config.NewCustomersPark, plan.None, plan.FirstSeenCharged},
		{config.NewCustomersBaseline, plan.Baseline, ""},
		{config.NewCustomersMirror, plan.Captured, ""},
	}
	for _, c := range cases {
		t.Run(string(c.policy), func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.proven(func(cfg *config.Config) { cfg.Mirror.NewCustomers = c.policy })
				id := b.add(simulator.Preauthorization{Amount: dec("22.50"), State: simulator.Charged})
				b.cycle()
				b.expect(id, c.phase, c.reason)
				b.cycle()
				b.expect(id, c.phase, c.reason)
			})
		})
	}
}

func TestACustomerWhoCouldNotBeReadIsStillPartOfTheFirstRun(t *testing.T) {
	inBench(t, func(b *bench) {
		b.hold("10")
		id := b.hold("22.50")
		b.charge(id)
		p, _ := b.world.Preauthorization(id)
		b.must(b.world.RefuseCustomers(p.CustomerID))
		b.start()
		b.cycle()
		if rec := b.record(id); rec.Revision != 0 {
			t.Errorf("%+v", rec)
		}
		again := b.hold("5") // in the second cycle the first run goes on
		b.charge(again)
		b.cycle()
		b.expect(again, plan.Baseline, "")
	})
}

// A charge seen for the first time after an earlier complete reply did not show
// it is news, and stays so whatever keeps it from being mirrored at once.
func TestAFreshChargeStaysFresh(t *testing.T) {
	cases := []struct {
		name   string
		hinder func(b *bench)
		help   func(b *bench)
	}{
		{"after a blown fuse", func(b *bench) { b.restart(fuse(1)) }, func(b *bench) { b.restart(fuse(1000)) }},
		{
			"while its card has no payment method",
			func(b *bench) { b.restart(method(config.DefaultMethod{})) },
			func(b *bench) { b.restart(method(config.DefaultMethod{ID: 101})) },
		},
		{"while v4 cannot be written to", func(b *bench) {
			b.fault(simulator.OpCreate, simulator.Fault{Kind: simulator.KindStatus, Status: 401})
		}, (*bench).clear},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.proven()
				customer := "5d2a5d6b-5ab7-4b53-9e05-66b0a1c1a001"
				seed := b.add(simulator.Preauthorization{Amount: dec("1"), State: simulator.Pending, CustomerID: customer})
				b.cycle() // the customer has been read
				id := b.add(simulator.Preauthorization{Amount: dec("22.50"), State: simulator.Charged, CustomerID: customer})
				c.hinder(b)
				b.cycle()
				b.cycle()
				if rec := b.record(id); rec.Identity != 0 || rec.History != plan.HistoryFresh {
					t.Errorf("%+v", rec)
				}
				c.help(b)
				b.pass(time.Minute)
				b.cycle()
				b.expect(id, plan.Captured, "")
				b.expect(seed, plan.None, "")
			})
		})
	}
}

func fuse(most int) func(*config.Config) {
	return func(cfg *config.Config) { cfg.Mirror.MaxActionsPerCycle = most }
}

func method(m config.DefaultMethod) func(*config.Config) {
	return func(cfg *config.Config) { cfg.Properties[0].PaymentMethods.Default = m }
}

func TestAReplyThatContradictsItselfReadsNobody(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		customer := "5d2a5d6b-5ab7-4b53-9e05-66b0a1c1a002"
		p := simulator.Preauthorization{Amount: dec("22.50"), State: simulator.Charged, CustomerID: customer}
		id := b.add(p)
		other := b.hold("33")
		twice := func(status int, body []byte) (int, []byte) {
			// The item once more, with another state.
			return status, repeat(body, id, `"State":"Charged"`, `"State":"Chargeable"`)
		}
		b.world.Inject(simulator.Fault{
			API: simulator.APIConnector, Operation: simulator.OpPoll, Kind: simulator.KindRewrite, Rewrite: twice, Times: 1,
		})
		got := only(b.cycle())
		if got.Report.OK || got.Report.Counts.Created != 1 {
			t.Errorf("%+v", got)
		}
		b.expect(other, plan.Created, "")
		if rec := b.record(id); rec.Revision != 0 {
			t.Errorf("%+v", rec)
		}
		b.cycle()
		b.expect(id, plan.None, plan.FirstSeenCharged)
	})
}
