package v4

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/preauth"
)

const (
	cardField = "paymentMethodIdentifier"
	ownCard   = "7f20ace4-6d44-424a-9e8e-4993685b74d6"
)

// methodJSON writes a payment method.
func methodJSON(identity int64, card string, active bool) string {
	return fmt.Sprintf(`{"identity":%d,"name":"Sample","accountId":12,"paymentMethodIdentifier":%q,"isActive":%t,"autopay":false}`,
		identity, card, active)
}

func aMethod(id int64, active bool) preauth.PaymentMethod {
	return preauth.PaymentMethod{ID: id, AccountID: 12, Active: active}
}

func TestTheMethodsOfACardAreFound(t *testing.T) {
	none := []preauth.PaymentMethod{}
	for _, each := range []struct {
		name, card, reply string
		want              []preauth.PaymentMethod
	}{
		{"none", ownCard, foundJSON(), none},
		{"one", ownCard, foundJSON(methodJSON(4, ownCard, true)), []preauth.PaymentMethod{aMethod(4, true)}},
		{"one that is not active", ownCard, foundJSON(methodJSON(4, ownCard, false)), []preauth.PaymentMethod{aMethod(4, false)}},
		{"several", ownCard, foundJSON(methodJSON(4, ownCard, false), methodJSON(5, ownCard, true)), []preauth.PaymentMethod{aMethod(4, false), aMethod(5, true)}},
		{"one that is repeated", ownCard, foundJSON(methodJSON(4, ownCard, true), methodJSON(4, ownCard, true)), []preauth.PaymentMethod{aMethod(4, true)}},
		{"in upper case", ownCard, foundJSON(methodJSON(4, strings.ToUpper(ownCard), true)), []preauth.PaymentMethod{aMethod(4, true)}},
		{"asked in upper case", strings.ToUpper(ownCard), foundJSON(methodJSON(4, ownCard, true)), []preauth.PaymentMethod{aMethod(4, true)}},
		{"no UUID", "card-7", foundJSON(methodJSON(4, "card-7", true)), []preauth.PaymentMethod{aMethod(4, true)}},
		{"a number", "70", foundJSON(`{"identity":4,"paymentMethodIdentifier":7e1,"isActive":true}`), []preauth.PaymentMethod{{ID: 4, Active: true}}},
		{"keys in other letters", ownCard, foundJSON(`{"Identity":4,"PaymentMethodIdentifier":"` + ownCard + `","IsActive":true}`), []preauth.PaymentMethod{{ID: 4, Active: true}}},
		{"an account of another type", ownCard, foundJSON(`{"identity":4,"accountId":"x","paymentMethodIdentifier":"` + ownCard + `","isActive":true}`), []preauth.PaymentMethod{{ID: 4, Active: true}}},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, says(200, each.reply), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				got, err := b.FindMethods(t.Context(), cardField, []string{each.card, each.card})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(map[string][]preauth.PaymentMethod{each.card: each.want}, got); diff != "" {
					t.Error(diff)
				}
				sent := b.requests(false)
				want := query{Top: findTop, Search: []condition{{Name: cardField, Operator: "eq", Value: each.card}}}
				if diff := cmp.Diff(want, asked(t, sent[0].Body)); diff != "" || len(sent) != 1 || sent[0].Line != "POST /ResourceServer/api/v4/PaymentMethod/Search" {
					t.Error(len(sent), sent[0].Line, diff)
				}
				if e := b.events[0]; e.Operation != "methods_search" || e.API != "v4" {
					t.Errorf("observed as %+v", e)
				}
			})
		})
	}
}

