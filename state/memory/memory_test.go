package memory_test

import (
	"context"
	"errors"
	"testing"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/state/memory"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func TestMemoryIsALedger(t *testing.T) {
	ledgertest.Run(t, func(*testing.T) ledgertest.Ledger { return memory.New(plan.File{New: true}) })
}

func TestOverlayIsALedger(t *testing.T) {
	ledgertest.Run(t, func(*testing.T) ledgertest.Ledger { return memory.Overlay(memory.New(plan.File{})) })
}

func TestOverlayReadsThroughAndKeepsWritesToItself(t *testing.T) {
	ctx := t.Context()
	base := memory.New(plan.File{Generation: 4})
	token := func(name string, foreign bool) plan.Token {
		return plan.Token{Sink: "v4", Token: name, Holds: []preauth.Hold{{Identity: 1, Token: name}}, Foreign: foreign}
	}
	err := base.Commit(ctx, plan.Batch{
		Records: []plan.Record{ledgertest.HeldRecord(1), ledgertest.HeldRecord(3), ledgertest.HeldRecord(5)},
		Journal: []plan.Entry{{ID: ledgertest.ID(3), Event: "old"}},
		Read:    []plan.CustomerRead{{Enterprise: ledgertest.ID(9), CustomerID: ledgertest.ID(8), Cycle: 2}},
		Tokens:  []plan.Token{token("a", false), token("b", false)}, Highest: []plan.Highest{{Sink: "v4", Identity: 7}},
		Property: &plan.Property{Enterprise: ledgertest.ID(9)}, Sink: &plan.Sink{Name: "v4"},
	})
	if err != nil {
		t.Fatal(err)
	}
	over := memory.Overlay(base)
	done := ledgertest.HeldRecord(3)
	if err := over.Commit(ctx, plan.Batch{Records: []plan.Record{done}}); !errors.Is(err, plan.ErrConflict) {
		t.Fatalf("the base's revision must count: %v", err)
	}
	done.Revision, done.Phase = 1, plan.Captured
	batch := plan.Batch{
		Records: []plan.Record{done, ledgertest.HeldRecord(4)},
		Journal: []plan.Entry{{ID: ledgertest.ID(3), Event: "new"}},
		Read: []plan.CustomerRead{
			{Enterprise: ledgertest.ID(9), CustomerID: ledgertest.ID(8), Cycle: 5},
			{Enterprise: ledgertest.ID(9), CustomerID: ledgertest.ID(7), Cycle: 5},
		},
		Tokens: []plan.Token{token("a", true), token("c", false)}, Highest: []plan.Highest{{Sink: "v4", Identity: 6}},
		Property: &plan.Property{Enterprise: ledgertest.ID(9), Revision: 1, Cycle: 1},
		Sink:     &plan.Sink{Name: "v4", Revision: 1, Listed: true},
	}
	if err := over.Commit(ctx, batch); err != nil {
		t.Fatal(err)
	}

	check := func(l *memory.Ledger, each, unfinished []int, unmatched []string, cycles map[preauth.ID]uint64, lines int) {
		t.Helper()
		var gotEach, gotUnfinished []preauth.ID
		var gotUnmatched []string
		errEach := l.Each(ctx, func(r plan.Record) error { gotEach = append(gotEach, r.ID); return nil })
		errUnfinished := l.Unfinished(ctx, "", func(r plan.Record) error { gotUnfinished = append(gotUnfinished, r.ID); return nil })
		errUnmatched := l.Unmatched(ctx, "v4", func(k plan.Token) error { gotUnmatched = append(gotUnmatched, k.Token); return nil })
		gotCycles, errCycles := readIn(ctx, l, ledgertest.ID(7), ledgertest.ID(8))
		gotLines, errLines := l.Journal(ctx, ledgertest.ID(3))
		if err := errors.Join(errEach, errUnfinished, errUnmatched, errCycles, errLines); err != nil {
			t.Fatal(err)
		}
		for _, diff := range []string{
			ledgertest.Diff(ids(each), gotEach), ledgertest.Diff(ids(unfinished), gotUnfinished),
			ledgertest.Diff(unmatched, gotUnmatched), ledgertest.Diff(cycles, gotCycles), ledgertest.Diff(lines, len(gotLines)),
		} {
			if diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
		}
		if highest, err := l.Highest(ctx, "v4"); highest != 7 || err != nil {
			t.Errorf("highest %d, %v", highest, err)
		}
	}
	check(over, []int{1, 3, 4, 5}, []int{1, 4, 5}, []string{"b", "c"},
		map[preauth.ID]uint64{ledgertest.ID(8): 2, ledgertest.ID(7): 5}, 2)
	check(base, []int{1, 3, 5}, []int{1, 3, 5}, []string{"a", "b"},
		map[preauth.ID]uint64{ledgertest.ID(8): 2}, 1)
	if p, _, _ := over.Property(ctx, ledgertest.ID(9)); p.Revision != 2 || p.Cycle != 1 {
		t.Errorf("the overlay's property is %+v", p)
	}
	if s, _, _ := base.Sink(ctx, "v4"); s.Revision != 1 || s.Listed {
		t.Errorf("the base's sink is %+v", s)
	}
}

