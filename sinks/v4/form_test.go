package v4

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheFormOfAReplyIsShownWithoutItsValues(t *testing.T) {
	const object = `{"trackingId":"canary-token-4711","type":"create","results":{"items":[{"identity":1,"amount":200.5}]}}`
	for _, each := range []struct {
		name   string
		answer handler
		want   []Form
	}{
		{"the object itself", says(200, object), []Form{{Status: 200, Keys: []string{"results", "trackingId", "type"}}}},
		{
			"an envelope", says(200, `{"results":{"items":[{"identity":1,"instance":{"identity":1}}]}}`),
			[]Form{{Status: 200, Keys: []string{"results"}, Wrapped: true}},
		},
		{"no body", says(204, ``), []Form{{Status: 204, Empty: true}}},
		{"a refusal", says(400, declined), []Form{{Status: 400, Keys: []string{"errors", "trackingId", "type"}}}},
		{"no object", says(502, `<html>`), []Form{{Status: 502}}},
		{"half a body", breaks("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"), []Form{{Status: 200}}},
		{"no reply", breaks(""), nil},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, each.answer, withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				for operation, send := range writes() {
					var got []Form
					send(WithForms(t.Context(), func(f Form) { got = append(got, f) }), b.Client)
					want := append([]Form(nil), each.want...)
					for i := range want {
						want[i].Operation = operation
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Error(diff)
					}
				}
			})
		})
	}
}
