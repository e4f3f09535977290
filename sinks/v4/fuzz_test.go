package v4

import (
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
