package connector

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
)

const enterprise = `"Enterprise":{"Id":"851DF8C8-90F2-4C4A-8E01-A4FC46B25178","Name":"Connector\u0007 Hotel","EditableHistoryInterval":"P0M"}`

func TestConfiguration(t *testing.T) {
	inBubble(t, func(w http.ResponseWriter, r asked) {
		fmt.Fprint(w, `{"NowUtc":"2026-03-04T12:00:00.5Z",`+enterprise+`,"Service":null}`)
	}, func(b *bench) {
		got, err := b.client().Configuration(b.Context())
		want := Configuration{
			EnterpriseID: "851df8c8-90f2-4c4a-8e01-a4fc46b25178", EnterpriseName: "Connector Hotel",
			Now: time.Date(2026, 3, 4, 12, 0, 0, 500_000_000, time.UTC),
		}
		if err != nil || got != want {
			b.Errorf("got %+v, %v", got, err)
		}
		id, err := b.client().Enterprise(b.Context())
		if err != nil || id != want.EnterpriseID {
			b.Errorf("got %s, %v", id, err)
		}
		r := b.requests[0]
		if r.path != "/api/connector/v1/configuration/get" || len(r.properties) != 3 {
			b.Errorf("asked %s with %v", r.path, len(r.properties))
		}
	})
}

func TestTheDateStandsInForAMissingClock(t *testing.T) {
	for _, now := range []string{"", `"NowUtc":null,`, `"NowUtc":"today",`} {
		inBubble(t, func(w http.ResponseWriter, _ asked) {
			w.Header().Set("Date", "Wed, 04 Mar 2026 12:00:00 GMT")
			fmt.Fprint(w, "{"+now+enterprise+"}")
		}, func(b *bench) {
			got, err := b.client().Configuration(b.Context())
			if err != nil || !got.Now.Equal(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)) {
				b.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestAConfigurationThatNamesNoEnterprise(t *testing.T) {
	for name, body := range map[string]string{
		"nothing": "", "HTML": "<html>", "no enterprise": "{}", "null": `{"Enterprise":null}`, "no Id": `{"Enterprise":{"Name":"x"}}`,
		"an Id that is no UUID": `{"Enterprise":{"Id":"7"}}`, "two enterprises": "{" + enterprise + `,"Enterprise":{}}`,
		"garbage after it": "{" + enterprise + "}}",
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w http.ResponseWriter, _ asked) { fmt.Fprint(w, body) }, func(b *bench) {
				b.cfg.Tries = 2
				if id, err := b.client().Enterprise(b.Context()); err == nil || id != "" || len(b.requests) != 2 {
					b.Errorf("%d requests, got %q, %v", len(b.requests), id, err)
				}
			})
		})
	}
}

func TestWrongTokensAreSaid(t *testing.T) {
	inBubble(t, func(w http.ResponseWriter, _ asked) { fail(w, 401, "Invalid AccessToken") }, func(b *bench) {
		_, err := b.client().Enterprise(b.Context())
		if refusal, is := errors.AsType[*Error](err); !is || refusal.Operation != "configuration" || len(b.requests) != 1 {
			b.Errorf("%d requests: %v", len(b.requests), err)
		}
		if e := b.events[0]; e.API != API || e.Operation != "configuration" || e.Status != 401 || e.RequestID != "req-1" {
			b.Errorf("event %+v", e)
		}
	})
}

func TestTheRequestIdMayComeInTheBody(t *testing.T) {
	inBubble(t, func(w http.ResponseWriter, _ asked) {
		w.WriteHeader(403)
		fmt.Fprint(w, `{"Message":"Not\nallowed","RequestId":"body-7","message":"x"}`)
	}, func(b *bench) {
		_, err := b.client().Enterprise(b.Context())
		if refusal, is := errors.AsType[*Error](err); !is || refusal.RequestID != "body-7" || refusal.Message != "Notallowed" {
			b.Errorf("got %v", err)
		}
	})
}

func TestAConfigurationIsCheckedInFull(t *testing.T) {
	_, err := New(Config{})
	for _, must := range []string{"address", "client name", "client token", "access token"} {
		if err == nil || !strings.Contains(err.Error(), must) {
			t.Errorf("nothing about the %s: %v", must, err)
		}
	}
	good := Config{Client: "c", ClientToken: httpx.NewSecret(clientToken), AccessToken: httpx.NewSecret(accessToken)}
	for address, accepted := range map[string]bool{
		"https://api.example.com": true, "http://127.0.0.1:80/": true, "https://example.com/proxy": true,
		"": false, "api.example.com": false, "ftp://example.com": false, "https://": false, "https://u:p@example.com": false,
		"https://example.com?x=1": false, "https://example.com/#x": false, "https://exa mple.com": false,
	} {
		good.Address = address
		client, err := New(good)
		if (err == nil) != accepted {
			t.Errorf("%q: %v", address, err)
		}
		if text := fmt.Sprintf("%v %+v %#v", client, client, good); strings.Contains(text, "C4NARY") {
			t.Errorf("a client or its configuration shows a token: %s", text)
		}
		if client != nil {
			client.CloseIdleConnections()
		}
	}
}
