package httpx

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/httpx/memnet"
)

// brittle is a connection that fails as the test likes.
type brittle struct {
	net.Conn
	write func(p []byte) (int, error)
}

func (b *brittle) Write(p []byte) (int, error) { return b.write(p) }

// brittleDial dials the bench's network and lets only so many bytes through in all.
func brittleDial(n *memnet.Net, most int) DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := n.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		left := most
		return &brittle{Conn: conn, write: func(p []byte) (int, error) {
			if len(p) <= left {
				left -= len(p)
				return conn.Write(p)
			}
			n, err := conn.Write(p[:left])
			left -= n
			return n, errors.Join(errors.New("broken pipe"), err)
		}}, nil
	}
}

func TestWhatNeverLeftIsProvenNotSent(t *testing.T) {
	ok := raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", true)
	fails := func(err error) DialFunc {
		return func(context.Context, string, string) (net.Conn, error) { return nil, err }
	}
	hangs := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for _, each := range []struct {
		name   string
		dial   func(*memnet.Net) DialFunc
		header int
		want   Proof
	}{
		{"refused", func(*memnet.Net) DialFunc { return fails(errors.New("connection refused")) }, 0, NotSent},
		{"no such host", func(*memnet.Net) DialFunc {
			return fails(&net.DNSError{Err: "no such host", Name: "v4.test", IsNotFound: true})
		}, 0, NotSent},
		{"no connection in time", func(*memnet.Net) DialFunc { return hangs }, 0, NotSent},
		{"a connection that takes nothing", func(n *memnet.Net) DialFunc { return brittleDial(n, 0) }, 0, NotSent},
		{"broken in the middle of a long header", func(n *memnet.Net) DialFunc { return brittleDial(n, 5000) }, 9000, NotSent},
		{"broken in the middle of a request written at once", func(n *memnet.Net) DialFunc { return brittleDial(n, 40) }, 0, MaybeSent},
		{"broken after a long header", func(n *memnet.Net) DialFunc { return brittleDial(n, 9200) }, 9000, MaybeSent},
	} {
		t.Run(each.name, func(t *testing.T) {
			var b *writeBench
			cfg := WriteConfig{Timeout: 30 * time.Second}
			cfg.Transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				return each.dial(b.net)(ctx, network, address)
			}
			writeInBubble(t, ok, cfg, func(t *testing.T, bench *writeBench) { //nolint:thelper // the test itself
				b = bench
				write := aWrite("http://v4.test/create")
				write.Header.Set("X-Long", strings.Repeat("l", each.header))
				got, err := b.client.Do(t.Context(), write)
				if err == nil || got.Sent != each.want {
					t.Errorf("%s: %v", got.Sent, err)
				}
				if b.received() != 0 || got.Status != 0 {
					t.Errorf("%d requests received, status %d", b.received(), got.Status)
				}
			})
		})
	}
}

func TestNothingIsBegunWhenItIsTooLate(t *testing.T) {
	ok := raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", true)
	for _, each := range []struct {
		name  string
		cfg   WriteConfig
		spoil func(*testing.T, *WriteConfig, *Write) (context.Context, context.CancelFunc)
	}{
		{"the context has ended", WriteConfig{}, func(t *testing.T, _ *WriteConfig, _ *Write) (context.Context, context.CancelFunc) {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return ctx, cancel
		}},
		{"the limiter outlasts the deadline", WriteConfig{}, func(t *testing.T, cfg *WriteConfig, _ *Write) (context.Context, context.CancelFunc) {
			t.Helper()
			cfg.Limiter = NewLimiter(1, time.Hour)
			if err := cfg.Limiter.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			return context.WithTimeout(t.Context(), time.Second)
		}},
		{"it has no body", WriteConfig{}, func(t *testing.T, _ *WriteConfig, w *Write) (context.Context, context.CancelFunc) {
			t.Helper()
			w.Body = nil
			return context.WithCancel(t.Context())
		}},
		{"it has a header that makes it replayable", WriteConfig{}, func(t *testing.T, _ *WriteConfig, w *Write) (context.Context, context.CancelFunc) {
			t.Helper()
			w.Header["idempotency-key"] = []string{""}
			return context.WithCancel(t.Context())
		}},
	} {
		t.Run(each.name, func(t *testing.T) {
			writeInBubble(t, ok, WriteConfig{}, func(t *testing.T, b *writeBench) { //nolint:thelper // the test itself
				cfg, write := b.client.cfg, aWrite("http://v4.test/create")
				ctx, cancel := each.spoil(t, &cfg, &write)
				defer cancel()
				b.client.cfg = cfg
				got, err := b.client.Do(ctx, write)
				if err == nil || got.Sent != NotSent || b.net.Dials() != 0 || len(b.events) != 0 {
					t.Errorf("%s after %d dials and %d events: %v", got.Sent, b.net.Dials(), len(b.events), err)
				}
			})
		})
	}
}

