package app_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func TestStatusIsWhatTheStateFileCounts(t *testing.T) {
	o := desk(t)
	since := time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC)
	money := preauth.Money{Amount: decimal.RequireFromString("20.50"), Currency: "EUR"}
	charged := plan.Observation{State: preauth.Charged, Active: true, Amount: money}
	put(t, o, plan.Batch{
		Sink: &plan.Sink{Name: engine.DefaultSink, Proof: plan.ProofKept, Outage: true},
		Records: []plan.Record{{
			ID: another, Enterprise: hotel, Phase: plan.Capturing, Identity: 7, Amount: money, Seen: charged,
			Intent: &plan.Intent{Action: plan.Capture, Attempt: 1, Amount: money, Before: plan.Created},
			Park:   &plan.Park{Reason: plan.UnknownCapture, Seen: charged, Since: since},
		}, held(21, preauth.Chargeable, "40"), held(22, preauth.Chargeable, "30.5"), held(23, preauth.Charged, "0.1")},
		Pauses: []plan.Pause{{Since: since}, {Enterprise: hotel, Since: since.Add(time.Hour)}},
	})
	if err := o.Ledger.MarkOlder(t.Context(), "it is a copy"); err != nil {
		t.Fatal(err)
	}
	o.Config.Mirror.Mode = config.ModeCaptureOnly
	got, err := o.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	later := since.Add(time.Hour)
	want := control.Status{
		Mode: "capture_only", PausedSince: &since, Older: "it is a copy",
		Properties: []control.PropertyStatus{{
			Name: "prague", Enterprise: string(hotel), Phases: map[string]int{"none": 1, "created": 3, "capturing": 1}, InDoubt: 1,
			Parked: map[string]int{"currency_mismatch": 1, "unknown_capture": 1},
			Held:   map[string]string{"EUR": "70.5"}, Awaiting: map[string]string{"EUR": "0.1"},
			ParkedAmounts: map[string]string{"EUR": "20.5"}, PausedSince: &later, FirstRunOpen: true,
		}},
		Sinks: []control.SinkStatus{{Name: engine.DefaultSink, TokenProof: "kept", Outage: true}},
	}
	ignore := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".OldestParked" }, cmp.Ignore())
	if diff := cmp.Diff(want, got, ignore); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// held is what v4 holds for the n-th preauthorization, in euros.
func held(n int, state preauth.State, amount string) plan.Record {
	money := preauth.Money{Amount: decimal.RequireFromString(amount), Currency: "EUR"}
	return plan.Record{
		ID: ledgertest.ID(n), Enterprise: hotel, Phase: plan.Created, Identity: int64(n), Amount: money, PaymentMethodID: 9,
		Seen: plan.Observation{State: state, Active: true, Amount: money},
	}
}

func TestBeforeThereIsAStateFileStatusAnswersAndNothingElse(t *testing.T) {
	cfg := &config.Config{
		State:      config.State{Path: filepath.Join(t.TempDir(), "state.db")},
		Properties: []config.Property{{Name: "prague"}},
	}
	for _, mode := range []state.Mode{state.ReadOnly, state.ReadWrite} {
		o, err := app.OpenOperator(cfg, mode, app.Outside{})
		if err != nil {
			t.Fatal(err)
		}
		status, err := o.Status(t.Context())
		if err != nil || len(status.Properties) != 1 || status.Properties[0].LastCycle != nil || status.Daemon != nil {
			t.Errorf("%+v, %v", status, err)
		}
		_, shown := o.Show(t.Context(), parked)
		_, listed := o.Parked(t.Context(), control.Selection{})
		_, retried := o.Retry(t.Context(), control.Retry{Of: control.Selection{Property: "prague"}})
		for what, err := range map[string]error{
			"show": shown, "parked": listed, "retry": retried,
			"export": o.Export(t.Context(), func(control.Record) error { return nil }), "backup": o.Backup(t.Context(), &strings.Builder{}),
		} {
			if err == nil || !strings.Contains(err.Error(), "is not there yet; the first run creates it") || !strings.Contains(err.Error(), cfg.State.Path) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(filepath.Dir(cfg.State.Path), "*")); len(found) > 0 {
		t.Errorf("it has made %v", found)
	}
}

func TestAnAnswerIsForWhatIsNamed(t *testing.T) {
	o := desk(t)
	_, retried := o.Retry(t.Context(), control.Retry{})
	_, resolved := o.Resolve(t.Context(), control.Resolve{As: "captured", Note: "all of them"})
	_, many := o.Resolve(t.Context(), control.Resolve{Of: control.Selection{Property: "prague"}, As: "created=7", Note: "found"})
	_, nonsense := o.Resolve(t.Context(), control.Resolve{Of: control.Selection{Property: "prague"}, As: "gone", Note: "found"})
	for _, err := range []error{retried, resolved, many, nonsense} {
		if err == nil {
			t.Error("it was answered")
		}
	}
	if rec := record(t, o, parked); rec.Park == nil {
		t.Error("the mark has gone")
	}
}

func TestARefusedAnswerKeepsNoOtherFromItsOwn(t *testing.T) {
	o := desk(t)
	put(t, o, plan.Batch{Records: []plan.Record{{ID: another, Enterprise: hotel, Phase: plan.Created, Identity: 7}}})
	out, err := o.Retry(t.Context(), control.Retry{Of: control.Selection{IDs: []preauth.ID{another, parked, hotel, parked}}})
	if err != nil || len(out.Done) != 1 || out.Done[0].ID != string(parked) || out.Done[0].Was != plan.CurrencyMismatch {
		t.Fatalf("%+v, %v", out, err)
	}
	said := strings.Join(out.Refused, "\n")
	if len(out.Refused) != 2 || !strings.Contains(said, "it is not parked: its phase is created") || !strings.Contains(said, "does not have it") {
		t.Errorf("%q", out.Refused)
	}
}
