package httpx

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const proxyCanary = "pr0xy-C4NARY"

// road is a way to a server on loopback that breaks before a request can leave.
type road struct {
	name string
	// spoil breaks a way that is sound, and gives what mends it.
	spoil func(t *testing.T, w *way) (mend func())
	// cause is what the error has to say, so that a person knows where to look.
	cause string
	// final says that a read is not worth another try.
	final bool
}

// way is a transport to an HTTPS server, which counts the requests that arrive.
type way struct {
	server    *httptest.Server
	transport *http.Transport
	arrived   atomic.Int32
}

func newWay(t *testing.T) *way {
	t.Helper()
	w := &way{}
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		w.arrived.Add(1)
		fmt.Fprint(out, "{}")
	}))
	w.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // about the handshakes that break
	w.server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certify(t, "127.0.0.1", time.Hour)}}
	w.server.StartTLS()
	t.Cleanup(w.server.Close)
	return w
}

// travel takes over a client's transport, to break and to mend it.
func (w *way) travel(transport *http.Transport) {
	w.transport = transport
	w.trust(w.server.TLS.Certificates[0])
}

func (w *way) trust(certificate tls.Certificate) {
	roots := x509.NewCertPool()
	roots.AddCert(certificate.Leaf)
	w.transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
}

// certify makes a certificate for an address, signed by itself, which ends after left.
func certify(t *testing.T, host string, left time.Duration) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(left)
	draft := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: end.Add(-24 * time.Hour), NotAfter: end, IsCA: true, BasicConstraintsValid: true,
	}
	if ip := net.ParseIP(host); ip != nil {
		draft.IPAddresses = []net.IP{ip}
	} else {
		draft.DNSNames = []string{host}
	}
	raw, err := x509.CreateCertificate(rand.Reader, draft, draft, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}

// presents lets the server show another certificate, which is trusted by itself.
func presents(host string, left time.Duration) func(*testing.T, *way) func() {
	return func(t *testing.T, w *way) func() {
		t.Helper()
		other, own := certify(t, host, left), w.server.TLS.Certificates[0]
		w.server.TLS.Certificates[0] = other
		w.trust(other)
		return func() {
			w.server.TLS.Certificates[0] = own
			w.trust(own)
		}
	}
}

// dials lets connections begin in another way.
func dials(with DialFunc) func(*testing.T, *way) func() {
	return func(_ *testing.T, w *way) func() {
		own := w.transport.DialContext
		w.transport.DialContext = with
		return func() { w.transport.DialContext = own }
	}
}

// cut is a server that reads the beginning of a handshake, says something, and ends.
func cut(says string) func(*testing.T, *way) func() {
	return func(t *testing.T, w *way) func() {
		t.Helper()
		address := listen(t, func(conn net.Conn) {
			_, _ = io.ReadFull(conn, make([]byte, 5)) // the head of the client's first record
			_, _ = io.WriteString(conn, says)
		})
		var dialer net.Dialer
		return dials(func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, address)
		})(t, w)
	}
}

// listen serves each connection, then closes it.
func listen(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serve(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return listener.Addr().String()
}

// tunnels sends all through a proxy, which answers its one request of each
// connection as told.
func tunnels(reply string) func(*testing.T, *way) func() {
	return func(t *testing.T, w *way) func() {
		t.Helper()
		address := listen(t, func(conn net.Conn) {
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err != nil || r.Method != http.MethodConnect {
				t.Errorf("the proxy was asked for %v: %v", r, err)
			}
			_, _ = io.WriteString(conn, reply)
		})
		return proxied(w, address)
	}
}

func proxied(w *way, address string) func() {
	w.transport.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: address, User: url.UserPassword("sync", proxyCanary)})
	return func() { w.transport.Proxy = nil }
}

func unresolved(_ context.Context, network, address string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "server misbehaving", Name: address, IsTemporary: true}}
}

