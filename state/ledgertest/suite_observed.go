package ledgertest

import (
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func eachObserved(t *testing.T, l Ledger, enterprise preauth.ID) []plan.Observed {
	t.Helper()
	var found []plan.Observed
	err := l.EachObserved(t.Context(), enterprise, func(o plan.Observed) error {
		found = append(found, o)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func observed(t *testing.T, l Ledger, enterprise preauth.ID, ids ...preauth.ID) map[preauth.ID]plan.Observed {
	t.Helper()
	found, err := l.Observed(t.Context(), enterprise, ids)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func observedReads(t *testing.T, l Ledger, enterprise preauth.ID, customers ...preauth.ID) map[preauth.ID]uint64 {
	t.Helper()
	found, err := l.ObservedReads(t.Context(), enterprise, customers)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// observedOf gives the n-th entry as one of that enterprise's report.
func observedOf(enterprise, n int) plan.Observed {
	o := FullObserved(n)
	o.Enterprise = ID(enterprise)
	return o
}

func reportStays(t *testing.T, l Ledger) {
	t.Helper()
	bare := plan.Observed{ID: ID(3), Enterprise: ID(1), CardID: "a card", Updated: At(3)}
	at := func(when time.Time) plan.Observed {
		o := bare
		o.Baselined, o.Created, o.Captured, o.Released, o.Updated = when, when, when, when, when
		return o
	}
	precise := At(3).Add(7*time.Millisecond + 999*time.Microsecond).In(time.FixedZone("", 3600))
	commit(t, l, plan.Batch{Observed: []plan.Observed{at(precise)}})
	equal(t, map[preauth.ID]plan.Observed{ID(3): at(At(3).Add(7 * time.Millisecond))}, observed(t, l, ID(1), ID(3)))

	commit(t, l, plan.Batch{Observed: []plan.Observed{observedOf(1, 5), bare, observedOf(2, 4), observedOf(1, 1), observedOf(2, 1)}})
	equal(t, map[preauth.ID]plan.Observed{ID(1): observedOf(1, 1), ID(3): bare}, observed(t, l, ID(1), ID(1), ID(2), ID(3), ID(4)))
	equal(t, map[preauth.ID]plan.Observed{ID(1): observedOf(2, 1)}, observed(t, l, ID(2), ID(1)))
	equal(t, map[preauth.ID]plan.Observed{}, observed(t, l, ID(9), ID(1)))
	equal(t, map[preauth.ID]plan.Observed{}, observed(t, l, "", ID(1)))
	of1, of2 := []plan.Observed{observedOf(1, 1), bare, observedOf(1, 5)}, []plan.Observed{observedOf(2, 1), observedOf(2, 4)}
	equal(t, of1, eachObserved(t, l, ID(1)))
	equal(t, of2, eachObserved(t, l, ID(2)))
	equal(t, append(of1, of2...), eachObserved(t, l, ""))
	equal(t, 0, len(eachObserved(t, l, ID(9))))

	// What is handed over shares no memory with the ledger.
	observed(t, l, ID(1), ID(1))[ID(1)].Park.Detail = "changed"
	equal(t, of1, eachObserved(t, l, ID(1)))

	// The last of one batch counts, and one without a time is forgotten in its own report only.
	again := observedOf(2, 4)
	again.Park, again.Updated = nil, At(30)
	forgotten := func(enterprise, n int) plan.Observed { return plan.Observed{Enterprise: ID(enterprise), ID: ID(n)} }
	commit(t, l, plan.Batch{Observed: []plan.Observed{
		forgotten(1, 1), observedOf(2, 4), again, observedOf(1, 6), forgotten(1, 6), forgotten(1, 8), forgotten(9, 5),
	}})
	equal(t, []plan.Observed{bare, observedOf(1, 5), observedOf(2, 1), again}, eachObserved(t, l, ""))
	nobodys := observedOf(1, 7)
	nobodys.Enterprise = ""
	for name, refused := range map[string]plan.Batch{
		"an Id that is none":                {Observed: []plan.Observed{observedOf(1, 7), {Enterprise: ID(1), ID: "nonsense", Updated: At(1)}}},
		"an entry of nobody's":              {Observed: []plan.Observed{observedOf(1, 7), nobodys}},
		"an entry of nobody's to forget":    {Observed: []plan.Observed{observedOf(1, 7), {ID: ID(5)}}},
		"a customer that nobody has read":   {ObservedReads: []plan.CustomerRead{{CustomerID: ID(5), Cycle: 1}}},
		"a report of nobody's to forget":    {Unobserved: []preauth.ID{ID(1), ""}},
		"a report of nonsense's to forget":  {Unobserved: []preauth.ID{ID(1), "nonsense"}},
		"a report to forget and a conflict": {Unobserved: []preauth.ID{ID(1)}, Property: &plan.Property{Enterprise: ID(1), Revision: 7}},
	} {
		if err := l.Commit(t.Context(), refused); err == nil {
			t.Fatalf("%s: want an error", name)
		}
	}
	equal(t, []plan.Observed{bare, observedOf(1, 5), observedOf(2, 1), again}, eachObserved(t, l, ""))
}

func observedCustomersStay(t *testing.T, l Ledger) {
	t.Helper()
	read := func(enterprise, customer int, cycle uint64) plan.CustomerRead {
		return plan.CustomerRead{Enterprise: ID(enterprise), CustomerID: ID(customer), Cycle: cycle}
	}
	commit(t, l, plan.Batch{
		ObservedReads: []plan.CustomerRead{read(1, 5, 3), read(1, 5, 4), read(2, 5, 9)},
		Read:          []plan.CustomerRead{read(1, 6, 1)},
	})
	commit(t, l, plan.Batch{ObservedReads: []plan.CustomerRead{read(1, 5, 8)}, Read: []plan.CustomerRead{read(1, 5, 7)}})
	// The report's reads and the real ones know nothing of each other.
	equal(t, map[preauth.ID]uint64{ID(5): 3}, observedReads(t, l, ID(1), ID(5), ID(6)))
	equal(t, map[preauth.ID]uint64{ID(5): 9}, observedReads(t, l, ID(2), ID(5), ID(6)))
	equal(t, map[preauth.ID]uint64{}, observedReads(t, l, "", ID(5)))
	equal(t, map[preauth.ID]plan.Customer{ID(5): {Read: 7}, ID(6): {Read: 1}}, customers(t, l, ID(1), ID(5), ID(6)))
}

func reportsAreForgotten(t *testing.T, l Ledger) {
	t.Helper()
	read := func(enterprise, customer int, cycle uint64) plan.CustomerRead {
		return plan.CustomerRead{Enterprise: ID(enterprise), CustomerID: ID(customer), Cycle: cycle}
	}
	batch := plan.Batch{Read: []plan.CustomerRead{read(1, 5, 1)}}
	for enterprise := range 4 {
		batch.Observed = append(batch.Observed, observedOf(enterprise, 1), observedOf(enterprise, 2))
		batch.ObservedReads = append(batch.ObservedReads, read(enterprise, 5, 1), read(enterprise, 6, 1))
	}
	commit(t, l, batch)
	// What a batch puts is put afterwards, wherever it stands in it.
	commit(t, l, plan.Batch{
		Observed: []plan.Observed{observedOf(1, 2), observedOf(1, 3)}, ObservedReads: []plan.CustomerRead{read(1, 5, 4), read(2, 5, 4)},
		Unobserved: []preauth.ID{ID(1), ID(3), ID(9)},
	})
	equal(t, []plan.Observed{observedOf(0, 1), observedOf(0, 2), observedOf(1, 2), observedOf(1, 3), observedOf(2, 1), observedOf(2, 2)},
		eachObserved(t, l, ""))
	for n, want := range []map[preauth.ID]uint64{{ID(5): 1, ID(6): 1}, {ID(5): 4}, {ID(5): 1, ID(6): 1}, {}} {
		equal(t, want, observedReads(t, l, ID(n), ID(5), ID(6)))
	}
	equal(t, map[preauth.ID]plan.Customer{ID(5): {Read: 1}}, customers(t, l, ID(1), ID(5)))
	// It begins anew.
	commit(t, l, plan.Batch{Observed: []plan.Observed{observedOf(3, 1)}, ObservedReads: []plan.CustomerRead{read(3, 5, 8)}})
	equal(t, []plan.Observed{observedOf(3, 1)}, eachObserved(t, l, ID(3)))
	equal(t, map[preauth.ID]uint64{ID(5): 8}, observedReads(t, l, ID(3), ID(5), ID(6)))
}

func manyObserved(t *testing.T, l Ledger) {
	t.Helper()
	const many = 2500 // more than one page of any ledger
	var batch plan.Batch
	want := make([]plan.Observed, many)
	for n := range many {
		want[n] = plan.Observed{ID: ID(n), Enterprise: ID(1), Updated: At(n)}
		batch.Observed = append(batch.Observed, plan.Observed{ID: ID(many - 1 - n), Enterprise: ID(1), Updated: At(many - 1 - n)})
	}
	batch.Observed = append(batch.Observed, observedOf(0, 1), observedOf(2, 1))
	commit(t, l, batch)
	equal(t, want, eachObserved(t, l, ID(1)))
	equal(t, many+2, len(eachObserved(t, l, "")))
	commit(t, l, plan.Batch{Unobserved: []preauth.ID{ID(1)}})
	equal(t, []plan.Observed{observedOf(0, 1), observedOf(2, 1)}, eachObserved(t, l, ""))
}
