package httpx

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/httpx/memnet"
)

const writeBody = `{"amount":22}`

// writeBench is a write client in a bubble, and a raw server that answers the
// n-th request it has received in full, counted from 1.
type writeBench struct {
	net    *memnet.Net
	client *WriteClient
	mu     sync.Mutex
	seen   []string
	events []Event
}

// answering is called with each complete request and writes what it likes; the
// connection is closed when it returns false.
type answering func(n int, conn net.Conn, r *http.Request) bool

func writeInBubble(t *testing.T, answer answering, cfg WriteConfig, use func(*testing.T, *writeBench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &writeBench{net: memnet.New()}
		var conns sync.WaitGroup
		conns.Go(func() {
			for {
				conn, err := b.net.Accept()
				if err != nil {
					return
				}
				conns.Go(func() { b.serve(conn, answer) })
			}
		})
		cfg.API = "v4"
		cfg.Transport.NoProxy = true
		if cfg.Transport.DialContext == nil {
			cfg.Transport.DialContext = b.net.DialContext
		}
		cfg.Observer = func(e Event) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.events = append(b.events, e)
		}
		b.client = NewWriteClient(cfg)
		use(t, b)
		b.client.CloseIdleConnections()
		_ = b.net.Close()
		conns.Wait()
	})
}

func (b *writeBench) serve(conn net.Conn, answer answering) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		b.mu.Lock()
		b.seen = append(b.seen, req.Method+" "+req.URL.Path+" "+string(body))
		n := len(b.seen)
		b.mu.Unlock()
		if !answer(n, conn, req) {
			return
		}
	}
}

func (b *writeBench) received() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.seen)
}

func (b *writeBench) send(ctx context.Context) (WriteResult, error) {
	return b.client.Do(ctx, aWrite("http://v4.test/create"))
}

func aWrite(address string) Write {
	return Write{
		Operation: "create", URL: address, Body: []byte(writeBody),
		Header:  http.Header{"Authorization": {"Bearer " + canary}, "Content-Type": {"application/json"}},
		Secrets: []Secret{NewSecret(canary)},
	}
}

// raw answers every request with the same bytes.
func raw(reply string, keep bool) answering {
	return func(_ int, conn net.Conn, _ *http.Request) bool {
		_, err := io.WriteString(conn, reply)
		return keep && err == nil
	}
}

