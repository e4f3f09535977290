package ledgertest

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func recordRoundTrip(t *testing.T, l Ledger) {
	t.Helper()
	plain := plan.Record{ID: ID(3), CardID: "CARD-as-Spelled", Seen: plan.Observation{Amount: Money("0", "JPY")}}
	records := []plan.Record{FullRecord(1), HeldRecord(2), plain}
	commit(t, l, plan.Batch{Records: records})
	found, err := l.Records(t.Context(), []preauth.ID{ID(1), ID(2), ID(3), ID(4)})
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[preauth.ID]plan.Record)
	for _, r := range records {
		r.Revision = 1
		want[r.ID] = r
	}
	equal(t, want, found)
	equal(t, want[ID(1)], record(t, l, ID(1)))
}

func noSharing(t *testing.T, l Ledger) {
	t.Helper()
	r := FullRecord(1)
	token := plan.Token{Sink: "v4", Token: "x", Holds: []preauth.Hold{{Identity: 1, Token: "x"}}}
	commit(t, l, plan.Batch{Records: []plan.Record{r}, Tokens: []plan.Token{token}})
	r.Intent.Attempt, r.Park.Detail, token.Holds[0].Identity = 99, "changed", 99
	first := record(t, l, ID(1))
	first.Intent.Attempt, first.Answered.StateText = 99, "changed"
	want := FullRecord(1)
	want.Revision = 1
	equal(t, want, record(t, l, ID(1)))
	if unmatched(t, l, "v4")["x"].Holds[0].Identity != 1 {
		t.Fatal("a caller's change to its own token has reached the ledger")
	}
}

func recordConflict(t *testing.T, l Ledger) {
	t.Helper()
	r := HeldRecord(1)
	commit(t, l, plan.Batch{Records: []plan.Record{r}})
	if err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{r}}); !errors.Is(err, plan.ErrConflict) {
		t.Fatalf("a new record where there is one: %v", err)
	} else if !strings.Contains(err.Error(), string(r.ID)) {
		t.Fatalf("the conflict does not name its record: %v", err)
	}
	missing := HeldRecord(2)
	missing.Revision = 1
	if err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{missing}}); !errors.Is(err, plan.ErrConflict) {
		t.Fatalf("a change where there is none: %v", err)
	}
	r.Revision, r.Phase = 1, plan.Captured
	commit(t, l, plan.Batch{Records: []plan.Record{r}})
	if got := record(t, l, ID(1)); got.Revision != 2 || got.Phase != plan.Captured {
		t.Fatalf("revision %d, phase %s", got.Revision, got.Phase)
	}
}

