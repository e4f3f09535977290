package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// noon is when everything happens.
func noon() time.Time { return time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC) }

func after(d time.Duration) *time.Time {
	at := noon().Add(d)
	return &at
}

const anID = "1662b42e-ddab-4469-980c-350510100045"

func TestStatusOfANewInstallation(t *testing.T) {
	golden(t, "status_new", printed(t, func(p *page) error {
		return statusPage(p, control.Status{
			Properties: []control.PropertyStatus{{Name: "prague", FirstRunOpen: true, NextCycle: noon()}},
			Sinks:      []control.SinkStatus{{Name: "default", TokenProof: "open"}},
		})
	}))
}

func TestStatusOnABadDay(t *testing.T) {
	golden(t, "status_bad", printed(t, func(p *page) error {
		return statusPage(p, control.Status{
			Daemon: &control.DaemonStatus{
				PID: 4711, Version: "v1.2.3", Started: noon(),
				Problems: []string{"the sink could not be used in the last cycle: HTTP 503", "the last cycle broke off: panic"},
			},
			Older:       "it is a copy",
			Mode:        "capture_only",
			PausedSince: after(time.Hour),
			Properties: []control.PropertyStatus{
				{
					Name: "prague", Phases: map[string]int{"created": 40, "creating": 2, "capturing": 1}, InDoubt: 3,
					Parked: map[string]int{"unknown_capture": 1, "amount_changed": 2},
					Held:   map[string]string{"EUR": "18204.5"}, Awaiting: map[string]string{"EUR": "22.5"},
					ParkedAmounts: map[string]string{"EUR": "713.4", "CZK": "2000"}, OldestParked: after(-72 * time.Hour),
					LastCycle: &plan.CycleReport{Finished: noon(), OK: true, Counts: plan.Counts{Polled: 43, Created: 2, Captured: 1}},
					NextCycle: *after(5 * time.Minute),
				},
				{
					Name: "vienna", Phases: map[string]int{"baseline": 1}, FirstRunOpen: true, PausedSince: after(0),
					Held:      map[string]string{"EUR": "900", "HUF": "31000"},
					LastCycle: &plan.CycleReport{Finished: noon(), Error: "the poll failed: HTTP 401", Counts: plan.Counts{Failed: 1}},
					NextCycle: *after(5 * time.Minute),
				},
			},
			Sinks: []control.SinkStatus{{Name: "default", TokenProof: "kept", Outage: true, Error: "HTTP 503"}},
		})
	}))
}

func TestStatusInTheShadow(t *testing.T) {
	golden(t, "status_observe", printed(t, func(p *page) error {
		return statusPage(p, control.Status{
			Mode: "observe",
			Properties: []control.PropertyStatus{
				{
					Name: "prague", FirstRunOpen: true, NextCycle: *after(5 * time.Minute),
					LastCycle: &plan.CycleReport{Finished: noon(), OK: true, Counts: plan.Counts{Polled: 43}},
					Observed: &control.ObservedStatus{
						Since: noon(), Created: 12, Captured: 3, Released: 1, Baseline: 4, Parked: map[string]int{"no_payment_method": 2, "amount_changed": 1},
						CreatedAmounts:  map[string]string{"EUR": "1234.5", "CZK": "200"},
						CapturedAmounts: map[string]string{"EUR": "300"},
						ParkedAmounts:   map[string]string{"EUR": "87", "CZK": "12.5"},
						FirstRunOpen:    true,
					},
				},
				{Name: "vienna", FirstRunOpen: true, NextCycle: noon(), Observed: &control.ObservedStatus{Since: noon()}, LastCycle: &plan.CycleReport{Finished: noon(), OK: true}},
				{Name: "brno", FirstRunOpen: true, NextCycle: noon()},
			},
			Sinks: []control.SinkStatus{{Name: "default", TokenProof: "open"}},
		})
	}))
}