func TestNoMethodIsPickedFromAReplyThatIsNotSure(t *testing.T) {
	many := make([]string, findTop)
	for i := range many {
		many[i] = methodJSON(int64(i+1), ownCard, i == 0)
	}
	own := methodJSON(4, ownCard, true)
	for _, each := range []struct {
		name   string
		answer handler
		tries  int
		says   string
	}{
		{"only another card's", says(200, foundJSON(methodJSON(4, "other", true))), 1, "ignores the condition"},
		{"another card's beside", says(200, foundJSON(own, methodJSON(5, "other", true))), 1, "ignores the condition"},
		{"one whose card only begins alike", says(200, foundJSON(strings.Replace(own, ownCard, ownCard+"X", 1))), 1, "ignores the condition"},
		{"one without the field", says(200, foundJSON(`{"identity":4,"isActive":true}`)), 1, "ignores the condition"},
		{"one with an empty field", says(200, foundJSON(methodJSON(4, "", true))), 1, "ignores the condition"},
		{"as many as it may show", says(200, foundJSON(many...)), 1, "may have more"},
		{"one in two versions", says(200, foundJSON(own, methodJSON(4, ownCard, false))), 1, "two versions"},
		{"one that does not say whether it is active", says(200, foundJSON(`{"identity":4,"paymentMethodIdentifier":"`+ownCard+`"}`)), readTries, "isActive is missing"},
		{"one that is active by null", says(200, foundJSON(strings.Replace(own, "true", "null", 1))), readTries, "isActive is missing"},
		{"one that is active in words", says(200, foundJSON(strings.Replace(own, "true", `"true"`, 1))), readTries, "neither true nor false"},
		{"one without an identity", says(200, foundJSON(strings.Replace(own, `"identity":4,`, "", 1))), readTries, "no identity"},
		{"one with the identity 0", says(200, foundJSON(methodJSON(0, ownCard, true))), readTries, "not above zero"},
		{"a field of another type", says(200, foundJSON(strings.Replace(own, `"`+ownCard+`"`, "true", 1))), readTries, "neither text nor a whole number"},
		{"a field that is a fraction", says(200, foundJSON(strings.Replace(own, `"`+ownCard+`"`, "1.5", 1))), readTries, "neither text nor a whole number"},
		{"the same key twice", says(200, foundJSON(strings.Replace(own, "{", `{"isActive":false,`, 1))), readTries, "not a usable object"},
		{"fewer than it counts", says(200, `{"itemCount":2,"items":[`+own+`]}`), readTries, "itemCount says 2"},
		{"no items", says(200, `{}`), readTries, "no items"},
		{"errors beside the items", says(200, `{"errors":[{"code":1,"message":"x"}],"items":[]}`), 1, "1: x"},
		{"400", says(400, declined), 1, "refused the methods_search: HTTP 400"},
		{"404", says(404, ``), 1, "404"},
		{"500", says(500, ``), readTries, "500"},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, each.answer, withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				got, err := b.FindMethods(t.Context(), cardField, []string{ownCard})
				if err == nil || got == nil || len(got) > 0 {
					t.Errorf("got %v, %v", got, err)
					return
				}
				if text := err.Error(); !strings.Contains(text, each.says) || !strings.HasPrefix(text, "1 of 1 cards have no answer: card "+ownCard) {
					t.Error(text)
				}
				noSecret(t, err.Error())
				if sent := len(b.requests(false)); sent != each.tries {
					t.Errorf("%d tries, want %d: %v", sent, each.tries, err)
				}
			})
		})
	}
}

func TestNothingIsAskedWithoutAFieldOrACard(t *testing.T) {
	inBubble(t, says(200, foundJSON()), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
		if got, err := b.FindMethods(t.Context(), "", []string{ownCard}); err == nil || len(got) > 0 {
			t.Errorf("without a field: %v, %v", got, err)
		}
		if got, err := b.FindMethods(t.Context(), cardField, []string{""}); err == nil || len(got) > 0 {
			t.Errorf("without a card: %v, %v", got, err)
		}
		if got, err := b.FindMethods(t.Context(), cardField, nil); err != nil || len(got) > 0 {
			t.Errorf("without cards: %v, %v", got, err)
		}
		if len(b.requests(false)) > 0 {
			t.Errorf("sent %v", b.requests(false))
		}
	})
}

