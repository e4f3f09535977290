package engine_test

import (
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// moved holds a preauthorization, and then lets another enterprise of the PMS show it
// under the tenant of before: its record stays the former's.
func (b *bench) moved() (id string) {
	b.t.Helper()
	id = b.hold("22.50")
	_, err := b.world.AddEnterprise(simulator.Enterprise{Name: "hotel-2", Currency: "EUR", Tenant: "tenant-1"})
	b.must(err)
	b.elsewhere("3")
	b.proven()
	customer, card := b.customerOf(id), b.record(id).CardID
	b.must(b.world.Remove(id))
	b.add(simulator.Preauthorization{ID: id, Enterprise: "hotel-2", CustomerID: customer, CardID: card, Amount: dec("22.50")})
	return id
}

// What is put of a record of the former enterprise does not find the passes of the one
// that shows it now.
func TestWhatAnOperatorAnswersOfAFormerEnterpriseIsDone(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.moved()
		b.restart(func(cfg *config.Config) { cfg.Properties = cfg.Properties[1:] })
		b.unchanged()
		b.unchanged()
		b.charge(id)
		b.once(simulator.OpCapture, simulator.Fault{Kind: simulator.KindStatus, Status: 400, Body: `{"errors":[{"code":1,"message":"no"}]}`})
		b.unchanged()
		b.expect(id, plan.Created, plan.Rejected)
		b.unchanged()
		b.unchanged()
		b.taken(b.retry(id, control.Retry{}))
		b.unchanged()
		b.expect(id, plan.Captured, "")
	})
}

// One property shows it, and to the other, whose record it is, it is missing: that the
// former's reply says nothing new must not let it be missed.
func TestWhatAnotherPropertyShowsIsNotMissing(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.moved()
		for range 14 {
			b.unchanged()
			b.expect(id, plan.Created, "")
		}
	})
}

// While nobody is told of old holds, nothing keeps the bound on their age.
func TestAHoldThatComesBackWhileNobodyIsToldIsToldOfLater(t *testing.T) {
	const after = 48 * time.Hour
	inBench(t, func(b *bench) {
		id := b.hold("22.50")
		b.proven(func(cfg *config.Config) { cfg.Mirror.HoldWarnAfter = after })
		b.state(simulator.Cancelled, id)
		b.cycle()
		b.pass(5 * after)
		b.cycle()
		b.told(telemetry.HoldAging, 1) // the other hold
		b.pass(3 * time.Hour)
		b.cycle()
		b.restart(func(cfg *config.Config) { cfg.Mirror.HoldWarnAfter = 0 })
		b.state(simulator.Chargeable, id)
		b.cycle()
		b.expect(id, plan.Created, "")
		b.told(telemetry.HoldAging, 1)
		b.restart(func(cfg *config.Config) { cfg.Mirror.HoldWarnAfter = after })
		for range 30 {
			b.pass(time.Hour)
			b.cycle()
		}
		b.told(telemetry.HoldAging, 2)
	})
}