func TestAReplyIsHandedOverAsItCame(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, each := range []struct {
		name, reply string
		status      int
		body        string
		complete    bool
	}{
		{"a body with its length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, "{}", true},
		{"a chunked body", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 200, "{}", true},
		{"a body that ends with its connection", "HTTP/1.1 200 OK\r\n\r\n{}", 200, "{}", true},
		{"no body, and it says so", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", true},
		{"no body by its status", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", true},
		{"a connection that ends after the header", "HTTP/1.1 200 OK\r\n\r\n", 200, "", false},
		{"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", 200, "{", false},
		{"half a chunked body", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{", 200, "{", false},
		{"chunks without their end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", 200, "{}", false},
		{"more than is read", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + long, 200, long[:50], false},
		{"a compressed body", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 200, "{}", false},
		{"a refusal", "HTTP/1.1 503 Busy\r\nContent-Length: 1\r\n\r\nx", 503, "x", true},
		{"interim replies before it", "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, "{}", true},
	} {
		t.Run(each.name, func(t *testing.T) {
			writeInBubble(t, raw(each.reply, false), WriteConfig{MaxReplyBytes: 50}, func(t *testing.T, b *writeBench) { //nolint:thelper // the test itself
				got, err := b.send(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if got.Status != each.status || string(got.Body) != each.body || got.BodyComplete != each.complete {
					t.Errorf("got %d %q complete=%v (%v)", got.Status, got.Body, got.BodyComplete, got.BodyErr)
				}
				if got.Sent != MaybeSent || (got.BodyErr == nil) != each.complete {
					t.Errorf("%s, %v", got.Sent, got.BodyErr)
				}
				if diff := cmp.Diff([]string{"POST /create " + writeBody}, b.seen); diff != "" {
					t.Error(diff)
				}
				if len(b.events) != 1 || b.events[0].Status != each.status || b.events[0].Operation != "create" {
					t.Errorf("events: %+v", b.events)
				}
			})
		})
	}
}

func TestWhatFailsAfterTheSendMayHaveBeenSent(t *testing.T) {
	hang := func(_ int, conn net.Conn, _ *http.Request) bool {
		_, _ = conn.Read(make([]byte, 1)) // until the client gives up
		return false
	}
	for _, each := range []struct {
		name   string
		answer answering
		want   string
	}{
		{"closed without a reply", raw("", false), "EOF"},
		{"half a header", raw("HTTP/1.1 200 OK\r\nContent-", false), "connection broken"},
		{"no reply in time", hang, "context deadline exceeded"},
		{"garbage that echoes the request", raw("Bearer "+canary+"\r\n\r\n", false), "malformed"},
		{"endless headers", raw("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("y", 200_000)+"\r\n\r\n", false), "exceeded"},
		{"a flood of interim replies", raw(strings.Repeat("HTTP/1.1 103 Early\r\nX: y\r\n\r\n", 9000), false), ""},
	} {
		t.Run(each.name, func(t *testing.T) {
			writeInBubble(t, each.answer, WriteConfig{Timeout: 30 * time.Second}, func(t *testing.T, b *writeBench) { //nolint:thelper // the test itself
				begun := time.Now()
				got, err := b.send(t.Context())
				if err == nil || !strings.Contains(err.Error(), each.want) || strings.Contains(err.Error(), "C4NARY") {
					t.Errorf("error: %v", err)
				}
				if got.Sent != MaybeSent || b.received() != 1 || time.Since(begun) > 30*time.Second {
					t.Errorf("%s, %d requests received in %s", got.Sent, b.received(), time.Since(begun))
				}
				if len(b.events) != 1 || b.events[0].Err == nil || strings.Contains(fmt.Sprint(b.events), "C4NARY") {
					t.Errorf("events: %+v", b.events)
				}
			})
		})
	}
}

func TestABodyThatStallsEndsWithTheDeadline(t *testing.T) {
	stall := func(_ int, conn net.Conn, _ *http.Request) bool {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
		_, _ = conn.Read(make([]byte, 1))
		return false
	}
	for name, limits := range map[string]struct{ client, caller time.Duration }{
		"the caller's": {time.Minute, 10 * time.Second},
		"the client's": {10 * time.Second, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			writeInBubble(t, stall, WriteConfig{Timeout: limits.client}, func(t *testing.T, b *writeBench) { //nolint:thelper // the test itself
				ctx, cancel := context.WithTimeout(t.Context(), limits.caller)
				defer cancel()
				begun := time.Now()
				got, err := b.send(ctx)
				if err != nil || got.BodyComplete || !errors.Is(got.BodyErr, context.DeadlineExceeded) {
					t.Errorf("got %+v, %v", got, err)
				}
				if took := time.Since(begun); took != 10*time.Second {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			answer := raw(fmt.Sprintf("HTTP/1.1 %d Elsewhere\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", status), true)
			writeInBubble(t, answer, WriteConfig{}, func(t *testing.T, b *writeBench) { //nolint:thelper // the test itself
				got, err := b.send(t.Context())
				if err != nil || got.Status != status || b.received() != 1 {
					t.Errorf("got %+v, %v after %d requests", got, err, b.received())
				}
			})
		})
	}
}

// A kept connection that the server closes is where net/http sends again what
// it takes for replayable.
func TestNothingIsSentAgainOnAKeptConnection(t *testing.T) {
	answer := func(n int, conn net.Conn, _ *http.Request) bool {
		if n == 1 {
			_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
			return err == nil
		}
		return false // received, perhaps with effect, and closed
	}
	writeInBubble(t, answer, WriteConfig{}, func(t *testing.T, b *writeBench) { //nolint:thelper // the test itself
		if _, err := b.send(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // until the connection is idle
		got, err := b.send(t.Context())
		if err == nil || got.Sent != MaybeSent {
			t.Errorf("got %+v, %v", got, err)
		}
		if b.received() != 2 || b.net.Dials() != 1 {
			t.Errorf("%d requests received on %d connections", b.received(), b.net.Dials())
		}
	})
}

func TestAsManyConnectionsAreKeptAsWritesWereUnderWay(t *testing.T) {
	const many = 50
	release := make(chan struct{}) // so that all of them are under way at once
	answer := func(n int, conn net.Conn, _ *http.Request) bool {
		if n == many {
			close(release)
		}
		<-release
		_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
		return err == nil
	}
	writeInBubble(t, answer, WriteConfig{Transport: TransportConfig{MaxIdle: 1}}, func(t *testing.T, b *writeBench) { //nolint:thelper // the test itself
		for range 2 {
			var all sync.WaitGroup
			for range many {
				all.Go(func() {
					if _, err := b.send(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			synctest.Wait() // until the connections are idle
		}
		if b.received() != 2*many || b.net.Dials() != many {
			t.Errorf("%d requests received on %d connections", b.received(), b.net.Dials())
		}
	})
}

func TestAReplyIsUsedBeforeItIsTold(t *testing.T) {
	writeInBubble(t, raw("HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\n{}", true), WriteConfig{}, func(t *testing.T, b *writeBench) { //nolint:thelper // the test itself
		var used []WriteResult
		write := aWrite("http://v4.test/create")
		write.Use = func(result WriteResult) string {
			used = append(used, result)
			if len(b.events) != 0 {
				t.Error("it was told before")
			}
			return "tr-1 " + canary
		}
		got, err := b.client.Do(t.Context(), write)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]WriteResult{got}, used); diff != "" {
			t.Error(diff)
		}
		if len(b.events) != 1 || b.events[0].TrackingID != "tr-1 "+Redacted {
			t.Errorf("events: %+v", b.events)
		}
	})
}

func TestWithoutAReplyThereIsNothingToUse(t *testing.T) {
	writeInBubble(t, raw("", false), WriteConfig{}, func(t *testing.T, b *writeBench) { //nolint:thelper // the test itself
		write := aWrite("http://v4.test/create")
		write.Use = func(result WriteResult) string {
			t.Errorf("it was used: %+v", result)
			return ""
		}
		if got, err := b.client.Do(t.Context(), write); err == nil {
			t.Errorf("got %+v", got)
		}
	})
}
