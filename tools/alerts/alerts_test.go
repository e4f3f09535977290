package alerts_test

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
)

func rules(t *testing.T) map[string]rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile(filepath.Join(root, "docs/alerts.yaml"), false, model.UTF8Validation, newParser(), slog.Default())
	for _, err := range errs {
		t.Error(err)
	}
	if t.Failed() {
		t.FailNow()
	}
	all := map[string]rulefmt.Rule{}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			if _, twice := all[rule.Alert]; twice || rule.Alert == "" {
				t.Errorf("%q stands twice, or is no alert", rule.Alert)
			}
			all[rule.Alert] = rule
		}
	}
	return all
}

// The things that series do.

func becomes(value float64) behaviour {
	return func(time.Duration, float64) float64 { return value }
}

// stops makes a time stand still.
func stops(since time.Duration, was float64) float64 { return was - since.Seconds() }

// grows makes a counter grow by so much an hour.
func grows(anHour float64) behaviour {
	return func(since time.Duration, was float64) float64 {
		return was + float64(int(anHour*since.Hours()))
	}
}

// lasts makes what happens end again.
func lasts(length time.Duration, happens behaviour) behaviour {
	return func(since time.Duration, was float64) float64 {
		if since >= length {
			return was
		}
		return happens(since, was)
	}
}

// returns makes a series that is not scraped for so long.
func returns(after time.Duration, happens behaviour) behaviour {
	return func(since time.Duration, was float64) float64 {
		if since < after {
			return unscraped()
		}
		return happens(since, was)
	}
}

// bad are worlds in which an alert must fire, and after how long at most.
func bad() map[string]struct {
	changes []change
	within  time.Duration
} {
	type bad = struct {
		changes []change
		within  time.Duration
	}
	return map[string]bad{
		"PreauthSyncDown":       {[]change{{`up`, becomes(0)}}, 10 * time.Minute},
		"PreauthSyncRestarting": {[]change{{`process_start_time_seconds`, grows(6)}}, time.Hour},
		"PreauthSyncNotReady":   {[]change{{`preauth_sync_ready`, becomes(0)}}, 20 * time.Minute},
		"PreauthSyncNotMirrored": {[]change{
			{`preauth_sync_last_success_timestamp_seconds{property="hotel-1"}`, stops},
		}, 45 * time.Minute},
		"PreauthSyncFuseBlown":        {[]change{{`preauth_sync_fuse_blown{property="hotel-1"}`, becomes(1)}}, 5 * time.Minute},
		"PreauthSyncNewlyParked":      {[]change{{`preauth_sync_parked{reason="unknown_capture"}`, becomes(1)}}, 5 * time.Minute},
		"PreauthSyncWaitsForOperator": {[]change{{`preauth_sync_parked{reason="first_seen_charged"}`, becomes(2)}}, 5 * time.Hour},
		"PreauthSyncParkedTooLong":    {[]change{{`preauth_sync_oldest_parked_seconds`, becomes(90000)}}, 5 * time.Minute},
		"PreauthSyncParkedMoney":      {[]change{{`preauth_sync_parked_amount`, becomes(6000)}}, 2 * time.Hour},
		"PreauthSyncAwaitsCapture":    {[]change{{`preauth_sync_awaiting_capture_amount{property="hotel-1",currency="EUR"}`, becomes(120)}}, 3 * time.Hour},
		"PreauthSyncInDoubt":          {[]change{{`preauth_sync_preauthorizations{phase="creating"}`, becomes(1)}}, 35 * time.Minute},
		"PreauthSyncWritesUnanswered": {[]change{
			{`preauth_sync_actions_total{property="hotel-1",action="capture",outcome="unknown"}`, grows(60)},
		}, 20 * time.Minute},
		"PreauthSyncRequestsFailing": {[]change{
			{`preauth_sync_requests_total{api="connector",operation="poll",code="200"}`, grows(6)},
			{`preauth_sync_requests_total{api="connector",operation="poll",code="503"}`, grows(6)},
		}, time.Hour},
		"PreauthSyncThrottled": {[]change{
			{`preauth_sync_requests_total{api="connector",operation="poll",code="429"}`, grows(12)},
		}, time.Hour},
		"PreauthSyncPaused":          {[]change{{`preauth_sync_paused`, becomes(1)}}, 5 * time.Hour},
		"PreauthSyncStateUnreadable": {[]change{{`promhttp_metric_handler_errors_total{cause="gathering"}`, grows(60)}}, 10 * time.Minute},
	}
}