func conflictLeavesNothing(t *testing.T, l Ledger) {
	t.Helper()
	commit(t, l, plan.Batch{
		Records: []plan.Record{HeldRecord(1)}, Property: &plan.Property{Enterprise: ID(9)}, Sink: &plan.Sink{Name: "v4"},
	})
	whole := func() plan.Batch {
		return plan.Batch{
			Records:  []plan.Record{HeldRecord(2)},
			Journal:  []plan.Entry{{ID: ID(2), Event: "create.applied"}},
			Read:     []plan.CustomerRead{{Enterprise: ID(9), CustomerID: ID(5), Cycle: 1}},
			Passes:   []plan.Pass{passOf(l, ID(9), 5, 5)},
			Property: &plan.Property{Enterprise: ID(9), Revision: 1, Cycle: 1},
			Sink:     &plan.Sink{Name: "v4", Revision: 1, Listed: true},
			Tokens:   []plan.Token{{Sink: "v4", Token: "x"}},
			Highest:  []plan.Highest{{Sink: "v4", Identity: 5}},

			Discovered: []plan.Discovered{{Enterprise: ID(9), CustomerID: ID(5), Until: At(1)}},
			Pauses:     []plan.Pause{{Enterprise: ID(9), Since: At(1)}},
			LookedUp:   []plan.LookedUp{{Sink: "v4", Field: field, CardID: "card", At: At(1)}},
			Observed:   []plan.Observed{FullObserved(1)},

			ObservedReads: []plan.CustomerRead{{Enterprise: ID(9), CustomerID: ID(5), Cycle: 1}},
		}
	}
	stamp := l.Stamp(ID(9))
	record, property, sink := whole(), whole(), whole()
	record.Records = append(record.Records, HeldRecord(1))
	property.Property.Revision = 2
	sink.Sink.Revision = 0
	for _, batch := range []plan.Batch{record, property, sink} {
		if err := l.Commit(t.Context(), batch); !errors.Is(err, plan.ErrConflict) {
			t.Fatalf("want a conflict, got %v", err)
		}
	}
	ctx := t.Context()
	if _, ok, _ := l.Record(ctx, ID(2)); ok {
		t.Fatal("a record of a refused batch has been stored")
	}
	if lines, _ := l.Journal(ctx, ID(2)); len(lines) != 0 {
		t.Fatal("a journal line of a refused batch has been stored")
	}
	if len(customers(t, l, ID(9), ID(5), ID(1<<21+2))) != 0 || len(pending(t, l, HeldRecord(2).Enterprise)) != 1 {
		t.Fatal("a customer of a refused batch has been stored")
	}
	if _, ok, _ := l.Pass(ctx, ID(9), ID(5)); ok || l.Stamp(ID(9)) != stamp {
		t.Fatal("a pass of a refused batch has been stored, or its record counted")
	}
	if len(discovered(t, l, ID(9))) != 0 {
		t.Fatal("a discovered customer of a refused batch has been stored")
	}
	if len(lookedUp(t, l, "v4", field, "card")) != 0 || len(eachObserved(t, l, "")) != 0 || len(observedReads(t, l, ID(9), ID(5))) != 0 {
		t.Fatal("an answer, an entry or a read customer of a refused batch has been stored")
	}
	if paused, _ := l.Pauses(ctx); len(paused) != 0 {
		t.Fatal("a pause of a refused batch has been stored")
	}
	if highest, _ := l.Highest(ctx, "v4"); highest != 0 || len(unmatched(t, l, "v4")) != 0 {
		t.Fatal("something of a sink of a refused batch has been stored")
	}
	commit(t, l, whole())
}

func eachInOrder(t *testing.T, l Ledger) {
	t.Helper()
	const many = 2500 // more than one page of any ledger
	var batch plan.Batch
	want := make([]preauth.ID, many)
	for n := range many {
		want[n] = ID(n)
		batch.Records = append(batch.Records, HeldRecord(many-1-n))
	}
	commit(t, l, batch)
	got := each(t, func(visit func(plan.Record) error) error {
		return l.Each(t.Context(), func(r plan.Record) error {
			// A visit may use the ledger, also to write.
			if r.ID == ID(10) {
				commit(t, l, plan.Batch{Records: []plan.Record{r}})
			}
			return visit(r)
		})
	})
	equal(t, want, got)
	equal(t, want, unfinished(t, l, ID(1<<20)))
}

func visitError(t *testing.T, l Ledger) {
	t.Helper()
	commit(t, l, plan.Batch{
		Records: []plan.Record{HeldRecord(1), HeldRecord(2)},
		Tokens:  []plan.Token{{Sink: "v4", Token: "x"}, {Sink: "v4", Token: "y"}},

		Discovered: []plan.Discovered{{CustomerID: ID(1), Until: At(1)}, {CustomerID: ID(2), Until: At(1)}},
		Observed:   []plan.Observed{FullObserved(1), FullObserved(2)},
	})
	enough := errors.New("enough")
	calls := 0
	visit := func(plan.Record) error { calls++; return enough }
	for _, err := range []error{
		l.Each(t.Context(), visit),
		l.Unfinished(t.Context(), "", visit),
		l.Unmatched(t.Context(), "v4", func(plan.Token) error { calls++; return enough }),
		l.Discovered(t.Context(), "", func(plan.Discovered) error { calls++; return enough }),
		l.EachObserved(t.Context(), "", func(plan.Observed) error { calls++; return enough }),
	} {
		if !errors.Is(err, enough) {
			t.Fatalf("want the visit's error, got %v", err)
		}
	}
	if calls != 5 {
		t.Fatalf("%d visits after the first error of each", calls-5)
	}
}

