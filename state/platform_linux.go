package state

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// place renames a file, or fails with fs.ErrExist when the new name is taken.
func place(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return placeByLink(from, to) // some network file systems
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// withoutName takes an open file's name away, and gives a path that leads to the file while
// this process has it open.
func withoutName(file *os.File) (string, error) {
	path := fmt.Sprintf("/proc/self/fd/%d", file.Fd())
	if _, err := os.Stat(path); err != nil {
		return file.Name(), nil //nolint:nilerr // there is no /proc: the name is needed
	}
	return path, os.Remove(file.Name())
}

// readAhead asks for the file to be read into memory. It is a hint.
func readAhead(f *os.File, size int64) {
	_ = unix.Fadvise(int(f.Fd()), 0, size, unix.FADV_WILLNEED)
}

// mappedFiles gives how many bytes of mapped files count as memory of this process, and
// whether the kernel tells.
func mappedFiles() (bytes int64, told bool) {
	var b [64]byte
	statm, err := os.Open("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	defer func() { _ = statm.Close() }()
	n, err := statm.Read(b[:])
	fields := strings.Fields(string(b[:n]))
	if err != nil || len(fields) < 3 {
		return 0, false
	}
	pages, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return 0, false
	}
	return pages * int64(os.Getpagesize()), true
}

// unmap lets the kernel take a mapped file's pages out of the process's memory.
// They stay in the page cache; whoever reads one again gets it from there. The
// mapping must stay where it is meanwhile.
func unmap(mapping uintptr, size int64) {
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, mapping, uintptr(size), unix.MADV_DONTNEED) // it is a hint
}

// holder finds the process that holds a lock on the file, as far as
// /proc/locks tells; 0 when it does not.
func holder(f *os.File) int {
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	locks, err := os.Open("/proc/locks")
	if err != nil {
		return 0
	}
	defer func() { _ = locks.Close() }()
	inode := fmt.Sprintf("%02x:%02x:%d", unix.Major(stat.Dev), unix.Minor(stat.Dev), stat.Ino)
	for lines := bufio.NewScanner(locks); lines.Scan(); {
		// 1: FLOCK  ADVISORY  WRITE 4242 fe:00:131 0 EOF
		fields := strings.Fields(lines.Text())
		if len(fields) < 6 || fields[1] != "FLOCK" || fields[5] != inode {
			continue
		}
		if pid, err := strconv.Atoi(fields[4]); err == nil && pid > 0 {
			return pid
		}
	}
	return 0
}

// command gives the name of a process's program; empty when it is gone or hidden.
func command(pid int) string {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}
