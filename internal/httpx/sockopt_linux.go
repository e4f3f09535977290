//go:build linux

package httpx

import (
	"fmt"
	"math"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout bounds how long the kernel goes on sending what the other side
// has not acknowledged (TCP_USER_TIMEOUT, tcp(7)). Without it a request can sit in
// the send buffer and arrive many minutes after it was given up.
func setUserTimeout(conn syscall.Conn, timeout time.Duration) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("cannot reach the socket: %w", err)
	}
	milliseconds := min(max(timeout.Milliseconds(), 1), math.MaxInt32)
	var option error
	err = raw.Control(func(fd uintptr) {
		option = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(milliseconds))
	})
	if err == nil {
		err = option
	}
	if err != nil {
		return fmt.Errorf("cannot set TCP_USER_TIMEOUT: %w", err)
	}
	return nil
}