func roads() []road {
	return []road{
		{"a certificate that has expired", presents("127.0.0.1", -time.Minute), "certificate has expired", true},
		{"a certificate that is not valid yet", presents("127.0.0.1", 48*time.Hour), "not yet valid", true},
		{"a certificate for another host", presents("elsewhere.test", time.Hour), "127.0.0.1", true},
		{"a handshake that ends without an answer", cut(""), "EOF|reset", false},
		{"a handshake that ends within an answer", cut("\x16\x03\x03\x00\x7a\x02"), "EOF|reset", false},
		{"an answer that is no TLS", cut("HTTP/1.1 400 Bad Request\r\n\r\n"), "HTTPS client|not look like", false},
		{"a name that cannot be resolved", dials(unresolved), "server misbehaving", false},
		{"a proxy that wants another password", tunnels("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), "Proxy Authentication Required", false},
		{"a proxy that ends without an answer", tunnels(""), "EOF|reset", false},
		{"a proxy that is not there", func(_ *testing.T, w *way) func() { return proxied(w, "127.0.0.1:1") }, "refused", false},
	}
}

// names wants an error to say one of the causes, and no secret.
func (r road) names(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("there is no error")
	}
	said := false
	for cause := range strings.SplitSeq(r.cause, "|") {
		said = said || strings.Contains(err.Error(), cause)
	}
	if !said {
		t.Errorf("the error does not say %q: %v", r.cause, err)
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "C4NARY") {
		t.Errorf("the error shows a secret: %v", err)
	}
}

// The contract: what breaks before there is a connection is proven not sent, so
// it may be sent again; and it is sent again as a whole, once.
func TestAWriteWhoseRoadIsBrokenIsNotSentAndGoesThroughOnceTheRoadIsMended(t *testing.T) {
	for _, each := range roads() {
		t.Run(each.name, func(t *testing.T) {
			w := newWay(t)
			var events []Event
			client := NewWriteClient(WriteConfig{
				Timeout: 10 * time.Second, Transport: TransportConfig{NoProxy: true}, Observer: func(e Event) { events = append(events, e) },
			})
			defer client.CloseIdleConnections()
			w.travel(client.transport)
			mend := each.spoil(t, w)
			for range 2 {
				got, err := client.Do(t.Context(), aWrite(w.server.URL))
				if got.Sent != NotSent || got.Status != 0 {
					t.Errorf("%s, status %d", got.Sent, got.Status)
				}
				each.names(t, err)
			}
			if n := w.arrived.Load(); n != 0 || len(events) != 2 {
				t.Errorf("%d requests have arrived, and there are %d events", n, len(events))
			}
			for _, e := range events {
				each.names(t, e.Err)
			}
			mend()
			got, err := client.Do(t.Context(), aWrite(w.server.URL))
			if err != nil || got.Status != http.StatusOK || w.arrived.Load() != 1 {
				t.Errorf("%d requests have arrived: %+v, %v", w.arrived.Load(), got, err)
			}
		})
	}
}

func TestAReadWhoseRoadIsBrokenSaysWhyAndGoesOnWhenTheRoadFlaps(t *testing.T) {
	for _, each := range roads() {
		t.Run(each.name, func(t *testing.T) {
			w := newWay(t)
			w.travel(NewTransport(TransportConfig{NoProxy: true}))
			defer w.transport.CloseIdleConnections()
			mend, tries := each.spoil(t, w), 0
			client := NewReadClient(ReadConfig{
				API: "v4", Transport: w.transport, Tries: 3, Backoff: Backoff{Min: time.Millisecond},
				Secrets: []Secret{NewSecret(canary)}, Observer: func(e Event) {
					tries++
					if e.Err != nil {
						each.names(t, e.Err)
					}
				},
			})
			req := ReadRequest{
				Operation: operation, Method: http.MethodGet, URL: w.server.URL,
				Header: http.Header{"Authorization": {"Bearer " + canary}},
			}
			_, err := client.Do(t.Context(), req)
			each.names(t, err)
			if want := map[bool]int{true: 1, false: 3}[each.final]; tries != want || w.arrived.Load() != 0 {
				t.Errorf("%d tries, of which %d have arrived", tries, w.arrived.Load())
			}
			if each.final {
				return
			}
			client.cfg.Observer = func(Event) { mend() } // the first try fails, and the second finds all well
			reply, err := client.Do(t.Context(), req)
			if err != nil || reply.Attempts != 2 || w.arrived.Load() != 1 {
				t.Errorf("%d requests have arrived: %+v, %v", w.arrived.Load(), reply, err)
			}
		})
	}
}

// Without a tunnel the proxy has the whole request, and only its word, if any, that
// it went no further. The contract: a refusal is a reply like any other, for the
// caller to judge, and neither it nor silence proves anything.
func TestAPlainRequestThatAProxyDoesNotPassOnMayHaveBeenSent(t *testing.T) {
	for _, each := range []struct {
		name, reply string
		status      int
	}{
		{"it wants another password", "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", http.StatusProxyAuthRequired},
		{"it ends without an answer", "", 0},
	} {
		t.Run(each.name, func(t *testing.T) {
			received := make(chan string, 10)
			address := listen(t, func(conn net.Conn) {
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					t.Error(err)
					return
				}
				body, _ := io.ReadAll(r.Body)
				received <- fmt.Sprint(r.Method, " ", r.URL, " ", string(body))
				_, _ = io.WriteString(conn, each.reply)
			})
			client := NewWriteClient(WriteConfig{Timeout: 10 * time.Second, Transport: TransportConfig{NoProxy: true}})
			defer client.CloseIdleConnections()
			proxied(&way{transport: client.transport}, address)
			got, err := client.Do(t.Context(), aWrite("http://v4.test/create"))
			if (err == nil) != (each.status != 0) || got.Sent != MaybeSent || got.Status != each.status {
				t.Errorf("%+v, %v", got, err)
			}
			if strings.Contains(fmt.Sprintf("%+v %v", got, err), "C4NARY") {
				t.Errorf("a secret shows in %+v, %v", got, err)
			}
			if sent := <-received; sent != "POST http://v4.test/create "+writeBody || len(received) != 0 {
				t.Errorf("the proxy received %q, and %d more", sent, len(received))
			}
		})
	}
}
