package v4

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

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
				if diff := cmp.Diff(map[string]preauth.CardMethods{each.card: {Methods: each.want}}, got); diff != "" {
					t.Error(diff)
				}
				spellings := []string{normalizeToken(each.card)}
				if len(each.want) == 0 {
					spellings = append(spellings, strings.ToUpper(each.card))
				}
				sent := b.requests(false)
				if len(sent) != len(spellings) {
					t.Errorf("%d requests, want %d", len(sent), len(spellings))
					return
				}
				for i, card := range spellings {
					want := query{Top: findTop, Search: []condition{{Name: cardField, Operator: "eq", Value: card}}}
					if diff := cmp.Diff(want, asked(t, sent[i].Body)); diff != "" || sent[i].Line != "POST /ResourceServer/api/v4/PaymentMethod/Search" {
						t.Error(sent[i].Line, diff)
					}
				}
				if e := b.events[0]; e.Operation != "methods_search" || e.API != "v4" {
					t.Errorf("observed as %+v", e)
				}
			})
		})
	}
}

// v4 may compare letter by letter.
func TestAUUIDIsFoundInEitherCase(t *testing.T) {
	upper := strings.ToUpper(ownCard)
	for _, held := range []string{ownCard, upper} {
		w := wallet{cards: map[int64]string{4: held}}
		inBubble(t, w.answer(t), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
			got, err := b.FindMethods(t.Context(), cardField, []string{ownCard, upper, "card-7"})
			own := preauth.CardMethods{Methods: []preauth.PaymentMethod{aMethod(4, true)}}
			want := map[string]preauth.CardMethods{ownCard: own, upper: own, "card-7": {Methods: []preauth.PaymentMethod{}}}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
	refused := wallet{refuses: map[string]int{upper: http.StatusBadRequest}}
	inBubble(t, refused.answer(t), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
		if got, err := b.FindMethods(t.Context(), cardField, []string{ownCard}); err != nil || got[ownCard].Fault == "" {
			t.Errorf("half of a question counts: %v, %v", got, err)
		}
	})
}

// onlyFor answers one card so, and all others with nothing.
func onlyFor(card string, answer handler) handler {
	return func(n int, w http.ResponseWriter, r *http.Request, body string) {
		if strings.Contains(body, card) {
			answer(n, w, r, body)
			return
		}
		says(200, foundJSON())(n, w, r, body)
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
		says   string
	}{
		{"only another card's", says(200, foundJSON(methodJSON(4, "other", true))), "ignores the condition"},
		{"another card's beside", says(200, foundJSON(own, methodJSON(5, "other", true))), "ignores the condition"},
		{"one whose card only begins alike", says(200, foundJSON(strings.Replace(own, ownCard, ownCard+"X", 1))), "ignores the condition"},
		{"one without the field", says(200, foundJSON(`{"identity":4,"isActive":true}`)), "ignores the condition"},
		{"one with an empty field", says(200, foundJSON(methodJSON(4, "", true))), "ignores the condition"},
		{"as many as it may show", says(200, foundJSON(many...)), "may have more"},
		{"one in two versions", says(200, foundJSON(own, methodJSON(4, ownCard, false))), "two versions"},
		{"one that does not say whether it is active", says(200, foundJSON(`{"identity":4,"paymentMethodIdentifier":"`+ownCard+`"}`)), "isActive is missing"},
		{"one that is active by null", says(200, foundJSON(strings.Replace(own, "true", "null", 1))), "isActive is missing"},
		{"one that is active in words", says(200, foundJSON(strings.Replace(own, "true", `"true"`, 1))), "neither true nor false"},
		{"one without an identity", says(200, foundJSON(strings.Replace(own, `"identity":4,`, "", 1))), "no identity"},
		{"one with the identity 0", says(200, foundJSON(methodJSON(0, ownCard, true))), "not above zero"},
		{"a field of another type", says(200, foundJSON(strings.Replace(own, `"`+ownCard+`"`, "true", 1))), "neither text nor a whole number"},
		{"a field that is a fraction", says(200, foundJSON(strings.Replace(own, `"`+ownCard+`"`, "1.5", 1))), "neither text nor a whole number"},
		{"the same key twice", says(200, foundJSON(strings.Replace(own, "{", `{"isActive":false,`, 1))), "not a usable object"},
		{"fewer than it counts", says(200, `{"itemCount":2,"items":[`+own+`]}`), "itemCount says 2"},
		{"no items", says(200, `{}`), "no items"},
		{"errors beside the items", says(200, `{"errors":[{"code":1,"message":"`+canaryToken+` \n x"}],"items":[]}`), "1: [redacted]   x"},
		{"400", says(400, `{"trackingId":"4711","errors":[{"code":1,"message":"x"}]}`), "v4 refused the methods_search: HTTP 400; 1: x"},
		{"404 with errors", says(404, declined), "HTTP 404"},
		{"long errors", says(400, `{"errors":[{"code":1,"message":"`+strings.Repeat("x", 400)+`"}]}`), "x…"},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, onlyFor(ownCard, each.answer), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				got, err := b.FindMethods(t.Context(), cardField, []string{ownCard})
				fault := got[ownCard].Fault
				if err != nil || len(got) != 1 || len(got[ownCard].Methods) > 0 || !strings.Contains(fault, each.says) {
					t.Errorf("got %v, %v", got, err)
					return
				}
				if strings.Contains(fault, "4711") || len(fault) > maxFault+len("…") {
					t.Errorf("the fault reads %q", fault)
				}
				noSecret(t, fault)
				if sent := len(b.requests(false)); sent != 2 {
					t.Errorf("%d requests", sent)
				}
			})
		})
	}
}

