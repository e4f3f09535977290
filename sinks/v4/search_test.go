package v4

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/preauth"
)

func TestATokenIsFound(t *testing.T) {
	upper := strings.ToUpper(ownToken)
	for _, each := range []struct {
		name, token, reply string
		want               []preauth.Hold
	}{
		{"not at all", ownToken, foundJSON(), nil},
		{"once", ownToken, foundJSON(holdJSON(4, ownToken)), []preauth.Hold{aHold(4, ownToken)}},
		{"in upper case", ownToken, foundJSON(holdJSON(4, upper)), []preauth.Hold{aHold(4, ownToken)}},
		{"asked in upper case", upper, foundJSON(holdJSON(4, ownToken)), []preauth.Hold{aHold(4, ownToken)}},
		{"no UUID", "ab-12", foundJSON(holdJSON(4, "ab-12")), []preauth.Hold{aHold(4, "ab-12")}},
		{"twice", ownToken, foundJSON(holdJSON(4, ownToken), holdJSON(5, ownToken)), []preauth.Hold{aHold(4, ownToken), aHold(5, ownToken)}},
		{"repeated", ownToken, foundJSON(holdJSON(4, ownToken), holdJSON(4, ownToken)), []preauth.Hold{aHold(4, ownToken)}},
		{"among others", ownToken, foundJSON(holdJSON(3, "x"), holdJSON(4, ownToken), `{"identity":9}`), []preauth.Hold{aHold(4, ownToken)}},
		{"without an itemCount", ownToken, `{"items":[` + holdJSON(4, ownToken) + `]}`, []preauth.Hold{aHold(4, ownToken)}},
		{
			"with no other fields", ownToken, foundJSON(`{"identity":4,"transactionToken":"` + ownToken + `","paymentMethodId":null}`),
			[]preauth.Hold{{Identity: 4, Token: ownToken}},
		},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, says(200, each.reply), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				got, err := b.FindByToken(t.Context(), each.token)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(each.want, got); diff != "" {
					t.Error(diff)
				}
				sent := b.requests(false)
				want := query{Top: findTop, Search: []condition{{Name: "transactionToken", Operator: "eq", Value: each.token}}}
				if diff := cmp.Diff(want, asked(t, sent[0].Body)); diff != "" || sent[0].Line != "POST /ResourceServer/api/v4/PaymentPreAuthorize/Search" {
					t.Error(sent[0].Line, diff)
				}
			})
		})
	}
}

func TestAbsenceIsNeverReadFromAnUnusableReply(t *testing.T) {
	others := make([]string, findTop)
	for i := range others {
		others[i] = holdJSON(int64(i+1), "other")
	}
	for _, each := range []struct {
		name   string
		answer handler
		tries  int
	}{
		{"no items", says(200, `{"trackingId":"t","itemCount":0}`), readTries},
		{"items null", says(200, `{"itemCount":0,"items":null}`), readTries},
		{"items of another type", says(200, `{"items":{}}`), readTries},
		{"fewer items than it counts", says(200, `{"itemCount":2,"items":[]}`), readTries},
		{"more items than it counts", says(200, `{"itemCount":0,"items":[`+holdJSON(1, "x")+`]}`), readTries},
		{"a count of another type", says(200, `{"itemCount":"0","items":[]}`), readTries},
		{"an item of another type", says(200, `{"items":[null]}`), readTries},
		{"an item without an identity", says(200, `{"items":[{"transactionToken":"x"}]}`), readTries},
		{"a token of another type", says(200, `{"items":[{"identity":1,"transactionToken":7}]}`), readTries},
		{"an amount of another type", says(200, `{"items":[{"identity":1,"amount":"1"}]}`), readTries},
		{"a method of another type", says(200, `{"items":[{"identity":1,"paymentMethodId":"1"}]}`), readTries},
		{"a user of another type", says(200, `{"items":[{"identity":1,"createdByUserId":1.5}]}`), readTries},
		{"an empty body", says(200, ``), readTries},
		{"HTML", says(200, `<html>`), readTries},
		{"a truncated object", says(200, foundJSON(holdJSON(1, "x"))[:40]), readTries},
		{"an array", says(200, `[]`), readTries},
		{"the same key twice", says(200, `{"items":[],"items":[]}`), readTries},
		{"half a body", breaks("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"items\":[]}"), readTries},
		{"errors beside the items", says(200, `{"errors":[{"code":1,"message":"x"}],"items":[]}`), 1},
		{"a list full of others", says(200, foundJSON(others...)), 1},
		{"a single other", says(200, foundJSON(holdJSON(1, "other"))), 1},
		{"400", says(400, declined), 1},
		{"404", says(404, ``), 1},
		{"a redirect", says(307, ``), 1},
		{"500", says(500, ``), readTries},
		{"429", says(429, ``), readTries},
		{"a broken connection", breaks(""), readTries},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, each.answer, withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				got, err := b.FindByToken(t.Context(), ownToken)
				if err == nil || got != nil {
					t.Errorf("got %v, %v", got, err)
				}
				noSecret(t, fmt.Sprint(err))
				if got := len(b.requests(false)); got != each.tries {
					t.Errorf("%d tries, want %d: %v", got, each.tries, err)
				}
			})
		})
	}
}

func TestAReadThatFailsOnceIsTriedAgain(t *testing.T) {
	answer := func(n int, w http.ResponseWriter, r *http.Request, body string) {
		if n == 1 {
			says(503, "")(n, w, r, body)
			return
		}
		says(200, foundJSON(holdJSON(4, ownToken)))(n, w, r, body)
	}
	inBubble(t, answer, withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
		got, err := b.FindByToken(t.Context(), ownToken)
		if err != nil || len(got) != 1 || len(b.events) != 2 || b.events[0].Wait == 0 {
			t.Errorf("got %v, %v, %+v", got, err, b.events)
		}
	})
}