// captureInDoubt is a record whose story has a bit of everything.
func captureInDoubt() control.Record {
	return control.Record{
		ID: anID, Property: "prague", CustomerID: "6a2f7c1e-5d3b-4c0a-9e1f-2b8d4f6a7c90", CardID: "2a1a4315-7e6f-4131-af21-402cec59b8b9",
		Phase: "capturing", Identity: 5, Amount: "22.5", Currency: "EUR", PaymentMethodID: 101, Unsure: true, Missing: 1,
		Seen:    control.Seen{State: "Charged", Amount: "22.5", Currency: "EUR"},
		Intent:  &control.Intent{Action: "capture", Attempt: 2, Amount: "22.5", Currency: "EUR", Deadline: *after(time.Minute)},
		Parked:  &control.Park{Reason: plan.UnknownCapture, Since: noon(), Detail: "look in v4 for its payment: HTTP 503"},
		Updated: noon(),
		Journal: []control.Entry{
			{At: noon(), Event: telemetry.CreateIntent, Amount: "22.5", Currency: "EUR", Attempt: 1, RequestID: "r-1"},
			{At: noon(), Event: telemetry.CreateUnknown, Amount: "22.5", Currency: "EUR", Attempt: 1, Note: "connection reset by peer"},
			{At: noon(), Event: telemetry.CreateAbsent, Attempt: 1, Note: "not found in two reads"},
			{At: noon(), Event: telemetry.CreateIntent, Amount: "22.5", Currency: "EUR", PaymentMethodID: 101, Attempt: 2},
			{At: noon(), Event: telemetry.CreateApplied, Amount: "22.5", Currency: "EUR", Identity: 5, Attempt: 2, Status: 200, TrackingID: "t-1"},
			{At: noon(), Event: telemetry.ActionParked, Reason: plan.AmountChanged, Note: "22.50 EUR became 23.00 EUR", RequestID: "r-2"},
			{At: noon(), Event: telemetry.ActionLifted, Reason: plan.AmountChanged, RequestID: "r-3"},
			{At: noon(), Event: telemetry.CaptureIntent, Amount: "22.5", Currency: "EUR", Identity: 5, Attempt: 1},
			{At: noon(), Event: telemetry.CaptureRejected, Identity: 5, Attempt: 1, Status: 400, TrackingID: "t-2", Reason: plan.Rejected, Note: "declined"},
			{At: noon(), Event: telemetry.ParkedRetried, Reason: plan.Rejected, Phase: "created", Note: "the card works again"},
			{At: noon(), Event: telemetry.CaptureUnknown, Identity: 5, Attempt: 2, Status: 503, Reason: plan.UnknownCapture},
			{At: noon(), Event: "something.new", Phase: "capturing"},
		},
		Choices: []control.Choice{
			{Command: "parked retry " + anID + " --resend-capture", Then: "if v4 has no payment for it: it is captured again"},
			{Command: "parked resolve " + anID + " --as captured --note TEXT", Then: "nothing more is sent for it"},
		},
	}
}

func TestARecordIsAStory(t *testing.T) {
	golden(t, "show_parked", printed(t, func(p *page) error { return recordPage(p, captureInDoubt()) }))
	golden(t, "show_new", printed(t, func(p *page) error {
		return recordPage(p, control.Record{
			ID: anID, Property: "prague", Phase: "none", Updated: noon(),
			Seen:    control.Seen{State: "Chargeable", Active: true, Fault: "no gross value"},
			Parked:  &control.Park{Reason: plan.BadAmount, Since: noon(), Detail: "no gross value"},
			Choices: []control.Choice{{Command: "parked retry " + anID, Then: "the next cycle decides afresh"}},
		})
	}))
}

func TestAPartialChargeIsAStoryWithSteps(t *testing.T) {
	golden(t, "show_by_hand", printed(t, func(p *page) error {
		return recordPage(p, control.Record{
			ID: anID, Property: "prague", Phase: "created", Identity: 5, Amount: "200", Currency: "EUR", Updated: noon(),
			Seen:    control.Seen{State: "Charged", Active: true, Amount: "143.5", Currency: "EUR"},
			Parked:  &control.Park{Reason: plan.AmountChanged, Since: noon(), Detail: "v4 holds 200.00 EUR and the PMS now says 143.50 EUR"},
			ByHand:  []string{"ask the hotel", "collect it", "say so"},
			Choices: []control.Choice{{Command: "parked retry " + anID, Then: "the next cycle decides afresh"}},
		})
	}))
}

