package v4

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"go.uber.org/goleak"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/internal/httpx/memnet"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ engine.Sink = (*Client)(nil)

// Values that must never show in any text.
const (
	canaryToken    = "canary-token-4711"
	canaryPassword = "canary-pass/w+rd"
	canaryClient   = "canary-client-secret"
)

const ownToken = "2d93962f-067f-45a6-b7c4-bc4b9d899456"

// request is one that the bench's server has received.
type request struct {
	Line, Body string
	header     http.Header
	at         time.Time
}

// bench is a client in a bubble, with a server in memory behind it.
type bench struct {
	*Client
	net    *memnet.Net
	mu     sync.Mutex
	seen   []request
	events []httpx.Event
}

// requests gives "METHOD path" of those received, logins apart.
func (b *bench) requests(login bool) []request {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []request
	for _, each := range b.seen {
		if strings.HasSuffix(each.Line, "/Login") == login {
			found = append(found, each)
		}
	}
	return found
}

// handler answers one request, given its body; n counts from 1.
type handler func(n int, w http.ResponseWriter, r *http.Request, body string)

// says answers everything alike.
func says(status int, body string) handler {
	return func(_ int, w http.ResponseWriter, _ *http.Request, _ string) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// breaks sends raw bytes and closes.
func breaks(raw string) handler {
	return func(_ int, w http.ResponseWriter, _ *http.Request, _ string) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, raw)
		_ = conn.Close()
	}
}

func withToken(c *Config) { c.Auth = Auth{Token: httpx.NewSecret(canaryToken)} }

func withLogin(c *Config) {
	c.Auth = Auth{
		LoginAddress: "http://v4.test/AuthorizationServer/api/v4/Access/Login", ClientID: "preauth-sync",
		Username: "sync", Password: httpx.NewSecret(canaryPassword),
	}
}

func inBubble(t *testing.T, answer handler, configure func(*Config), use func(*testing.T, *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{net: memnet.New()}
		stop := b.net.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body) // a request cut short is seen as it is
			b.mu.Lock()
			b.seen = append(b.seen, request{r.Method + " " + r.URL.Path, string(body), r.Header, time.Now()})
			n := len(b.seen)
			b.mu.Unlock()
			answer(n, w, r, string(body))
		}))
		cfg := Config{
			Address: "http://v4.test/ResourceServer", Timeout: 30 * time.Second,
			Transport: httpx.TransportConfig{DialContext: b.net.DialContext, NoProxy: true},
			Observer: func(e httpx.Event) {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.events = append(b.events, e)
			},
		}
		configure(&cfg)
		client, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		b.Client = client
		use(t, b)
		for _, each := range b.events {
			noSecret(t, fmt.Sprintf("%+v", each))
		}
		client.Close()
		stop()
		_ = b.net.Close()
	})
}

// noSecret looks for the canaries.
func noSecret(t *testing.T, text string) {
	t.Helper()
	for _, canary := range []string{canaryToken, canaryPassword, canaryClient, "canary-pass", "issued-"} {
		if strings.Contains(text, canary) {
			t.Errorf("a secret shows in %q", text)
		}
	}
}

func amount(text string) decimal.Decimal { return decimal.RequireFromString(text) }

func aCreate() preauth.CreateRequest {
	return preauth.CreateRequest{PaymentMethodID: 9, Amount: amount("200.5"), Token: ownToken, CreatedByUserID: 2}
}

// object writes a hold as the seed shows it.
func holdJSON(identity int64, token string) string {
	return fmt.Sprintf(`{"identity":%d,"paymentMethodId":9,"paymentMethodName":"Sample","amount":200.5,`+
		`"transactionToken":%q,"created":"2021-04-26T15:25:27.587Z","createdByUserId":2}`, identity, token)
}

func aHold(identity int64, token string) preauth.Hold {
	return preauth.Hold{Identity: identity, PaymentMethodID: 9, Amount: amount("200.5"), Token: token, CreatedByUserID: 2}
}

// foundJSON is a Search's reply.
func foundJSON(items ...string) string {
	return fmt.Sprintf(`{"trackingId":"t","itemCount":%d,"items":[%s]}`, len(items), strings.Join(items, ","))
}

// asked reads a Search's query back.
func asked(t *testing.T, body string) query {
	t.Helper()
	var wrapped struct {
		Query query `json:"query"`
	}
	if err := json.Unmarshal([]byte(body), &wrapped); err != nil {
		t.Errorf("a search with the body %q: %v", body, err)
	}
	return wrapped.Query
}
