package app

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// noted wants a daemon that is ready with these notes, and no others.
func (r *rig) noted(notes ...string) {
	r.t.Helper()
	want := `{"ready":true,"problems":[],"notes":[]}`
	if len(notes) > 0 {
		want = `{"ready":true,"problems":[],"notes":["` + strings.Join(notes, `","`) + `"]}`
	}
	if status, body := r.ask("/readyz"); status != http.StatusOK || strings.TrimSpace(body) != want {
		r.t.Errorf("readyz is %d: %s, want %s", status, body, want)
	}
}

func mode(mode config.Mode) func(*config.Config) {
	return func(cfg *config.Config) { cfg.Mirror.Mode = mode }
}

func TestOrdersAreNotesAndNoProblems(t *testing.T) {
	inRig(t, func(r *rig) {
		r.hold("hotel-1")
		r.begin(r.config())
		r.pass(time.Minute)
		r.noted()
		_, err := r.operator().Pause(r.t.Context(), "hotel-1")
		r.must(err)
		r.pass(time.Minute)
		_, err = r.operator().Pause(r.t.Context(), "")
		r.must(err)
		const all = "all writes are paused since 2000-01-01T00:02:00Z"
		r.noted(all, "writes of hotel-1 are paused since 2000-01-01T00:01:00Z")
		_, err = r.operator().Resume(r.t.Context(), "hotel-1")
		r.must(err)
		r.noted(all)
		r.hangUp(func() (*config.Config, error) { return r.config(mode(config.ModeCaptureOnly)), nil })
		r.noted("mirror.mode is capture_only: nothing is created", all)
		_, err = r.operator().Resume(r.t.Context(), "")
		r.must(err)
		r.hangUp(func() (*config.Config, error) { return r.config(mode(config.ModeObserve)), nil })
		r.noted("mirror.mode is observe: nothing is sent")
	})
}

// A week in the shadow ends with an account, and with the first run.
func TestAWeekInTheShadow(t *testing.T) {
	inRig(t, func(r *rig) {
		charged, changed := r.hold("hotel-1"), r.hold("hotel-1")
		r.begin(r.config(mode(config.ModeObserve)))
		r.pass(time.Minute)
		r.must(r.world.SetState(charged, simulator.Charged))
		r.must(r.world.SetState(changed, simulator.Charged))
		r.must(r.world.SetAmount(changed, decimal.RequireFromString("12.5")))
		r.pass(10 * time.Minute)
		for event, times := range map[string]int{
			telemetry.ObserveStarted: 1, telemetry.CreateObserved: 2, telemetry.CaptureObserved: 1, telemetry.ParkObserved: 1,
		} {
			r.told(event, times)
		}
		got := r.status()
		o := got.Properties[0].Observed
		if got.Mode != "observe" || o == nil || o.Created != 2 || o.CreatedAmounts["EUR"] != "40" || o.Captured != 1 ||
			o.CapturedAmounts["EUR"] != "20" || o.Parked[string(plan.AmountChanged)] != 1 {
			t.Errorf("%s, %+v", got.Mode, o)
		}
		shown, err := r.operator().Show(r.t.Context(), preauth.ID(changed))
		r.must(err)
		if shown.Phase != "none" || shown.Parked != nil || shown.Observed == nil || shown.Observed.Parked.Reason != plan.AmountChanged {
			t.Errorf("%+v", shown)
		}
		r.auditedInTheShadow(charged, changed)
		if account := r.world.Account(); account.Creates+account.Captures > 0 {
			t.Errorf("%+v", account)
		}

		open := r.hold("hotel-1")
		r.hangUp(func() (*config.Config, error) { return r.config(), nil })
		r.pass(10 * time.Minute)
		r.expect(plan.Baseline, charged, changed)
		r.expect(plan.Created, open)
		if got := r.status(); got.Mode != "full" || got.Properties[0].Observed != nil || got.Properties[0].Held["EUR"] != "20" {
			t.Errorf("%+v", got)
		}
	})
}

// auditedInTheShadow wants an audit to say what would have been done, also beside a hold
// of which nobody knows anything.
func (r *rig) auditedInTheShadow(captured, parked string) {
	r.t.Helper()
	stray, err := r.world.AddHold(simulator.Hold{Amount: decimal.NewFromInt(5), PaymentMethodID: 101, Token: string(ledgertest.ID(77))})
	r.must(err)
	said := map[string]string{}
	audited, err := r.operator().Audit(r.t.Context(), control.Audit{}, func(f control.Finding) error {
		said[f.ID] = f.Action + " " + f.Amount
		return nil
	})
	r.must(err)
	want := map[string]string{captured: "capture 20", parked: "park 20", string(ledgertest.ID(77)): "none "}
	if diff := cmp.Diff(want, said); diff != "" || !audited.Observing {
		r.t.Errorf("%+v, beside identity %d (-want +got):\n%s", audited, stray, diff)
	}
}

func TestSinksAreAProblemOnceNoneCanBeUsed(t *testing.T) {
	down := errors.New("HTTP 503")
	for name, c := range map[string]struct {
		sinks           []engine.SinkResult
		problems, notes []string
	}{
		"the only one": {[]engine.SinkResult{{Name: "prague", Err: down}}, []string{"the sink could not be used in the last cycle: HTTP 503"}, nil},
		"one of two": {
			[]engine.SinkResult{{Name: engine.DefaultSink, Err: down}, {Name: "prague"}},
			nil,
			[]string{"the sink that properties share could not be used in the last cycle: HTTP 503"},
		},
		"both": {
			[]engine.SinkResult{{Name: engine.DefaultSink, Err: down}, {Name: "prague", Err: down}},
			[]string{
				"the sink that properties share could not be used in the last cycle: HTTP 503",
				"the sink of property prague could not be used in the last cycle: HTTP 503",
			},
			nil,
		},
		"none": {[]engine.SinkResult{{Name: engine.DefaultSink}}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			problems, notes := sinkTrouble(c.sinks)
			if diff := cmp.Diff([][]string{c.problems, c.notes}, [][]string{problems, notes}); diff != "" {
				t.Errorf("problems and notes (-want +got):\n%s", diff)
			}
		})
	}
}
