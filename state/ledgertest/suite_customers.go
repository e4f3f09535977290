package ledgertest

import (
	"errors"
	"testing"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func customers(t *testing.T, l Ledger, enterprise preauth.ID, ids ...preauth.ID) map[preauth.ID]plan.Customer {
	t.Helper()
	found, err := l.Customers(t.Context(), enterprise, ids)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func pending(t *testing.T, l Ledger, enterprise preauth.ID) []preauth.ID {
	t.Helper()
	ids := []preauth.ID{}
	err := l.Pending(t.Context(), enterprise, func(id preauth.ID) error { ids = append(ids, id); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func inFlight(t *testing.T, l Ledger) []preauth.ID {
	t.Helper()
	return each(t, func(visit func(plan.Record) error) error { return l.InFlight(t.Context(), visit) })
}

func customersStay(t *testing.T, l Ledger) {
	t.Helper()
	first := []plan.CustomerRead{
		{Enterprise: ID(1), CustomerID: ID(5), Cycle: 3},
		{Enterprise: ID(1), CustomerID: ID(5), Cycle: 4},
		{Enterprise: ID(2), CustomerID: ID(5), Cycle: 9},
	}
	commit(t, l, plan.Batch{Read: first})
	commit(t, l, plan.Batch{Read: []plan.CustomerRead{{Enterprise: ID(1), CustomerID: ID(5), Cycle: 8}}})
	equal(t, map[preauth.ID]plan.Customer{ID(5): {Read: 3}}, customers(t, l, ID(1), ID(5), ID(6)))
	equal(t, map[preauth.ID]plan.Customer{ID(5): {Read: 9}}, customers(t, l, ID(2), ID(5), ID(6)))
	equal(t, map[preauth.ID]plan.Customer{}, customers(t, l, ID(3), ID(5), ID(6)))
}

func unfinishedRecords(t *testing.T, l Ledger) {
	t.Helper()
	held, other, done := HeldRecord(1), HeldRecord(2), HeldRecord(3)
	other.Enterprise = ID(1 << 23)
	done.Phase = plan.Captured
	commit(t, l, plan.Batch{Records: []plan.Record{held, other, done}})
	equal(t, []preauth.ID{ID(1)}, unfinished(t, l, held.Enterprise))
	equal(t, []preauth.ID{ID(2)}, unfinished(t, l, other.Enterprise))
	equal(t, []preauth.ID{ID(1), ID(2)}, unfinished(t, l, ""))
	equal(t, []preauth.ID{}, unfinished(t, l, ID(99)))

	held.Revision, held.Phase = 1, plan.Captured
	done.Revision, done.Park = 1, &plan.Park{Reason: plan.AmountChanged}
	commit(t, l, plan.Batch{Records: []plan.Record{held, done}})
	equal(t, []preauth.ID{ID(3)}, unfinished(t, l, held.Enterprise))
}

func unfinishedMoves(t *testing.T, l Ledger) {
	t.Helper()
	r := HeldRecord(1)
	commit(t, l, plan.Batch{Records: []plan.Record{r}})
	before := r.Enterprise
	r.Revision, r.Enterprise = 1, ID(77)
	commit(t, l, plan.Batch{Records: []plan.Record{r}})
	equal(t, []preauth.ID{}, unfinished(t, l, before))
	equal(t, []preauth.ID{ID(1)}, unfinished(t, l, ID(77)))
	r.Revision, r.Enterprise = 2, ""
	commit(t, l, plan.Batch{Records: []plan.Record{r}})
	equal(t, []preauth.ID{ID(1)}, unfinished(t, l, ""))
	equal(t, []preauth.ID{}, unfinished(t, l, ID(77)))
}

// customersUnfinished follows two customers of two enterprises through all that changes
// what is unfinished.
func customersUnfinished(t *testing.T, l Ledger) {
	t.Helper()
	of := func(n, enterprise, customer int) plan.Record {
		r := HeldRecord(n)
		r.Enterprise, r.CustomerID = ID(enterprise), ID(customer)
		return r
	}
	change := func(n int, change func(*plan.Record)) {
		t.Helper()
		r := record(t, l, ID(n))
		change(&r)
		commit(t, l, plan.Batch{Records: []plan.Record{r}})
	}
	unowned := of(9, 1, 0)
	unowned.CustomerID = ""
	commit(t, l, plan.Batch{
		Records: []plan.Record{of(3, 1, 50), of(1, 1, 50), of(2, 1, 60), of(4, 2, 50), unowned},
		Read:    []plan.CustomerRead{{Enterprise: ID(1), CustomerID: ID(50), Cycle: 7}},
	})
	equal(t, map[preauth.ID]plan.Customer{
		ID(50): {Read: 7, Unfinished: []preauth.ID{ID(1), ID(3)}}, ID(60): {Unfinished: []preauth.ID{ID(2)}},
	}, customers(t, l, ID(1), ID(50), ID(60), ID(70)))
	equal(t, []preauth.ID{ID(50), ID(60)}, pending(t, l, ID(1)))
	equal(t, []preauth.ID{ID(50)}, pending(t, l, ID(2)))
	equal(t, []preauth.ID{}, pending(t, l, ID(3)))
	equal(t, 4, len(unfinished(t, l, ID(1))))

	change(1, func(r *plan.Record) { r.Phase = plan.Captured })
	change(2, func(r *plan.Record) { r.Phase = plan.Released })
	equal(t, map[preauth.ID]plan.Customer{ID(50): {Read: 7, Unfinished: []preauth.ID{ID(3)}}}, customers(t, l, ID(1), ID(50), ID(60)))
	change(2, func(r *plan.Record) { r.Park = &plan.Park{Reason: plan.AmountChanged} })
	change(3, func(r *plan.Record) { r.CustomerID = ID(60) })
	equal(t, map[preauth.ID]plan.Customer{
		ID(50): {Read: 7}, ID(60): {Unfinished: []preauth.ID{ID(2), ID(3)}},
	}, customers(t, l, ID(1), ID(50), ID(60)))
	change(3, func(r *plan.Record) { r.Enterprise = ID(2) })
	change(2, func(r *plan.Record) { r.CustomerID = "" })
	equal(t, map[preauth.ID]plan.Customer{ID(50): {Read: 7}}, customers(t, l, ID(1), ID(50), ID(60)))
	equal(t, []preauth.ID{}, pending(t, l, ID(1)))
	equal(t, []preauth.ID{ID(50), ID(60)}, pending(t, l, ID(2)))
	equal(t, []preauth.ID{ID(2), ID(9)}, unfinished(t, l, ID(1)))
	change(2, func(r *plan.Record) { r.Park = nil })
	equal(t, []preauth.ID{ID(9)}, unfinished(t, l, ID(1)))
	enough := errors.New("enough")
	if err := l.Pending(t.Context(), ID(2), func(preauth.ID) error { return enough }); !errors.Is(err, enough) {
		t.Fatalf("want the visit's error, got %v", err)
	}
}

// crowdedCustomer: a customer may be a company with more than one would think.
func crowdedCustomer(t *testing.T, l Ledger) {
	t.Helper()
	const many = 100
	var batch plan.Batch
	var all []preauth.ID
	for n := range many {
		r := HeldRecord(n)
		r.CustomerID = ID(7)
		batch.Records = append(batch.Records, r)
		all = append(all, r.ID)
	}
	commit(t, l, batch)
	enterprise := batch.Records[0].Enterprise
	equal(t, map[preauth.ID]plan.Customer{ID(7): {Unfinished: all}}, customers(t, l, enterprise, ID(7)))
	equal(t, many, len(unfinished(t, l, enterprise)))
	// They are done in another order than they came.
	for n := range many {
		n = n * 37 % many
		r := record(t, l, ID(n))
		r.Phase = plan.Captured
		commit(t, l, plan.Batch{Records: []plan.Record{r}})
		if n%10 == 0 {
			var left []preauth.ID
			for _, id := range all {
				if record(t, l, id).Phase != plan.Captured {
					left = append(left, id)
				}
			}
			if len(left) > 0 {
				equal(t, map[preauth.ID]plan.Customer{ID(7): {Unfinished: left}}, customers(t, l, enterprise, ID(7)))
				equal(t, []preauth.ID{ID(7)}, pending(t, l, enterprise))
			}
		}
	}
	equal(t, map[preauth.ID]plan.Customer{}, customers(t, l, enterprise, ID(7)))
	equal(t, []preauth.ID{}, pending(t, l, enterprise))
}

func manyPending(t *testing.T, l Ledger) {
	t.Helper()
	const many = 2500 // more than one page of any ledger
	var batch plan.Batch
	want := []preauth.ID{}
	for n := range many {
		batch.Records = append(batch.Records, HeldRecord(n))
		want = append(want, HeldRecord(n).CustomerID)
	}
	commit(t, l, batch)
	equal(t, want, pending(t, l, batch.Records[0].Enterprise))
}

func recordsInFlight(t *testing.T, l Ledger) {
	t.Helper()
	of := func(n int, phase plan.Phase) plan.Record {
		r := HeldRecord(n)
		r.Phase, r.Enterprise = phase, ID(n%2)
		return r
	}
	commit(t, l, plan.Batch{Records: []plan.Record{of(4, plan.Creating), of(1, plan.Capturing), of(2, plan.Created), of(3, plan.None)}})
	equal(t, []preauth.ID{ID(1), ID(4)}, inFlight(t, l))
	for n, phase := range map[int]plan.Phase{4: plan.Created, 2: plan.Capturing} {
		r := record(t, l, ID(n))
		r.Phase = phase
		commit(t, l, plan.Batch{Records: []plan.Record{r}})
	}
	equal(t, []preauth.ID{ID(1), ID(2)}, inFlight(t, l))
}

// pendingRevisions changes who has unfinished records in every way, and what is not that.
func pendingRevisions(t *testing.T, l Ledger) {
	t.Helper()
	of := func(n, enterprise, customer int) plan.Record {
		r := HeldRecord(n)
		r.Enterprise, r.CustomerID = ID(enterprise), ID(customer)
		return r
	}
	changed := func(change func(*plan.Record)) func() plan.Batch {
		return func() plan.Batch {
			r := record(t, l, ID(1))
			change(&r)
			return plan.Batch{Records: []plan.Record{r}}
		}
	}
	revision := func(enterprise int) uint64 {
		t.Helper()
		n, err := l.PendingRevision(t.Context(), ID(enterprise))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	cases := []struct {
		name        string
		batch       func() plan.Batch
		first, next bool // what must change
		stays       bool // neither may change
	}{
		{"a first unfinished record", func() plan.Batch { return plan.Batch{Records: []plan.Record{of(1, 1, 5)}} }, true, false, false},
		{"of another enterprise", func() plan.Batch { return plan.Batch{Records: []plan.Record{of(2, 2, 5)}} }, false, true, false},
		{"a change that leaves it unfinished", changed(func(r *plan.Record) { r.Phase = plan.Capturing }), false, false, true},
		{"it is done", changed(func(r *plan.Record) { r.Phase = plan.Captured }), true, false, false},
		{"it is parked", changed(func(r *plan.Record) { r.Park = &plan.Park{Reason: plan.AmountChanged} }), true, false, false},
		{"it goes to another customer", changed(func(r *plan.Record) { r.CustomerID = ID(6) }), true, false, false},
		{"it goes to another enterprise", changed(func(r *plan.Record) { r.Enterprise = ID(2) }), true, true, false},
		{"what is no record", func() plan.Batch {
			return plan.Batch{
				Read:   []plan.CustomerRead{{Enterprise: ID(1), CustomerID: ID(5), Cycle: 1}},
				Tokens: []plan.Token{{Sink: "v4", Token: string(ID(1))}}, Journal: []plan.Entry{{ID: ID(1), Event: "x"}},
			}
		}, false, false, true},
	}
	for _, c := range cases {
		first, next := revision(1), revision(2)
		commit(t, l, c.batch())
		first, next = revision(1)-first, revision(2)-next
		if c.first && first == 0 || c.next && next == 0 || c.stays && (first != 0 || next != 0) {
			t.Errorf("%s: the revisions change by %d and %d", c.name, first, next)
		}
	}
}
