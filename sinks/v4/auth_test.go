package v4

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
)

// issues answers logins with tokens numbered by n, and all else with an empty list.
func issues(expiresIn string) handler {
	return func(n int, w http.ResponseWriter, r *http.Request, _ string) {
		if strings.HasSuffix(r.URL.Path, "/Login") {
			fmt.Fprintf(w, `{"access_token":"issued-%d","token_type":"bearer","expires_in":%s}`, n, expiresIn)
			return
		}
		fmt.Fprint(w, foundJSON())
	}
}

func TestALoginSendsItsForm(t *testing.T) {
	for _, each := range []struct {
		name      string
		configure func(*Config)
		want      url.Values
	}{
		{"username and password", withLogin, url.Values{
			"grant_type": {"password"}, "client_id": {"preauth-sync"}, "username": {"sync"}, "password": {canaryPassword},
		}},
		{"client_id and client_secret", func(c *Config) {
			withLogin(c)
			c.Auth.Username, c.Auth.Password, c.Auth.ClientSecret = "", httpx.Secret{}, httpx.NewSecret(canaryClient)
		}, url.Values{"grant_type": {"password"}, "client_id": {"preauth-sync"}, "client_secret": {canaryClient}}},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, issues("1800"), each.configure, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				if err := b.Ready(t.Context()); err != nil {
					t.Fatal(err)
				}
				got := b.requests(true)[0]
				form, err := url.ParseQuery(got.Body)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(each.want, form); diff != "" {
					t.Error(diff)
				}
				if got.Line != "POST /AuthorizationServer/api/v4/Access/Login" ||
					got.header.Get("Content-Type") != "application/x-www-form-urlencoded" {
					t.Errorf("%s, %s", got.Line, got.header.Get("Content-Type"))
				}
			})
		})
	}
}

func TestALoginIsRenewedBeforeItsEnd(t *testing.T) {
	for _, each := range []struct {
		expiresIn string
		renewed   time.Duration // after the login
	}{
		{`1800`, 29 * time.Minute},
		{`"1800"`, 29 * time.Minute},
		{`600.9`, 9 * time.Minute},
		{`86400`, 29 * time.Minute},
		{`1e30`, 4 * time.Minute},
		{`99999999999999999999`, 29 * time.Minute},
		{`30`, 15 * time.Second},
		{`null`, 4 * time.Minute},
		{`-1`, 4 * time.Minute},
		{`0`, 4 * time.Minute},
		{`"soon"`, 4 * time.Minute},
		{`{}`, 4 * time.Minute},
	} {
		t.Run(each.expiresIn, func(t *testing.T) {
			inBubble(t, issues(each.expiresIn), withLogin, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				logins := func(want int) {
					t.Helper()
					if err := b.Ready(t.Context()); err != nil {
						t.Fatal(err)
					}
					if got := len(b.requests(true)); got != want {
						t.Errorf("%d logins, want %d", got, want)
					}
				}
				logins(1)
				wait(t, each.renewed-time.Second)
				logins(1)
				wait(t, time.Second)
				logins(2)
			})
		})
	}
}

// wait lets virtual time pass.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}

func TestOfManyCallersOneLogsIn(t *testing.T) {
	slow := func(n int, w http.ResponseWriter, r *http.Request, body string) {
		timer := time.NewTimer(5 * time.Second)
		<-timer.C
		issues("1800")(n, w, r, body)
	}
	refuses := func(_ int, w http.ResponseWriter, r *http.Request, _ string) {
		timer := time.NewTimer(5 * time.Second)
		<-timer.C
		http.Error(w, "no", http.StatusUnauthorized)
	}
	for _, each := range []struct {
		name   string
		answer handler
		fails  bool
	}{
		{"and the others get its login", slow, false},
		{"and the others get its refusal", refuses, true},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, each.answer, withLogin, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				var all sync.WaitGroup
				for range 20 {
					all.Go(func() {
						if err := b.Ready(t.Context()); (err != nil) != each.fails {
							t.Errorf("got %v", err)
						}
					})
				}
				all.Wait()
				if got := len(b.requests(true)); got != 1 {
					t.Errorf("%d logins", got)
				}
			})
		})
	}
}

