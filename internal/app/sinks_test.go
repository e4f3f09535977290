package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// apart adds a property whose money goes to a tenant of its own.
func (r *rig) apart() {
	r.t.Helper()
	tenant, err := r.world.AddTenant(simulator.Tenant{Name: "tenant-2"})
	r.must(err)
	_, err = r.world.AddPaymentMethod(simulator.PaymentMethod{Tenant: tenant.Name})
	r.must(err)
	_, err = r.world.AddEnterprise(simulator.Enterprise{Name: "apart", Tenant: tenant.Name})
	r.must(err)
}

// tenantsOf gives the tenant of each hold, by its token.
func (r *rig) tenantsOf() map[string]string {
	on := map[string]string{}
	for _, hold := range r.world.Holds() {
		on[hold.Token] += hold.Tenant
	}
	return on
}

func TestAPropertyWithItsOwnV4WritesThereAlone(t *testing.T) {
	inRig(t, func(r *rig) {
		r.apart()
		shared, own := r.hold("hotel-1"), r.hold("apart")
		r.begin(r.config())
		r.pass(time.Minute)
		if diff := cmp.Diff(map[string]string{shared: "tenant-1", own: "tenant-2"}, r.tenantsOf()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		r.must(r.world.SetState(own, simulator.Charged))
		r.pass(10 * time.Minute)
		r.expect(plan.Captured, own)
		status, err := r.operator().Status(r.t.Context())
		r.must(err)
		want := []control.SinkStatus{{Name: engine.DefaultSink, TokenProof: "kept"}, {Name: "apart", TokenProof: "kept"}}
		if diff := cmp.Diff(want, status.Sinks); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestAnOutageOfOneTenantLeavesTheOthers(t *testing.T) {
	inRig(t, func(r *rig) {
		r.apart()
		shared, own := r.hold("hotel-1"), r.hold("apart")
		cfg := r.config(func(cfg *config.Config) { cfg.Properties[1].V4.Auth.Password = httpx.NewSecret("wrong") })
		r.begin(cfg)
		r.pass(time.Minute)
		r.expect(plan.Created, shared)
		r.expect(plan.None, own)
		status, err := r.operator().Status(r.t.Context())
		r.must(err)
		if status.Sinks[0].Error != "" || status.Sinks[1].Error == "" {
			t.Errorf("%+v", status.Sinks)
		}
		if code, body := r.ask("/readyz"); code != http.StatusOK || !strings.Contains(body, `"notes":["the sink of property apart could not be used in the last cycle: `) {
			t.Errorf("with one sink of two readyz is %d: %s", code, body)
		}
		for _, line := range r.events(telemetry.SinkUnusable) {
			if line["property"] != "apart" {
				t.Errorf("%v", line)
			}
		}
	})
}

// What is asked of one tenant must not be answered by another: both count from 1.
func TestAnAnswerIsCheckedOnTheRecordsOwnV4(t *testing.T) {
	inRig(t, func(r *rig) {
		r.apart()
		shared, own := r.hold("hotel-1"), r.hold("apart")
		r.begin(r.config())
		r.pass(time.Minute)
		for id, sink := range map[string]string{shared: engine.DefaultSink, own: "apart"} {
			rec, _, err := r.ledger.Record(r.t.Context(), preauth.ID(id))
			r.must(err)
			at, err := r.operator().sinkOf(r.t.Context(), rec.Enterprise)
			r.must(err)
			hold, there, err := r.operator().hold(r.t.Context(), at.Name, rec.Identity)
			if at.Name != sink || at.moved != "" || at.doc.Proof != plan.ProofKept || err != nil || !there || hold.Token != id {
				t.Errorf("%s is on %+v: %+v, %t, %v", id, at, hold, there, err)
			}
			other := map[string]string{engine.DefaultSink: "apart", "apart": engine.DefaultSink}[sink]
			if hold, there, _ := r.operator().hold(r.t.Context(), other, rec.Identity); there && hold.Token == id {
				t.Errorf("%s is on %s too", id, other)
			}
		}
	})
}

func TestEachTenantIsAudited(t *testing.T) {
	inRig(t, func(r *rig) {
		r.apart()
		r.hold("hotel-1")
		own := r.hold("apart")
		r.begin(r.config())
		r.pass(time.Minute)
		r.must(r.world.SetState(own, simulator.Cancelled))
		var found []control.Finding
		told := func(f control.Finding) error {
			found = append(found, f)
			return nil
		}
		out, err := r.operator().Audit(r.t.Context(), control.Audit{}, told)
		r.must(err)
		if out.Checked != 2 || out.Holds != 2 || out.Foreign+out.InMotion+len(out.Unread) > 0 || len(found) != 1 || found[0].Property != "apart" {
			t.Errorf("%+v, %+v", out, found)
		}
		for _, c := range []struct {
			property string
			found    int
		}{{"hotel-1", 0}, {"apart", 1}} {
			found = nil
			out, err := r.operator().Audit(r.t.Context(), control.Audit{Property: c.property}, told)
			if err != nil || out.Checked != 1 || out.Holds != 1 || len(out.Unread) > 0 || len(found) != c.found {
				t.Errorf("%s: %+v, %+v, %v", c.property, out, found, err)
			}
		}
	})
}

// A property that leaves the configuration is told of once, and so is one whose v4 has.
func TestAnAuditTellsOnceOfWhoIsNotConfigured(t *testing.T) {
	for left, others := range map[int]string{0: "apart", 1: "hotel-1"} {
		inRig(t, func(r *rig) {
			r.apart()
			gone := r.hold([]string{"hotel-1", "apart"}[left])
			r.hold(others)
			r.begin(r.config())
			r.pass(time.Minute)
			desk := r.operator()
			cfg := *desk.Config
			cfg.Properties = []config.Property{cfg.Properties[1-left]}
			desk.Config = &cfg
			out, err := desk.Audit(r.t.Context(), control.Audit{}, func(f control.Finding) error { return fmt.Errorf("found %+v", f) })
			r.must(err)
			if said := strings.Join(out.Unread, "\n"); out.Checked != 1 || strings.Count(said, "1 unfinished preauthorizations of enterprise") != 1 {
				t.Errorf("without %s, of %s: %+v", cfg.Properties[0].Name, gone, out)
			}
		})
	}
}

func TestAPropertyThatHasMovedIsNeitherReloadedNorJudged(t *testing.T) {
	for name, change := range map[string]func(*config.Config){
		"to the shared one":  func(cfg *config.Config) { cfg.Properties[1].OwnV4 = false },
		"to another address": func(cfg *config.Config) { cfg.Properties[1].V4.Address += "/moved" },
		"to one of its own":  func(cfg *config.Config) { cfg.Properties[0].OwnV4 = true },
	} {
		t.Run(name, func(t *testing.T) {
			inRig(t, func(r *rig) {
				r.apart()
				r.hold("hotel-1")
				r.hold("apart")
				r.begin(r.config())
				r.pass(time.Minute)
				r.hangUp(func() (*config.Config, error) { return r.config(change), nil })
				refused := r.events(telemetry.ConfigRefused)
				if len(refused) != 1 || !strings.Contains(fmt.Sprint(refused[0]["error"]), "state rebind") {
					t.Errorf("%v", refused)
				}
				desk := r.operator()
				desk.Config = r.config(change)
				out, err := desk.Audit(r.t.Context(), control.Audit{}, func(f control.Finding) error { return fmt.Errorf("found %+v", f) })
				if said := strings.Join(out.Unread, "\n"); err != nil || !out.Refused || strings.Count(said, "was not compared with its v4") != 1 {
					t.Errorf("%+v, %v", out, err)
				}
			})
		})
	}
}

func TestSinksOfOneUserWithOneLimitShareIt(t *testing.T) {
	shared := config.V4{Address: "https://v4.test", Auth: config.Auth{Username: "u"}}
	other := shared
	other.Auth.Username = "v"
	used, limit := limits{}, config.RateLimit{Requests: 5, Per: time.Second}
	first := used.of(userOf(shared), limit)
	if used.of(userOf(shared), limit) != first || used.of(userOf(other), limit) == first {
		t.Error("a limit is a user's")
	}
}

func TestAStopWaitsForTheSlowestV4(t *testing.T) {
	cfg := &config.Config{V4: config.V4{Timeout: 2 * time.Second}, Properties: []config.Property{
		{Name: "a"}, {Name: "b", OwnV4: true, V4: config.V4{Timeout: time.Minute}}, {Name: "c", OwnV4: true, V4: config.V4{Timeout: time.Second}},
	}}
	s := &service{desk: Operator{Config: cfg}}
	if got := s.drain() - drainMargin; got != time.Minute {
		t.Errorf("it waits %s", got)
	}
}
