package ledgertest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Run checks that a ledger does what the engine relies on. open gives a fresh,
// empty one each time, and sees to its clean-up.
func Run(t *testing.T, open func(t *testing.T) Ledger) {
	t.Helper()
	cases := []struct {
		name string
		test func(t *testing.T, l Ledger)
	}{
		{"an empty ledger knows nothing", emptyLedger},
		{"every field of a record comes back", recordRoundTrip},
		{"what was handed over shares no memory with the ledger", noSharing},
		{"a record is put only at the revision that was read", recordConflict},
		{"a conflict anywhere leaves no trace of the batch", conflictLeavesNothing},
		{"records come in the order of their Ids", eachInOrder},
		{"a visit's error ends the visits and is returned", visitError},
		{"unfinished records are found by enterprise and forgotten when done", unfinishedRecords},
		{"a customer's unfinished records follow what becomes of them", customersUnfinished},
		{"a customer may have very many unfinished records", crowdedCustomer},
		{"many customers with unfinished records come page by page", manyPending},
		{"a revision follows who has unfinished records", pendingRevisions},
		{"records in flight are found, whoever's they are", recordsInFlight},
		{"a record that changes its enterprise moves in the index", unfinishedMoves},
		{"an identity of a sink belongs to one record", identitiesAreUnique},
		{"the intent of a capture needs the identity at the property's sink", capturesStayAtTheirSink},
		{"the journal keeps every line in order", journalOrder},
		{"a journal line needs its record", journalOfNothing},
		{"a long journal comes back line by line", longJournal},
		{"a customer's first cycle stays", customersStay},
		{"every field of a pass comes back", passesComeBack},
		{"a pass is forgotten with what it rested on", passesAreForgotten},
		{"every pass is forgotten for a token that is no record's", strayTokensForgetAllPasses},
		{"a pass that is behind is left out", passesNeedTheirStamp},
		{"discovered customers are put, sorted and forgotten", discoveredCustomers},
		{"many discovered customers come page by page", manyDiscovered},
		{"a sink's answers are put by field and card, and forgotten", answersStay},
		{"what is observed is put by enterprise and Id, sorted and forgotten", reportStays},
		{"a customer's first cycle in the report stays, apart from the real one", observedCustomersStay},
		{"a report is forgotten before the batch puts anything", reportsAreForgotten},
		{"much that is observed comes page by page", manyObserved},
		{"pauses are put, sorted and lifted", pauses},
		{"properties are conditional and sorted", properties},
		{"sinks are conditional", sinks},
		{"the highest identity only rises", highestRises},
		{"tokens are merged hold by hold", tokensMerge},
		{"a foreign token is no longer unmatched until it grows", unmatchedTokens},
		{"a record twice in one batch is refused", recordTwice},
		{"an Id that is none is refused", badIDs},
		{"a cancelled context begins nothing", cancelledContext},
		{"the mark of an older file stays until it was adopted", olderMark},
		{"of many commits at one revision one wins", concurrentConflicts},
		{"what comes after a batch was placed finds it stored", placedInOrder},
		{"nothing is stored after a batch that was placed and is wrong", placedInVain},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func commit(t *testing.T, l Ledger, batch plan.Batch) {
	t.Helper()
	if err := l.Commit(t.Context(), batch); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

func equal(t *testing.T, want, got any) {
	t.Helper()
	if diff := Diff(want, got); diff != "" {
		t.Fatalf("want -, got +\n%s", diff)
	}
}

func record(t *testing.T, l Ledger, id preauth.ID) plan.Record {
	t.Helper()
	r, ok, err := l.Record(t.Context(), id)
	if err != nil || !ok {
		t.Fatalf("Record(%s): %v, %v", id, ok, err)
	}
	return r
}

func each(t *testing.T, visit func(func(plan.Record) error) error) []preauth.ID {
	t.Helper()
	ids := []preauth.ID{}
	err := visit(func(r plan.Record) error {
		ids = append(ids, r.ID)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func unfinished(t *testing.T, l Ledger, enterprise preauth.ID) []preauth.ID {
	t.Helper()
	ids := each(t, func(visit func(plan.Record) error) error { return l.Unfinished(t.Context(), enterprise, visit) })
	slices.Sort(ids) // a ledger may hand them over in any order
	return ids
}

func unmatched(t *testing.T, l Ledger, sink string) map[string]plan.Token {
	t.Helper()
	found := make(map[string]plan.Token)
	err := l.Unmatched(t.Context(), sink, func(token plan.Token) error {
		found[token.Token] = token
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func discovered(t *testing.T, l Ledger, enterprise preauth.ID) []plan.Discovered {
	t.Helper()
	var found []plan.Discovered
	err := l.Discovered(t.Context(), enterprise, func(d plan.Discovered) error {
		found = append(found, d)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func emptyLedger(t *testing.T, l Ledger) {
	t.Helper()
	ctx := t.Context()
	if _, ok, err := l.Record(ctx, ID(1)); ok || err != nil {
		t.Fatalf("Record: %v, %v", ok, err)
	}
	if _, ok, err := l.Property(ctx, ID(1)); ok || err != nil {
		t.Fatalf("Property: %v, %v", ok, err)
	}
	if _, ok, err := l.Sink(ctx, "v4"); ok || err != nil {
		t.Fatalf("Sink: %v, %v", ok, err)
	}
	if highest, err := l.Highest(ctx, "v4"); highest != 0 || err != nil {
		t.Fatalf("Highest: %d, %v", highest, err)
	}
	equal(t, []preauth.ID{}, each(t, func(visit func(plan.Record) error) error { return l.Each(ctx, visit) }))
	equal(t, []preauth.ID{}, unfinished(t, l, ""))
	equal(t, map[string]plan.Token{}, unmatched(t, l, "v4"))
	equal(t, 0, len(discovered(t, l, ID(1))))
	equal(t, 0, len(lookedUp(t, l, "v4", field, string(ID(1)))))
	equal(t, 0, len(eachObserved(t, l, "")))
	equal(t, map[preauth.ID]plan.Customer{}, customers(t, l, ID(1), ID(2)))
	equal(t, []preauth.ID{}, pending(t, l, ID(1)))
	equal(t, []preauth.ID{}, inFlight(t, l))
	equal(t, []int{}, standing(t, l, ID(1), 2))
	equal(t, 0, len(observedReads(t, l, ID(1), ID(2))))
	commit(t, l, plan.Batch{})
}

func cancelledContext(t *testing.T, l Ledger) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Commit(ctx, plan.Batch{Records: []plan.Record{HeldRecord(1)}}); !errors.Is(err, context.Canceled) {
		t.Fatalf("Commit: %v", err)
	}
	if _, err := l.Advance(ctx, true); !errors.Is(err, context.Canceled) {
		t.Fatalf("Advance: %v", err)
	}
	if err := l.Each(ctx, func(plan.Record) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Fatalf("Each: %v", err)
	}
	if _, ok, err := l.Record(t.Context(), ID(1)); ok || err != nil {
		t.Fatalf("the record of a cancelled commit: %v, %v", ok, err)
	}
}

func olderMark(t *testing.T, l Ledger) {
	t.Helper()
	ctx := t.Context()
	start := l.File().Generation
	if err := l.MarkOlder(ctx, "a token shows it"); err != nil {
		t.Fatal(err)
	}
	if err := l.MarkOlder(ctx, "another reason"); err != nil {
		t.Fatal(err)
	}
	first, err := l.Advance(ctx, false)
	if err != nil || first <= start {
		t.Fatalf("generation %d after %d, %v", first, start, err)
	}
	equal(t, "a token shows it", l.File().Older)
	second, err := l.Advance(ctx, true)
	if err != nil || second <= first {
		t.Fatalf("generation %d after %d, %v", second, first, err)
	}
	equal(t, "", l.File().Older)
	equal(t, start, l.File().Generation)
}