func TestACardThatWasLookedUpIsAStory(t *testing.T) {
	record := control.Record{
		ID: anID, Property: "prague", Phase: "none", Updated: noon(), Seen: control.Seen{State: "Chargeable", Active: true},
		Parked:   &control.Park{Reason: plan.NoPaymentMethod, Since: noon(), Detail: "v4 has two"},
		LookedUp: &control.LookedUp{Field: "paymentMethodIdentifier", At: noon(), Found: "v4 has two"},
	}
	golden(t, "show_looked_up", printed(t, func(p *page) error { return recordPage(p, record) }))
	record.Parked = nil // it is only observed
	if text := printed(t, func(p *page) error { return recordPage(p, record) }); strings.Contains(text, "retry") || !strings.Contains(text, "an hour after that") {
		t.Error(text)
	}
}

func TestWhatWouldHaveBeenSentIsAStory(t *testing.T) {
	says := control.Seen{State: "Charged", Active: true, Amount: "22.5", Currency: "EUR"}
	golden(t, "show_observed", printed(t, func(p *page) error {
		return recordPage(p, control.Record{
			ID: anID, Property: "prague", Phase: "none", Updated: noon(),
			Seen: control.Seen{State: "Chargeable", Active: true, Amount: "22.5", Currency: "EUR"},
			Observed: &control.Observed{
				Seen: says, Baselined: after(0), Created: after(0), Captured: after(time.Hour), Released: after(2 * time.Hour), Amount: "22.5", Currency: "EUR",
				PaymentMethodID: 9, Updated: *after(2 * time.Hour),
				Parked: &control.Park{Reason: plan.AmountChanged, Since: *after(time.Hour), Detail: "v4 holds 22.50 EUR"},
			},
		})
	}))
}

// Whatever ends a doubt by parking says so.
func TestAnOutcomeThatParksSaysSo(t *testing.T) {
	for _, event := range []string{
		telemetry.CreateUnknown, telemetry.CreateAbsent, telemetry.CreateRejected, telemetry.CaptureUnknown, telemetry.CaptureRejected,
	} {
		plain, parked := happened(control.Entry{Event: event}), happened(control.Entry{Event: event, Reason: plan.UnknownCreate})
		if parked != plain+": parked as unknown_create" {
			t.Errorf("%s: %q, and without a reason %q", event, parked, plain)
		}
	}
}

// A short summary names what it counts; a long one says where it is named.
func TestASummaryNamesWhatIsFew(t *testing.T) {
	var few, many control.PropertyPlan
	for i := range mostNamed + 1 {
		action := control.Action{ID: fmt.Sprintf("id-%d", i), Action: "create", Amount: "1", Currency: "EUR"}
		if many.Actions = append(many.Actions, action); i < mostNamed-1 {
			few.Actions = append(few.Actions, action)
		}
	}
	few.Parks = []control.PlannedPark{{ID: "a-park", Reason: plan.FirstSeenCharged, Detail: "why", New: true}}
	short := printed(t, func(p *page) error { return summary(p, control.Plan{Properties: []control.PropertyPlan{few}}) })
	long := printed(t, func(p *page) error { return summary(p, control.Plan{Properties: []control.PropertyPlan{many}}) })
	if !strings.Contains(short, "id-18 ") || !strings.Contains(short, "a-park  why") || strings.Contains(short, "-o json") {
		t.Errorf("the short one:\n%s", short)
	}
	if strings.Contains(long, "id-") || !strings.Contains(long, "create  21  21.00 EUR") || !strings.Contains(long, "--dry-run -o json names each") {
		t.Errorf("the long one:\n%s", long)
	}
}

// Every event that the journal carries has a sentence of its own.
func TestEveryEventOfTheJournalIsASentence(t *testing.T) {
	seen := map[string]string{}
	for _, event := range []string{
		telemetry.CreateIntent, telemetry.CreateApplied, telemetry.CreateAdopted, telemetry.CreateUnknown, telemetry.CreateAbsent,
		telemetry.CreateRejected, telemetry.CreateNotSent, telemetry.CaptureIntent, telemetry.CaptureApplied, telemetry.CaptureUnknown,
		telemetry.CaptureRejected, telemetry.ActionParked, telemetry.ActionLifted, telemetry.HoldOrphaned, telemetry.RecordReleased,
		telemetry.RecordBaselined, telemetry.StateOlder, telemetry.ParkedRetried, telemetry.ParkedResolved, "unknown",
	} {
		sentence := happened(control.Entry{Event: event, Phase: "created"})
		if other, twice := seen[sentence]; twice {
			t.Errorf("%s and %s are both %q", other, event, sentence)
		}
		seen[sentence] = event
	}
}

