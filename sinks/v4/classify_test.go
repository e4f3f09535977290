package v4

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
)

const (
	unknown      = preauth.OutcomeUnknown
	applied      = preauth.OutcomeApplied
	refused      = preauth.OutcomeRefused
	throttled    = preauth.OutcomeThrottled
	unauthorized = preauth.OutcomeUnauthorized
)

// created is a create's reply around an item.
func created(items string) string {
	return `{"trackingId":"tr-1","type":"create","results":{"totalCount":1,"items":[` + items + `]}}`
}

const declined = `{"trackingId":"tr-1","type":"create","errors":[{"code":1017,"message":"Card declined"}]}`

func aReply(status int, body string) reply {
	return reply{
		operation: "write", now: time.Unix(0, 0), secrets: []httpx.Secret{httpx.NewSecret(canaryToken)},
		result: httpx.WriteResult{Status: status, Body: []byte(body), BodyComplete: true, Header: http.Header{}},
	}
}

// incomplete is a reply that was cut.
func incomplete(status int, body string) reply {
	r := aReply(status, body)
	r.result.BodyComplete, r.result.BodyErr = false, httpx.ErrBodyTooLarge
	return r
}

func TestRepliesToACreate(t *testing.T) {
	seed := `{"identity":1,"paymentMethodId":22,"paymentMethodName":"Sample Text Data","amount":200.5,` +
		`"transactionToken":"123kjsf90832fwf","created":"2021-04-26T15:25:27.587Z","createdByUserId":15}`
	for _, each := range []struct {
		name  string
		reply reply
		want  preauth.OutcomeKind
	}{
		{"the seed's example", aReply(200, created(seed)), applied},
		{"the newer envelope", aReply(200, created(`{"identity":1,"action":"create","instance":`+seed+`}`)), applied},
		{"the newer envelope with the identity outside alone", aReply(200, created(`{"identity":1,"instance":{"amount":200.5,"identity":null}}`)), applied},
		{"the newer envelope with the identity inside alone", aReply(200, created(`{"action":"create","instance":`+seed+`}`)), applied},
		{"201", aReply(201, created(seed)), applied},
		{"202 with the object", aReply(202, created(seed)), applied},
		{"202 without", aReply(202, `{}`), unknown},
		{"204", aReply(204, ``), unknown},
		{"an empty body", aReply(200, ``), unknown},
		{"HTML", aReply(200, `<html>It works</html>`), unknown},
		{"a truncated object", aReply(200, created(seed)[:60]), unknown},
		{"a reply cut after a whole object", incomplete(200, created(seed)), unknown},
		{"garbage behind the object", aReply(200, created(seed)+`x`), unknown},
		{"two objects", aReply(200, created(seed)+created(seed)), unknown},
		{"an array", aReply(200, `[`+created(seed)+`]`), unknown},
		{"null", aReply(200, `null`), unknown},
		{"the same key twice", aReply(200, strings.Replace(created(seed), `{`, `{"results":{},`, 1)), unknown},
		{"the same key twice in another letter case", aReply(200, strings.Replace(created(seed), `{`, `{"Results":{},`, 1)), unknown},
		{"two identities", aReply(200, created(`{"identity":1,"identity":2}`)), unknown},
		{"two identities in an envelope", aReply(200, created(`{"identity":1,"instance":{"identity":2}}`)), unknown},
		{"no results", aReply(200, `{"type":"create"}`), unknown},
		{"results of another type", aReply(200, `{"results":[]}`), unknown},
		{"no items", aReply(200, `{"results":{}}`), unknown},
		{"items of another type", aReply(200, `{"results":{"items":{}}}`), unknown},
		{"an empty list", aReply(200, created(``)), unknown},
		{"two items", aReply(200, created(seed+`,`+strings.Replace(seed, ":1", ":2", 1))), unknown},
		{"an item of another type", aReply(200, created(`1`)), unknown},
		{"an instance of another type", aReply(200, created(`{"identity":1,"instance":7}`)), unknown},
		{"no identity", aReply(200, created(`{"amount":200.5}`)), unknown},
		{"identity null", aReply(200, created(`{"identity":null}`)), unknown},
		{"identity 0", aReply(200, created(`{"identity":0}`)), unknown},
		{"a negative identity", aReply(200, created(`{"identity":-1}`)), unknown},
		{"an identity as a string", aReply(200, created(`{"identity":"1"}`)), unknown},
		{"a fractional identity", aReply(200, created(`{"identity":1.5}`)), unknown},
		{"an identity beyond 64 bits", aReply(200, created(`{"identity":9223372036854775808}`)), unknown},
		{"an identity of a billion digits", aReply(200, created(`{"identity":1e999999999}`)), unknown},
		{"nothing but an identity", aReply(200, created(`{"identity":1}`)), applied},
		{"another token, which the gateway may have given", aReply(200, created(`{"identity":1,"transactionToken":"x"}`)), applied},
		{"fields of other types that do not matter", aReply(200, created(`{"identity":1,"paymentMethodId":"x","transactionToken":7}`)), applied},
		{"the amount in another spelling", aReply(200, created(`{"identity":1,"amount":2005e-1}`)), applied},
		{"another amount", aReply(200, created(`{"identity":1,"amount":200.51}`)), unknown},
		{"an amount that is no number", aReply(200, created(`{"identity":1,"amount":"200.5"}`)), unknown},
		{"errors null beside the success", aReply(200, `{"errors":null,`+created(seed)[1:]), applied},
		{"no errors in a list beside the success", aReply(200, `{"errors":[],`+created(seed)[1:]), applied},
		{"errors beside the success", aReply(200, `{"errors":[{"code":1,"message":"x"}],`+created(seed)[1:]), unknown},
		{"Errors beside the success", aReply(200, `{"Errors":[{"code":1,"message":"x"}],`+created(seed)[1:]), unknown},
		{"errors of another type beside the success", aReply(200, `{"errors":{},`+created(seed)[1:]), unknown},
		{"an empty string of errors beside the success", aReply(200, `{"errors":"",`+created(seed)[1:]), unknown},
		{"errors in place of the success", aReply(200, declined), unknown},
		{"a redirect", aReply(302, created(seed)), unknown},
		{"307", aReply(307, created(seed)), unknown},
		{"308", aReply(308, ``), unknown},
		{"101", aReply(101, ``), unknown},
		{"400 with errors", aReply(400, declined), refused},
		{"403 with errors", aReply(403, declined), refused},
		{"404 with errors", aReply(404, declined), refused},
		{"409 with errors", aReply(409, declined), refused},
		{"413 with errors", aReply(413, declined), refused},
		{"422 with errors", aReply(422, declined), refused},
		{"401 with errors", aReply(401, declined), unauthorized},
		{"401 that was cut", incomplete(401, `<ht`), unauthorized},
		{"408 with errors", aReply(408, declined), unknown},
		{"425 with errors", aReply(425, declined), unknown},
		{"429 with errors", aReply(429, declined), throttled},
		{"429 in HTML", aReply(429, `<html>`), throttled},
		{"400 without errors", aReply(400, `{"trackingId":"tr-1"}`), unknown},
		{"400 with an empty list of errors", aReply(400, `{"errors":[]}`), unknown},
		{"400 with errors that was cut", incomplete(400, declined), unknown},
		{"400 with garbage behind the errors", aReply(400, declined+`}`), unknown},
		{"400 in HTML", aReply(400, `<html>`), unknown},
		{"404 without a body", aReply(404, ``), unknown},
		{"400 with errors by field", aReply(400, `{"errors":{"amount":["too much"]}}`), unknown},
		{"400 with errors in plain text", aReply(400, `{"errors":["too much"]}`), unknown},
		{"400 with an error without a code", aReply(400, `{"errors":[{"message":"too much"}]}`), unknown},
		{"400 with one of two errors unusable", aReply(400, `{"errors":[{"code":1,"message":"x"},{}]}`), unknown},
		{"400 with a code in digits", aReply(400, `{"errors":[{"code":"1017","message":"x"}]}`), refused},
		{"400 with a code in letters", aReply(400, `{"errors":[{"code":"E1","message":"x"}]}`), unknown},
		{"400 with an error without a message", aReply(400, `{"errors":[{"code":7}]}`), refused},
		{"500 with errors", aReply(500, declined), unknown},
		{"501", aReply(501, ``), unknown},
		{"502 in HTML", aReply(502, `<html>`), unknown},
		{"503 with errors", aReply(503, declined), unknown},
		{"504", aReply(504, ``), unknown},
		{"500 with a success", aReply(500, created(seed)), unknown},
	} {
		t.Run(each.name, func(t *testing.T) {
			got := classifyCreate(each.reply, amount("200.5"))
			if got.Kind != each.want {
				t.Errorf("got %s: %v", got.Kind, got.Err)
			}
			if (got.Err == nil) != (got.Kind == applied) || (got.Hold.Identity == 1) != (got.Kind == applied) {
				t.Errorf("got %+v", got)
			}
			if got.Status != each.reply.result.Status {
				t.Errorf("status %d", got.Status)
			}
		})
	}
}