func TestAnOverlayHidesTheDiscoveredThatItForgets(t *testing.T) {
	ctx := t.Context()
	of := func(customer, at int) plan.Discovered {
		return plan.Discovered{Enterprise: ledgertest.ID(9), CustomerID: ledgertest.ID(customer), Until: ledgertest.At(at)}
	}
	gone := plan.Discovered{Enterprise: ledgertest.ID(9), CustomerID: ledgertest.ID(3)}
	base := memory.New(plan.File{})
	below := []plan.Discovered{of(1, 1), of(3, 1), of(5, 1)}
	if err := base.Commit(ctx, plan.Batch{Discovered: below}); err != nil {
		t.Fatal(err)
	}
	over := memory.Overlay(base)
	check := func(l *memory.Ledger, want ...plan.Discovered) {
		t.Helper()
		var got []plan.Discovered
		err := l.Discovered(ctx, ledgertest.ID(9), func(d plan.Discovered) error { got = append(got, d); return nil })
		if diff := ledgertest.Diff(want, got); diff != "" || err != nil {
			t.Errorf("want -, got +\n%s %v", diff, err)
		}
	}
	check(over, below...)
	if err := over.Commit(ctx, plan.Batch{Discovered: []plan.Discovered{gone, of(5, 2), of(4, 2)}}); err != nil {
		t.Fatal(err)
	}
	check(over, of(1, 1), of(4, 2), of(5, 2))
	if err := over.Commit(ctx, plan.Batch{Discovered: []plan.Discovered{of(3, 3)}}); err != nil {
		t.Fatal(err)
	}
	check(over, of(1, 1), of(3, 3), of(4, 2), of(5, 2))
	check(base, below...)
}

func TestAnOverlayHidesWhatItForgetsOfAnswersAndEntries(t *testing.T) {
	ctx := t.Context()
	answer := func(card string, method int64) plan.LookedUp {
		return plan.LookedUp{Sink: "v4", Field: "identifier", CardID: card, ID: method, At: ledgertest.At(1)}
	}
	entry := func(n, enterprise int) plan.Observed {
		return plan.Observed{ID: ledgertest.ID(n), Enterprise: ledgertest.ID(enterprise), Updated: ledgertest.At(n)}
	}
	base := memory.New(plan.File{})
	if err := base.Commit(ctx, plan.Batch{
		LookedUp: []plan.LookedUp{answer("a", 1), answer("b", 1), answer("c", 1)},
		Observed: []plan.Observed{entry(1, 9), entry(2, 9), entry(3, 9), entry(4, 8)},
	}); err != nil {
		t.Fatal(err)
	}
	over := memory.Overlay(base)
	if err := over.Commit(ctx, plan.Batch{
		LookedUp: []plan.LookedUp{{Sink: "v4", Field: "identifier", CardID: "a"}, answer("b", 2), answer("d", 2)},
		Observed: []plan.Observed{{ID: ledgertest.ID(1), Enterprise: ledgertest.ID(9)}, entry(2, 8), entry(4, 9), entry(5, 9)},
	}); err != nil {
		t.Fatal(err)
	}
	check := func(l *memory.Ledger, methods map[string]int64, some, of9 []plan.Observed) {
		t.Helper()
		answers, errAnswers := l.LookedUp(ctx, "v4", "identifier", []string{"a", "b", "c", "d"})
		found, errFound := l.Observed(ctx, ledgertest.ID(9), ids([]int{1, 2, 3}))
		var each []plan.Observed
		errEach := l.EachObserved(ctx, ledgertest.ID(9), func(o plan.Observed) error { each = append(each, o); return nil })
		if err := errors.Join(errAnswers, errFound, errEach); err != nil {
			t.Fatal(err)
		}
		gotMethods, gotSome := map[string]int64{}, []plan.Observed{}
		for card, a := range answers {
			gotMethods[card] = a.ID
		}
		for _, id := range ids([]int{1, 2, 3}) {
			if o, ok := found[id]; ok {
				gotSome = append(gotSome, o)
			}
		}
		for _, diff := range []string{
			ledgertest.Diff(methods, gotMethods), ledgertest.Diff(some, gotSome), ledgertest.Diff(of9, each),
		} {
			if diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
		}
	}
	check(over, map[string]int64{"b": 2, "c": 1, "d": 2}, []plan.Observed{entry(2, 9), entry(3, 9)},
		[]plan.Observed{entry(2, 9), entry(3, 9), entry(4, 9), entry(5, 9)})
	check(base, map[string]int64{"a": 1, "b": 1, "c": 1}, []plan.Observed{entry(1, 9), entry(2, 9), entry(3, 9)},
		[]plan.Observed{entry(1, 9), entry(2, 9), entry(3, 9)})
}

