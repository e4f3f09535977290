package connector

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/internal/httpx/memnet"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
)

var _ engine.Source = (*Client)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	clientToken = "C4NARY-client-token"
	accessToken = "C4NARY-access-token"
)

// asked is a request as it arrived.
type asked struct {
	method, path, contentType string
	properties                map[string]json.RawMessage
	customers                 []preauth.ID
	after                     time.Duration
}

// bench is a client and the API that it talks to, in one bubble.
type bench struct {
	*testing.T
	cfg      Config
	mu       sync.Mutex
	requests []asked
	events   []httpx.Event
	replies  []preauth.Reply
}

// answer writes the reply to one request.
type answer func(w http.ResponseWriter, r asked)

// inBubble runs a test in virtual time against an API that answers like this.
func inBubble(t *testing.T, api answer, test func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{T: t}
		begun, network := time.Now(), memnet.New()
		stop := network.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got := asked{method: r.Method, path: r.URL.RequestURI(), contentType: r.Header.Get("Content-Type"), after: time.Since(begun)}
			body, err := io.ReadAll(r.Body)
			if err == nil {
				err = json.Unmarshal(body, &got.properties)
			}
			if list := got.properties["CustomerIds"]; err == nil && list != nil {
				err = json.Unmarshal(list, &got.customers)
			}
			if err != nil {
				t.Errorf("the request's body %q: %v", body, err)
			}
			b.mu.Lock()
			b.requests = append(b.requests, got)
			b.mu.Unlock()
			api(w, got)
		}))
		defer stop()
		transport := httpx.NewTransport(httpx.TransportConfig{DialContext: network.DialContext, NoProxy: true})
		defer transport.CloseIdleConnections()
		b.cfg = Config{
			Address: "http://api.test", Client: "preauth-sync 1.0.0", Transport: transport,
			ClientToken: httpx.NewSecret(clientToken), AccessToken: httpx.NewSecret(accessToken),
			Observer: func(e httpx.Event) {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.events = append(b.events, e)
			},
		}
		test(b)
	})
}

func (b *bench) client() *Client {
	b.Helper()
	client, err := New(b.cfg)
	if err != nil {
		b.Fatal(err)
	}
	return client
}

// poll polls and keeps the replies.
func (b *bench) poll(customers ...preauth.ID) ([]preauth.RefusedCustomer, error) {
	b.Helper()
	return b.client().Poll(b.Context(), customers, func(r preauth.Reply) error {
		b.replies = append(b.replies, r)
		return nil
	})
}

// read lists the customers of all replies, in order.
func (b *bench) read() []preauth.ID {
	var all []preauth.ID
	for _, each := range b.replies {
		all = append(all, each.Customers...)
	}
	slices.Sort(all)
	return all
}

// seen lists the Ids of all replies.
func (b *bench) seen() []preauth.ID {
	var all []preauth.ID
	for _, each := range b.replies {
		for _, p := range each.Preauthorizations {
			all = append(all, p.ID)
		}
	}
	slices.Sort(all)
	return all
}

// id makes a readable UUID: kind and number.
func id(kind, n int) preauth.ID {
	return preauth.ID(fmt.Sprintf("%08x-0000-4000-8000-%012x", kind, n))
}

func customer(n int) preauth.ID { return id(0xc, n) }
func hold(n int) preauth.ID     { return id(0xa, n) }

func customers(n int) []preauth.ID {
	all := make([]preauth.ID, n)
	for i := range all {
		all[i] = customer(i)
	}
	return all
}

// entryOf is a proper entry.
func entryOf(hold, customer preauth.ID) string {
	return fmt.Sprintf(`{"Amount":{"Currency":"EUR","NetValue":null,"GrossValue":10,"TaxValues":[]},"Code":null,`+
		`"CreditCardId":"e417dfe8-c813-4938-837b-36081199ce88","CustomerId":%q,"Id":%q,"IsActive":true,"State":"Chargeable"}`, customer, hold)
}

func listOf(entries ...string) string {
	return `{"Preauthorizations":[` + strings.Join(entries, ",") + `]}`
}

// everyone answers with one proper entry for each customer, of the same number.
func everyone(w http.ResponseWriter, r asked) {
	var entries []string
	for _, each := range r.customers {
		entries = append(entries, entryOf("0000000a"+each[8:], each))
	}
	fmt.Fprint(w, listOf(entries...))
}

func fail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Request-Id", "req-1")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"Message":%q,"RequestId":"body-1","Details":null}`, message)
}
