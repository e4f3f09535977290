package ledgertest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func journal(t *testing.T, l Ledger, id preauth.ID) []plan.Entry {
	t.Helper()
	lines, err := l.Journal(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func journalOrder(t *testing.T, l Ledger) {
	t.Helper()
	full := plan.Entry{
		ID: ID(1), At: At(1), Event: "create.applied", CycleID: "c-1", Action: plan.Create, Attempt: 2,
		Phase: plan.Created, Amount: Money("10.50", "EUR"), PaymentMethodID: 4, Identity: 5, Status: 201,
		TrackingID: "t-9", RequestID: "r-9", Reason: plan.Rejected, Note: "said by hand",
	}
	commit(t, l, plan.Batch{
		Records: []plan.Record{HeldRecord(1), HeldRecord(2)},
		Journal: []plan.Entry{full, {ID: ID(2), Event: "b"}, {ID: ID(1), Event: "c"}},
	})
	commit(t, l, plan.Batch{Journal: []plan.Entry{{ID: ID(1), Event: "d"}}})
	lines := journal(t, l, ID(1))
	if len(lines) != 3 {
		t.Fatalf("%d lines", len(lines))
	}
	if lines[0].Seq >= lines[1].Seq || lines[1].Seq >= lines[2].Seq || lines[0].Seq == 0 {
		t.Fatalf("sequence %d, %d, %d", lines[0].Seq, lines[1].Seq, lines[2].Seq)
	}
	full.Seq = lines[0].Seq
	equal(t, full, lines[0])
	equal(t, "c", lines[1].Event)
	equal(t, "d", lines[2].Event)
	equal(t, uint64(1), record(t, l, ID(1)).Revision)
}

func journalOfNothing(t *testing.T, l Ledger) {
	t.Helper()
	commit(t, l, plan.Batch{Records: []plan.Record{HeldRecord(1)}})
	stray := plan.Batch{Records: []plan.Record{HeldRecord(2)}, Journal: []plan.Entry{{ID: ID(1), Event: "x"}, {ID: ID(3), Event: "x"}}}
	if err := l.Commit(t.Context(), stray); err == nil || !strings.Contains(err.Error(), string(ID(3))) {
		t.Fatalf("a line of no record: %v", err)
	}
	if _, ok, _ := l.Record(t.Context(), ID(2)); ok || len(journal(t, l, ID(1))) != 0 {
		t.Fatal("something of a refused batch has been stored")
	}
}

// longJournal: a record that goes to and fro for months has more lines than can stand in
// one place, some of them long.
func longJournal(t *testing.T, l Ledger) {
	t.Helper()
	const many = 300
	r := HeldRecord(1)
	var want []plan.Entry
	for n := range many {
		r.Revision, r.Updated, r.PaymentMethodID = uint64(n), At(n), int64(n%3)
		line := plan.Entry{
			ID: r.ID, At: At(n), Event: "action.parked", CycleID: fmt.Sprint(n / 2), RequestID: string(ID(n / 5)),
			Amount: Money("123.45", "EUR"), PaymentMethodID: int64(n % 2), Identity: r.Identity, Note: strings.Repeat("n", n*n%700),
		}
		commit(t, l, plan.Batch{Records: []plan.Record{r}, Journal: []plan.Entry{line}})
		want = append(want, line)
	}
	got := journal(t, l, r.ID)
	for n := range got {
		if n > 0 && got[n].Seq <= got[n-1].Seq {
			t.Fatalf("line %d has number %d after %d", n, got[n].Seq, got[n-1].Seq)
		}
		got[n].Seq = 0
	}
	equal(t, want, got)
}
