package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
)

func moment() time.Time {
	return time.Date(2026, 3, 29, 2, 30, 0, 7_000_000, time.FixedZone("CEST", 2*60*60))
}

func newLogger(t *testing.T, options telemetry.Options, more ...telemetry.Option) (*zap.Logger, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	options.Clock = moment
	log, err := telemetry.New(&out, options, more...)
	if err != nil {
		t.Fatal(err)
	}
	return log, &out
}

// lines decodes what was written; a line that is no JSON object fails the test.
func lines(t *testing.T, out *bytes.Buffer) []map[string]any {
	t.Helper()
	var decoded []map[string]any
	for line := range strings.Lines(out.String()) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("not a JSON object: %q: %v", line, err)
		}
		decoded = append(decoded, one)
	}
	return decoded
}

func TestALineHasExactlyTheKeysOfTheContract(t *testing.T) {
	log, out := newLogger(t, telemetry.Options{})
	log.Error("captured", telemetry.Event(telemetry.CaptureApplied), telemetry.CycleID("c1"),
		telemetry.Property("prague"), telemetry.CustomerID("cu"), telemetry.PreauthorizationID("pr"),
		telemetry.Action("capture"), telemetry.Attempt(2), telemetry.Amount("10.50"), telemetry.Currency("EUR"),
		telemetry.Identity(7), telemetry.TrackingID("tr"), telemetry.RequestID("re"), telemetry.Status(200),
		telemetry.Reason("why"), telemetry.Err(errors.New("broken")), telemetry.Duration(1500*time.Millisecond))
	want := []map[string]any{{
		"ts": "2026-03-29T00:30:00.007Z", "level": "error", "msg": "captured", "event": "capture.applied",
		"cycle_id": "c1", "property": "prague", "customer_id": "cu", "preauthorization_id": "pr",
		"action": "capture", "attempt": 2.0, "amount": "10.50", "currency": "EUR", "identity": 7.0,
		"tracking_id": "tr", "request_id": "re", "status": 200.0, "reason": "why", "error": "broken",
		"duration_ms": 1500.0,
	}}
	if diff := cmp.Diff(want, lines(t, out)); diff != "" {
		t.Error(diff)
	}
}

func TestFieldsWithoutAValueAreLeftOut(t *testing.T) {
	log, out := newLogger(t, telemetry.Options{})
	log.Info("m", telemetry.Err(nil), telemetry.Status(0), telemetry.TrackingID(""), telemetry.RequestID(""))
	got := slices.Sorted(maps.Keys(lines(t, out)[0]))
	if diff := cmp.Diff([]string{"level", "msg", "ts"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestNothingIsSampledAway(t *testing.T) {
	const many = 10_000
	log, out := newLogger(t, telemetry.Options{})
	for range many {
		log.Info("the same")
	}
	if got := len(lines(t, out)); got != many {
		t.Errorf("%d of %d identical lines were written", got, many)
	}
}

func TestTheLevelIsTheLowestThatIsWritten(t *testing.T) {
	for level, want := range map[string]int{"debug": 4, "info": 3, "": 3, "warn": 2, "error": 1} {
		log, out := newLogger(t, telemetry.Options{Level: level})
		log.Debug("m")
		log.Info("m")
		log.Warn("m")
		log.Error("m")
		if got := len(lines(t, out)); got != want {
			t.Errorf("level %q: %d lines, want %d", level, got, want)
		}
	}
}

func TestUnknownLevelsAndFormatsAreRefused(t *testing.T) {
	for _, options := range []telemetry.Options{{Level: "fatal"}, {Level: "INFO"}, {Format: "text"}} {
		if _, err := telemetry.New(&bytes.Buffer{}, options); err == nil {
			t.Errorf("%+v was accepted", options)
		}
	}
}

func TestTheConsoleFormatIsReadable(t *testing.T) {
	log, out := newLogger(t, telemetry.Options{Format: telemetry.FormatConsole})
	log.Info("hello", telemetry.Event("x.y"))
	want := "2026-03-29T00:30:00.007Z\tinfo\thello\t{\"event\": \"x.y\"}\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
