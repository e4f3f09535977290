//go:build linux

package httpx

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestTCPConnectionsEndHard(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	var conn *net.TCPConn
	client := NewWriteClient(WriteConfig{Timeout: 12345 * time.Millisecond, Transport: TransportConfig{
		NoProxy: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, address)
			conn, _ = c.(*net.TCPConn)
			return c, err
		},
	}})
	defer client.CloseIdleConnections()
	if _, err := client.Do(t.Context(), aWrite(server.URL)); err != nil {
		t.Fatal(err)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var linger *unix.Linger
	var timeout int
	var lingerErr, timeoutErr error
	if err := raw.Control(func(fd uintptr) {
		linger, lingerErr = unix.GetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER)
		timeout, timeoutErr = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
	}); err != nil || lingerErr != nil || timeoutErr != nil {
		t.Fatal(err, lingerErr, timeoutErr)
	}
	if linger.Onoff == 0 || linger.Linger != 0 {
		t.Errorf("SO_LINGER is %+v", *linger)
	}
	if timeout != 12345 {
		t.Errorf("TCP_USER_TIMEOUT is %d ms", timeout)
	}
}
