package app_test

import (
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
// currency, one that is let go, one to park.
func watched(since time.Time) []plan.Observed {
	of := func(n int, amount, currency string) plan.Observed {
		money := preauth.Money{Amount: decimal.RequireFromString(amount), Currency: currency}
		return plan.Observed{
			ID: ledgertest.ID(n), Enterprise: hotel, CustomerID: another, Amount: money, PaymentMethodID: 9,
			Seen: plan.Observation{State: preauth.Chargeable, Active: true, Amount: money}, Updated: since,
		}
	}
	created, captured, released, parked := of(31, "10.50", "EUR"), of(32, "200", "CZK"), of(33, "0.25", "EUR"), of(34, "7", "EUR")
	created.Created = since.Add(time.Minute)
	captured.Created, captured.Captured = since.Add(time.Minute), since.Add(time.Hour)
	released.Created, released.Released = since.Add(time.Minute), since.Add(time.Hour)
	parked.Park = &plan.Park{Reason: plan.NoPaymentMethod, Seen: parked.Seen, Since: since, Detail: "v4 has none"}
	return []plan.Observed{created, captured, released, parked}
}

func TestStatusAddsUpWhatHasBeenObserved(t *testing.T) {
	o := desk(t)
	since := time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC)
	doc, _, err := o.Ledger.Property(t.Context(), hotel)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := plan.Observed{ID: ledgertest.ID(35), Enterprise: another, Created: since, Updated: since}
	put(t, o, plan.Batch{Observed: append(watched(since), elsewhere)})
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
		Since: since, Created: 3, Captured: 1, Released: 1, Parked: map[string]int{"no_payment_method": 1},
		CreatedAmounts: map[string]string{"EUR": "10.75", "CZK": "200"}, CapturedAmounts: map[string]string{"CZK": "200"},
	}
	if diff := cmp.Diff(want, got.Properties[0].Observed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
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
		ID: string(ledgertest.ID(32)), Property: "prague", Enterprise: string(hotel), CustomerID: string(another), Phase: "none",
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
	if known, err := o.Show(t.Context(), parked); err != nil || known.Observed != nil {
		t.Errorf("what was not observed: %+v, %v", known.Observed, err)
	}
	if _, err := o.Show(t.Context(), ledgertest.ID(36)); err == nil {
		t.Error("nobody has seen it, and it is shown")
	}
}