func TestACallerThatGivesUpLeavesTheOthersAlone(t *testing.T) {
	slow := func(n int, w http.ResponseWriter, r *http.Request, body string) {
		timer := time.NewTimer(5 * time.Second)
		defer timer.Stop()
		select {
		case <-timer.C:
			issues("1800")(n, w, r, body)
		case <-r.Context().Done():
		}
	}
	inBubble(t, slow, withLogin, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if err := b.Ready(hasty); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the hasty one got %v", err)
			}
		})
		for range 5 {
			all.Go(func() {
				wait(t, time.Millisecond)
				if err := b.Ready(t.Context()); err != nil {
					t.Errorf("a patient one got %v", err)
				}
			})
		}
		all.Wait()
	})
}

func TestWhatALoginIsAnswered(t *testing.T) {
	for _, each := range []struct {
		name    string
		answer  handler
		tries   int
		refusal bool
		want    string
	}{
		{"400, in OAuth's form", says(400, `{"error":"invalid_grant","error_description":"wrong `+canaryPassword+`"}`), 1, true, "invalid_grant wrong " + httpx.Redacted},
		{"401", says(401, `no`), 1, true, "HTTP 401; check v4.auth: "},
		{"403 in v4's form", says(403, `{"trackingId":"tr","errors":[{"code":5,"message":"locked"}]}`), 1, true, "5: locked (trackingId tr)"},
		{"404", says(404, ``), 1, true, "v4 refused the login: HTTP 404; check v4.auth.login_address: "},
		{"404, in a framework's form", says(404, `{"error":"Not Found","path":"/x"}`), 1, true, "Not Found; check v4.auth.login_address: "},
		{"405", says(405, ``), 1, true, "HTTP 405; check v4.auth.login_address: "},
		{"a redirect", says(302, ``), 1, true, "HTTP 302; redirects are not followed: check v4.auth.login_address"},
		{"errors beside 200", says(200, `{"errors":[{"code":5,"message":"locked"}]}`), 1, true, "5: locked"},
		{"200 without a token", says(200, `{"token_type":"bearer"}`), 1, false, "no access_token"},
		{"a token of another type", says(200, `{"access_token":7}`), 1, false, "no access_token"},
		{"a token that would break the header", says(200, `{"access_token":"issued-\r\nX: y"}`), 1, false, "no header can carry"},
		{"429", says(429, ``), loginTries, false, "HTTP 429"},
		{"503", says(503, ``), loginTries, false, "HTTP 503"},
		{"a connection that breaks", breaks(""), loginTries, false, "EOF"},
		{"HTML", says(200, `<html>`), loginTries, false, "not one complete JSON object"},
		{"a body without end", says(200, strings.Repeat(" ", 100_000)), 1, false, "too large"},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, each.answer, withLogin, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				err := b.Ready(t.Context())
				if err == nil || !strings.Contains(err.Error(), each.want) {
					t.Fatalf("got %v", err)
				}
				noSecret(t, err.Error())
				if _, refusal := errors.AsType[*preauth.SinkRefusal](err); refusal != each.refusal {
					t.Errorf("a refusal: %v", refusal)
				}
				if got := len(b.requests(true)); got != each.tries {
					t.Errorf("%d tries", got)
				}
				out := b.Create(t.Context(), aCreate())
				if out.Kind != preauth.OutcomeNotSent || len(b.requests(false)) != 0 {
					t.Errorf("a create without a login: %+v", out)
				}
			})
		})
	}
}

