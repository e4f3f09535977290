package httpx

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/httpx/memnet"
)

// hijack answers with raw bytes and closes the connection.
func hijack(t *testing.T, w http.ResponseWriter, raw string) {
	t.Helper()
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = io.WriteString(conn, raw)
	_ = conn.Close()
}

func TestWhatBreaksOnTheWayIsTriedAgain(t *testing.T) {
	hang := func(_ *testing.T, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	raw := func(text string) func(*testing.T, http.ResponseWriter, *http.Request) {
		return func(t *testing.T, w http.ResponseWriter, _ *http.Request) { //nolint:thelper // a handler
			hijack(t, w, text)
		}
	}
	for _, each := range []struct {
		name    string
		handler func(*testing.T, http.ResponseWriter, *http.Request)
		want    string
		is      error
	}{
		{"closed without a reply", raw(""), "EOF", io.EOF},
		{"half a header", raw("HTTP/1.1 200 OK\r\nContent-Le"), "transport connection broken", nil},
		{"half a body", raw("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf"), "unexpected EOF", io.ErrUnexpectedEOF},
		{"half a chunk", raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf"), "unexpected EOF", io.ErrUnexpectedEOF},
		{"an echo in place of a reply", raw(canary + "\r\n\r\n"), "malformed HTTP response \"" + Redacted, nil},
		{"endless headers", raw("HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 200)), "", nil},
		{"a flood of interim replies", raw(strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n", 9000)), "", nil},
		{"compressed", raw("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"), "", ErrEncoded},
		{"no reply at all", hang, "not over after 30s", ErrTimeout},
		{"a body that stalls", func(t *testing.T, w http.ResponseWriter, r *http.Request) { //nolint:thelper // a handler
			fmt.Fprint(w, "begun")
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			<-r.Context().Done()
		}, "not over after 30s", ErrTimeout},
		{"a slow trickle", func(_ *testing.T, w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				fmt.Fprint(w, "x")
				_ = http.NewResponseController(w).Flush()
				nap(r.Context(), time.Second)
			}
		}, "not over after 30s", ErrTimeout},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, func(_ int, w http.ResponseWriter, r *http.Request) { each.handler(t, w, r) }, func(b *bench) {
				t := b.t
				_, err := b.do(t.Context())
				if err == nil {
					t.Fatal("no error")
				}
				if len(b.at) != 4 || len(b.events) != 4 {
					t.Errorf("%d requests, %d events, want 4: %v", len(b.at), len(b.events), err)
				}
				if !strings.Contains(err.Error(), each.want) || (each.is != nil && !errors.Is(err, each.is)) {
					t.Errorf("unexpected error: %v", err)
				}
				if errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("reads as if the caller's time were up: %v", err)
				}
				for _, must := range []string{"connector look", "tries: 4"} {
					if !strings.Contains(err.Error(), must) {
						t.Errorf("the error does not say %q: %v", must, err)
					}
				}
				for _, e := range b.events {
					if e.Err == nil || strings.Contains(e.Err.Error(), "C4NARY") {
						t.Errorf("event's error: %v", e.Err)
					}
				}
				if strings.Contains(err.Error(), "C4NARY") {
					t.Errorf("the error shows the secret: %v", err)
				}
			})
		})
	}
}

func TestATooLargeBodyIsNotTriedAgain(t *testing.T) {
	for name, announce := range map[string]bool{"announced": true, "endless": false} {
		t.Run(name, func(t *testing.T) {
			sent := 0
			inBubble(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
				if announce {
					w.Header().Set("Content-Length", "10000000000")
				}
				for {
					n, err := io.WriteString(w, strings.Repeat("x", 1000))
					if sent += n; err != nil {
						return
					}
				}
			}, func(b *bench) {
				t := b.t
				_, err := b.do(t.Context())
				if !errors.Is(err, ErrBodyTooLarge) || len(b.at) != 1 {
					t.Errorf("%d requests: %v", len(b.at), err)
				}
				synctest.Wait()
				if sent > 100_000 {
					t.Errorf("the server could send %d bytes", sent)
				}
			})
		})
	}
}

func TestAnUntrustedCertificateIsNotTriedAgain(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	events := 0
	client := NewReadClient(ReadConfig{
		API: "connector", Transport: NewTransport(TransportConfig{NoProxy: true}), Observer: func(Event) { events++ },
		Backoff: Backoff{Min: time.Hour},
	})
	_, err := client.Do(t.Context(), ReadRequest{Operation: operation, Method: http.MethodGet, URL: server.URL})
	if err == nil || events != 1 || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("%d tries: %v", events, err)
	}
}

func TestAStaleConnectionIsNotFatal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		defer func() { _ = network.Close() }()
		go func() { // answers once on each connection, then closes it without a word
			for {
				conn, err := network.Accept()
				if err != nil {
					return
				}
				go func(conn net.Conn) {
					defer func() { _ = conn.Close() }()
					if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
						_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
					}
				}(conn)
			}
		}()
		transport := NewTransport(TransportConfig{DialContext: network.DialContext, NoProxy: true})
		defer transport.CloseIdleConnections()
		client := NewReadClient(ReadConfig{API: "v4", Transport: transport})
		for range 3 {
			reply, err := client.Do(t.Context(), ReadRequest{Operation: operation, Method: http.MethodGet, URL: "http://api.test/"})
			if err != nil || string(reply.Body) != "ok" {
				t.Fatalf("%v %v", reply, err)
			}
		}
		client.CloseIdleConnections()
	})
}