// readIn gives the cycles that customers were first read in.
func readIn(ctx context.Context, l *memory.Ledger, customers ...preauth.ID) (map[preauth.ID]uint64, error) {
	found, err := l.Customers(ctx, ledgertest.ID(9), customers)
	cycles := make(map[preauth.ID]uint64)
	for id, c := range found {
		cycles[id] = c.Read
	}
	return cycles, err
}

func ids(numbers []int) []preauth.ID {
	var all []preauth.ID
	for _, n := range numbers {
		all = append(all, ledgertest.ID(n))
	}
	return all
}

func TestACommitThatTheHookRefusesStoresNothing(t *testing.T) {
	l := memory.New(plan.File{})
	full := errors.New("the disk is full")
	l.OnCommit(func(plan.Batch) error { return full })
	if err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{ledgertest.HeldRecord(1)}}); !errors.Is(err, full) {
		t.Fatalf("want the hook's error, got %v", err)
	}
	if _, ok, _ := l.Record(t.Context(), ledgertest.ID(1)); ok {
		t.Fatal("the record has been stored")
	}
}

func TestARestartIsNotNewAndHasTheGenerationReached(t *testing.T) {
	l := memory.New(plan.File{New: true})
	reached, err := l.Advance(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	l.Restart()
	if f := l.File(); f.New || f.Generation != reached {
		t.Fatalf("%+v", f)
	}
}

func TestAnOverlayHidesTheReportsThatItForgets(t *testing.T) {
	ctx := t.Context()
	entry := func(enterprise, n int) plan.Observed {
		return plan.Observed{ID: ledgertest.ID(n), Enterprise: ledgertest.ID(enterprise), Updated: ledgertest.At(n)}
	}
	read := func(enterprise, customer int, cycle uint64) plan.CustomerRead {
		return plan.CustomerRead{Enterprise: ledgertest.ID(enterprise), CustomerID: ledgertest.ID(customer), Cycle: cycle}
	}
	base := memory.New(plan.File{})
	err := base.Commit(ctx, plan.Batch{
		Observed:      []plan.Observed{entry(8, 1), entry(9, 1), entry(9, 2)},
		ObservedReads: []plan.CustomerRead{read(8, 5, 1), read(9, 5, 1), read(9, 6, 1)},
	})
	if err != nil {
		t.Fatal(err)
	}
	over := memory.Overlay(base)
	check := func(l *memory.Ledger, each []plan.Observed, of9 map[preauth.ID]plan.Observed, reads map[preauth.ID]uint64) {
		t.Helper()
		var gotEach []plan.Observed
		errEach := l.EachObserved(ctx, "", func(o plan.Observed) error { gotEach = append(gotEach, o); return nil })
		gotOf9, errOf9 := l.Observed(ctx, ledgertest.ID(9), ids([]int{1, 2, 3}))
		gotReads, errReads := l.ObservedReads(ctx, ledgertest.ID(9), ids([]int{5, 6, 7}))
		if err := errors.Join(errEach, errOf9, errReads); err != nil {
			t.Fatal(err)
		}
		for _, diff := range []string{
			ledgertest.Diff(each, gotEach), ledgertest.Diff(of9, gotOf9), ledgertest.Diff(reads, gotReads),
		} {
			if diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
		}
	}
	for _, batch := range []plan.Batch{
		{Observed: []plan.Observed{entry(9, 4)}, ObservedReads: []plan.CustomerRead{read(9, 5, 2), read(9, 7, 2)}},
		{Unobserved: ids([]int{9}), Observed: []plan.Observed{entry(9, 3)}, ObservedReads: []plan.CustomerRead{read(9, 5, 3)}},
	} {
		if err := over.Commit(ctx, batch); err != nil {
			t.Fatal(err)
		}
	}
	check(over, []plan.Observed{entry(8, 1), entry(9, 3)}, map[preauth.ID]plan.Observed{ledgertest.ID(3): entry(9, 3)},
		map[preauth.ID]uint64{ledgertest.ID(5): 3})
	check(base, []plan.Observed{entry(8, 1), entry(9, 1), entry(9, 2)},
		map[preauth.ID]plan.Observed{ledgertest.ID(1): entry(9, 1), ledgertest.ID(2): entry(9, 2)},
		map[preauth.ID]uint64{ledgertest.ID(5): 1, ledgertest.ID(6): 1})
}

func TestAnOverlayKnowsCustomersAndPassesAsTheyHaveBecome(t *testing.T) {
	ctx, enterprise := t.Context(), ledgertest.ID(9)
	record := func(n, customer int) plan.Record {
		r := ledgertest.HeldRecord(n)
		r.Enterprise, r.CustomerID = enterprise, ledgertest.ID(customer)
		return r
	}
	pass := func(l *memory.Ledger, first, last int) plan.Pass {
		return plan.Pass{Enterprise: enterprise, First: ledgertest.ID(first), Last: ledgertest.ID(last), Stamp: l.Stamp(enterprise)}
	}
	base := memory.New(plan.File{})
	below := []plan.Record{record(1, 10), record(2, 10), record(3, 20), record(4, 30)}
	if err := base.Commit(ctx, plan.Batch{Records: below}); err != nil {
		t.Fatal(err)
	}
	passes := []plan.Pass{pass(base, 1, 15), pass(base, 16, 25), pass(base, 26, 35), pass(base, 36, 45)}
	if err := base.Commit(ctx, plan.Batch{Passes: passes}); err != nil {
		t.Fatal(err)
	}
	over := memory.Overlay(base)
	done, moved := record(1, 10), record(3, 40)
	done.Revision, done.Phase, moved.Revision = 1, plan.Captured, 1
	if err := over.Commit(ctx, plan.Batch{Records: []plan.Record{done, moved, record(5, 10)}}); err != nil {
		t.Fatal(err)
	}
	if err := over.Commit(ctx, plan.Batch{Passes: []plan.Pass{pass(over, 2, 3)}}); err != nil {
		t.Fatal(err)
	}
	check := func(l *memory.Ledger, unfinished map[int][]int, pending, standing []int) {
		t.Helper()
		want := make(map[preauth.ID]plan.Customer)
		for customer, records := range unfinished {
			want[ledgertest.ID(customer)] = plan.Customer{Unfinished: ids(records)}
		}
		known, errKnown := l.Customers(ctx, enterprise, ids([]int{10, 20, 30, 40}))
		var gotPending, gotStanding []preauth.ID
		errPending := l.Pending(ctx, enterprise, func(id preauth.ID) error { gotPending = append(gotPending, id); return nil })
		for _, first := range ids([]int{1, 2, 16, 26, 36}) {
			p, ok, err := l.Pass(ctx, enterprise, first)
			if ok {
				gotStanding = append(gotStanding, p.First)
			}
			errPending = errors.Join(errPending, err)
		}
		if err := errors.Join(errKnown, errPending); err != nil {
			t.Fatal(err)
		}
		for _, diff := range []string{
			ledgertest.Diff(want, known), ledgertest.Diff(ids(pending), gotPending), ledgertest.Diff(ids(standing), gotStanding),
		} {
			if diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
		}
	}
	check(over, map[int][]int{10: {2, 5}, 30: {4}, 40: {3}}, []int{10, 30, 40}, []int{2, 26})
	check(base, map[int][]int{10: {1, 2}, 20: {3}, 30: {4}}, []int{10, 20, 30}, []int{1, 16, 26, 36})
}
