package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// machine describes in one line what everything is measured on, and the disk below dir.
func machine(dir string) (string, error) {
	var system unix.Utsname
	if err := unix.Uname(&system); err != nil {
		return "", err
	}
	var memory unix.Sysinfo_t
	if err := unix.Sysinfo(&memory); err != nil {
		return "", err
	}
	disk, err := fileSystem(dir)
	if err != nil {
		return "", err
	}
	sync, err := syncTime(dir)
	if err != nil {
		return "", err
	}
	const giga = 1 << 30
	release, _, _ := strings.Cut(unix.ByteSliceToString(system.Release[:]), "-") // what a distribution adds says nothing
	return fmt.Sprintf("%d × %s, %.0f GiB, Linux %s, %s; %s, whose fdatasync takes %.2f ms",
		runtime.NumCPU(), processor(), float64(memory.Totalram)*float64(memory.Unit)/giga,
		release, runtime.Version(), disk, sync.Seconds()*1000), nil
}

// processor names the first one, or its architecture where the kernel does not say.
func processor() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer func() { _ = file.Close() }() // opened for reading
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// fileSystem names that of the longest mount point above dir.
func fileSystem(dir string) (string, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", err
	}
	kind, longest := "", 0
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		const least = 3
		if len(fields) < least {
			continue
		}
		if at := fields[1]; len(at) >= longest && (dir == at || strings.HasPrefix(dir, strings.TrimSuffix(at, "/")+"/")) {
			kind, longest = fields[2], len(at)
		}
	}
	return kind, nil
}

// syncTime is the median time of an fdatasync after a page was written in place.
func syncTime(dir string) (time.Duration, error) {
	file, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	const page, times = 4096, 101
	took := make([]time.Duration, 0, times)
	for range times {
		if _, err := file.WriteAt(make([]byte, page), 0); err != nil {
			return 0, err
		}
		began := time.Now()
		if err := unix.Fdatasync(int(file.Fd())); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[times/2], nil
}

// peakOf is the most memory that a process had, in bytes. It begins with that of the one
// that started it.
func peakOf(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return usage.Maxrss << 10 // it is in KiB
}