func TestReloginForgetsOnlyWhatWasRejected(t *testing.T) {
	var reject func(token string) bool
	answer := func(n int, w http.ResponseWriter, r *http.Request, body string) {
		if !strings.HasSuffix(r.URL.Path, "/Login") && reject(r.Header.Get("Authorization")) {
			http.Error(w, "expired", http.StatusUnauthorized)
			return
		}
		issues("1800")(n, w, r, body)
	}
	inBubble(t, answer, withLogin, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
		reject = func(token string) bool { return token == "Bearer issued-1" }
		if err := b.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 2 { // two writes were under way with the same login
			if out := b.Create(t.Context(), aCreate()); out.Kind != preauth.OutcomeUnauthorized {
				t.Fatalf("got %+v", out)
			}
		}
		for range 2 {
			b.Relogin()
			if err := b.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(b.requests(true)); got != 2 {
			t.Errorf("%d logins, want 2", got)
		}
		if out := b.Create(t.Context(), aCreate()); out.Kind == preauth.OutcomeUnauthorized {
			t.Errorf("got %+v", out)
		}
	})
}

func TestAStaticTokenStays(t *testing.T) {
	inBubble(t, says(401, "no"), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
		for range 2 {
			if err := b.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			if out := b.Capture(t.Context(), 5); out.Kind != preauth.OutcomeUnauthorized {
				t.Errorf("got %+v", out)
			}
			b.Relogin()
		}
		_, err := b.FindByToken(t.Context(), ownToken)
		if refusal, ok := errors.AsType[*preauth.SinkRefusal](err); !ok || refusal.Status != 401 {
			t.Errorf("got %v", err)
		}
		if got := len(b.requests(false)); got != 3 {
			t.Errorf("%d requests, want 3", got)
		}
	})
}

func TestConfigurationsAreChecked(t *testing.T) {
	secret := httpx.NewSecret(canaryPassword)
	good := Config{Address: "https://v4.test/ResourceServer/", Auth: Auth{Token: httpx.NewSecret("t")}}
	for _, each := range []struct {
		name  string
		spoil func(*Config)
		want  string
	}{
		{"no address", func(c *Config) { c.Address = "" }, "address"},
		{"an address without a scheme", func(c *Config) { c.Address = "v4.test/x" }, "https://host/path"},
		{"an address with a password", func(c *Config) { c.Address = "https://u:" + canaryClient + "@v4.test" }, "leave out user"},
		{"an address that cannot be parsed", func(c *Config) { c.Address = "https://u:" + canaryClient + "@v4 test:x" }, "cannot be parsed"},
		{"an address with a query", func(c *Config) { c.Address = "https://v4.test?x" }, "leave out"},
		{"no way to log in", func(c *Config) { c.Auth = Auth{} }, "token or a login_address"},
		{"both ways", func(c *Config) { c.Auth.LoginAddress = "https://v4.test" }, "not both"},
		{"a token with a line break", func(c *Config) { c.Auth.Token = httpx.NewSecret(canaryToken + "\n") }, "no header can carry"},
		{"a password without a user", func(c *Config) { c.Auth = Auth{LoginAddress: "https://v4.test", Password: secret} }, "go together"},
		{"a client_secret without a client_id", func(c *Config) { c.Auth = Auth{LoginAddress: "https://v4.test", ClientSecret: secret} }, "client_id"},
		{"password and client_secret", func(c *Config) {
			c.Auth = Auth{LoginAddress: "https://v4.test", Username: "u", Password: secret, ClientID: "c", ClientSecret: secret}
		}, "not both"},
		{"a login address without a scheme", func(c *Config) { c.Auth = Auth{LoginAddress: "v4", Username: "u", Password: secret} }, "login_address"},
		{"an empty reply for something else", func(c *Config) { c.CaptureEmptyReply = "maybe" }, "unknown or success"},
	} {
		t.Run(each.name, func(t *testing.T) {
			cfg := good
			each.spoil(&cfg)
			_, err := New(cfg)
			if err == nil || !strings.Contains(err.Error(), each.want) {
				t.Fatalf("got %v", err)
			}
			noSecret(t, err.Error())
		})
	}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
}
