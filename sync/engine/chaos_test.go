package engine_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// seeds is how many random histories are tried.
const seeds = 8

// Whatever goes wrong: nothing twice, nothing lost, and three cycles after the
// faults have stopped everything is where the decision table says, or parked.
func TestRandomHistoriesEndInStep(t *testing.T) {
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprintf("seed %d", seed+1), func(t *testing.T) {
			inWorld(t, simulator.Options{Seed: seed + 1}, func(b *bench) {
				h := &history{bench: b, dice: rand.New(rand.NewPCG(seed+1, 7))}
				h.run()
			})
		})
	}
}

// The same, while the state file is lost, or an earlier copy of it is put back.
func TestRandomHistoriesOfAFileThatIsLost(t *testing.T) {
	for seed := range uint64(seeds / 2) {
		t.Run(fmt.Sprintf("seed %d", seed+1), func(t *testing.T) {
			inWorld(t, simulator.Options{Seed: seed + 1}, func(b *bench) {
				h := &history{bench: b, dice: rand.New(rand.NewPCG(seed+1, 8)), loses: true}
				h.run()
			})
		})
	}
}

// history is one random history.
type history struct {
	*bench

	dice *rand.Rand
	ids  []string
	// loses says that the state file is lost now and then; copy is an earlier one.
	loses bool
	copy  string
}

func (h *history) run() {
	h.t.Helper()
	for range 8 {
		h.ids = append(h.ids, h.hold(h.amount()))
	}
	one := h.coin()
	chaos := simulator.ChaosOptions{Rate: 0.1 + 0.4*h.dice.Float64(), MaxDelay: timeout + 2*settle - time.Second}
	if h.loses {
		// A new file waits for what an earlier instance has under way only this long.
		chaos.MaxDelay = timeout + settle - time.Second
	}
	h.settings(func(s *simulator.Settings) {
		s.UpperCaseTokens, s.UpperCaseIDs, s.ShuffleLists = h.coin(), h.coin(), h.coin()
		s.AllowDoubleCapture = h.coin()
		if h.coin() {
			s.CreateReply = simulator.ReplyInstance
		}
		if h.coin() {
			s.Latency = 300 * time.Millisecond
		}
	})
	h.world.Chaos(chaos)
	h.start(func(cfg *config.Config) {
		cfg.V4.Concurrency = 1
		if !one {
			cfg.V4.Concurrency = 4
		}
		if !h.world.Settings().AllowDoubleCapture && h.coin() {
			cfg.Mirror.UnknownCapture = config.UnknownCaptureRetry
		}
		if h.coin() {
			cfg.Mirror.MaxActionsPerCycle = 0
		}
	})
	for range 12 {
		h.happen()
		h.move()
	}
	h.clear()
	// Business goes on: without one more create a file as new as this might never
	// learn whether v4 keeps tokens, and could not decide what is in doubt.
	h.ids = append(h.ids, h.hold(h.amount()))
	for range 3 {
		h.pass(timeout + 2*settle)
		h.cycle()
	}
	h.account()
}

func (h *history) coin() bool { return h.dice.IntN(2) == 0 }

func (h *history) amount() string {
	return fmt.Sprintf("%d.%02d", 1+h.dice.IntN(500), h.dice.IntN(100))
}

// happen changes something in the PMS.
func (h *history) happen() {
	h.t.Helper()
	for range h.dice.IntN(4) {
		id := h.ids[h.dice.IntN(len(h.ids))]
		now, _ := h.world.Preauthorization(id)
		if !h.read(now.CustomerID) {
			continue // charged before its first sight it would be history
		}
		switch n := h.dice.IntN(10); {
		case n < 5 && (now.State == simulator.Chargeable || now.State == simulator.Pending):
			h.charge(id)
		case n == 5 && now.State == simulator.Chargeable:
			h.state(simulator.Pending, id)
		case n == 6 && now.State == simulator.Chargeable:
			h.state(simulator.Cancelled, id)
		case n > 7:
			h.ids = append(h.ids, h.hold(h.amount()))
		}
	}
}

// read tells whether the ledger says that a customer has been read.
func (h *history) read(customer string) (known bool) {
	h.t.Helper()
	h.look(func(l *state.Ledger) {
		customers, err := l.Customers(h.t.Context(), preauth.ID(h.world.Enterprises()[0].ID), []preauth.ID{preauth.ID(customer)})
		h.must(err)
		known = customers[preauth.ID(customer)].Read > 0
	})
	return known
}

