package ledgertest

import (
	"strings"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

const field = "paymentMethodIdentifier"

func lookedUp(t *testing.T, l Ledger, sink, field string, cards ...string) map[string]plan.LookedUp {
	t.Helper()
	found, err := l.LookedUp(t.Context(), sink, field, cards)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func answersStay(t *testing.T, l Ledger) {
	t.Helper()
	card, long := string(ID(1)), strings.Repeat("long", 1000)
	shouted := strings.ToUpper(string(ID(0xabc)))
	of := func(sink, field, card string, method int64) plan.LookedUp {
		return plan.LookedUp{Sink: sink, Field: field, CardID: card, ID: method, At: At(int(method))}
	}
	missed := plan.LookedUp{Sink: "v4", Field: field, CardID: "a card", Found: "none of them is", At: At(9)}
	precise := of("v4", field, card, 3)
	precise.At = precise.At.Add(999 * time.Millisecond).In(time.FixedZone("", 3600))
	commit(t, l, plan.Batch{LookedUp: []plan.LookedUp{
		precise, missed, of("v4", field, long, 4), of("other", field, card, 5), of("v4", "name", card, 6), of("v4", field, shouted, 7),
	}})
	all := []string{card, "a card", long, shouted, string(ID(0xabc)), string(ID(2)), "another", long + "er", ""}
	equal(t, map[string]plan.LookedUp{
		card: of("v4", field, card, 3), "a card": missed, long: of("v4", field, long, 4), shouted: of("v4", field, shouted, 7),
	}, lookedUp(t, l, "v4", field, all...))
	equal(t, map[string]plan.LookedUp{card: of("other", field, card, 5)}, lookedUp(t, l, "other", field, all...))
	equal(t, map[string]plan.LookedUp{card: of("v4", "name", card, 6)}, lookedUp(t, l, "v4", "name", all...))
	equal(t, map[string]plan.LookedUp{}, lookedUp(t, l, "v4", field))

	// The last of one batch counts; forgetting what is not known changes nothing.
	forgotten := func(card string) plan.LookedUp { return plan.LookedUp{Sink: "v4", Field: field, CardID: card} }
	commit(t, l, plan.Batch{LookedUp: []plan.LookedUp{
		forgotten(card), of("v4", field, "a card", 1), of("v4", field, "a card", 2), of("v4", field, long, 8), forgotten(long),
		forgotten(shouted), of("v4", field, shouted, 9), forgotten("another"),
	}})
	equal(t, map[string]plan.LookedUp{"a card": of("v4", field, "a card", 2), shouted: of("v4", field, shouted, 9)},
		lookedUp(t, l, "v4", field, all...))
	equal(t, 1, len(lookedUp(t, l, "other", field, all...)))
}

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

func reportStays(t *testing.T, l Ledger) {
	t.Helper()
	at := func(n, enterprise int) plan.Observed {
		o := FullObserved(n)
		o.Enterprise = ID(enterprise)
		return o
	}
	bare := plan.Observed{ID: ID(3), Updated: At(3)}
	commit(t, l, plan.Batch{Observed: []plan.Observed{at(5, 1), bare, at(4, 2), at(1, 1)}})
	found, err := l.Observed(t.Context(), []preauth.ID{ID(1), ID(2), ID(3)})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, map[preauth.ID]plan.Observed{ID(1): at(1, 1), ID(3): bare}, found)
	equal(t, []plan.Observed{at(1, 1), bare, at(4, 2), at(5, 1)}, eachObserved(t, l, ""))
	equal(t, []plan.Observed{at(1, 1), at(5, 1)}, eachObserved(t, l, ID(1)))
	equal(t, 0, len(eachObserved(t, l, ID(9))))

	// What is handed over shares no memory with the ledger.
	found[ID(1)].Park.Detail = "changed"
	equal(t, []plan.Observed{at(1, 1), at(5, 1)}, eachObserved(t, l, ID(1)))

	// An entry may move; the last of one batch counts, and one without a time is forgotten.
	again := at(5, 2)
	again.Park, again.Updated = nil, At(30)
	commit(t, l, plan.Batch{Observed: []plan.Observed{{ID: ID(1)}, at(5, 1), again, at(4, 3), {ID: ID(4)}, {ID: ID(8)}}})
	equal(t, []plan.Observed{bare, again}, eachObserved(t, l, ""))
	equal(t, []plan.Observed{again}, eachObserved(t, l, ID(2)))
	equal(t, 0, len(eachObserved(t, l, ID(1))))
	if err := l.Commit(t.Context(), plan.Batch{Observed: []plan.Observed{at(6, 1), {ID: "nonsense", Updated: At(1)}}}); err == nil {
		t.Fatal("an Id that is none: want an error")
	}
	equal(t, 2, len(eachObserved(t, l, "")))
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
	commit(t, l, batch)
	equal(t, want, eachObserved(t, l, ID(1)))
}
