package v4

import (
	"errors"
	"strings"
	"testing"

	"github.com/preauth-sync/preauth-sync/preauth"
)

func TestARefusedReadNamesWhatToLookAt(t *testing.T) {
	for _, each := range []struct {
		name   string
		answer handler
		want   string
	}{
		{"404 from something else", says(404, `<html>`), "HTTP 404; check v4.address: nothing there takes this request"},
		{"404 in v4's form", says(404, declined), "HTTP 404; 1017: Card declined (trackingId tr-1); check v4.address: nothing there takes this request"},
		{"405", says(405, ``), "HTTP 405; check v4.address: nothing there takes this request"},
		{"a redirect", says(307, ``), "HTTP 307; redirects are not followed: check v4.address"},
		{"401", says(401, ``), "HTTP 401; check v4.auth: something in it is wrong or disabled"},
		{"403", says(403, ``), "HTTP 403; the login of v4.auth is known but may not do this: ask for it to be allowed in v4"},
		{"407", says(407, ``), "HTTP 407; check the proxy in the environment (HTTPS_PROXY)"},
		{"400, which says what it means", says(400, declined), "HTTP 400; 1017: Card declined (trackingId tr-1)"},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, each.answer, withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				_, err := b.FindByToken(t.Context(), ownToken)
				if want := "v4 refused the search: " + each.want; err == nil || err.Error() != want {
					t.Errorf("got %v, want %s", err, want)
				}
				if _, refused := errors.AsType[*preauth.SinkRefusal](err); !refused {
					t.Error("it is no refusal any more")
				}
				for _, out := range []preauth.Outcome{b.Create(t.Context(), aCreate()), b.Capture(t.Context(), 5)} {
					if out.Err == nil || strings.Contains(out.Err.Error(), "check ") {
						t.Errorf("a write's outcome has changed: %v", out.Err)
					}
				}
			})
		})
	}
}

func TestARefusedLoginNamesWhatToLookAt(t *testing.T) {
	const auth = "check v4.auth: something in it is wrong or disabled"
	for _, each := range []struct {
		name   string
		answer handler
		want   string
	}{
		{"400, OAuth's for a wrong password", says(400, `{"error":"invalid_grant"}`), auth},
		{"401", says(401, ``), auth},
		{"200 with errors", says(200, declined), auth},
		{"404", says(404, ``), "check v4.auth.login_address: nothing there takes this request"},
		{"a redirect", says(302, ``), "redirects are not followed: check v4.auth.login_address"},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, each.answer, withLogin, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				err := b.Ready(t.Context())
				if err == nil || !strings.HasSuffix(err.Error(), "; "+each.want) {
					t.Errorf("got %v, want %s", err, each.want)
				}
				if _, refused := errors.AsType[*preauth.SinkRefusal](err); !refused {
					t.Error("it is no refusal any more")
				}
			})
		})
	}
}

func TestReadsAndLoginsAreTriedAsOftenAsConfigured(t *testing.T) {
	const tries = 2
	for name, auth := range map[string]func(*Config){"a read": withToken, "a login": withLogin} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, says(503, ``), func(c *Config) {
				auth(c)
				c.Tries = tries
			}, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				if _, err := b.FindByToken(t.Context(), ownToken); err == nil {
					t.Error("no error")
				}
				if got := len(b.requests(true)) + len(b.requests(false)); got != tries {
					t.Errorf("%d requests, want %d", got, tries)
				}
			})
		})
	}
}
