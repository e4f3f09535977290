package audit

import (
	"slices"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// difference is a way in which preauthorization n can stand.
type difference struct {
	name string
	make func(w *world, n int)
	// wants are the kinds that are told, each with the identity n unless it says
	// another: "kind", "kind=0" or "kind+1000" for n and 1000 more.
	wants []string
	// detail is part of what the first finding says.
	detail string
	// counted says which count of the summary it adds to, if any.
	counted string
	// due is set when its last finding is.
	due bool
}

const (
	inMotion   = "in motion"
	isAnswered = "answered"
	isForeign  = "foreign"
)

func differences() []difference {
	return slices.Concat(inStep(), lacks(), lost(), surplus(), amounts(), moving())
}

func inStep() []difference {
	return []difference{
		{name: "held and chargeable", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.held(int64(n), n)
			w.says(preauth.Chargeable, n)
		}},
		{name: "captured and charged", make: func(w *world, n int) {
			w.in(plan.Captured, n)
			w.held(int64(n), n)
			w.says(preauth.Charged, n)
		}},
		{name: "held and pending", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.held(int64(n), n)
			w.says(preauth.Pending, n)
		}},
		{name: "the baseline", make: func(w *world, n int) {
			w.in(plan.Baseline, n)
			w.says(preauth.Charged, n)
		}},
		{name: "cancelled before anybody came", make: func(w *world, n int) { w.says(preauth.Cancelled, n) }},
		{name: "released without a hold", make: func(w *world, n int) {
			w.in(plan.Released, n)
			w.says(preauth.Expired, n)
		}},
		{name: "released, and no longer on v4", make: func(w *world, n int) {
			w.in(plan.Released, n, holding(n))
			w.says(preauth.Cancelled, n)
		}},
		{name: "released with a charge that an operator has answered, and no longer on v4", make: func(w *world, n int) {
			w.in(plan.Released, n, answered(w.says(preauth.Charged, n)), holding(n))
		}},
		{name: "captured and of a state that is not known", make: func(w *world, n int) {
			w.in(plan.Captured, n)
			w.held(int64(n), n)
			w.says(preauth.Unknown, n)
		}},
		{name: "held with a token of v4's own", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.held(int64(n), n, func(h *preauth.Hold) { h.Token = "7" })
			w.says(preauth.Chargeable, n)
		}},
		{name: "held by autopay", make: func(w *world, n int) {
			w.in(plan.Created, n, func(rec *plan.Record) { rec.PaymentMethodID = 0 })
			w.held(int64(n), n)
			w.says(preauth.Chargeable, n)
		}},
		{name: "collected elsewhere, as an operator said", make: func(w *world, n int) {
			w.in(plan.Captured, n, func(rec *plan.Record) { rec.Identity = 0 })
			w.says(preauth.Charged, n)
		}},
	}
}

