package simulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"go.uber.org/goleak"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	pollPath    = "/api/connector/v1/preauthorizations/getAllByCustomers"
	createPath  = "/ResourceServer/api/v4/PaymentPreAuthorize/"
	capturePath = createPath + "Capture"
	searchPath  = createPath + "Search"
	pagedPath   = createPath + "Paged"
	loginPath   = "/AuthorizationServer/api/v4/Access/Login"
)

// bench is a served world and a client of it that follows no redirect.
type bench struct {
	t     *testing.T
	world *simulator.World
	base  string
	http  *http.Client
	token string
}

// overTCP serves a new world on loopback until the test's end.
func overTCP(t *testing.T) *bench {
	t.Helper()
	w := simulator.New(simulator.Options{Seed: 1})
	s, err := simulator.Listen("127.0.0.1:0", w)
	if err != nil {
		t.Fatal(err)
	}
	return newBench(t, w, s.URL(), nil, s.Close)
}

// inMemory serves a new world over net.Pipe until the test's end.
func inMemory(t *testing.T) *bench {
	t.Helper()
	w := simulator.New(simulator.Options{Seed: 1})
	m := w.Memory()
	return newBench(t, w, m.URL(), m.DialContext, m.Close)
}

func newBench(t *testing.T, w *simulator.World, base string,
	dial func(context.Context, string, string) (net.Conn, error), closeServer func() error,
) *bench {
	t.Helper()
	transport := &http.Transport{DialContext: dial, DisableCompression: true, MaxResponseHeaderBytes: 1 << 16}
	b := &bench{t: t, world: w, base: base, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := closeServer(); err != nil {
			t.Error(err)
		}
		w.Close()
	})
	token, err := w.StaticToken("")
	if err != nil {
		t.Fatal(err)
	}
	b.token = token
	return b
}

// answer is a reply as read; err is that of the request or of its body.
type answer struct {
	status int
	header http.Header
	body   string
	err    error
}

// send sends a request; headers are name, value, name, value.
func (b *bench) send(ctx context.Context, method, path, body string, headers ...string) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, b.base+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.GetBody = nil
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := b.http.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	read, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	return answer{res.StatusCode, res.Header, string(read), err}
}

// v4 sends JSON with the bearer token.
func (b *bench) v4(method, path, body string) answer {
	b.t.Helper()
	return b.send(b.t.Context(), method, path, body, "Content-Type", "application/json", "Authorization", "Bearer "+b.token)
}

func (b *bench) create(token string) answer {
	b.t.Helper()
	return b.v4(http.MethodPost, createPath, `{"paymentMethodId":101,"amount":22.5,"transactionToken":"`+token+`"}`)
}

func (b *bench) capture(identity string) answer {
	b.t.Helper()
	return b.v4(http.MethodPost, capturePath, `{"identity":`+identity+`}`)
}

// poll asks for customers with good tokens.
func (b *bench) poll(customers ...string) answer {
	b.t.Helper()
	return b.send(b.t.Context(), http.MethodPost, pollPath, b.pollBody(customers...), "Content-Type", "application/json")
}

func (b *bench) pollBody(customers ...string) string {
	b.t.Helper()
	body, err := json.Marshal(map[string]any{
		"ClientToken": b.world.ClientToken(), "AccessToken": b.world.Enterprises()[0].AccessToken,
		"Client": "test 1.0.0", "CustomerIds": customers,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return string(body)
}

func (b *bench) login(form url.Values) answer {
	b.t.Helper()
	return b.send(b.t.Context(), http.MethodPost, loginPath, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

// ask gets from or posts to the administration and reads the answer into a value.
func (b *bench) ask(method, path, body string, into any) answer {
	b.t.Helper()
	got := b.send(b.t.Context(), method, "/simulator/"+path, body)
	if into != nil && got.status == http.StatusOK {
		decode(b.t, got.body, into)
	}
	return got
}

func decode(t *testing.T, body string, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader([]byte(body)))
	if err := d.Decode(into); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
}

func dec(s string) decimal.Decimal { return decimal.RequireFromString(s) }

// add puts a preauthorization into the world.
func (b *bench) add(p simulator.Preauthorization) string {
	b.t.Helper()
	id, err := b.world.AddPreauthorization(p)
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

func (b *bench) configure(change func(*simulator.Settings)) {
	b.t.Helper()
	if err := b.world.Configure(change); err != nil {
		b.t.Fatal(err)
	}
}
