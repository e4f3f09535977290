package state

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncData makes what has been written within a file's size durable.
func syncData(file *os.File) error {
	for {
		if err := unix.Fdatasync(int(file.Fd())); !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