// What nobody may be parked for.
func TestWhatIsNotAboutACardIsAnErrorAndNoAnswer(t *testing.T) {
	for _, each := range []struct {
		name   string
		answer handler
		// requests it takes for one card; silent tells whether v4 counts as silent.
		requests int
		silent   bool
		says     string
	}{
		{"each card is refused", says(400, declined), 2, false, "HTTP 400"},
		{"the condition is ignored", says(200, foundJSON(methodJSON(4, "other", true))), 2, false, "ignores the condition"},
		{"no reply has items", says(200, `{}`), 2, false, "no items"},
		{"nothing is there", says(404, ``), 2, false, "check v4.address"},
		{"the login may not", says(403, declined), 2, false, "may not do this"},
		{"the login may not for that card", onlyFor(ownCard, says(403, declined)), 2, false, "may not do this"},
		{"the login is not accepted", says(401, declined), 1, false, "check v4.auth"},
		{"the login is not accepted for that card", onlyFor(ownCard, says(401, declined)), 1, false, "check v4.auth"},
		{"something in front of v4 refuses that card", onlyFor(ownCard, says(400, `<html>`)), 2, false, "HTTP 400"},
		{"it is out of order", says(500, ``), readTries, true, "500"},
		{"it is overrun", says(429, ``), readTries, true, "429"},
		{"it is slow", says(408, ``), readTries, true, "408"},
		{"what it says is no JSON", says(200, `<html>`), readTries, true, "not one complete JSON object"},
		{"it hangs up", breaks(""), readTries, true, "no usable reply"},
		{"that card is refused, and then it is out of order", func(n int, w http.ResponseWriter, r *http.Request, body string) {
			if n == 1 {
				says(400, declined)(n, w, r, body)
				return
			}
			says(500, ``)(n, w, r, body)
		}, 1 + readTries, true, "whether that is about the card is not known"},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, each.answer, withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				got, err := b.FindMethods(t.Context(), cardField, []string{ownCard})
				if err == nil || len(got) > 0 || errors.Is(err, preauth.ErrUnanswered) != each.silent {
					t.Errorf("got %v, %v", got, err)
					return
				}
				if text := err.Error(); !strings.Contains(text, each.says) || !strings.HasPrefix(text, "1 of 1 cards have no answer: card "+ownCard) {
					t.Error(text)
				}
				noSecret(t, err.Error())
				if sent := len(b.requests(false)); sent != each.requests {
					t.Errorf("%d requests, want %d: %v", sent, each.requests, err)
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
