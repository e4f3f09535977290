package v4

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// wallet answers Search over payment methods, the card of each being its name.
type wallet struct {
	cards map[int64]string
	// refuses are the cards that are refused, with these statuses; 400 comes with errors.
	refuses map[string]int
	// choose, if given, makes a walk's reply of what there is in order.
	choose func(found []int64, top int) []int64
	// refuseBelow refuses conditions with lt.
	refuseBelow bool
	// write, if given, writes an item.
	write func(identity int64, card string) string
}

func (w wallet) answer(t *testing.T) handler {
	t.Helper()
	return func(_ int, rw http.ResponseWriter, _ *http.Request, body string) {
		q := asked(t, body)
		where := q.Search[0]
		card, _ := where.Value.(string)
		status := w.refuses[card]
		if where.Operator == "lt" && w.refuseBelow {
			status = http.StatusBadRequest
		}
		if status != 0 {
			rw.WriteHeader(status)
			if status == http.StatusBadRequest {
				fmt.Fprint(rw, declined)
			}
			return
		}
		found := slices.Sorted(maps.Keys(w.cards))
		found = slices.DeleteFunc(found, func(identity int64) bool {
			if where.Operator == "eq" {
				return w.cards[identity] != where.Value
			}
			bound, _ := where.Value.(float64)
			return !condition{where.Name, where.Operator, int64(bound)}.holds(identity)
		})
		if w.choose != nil && where.Operator != "eq" {
			found = w.choose(found, q.Top)
		}
		write := w.write
		if write == nil {
			write = func(identity int64, card string) string { return methodJSON(identity, card, true) }
		}
		var items []string
		for _, identity := range found[:min(len(found), q.Top)] {
			items = append(items, write(identity, w.cards[identity]))
		}
		fmt.Fprint(rw, foundJSON(items...))
	}
}

// cardsUpTo gives the cards card-1 to card-n.
func cardsUpTo(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("card-%d", i+1))
	}
	return all
}

// walletOf has n methods, with identities from 11 on, of which the first 50 are card-1 to card-50.
func walletOf(n int) wallet {
	w := wallet{cards: map[int64]string{}}
	for i := range n {
		w.cards[int64(i+11)] = fmt.Sprintf("other-%d", i)
		if i < 50 {
			w.cards[int64(i+11)] = fmt.Sprintf("card-%d", i+1)
		}
	}
	return w
}

func TestManyCardsAreLookedForInAllMethods(t *testing.T) {
	reversed := func(found []int64, _ int) []int64 {
		found = slices.Clone(found)
		slices.Reverse(found)
		return found
	}
	for _, each := range []struct {
		name   string
		wallet func(wallet) wallet
		size   int
		cards  int
		// requests is how many it takes; above cards a walk was given up.
		requests int
	}{
		{"a hundred are asked for one by one", nil, 60, 100, 100},
		{"more are not", nil, 60, 101, 3},
		{"of several replies", nil, 2500, 101, 5},
		{"of no methods", nil, 0, 101, 1 + 101},
		{"replies that the sink makes smaller", func(w wallet) wallet {
			w.choose = func(found []int64, _ int) []int64 { return found[:min(10, len(found))] }
			return w
		}, 60, 101, 8},
		{"more replies than half of the cards", func(w wallet) wallet {
			w.choose = func(found []int64, _ int) []int64 { return found[:min(1, len(found))] }
			return w
		}, 60, 101, 50 + 101},
		{"more than a hundred replies", func(w wallet) wallet {
			w.choose = func(found []int64, _ int) []int64 { return found[:min(1, len(found))] }
			return w
		}, 110, 300, 100 + 300},
		{"newest first", func(w wallet) wallet { w.choose = reversed; return w }, 60, 101, 1 + 101},
		{"the newest few, in order", func(w wallet) wallet {
			w.choose = func(found []int64, _ int) []int64 { return found[max(0, len(found)-10):] }
			return w
		}, 60, 101, 2 + 101},
		{"repeated", func(w wallet) wallet {
			w.choose = func(found []int64, _ int) []int64 { return append(found, found[max(0, len(found)-1):]...) }
			return w
		}, 60, 101, 1 + 101},
		{"a condition that is ignored", func(w wallet) wallet {
			w.choose = func([]int64, int) []int64 { return slices.Sorted(maps.Keys(w.cards)) }
			return w
		}, 60, 101, 2 + 101},
		{"a sink that does not know lt", func(w wallet) wallet { w.refuseBelow = true; return w }, 60, 101, 2 + 101},
		{"others that do not say whether they are active", func(w wallet) wallet {
			w.write = func(identity int64, card string) string {
				if strings.HasPrefix(card, "other") {
					return fmt.Sprintf(`{"identity":%d,"paymentMethodIdentifier":null}`, identity)
				}
				return methodJSON(identity, card, true)
			}
			return w
		}, 60, 101, 3},
	} {
		t.Run(each.name, func(t *testing.T) {
			w := walletOf(each.size)
			if each.wallet != nil {
				w = each.wallet(w)
			}
			inBubble(t, w.answer(t), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				want := map[string]preauth.CardMethods{}
				for i, card := range cardsUpTo(each.cards) {
					methods := []preauth.PaymentMethod{}
					if i < min(50, each.size) {
						methods = append(methods, aMethod(int64(i+11), true))
					}
					want[card] = preauth.CardMethods{Methods: methods}
				}
				got, err := b.FindMethods(t.Context(), cardField, cardsUpTo(each.cards))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
				if sent := len(b.requests(false)); sent != each.requests {
					t.Errorf("%d requests, want %d", sent, each.requests)
				}
				q := asked(t, b.requests(false)[0].Body)
				if each.cards > mostSingly && (q.Top != walkTop || !cmp.Equal(q.OrderBy, []order{{"identity", "asc"}})) {
					t.Errorf("asked %+v", q)
				}
			})
		})
	}
}

// A card's second method must not be overlooked in a walk, nor one that does not say
// whether it is active.
func TestAWalkIsAsStrictAsASingleQuestion(t *testing.T) {
	cards := cardsUpTo(101)
	both := wallet{cards: map[int64]string{11: "card-1", 12: "other", 13: "card-1"}}
	inBubble(t, both.answer(t), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
		got, err := b.FindMethods(t.Context(), cardField, cards)
		if diff := cmp.Diff([]preauth.PaymentMethod{aMethod(11, true), aMethod(13, true)}, got["card-1"].Methods); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
	unsure := both
	unsure.write = func(identity int64, card string) string {
		return fmt.Sprintf(`{"identity":%d,"paymentMethodIdentifier":%q}`, identity, card)
	}
	inBubble(t, unsure.answer(t), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
		got, err := b.FindMethods(t.Context(), cardField, cards)
		if card := got["card-1"]; len(got) != 101 || err != nil || len(card.Methods) > 0 || !strings.Contains(card.Fault, "isActive is missing") {
			t.Errorf("%d answers, %v, %v", len(got), card, err)
		}
	})
	nameless := both
	nameless.write = func(identity int64, _ string) string { return fmt.Sprintf(`{"identity":%d,"isActive":true}`, identity) }
	inBubble(t, nameless.answer(t), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
		got, err := b.FindMethods(t.Context(), cardField, cards)
		if card := got["card-1"]; err != nil || len(card.Methods) > 0 || !strings.Contains(card.Fault, "ignores the condition") {
			t.Errorf("%v, %v", card, err)
		}
	})
}
