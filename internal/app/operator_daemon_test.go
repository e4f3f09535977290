package app

import (
	"strings"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// status asks the daemon how it stands.
func (r *rig) status() control.Status {
	r.t.Helper()
	status, err := r.operator().Status(r.t.Context())
	r.must(err)
	return status
}

func TestADaemonsStatusTellsWhatOnlyItKnows(t *testing.T) {
	inRig(t, func(r *rig) {
		r.hold("hotel-1")
		r.begin(r.config())
		began := time.Now().UTC()
		r.pass(time.Minute)
		got := r.status()
		if d := got.Daemon; d == nil || len(d.Problems) > 0 || !d.Started.Equal(began) || d.PID == 0 {
			t.Errorf("%+v", d)
		}
		if next := got.Properties[0].NextCycle; !next.Equal(began.Add(5 * time.Minute)) {
			t.Errorf("the next cycle is at %s", next)
		}
	})
}

func TestADaemonsStatusNamesASinkThatCannotBeUsed(t *testing.T) {
	inRig(t, func(r *rig) {
		r.hold("hotel-1")
		r.world.Inject(simulator.Fault{API: simulator.APIV4, Kind: simulator.KindStatus, Status: 503, Times: 1000})
		r.begin(r.config())
		r.pass(4 * time.Minute)
		got := r.status()
		if !strings.Contains(got.Sinks[0].Error, "503") || len(got.Daemon.Problems) == 0 {
			t.Errorf("%+v, %+v", got.Sinks, got.Daemon)
		}
	})
}

func TestAnOperatorIsAnsweredWithWhatIsInForce(t *testing.T) {
	inRig(t, func(r *rig) {
		r.hold("hotel-1")
		r.begin(r.config())
		r.pass(time.Minute)
		before := r.operator()
		second, err := r.world.AddEnterprise(simulator.Enterprise{Name: "hotel-2"})
		r.must(err)
		r.hold(second.Name)
		r.hangUp(func() (*config.Config, error) { return r.config(), nil })
		if got := r.status(); len(got.Properties) != 2 || got.Properties[1].Name != second.Name {
			t.Errorf("%+v", got.Properties)
		}
		if got, err := before.Status(r.t.Context()); err != nil || len(got.Properties) != 1 {
			t.Errorf("a request that began before: %+v, %v", got.Properties, err)
		}
	})
}

func TestARetriedCreateIsLookedUpByTheRunningDaemon(t *testing.T) {
	inRig(t, func(r *rig) {
		id := r.hold("hotel-1")
		r.begin(r.config())
		r.pass(time.Minute)
		r.expect(plan.Created, id)
		lost := preauth.ID(r.hold("hotel-1"))
		known, err := r.ledger.Properties(r.t.Context())
		r.must(err)
		deadline := time.Now()
		r.must(r.ledger.Commit(r.t.Context(), plan.Batch{Records: []plan.Record{{
			ID: lost, Enterprise: known[0].Enterprise, Phase: plan.Creating,
			Intent: &plan.Intent{Action: plan.Create, Attempt: 1, Token: string(lost), Deadline: deadline},
			Park:   &plan.Park{Reason: plan.DuplicateFound, Since: deadline},
		}}}))
		r.pass(20 * time.Minute)
		r.expect(plan.Creating, string(lost))
		out, err := r.operator().Retry(r.t.Context(), control.Retry{Of: control.Selection{IDs: []preauth.ID{lost}}, Note: "v4 was tidied up"})
		if err != nil || len(out.Done) != 1 {
			t.Fatalf("%+v, %v", out, err)
		}
		told := r.events(telemetry.ParkedRetried)
		if len(told) != 1 || told[0]["note"] != "v4 was tidied up" || !strings.Contains(told[0]["msg"].(string), "looked up") {
			t.Errorf("%v", told)
		}
		r.pass(20 * time.Minute)
		r.told(telemetry.CreateAbsent, 1)
		r.expect(plan.None, string(lost))
	})
}

func TestAnOperatorsQuestionToV4IsNoSignOfLife(t *testing.T) {
	inRig(t, func(r *rig) {
		id := r.hold("hotel-1")
		r.begin(r.config())
		r.pass(time.Minute + 300*time.Millisecond)
		rec, _, err := r.ledger.Record(r.t.Context(), preauth.ID(id))
		r.must(err)
		silent := r.pulse.Since()
		hold, there, err := r.operator().hold(r.t.Context(), engine.DefaultSink, rec.Identity)
		if err != nil || !there || hold.Token != id {
			t.Errorf("%+v, %t, %v", hold, there, err)
		}
		if silent == 0 || r.pulse.Since() < silent {
			t.Errorf("silent for %s before it and for %s after it", silent, r.pulse.Since())
		}
	})
}