func lacks() []difference {
	cancelled := preauth.Preauthorization{State: preauth.Cancelled, Active: true, Amount: eur("100")}
	return []difference{
		{
			name: "new to the ledger", make: func(w *world, n int) { w.says(preauth.Chargeable, n) },
			wants: []string{"missing=0"}, detail: "the PMS says Chargeable, 100.00 EUR, and no hold on v4 is known for it; the next cycle creates it",
			due: true,
		},
		{name: "parked before its create", make: func(w *world, n int) {
			w.in(plan.None, n, park(plan.NoPaymentMethod))
			w.says(preauth.Chargeable, n)
			w.methods = method{Missing: "no card"}
		}, wants: []string{"missing=0"}, detail: "parked as no_payment_method since 2026-11-21T11:00:00Z: because"},
		{
			name: "charged before it was first seen", make: func(w *world, n int) { w.says(preauth.Charged, n) },
			wants: []string{"missing=0"}, detail: "the next cycle parks it as first_seen_charged",
		},
		{name: "a create that v4 refused", make: func(w *world, n int) {
			w.in(plan.None, n, park(plan.Rejected))
			w.says(preauth.Charged, n)
		}, wants: []string{"missing=0"}, detail: "parked as rejected"},
		{name: "a create that v4 refused, and the PMS has let go", make: func(w *world, n int) {
			w.in(plan.None, n, park(plan.Rejected))
			w.says(preauth.Cancelled, n)
		}},
		{name: "an unknown create that is nowhere", make: func(w *world, n int) {
			w.in(plan.Creating, n, park(plan.UnknownCreate))
			w.says(preauth.Chargeable, n)
		}, wants: []string{"missing=0"}, detail: "parked as unknown_create"},
		{name: "the baseline, gone back", make: func(w *world, n int) {
			w.in(plan.Baseline, n)
			w.says(preauth.Chargeable, n)
		}, wants: []string{"missing=0"}, detail: "state_regressed"},
		{name: "parked before its create, for what has gone", make: func(w *world, n int) {
			w.in(plan.None, n, park(plan.BadAmount))
			w.says(preauth.Chargeable, n)
		}, wants: []string{"missing=0"}, detail: "parked as bad_amount since 2026-11-21T11:00:00Z: because; the next cycle creates it", due: true},
		{name: "charged and not captured", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.held(int64(n), n)
			w.says(preauth.Charged, n)
		}, wants: []string{"uncaptured"}, detail: "the PMS says Charged, 100.00 EUR, and v4 holds 100.00 EUR under identity", due: true},
		{name: "charged, and whether captured is not known", make: func(w *world, n int) {
			w.in(plan.Adopted, n)
			w.held(int64(n), n)
			w.says(preauth.Charged, n)
		}, wants: []string{"uncaptured"}, detail: "and may have captured it; the next cycle parks it as unknown_capture"},
		{name: "an unknown capture", make: func(w *world, n int) {
			w.in(plan.Capturing, n, park(plan.UnknownCapture))
			w.held(int64(n), n)
			w.says(preauth.Charged, n)
		}, wants: []string{"uncaptured"}, detail: "parked as unknown_capture"},
		{name: "of a state that is not known", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.held(int64(n), n)
			w.says(preauth.Unknown, n, func(p *preauth.Preauthorization) { p.StateText = "Disputed" })
		}, wants: []string{"undecided"}, detail: `the PMS says "Disputed", 100.00 EUR, a state that this version does not know; the next cycle parks it as unknown_state`},
		{name: "let go by an operator", make: func(w *world, n int) {
			w.in(plan.Released, n, answered(w.says(preauth.Charged, n)))
		}, counted: isAnswered},
		{name: "an orphan that an operator has answered", make: func(w *world, n int) {
			w.in(plan.Released, n, answered(cancelled), holding(n))
			w.held(int64(n), n)
			w.says(preauth.Cancelled, n)
		}, counted: isAnswered},
		{name: "resolved as created, and not captured yet", make: func(w *world, n int) {
			w.in(plan.Created, n, answered(w.says(preauth.Charged, n)))
			w.held(int64(n), n)
		}, wants: []string{"uncaptured"}, detail: "the next cycle captures it", due: true},
	}
}

func lost() []difference {
	return []difference{
		{name: "lost by v4", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.says(preauth.Chargeable, n)
		}, wants: []string{"missing"}, detail: "100.00 EUR, as created, and v4 does not have it; the PMS says Chargeable, 100.00 EUR"},
		{name: "lost by v4, and charged", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.says(preauth.Charged, n)
		}, wants: []string{"missing"}, detail: "as created, and v4 does not have it; the PMS says Charged, 100.00 EUR"},
		{name: "lost by v4, and not shown by the PMS", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.listed = append(w.listed, customerOn(n))
		}, wants: []string{"missing"}},
		{name: "released, lost by v4, and wanted again", make: func(w *world, n int) {
			w.in(plan.Released, n, holding(n))
			w.says(preauth.Chargeable, n)
		}, wants: []string{"missing"}},
	}
}

