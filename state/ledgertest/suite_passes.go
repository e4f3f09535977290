package ledgertest

import (
	"testing"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// passOf gives a pass over the n-th to the m-th customer, with the present stamp.
func passOf(l Ledger, enterprise preauth.ID, n, m int) plan.Pass {
	return plan.Pass{
		Enterprise: enterprise, First: ID(n), Last: ID(m), Basis: [32]byte{1, 31: 2},
		Reply:  preauth.Fingerprint{Body: [32]byte{3, 31: byte(n)}, Entries: [32]byte{5, 31: byte(m)}},
		Polled: m - n + 1, Skipped: map[plan.Why]int{"waits": 4, "held": 1}, Stamp: l.Stamp(enterprise),
	}
}

// standing gives the first customers, of those given, whose passes stand.
func standing(t *testing.T, l Ledger, enterprise preauth.ID, firsts ...int) []int {
	t.Helper()
	found := []int{}
	for _, n := range firsts {
		p, ok, err := l.Pass(t.Context(), enterprise, ID(n))
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			found = append(found, n)
		} else {
			equal(t, plan.Pass{}, p)
		}
	}
	return found
}

// ofCustomer gives the n-th record as that of a customer of the first enterprise.
func ofCustomer(n, customer int) plan.Record {
	r := HeldRecord(n)
	r.Enterprise, r.CustomerID = ID(1), ID(customer)
	return r
}

func passesComeBack(t *testing.T, l Ledger) {
	t.Helper()
	want := passOf(l, ID(1), 10, 20)
	bare := plan.Pass{Enterprise: ID(2), First: ID(10), Last: ID(10), Stamp: l.Stamp(ID(2))}
	commit(t, l, plan.Batch{Passes: []plan.Pass{want, bare}})
	got, ok, err := l.Pass(t.Context(), ID(1), ID(10))
	if err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	want.Stamp = 0
	equal(t, want, got)
	got.Skipped["held"] = 99
	got, _, _ = l.Pass(t.Context(), ID(1), ID(10))
	equal(t, want, got)
	bare.Stamp = 0
	got, _, _ = l.Pass(t.Context(), ID(2), ID(10))
	equal(t, bare, got)
	equal(t, []int{}, standing(t, l, ID(1), 9, 11, 20))
	equal(t, []int{}, standing(t, l, ID(3), 10))
}

// passesAreForgotten: every way in which one must be forgotten, and ways in which it must
// not.
func passesAreForgotten(t *testing.T, l Ledger) {
	t.Helper()
	token := func(text string) plan.Batch { return plan.Batch{Tokens: []plan.Token{{Sink: "v4", Token: text}}} }
	unowned := ofCustomer(101, 0)
	unowned.CustomerID = ""
	commit(t, l, plan.Batch{Records: []plan.Record{ofCustomer(100, 15), unowned, ofCustomer(102, 99)}})
	put := func(change func(*plan.Record), n int) plan.Batch {
		r := record(t, l, ID(n))
		change(&r)
		return plan.Batch{Records: []plan.Record{r}}
	}
	nothing := func(*plan.Record) {}
	other := ofCustomer(103, 15)
	other.Enterprise = ID(2)
	cases := []struct {
		name  string
		batch func() plan.Batch
		left  []int
	}{
		{"a record of a customer in between", func() plan.Batch { return put(nothing, 100) }, []int{30}},
		{"a new record of the first customer", func() plan.Batch { return plan.Batch{Records: []plan.Record{ofCustomer(1, 10)}} }, []int{30}},
		{"a new record of the last customer", func() plan.Batch { return plan.Batch{Records: []plan.Record{ofCustomer(2, 20)}} }, []int{30}},
		{"a record that comes to a customer of it", func() plan.Batch {
			return put(func(r *plan.Record) { r.CustomerID = ID(35) }, 102)
		}, []int{10}},
		{"a record that goes away from a customer of it", func() plan.Batch {
			return put(func(r *plan.Record) { r.CustomerID = ID(99) }, 102)
		}, []int{10}},
		{"a record that moves from one to the other", func() plan.Batch {
			return put(func(r *plan.Record) { r.CustomerID = ID(30) }, 100)
		}, []int{}},
		{"a record that goes to another enterprise", func() plan.Batch {
			return put(func(r *plan.Record) { r.Enterprise = ID(2) }, 100)
		}, []int{10}},
		{"a record that comes from another enterprise", func() plan.Batch {
			return put(func(r *plan.Record) { r.Enterprise = ID(1) }, 100)
		}, []int{10}},
		{"a token that is the Id of a record", func() plan.Batch { return token(string(ID(100))) }, []int{10}},
		{"a token that comes with the record that it is the Id of", func() plan.Batch {
			batch := token(string(ID(3)))
			batch.Records = []plan.Record{ofCustomer(3, 15)}
			return batch
		}, []int{30}},
		{"a token that is the Id of nothing that has a record", func() plan.Batch { return token(string(ID(999))) }, []int{}},
		{"a token that is no Id", func() plan.Batch { return token("x") }, []int{}},
		{"a pass over both", func() plan.Batch { return plan.Batch{Passes: []plan.Pass{passOf(l, ID(1), 15, 30)}} }, []int{15}},
		{"a pass within one", func() plan.Batch { return plan.Batch{Passes: []plan.Pass{passOf(l, ID(1), 12, 13)}} }, []int{12, 30}},
		{"a pass in its place", func() plan.Batch { return plan.Batch{Passes: []plan.Pass{passOf(l, ID(1), 10, 29)}} }, []int{10, 30}},
		{"a pass beside a record that it does not let stand", func() plan.Batch {
			return plan.Batch{Passes: []plan.Pass{passOf(l, ID(1), 50, 60)}, Records: []plan.Record{ofCustomer(4, 55)}}
		}, []int{10, 30}},

		{"not: a record before, between and after them", func() plan.Batch {
			return plan.Batch{Records: []plan.Record{ofCustomer(5, 9), ofCustomer(6, 21), ofCustomer(7, 41)}}
		}, []int{10, 30}},
		{"not: a record without a customer", func() plan.Batch { return put(nothing, 101) }, []int{10, 30}},
		{"not: a record of another enterprise", func() plan.Batch { return plan.Batch{Records: []plan.Record{other}} }, []int{10, 30}},
		{"not: a journal line and a customer read", func() plan.Batch {
			return plan.Batch{
				Journal: []plan.Entry{{ID: ID(100), Event: "x"}}, Read: []plan.CustomerRead{{Enterprise: ID(1), CustomerID: ID(15), Cycle: 1}},
			}
		}, []int{10, 30}},
		{"not: a pass between them, or of another enterprise", func() plan.Batch {
			return plan.Batch{Passes: []plan.Pass{passOf(l, ID(1), 21, 29), passOf(l, ID(2), 10, 40)}}
		}, []int{10, 21, 30}},
	}
	firsts := []int{10, 12, 15, 21, 30, 50}
	for _, c := range cases {
		// Whatever stands from the case before is replaced.
		commit(t, l, plan.Batch{Passes: []plan.Pass{passOf(l, ID(1), 1, 99)}})
		commit(t, l, plan.Batch{Passes: []plan.Pass{passOf(l, ID(1), 10, 20), passOf(l, ID(1), 30, 40)}})
		commit(t, l, c.batch())
		if diff := Diff(c.left, standing(t, l, ID(1), firsts...)); diff != "" {
			t.Errorf("%s: want -, got +\n%s", c.name, diff)
		}
	}
}

