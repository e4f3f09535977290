// Package ledgertest holds what every ledger must do, and helpers for tests that
// use one.
package ledgertest

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/memory"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Ledger is what the suite asks of a ledger: what the engine asks, and MarkOlder.
type Ledger interface {
	memory.Reader
	Stamp(enterprise preauth.ID) uint64
	Pass(ctx context.Context, enterprise, first preauth.ID) (plan.Pass, bool, error)
	Advance(ctx context.Context, adopted bool) (uint64, error)
	MarkOlder(ctx context.Context, why string) error
	Commit(ctx context.Context, batch plan.Batch) error
}

// Verify checks a state file in full and fails the test on the first problem. It
// is meant for the clean-up of every test that has used one, after its ledger has
// been closed.
func Verify(tb testing.TB, path string) state.Report {
	tb.Helper()
	ledger, err := state.Open(state.Options{Path: path, Mode: state.ReadOnly})
	if err != nil {
		tb.Errorf("the state file must open after the test: %v", err)
		return state.Report{}
	}
	defer func() { _ = ledger.Close() }()
	// Clean-ups run after the test's own context has ended.
	report, err := ledger.Verify(context.Background())
	if err != nil {
		tb.Errorf("the state file must be sound after the test: %v %v", err, report.Problems)
	}
	return report
}

// ID gives the n-th of a series of Ids whose order is that of n.
func ID(n int) preauth.ID { return preauth.ID(fmt.Sprintf("%08x-0000-4000-8000-000000000000", n)) }

// Money gives an amount, which must be a literal that is right.
func Money(amount, currency string) preauth.Money {
	return preauth.Money{Amount: decimal.RequireFromString(amount), Currency: currency}
}

// At gives an instant n seconds after an arbitrary one.
func At(n int) time.Time { return time.Date(2026, 3, 1, 12, 0, n, 0, time.UTC) }

// Diff compares values of the ledger; amounts compare as decimals.
func Diff(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return "" // which is much sooner found out
	}
	return cmp.Diff(want, got, cmp.Comparer(func(a, b decimal.Decimal) bool { return a.Equal(b) }))
}

// FullRecord gives the n-th record with every field set, in flight and parked.
func FullRecord(n int) plan.Record {
	answered := plan.Observation{State: preauth.Unknown, StateText: "Paused", AmountFault: "no gross value"}
	return plan.Record{
		ID: ID(n), Enterprise: ID(1 << 20), CustomerID: ID(1<<21 + n), CardID: string(ID(1<<22 + n)),
		Phase: plan.Capturing, Identity: 1<<40 + int64(n), Unsure: true, Generation: 7,
		Amount: Money("123.45", "EUR"), PaymentMethodID: 42, HeldSince: At(n), Aged: true,
		Intent: &plan.Intent{
			Action: plan.Capture, Attempt: 2, Amount: Money("123.450", "EUR"), PaymentMethodID: 42,
			Token: string(ID(n)), CreatedByUserID: 3, Deadline: At(n), Before: plan.Created, Resent: true, Adopt: true,
			RequestID: "r-1",
		},
		Sends:   1,
		Seen:    plan.Observation{State: preauth.Charged, Active: true, Amount: Money("123.45", "EUR")},
		History: plan.HistoryFresh, Missing: 2,
		Park: &plan.Park{
			Reason: plan.UnknownCapture, Since: At(n + 1), Detail: "v4 said nothing", TrackingID: "t-1",
			Seen: plan.Observation{State: preauth.Charged, Active: true, Amount: Money("123.45", "EUR")},
		},
		Answered: &answered, Updated: At(n + 2),
	}
}

// HeldRecord gives the n-th record as it is after a create.
func HeldRecord(n int) plan.Record {
	return plan.Record{
		ID: ID(n), Enterprise: ID(1 << 20), CustomerID: ID(1<<21 + n), CardID: string(ID(1<<22 + n)),
		Phase: plan.Created, Identity: 1<<20 + int64(n), Generation: 7,
		Amount: Money("123.45", "EUR"), PaymentMethodID: 42,
		Seen:    plan.Observation{State: preauth.Chargeable, Active: true, Amount: Money("123.45", "EUR")},
		Updated: At(n),
	}
}

// FullObserved gives the n-th entry of what was observed, with every field set.
func FullObserved(n int) plan.Observed {
	seen := plan.Observation{State: preauth.Charged, Active: true, Amount: Money("123.45", "EUR")}
	return plan.Observed{
		ID: ID(n), Enterprise: ID(1 << 20), CustomerID: ID(1<<21 + n), CardID: string(ID(1<<22 + n)),
		History: plan.HistoryOld, Baselined: At(n + 5), Seen: seen,
		Amount: Money("120", "EUR"), PaymentMethodID: 42, Created: At(n), Captured: At(n + 1), Released: At(n + 2),
		Park:    &plan.Park{Reason: plan.AmountChanged, Seen: seen, Since: At(n + 3), Detail: "another amount"},
		Updated: At(n + 4),
	}
}

// Created gives what a create commits, for the n-th preauthorization: its intent, and its
// outcome. Four in a row are those of one customer, and Ids are spread as real ones are.
func Created(n int) [2]plan.Batch {
	spread := func(kind string, n int) preauth.ID {
		return preauth.ID(uuid.NewSHA1(uuid.Nil, fmt.Append(nil, kind, n)).String())
	}
	at := time.UnixMilli(1_790_000_000_123 + int64(n)*3).UTC()
	seen := plan.Observation{State: preauth.Chargeable, Active: true, Amount: Money(fmt.Sprintf("%d.45", 20+n%900), "EUR")}
	cycle, request := string(spread("cycle", n/100_000)), string(spread("request", n/4000))
	intent := plan.Record{
		ID: spread("id", n), Enterprise: ID(1 << 20), CustomerID: spread("customer", n/4), CardID: string(spread("card", n)),
		Phase: plan.Creating, Generation: 1, Seen: seen, Updated: at,
		Intent: &plan.Intent{
			Action: plan.Create, Attempt: 1, Amount: seen.Amount, PaymentMethodID: 70_000 + int64(n), Token: string(spread("id", n)),
			Deadline: at.Add(30 * time.Second), RequestID: request,
		},
	}
	created := intent
	created.Revision, created.Phase, created.Intent, created.Updated = 1, plan.Created, nil, at.Add(50*time.Millisecond)
	created.Identity, created.Amount, created.PaymentMethodID = 100_000+int64(n), seen.Amount, 70_000+int64(n)
	created.HeldSince = created.Updated
	line := plan.Entry{
		ID: intent.ID, At: at, Event: "create.intent", CycleID: cycle, Action: plan.Create, Attempt: 1, Phase: plan.Creating,
		Amount: seen.Amount, PaymentMethodID: 70_000 + int64(n), RequestID: request,
	}
	applied := line
	applied.At, applied.Event, applied.Phase, applied.RequestID = created.Updated, "create.applied", plan.Created, ""
	applied.Identity, applied.Status = created.Identity, 200
	return [2]plan.Batch{
		{Records: []plan.Record{intent}, Journal: []plan.Entry{line}},
		{
			Records: []plan.Record{created}, Journal: []plan.Entry{applied},
			Highest: []plan.Highest{{Sink: "default", Identity: created.Identity}},
		},
	}
}
