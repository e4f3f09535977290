package engine_test

import (
	"errors"
	"os"
	"testing"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func TestAnOlderCopyIsRefusedWhereNothingTellsWhichHoldsAreOurs(t *testing.T) {
	for name, c := range map[string]struct {
		policy  simulator.TokenPolicy
		mode    config.TransactionToken
		refused bool
	}{
		"the sink overwrites tokens": {simulator.TokenOverwrite, config.TransactionToken("id"), true},
		"no token is sent":           {simulator.TokenKeep, config.TransactionToken("none"), true},
		"the sink keeps tokens":      {simulator.TokenKeep, config.TransactionToken("id"), false},
	} {
		t.Run(name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.settings(func(s *simulator.Settings) { s.TokenPolicy = c.policy })
				b.hold("10")
				b.start(func(cfg *config.Config) { cfg.V4.TransactionToken = c.mode })
				b.cycle()
				earlier := b.copy(false)
				b.hold("20")
				b.cycle()
				b.effects(2, 0)
				b.putBack(earlier)
				for range 3 { // what a refused start has seen is seen again by the next
					b.start()
					_, err := b.tryCycle(true)
					if _, binding := errors.AsType[*engine.BindingError](err); binding != c.refused {
						t.Errorf("the cycle ended with %v", err)
					}
					b.stop()
				}
				b.effects(2, 0)
			})
		})
	}
}

func TestUUIDTokensOfTheGatewayAreNoEvidenceThatTokensAreKept(t *testing.T) {
	inBench(t, func(b *bench) {
		b.hold("10")
		b.settings(func(s *simulator.Settings) { s.TokenPolicy = simulator.TokenOverwrite })
		_, err := b.world.AddHold(simulator.Hold{
			PaymentMethodID: 101, Amount: dec("5"), Token: "0b6f8f9e-3f5f-4d57-9f0c-5e7c8a1d2b3c",
		})
		b.must(err)
		b.start()
		b.cycle()
		b.effects(1, 0)
		b.stop()
		b.must(os.Remove(b.path))
		b.start()
		_, err = b.tryCycle(true)
		if _, binding := errors.AsType[*engine.BindingError](err); !binding {
			t.Errorf("the cycle ended with %v", err)
		}
		b.effects(1, 0)
	})
}

func TestASearchThatHasGoneBlindProvesNoAbsence(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("20")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true})
		b.cycle()
		b.fault(simulator.OpSearch, simulator.Fault{
			Kind: simulator.KindRewrite, After: true,
			Rewrite: func(status int, _ []byte) (int, []byte) {
				return status, []byte(`{"trackingId":"t","itemCount":0,"items":[]}`)
			},
		})
		b.cyclesOver(timeout+6*settle, settle/2)
		b.expect(id, plan.Creating, "")
		if len(b.events(telemetry.TokenHidden)) == 0 {
			t.Error("nobody is told")
		}
		b.world.ClearFaults()
		b.cyclesOver(2*settle, settle/2)
		b.expect(id, plan.Created, "")
		b.effects(2, 0)
	})
}

func TestTwoHoldsWithOneTokenAtTheStartAreParkedAndReported(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.hold("10")
		for range 2 {
			_, err := b.world.AddHold(simulator.Hold{PaymentMethodID: 101, Amount: dec("10"), Token: id})
			b.must(err)
		}
		b.start()
		result := only(b.cycle())
		b.expect(id, plan.None, plan.DuplicateFound)
		if result.NewOutcomeParks != 1 || result.Report.Counts.Parked != 1 || result.Report.Counts.Adopted != 0 {
			t.Errorf("%+v", result)
		}
		b.told(telemetry.ActionParked, 1)
		b.effects(0, 0)
	})
}

func TestOfTwoPropertiesOfOneEnterpriseNeitherIsMirrored(t *testing.T) {
	inBench(t, func(b *bench) {
		b.hold("10")
		b.start(func(cfg *config.Config) {
			twin := cfg.Properties[0]
			twin.Name = "twin"
			cfg.Properties = append(cfg.Properties, twin)
		})
		result, err := b.tryCycle(true)
		if _, binding := errors.AsType[*engine.BindingError](err); !binding {
			t.Errorf("the cycle ended with %v", err)
		}
		for _, p := range result.Properties {
			if p.Err == nil {
				t.Errorf("%s was mirrored", p.Name)
			}
		}
		b.effects(0, 0)
	})
}

func TestAControlThatV4HasPurgedIsReplacedByTheNextCreateThatIsFound(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		b.must(b.world.RemoveHold(1))
		id := b.hold("20")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset})
		b.cycle()
		b.cyclesOver(timeout+3*settle, settle/2)
		b.expect(id, plan.Creating, "")
		b.told(telemetry.TokenHidden, 1)
		b.hold("30")
		b.cyclesOver(4*settle, settle/2)
		b.expect(id, plan.Created, "")
		b.sent(simulator.OpCreate, id, 2)
		b.effects(3, 0)
	})
}