func surplus() []difference {
	return []difference{
		{name: "held twice", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.held(int64(n), n)
			w.held(int64(n)+1000, n)
			w.says(preauth.Chargeable, n)
		}, wants: []string{"duplicate+1000"}, detail: "with the same token as identity "},
		{name: "held, and unknown to the ledger", make: func(w *world, n int) {
			w.held(int64(n), n)
			w.says(preauth.Chargeable, n)
		}, wants: []string{"unknown"}, detail: "v4 holds 100.00 EUR under identity"},
		{name: "held twice, and unknown to the ledger", make: func(w *world, n int) {
			w.held(int64(n)+1000, n)
			w.held(int64(n), n)
			w.says(preauth.Chargeable, n)
		}, wants: []string{"unknown", "duplicate+1000"}},
		{name: "an unknown create that v4 holds", make: func(w *world, n int) {
			w.in(plan.Creating, n, park(plan.DuplicateFound))
			w.held(int64(n), n)
			w.says(preauth.Chargeable, n)
		}, wants: []string{"unknown"}, detail: "where it is creating, does not know; parked as duplicate_found"},
		{
			name: "a token that nobody knows", make: func(w *world, n int) { w.held(int64(n), n) },
			wants: []string{"unknown"}, detail: "neither the ledger nor the PMS knows of it",
		},
		{name: "a token that was found foreign", make: func(w *world, n int) {
			w.held(int64(n), n)
			w.batch.Tokens = append(w.batch.Tokens, plan.Token{
				Sink: sinkName, Token: string(id(n)), Holds: []preauth.Hold{{Identity: int64(n), Token: string(id(n))}}, Foreign: true,
			})
		}, counted: isForeign},
		{name: "somebody else's", make: func(w *world, n int) {
			w.held(int64(n), n, func(h *preauth.Hold) { h.Token = "invoice 7" })
		}, counted: isForeign},
		{name: "held and cancelled", make: func(w *world, n int) {
			w.in(plan.Released, n, holding(n))
			w.held(int64(n), n)
			w.says(preauth.Cancelled, n)
		}, wants: []string{"orphaned"}, detail: "the PMS says Cancelled, 100.00 EUR, and v4 holds 100.00 EUR"},
		{name: "held and not active", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.held(int64(n), n)
			w.says(preauth.Chargeable, n, func(p *preauth.Preauthorization) { p.Active = false })
		}, wants: []string{"orphaned"}, detail: "Chargeable (not active)"},
		{name: "captured and cancelled", make: func(w *world, n int) {
			w.in(plan.Captured, n)
			w.held(int64(n), n)
			w.says(preauth.Cancelled, n)
		}, wants: []string{"orphaned"}, detail: "and has captured it; the next cycle parks it as state_regressed"},
		{name: "captured and only chargeable", make: func(w *world, n int) {
			w.in(plan.Captured, n)
			w.held(int64(n), n)
			w.says(preauth.Chargeable, n)
		}, wants: []string{"orphaned"}},
		{name: "held and not shown by the PMS", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.held(int64(n), n)
		}, wants: []string{"orphaned"}, detail: "and the PMS does not show it among its customer's"},
		{name: "captured, of a listed customer, and not shown by the PMS", make: func(w *world, n int) {
			w.in(plan.Captured, n)
			w.held(int64(n), n)
			w.listed = append(w.listed, customerOn(n))
		}, wants: []string{"orphaned"}},
		{name: "captured, of a customer whom no cycle polls", make: func(w *world, n int) {
			w.in(plan.Captured, n)
			w.held(int64(n), n)
		}},
		{name: "not shown by the PMS, as an operator has answered", make: func(w *world, n int) {
			w.in(plan.Captured, n, answered(preauth.Preauthorization{State: preauth.Charged, Amount: eur("100")}))
			w.held(int64(n), n)
			w.listed = append(w.listed, customerOn(n))
		}, counted: isAnswered},
	}
}

