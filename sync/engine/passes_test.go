package engine_test

import (
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// unchanged runs a cycle, and gives how many preauthorizations it did not look at.
func (b *bench) unchanged() int {
	b.t.Helper()
	b.pass(time.Minute)
	b.cycle()
	finished := b.events(telemetry.CycleFinished)
	return int(finished[len(finished)-1]["unchanged"].(float64))
}

// settledWith begins on a sink that is known to keep tokens, with two holds, and runs
// cycles until a reply is known.
func (b *bench) settledWith(change ...func(*config.Config)) (first, second string) {
	b.t.Helper()
	first, second = b.hold("22.50"), b.hold("100")
	b.proven(change...)
	if got := b.unchanged(); got != 0 {
		b.t.Fatalf("%d were not looked at before anything was known of them", got)
	}
	if got := b.unchanged(); got != 3 {
		b.t.Fatalf("%d of 3 were not looked at in a cycle in which nothing had changed", got)
	}
	return first, second
}

func TestAReplyThatSaysTheSameIsCountedAndNotLookedInto(t *testing.T) {
	inBench(t, func(b *bench) {
		b.settledWith()
		want := plan.Counts{Polled: 3, Skipped: 3}
		for _, r := range b.results[1:] {
			if got := only(r); got.Report.Counts != want || got.Skipped[plan.InStep] != 3 || got.Err != nil {
				t.Errorf("a cycle in which nothing had changed: %+v", got)
			}
		}
		b.restart()
		if got := b.unchanged(); got != 3 {
			t.Errorf("%d of 3 were not looked at after a restart", got)
		}
	})
}

func TestWhateverAPassRestsOnMakesTheNextReplyLookedInto(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(b *bench, first string)
	}{
		{"the PMS says something else", func(b *bench, first string) { b.charge(first) }},
		{"there is one more", func(b *bench, _ string) { b.hold("7") }},
		{"a customer has left the list, with nothing unfinished", func(b *bench, first string) {
			b.state(simulator.Cancelled, first)
			for b.unchanged() == 0 {
			}
			b.list(b.customerOf(first))
		}},
		{"the currency is another", func(b *bench, _ string) {
			b.restart(func(cfg *config.Config) { cfg.Properties[0].Currency = "CZK" })
		}},
		{"the mode is another", func(b *bench, _ string) {
			b.restart(func(cfg *config.Config) { cfg.Mirror.Mode = config.ModeCaptureOnly })
		}},
		{"the program is another", func(b *bench, _ string) {
			b.program = "another"
			b.restart()
		}},
		{"the policy is another", func(b *bench, _ string) {
			b.restart(func(cfg *config.Config) { cfg.Mirror.NewCustomers = config.NewCustomersMirror })
		}},
		{"a file cannot be read", func(b *bench, _ string) { b.cfg.Properties[0].PaymentMethods.File = "/nowhere"; b.restart() }},
	} {
		t.Run(c.what, func(t *testing.T) {
			inBench(t, func(b *bench) {
				first, _ := b.settledWith()
				c.change(b, first)
				if got := b.unchanged(); got != 0 {
					t.Errorf("%d were not looked at", got)
				}
			})
		})
	}
}

func TestWhatAFileMayStillMendIsLookedAtInEachCycle(t *testing.T) {
	inBench(t, func(b *bench) {
		b.settledWith()
		b.add(simulator.Preauthorization{Amount: dec("5"), Currency: "CZK"})
		for range 4 {
			if got := b.unchanged(); got != 0 {
				t.Errorf("%d were not looked at beside one that is parked as currency_mismatch", got)
			}
		}
	})
}

func TestWhatIsInDoubtIsLookedAtInEachCycle(t *testing.T) {
	inBench(t, func(b *bench) {
		b.settledWith()
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset})
		id := b.hold("7")
		for range 3 {
			if got := b.unchanged(); got != 0 {
				t.Errorf("%d were not looked at beside one in doubt", got)
			}
		}
		b.cyclesOver(2*(timeout+2*settle), time.Minute)
		b.expect(id, plan.Created, "")
		if got := b.unchanged(); got != 4 {
			t.Errorf("%d of 4 were not looked at once nothing was in doubt", got)
		}
	})
}

// A hold that has left every reply is missed in each of them, also where they say the same.
func TestWhatIsMissingIsMissedAlsoWhereNothingChanges(t *testing.T) {
	inBench(t, func(b *bench) {
		first, _ := b.settledWith()
		b.must(b.world.Remove(first))
		b.unchanged()
		b.unchanged()
		b.expect(first, plan.Created, "")
		b.unchanged()
		b.expect(first, plan.Created, plan.SourceMissing)
	})
}

func TestWhatAnOperatorAnswersMakesTheNextReplyLookedInto(t *testing.T) {
	inBench(t, func(b *bench) {
		first, _ := b.settledWith()
		b.must(b.world.SetAmount(first, dec("9")))
		b.unchanged()
		b.expect(first, plan.Created, plan.AmountChanged)
		b.unchanged()
		if got := b.unchanged(); got != 3 {
			t.Fatalf("%d of 3 were not looked at beside one that waits for the PMS or an operator", got)
		}
		b.taken(b.resolve(first, "released"))
		if got := b.unchanged(); got != 0 {
			t.Errorf("%d were not looked at after an operator's answer", got)
		}
	})
}
