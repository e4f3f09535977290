package v4

import (
	"encoding/json"
	"testing"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// FuzzDecodeReply looks for panics, and for replies that claim more than they say.
func FuzzDecodeReply(f *testing.F) {
	for _, body := range []string{
		created(holdJSON(1, ownToken)), declined, foundJSON(holdJSON(1, ownToken), holdJSON(2, "x")), `{}`, `null`, `[]`, ``, `{"a":`,
		created(`{"identity":1e2,"instance":{}}`), `{"results":{"items":[{"identity":9223372036854775808}]}}`,
		`{"access_token":"t","expires_in":"1800"}`, `{"errors":[{"code":"7","message":null}]}`, `{"itemCount":0,"items":null}`,
	} {
		f.Add(200, []byte(body))
		f.Add(400, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		got := classifyCreate(aReply(status, string(body)), amount("200.5"))
		if got.Kind == applied && (status < 200 || status > 299 || got.Hold.Identity <= 0 || got.Err != nil || len(got.Errors) > 0) {
			t.Errorf("applied: %+v", got)
		}
		if got.Kind == refused && (status < 400 || status > 499 || len(got.Errors) == 0) {
			t.Errorf("refused: %+v", got)
		}
		if got.Kind != applied && (got.Err == nil || got.Hold != (preauth.Hold{})) {
			t.Errorf("not applied: %+v", got)
		}
		captured := classifyCapture(aReply(status, string(body)), captureRules{alreadyCodes: []int64{7}})
		if captured.Kind == applied && len(body) == 0 {
			t.Error("an empty body captured")
		}
		reply, err := parseObject(body)
		if err != nil {
			return
		}
		if life := lifeOf(reply); life < 0 || life > maxLife {
			t.Errorf("a life of %s", life)
		}
		holds, err := searchHolds(reply)
		if _, there := reply.get("items"); err == nil && !there {
			t.Error("a list from nothing")
		}
		for _, hold := range holds {
			if hold.Identity <= 0 {
				t.Errorf("%+v", hold)
			}
		}
	})
}

// FuzzDecodeMethods looks for panics, and for methods of which too little is said.
func FuzzDecodeMethods(f *testing.F) {
	for _, body := range []string{
		foundJSON(methodJSON(1, ownCard, true), methodJSON(2, "x", false)), `{"items":[{"identity":1,"paymentMethodIdentifier":7e1,"isActive":true}]}`,
		`{"items":[{"identity":1,"paymentMethodIdentifier":null}]}`, `{"items":[{"identity":1,"PAYMENTMETHODIDENTIFIER":"` + ownCard + `"}]}`, `{"items":[[]]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		reply, err := parseObject(body)
		if err != nil {
			return
		}
		read := func(wanted bool) ([]methodItem, error) {
			return searchItems(reply, func(raw json.RawMessage) (methodItem, error) {
				return parseMethod(raw, cardField, func(string) bool { return wanted })
			})
		}
		items, err := read(true)
		all, errs := read(false)
		if err == nil && (errs != nil || len(all) != len(items)) {
			t.Errorf("what is not wanted needs more: %v, %v", all, errs)
		}
		for _, item := range append(items, all...) {
			if item.method.ID <= 0 || (item.value != "" && !item.named) || normalizeToken(item.value) != item.value {
				t.Errorf("%+v", item)
			}
		}
	})
}
