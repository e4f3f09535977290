package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// inTenants is inBench with a second property, apart, whose tenant is its own.
func inTenants(t *testing.T, test func(b *bench, apart func(*config.Config))) {
	t.Helper()
	inBench(t, func(b *bench) {
		tenant, err := b.world.AddTenant(simulator.Tenant{Name: "tenant-2"})
		b.must(err)
		method, err := b.world.AddPaymentMethod(simulator.PaymentMethod{Tenant: "tenant-2"})
		b.must(err)
		b.hold("1")
		_, err = b.world.AddEnterprise(simulator.Enterprise{Name: "hotel-2", Currency: "EUR", Tenant: "tenant-2"})
		b.must(err)
		test(b, func(cfg *config.Config) {
			p := &cfg.Properties[1]
			p.OwnV4, p.V4 = true, cfg.V4
			p.V4.Auth = config.Auth{
				LoginAddress: cfg.V4.Auth.LoginAddress, ClientID: tenant.ClientID, Username: tenant.Username, Password: secret(tenant.Password),
			}
			p.PaymentMethods = config.PaymentMethods{Default: config.DefaultMethod{ID: method}}
		})
	})
}

// elsewhere adds a preauthorization to the property that is apart.
func (b *bench) elsewhere(amount string) string {
	b.t.Helper()
	return b.add(simulator.Preauthorization{Enterprise: "hotel-2", Amount: dec(amount)})
}

func (b *bench) tenantOf(id string) string {
	b.t.Helper()
	for _, h := range b.world.Holds() {
		if h.SentToken == id {
			return h.Tenant
		}
	}
	return ""
}

func TestATenantOfItsOwnHasItsOwnHoldsProofAndOutage(t *testing.T) {
	inTenants(t, func(b *bench, apart func(*config.Config)) {
		shared, own := b.hold("10"), b.elsewhere("20")
		b.start(apart)
		b.cycle()
		b.expect(shared, plan.Created, "")
		b.expect(own, plan.Created, "")
		if a, o := b.tenantOf(shared), b.tenantOf(own); a != "tenant-1" || o != "tenant-2" {
			t.Errorf("held by %q and %q", a, o)
		}
		enterprise := string(b.record(own).Enterprise)
		b.look(func(l *state.Ledger) {
			for _, name := range []string{engine.DefaultSink, enterprise} {
				doc, ok, err := l.Sink(t.Context(), name)
				b.must(err)
				if !ok || doc.Proof != plan.ProofKept || (doc.Address == "") != (name == engine.DefaultSink) {
					t.Errorf("the ledger says of sink %s: %+v", name, doc)
				}
			}
		})
		// An outage of the one leaves the other alone.
		theirs := fmt.Sprintf(`"identity":%d}`, b.record(own).Identity)
		b.fault(simulator.OpCapture, simulator.Fault{Kind: simulator.KindStatus, Status: 503, Match: func(r simulator.Request) bool {
			return strings.Contains(string(r.Body), theirs)
		}})
		b.charge(shared, own)
		b.pass(time.Minute)
		b.cycle()
		b.expect(shared, plan.Captured, "")
		b.expect(own, plan.Capturing, plan.UnknownCapture)
	})
}

func TestRenamingATenantsPropertyChangesNothing(t *testing.T) {
	inTenants(t, func(b *bench, apart func(*config.Config)) {
		own := b.elsewhere("20")
		b.start(apart)
		b.cycle()
		b.expect(own, plan.Created, "")
		lists := len(b.requests(simulator.OpPaged, ""))
		b.charge(own)
		b.restart(func(cfg *config.Config) { cfg.Properties[1].Name = "the-spa" })
		b.pass(time.Minute)
		b.cycle()
		b.expect(own, plan.Captured, "")
		if n := len(b.requests(simulator.OpPaged, "")); n != lists {
			t.Errorf("its v4 was listed again as if it were new: %d lists", n-lists)
		}
	})
}

