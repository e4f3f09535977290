package state

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lockRetry is how often a held lock is tried again.
const lockRetry = 50 * time.Millisecond

// lock takes the lock that bbolt will take again on the same open file, where
// it then succeeds at once. It is taken first so that the file stands still while
// it is inspected.
func lock(path string, file *os.File, exclusive bool, timeout time.Duration) error {
	how := syscall.LOCK_SH | syscall.LOCK_NB
	if exclusive {
		how = syscall.LOCK_EX | syscall.LOCK_NB
	}
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	retry := time.NewTicker(lockRetry)
	defer retry.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), how)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, syscall.EINTR):
			continue
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return fmt.Errorf("the state file %s cannot be locked; its file system must support flock: %w", path, err)
		}
		select {
		case <-retry.C:
		case <-deadline.C:
			pid := holder(file)
			return &Error{Kind: Locked, Path: path, Holder: pid, Command: command(pid)}
		}
	}
}
