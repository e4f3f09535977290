package httpx

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/httpx/memnet"
)

// bench is a client and the server that it talks to, in one bubble.
type bench struct {
	t      *testing.T
	net    *memnet.Net
	cfg    ReadConfig
	mu     sync.Mutex
	events []Event
	at     []time.Duration
	bodies []string
}

const operation = "look"

// inBubble runs a test in virtual time against a handler, which is told how
// many requests came before.
func inBubble(t *testing.T, handler func(n int, w http.ResponseWriter, r *http.Request), test func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, net: memnet.New()}
		begun := time.Now()
		stop := b.net.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			b.mu.Lock()
			n := len(b.at)
			b.at, b.bodies = append(b.at, time.Since(begun)), append(b.bodies, string(body))
			b.mu.Unlock()
			handler(n, w, r)
		}))
		defer stop()
		transport := NewTransport(TransportConfig{DialContext: b.net.DialContext, NoProxy: true})
		defer transport.CloseIdleConnections()
		b.cfg = ReadConfig{
			API: "connector", Transport: transport, Timeout: 30 * time.Second, Tries: 4, MaxReplyBytes: 1000,
			Secrets: []Secret{NewSecret(canary)}, Backoff: Backoff{Min: time.Second, Max: 10 * time.Second},
			Observer: func(e Event) {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.events = append(b.events, e)
			},
		}
		test(b)
	})
}

func (b *bench) do(ctx context.Context, change ...func(*ReadRequest)) (*ReadReply, error) {
	req := ReadRequest{
		Operation: operation, Method: http.MethodPost, URL: "http://api.test/look",
		Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"token":"` + canary + `"}`),
	}
	for _, each := range change {
		each(&req)
	}
	return NewReadClient(b.cfg).Do(ctx, req)
}

func status(code int, header ...string) func(w http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		fmt.Fprintf(w, "status %d", code)
	}
}
