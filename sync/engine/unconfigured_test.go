package engine_test

import (
	"os"
	"testing"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func TestAPropertyThatLeavesTheConfigurationWithHoldsIsNamed(t *testing.T) {
	inBench(t, func(b *bench) {
		second, err := b.world.AddEnterprise(simulator.Enterprise{Name: "hotel-2"})
		b.must(err)
		b.hold("22.50")
		b.add(simulator.Preauthorization{Enterprise: second.Name, Amount: dec("33")})
		b.start()
		b.cycle()
		b.told(telemetry.PropertyUnconfigured, 0)
		b.restart(func(cfg *config.Config) { cfg.Properties = cfg.Properties[:1] })
		b.cycle()
		b.cycle()
		b.told(telemetry.PropertyUnconfigured, 1)
		if line := b.events(telemetry.PropertyUnconfigured)[0]; line["property"] != "hotel-2" || line["unfinished"] != 1.0 {
			t.Errorf("%v", line)
		}
	})
}

func TestAListWithABadLineDoesNotEndTheFirstRun(t *testing.T) {
	inBench(t, func(b *bench) {
		first := b.add(simulator.Preauthorization{Amount: dec("10"), State: simulator.Charged})
		second := b.add(simulator.Preauthorization{Amount: dec("20"), State: simulator.Charged})
		b.configure(func(cfg *config.Config) { cfg.Mirror.NewCustomers = config.NewCustomersMirror })
		file := b.cfg.Properties[0].Customers.File
		whole, err := os.ReadFile(file)
		b.must(err)
		p, _ := b.world.Preauthorization(first)
		b.must(os.WriteFile(file, []byte(p.CustomerID+"\n"+p.CustomerID[:20]+"\n"), 0o600))
		b.start()
		b.cycle()
		b.told(telemetry.FirstRunOpen, 1)
		b.must(os.WriteFile(file, whole, 0o600))
		b.cycle()
		b.expect(first, plan.Baseline, "")
		b.expect(second, plan.Baseline, "")
		b.effects(0, 0)
		b.cycle()
		b.told(telemetry.FirstRunOpen, 1)
	})
}
