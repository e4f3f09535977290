package app

import (
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func TestWhatIsToBeDoneByHandFitsTheAmounts(t *testing.T) {
	const id = preauth.ID("1662b42e-ddab-4469-980c-350510100045")
	const answer = "preauth-sync parked resolve " + string(id) + " --as captured --note TEXT"
	money := func(amount, currency string) preauth.Money {
		return preauth.Money{Amount: decimal.RequireFromString(amount), Currency: currency}
	}
	held := func(phase plan.Phase, state preauth.State, now preauth.Money) plan.Record {
		return plan.Record{
			ID: id, Phase: phase, Identity: 7, Amount: money("200", "EUR"), Park: &plan.Park{Reason: plan.AmountChanged},
			Seen: plan.Observation{State: state, Active: true, Amount: now},
		}
	}
	for name, c := range map[string]struct {
		rec plan.Record
		// says is what each step has to say, in their order.
		says []string
		less string
	}{
		"a part of the hold is charged": {
			held(plan.Created, preauth.Charged, money("143.5", "EUR")),
			[]string{"143.50 EUR is what it charged", "capture 143.50 EUR of it", "book the payment of 143.50 EUR", answer, "--as released"},
			"-56.50 EUR",
		},
		"more than the hold is charged": {
			held(plan.Created, preauth.Charged, money("230", "EUR")),
			[]string{"230.00 EUR is what it charged", "collect the missing 30.00 EUR", "book the payment of 230.00 EUR", answer, "--as released"},
			"30.00 EUR",
		},
		"another currency is charged": {
			held(plan.Created, preauth.Charged, money("200", "USD")),
			[]string{"200.00 USD is what it charged", "holds another currency", "book the payment of 200.00 USD", answer, "--as released"},
			"",
		},
		"nothing is charged yet": {
			held(plan.Created, preauth.Chargeable, money("143.5", "EUR")),
			[]string{"nothing is due yet", "one of 200.00 EUR is captured by itself"},
			"-56.50 EUR",
		},
		"too much has been captured": {
			held(plan.Captured, preauth.Charged, money("143.5", "EUR")),
			[]string{"v4 has captured 200.00 EUR", "refund 56.50 EUR", answer},
			"-56.50 EUR",
		},
		"too little has been captured": {
			held(plan.Captured, preauth.Charged, money("230", "EUR")),
			[]string{"v4 has captured 200.00 EUR", "collect the missing 30.00 EUR", answer},
			"30.00 EUR",
		},
		"another currency has been captured": {
			held(plan.Captured, preauth.Charged, money("200", "USD")),
			[]string{"v4 has captured 200.00 EUR", "settle the difference", answer},
			"",
		},
		"an amount that cannot be used": {
			func() plan.Record {
				rec := held(plan.Created, preauth.Charged, preauth.Money{})
				rec.Seen.AmountFault = "no gross value"
				return rec
			}(), []string{"no gross value"}, "",
		},
		"what is parked for another reason": {
			plan.Record{ID: id, Park: &plan.Park{Reason: plan.Rejected}}, nil, "",
		},
		"what is not parked": {plan.Record{ID: id}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			steps := byHand(c.rec)
			if len(steps) != len(c.says) {
				t.Fatalf("%q", steps)
			}
			for i, step := range steps {
				if !strings.Contains(step, c.says[i]) {
					t.Errorf("step %d is %q, without %q", i+1, step, c.says[i])
				}
			}
			less, known := difference(c.rec)
			if known != (c.less != "") || known && less.String() != c.less {
				t.Errorf("the difference is %s (%t)", less, known)
			}
		})
	}
}
