package ledgertest

import (
	"strings"
	"testing"
	"time"

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
