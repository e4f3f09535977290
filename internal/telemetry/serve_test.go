package telemetry_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
)

func serve(t *testing.T, handler http.HandlerFunc) (s *telemetry.Server, address string) {
	t.Helper()
	listener, err := telemetry.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return telemetry.Serve(listener, handler), listener.Addr().String()
}

func get(t *testing.T, address string) (body string, err error) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/", http.NoBody)
	if err != nil {
		return "", err
	}
	reply, err := transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer reply.Body.Close()
	content, err := io.ReadAll(reply.Body)
	return string(content), err
}

func TestAServerAnswersUntilItIsClosed(t *testing.T) {
	s, address := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	if body, err := get(t, address); err != nil || body != "hello" {
		t.Errorf("%q, %v", body, err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := get(t, address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the end: %v", err)
	}
}

func TestAServerThatIsClosedAtOnceLeavesNothingOpen(t *testing.T) {
	s, address := serve(t, nil)
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := get(t, address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the end: %v", err)
	}
}

func TestClosingWaitsForAnExchangeButNotForEver(t *testing.T) {
	for _, c := range []struct {
		name   string
		finish bool
	}{{"it finishes in time", true}, {"it does not", false}} {
		t.Run(c.name, func(t *testing.T) {
			begun, finish := make(chan struct{}), make(chan struct{})
			s, address := serve(t, func(w http.ResponseWriter, r *http.Request) {
				close(begun)
				select {
				case <-finish:
				case <-r.Context().Done(): // cut off
				}
				_, _ = io.WriteString(w, "done")
			})
			replies := make(chan error, 1)
			go func() {
				_, err := get(t, address)
				replies <- err
			}()
			<-begun
			limit := 10 * time.Second
			if c.finish {
				time.AfterFunc(50*time.Millisecond, func() { close(finish) })
			} else {
				limit = 50 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			if err := s.Close(ctx); (err == nil) != c.finish {
				t.Errorf("closing: %v", err)
			}
			if err := <-replies; (err == nil) != c.finish {
				t.Errorf("the exchange: %v", err)
			}
		})
	}
}

func TestEndlessHeadersAreRefused(t *testing.T) {
	s, address := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was answered") })
	defer func() { _ = s.Close(t.Context()) }()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 64<<10))
	start := make([]byte, len("HTTP/1.1 431"))
	if _, err := io.ReadFull(conn, start); err != nil || string(start) != "HTTP/1.1 431" {
		t.Errorf("%q, %v", start, err)
	}
}

func TestAnAddressThatIsTakenIsNamedWithWhatToDo(t *testing.T) {
	s, address := serve(t, nil)
	defer func() { _ = s.Close(t.Context()) }()
	_, err := telemetry.Listen(t.Context(), address)
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatal(err)
	}
	for _, part := range []string{address, "metrics.listen"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not name %s", err, part)
		}
	}
}