func TestAPlanIsGroupedByWhatItDoes(t *testing.T) {
	golden(t, "plan", printed(t, func(p *page) error {
		return planPage(p, control.Plan{Mode: "observe", Properties: []control.PropertyPlan{
			{
				Name: "prague", Fuse: true,
				Actions: []control.Action{
					{ID: "a", Action: "create", Amount: "10.5", Currency: "EUR", PaymentMethodID: new(int64(9))},
					{ID: "b", Action: "capture", Amount: "7", Currency: "EUR"},
					{ID: "c", Action: "create", Amount: "1000.25", Currency: "EUR"},
				},
				Parks: []control.PlannedPark{
					{ID: "d", Reason: plan.NoPaymentMethod, Detail: "card 7 has no entry", New: true},
					{ID: "e", Reason: plan.Rejected, Detail: "declined"},
					{ID: "f", Reason: plan.NoPaymentMethod, Detail: "card 8 has no entry", New: true},
				},
				Skipped: map[string]int{"in_step": 12, "parked": 1},
			},
			{Name: "vienna", Paused: true, Skipped: map[string]int{"paused": 3, "of_a_later_version": 1}},
		}})
	}))
}

func TestEveryReasonForSendingNothingIsSaidInWords(t *testing.T) {
	for _, why := range []plan.Why{
		plan.InStep, plan.Waiting, plan.IsReleased, plan.IsCaptured, plan.IsBaseline, plan.InDoubt, plan.IsParked, plan.IsAnswered,
		plan.CreatesStopped, plan.MethodUnread, plan.IsCaptureOnly, plan.IsPaused, plan.BeyondLimit, plan.Conflicting,
	} {
		if whyInWords(why) == "" {
			t.Errorf("%s", why)
		}
	}
	if said := whyInWords(plan.IsParked); strings.Contains(said, "parked list") {
		t.Errorf("what is yet to be parked is not there: %s", said)
	}
}

func TestThePlansVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		plan control.PropertyPlan
		want int
	}{
		"nothing to do":                   {control.PropertyPlan{Parks: []control.PlannedPark{{}}}, exitDone},
		"a request":                       {control.PropertyPlan{Actions: []control.Action{{}}}, exitFound},
		"a new mark":                      {control.PropertyPlan{Parks: []control.PlannedPark{{New: true}}}, exitFound},
		"a plan that is not complete":     {control.PropertyPlan{Actions: []control.Action{{}}, Error: "HTTP 403"}, exitFailed},
		"requests that would not be sent": {control.PropertyPlan{Actions: []control.Action{{}}, Paused: true}, exitFound},
	} {
		t.Run(name, func(t *testing.T) {
			if got := exitCode(planVerdict(control.Plan{Properties: []control.PropertyPlan{c.plan}}), false); got != c.want {
				t.Errorf("%d", got)
			}
		})
	}
}

func TestParkedIsATable(t *testing.T) {
	rows := []control.Parked{
		{ID: anID, Property: "prague", Reason: plan.Rejected, Since: noon(), Phase: "created", Amount: "22.5", Currency: "EUR", Identity: new(int64(7)), Detail: "declined"},
		{ID: anID, Property: "vienna-central", Reason: plan.BadAmount, Since: noon(), Phase: "none", Detail: "no gross value"},
	}
	golden(t, "parked", printed(t, func(p *page) error { return parkedPage(p, rows) }))
}

func TestParkedIsASpreadsheet(t *testing.T) {
	rows := []control.Parked{
		{
			ID: anID, Property: "prague", Reason: plan.AmountChanged, Since: noon(), Phase: "created", Amount: "200", Currency: "EUR",
			Identity: new(int64(7)), Held: "200", Difference: "-56.5", PaymentMethodID: 101, TrackingID: "t-1", CustomerID: "c-1",
			Detail: "v4 holds 200.00 EUR, and \"more\"", Seen: control.Seen{State: "Charged", Active: true, Amount: "143.5", Currency: "EUR"},
		},
		{ID: anID, Property: "vienna", Reason: plan.BadAmount, Since: noon(), Phase: "none", Detail: "no gross value", Seen: control.Seen{State: "Chargeable"}},
	}
	golden(t, "parked_csv", printed(t, func(p *page) error { return parkedCSV(p.out, rows) }))
}
