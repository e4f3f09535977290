package telemetry_test

import (
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func newMetrics() *telemetry.Metrics {
	return telemetry.NewMetrics(telemetry.Build{Version: "1.2.3", Commit: "abc", GoVersion: "go1.26"}, moment)
}

// scrape gives the samples whose names begin with the prefix, by name and labels.
func scrape(t *testing.T, m *telemetry.Metrics, prefix string) map[string]float64 {
	t.Helper()
	reply := httptest.NewRecorder()
	m.Handler().ServeHTTP(reply, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	if reply.Code != http.StatusOK {
		t.Fatalf("status %d: %s", reply.Code, reply.Body)
	}
	samples := map[string]float64{}
	for line := range strings.Lines(reply.Body.String()) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !strings.HasPrefix(series, prefix) {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		samples[series] = number
	}
	return samples
}

func TestCountersAndTimesAreShownUnderTheNamesOfTheContract(t *testing.T) {
	m := newMetrics()
	m.Cycle("prague", 7*time.Second, true, moment())
	m.Cycle("prague", 3*time.Second, false, moment().Add(time.Minute)) // no success: the first stands
	m.Action("prague", "create", "applied")
	m.Action("prague", "create", "applied")
	m.Request(httpx.Event{API: "v4", Operation: "create", Status: 201, Duration: 1500 * time.Millisecond})
	m.Request(httpx.Event{API: "v4", Operation: "create", Err: errors.New("reset")})
	m.Request(httpx.Event{API: "v4", Operation: "create", Status: 777})
	got := scrape(t, m, "preauth_sync_")
	for series := range got {
		if strings.Contains(series, "_bucket{") {
			delete(got, series)
		}
	}
	want := map[string]float64{
		`preauth_sync_build_info{commit="abc",goversion="go1.26",version="1.2.3"}`: 1,
		`preauth_sync_cycle_duration_seconds_sum{property="prague"}`:               10,
		`preauth_sync_cycle_duration_seconds_count{property="prague"}`:             2,
		"preauth_sync_ready": 0,
		`preauth_sync_last_success_timestamp_seconds{property="prague"}`:                  float64(moment().Unix()),
		`preauth_sync_actions_total{action="create",outcome="applied",property="prague"}`: 2,
		`preauth_sync_requests_total{api="v4",code="201",operation="create"}`:             1,
		`preauth_sync_requests_total{api="v4",code="error",operation="create"}`:           1,
		`preauth_sync_requests_total{api="v4",code="other",operation="create"}`:           1,
		`preauth_sync_request_duration_seconds_sum{api="v4",operation="create"}`:          1.5,
		`preauth_sync_request_duration_seconds_count{api="v4",operation="create"}`:        3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(scrape(t, m, "go_goroutines")) != 1 || len(scrape(t, m, "process_open_fds")) != 1 {
		t.Error("the runtime's own metrics are missing")
	}
}

func TestAPropertyIsShownFromTheFirstScrapeUntilItLeavesTheConfiguration(t *testing.T) {
	m := newMetrics()
	m.Properties("prague", "brno")
	m.Cycle("prague", time.Second, true, moment())
	m.Action("prague", "capture", "applied")
	const success = `preauth_sync_last_success_timestamp_seconds{property="`
	want := map[string]float64{success + `prague"}`: float64(moment().Unix()), success + `brno"}`: 0}
	if diff := cmp.Diff(want, scrape(t, m, success)); diff != "" {
		t.Error(diff)
	}
	m.Properties("brno", "ostrava")
	for series := range scrape(t, m, "preauth_sync_") {
		if strings.Contains(series, "prague") {
			t.Errorf("%s is still there", series)
		}
	}
	if got := len(scrape(t, m, success)); got != 2 {
		t.Errorf("%d properties", got)
	}
}

func TestWhatTheLedgerHoldsIsReadAtTheScrape(t *testing.T) {
	m := newMetrics()
	if got := scrape(t, m, "preauth_sync_parked"); len(got) != 0 {
		t.Errorf("before there is a ledger: %v", got)
	}
	tally := plan.Tally{
		Phases:   map[plan.Phase]int{plan.Created: 4},
		Parked:   map[plan.Reason]int{plan.UnknownCapture: 2},
		Held:     map[string]decimal.Decimal{"EUR": decimal.RequireFromString("18204.5"), "CZK": decimal.New(7, 0)},
		Awaiting: map[string]decimal.Decimal{"EUR": decimal.RequireFromString("22.5")},
		ParkedAmounts: map[string]decimal.Decimal{
			"EUR": decimal.RequireFromString("1299.20"), "": decimal.Zero, "junk from outside": decimal.New(1, 0),
		},
		OldestParked: moment().Add(-90 * time.Second),
	}
	m.Holdings(func() ([]telemetry.Holding, error) {
		return []telemetry.Holding{{Property: "prague", Tally: tally, Mode: "full", FuseBlown: true}, {Property: "brno", Mode: "observe", Paused: true}}, nil
	})
	want := map[string]float64{
		`preauth_sync_mode{mode="full",property="prague"}`: 1, `preauth_sync_mode{mode="observe",property="brno"}`: 1,
		`preauth_sync_fuse_blown{property="prague"}`: 1, `preauth_sync_fuse_blown{property="brno"}`: 0,
		`preauth_sync_paused{property="prague"}`: 0, `preauth_sync_paused{property="brno"}`: 1,
		`preauth_sync_held_amount{currency="EUR",property="prague"}`:             18204.5,
		`preauth_sync_held_amount{currency="CZK",property="prague"}`:             7,
		`preauth_sync_awaiting_capture_amount{currency="EUR",property="prague"}`: 22.5,
		`preauth_sync_parked_amount{currency="EUR",property="prague"}`:           1299.2,
		`preauth_sync_oldest_parked_seconds{property="prague"}`:                  90,
		`preauth_sync_oldest_parked_seconds{property="brno"}`:                    0,
	}
	for _, property := range []string{"prague", "brno"} {
		for _, phase := range plan.Phases() {
			want[`preauth_sync_preauthorizations{phase="`+phase.String()+`",property="`+property+`"}`] = 0
		}
		for _, reason := range plan.Reasons() {
			want[`preauth_sync_parked{property="`+property+`",reason="`+string(reason)+`"}`] = 0
		}
	}
	want[`preauth_sync_preauthorizations{phase="created",property="prague"}`] = 4
	want[`preauth_sync_parked{property="prague",reason="unknown_capture"}`] = 2
	got := scrape(t, m, "preauth_sync_")
	delete(got, `preauth_sync_build_info{commit="abc",goversion="go1.26",version="1.2.3"}`)
	delete(got, "preauth_sync_ready")
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Error(diff)
	}

	tally.Phases, tally.OldestParked = map[plan.Phase]int{plan.Created: 5}, moment().Add(time.Hour)
	got = scrape(t, m, "preauth_sync_")
	if got[`preauth_sync_preauthorizations{phase="created",property="prague"}`] != 5 {
		t.Error("the second scrape shows what the first one did")
	}
	if age := got[`preauth_sync_oldest_parked_seconds{property="prague"}`]; age != 0 || math.Signbit(age) {
		t.Errorf("parked since a moment ahead of a clock put back: %v seconds", age)
	}
}

func TestAProgramIsReadyWhenNothingKeepsItFromItsWork(t *testing.T) {
	m := newMetrics()
	ready := func(want float64) {
		t.Helper()
		if got, shown := scrape(t, m, "preauth_sync_ready")["preauth_sync_ready"]; !shown || got != want {
			t.Errorf("ready is %v (shown: %t), not %v", got, shown, want)
		}
	}
	ready(0)
	var problems []string
	m.Ready(func() []string { return problems })
	ready(1)
	problems = []string{"the last cycle broke off"}
	ready(0)
}

func TestALedgerThatCannotBeReadLeavesTheOtherMetrics(t *testing.T) {
	for name, read := range map[string]func() ([]telemetry.Holding, error){
		"an error":      func() ([]telemetry.Holding, error) { return nil, errors.New("the disk is gone") },
		"a panic":       func() ([]telemetry.Holding, error) { panic("no") },
		"one twice":     func() ([]telemetry.Holding, error) { return make([]telemetry.Holding, 2), nil },
		"no valid name": func() ([]telemetry.Holding, error) { return []telemetry.Holding{{Property: "\xff"}}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMetrics()
			m.Action("prague", "create", "applied")
			m.Holdings(read)
			const actions = "preauth_sync_actions_total"
			if got := scrape(t, m, actions); len(got) != 1 {
				t.Errorf("%v", got)
			}
			const failures = `promhttp_metric_handler_errors_total{cause="gathering"}`
			if got := scrape(t, m, failures)[failures]; got < 1 {
				t.Errorf("%v failures counted", got)
			}
			m.Holdings(nil)
			before := scrape(t, m, failures)[failures]
			if after := scrape(t, m, failures)[failures]; after != before {
				t.Error("it is asked still")
			}
		})
	}
}
