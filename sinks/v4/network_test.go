package v4

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
)

// writes are what must not take effect twice.
func writes() map[string]func(context.Context, *Client) preauth.Outcome {
	return map[string]func(context.Context, *Client) preauth.Outcome{
		opCreate:  func(ctx context.Context, c *Client) preauth.Outcome { return c.Create(ctx, aCreate()) },
		opCapture: func(ctx context.Context, c *Client) preauth.Outcome { return c.Capture(ctx, 7) },
	}
}

// reads are what else a client sends. With a login to make, that comes first.
func reads() map[string]func(context.Context, *Client) error {
	return map[string]func(context.Context, *Client) error{
		opLogin: func(ctx context.Context, c *Client) error { return c.Ready(ctx) },
		opSearch: func(ctx context.Context, c *Client) error {
			_, err := c.FindByToken(ctx, ownToken)
			return err
		},
		opGet: func(ctx context.Context, c *Client) error {
			_, _, err := c.Get(ctx, 7)
			return err
		},
	}
}

// explains wants an error that says why, and shows no secret.
func explains(t *testing.T, operation string, err error, cause string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), operation) || !strings.Contains(err.Error(), cause) {
		t.Errorf("the error of a %s does not say %q: %v", operation, cause, err)
	}
	noSecret(t, fmt.Sprintf("%v %+v %#v", err, err, err))
}

// The contract: what breaks before there is a connection is proven not sent, in a
// create and in a capture alike, and every error says what has broken.
func TestNothingIsSentOverABrokenRoad(t *testing.T) {
	const century = 100 * 365 * 24 * time.Hour
	dials := func(dial httpx.DialFunc) func(*httpx.TransportConfig) {
		return func(c *httpx.TransportConfig) { c.DialContext = dial }
	}
	for _, each := range []struct {
		name  string
		spoil func(*httpx.TransportConfig)
		cause string
	}{
		{"a certificate that has expired", func(c *httpx.TransportConfig) {
			c.TLS.Time = func() time.Time { return time.Now().Add(century) }
		}, "certificate has expired"},
		{"a certificate for another host", func(c *httpx.TransportConfig) { c.TLS.ServerName = "elsewhere.test" }, "elsewhere.test"},
		{"a certificate of nobody known", func(c *httpx.TransportConfig) { c.TLS.RootCAs = x509.NewCertPool() }, "unknown authority"},
		{"a handshake that is cut", dials(func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			return ours, theirs.Close()
		}), "pipe"},
		{"a name that cannot be resolved", dials(func(_ context.Context, _, address string) (net.Conn, error) {
			return nil, &net.DNSError{Err: "no such host", Name: address, IsNotFound: true}
		}), "no such host"},
	} {
		t.Run(each.name, func(t *testing.T) {
			var arrived atomic.Int32
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived.Add(1) }))
			server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // about the handshakes that break
			server.StartTLS()
			defer server.Close()
			roots := x509.NewCertPool()
			roots.AddCert(server.Certificate())
			config := Config{
				Address: server.URL + "/ResourceServer", Tries: 1,
				Transport: httpx.TransportConfig{NoProxy: true, TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
			}
			each.spoil(&config.Transport)
			withToken(&config)
			client := opened(t, config)
			for operation, send := range writes() {
				out := send(t.Context(), client)
				if out.Kind != preauth.OutcomeNotSent || out.Status != 0 {
					t.Errorf("a %s: %+v", operation, out)
				}
				explains(t, operation, out.Err, each.cause)
			}
			for operation, ask := range reads() {
				if operation != opLogin {
					explains(t, operation, ask(t.Context(), client), each.cause)
				}
			}
			withLogin(&config)
			config.Auth.LoginAddress = server.URL + "/Login"
			explains(t, opLogin, opened(t, config).Ready(t.Context()), each.cause)
			if n := arrived.Load(); n != 0 {
				t.Errorf("%d requests have arrived", n)
			}
		})
	}
}

func opened(t *testing.T, config Config) *Client {
	t.Helper()
	client, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// behindProxy lets the bench's server be a proxy with a user and a password. Go
// reads the environment once in a process, so it is the same in every test.
func behindProxy(t *testing.T) {
	t.Helper()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY"} {
		t.Setenv(name, "http://sync:canary-pass-of-the-proxy@proxy.test:3128")
	}
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		t.Setenv(name, "")
	}
}

