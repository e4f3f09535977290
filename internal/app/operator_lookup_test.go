package app_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

const (
	cardID = "e417dfe8-c813-4938-837b-36081199ce88"
	field  = "paymentMethodIdentifier"
)

// asked is v4's answer to what the card is: none.
func asked(sink string, at time.Time) plan.LookedUp {
	return plan.LookedUp{Sink: sink, Field: field, CardID: cardID, Found: "v4 has none", At: at}
}

// lookingUp is a desk with two records without a payment method, one of a card that v4
// was asked for, on a sink of that name in the state file.
func lookingUp(t *testing.T, own bool) (o *app.Operator, sink string) {
	t.Helper()
	o = desk(t)
	sink = engine.DefaultSink
	p := &o.Config.Properties[0]
	p.PaymentMethods.Lookup = field
	if own {
		sink, p.OwnV4, p.V4 = string(hotel), true, config.V4{Address: "https://own.example.com"}
		doc, _, err := o.Ledger.Property(t.Context(), hotel)
		if err != nil {
			t.Fatal(err)
		}
		doc.Sink = sink
		put(t, o, plan.Batch{Property: &doc})
	}
	waiting := func(n int, card string) plan.Record {
		return plan.Record{
			ID: ledgertest.ID(n), Enterprise: hotel, CardID: card, Seen: plan.Observation{State: preauth.Chargeable, Active: true},
			Park: &plan.Park{Reason: plan.NoPaymentMethod, Detail: "v4 has none"},
		}
	}
	put(t, o, plan.Batch{
		Records:  []plan.Record{waiting(41, "E417DFE8-C813-4938-837B-36081199CE88"), waiting(42, "")},
		LookedUp: []plan.LookedUp{asked(sink, ledgertest.At(1)), asked("other", ledgertest.At(1))},
	})
	return o, sink
}

func TestARetryLetsV4BeAskedAnew(t *testing.T) {
	for _, own := range []bool{false, true} {
		o, sink := lookingUp(t, own)
		all := control.Retry{Of: control.Selection{Reason: plan.NoPaymentMethod}}
		if out, err := o.Retry(t.Context(), all); err != nil || len(out.Done) != 2 {
			t.Fatalf("%+v, %v", out, err)
		}
		for name, want := range map[string]int{sink: 0, "other": 1} {
			left, err := o.Ledger.LookedUp(t.Context(), name, field, []string{cardID})
			if err != nil || len(left) != want {
				t.Errorf("own: %t: of %s are left %+v, %v", own, name, left, err)
			}
		}
	}
}

func TestAnAnswerThatDoesNotFitLeavesTheLookUp(t *testing.T) {
	o, sink := lookingUp(t, false)
	of := control.Selection{IDs: []preauth.ID{ledgertest.ID(41)}}
	if out, err := o.Retry(t.Context(), control.Retry{Of: of, Note: "two\nlines"}); err == nil && len(out.Done) > 0 {
		t.Errorf("%+v", out)
	}
	if out, err := o.Resolve(t.Context(), control.Resolve{Of: of, As: "released", Note: "let go"}); err != nil || len(out.Done) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	if left, err := o.Ledger.LookedUp(t.Context(), sink, field, []string{cardID}); err != nil || len(left) != 1 {
		t.Errorf("%+v, %v", left, err)
	}
}

func TestARecordSaysAsOfWhenV4HasNoMethodForItsCard(t *testing.T) {
	o, sink := lookingUp(t, true)
	want := &control.LookedUp{Field: field, At: ledgertest.At(1), Found: "v4 has none"}
	show := func(n int) *control.LookedUp {
		t.Helper()
		got, err := o.Show(t.Context(), ledgertest.ID(n))
		if err != nil {
			t.Fatal(err)
		}
		return got.LookedUp
	}
	if diff := cmp.Diff(want, show(41)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := show(42); got != nil {
		t.Errorf("a card that v4 was not asked for: %+v", got)
	}
	seen := plan.Observed{
		ID: ledgertest.ID(43), Enterprise: hotel, CardID: cardID, Updated: ledgertest.At(2), Park: &plan.Park{Reason: plan.NoPaymentMethod},
	}
	again := seen
	again.ID = ledgertest.ID(44)
	put(t, o, plan.Batch{
		Observed: []plan.Observed{seen, again},
		Records:  []plan.Record{{ID: again.ID, Enterprise: hotel, CardID: "the one before"}},
	})
	for _, n := range []int{43, 44} {
		if diff := cmp.Diff(want, show(n)); diff != "" {
			t.Errorf("what would be parked, %d (-want +got):\n%s", n, diff)
		}
	}
	hit := asked(sink, ledgertest.At(3))
	hit.ID, hit.Found = 9, ""
	put(t, o, plan.Batch{LookedUp: []plan.LookedUp{hit}})
	if got := show(41); got != nil {
		t.Errorf("a hit: %+v", got)
	}
}

// Whoever has agreed to answer what is parked for one reason has agreed to no other.
func TestOfNamedOnesThoseWithTheReasonAreAnswered(t *testing.T) {
	o, _ := lookingUp(t, false)
	of := control.Selection{IDs: []preauth.ID{parked, ledgertest.ID(42)}, Reason: plan.NoPaymentMethod}
	out, err := o.Retry(t.Context(), control.Retry{Of: of})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"preauthorization " + string(parked) + ": it is parked as currency_mismatch by now"}
	if diff := cmp.Diff(want, out.Refused); diff != "" || len(out.Done) != 1 || record(t, o, parked).Park == nil {
		t.Errorf("%+v (-want +got):\n%s", out.Done, diff)
	}
}
