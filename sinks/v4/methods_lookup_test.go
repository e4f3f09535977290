package v4

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// However many cards v4 refuses, the others get their answers, in every order.
func TestACardThatIsRefusedLeavesTheOthersTheirAnswers(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound} {
		for _, refused := range [][]int{{2, 9}, {1, 2, 3, 4, 5, 6, 7, 8, 9}, {2, 3, 4, 5, 6, 7, 8, 9, 10}} {
			t.Run(fmt.Sprint(status, refused), func(t *testing.T) {
				w := walletOf(60)
				w.refuses = map[string]int{}
				for _, n := range refused {
					w.refuses[fmt.Sprintf("card-%d", n)] = status
				}
				inBubble(t, w.answer(t), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
					got, err := b.FindMethods(t.Context(), cardField, cardsUpTo(10))
					for n, card := range cardsUpTo(10) {
						answer, there := got[card]
						switch bad := w.refuses[card] > 0; {
						case !bad && (len(answer.Methods) != 1 || answer.Methods[0].ID != int64(n+11)):
							t.Errorf("%s: %v", card, answer)
						case bad && there != (status == http.StatusBadRequest), bad && there && answer.Fault == "":
							t.Errorf("%s: %v, %t", card, answer, there)
						}
					}
					if (err == nil) != (status == http.StatusBadRequest) || errors.Is(err, preauth.ErrUnanswered) {
						t.Error(err)
					}
					if refusal, ok := errors.AsType[*preauth.SinkRefusal](err); err != nil && (!ok || refusal.Status != status) {
						t.Errorf("it wraps no refusal: %v", err)
					}
					if sent := len(b.requests(false)); sent < 10 || sent > 11 {
						t.Errorf("%d requests", sent)
					}
				})
			})
		}
	}
}

func TestARefusalOfAllCardsEndsALookUp(t *testing.T) {
	for _, cards := range []int{2, 100, 101} {
		inBubble(t, says(400, declined), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
			got, err := b.FindMethods(t.Context(), cardField, cardsUpTo(cards))
			if len(got) > 0 || err == nil || errors.Is(err, preauth.ErrUnanswered) {
				t.Errorf("%v, %v", got, err)
				return
			}
			for _, part := range []string{fmt.Sprintf("%d of %[1]d cards have no answer: ", cards), "no better for a card that nobody has"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in %v", part, err)
				}
			}
			// That of the walk, those under way, and that for nobody's card.
			if sent := len(b.requests(false)); sent > 1+2*askers {
				t.Errorf("%d requests", sent)
			}
			if told := strings.Count(err.Error(), "card card-"); told > mostTold {
				t.Errorf("%d failures are told: %v", told, err)
			}
		})
	}
}

// A login that is not accepted is not used for each card, whatever was answered before.
func TestALoginThatIsNotAcceptedEndsALookUp(t *testing.T) {
	var asked atomic.Int64
	answer := func(n int, w http.ResponseWriter, r *http.Request, body string) {
		switch {
		case !strings.HasSuffix(r.URL.Path, "/Login") && asked.Add(1) > 10:
			w.WriteHeader(http.StatusUnauthorized)
		case !strings.HasSuffix(r.URL.Path, "/Login"):
			fmt.Fprint(w, foundJSON())
		case asked.Load() == 0:
			fmt.Fprint(w, `{"access_token":"issued-1","expires_in":1800}`)
		default:
			says(400, `{"error":"invalid_grant"}`)(n, w, r, body)
		}
	}
	inBubble(t, answer, withLogin, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
		got, err := b.FindMethods(t.Context(), cardField, cardsUpTo(100))
		if len(got) != 10 || err == nil || errors.Is(err, preauth.ErrUnanswered) || !strings.Contains(err.Error(), "check v4.auth") {
			t.Errorf("%d answers, %v", len(got), err)
		}
		if logins := len(b.requests(true)); logins > 1+2*askers {
			t.Errorf("%d logins", logins)
		}
	})
}

func TestSilenceEndsALookUp(t *testing.T) {
	silence := says(500, ``)
	for _, each := range []struct {
		name    string
		answer  handler
		cards   int
		answers int
		// most is how many questions are asked at most.
		most int
	}{
		{"from the beginning", silence, 100, 0, mostSilent + askers - 1},
		{"with that of a walk", silence, 101, 0, mostSilent + askers - 1},
		{"after refusals that are all that there is room to tell", func(n int, w http.ResponseWriter, r *http.Request, body string) {
			switch {
			case strings.Contains(body, `"card-1`) && n < 40:
				says(403, ``)(n, w, r, body)
			case strings.Contains(body, nobodysCard):
				says(200, foundJSON())(n, w, r, body)
			default:
				silence(n, w, r, body)
			}
		}, 100, 0, 12 + 1 + mostSilent + askers - 1},
		{"after answers", func(n int, w http.ResponseWriter, r *http.Request, body string) {
			if n > 20 {
				silence(n, w, r, body)
				return
			}
			says(200, foundJSON())(n, w, r, body)
		}, 100, 20, 20 + mostSilent + askers - 1},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, each.answer, withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				got, err := b.FindMethods(t.Context(), cardField, cardsUpTo(each.cards))
				if len(got) != each.answers || !errors.Is(err, preauth.ErrUnanswered) {
					t.Errorf("%v, %v", got, err)
					return
				}
				if said := fmt.Sprintf("%d of %d cards have no answer", each.cards-each.answers, each.cards); !strings.Contains(err.Error(), said) {
					t.Error(err)
				}
				if sent := len(b.requests(false)); sent > each.most*readTries {
					t.Errorf("%d requests", sent)
				}
				if told := strings.Count(err.Error(), "card card-"); told != mostTold {
					t.Errorf("%d failures are told: %v", told, err)
				}
			})
		})
	}
}

// v4 does answer, so that what lies between silences does not add up.
func TestSilencesBetweenRefusalsDoNotAddUp(t *testing.T) {
	answer := func(n int, w http.ResponseWriter, r *http.Request, body string) {
		q := asked(t, body)
		var card int
		_, err := fmt.Sscanf(fmt.Sprint(q.Search[0].Value), "card-%d", &card)
		switch {
		case err != nil: // nobody's
			says(200, foundJSON())(n, w, r, body)
		case card%4 == 0:
			says(500, ``)(n, w, r, body)
		default:
			says(403, ``)(n, w, r, body)
		}
	}
	inBubble(t, answer, withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
		if _, err := b.FindMethods(t.Context(), cardField, cardsUpTo(60)); err == nil {
			t.Error("no error")
		}
		if sent := len(b.requests(false)); sent != 1+45+15*readTries {
			t.Errorf("%d requests", sent)
		}
	})
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