// net/http would send again what has not left at all, if it could.
func TestWhatAKeptConnectionDoesNotTakeIsNotSentAgain(t *testing.T) {
	ok := raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", true)
	var b *writeBench
	broken := false
	cfg := WriteConfig{}
	cfg.Transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := b.net.DialContext(ctx, network, address)
		return &brittle{Conn: conn, write: func(p []byte) (int, error) {
			if broken {
				return 0, errors.New("broken pipe")
			}
			return conn.Write(p)
		}}, err
	}
	writeInBubble(t, ok, cfg, func(t *testing.T, bench *writeBench) { //nolint:thelper // the test itself
		b = bench
		if _, err := b.send(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // until the connection is idle
		broken = true
		got, err := b.send(t.Context())
		if err == nil || got.Sent != NotSent {
			t.Errorf("got %+v, %v", got, err)
		}
		if b.received() != 1 || b.net.Dials() != 1 {
			t.Errorf("%d requests received on %d connections", b.received(), b.net.Dials())
		}
	})
}

// stoppedContext has a deadline whose timer does not fire, as if the process had
// been stopped.
type stoppedContext struct {
	context.Context //nolint:containedctx // it is a context itself
	deadline        time.Time
}

func (c stoppedContext) Deadline() (time.Time, bool) { return c.deadline, true }

func TestAProcessStoppedPastItsDeadlineSendsNothing(t *testing.T) {
	ok := raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", true)
	for _, each := range []struct {
		name  string
		left  time.Duration
		dials int
	}{
		{"before it dials", 0, 0},
		{"while it dials", time.Second, 1},
	} {
		t.Run(each.name, func(t *testing.T) {
			var b *writeBench
			cfg := WriteConfig{}
			cfg.Transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				timer := time.NewTimer(2 * time.Second)
				<-timer.C
				return b.net.DialContext(ctx, network, address)
			}
			writeInBubble(t, ok, cfg, func(t *testing.T, bench *writeBench) { //nolint:thelper // the test itself
				b = bench
				got, err := b.send(stoppedContext{t.Context(), time.Now().Add(each.left)})
				if !errors.Is(err, context.DeadlineExceeded) || got.Sent != NotSent {
					t.Errorf("%s: %v", got.Sent, err)
				}
				if b.received() != 0 || b.net.Dials() != each.dials {
					t.Errorf("%d requests received on %d connections", b.received(), b.net.Dials())
				}
			})
		})
	}
}

// A process that was stopped may get to write before its timers have fired.
func TestAGateLetsNothingThroughAfterTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var passed []byte
		gate := &gatedConn{Conn: &brittle{write: func(p []byte) (int, error) {
			passed = append(passed, p...)
			return len(p), nil
		}}}
		gate.arm(time.Now().Add(time.Second))
		if _, err := gate.Write([]byte("in time")); err != nil || !gate.passed() {
			t.Errorf("refused in time: %v", err)
		}
		gate.arm(time.Now())
		if _, err := gate.Write([]byte(", too late")); !errors.Is(err, context.DeadlineExceeded) || gate.passed() {
			t.Errorf("let through: %v", err)
		}
		if string(passed) != "in time" {
			t.Errorf("%q got through", passed)
		}
	})
}

func TestAProxyThatRefusesTheTunnelProvesNotSent(t *testing.T) {
	refuse := raw("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", false)
	writeInBubble(t, refuse, WriteConfig{}, func(t *testing.T, b *writeBench) { //nolint:thelper // the test itself
		b.client.transport.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.test:3128", User: url.UserPassword("u", "hidden")})
		got, err := b.client.Do(t.Context(), aWrite("https://v4.test/create"))
		if err == nil || got.Sent != NotSent || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", got.Sent, err)
		}
		if diff := cmp.Diff([]string{"CONNECT  "}, b.seen); diff != "" {
			t.Error(diff)
		}
	})
}

// tlsServer counts the requests of a real server that would speak HTTP/2.
func tlsServer(t *testing.T) (server *httptest.Server, protocols func() []string) {
	t.Helper()
	var mu sync.Mutex
	var seen []string
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Proto)
		fmt.Fprint(w, "{}")
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // about the handshakes that the test cuts
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
}

func TestOverTLSTheProofsHoldToo(t *testing.T) {
	server, protocols := tlsServer(t)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	send := func(security *tls.Config) (WriteResult, error) {
		client := NewWriteClient(WriteConfig{Timeout: 10 * time.Second, Transport: TransportConfig{NoProxy: true, TLS: security}})
		defer client.CloseIdleConnections()
		return client.Do(t.Context(), aWrite(server.URL))
	}
	if got, err := send(nil); err == nil || got.Sent != NotSent {
		t.Errorf("an unknown authority: %s, %v", got.Sent, err)
	}
	if got, err := send(&tls.Config{RootCAs: roots, ServerName: "elsewhere.test", MinVersion: tls.VersionTLS12}); err == nil || got.Sent != NotSent {
		t.Errorf("a wrong name: %s, %v", got.Sent, err)
	}
	if len(protocols()) != 0 {
		t.Fatal("a request arrived")
	}
	got, err := send(&tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: tls.VersionTLS12})
	if err != nil || got.Status != 200 {
		t.Errorf("a right name: %+v, %v", got, err)
	}
	if diff := cmp.Diff([]string{"HTTP/1.1"}, protocols()); diff != "" {
		t.Error(diff)
	}
}

func TestTheGateIsFoundBeneathTLS(t *testing.T) {
	gate := &gatedConn{}
	if got := gateOf(tls.Client(tls.Client(gate, &tls.Config{ServerName: "a", MinVersion: tls.VersionTLS12}),
		&tls.Config{ServerName: "b", MinVersion: tls.VersionTLS12})); got != gate {
		t.Errorf("found %v", got)
	}
	if gateOf(&net.TCPConn{}) != nil {
		t.Error("found a gate where there is none")
	}
}
