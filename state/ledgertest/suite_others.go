package ledgertest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func discoveredCustomers(t *testing.T, l Ledger) {
	t.Helper()
	of := func(enterprise, customer, at int) plan.Discovered {
		return plan.Discovered{Enterprise: ID(enterprise), CustomerID: ID(customer), Until: At(at)}
	}
	forgotten := func(enterprise, customer int) plan.Discovered {
		return plan.Discovered{Enterprise: ID(enterprise), CustomerID: ID(customer)}
	}
	precise := of(1, 5, 3)
	precise.Until = precise.Until.Add(999 * time.Millisecond).In(time.FixedZone("", 3600))
	commit(t, l, plan.Batch{Discovered: []plan.Discovered{of(1, 7, 1), precise, of(2, 6, 2), of(1, 6, 4)}})
	equal(t, []plan.Discovered{of(1, 5, 3), of(1, 6, 4), of(1, 7, 1)}, discovered(t, l, ID(1)))
	equal(t, []plan.Discovered{of(2, 6, 2)}, discovered(t, l, ID(2)))
	// The last of one batch counts, and so does an earlier time: the clock may have been set back.
	commit(t, l, plan.Batch{Discovered: []plan.Discovered{
		of(1, 5, 9), of(1, 5, 2), forgotten(1, 6), forgotten(1, 8), of(1, 7, 8), of(1, 7, 1), forgotten(2, 6), of(2, 6, 5),
	}})
	equal(t, []plan.Discovered{of(1, 5, 2), of(1, 7, 1)}, discovered(t, l, ID(1)))
	equal(t, []plan.Discovered{of(2, 6, 5)}, discovered(t, l, ID(2)))
	commit(t, l, plan.Batch{Discovered: []plan.Discovered{of(1, 6, 6), of(1, 6, 7), forgotten(1, 6)}})
	equal(t, []plan.Discovered{of(1, 5, 2), of(1, 7, 1)}, discovered(t, l, ID(1)))
}

func manyDiscovered(t *testing.T, l Ledger) {
	t.Helper()
	const many = 2500 // more than one page of any ledger
	var batch plan.Batch
	want := make([]plan.Discovered, many)
	for n := range many {
		want[n] = plan.Discovered{Enterprise: ID(1), CustomerID: ID(n), Until: At(n)}
		batch.Discovered = append(batch.Discovered, plan.Discovered{Enterprise: ID(1), CustomerID: ID(many - 1 - n), Until: At(many - 1 - n)})
	}
	commit(t, l, batch)
	equal(t, want, discovered(t, l, ID(1)))
}