func identitiesAreUnique(t *testing.T, l Ledger) {
	t.Helper()
	ctx := t.Context()
	ofSink := func(n, enterprise int, identity int64) plan.Record {
		r := HeldRecord(n)
		r.Enterprise, r.Identity = ID(enterprise), identity
		return r
	}
	owner := func(sink string, identity int64, want preauth.ID) {
		t.Helper()
		got, ok, err := l.Owner(ctx, sink, identity)
		if err != nil || got != want || ok != (want != "") {
			t.Errorf("identity %d of %s is that of %q, %v, %v; want %q", identity, sink, got, ok, err, want)
		}
	}
	taken := func(records ...plan.Record) {
		t.Helper()
		err := l.Commit(ctx, plan.Batch{Records: records})
		if !errors.Is(err, plan.ErrIdentityTaken) || errors.Is(err, plan.ErrConflict) {
			t.Fatalf("want a taken identity, got %v", err)
		}
	}
	commit(t, l, plan.Batch{Property: &plan.Property{Enterprise: ID(101), Sink: "a"}})
	commit(t, l, plan.Batch{Property: &plan.Property{Enterprise: ID(102), Sink: "a"}})
	// The property may come with the record.
	commit(t, l, plan.Batch{Property: &plan.Property{Enterprise: ID(103), Sink: "b"}, Records: []plan.Record{ofSink(3, 103, 5)}})
	commit(t, l, plan.Batch{Records: []plan.Record{ofSink(1, 101, 5)}})
	owner("a", 5, ID(1))
	owner("b", 5, ID(3))
	owner("a", 6, "")
	owner("c", 5, "")
	taken(ofSink(2, 102, 5))
	taken(ofSink(2, 102, 7), ofSink(4, 101, 7))
	if _, ok, _ := l.Record(ctx, ID(2)); ok {
		t.Fatal("a record of a refused batch has been stored")
	}

	// What is given up can be claimed, in the same batch too.
	moved, next := record(t, l, ID(1)), ofSink(2, 102, 5)
	moved.Identity = 6
	commit(t, l, plan.Batch{Records: []plan.Record{next, moved}})
	owner("a", 5, ID(2))
	owner("a", 6, ID(1))
	// A property that goes elsewhere leaves its identities behind.
	commit(t, l, plan.Batch{Property: &plan.Property{Enterprise: ID(101), Revision: 1, Sink: "b"}})
	moved = record(t, l, ID(1))
	moved.Phase = plan.Captured
	commit(t, l, plan.Batch{Records: []plan.Record{moved}})
	owner("a", 6, ID(1))
	moved = record(t, l, ID(1))
	moved.Identity = 0
	commit(t, l, plan.Batch{Records: []plan.Record{moved}})
	owner("a", 6, "")
	commit(t, l, plan.Batch{Records: []plan.Record{ofSink(9, 101, 6)}})
	owner("b", 6, ID(9))
	owner("a", 6, "")
}

