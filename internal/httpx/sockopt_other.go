//go:build !linux

package httpx

import (
	"syscall"
	"time"
)

// setUserTimeout does nothing: TCP_USER_TIMEOUT is Linux's. What bounds a late
// arrival here is only the hard close (SO_LINGER 0).
func setUserTimeout(syscall.Conn, time.Duration) error { return nil }
