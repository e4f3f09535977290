//go:build linux

package v4

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
)

// writers is how many creates are under way at once.
const writers = 16

// instantV4 answers every request on loopback with the same create's reply, with as
// little work of its own as possible.
func instantV4(b *testing.B) (address string) {
	b.Helper()
	listener, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = listener.Close() })
	body := `{"trackingId":"bench","results":{"items":[` + holdJSON(7, ownToken) + `]}}`
	reply := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go converse(conn, reply)
		}
	}()
	return "http://" + listener.Addr().String()
}

func converse(conn net.Conn, reply []byte) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for length := 0; ; {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
		if len(line) > len("\r\n") {
			continue
		}
		if _, err := in.Discard(length); err != nil {
			return
		}
		if _, err := conn.Write(reply); err != nil {
			return
		}
	}
}

// BenchmarkCreate is one create by this client, from its turn under the rate limit to
// its outcome.
func BenchmarkCreate(b *testing.B) {
	client, err := New(Config{
		Address: instantV4(b), Auth: Auth{Token: httpx.NewSecret(canaryToken)}, Timeout: 30 * time.Second,
		Transport: httpx.TransportConfig{NoProxy: true},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	create := aCreate()
	inParallel(b, func() error {
		if err := client.Ready(b.Context()); err != nil {
			return err
		}
		done, err := client.Admit(b.Context())
		if err != nil {
			return err
		}
		defer done()
		return client.Create(b.Context(), create).Err
	})
}

// BenchmarkBarePost is what BenchmarkCreate is compared with: the same request by
// net/http, and its reply thrown away.
func BenchmarkBarePost(b *testing.B) {
	address := instantV4(b) + "/api/v4/PaymentPreAuthorize/"
	transport := &http.Transport{MaxIdleConnsPerHost: writers, DisableCompression: true}
	b.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	body, err := createBody(aCreate())
	if err != nil {
		b.Fatal(err)
	}
	inParallel(b, func() error {
		request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, address, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header = http.Header{
			"Authorization": {"Bearer " + canaryToken}, "Content-Type": {"application/json"}, "Accept": {"application/json"},
		}
		reply, err := client.Do(request)
		if err != nil {
			return err
		}
		defer reply.Body.Close()
		_, err = io.Copy(io.Discard, reply.Body)
		return err
	})
}

// inParallel reports beside the time, which others on the machine may spoil, what the
// whole process takes of the processors, the server's part included.
func inParallel(b *testing.B, send func() error) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism(max(1, writers/runtime.GOMAXPROCS(0)))
	before := processorTime(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := send(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
