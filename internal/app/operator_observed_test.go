package app_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// watched are entries of a report: one to create, one to create and capture in another
// currency, one that is let go, one to park, one of the baseline, and one to park whose
// hold is from before.
func watched(since time.Time) []plan.Observed {
	of := func(n int, amount, currency string) plan.Observed {
		money := preauth.Money{Amount: decimal.RequireFromString(amount), Currency: currency}
		return plan.Observed{
			ID: ledgertest.ID(n), Enterprise: hotel, CustomerID: another, CardID: "card", Amount: money, PaymentMethodID: 9,
			Seen: plan.Observation{State: preauth.Chargeable, Active: true, Amount: money}, Updated: since,
		}
	}
	created, captured, released, parked := of(31, "10.50", "EUR"), of(32, "200", "CZK"), of(33, "0.25", "EUR"), of(34, "7", "EUR")
	baseline, partly := of(37, "3", "EUR"), of(38, "50", "EUR")
	created.Created = since.Add(time.Minute)
	captured.Created, captured.Captured = since.Add(time.Minute), since.Add(time.Hour)
	released.Created, released.Released = since.Add(time.Minute), since.Add(time.Hour)
	parked.Amount = preauth.Money{}
	parked.Park = &plan.Park{Reason: plan.NoPaymentMethod, Seen: parked.Seen, Since: since, Detail: "v4 has none"}
	baseline.Baselined = since
	partly.Amount = preauth.Money{} // v4 holds it from before
	partly.Park = &plan.Park{Reason: plan.AmountChanged, Seen: partly.Seen, Since: since, Detail: "v4 holds 80.00 EUR"}
	return []plan.Observed{created, captured, released, parked, baseline, partly}
}

func TestStatusAddsUpWhatHasBeenObserved(t *testing.T) {
	o := desk(t)
	since := time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC)
	doc, _, err := o.Ledger.Property(t.Context(), hotel)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := plan.Observed{ID: ledgertest.ID(35), Enterprise: another, Created: since, Updated: since}
	put(t, o, plan.Batch{Observed: append(watched(since), elsewhere), Records: []plan.Record{held(38, preauth.Chargeable, "80")}})
	mirrored, err := o.Status(t.Context())
	if err != nil || mirrored.Properties[0].Observed != nil {
		t.Errorf("while it is mirrored: %+v, %v", mirrored.Properties[0].Observed, err)
	}
	doc.ObservedSince = since
	put(t, o, plan.Batch{Property: &doc})
	got, err := o.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := &control.ObservedStatus{
		Since: since, Created: 3, Captured: 1, Released: 1, Baseline: 1, FirstRunOpen: true,
		Parked:         map[string]int{"no_payment_method": 1, "amount_changed": 1},
		CreatedAmounts: map[string]string{"EUR": "10.75", "CZK": "200"}, CapturedAmounts: map[string]string{"CZK": "200"},
		ParkedAmounts: map[string]string{"EUR": "87"},
	}
	if diff := cmp.Diff(want, got.Properties[0].Observed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	doc.Revision, doc.ObservedFirstRunDone = doc.Revision+1, true
	put(t, o, plan.Batch{Property: &doc})
	if got, err = o.Status(t.Context()); err != nil || got.Properties[0].Observed.FirstRunOpen {
		t.Errorf("once everybody has been observed: %+v, %v", got.Properties[0].Observed, err)
	}
}

// What is only observed is not parked, so that there is nothing to answer.
func TestWhatIsOnlyObservedCannotBeAnswered(t *testing.T) {
	o := desk(t)
	put(t, o, plan.Batch{Observed: watched(time.Now())})
	of := control.Selection{IDs: []preauth.ID{ledgertest.ID(34)}}
	retried, err := o.Retry(t.Context(), control.Retry{Of: of})
	if err != nil {
		t.Fatal(err)
	}
	resolved, err := o.Resolve(t.Context(), control.Resolve{Of: of, As: "released", Note: "gone"})
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []control.Answers{retried, resolved} {
		if len(out.Done) > 0 || len(out.Refused) != 1 || !strings.Contains(out.Refused[0], "only observed: nothing is parked") {
			t.Errorf("%+v", out)
		}
	}
}

func TestWhatHasOnlyBeenObservedIsShown(t *testing.T) {
	o := desk(t)
	since := time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC)
	put(t, o, plan.Batch{Observed: watched(since)})
	got, err := o.Show(t.Context(), ledgertest.ID(32))
	if err != nil {
		t.Fatal(err)
	}
	created, captured := since.Add(time.Minute), since.Add(time.Hour)
	says := control.Seen{State: "Chargeable", Active: true, Amount: "200", Currency: "CZK"}
	want := control.Record{
		ID: string(ledgertest.ID(32)), Property: "prague", Enterprise: string(hotel), CustomerID: string(another), CardID: "card", Phase: "none",
		Seen: says, Updated: since, Journal: []control.Entry{},
		Observed: &control.Observed{
			Seen: says, Created: &created, Captured: &captured, Amount: "200", Currency: "CZK", PaymentMethodID: 9, Updated: since,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	marked, err := o.Show(t.Context(), ledgertest.ID(34))
	if err != nil || marked.Parked != nil || marked.Observed.Parked.Reason != plan.NoPaymentMethod || len(marked.Choices) > 0 {
		t.Errorf("what would be parked is not: %+v, %v", marked, err)
	}
	left, err := o.Show(t.Context(), ledgertest.ID(37))
	if err != nil || left.Observed.Baselined == nil || !left.Observed.Baselined.Equal(since) {
		t.Errorf("what would be the baseline: %+v, %v", left.Observed, err)
	}
	if known, err := o.Show(t.Context(), parked); err != nil || known.Observed != nil {
		t.Errorf("what was not observed: %+v, %v", known.Observed, err)
	}
	if _, err := o.Show(t.Context(), ledgertest.ID(36)); err == nil {
		t.Error("nobody has seen it, and it is shown")
	}
}
