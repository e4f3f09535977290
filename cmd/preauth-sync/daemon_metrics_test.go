package main

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// scrape gives the value of every series, as Prometheus would read it.
func (d *daemon) scrape(t *testing.T) map[string]float64 {
	t.Helper()
	status, body := d.get(t, "/metrics")
	if status != http.StatusOK {
		t.Fatalf("/metrics is answered with %d: %s", status, body)
	}
	values := map[string]float64{}
	for line := range strings.Lines(body) {
		line = strings.TrimSuffix(line, "\n")
		at := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || at < 0 {
			continue
		}
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			t.Fatalf("%q is no series: %v", line, err)
		}
		values[line[:at]] = value
	}
	return values
}

func TestMetricsShowWhatACycleDid(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: seldom})
	w.charge(t, 0)                             // before the first run: baseline
	w.turn(t, w.ids[1], "A state of tomorrow") // parked
	w.Inject(simulator.Fault{
		Operation: simulator.OpCreate, Kind: simulator.KindStatus, Status: 400, Nth: 4,
		Body: `{"trackingId":"t-1","type":"create","errors":[{"code":4711,"message":"declined"}]}`,
	})
	began := time.Now()
	d := w.daemon(t)
	d.ready(t)
	now := d.scrape(t)
	var held, parked decimal.Decimal
	d.stop(t)
	for id, rec := range w.records(t) {
		p, _ := w.Preauthorization(id)
		switch {
		case rec.Park != nil:
			parked = parked.Add(p.Amount)
		case rec.Phase == plan.Created:
			held = held.Add(p.Amount)
		}
	}
	for series, want := range map[string]float64{
		`preauth_sync_preauthorizations{phase="created",property="hotel-1"}`:  3,
		`preauth_sync_preauthorizations{phase="baseline",property="hotel-1"}`: 1,
		`preauth_sync_preauthorizations{phase="captured",property="hotel-1"}`: 0,
		`preauth_sync_parked{property="hotel-1",reason="unknown_state"}`:      1,
		`preauth_sync_parked{property="hotel-1",reason="rejected"}`:           1,
		`preauth_sync_parked{property="hotel-1",reason="unknown_capture"}`:    0,
		`preauth_sync_held_amount{currency="EUR",property="hotel-1"}`:         held.InexactFloat64(),
		`preauth_sync_parked_amount{currency="EUR",property="hotel-1"}`:       parked.InexactFloat64(),
		`preauth_sync_paused{property="hotel-1"}`:                             0,
		`preauth_sync_fuse_blown{property="hotel-1"}`:                         0,
		`preauth_sync_ready`: 1,
		`preauth_sync_actions_total{action="create",outcome="applied",property="hotel-1"}`:  3,
		`preauth_sync_actions_total{action="create",outcome="rejected",property="hotel-1"}`: 1,
		`preauth_sync_requests_total{api="v4",code="200",operation="create"}`:               3,
		`preauth_sync_requests_total{api="v4",code="400",operation="create"}`:               1,
		`preauth_sync_requests_total{api="connector",code="200",operation="poll"}`:          1,
		`preauth_sync_request_duration_seconds_count{api="v4",operation="create"}`:          4,
		`preauth_sync_cycle_duration_seconds_count{property="hotel-1"}`:                     1,
		`preauth_sync_cycle_duration_seconds_bucket{property="hotel-1",le="+Inf"}`:          1,
	} {
		if got, shown := now[series]; !shown || got != want {
			t.Errorf("%s is %v (shown: %t), not %v", series, got, shown, want)
		}
	}
	if age := now[`preauth_sync_oldest_parked_seconds{property="hotel-1"}`]; age <= 0 || age > time.Since(began).Seconds() {
		t.Errorf("the oldest mark is %v s old", age)
	}
	success := now[`preauth_sync_last_success_timestamp_seconds{property="hotel-1"}`]
	if success < float64(began.Unix()) || success > float64(time.Now().Unix()) {
		t.Errorf("the last success was at %v", success)
	}
	for _, name := range []string{"preauth_sync_build_info{", "go_goroutines", "process_resident_memory_bytes", "process_open_fds"} {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(now)), func(series string) bool { return strings.HasPrefix(series, name) }) {
			t.Errorf("there is no %s", name)
		}
	}
}

func TestMetricsShowWhatKeepsWritesBack(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: seldom, Extra: "mirror:\n  max_actions_per_cycle: 5\n"})
	w.run(t, 5, "run", "--once")
	w.run(t, 0, "pause")
	d := w.daemon(t)
	d.ready(t)
	now := d.scrape(t)
	for _, series := range []string{`preauth_sync_paused{property="hotel-1"}`, `preauth_sync_fuse_blown{property="hotel-1"}`, "preauth_sync_ready"} {
		if now[series] != 1 {
			t.Errorf("%s is %v", series, now[series])
		}
	}
	d.stop(t)
}

func TestHealthIsAnsweredFromTheStart(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: seldom})
	open := w.gate(t, simulator.OpPoll)
	d := w.daemon(t)
	d.sends(t, simulator.OpPoll, 1)
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/healthz":       {http.StatusOK, "ok\n"},
		"/readyz":        {http.StatusServiceUnavailable, `{"ready":false,"problems":["the first cycle is not over yet"],"notes":[]}` + "\n"},
		"/":              {http.StatusNotFound, "404 page not found\n"},
		"/debug/pprof/":  {http.StatusNotFound, "404 page not found\n"},
		"/metrics/extra": {http.StatusNotFound, "404 page not found\n"},
	} {
		if status, body := d.get(t, path); status != want.status || body != want.body {
			t.Errorf("%s is answered with %d and %q", path, status, body)
		}
	}
	open()
	d.ready(t)
	d.stop(t)
}