// strayTokensForgetAllPasses: what waits has no record, and its token tells no enterprise.
func strayTokensForgetAllPasses(t *testing.T, l Ledger) {
	t.Helper()
	for _, token := range []string{string(ID(999)), "x"} {
		commit(t, l, plan.Batch{Passes: []plan.Pass{passOf(l, ID(1), 10, 20), passOf(l, ID(1), 30, 40), passOf(l, ID(2), 10, 20)}})
		commit(t, l, plan.Batch{Tokens: []plan.Token{{Sink: "v4", Token: token}}})
		equal(t, []int{}, standing(t, l, ID(1), 10, 30))
		equal(t, []int{}, standing(t, l, ID(2), 10))
	}
}

func passesNeedTheirStamp(t *testing.T, l Ledger) {
	t.Helper()
	const far = 500 // a customer in no pass
	commit(t, l, plan.Batch{Records: []plan.Record{ofCustomer(100, far)}})
	other := ofCustomer(101, far)
	other.Enterprise = ID(2)
	cases := []struct {
		name  string
		batch plan.Batch
		put   bool
	}{
		{"a record of the enterprise", plan.Batch{Records: []plan.Record{ofCustomer(1, far)}}, false},
		{"a token", plan.Batch{Tokens: []plan.Token{{Sink: "v4", Token: "x"}}}, false},
		{"a record of another enterprise", plan.Batch{Records: []plan.Record{other}}, true},
		{"what is not a record", plan.Batch{
			Journal: []plan.Entry{{ID: ID(100), Event: "x"}}, Highest: []plan.Highest{{Sink: "v4", Identity: 5}},
			Read: []plan.CustomerRead{{Enterprise: ID(1), CustomerID: ID(10), Cycle: 1}},
		}, true},
	}
	for n, c := range cases {
		p := passOf(l, ID(1), 10*n, 10*n+5)
		commit(t, l, c.batch)
		if same := l.Stamp(ID(1)) == p.Stamp; same != c.put {
			t.Errorf("%s: the stamp stays the same: %v", c.name, same)
		}
		// What is behind is left out, and the rest of its batch stored.
		commit(t, l, plan.Batch{Passes: []plan.Pass{p}, Highest: []plan.Highest{{Sink: c.name, Identity: 1}}})
		if highest, _ := l.Highest(t.Context(), c.name); highest != 1 {
			t.Errorf("%s: the batch has not been stored", c.name)
		}
		if _, ok, _ := l.Pass(t.Context(), ID(1), p.First); ok != c.put {
			t.Errorf("%s: the pass stands: %v", c.name, ok)
		}
	}
	// A record that leaves an enterprise counts for both, one that is refused for none.
	here, there := l.Stamp(ID(1)), l.Stamp(ID(2))
	moved := record(t, l, ID(100))
	moved.Enterprise = ID(2)
	commit(t, l, plan.Batch{Records: []plan.Record{moved}})
	if l.Stamp(ID(1)) == here || l.Stamp(ID(2)) == there {
		t.Error("a record that moves must change both stamps")
	}
	here = l.Stamp(ID(1))
	if err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{ofCustomer(100, far)}}); err == nil || l.Stamp(ID(1)) != here {
		t.Errorf("%v, and the stamp is %d after %d", err, l.Stamp(ID(1)), here)
	}
}