// The contract: a tunnel that a proxy refuses is proof that nothing was sent. A
// plain request it has received as a whole, and its refusal is no word of v4's:
// a 4xx without v4's errors leaves the outcome unknown, to be looked up.
func TestAProxyThatRefusesUs(t *testing.T) {
	behindProxy(t)
	for _, each := range []struct {
		scheme, path string
		want         preauth.OutcomeKind
		cause        string
	}{
		{"https", "CONNECT ", preauth.OutcomeNotSent, "Proxy Authentication Required"},
		{"http", "POST /ResourceServer/api/v4/PaymentPreAuthorize/", unknown, "HTTP 407"},
	} {
		proxied := func(auth func(*Config)) func(*Config) {
			return func(c *Config) {
				auth(c)
				c.Address, c.Tries, c.Transport.NoProxy = each.scheme+"://v4.test/ResourceServer", 1, false
				if c.Auth.LoginAddress != "" {
					c.Auth.LoginAddress = each.scheme + "://v4.test/Login"
				}
			}
		}
		refuses := says(http.StatusProxyAuthRequired, "<html>Who are you?</html>")
		for operation, send := range writes() {
			t.Run(each.scheme+", "+operation, func(t *testing.T) {
				inBubble(t, refuses, proxied(withToken), func(t *testing.T, b *bench) { //nolint:thelper // the test itself
					out := send(t.Context(), b.Client)
					if out.Kind != each.want || out.RetryAfter != 0 {
						t.Errorf("got %+v", out)
					}
					explains(t, operation, out.Err, each.cause)
					got := b.requests(false)
					if len(got) != 1 || !strings.HasPrefix(got[0].Line, each.path) || got[0].header.Get("Proxy-Authorization") == "" {
						t.Errorf("the proxy received %+v", got)
					}
				})
			})
		}
		for operation, ask := range reads() {
			auth := withToken
			if operation == opLogin {
				auth = withLogin
			}
			t.Run(each.scheme+", "+operation, func(t *testing.T) {
				inBubble(t, refuses, proxied(auth), func(t *testing.T, b *bench) { //nolint:thelper // the test itself
					explains(t, operation, ask(t.Context(), b.Client), each.cause)
				})
			})
		}
	}
}

// storms are the Retry-After headers of a server under load.
func storms() map[string]func() string {
	const year = 365 * 24 * time.Hour
	is := func(text string) func() string { return func() string { return text } }
	at := func(d time.Duration) func() string {
		return func() string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	}
	return map[string]func() string{
		"none": is(""), "0": is("0"), "negative": is("-1"), "a fraction": is("0.001"), "words": is("soon"),
		"10^12": is("1000000000000"), "more digits than a number holds": is(strings.Repeat("9", 400)),
		"now": at(0), "a date long past": at(-year), "a date ahead": at(20 * time.Second), "a date far ahead": at(year),
	}
}

// throttles answers everything with 429, and with a Date of its own or none.
func throttles(after func() string, dated bool) handler {
	return func(_ int, w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("Retry-After", after())
		if !dated {
			w.Header()["Date"] = nil
		}
		w.WriteHeader(http.StatusTooManyRequests)
	}
}

// The contract: a write is sent once, and its 429 says for how long to hold off,
// which is 0 where the engine's own wait counts, and never beyond bounds.
func TestAThrottledWriteHoldsOffWithinBounds(t *testing.T) {
	for name, after := range storms() {
		for operation, send := range writes() {
			for _, dated := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s, %s, dated %t", name, operation, dated), func(t *testing.T) {
					inBubble(t, throttles(after, dated), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
						begun := time.Now()
						out := send(t.Context(), b.Client)
						if out.Kind != throttled || out.RetryAfter < 0 || out.RetryAfter > maxRetryAfter {
							t.Errorf("%s, to wait for %s", out.Kind, out.RetryAfter)
						}
						if 0 < out.RetryAfter && out.RetryAfter < time.Second {
							t.Errorf("%s is a busy loop", out.RetryAfter)
						}
						if len(b.seen) != 1 || !b.events[0].Throttled || time.Since(begun) > time.Second {
							t.Errorf("%d requests in %s", len(b.seen), time.Since(begun))
						}
					})
				})
			}
		}
	}
}

// The contract: reads and logins are sent again by themselves, a few times, and
// never sooner than the backoff.
func TestAThrottledReadIsNoBusyLoop(t *testing.T) {
	for name, after := range storms() {
		for operation, ask := range reads() {
			auth, tries := withToken, readTries
			if operation == opLogin {
				auth, tries = withLogin, loginTries
			}
			t.Run(name+", "+operation, func(t *testing.T) {
				inBubble(t, throttles(after, false), auth, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
					explains(t, operation, ask(t.Context(), b.Client), "429")
					if len(b.seen) != tries {
						t.Fatalf("%d requests", len(b.seen))
					}
					for i := 1; i < tries; i++ {
						least, most := time.Second<<(i-1), 2*time.Minute // the backoff's, without jitter, and its limit
						if gap := b.seen[i].at.Sub(b.seen[i-1].at); gap < least || gap > most {
							t.Errorf("request %d came %s after the one before", i+1, gap)
						}
					}
				})
			})
		}
	}
}
