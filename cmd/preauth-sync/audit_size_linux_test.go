package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkAMillion runs `audit` and `status` over a state file of ten thousand and of
// a million records, and reports how long each takes and the most memory it has. Both
// APIs answer at once; each thousandth preauthorization is charged and not captured.
func BenchmarkAMillion(b *testing.B) {
	for _, size := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			config := manyApart(b, size)
			for b.Loop() {
				for _, c := range []struct {
					command string
					code    int
				}{{"audit", 2}, {"status", 0}} {
					took, memory := costOf(b, config, c.command, c.code)
					b.ReportMetric(took.Seconds(), c.command+"-s")
					b.ReportMetric(memory, c.command+"-MiB")
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// costOf is how long a command takes, and the most memory that it has, in MiB.
func costOf(b *testing.B, config, command string, code int) (time.Duration, float64) {
	b.Helper()
	run := exec.Command("preauth-sync", "-c", config, command)
	said := &strings.Builder{}
	run.Stderr = said
	began := time.Now()
	_ = run.Run() // how it ended is in ProcessState
	if got := run.ProcessState.ExitCode(); got != code {
		b.Fatalf("%s ended with %d, not %d: %s", command, got, code, said)
	}
	return time.Since(began), float64(run.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) / (1 << 10)
}

// manyApart serves many from a process of its own: a process begins with the peak of
// the one that started it. It gives the configuration.
func manyApart(b *testing.B, size int) string {
	b.Helper()
	dir := b.TempDir()
	p, err := startProcess(dir, nil, "many", strconv.Itoa(size))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.kill)
	if err := p.stdout.await(b.Context(), regexp.MustCompile("serving")); err != nil {
		b.Fatal(err, &p.stderr)
	}
	return filepath.Join(dir, "config.yaml")
}