func TestIdentitiesAreReadExactly(t *testing.T) {
	for text, want := range map[string]int64{
		"1e2": 100, "5.0": 5, "9007199254740993": 9007199254740993, "9223372036854775807": 9223372036854775807,
	} {
		got := classifyCreate(aReply(200, created(`{"identity":`+text+`}`)), amount("1"))
		if got.Kind != applied || got.Hold.Identity != want {
			t.Errorf("%s: got %s, %d", text, got.Kind, got.Hold.Identity)
		}
	}
}

func TestRepliesToACapture(t *testing.T) {
	success := captureRules{emptySucceeds: true, alreadyCodes: []int64{7, 8}}
	already := `{"errors":[{"code":7,"message":"captured before"}]}`
	mixed := `{"errors":[{"code":7,"message":"captured before"},{"code":9,"message":"other"}]}`
	many := `{"errors":[` + strings.Repeat(`{"code":7},`, 30) + `{"code":9}]}`
	for _, each := range []struct {
		name  string
		reply reply
		rules captureRules
		want  preauth.OutcomeKind
	}{
		{"an object", aReply(200, `{"trackingId":"x","type":"capture"}`), captureRules{}, applied},
		{"an empty object", aReply(200, `{}`), captureRules{}, applied},
		{"no body", aReply(200, ``), captureRules{}, unknown},
		{"no body where that succeeds", aReply(200, ``), success, applied},
		{"white space where no body succeeds", aReply(204, " \r\n"), success, applied},
		{"a cut reply where no body succeeds", incomplete(200, ``), success, unknown},
		{"no body and 500 where no body succeeds", aReply(500, ``), success, unknown},
		{"no body and 302 where no body succeeds", aReply(302, ``), success, unknown},
		{"no body and 404 where no body succeeds", aReply(404, ``), success, unknown},
		{"HTML where no body succeeds", aReply(200, `<html>`), success, unknown},
		{"null", aReply(200, `null`), success, unknown},
		{"true", aReply(200, `true`), success, unknown},
		{"errors beside 200", aReply(200, already), success, unknown},
		{"refused", aReply(400, declined), success, refused},
		{"captured before", aReply(400, already), success, applied},
		{"captured before, a code nobody listed", aReply(400, already), captureRules{}, refused},
		{"captured before among other errors", aReply(400, mixed), success, refused},
		{"another error after many that say captured before", aReply(400, many), success, refused},
		{"captured before with 500", aReply(500, already), success, unknown},
		{"captured before with 401", aReply(401, already), success, unauthorized},
		{"429", aReply(429, ``), success, throttled},
	} {
		t.Run(each.name, func(t *testing.T) {
			got := classifyCapture(each.reply, each.rules)
			if got.Kind != each.want || (got.Err == nil) != (got.Kind == applied) {
				t.Errorf("got %s: %v", got.Kind, got.Err)
			}
			if got.Hold != (preauth.Hold{}) {
				t.Errorf("a capture made a hold: %+v", got.Hold)
			}
		})
	}
}