func TestAPropertyIsKeptFromAnotherV4ThanTheOneThatItWroteTo(t *testing.T) {
	for name, change := range map[string]func(*config.Config){
		"from its own to the shared one": func(cfg *config.Config) { cfg.Properties[1].OwnV4 = false },
		"its own at another address":     func(cfg *config.Config) { cfg.Properties[1].V4.Address = "http://127.0.0.1:1/ResourceServer" },
		"from the shared one to its own": func(cfg *config.Config) {
			cfg.Properties[0].OwnV4, cfg.Properties[0].V4 = true, cfg.Properties[1].V4
		},
	} {
		t.Run(name, func(t *testing.T) {
			inTenants(t, func(b *bench, apart func(*config.Config)) {
				shared, own := b.hold("10"), b.elsewhere("20")
				b.start(apart)
				b.cycle()
				b.charge(shared, own)
				b.restart(change)
				b.pass(time.Minute)
				_, err := b.tryCycle(false)
				if _, refused := errors.AsType[*engine.BindingError](err); !refused {
					t.Errorf("not refused: %v", err)
				}
				if got := b.world.Account(); got.Captures != 1 {
					t.Errorf("%d captures, want the other property's alone", got.Captures)
				}
			})
		})
	}
}

func TestWhatATenantLeftInFlightIsLookedUpOnceThePMSSaysWhoseItIs(t *testing.T) {
	inTenants(t, func(b *bench, apart func(*config.Config)) {
		own := b.elsewhere("20")
		b.start(apart)
		b.cycle()
		lost := b.elsewhere("30")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true})
		b.cycle()
		b.expect(own, plan.Created, "")
		b.expect(lost, plan.Creating, "")
		b.world.Inject(simulator.Fault{API: simulator.APIConnector, Kind: simulator.KindStatus, Status: 500})
		b.restart()
		b.pass(timeout + 2*settle)
		b.cycle()
		b.expect(lost, plan.Creating, "")
		b.clear()
		b.cycle()
		b.expect(lost, plan.Created, "")
		if o := b.tenantOf(lost); o != "tenant-2" {
			t.Errorf("held by %q", o)
		}
	})
}

func TestAnotherPropertysTokensNeverTouchATenant(t *testing.T) {
	inTenants(t, func(b *bench, apart func(*config.Config)) {
		shared, own := b.hold("10"), b.elsewhere("20")
		b.start(apart)
		b.cycle()
		b.expect(shared, plan.Created, "")
		b.charge(own)
		b.once(simulator.OpCapture, simulator.Fault{Kind: simulator.KindReset})
		b.cycle()
		before := len(b.requests(simulator.OpCapture, ""))
		// The second property gets the first one's token, and its login.
		b.restart(func(cfg *config.Config) {
			cfg.Mirror.UnknownCapture = config.UnknownCaptureRetry
			cfg.Properties[1].AccessToken, cfg.Properties[1].V4.Auth = cfg.Properties[0].AccessToken, cfg.V4.Auth
			cfg.Properties = cfg.Properties[1:]
		})
		b.pass(timeout + 2*settle)
		_, err := b.tryCycle(true)
		if _, refused := errors.AsType[*engine.BindingError](err); !refused {
			t.Errorf("not refused: %v", err)
		}
		if n := len(b.requests(simulator.OpCapture, "")); n != before {
			t.Errorf("%d captures were sent with another tenant's login", n-before)
		}
	})
}

func TestTwoSinksOfOneEnterpriseAreRefusedAndLeaveNoTrace(t *testing.T) {
	inTenants(t, func(b *bench, apart func(*config.Config)) {
		b.elsewhere("20")
		b.start(apart, func(cfg *config.Config) {
			twin := cfg.Properties[1]
			twin.Name = "twin"
			twin.V4.Auth = cfg.V4.Auth
			cfg.Properties = append(cfg.Properties, twin)
		})
		_, err := b.tryCycle(false)
		if _, refused := errors.AsType[*engine.BindingError](err); !refused {
			t.Errorf("not refused: %v", err)
		}
		b.look(func(l *state.Ledger) {
			for _, e := range b.world.Enterprises() {
				if doc, ok, err := l.Sink(t.Context(), e.ID); ok || err != nil {
					t.Errorf("the ledger has learnt of a sink: %+v, %v", doc, err)
				}
			}
		})
	})
}