// wallet answers Search over payment methods, the card of each being its name.
type wallet struct {
	cards map[int64]string
	// refuses are the cards that cannot be asked for.
	refuses map[string]bool
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
		if card, _ := where.Value.(string); w.refuses[card] || (where.Operator == "lt" && w.refuseBelow) {
			rw.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(rw, declined)
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
		{"of no methods", nil, 0, 101, 1},
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
				want := map[string][]preauth.PaymentMethod{}
				for i, card := range cardsUpTo(each.cards) {
					want[card] = []preauth.PaymentMethod{}
					if i < min(50, each.size) {
						want[card] = append(want[card], aMethod(int64(i+11), true))
					}
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
		if diff := cmp.Diff([]preauth.PaymentMethod{aMethod(11, true), aMethod(13, true)}, got["card-1"]); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
	unsure := both
	unsure.write = func(identity int64, card string) string {
		return fmt.Sprintf(`{"identity":%d,"paymentMethodIdentifier":%q}`, identity, card)
	}
	inBubble(t, unsure.answer(t), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
		got, err := b.FindMethods(t.Context(), cardField, cards)
		if _, there := got["card-1"]; there || len(got) != 100 || err == nil || !strings.Contains(err.Error(), "isActive is missing") {
			t.Errorf("%d answers, %v", len(got), err)
		}
	})
	nameless := both
	nameless.write = func(identity int64, _ string) string { return fmt.Sprintf(`{"identity":%d,"isActive":true}`, identity) }
	inBubble(t, nameless.answer(t), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
		got, err := b.FindMethods(t.Context(), cardField, cards)
		if _, there := got["card-1"]; there || err == nil || !strings.Contains(err.Error(), "ignores the condition") {
			t.Errorf("%d answers, %v", len(got), err)
		}
	})
}

func TestACardThatFailsLeavesTheOthersTheirAnswers(t *testing.T) {
	w := walletOf(60)
	w.refuses = map[string]bool{"card-2": true, "card-9": true}
	inBubble(t, w.answer(t), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
		got, err := b.FindMethods(t.Context(), cardField, cardsUpTo(10))
		if _, there := got["card-2"]; there || len(got) != 8 || err == nil {
			t.Errorf("%v, %v", got, err)
			return
		}
		for _, part := range []string{"2 of 10 cards have no answer", "card card-2: v4 refused", "card card-9: v4 refused"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q is not in %v", part, err)
			}
		}
		if refusal, ok := errors.AsType[*preauth.SinkRefusal](err); !ok || refusal.Status != http.StatusBadRequest {
			t.Errorf("it wraps no refusal: %v", err)
		}
	})
}

func TestFailuresInARowEndALookUp(t *testing.T) {
	for _, each := range []struct{ cards, least, most int }{
		{100, mostInARow, mostInARow + askers - 1}, {101, mostInARow, mostInARow + askers},
	} {
		inBubble(t, says(400, declined), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
			got, err := b.FindMethods(t.Context(), cardField, cardsUpTo(each.cards))
			if len(got) > 0 || err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%d of %[1]d cards", each.cards)) {
				t.Errorf("%v, %v", got, err)
			}
			if sent := len(b.requests(false)); sent < each.least || sent > each.most {
				t.Errorf("%d requests", sent)
			}
			if told := strings.Count(err.Error(), "v4 refused"); told != mostTold {
				t.Errorf("%d failures are told: %v", told, err)
			}
		})
	}
}

func TestALookUpEndsWithItsContext(t *testing.T) {
	for _, cards := range []int{50, 500} {
		hangs := func(_ int, _ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() }
		inBubble(t, hangs, withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			begun := time.Now()
			got, err := b.FindMethods(ctx, cardField, cardsUpTo(cards))
			if len(got) > 0 || !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 6*time.Second {
				t.Errorf("%v, %v, after %s", got, err, time.Since(begun))
			}
			if sent := len(b.requests(false)); sent > askers {
				t.Errorf("%d requests at once", sent)
			}
		})
	}
}