// move goes on by a cycle, one way or another.
func (h *history) move() {
	h.t.Helper()
	h.pass(time.Duration(h.dice.IntN(240)) * time.Second)
	if h.loses {
		h.lose()
	}
	switch h.dice.IntN(5) {
	case 0:
		h.crash(time.Duration(h.dice.IntN(20_000)) * time.Millisecond)
		h.start()
	case 1:
		h.restart()
	case 2:
		h.wire.hangUp()
	default:
	}
	if _, err := h.tryCycle(h.dice.IntN(4) == 0); err != nil {
		h.t.Errorf("a cycle ended with %v", err)
	}
}

// lose deletes the state file, or puts an earlier copy in its place.
func (h *history) lose() {
	h.t.Helper()
	switch h.dice.IntN(8) {
	case 0:
		h.copy = h.bench.copy(false)
	case 1:
		if h.copy == "" {
			return
		}
		h.pass(timeout + 2*settle) // until all that the lost file knew has had its effect
		h.putBack(h.copy)
		if h.coin() {
			h.must(os.RemoveAll(h.path + ".gen"))
		}
		h.start()
	case 2:
		h.crash(time.Duration(h.dice.IntN(20_000)) * time.Millisecond)
		h.must(os.Remove(h.path))
		if h.coin() {
			h.must(os.RemoveAll(h.path + ".gen"))
		}
		h.copy = "" // it belongs to another file
		h.start()
	default:
	}
}

// account compares all three: the PMS, the ledger and v4.
func (h *history) account() {
	h.t.Helper()
	records := map[string]plan.Record{}
	h.look(func(l *state.Ledger) {
		h.must(l.Each(h.t.Context(), func(rec plan.Record) error {
			records[string(rec.ID)] = rec
			return nil
		}))
	})
	holds := map[int64]simulator.Hold{}
	for _, hold := range h.world.Holds() {
		holds[hold.Identity] = hold
		if rec := records[hold.SentToken]; rec.Park == nil && rec.Identity != hold.Identity {
			h.t.Errorf("v4 holds %d for %s, and the ledger says %s of %d", hold.Identity, hold.SentToken, rec.Phase, rec.Identity)
		}
	}
	done := 0
	for _, id := range h.ids {
		p, _ := h.world.Preauthorization(id)
		rec := records[id]
		if rec.Park == nil {
			done++
			h.inStep(p, rec)
		} else if !rec.Park.Reason.ForOutcome() && (rec.Park.Reason != plan.FirstSeenCharged || !h.loses) {
			h.t.Errorf("%s is parked as %s", id, rec.Park.Reason)
		}
		if rec.Identity == 0 {
			continue
		}
		hold := holds[rec.Identity]
		if preauth.ID(hold.SentToken) != rec.ID || !hold.Amount.Equal(rec.Amount.Amount) || !hold.Amount.Equal(p.Amount) {
			h.t.Errorf("%s: the PMS says %s, the ledger %s, v4 %+v", id, p.Amount, rec.Amount, hold)
		}
		if captured := rec.Phase == plan.Captured; rec.Park == nil && captured != (hold.Captures == 1) {
			h.t.Errorf("%s is %s, and captured %d times", id, rec.Phase, hold.Captures)
		}
	}
	if done == 0 {
		h.t.Error("everything is parked: that proves little")
	}
	if wrong := h.world.Reconcile().Wrong; len(wrong) > 0 {
		h.t.Errorf("%q", wrong)
	}
}

// inStep compares a record that is not parked with what the PMS says.
func (h *history) inStep(p simulator.Preauthorization, rec plan.Record) {
	h.t.Helper()
	want := map[string][]plan.Phase{
		simulator.Chargeable: {plan.Created},
		simulator.Charged:    {plan.Captured},
		simulator.Cancelled:  {plan.Released},
		simulator.Pending:    {plan.None, plan.Created, plan.Adopted},
	}[p.State]
	if slices.Contains(want, rec.Phase) {
		return
	}
	h.t.Errorf("%s is %s in the PMS and %s in the ledger", p.ID, p.State, rec.Phase)
}