func TestAReadAnswered401LogsInOnceMore(t *testing.T) {
	for _, each := range []struct {
		name   string
		reject string
		logins int
		status int
	}{
		{"and goes on", "Bearer issued-1", 2, 0},
		{"and gives up", "Bearer ", 2, 401},
	} {
		t.Run(each.name, func(t *testing.T) {
			answer := func(n int, w http.ResponseWriter, r *http.Request, body string) {
				if strings.HasPrefix(r.Header.Get("Authorization"), each.reject) {
					http.Error(w, "expired", http.StatusUnauthorized)
					return
				}
				issues("1800")(n, w, r, body)
			}
			inBubble(t, answer, withLogin, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				_, err := b.FindByToken(t.Context(), ownToken)
				refusal, refused := errors.AsType[*preauth.SinkRefusal](err)
				if refused != (each.status != 0) || (refused && refusal.Status != each.status) {
					t.Errorf("got %v", err)
				}
				if got := len(b.requests(true)); got != each.logins {
					t.Errorf("%d logins", got)
				}
			})
		})
	}
}

// searched answers a Get with one thing and a Search with another.
func searched(get, search handler) handler {
	return func(n int, w http.ResponseWriter, r *http.Request, body string) {
		if r.Method == http.MethodPost {
			search(n, w, r, body)
			return
		}
		get(n, w, r, body)
	}
}

func TestOneObjectIsRead(t *testing.T) {
	nothing, unused := says(200, foundJSON()), says(500, "")
	for _, each := range []struct {
		name   string
		answer handler
		found  bool
		fails  string
	}{
		{"there", searched(says(200, `{"instance":`+holdJSON(4, ownToken)+`}`), unused), true, ""},
		{"404 with v4's errors", searched(says(404, declined), nothing), false, ""},
		{"404 of most servers", searched(says(404, `not found`), nothing), false, ""},
		{"400 with v4's errors", searched(says(400, declined), nothing), false, ""},
		{"errors beside a 200", searched(says(200, declined), nothing), false, ""},
		{"no instance", searched(says(200, `{"instance":null}`), nothing), false, ""},
		{"the object itself, in no envelope", searched(says(200, holdJSON(4, ownToken)), says(200, foundJSON(holdJSON(4, ownToken)))), true, ""},
		{"404 from something in the way of that address only", searched(says(404, `<html>`), says(200, foundJSON(holdJSON(4, ownToken)))), true, ""},
		{"404 to everything", says(404, `<html>`), false, "check v4.address"},
		{"a search that takes no notice of its condition", searched(says(404, ``), says(200, foundJSON(holdJSON(5, ownToken)))), false, "proves nothing"},
		{"a search that fails", searched(says(404, declined), says(500, ``)), false, "HTTP 500"},
		{"another one", searched(says(200, `{"instance":`+holdJSON(5, ownToken)+`}`), nothing), false, "identity 5"},
		{"an instance of another type", searched(says(200, `{"instance":[]}`), nothing), false, "not a usable object"},
		{"garbage", searched(says(200, `<html>`), nothing), false, "not one complete JSON object"},
		{"401", searched(says(401, declined), nothing), false, "401"},
		{"403", searched(says(403, declined), nothing), false, "403"},
		{"400 of something else", searched(says(400, `<html>`), nothing), false, "400"},
		{"500", searched(says(500, ``), nothing), false, "500"},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, each.answer, withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				got, found, err := b.Get(t.Context(), 4)
				if found != each.found || (err != nil) != (each.fails != "") || err != nil && !strings.Contains(err.Error(), each.fails) {
					t.Fatalf("got %v, %v", found, err)
				}
				if found {
					if diff := cmp.Diff(aHold(4, ownToken), got); diff != "" {
						t.Error(diff)
					}
				}
				if line := b.requests(false)[0].Line; line != "GET /ResourceServer/api/v4/PaymentPreAuthorize/4" {
					t.Error(line)
				}
			})
		})
	}
}

func TestWhatAGetDoesNotShowIsSearchedForByItsIdentity(t *testing.T) {
	inBubble(t, searched(says(404, ``), says(200, foundJSON())), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
		if _, found, err := b.Get(t.Context(), 4); found || err != nil {
			t.Fatal(found, err)
		}
		sent := b.requests(false)
		if len(sent) != 2 || sent[1].Line != "POST /ResourceServer/api/v4/PaymentPreAuthorize/Search" {
			t.Fatalf("%+v", sent)
		}
		want := []condition{{Name: "identity", Operator: "eq", Value: 4.0}}
		if diff := cmp.Diff(want, asked(t, sent[1].Body).Search); diff != "" {
			t.Error(diff)
		}
	})
}

func TestReachGivesTheSinksClock(t *testing.T) {
	inBubble(t, func(n int, w http.ResponseWriter, r *http.Request, body string) {
		w.Header().Set("Date", "Tue, 01 Jul 2025 10:00:00 GMT")
		issues("1800")(n, w, r, body)
	}, withLogin, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
		got, err := b.Reach(t.Context())
		if err != nil || !got.Equal(time.Date(2025, 7, 1, 10, 0, 0, 0, time.UTC)) {
			t.Errorf("got %s, %v", got, err)
		}
		if q := asked(t, b.requests(false)[0].Body); q.Top != 1 {
			t.Errorf("asked for %d", q.Top)
		}
	})
}