func capturesStayAtTheirSink(t *testing.T, l Ledger) {
	t.Helper()
	hotel := plan.Property{Enterprise: ID(101), Sink: "a"}
	held := func(n int) plan.Record {
		r := HeldRecord(n)
		r.Enterprise, r.Identity = hotel.Enterprise, int64(n)
		return r
	}
	capture := func(n, attempt int) plan.Batch {
		r := record(t, l, ID(n))
		r.Phase, r.Intent = plan.Capturing, &plan.Intent{Action: plan.Capture, Attempt: attempt}
		return plan.Batch{Records: []plan.Record{r}, Journal: []plan.Entry{{ID: r.ID, Event: "capture.intent"}}}
	}
	refused := func(batch plan.Batch) {
		t.Helper()
		if err := l.Commit(t.Context(), batch); !errors.Is(err, plan.ErrIdentityTaken) {
			t.Fatalf("want a taken identity, got %v", err)
		}
	}
	commit(t, l, plan.Batch{Property: &hotel, Records: []plan.Record{held(1), held(2), held(3)}})
	commit(t, l, capture(1, 1))
	commit(t, l, capture(1, 2))

	// The property goes to a sink where those identities are nobody's, or another's.
	hotel.Revision, hotel.Sink = 1, "b"
	commit(t, l, plan.Batch{Property: &hotel})
	other := held(4)
	other.Identity = 3
	commit(t, l, plan.Batch{Records: []plan.Record{other}})
	refused(capture(2, 1))
	refused(capture(3, 1))
	refused(capture(1, 3))
	for n := range 3 {
		if lines, _ := l.Journal(t.Context(), ID(n+1)); len(lines) != []int{2, 0, 0}[n] {
			t.Fatalf("record %d has %d lines", n+1, len(lines))
		}
	}
	// What came of the one that was sent before is stored all the same.
	for _, phase := range []plan.Phase{plan.Capturing, plan.Captured} {
		r := record(t, l, ID(1))
		r.Phase, r.Park = phase, &plan.Park{Reason: plan.UnknownCapture, Since: At(1)}
		commit(t, l, plan.Batch{Records: []plan.Record{r}})
	}
	commit(t, l, capture(4, 1))

	// With the property back at its sink it goes on.
	hotel.Revision, hotel.Sink = 2, "a"
	back := capture(2, 1)
	back.Property = &hotel
	commit(t, l, back)
}

func recordTwice(t *testing.T, l Ledger) {
	t.Helper()
	if err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{HeldRecord(1), HeldRecord(1)}}); err == nil {
		t.Fatal("want an error")
	}
	if _, ok, _ := l.Record(t.Context(), ID(1)); ok {
		t.Fatal("one of them has been stored")
	}
}

func badIDs(t *testing.T, l Ledger) {
	t.Helper()
	r := HeldRecord(1)
	r.ID = "nonsense"
	if err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{r}}); err == nil {
		t.Fatal("a record: want an error")
	}
	if err := l.Commit(t.Context(), plan.Batch{Journal: []plan.Entry{{Event: "x"}}}); err == nil {
		t.Fatal("a journal line: want an error")
	}
	for _, bad := range []plan.Pass{
		{First: ID(1), Last: ID(2)},
		{Enterprise: ID(9), Last: ID(2)},
		{Enterprise: ID(9), First: ID(1), Last: "nonsense"},
		{Enterprise: ID(9), First: ID(2), Last: ID(1)},
	} {
		bad.Stamp = l.Stamp(bad.Enterprise)
		if err := l.Commit(t.Context(), plan.Batch{Passes: []plan.Pass{bad}}); err == nil {
			t.Fatalf("a pass: want an error for %+v", bad)
		}
	}
	commit(t, l, plan.Batch{Records: []plan.Record{HeldRecord(1)}})
}

func concurrentConflicts(t *testing.T, l Ledger) {
	t.Helper()
	const writers, rounds = 8, 20
	commit(t, l, plan.Batch{Records: []plan.Record{HeldRecord(0)}})
	var wg sync.WaitGroup
	won := make([]int, writers)
	for w := range writers {
		wg.Go(func() {
			for range rounds {
				r, _, err := l.Record(t.Context(), ID(0))
				if err != nil {
					t.Error(err)
					return
				}
				own := HeldRecord(1000 + w*rounds + won[w])
				err = l.Commit(t.Context(), plan.Batch{
					Records: []plan.Record{r, own}, Journal: []plan.Entry{{ID: r.ID, Event: "x"}},
				})
				if err != nil && !errors.Is(err, plan.ErrConflict) {
					t.Error(err)
					return
				}
				if err == nil {
					won[w]++
				}
			}
		})
	}
	wg.Wait()
	total := 0
	for _, each := range won {
		total += each
	}
	lines, err := l.Journal(t.Context(), ID(0))
	if err != nil {
		t.Fatal(err)
	}
	all := each(t, func(visit func(plan.Record) error) error { return l.Each(t.Context(), visit) })
	if got := record(t, l, ID(0)); total == 0 || got.Revision != uint64(total)+1 || len(lines) != total || len(all) != total+1 {
		t.Fatalf("%d commits won; revision %d, %d lines, %d records", total, got.Revision, len(lines), len(all))
	}
}