func amounts() []difference {
	return []difference{
		{name: "another amount in the PMS", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.held(int64(n), n)
			w.says(preauth.Chargeable, n, func(p *preauth.Preauthorization) { p.Amount = eur("100.01") })
		}, wants: []string{"amount_differs"}, detail: "the PMS says Chargeable, 100.01 EUR, and v4 holds 100.00 EUR"},
		{name: "another amount in the PMS after the capture", make: func(w *world, n int) {
			w.in(plan.Captured, n)
			w.held(int64(n), n)
			w.says(preauth.Charged, n, func(p *preauth.Preauthorization) { p.Amount = eur("99") })
		}, wants: []string{"amount_differs"}, detail: "amount_changed"},
		{name: "another currency in the PMS", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.held(int64(n), n)
			w.says(preauth.Charged, n, func(p *preauth.Preauthorization) { p.Amount.Currency = "CZK" })
		}, wants: []string{"amount_differs"}},
		{name: "an amount that cannot be used", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.held(int64(n), n)
			w.says(preauth.Chargeable, n, func(p *preauth.Preauthorization) { p.AmountFault = "no gross value" })
		}, wants: []string{"amount_differs"}, detail: "the PMS says Chargeable, no gross value"},
		{name: "another amount in v4", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.held(int64(n), n, func(h *preauth.Hold) { h.Amount = decimal.RequireFromString("100.01") })
			w.says(preauth.Chargeable, n)
		}, wants: []string{"amount_differs"}, detail: "the ledger says that v4 holds 100.00 EUR under identity"},
		{name: "another amount in v4 and in the PMS", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.held(int64(n), n, func(h *preauth.Hold) { h.Amount = decimal.RequireFromString("100.01") })
			w.says(preauth.Charged, n, func(p *preauth.Preauthorization) { p.Amount = eur("100.01") })
		}, wants: []string{"amount_differs"}, detail: ", and v4 says 100.01 EUR; the PMS says Charged, 100.01 EUR"},
		{name: "three amounts", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.held(int64(n), n, func(h *preauth.Hold) { h.Amount = decimal.RequireFromString("100.01") })
			w.says(preauth.Chargeable, n, func(p *preauth.Preauthorization) { p.Amount = eur("100.02") })
		}, wants: []string{"amount_differs"}, detail: ", and v4 says 100.01 EUR; the PMS says Chargeable, 100.02 EUR"},
		{name: "another payment method in v4", make: func(w *world, n int) {
			w.in(plan.Captured, n)
			w.held(int64(n), n, func(h *preauth.Hold) { h.PaymentMethodID = 102 })
			w.says(preauth.Charged, n)
		}, wants: []string{"payment_method_differs"}, detail: "is on payment method 101, and v4 says 102"},
		{name: "the token of another record", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.in(plan.Baseline, n+2000)
			w.held(int64(n), n+2000)
			w.says(preauth.Chargeable, n)
		}, wants: []string{"token_differs"}, detail: "carries the token of preauthorization 000007d"},
		{name: "a token that nobody has", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.held(int64(n), n+5000)
			w.says(preauth.Chargeable, n)
		}, wants: []string{"token_differs"}, detail: "-8000-000000000000, which is not its Id and is none that the ledger knows"},
		{name: "everything differs", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.held(int64(n), n, func(h *preauth.Hold) { h.Amount, h.PaymentMethodID = decimal.NewFromInt(7), 7 })
			w.says(preauth.Charged, n)
		}, wants: []string{"amount_differs", "payment_method_differs", "uncaptured"}, due: true},
	}
}

func moving() []difference {
	return []difference{
		{name: "a create under way", make: func(w *world, n int) {
			w.in(plan.Creating, n)
			w.held(int64(n), n)
			w.says(preauth.Chargeable, n)
		}, counted: inMotion},
		{name: "a capture under way", make: func(w *world, n int) {
			w.in(plan.Capturing, n)
			w.held(int64(n), n)
			w.says(preauth.Charged, n)
		}, counted: inMotion},
		{name: "changed since the audit began", make: func(w *world, n int) {
			w.in(plan.Created, n, func(rec *plan.Record) { rec.Updated = now() })
			w.says(preauth.Charged, n)
		}, counted: inMotion},
		{name: "made too short a time ago to show on v4", make: func(w *world, n int) {
			w.in(plan.Created, n, func(rec *plan.Record) { rec.Updated = now().Add(-settle) })
			w.says(preauth.Chargeable, n)
		}, counted: inMotion},
		{name: "listed twice by v4, the second time with another amount", make: func(w *world, n int) {
			w.in(plan.Created, n)
			w.held(int64(n), n)
			w.held(int64(n), n, func(h *preauth.Hold) { h.Amount = decimal.NewFromInt(200) })
			w.says(preauth.Chargeable, n)
		}},
		{name: "unknown to the ledger, and listed twice with different amounts", make: func(w *world, n int) {
			w.held(int64(n), n)
			w.held(int64(n), n, func(h *preauth.Hold) { h.Amount = decimal.NewFromInt(200) })
			w.says(preauth.Chargeable, n)
		}, wants: []string{"unknown"}},
		{name: "shown twice, with different contents", make: func(w *world, n int) {
			w.says(preauth.Chargeable, n)
			w.says(preauth.Charged, n, func(p *preauth.Preauthorization) { p.CustomerID = customerOn(n + 3000) })
		}, counted: inMotion},
	}
}