func TestA429SaysHowLongToWait(t *testing.T) {
	date := "Tue, 01 Jul 2025 10:00:00 GMT"
	for _, each := range []struct {
		name, after string
		want        time.Duration
	}{
		{"nothing", "", 0},
		{"0", "0", 0},
		{"seconds", "17", 17 * time.Second},
		{"a fraction", "1.5", 2 * time.Second},
		{"a negative number", "-5", 0},
		{"words", "soon", 0},
		{"10^12", "1000000000000", 10 * time.Minute},
		{"a date after the reply's own", "Tue, 01 Jul 2025 10:00:30 GMT", 30 * time.Second},
		{"a date long past", "Tue, 01 Jul 2024 10:00:30 GMT", 0},
		{"a date far away", "Tue, 01 Jul 2036 10:00:30 GMT", 10 * time.Minute},
	} {
		t.Run(each.name, func(t *testing.T) {
			r := aReply(429, "")
			r.result.Header.Set("Date", date)
			r.result.Header.Set("Retry-After", each.after)
			if got := classifyCapture(r, captureRules{}); got.Kind != throttled || got.RetryAfter != each.want {
				t.Errorf("got %s, %s", got.Kind, got.RetryAfter)
			}
		})
	}
}

func TestWhatASinkSaysIsKeptForPeople(t *testing.T) {
	body := `{"trackingId":"tr \u0000 ` + canaryToken + `","errors":[{"code":1,"message":"line\nbreak \u001b[31m Bearer ` +
		canaryToken + `"},{"code":2,"message":"` + strings.Repeat("é", 1000) + `"}]}`
	got := classifyCreate(aReply(400, body), amount("1"))
	if got.Kind != refused || len(got.Errors) != 2 {
		t.Fatalf("got %+v", got)
	}
	want := preauth.APIError{Code: 1, Message: "line break [31m Bearer " + httpx.Redacted}
	if diff := cmp.Diff(want, got.Errors[0]); diff != "" {
		t.Error(diff)
	}
	if len(got.Errors[1].Message) > maxMessage+len("…") {
		t.Errorf("a message of %d bytes", len(got.Errors[1].Message))
	}
	if !strings.HasPrefix(got.TrackingID, "tr ") {
		t.Errorf("trackingId %q", got.TrackingID)
	}
	noSecret(t, fmt.Sprintf("%+v %v", got, got.Err))
}

func TestTheTrackingIDOfAReplyWithoutABodyIsInItsHeader(t *testing.T) {
	r := aReply(503, "<html>")
	r.result.Header.Set("trackingId", "from-the-header")
	if got := classifyCreate(r, amount("1")); got.TrackingID != "from-the-header" {
		t.Errorf("got %q", got.TrackingID)
	}
}

func TestErrorsAreFew(t *testing.T) {
	body := `{"errors":[{"code":1}` + strings.Repeat(`,{"code":1}`, 99) + `]}`
	if got := classifyCreate(aReply(400, body), amount("1")); len(got.Errors) != maxErrors {
		t.Errorf("%d errors", len(got.Errors))
	}
}

func TestErrorsBesideASuccessAreKept(t *testing.T) {
	got := classifyCreate(aReply(200, declined), amount("1"))
	if diff := cmp.Diff([]preauth.APIError{{Code: 1017, Message: "Card declined"}}, got.Errors); diff != "" || got.TrackingID != "tr-1" {
		t.Error(diff, got.TrackingID)
	}
}