func pauses(t *testing.T, l Ledger) {
	t.Helper()
	paused := func(want ...plan.Pause) {
		t.Helper()
		got, err := l.Pauses(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		equal(t, want, got)
	}
	of := func(enterprise preauth.ID, at int) plan.Pause {
		return plan.Pause{Enterprise: enterprise, Since: At(at)}
	}
	precise := of("", 3)
	precise.Since = precise.Since.Add(7*time.Millisecond + 999*time.Microsecond).In(time.FixedZone("", 3600))
	kept := plan.Pause{Since: At(3).Add(7 * time.Millisecond)}
	commit(t, l, plan.Batch{Pauses: []plan.Pause{of(ID(2), 2), precise, of(ID(1), 1)}})
	paused(kept, of(ID(1), 1), of(ID(2), 2))
	// The last of one batch counts, and lifting what is not paused changes nothing.
	commit(t, l, plan.Batch{Pauses: []plan.Pause{{Enterprise: ID(1)}, of(ID(2), 5), {Enterprise: ID(3)}, of(ID(2), 4)}})
	paused(kept, of(ID(2), 4))
	commit(t, l, plan.Batch{Pauses: []plan.Pause{{}, of(ID(2), 6), {Enterprise: ID(2)}}})
	paused()
	if err := l.Commit(t.Context(), plan.Batch{Pauses: []plan.Pause{of(ID(1), 1), of("nonsense", 1)}}); err == nil {
		t.Fatal("an enterprise that is none: want an error")
	}
	paused()
}

func properties(t *testing.T, l Ledger) {
	t.Helper()
	full := plan.Property{
		Enterprise: ID(2), Name: "prague", Sink: "v4", Cycle: 4, FirstRunDone: true, ObservedSince: At(3), ObservedFirstRunDone: true,
		LastCycle: &plan.CycleReport{
			CycleID: "c", Started: At(1), Finished: At(2), OK: true, Error: "none", Fuse: true,
			Counts: plan.Counts{Polled: 1, Created: 2, Captured: 3, Adopted: 4, Parked: 5, Released: 6, Skipped: 7, Failed: 8},
		},
	}
	commit(t, l, plan.Batch{Property: &full})
	commit(t, l, plan.Batch{Property: &plan.Property{Enterprise: ID(1)}})
	stale := full
	if err := l.Commit(t.Context(), plan.Batch{Property: &stale}); !errors.Is(err, plan.ErrConflict) {
		t.Fatalf("want a conflict, got %v", err)
	}
	full.Revision = 1
	got, ok, err := l.Property(t.Context(), ID(2))
	if err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	equal(t, full, got)
	all, err := l.Properties(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, []plan.Property{{Enterprise: ID(1), Revision: 1}, full}, all)
}

func sinks(t *testing.T, l Ledger) {
	t.Helper()
	full := plan.Sink{
		Name: "v4", Listed: true, TokensAtCreation: true, Proof: plan.ProofNotKept, Outage: true, Address: "https://v4.test",
		Candidate: &plan.Candidate{ID: ID(1), Identity: 5, Token: "x", Replied: At(1)},
	}
	commit(t, l, plan.Batch{Sink: &full})
	stale := full
	if err := l.Commit(t.Context(), plan.Batch{Sink: &stale}); !errors.Is(err, plan.ErrConflict) {
		t.Fatalf("want a conflict, got %v", err)
	}
	full.Revision = 1
	got, ok, err := l.Sink(t.Context(), "v4")
	if err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	equal(t, full, got)
}

func highestRises(t *testing.T, l Ledger) {
	t.Helper()
	for _, identity := range []int64{5, 3, 7, 7, 6} {
		commit(t, l, plan.Batch{Highest: []plan.Highest{{Sink: "v4", Identity: identity}}})
	}
	commit(t, l, plan.Batch{Highest: []plan.Highest{{Sink: "b", Identity: 9}, {Sink: "b", Identity: 8}}})
	for sink, want := range map[string]int64{"v4": 7, "b": 9, "c": 0} {
		if got, err := l.Highest(t.Context(), sink); err != nil || got != want {
			t.Fatalf("Highest(%s): %d, %v; want %d", sink, got, err, want)
		}
	}
}

func hold(identity int64, token, amount string) preauth.Hold {
	return preauth.Hold{Identity: identity, Token: token, Amount: Money(amount, "").Amount, PaymentMethodID: 2, CreatedByUserID: 3}
}

func tokensMerge(t *testing.T, l Ledger) {
	t.Helper()
	long := strings.Repeat("long", 1000)
	commit(t, l, plan.Batch{Tokens: []plan.Token{
		{Sink: "v4", Token: "x", Holds: []preauth.Hold{hold(1, "x", "10.5")}},
		{Sink: "v4", Token: long, Holds: []preauth.Hold{hold(4, long, "1")}},
		{Sink: "v4", Token: "x", Holds: []preauth.Hold{hold(2, "x", "11")}},
		{Sink: "other", Token: "x", Holds: []preauth.Hold{hold(3, "x", "12")}},
	}})
	commit(t, l, plan.Batch{Tokens: []plan.Token{{Sink: "v4", Token: "x", Holds: []preauth.Hold{hold(1, "x", "99")}}}})
	found, err := l.Tokens(t.Context(), "v4", []string{"x", "y", long})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]plan.Token{
		"x":  {Sink: "v4", Token: "x", Holds: []preauth.Hold{hold(1, "x", "10.5"), hold(2, "x", "11")}},
		long: {Sink: "v4", Token: long, Holds: []preauth.Hold{hold(4, long, "1")}},
	}
	equal(t, want, found)
	equal(t, want, unmatched(t, l, "v4"))
}

func unmatchedTokens(t *testing.T, l Ledger) {
	t.Helper()
	token := plan.Token{Sink: "v4", Token: "x", Holds: []preauth.Hold{hold(1, "x", "1")}}
	put := func(foreign bool) {
		token.Foreign = foreign
		commit(t, l, plan.Batch{Tokens: []plan.Token{token}})
	}
	put(false)
	equal(t, 1, len(unmatched(t, l, "v4")))
	put(true)
	equal(t, 0, len(unmatched(t, l, "v4")))
	put(false)
	equal(t, 0, len(unmatched(t, l, "v4")))
	token.Holds = []preauth.Hold{hold(2, "x", "1")}
	put(false)
	equal(t, 1, len(unmatched(t, l, "v4")))
	equal(t, 0, len(unmatched(t, l, "v")))
}