// calm are worlds in which no alert fires at all.
func calm() map[string][]change {
	return map[string][]change{
		"nothing happens":                  {},
		"a restart":                        {{`up`, lasts(3*time.Minute, becomes(0))}, {`process_start_time_seconds`, becomes(2e9)}},
		"a first cycle that takes a while": {{`preauth_sync_last_success_timestamp_seconds`, lasts(12*time.Minute, becomes(0))}, {`preauth_sync_ready`, lasts(12*time.Minute, becomes(0))}},
		"a write in flight":                {{`preauth_sync_preauthorizations{phase="capturing"}`, lasts(12*time.Minute, becomes(3))}},
		"a capture that is awaited for a while": {{
			`preauth_sync_awaiting_capture_amount{property="hotel-1",currency="EUR"}`, lasts(time.Hour, becomes(120)),
		}},
		"a pause of an hour":              {{`preauth_sync_paused`, lasts(time.Hour, becomes(1))}},
		"one 429":                         {{`preauth_sync_requests_total{api="v4",operation="search",code="429"}`, becomes(1)}},
		"a card without a payment method": {{`preauth_sync_parked{reason="no_payment_method"}`, lasts(time.Hour, becomes(1))}},
		"a few errors among many requests": {
			{`preauth_sync_requests_total{api="v4",operation="create",code="200"}`, grows(600)},
			{`preauth_sync_requests_total{api="v4",operation="create",code="error"}`, grows(60)},
		},
		"creates that are declined": {
			{`preauth_sync_requests_total{api="v4",operation="create",code="400"}`, grows(60)},
			{`preauth_sync_actions_total{property="hotel-1",action="create",outcome="rejected"}`, grows(60)},
		},
	}
}

func TestEveryAlertFiresWhenItShould(t *testing.T) {
	scrape, all, worlds := scraped(t), rules(t), bad()
	for name := range worlds {
		if _, known := all[name]; !known {
			t.Errorf("there is no alert %s", name)
		}
	}
	for name, rule := range all {
		t.Run(name, func(t *testing.T) {
			w, known := worlds[name]
			if !known {
				t.Fatal("no world is made up for it")
			}
			matrix := evaluate(t, world(t, scrape, w.changes), rule.Expr)
			at := fires(matrix, time.Duration(rule.For))
			if len(at) == 0 {
				t.Fatal("it does not fire")
			}
			if lasted := time.Duration(len(matrix[0].Floats)) * step; lasted < 15*time.Minute {
				t.Errorf("it is over after %s, before anybody has seen it", lasted)
			}
			for labels, after := range at {
				if after < 0 || after > w.within {
					t.Errorf("%s fires %s after the change", labels, after)
				}
				if strings.Contains(rule.Annotations["summary"], "$labels.property") && !strings.Contains(labels, `property="hotel-1"`) {
					t.Errorf("its summary names a property, and it has only %s", labels)
				}
			}
		})
	}
}

func TestNoAlertFiresInACalmWorld(t *testing.T) {
	scrape, all := scraped(t), rules(t)
	for name, changes := range calm() {
		t.Run(name, func(t *testing.T) {
			db := world(t, scrape, changes)
			for alert, rule := range all {
				if at := fires(evaluate(t, db, rule.Expr), time.Duration(rule.For)); len(at) > 0 {
					t.Errorf("%s fires: %v", alert, at)
				}
			}
		})
	}
}

// TestWhatIsParkedInFlightIsNotInDoubtToo: it has alerts of its own.
func TestWhatIsParkedInFlightIsNotInDoubtToo(t *testing.T) {
	rule := rules(t)["PreauthSyncInDoubt"]
	db := world(t, scraped(t), []change{
		{`preauth_sync_preauthorizations{phase="capturing"}`, becomes(1)}, {`preauth_sync_parked{reason="unknown_capture"}`, becomes(1)},
	})
	if at := fires(evaluate(t, db, rule.Expr), time.Duration(rule.For)); len(at) > 0 {
		t.Errorf("it fires: %v", at)
	}
}

// TestWhatNobodyKnewOfAnHourAgoIsNewlyParked: there is nothing to compare it with.
func TestWhatNobodyKnewOfAnHourAgoIsNewlyParked(t *testing.T) {
	const selector = `preauth_sync_parked{reason="unknown_capture"}`
	rule, scrape := rules(t)["PreauthSyncNewlyParked"], scraped(t)
	none := slices.Clone(scrape) // of what is parked
	for i, s := range none {
		if s.labels.Get(model.MetricNameLabel) == "preauth_sync_parked" {
			none[i].value = unscraped()
		}
	}
	for name, c := range map[string]struct {
		scrape []sample
		parked change
		after  time.Duration
	}{
		"at a first start":              {none, change{selector, becomes(1)}, 0},
		"after a downtime of two hours": {scrape, change{selector, returns(2*time.Hour, becomes(1))}, 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			matrix := evaluate(t, world(t, c.scrape, []change{c.parked}), rule.Expr)
			at := fires(matrix, time.Duration(rule.For))
			if len(at) != 1 {
				t.Fatalf("it should fire once: %v", at)
			}
			for labels, after := range at {
				if after < c.after || after > c.after+5*time.Minute {
					t.Errorf("%s fires %s after the change", labels, after)
				}
			}
		})
	}
	t.Run("but not when nothing is parked", func(t *testing.T) {
		db := world(t, scrape, []change{{`preauth_sync_parked`, returns(2*time.Hour, becomes(0))}})
		if at := fires(evaluate(t, db, rule.Expr), time.Duration(rule.For)); len(at) > 0 {
			t.Errorf("it fires: %v", at)
		}
	})
}
