package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// BenchmarkOneHundredThousand runs `run --once` twice over 100,000
// preauthorizations, with and without a fuse, and reports the peak memory of each
// run, all of it: heap, stacks, and the state file as far as it is mapped.
func BenchmarkOneHundredThousand(b *testing.B) {
	for _, c := range []struct{ fuse, ends int }{{0, exitDone}, {200_000, exitDone}, {1000, exitFuse}} {
		b.Run(fmt.Sprintf("fuse=%d", c.fuse), func(b *testing.B) {
			for b.Loop() {
				config := simulateApart(b, c.fuse)
				b.ReportMetric(peakOf(b, config, c.ends), "MiB-first")
				b.ReportMetric(peakOf(b, config, c.ends), "MiB-unchanged")
			}
			b.ReportMetric(0, "ns/op") // the simulator's time, for the most part
		})
	}
}

const (
	exitDone = 0
	exitFuse = 5
)

// simulateApart serves 100,000 preauthorizations from a process of its own: a
// process begins with the peak of the one that started it. It gives the configuration.
func simulateApart(b *testing.B, fuse int) string {
	b.Helper()
	dir := b.TempDir()
	p, err := startProcess(dir, nil, "preauth-sync", "simulate", "--dir", dir, "--customers", "50000", "--timeout", "30s")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.kill)
	if err := p.stdout.await(b.Context(), regexp.MustCompile(`(?m)^properties:`)); err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(dir, "config.yaml")
	content, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	changed := strings.Replace(string(content), "\nproperties:", fmt.Sprintf("\nmirror: {max_actions_per_cycle: %d}\nproperties:", fuse), 1)
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// peakOf is the most memory that one run had, in MiB. Its log goes nowhere: it would
// grow this process.
func peakOf(b *testing.B, config string, want int) float64 {
	b.Helper()
	run := exec.Command("preauth-sync", "-c", config, "run", "--once")
	_ = run.Run() // how it ended is in ProcessState
	if got := run.ProcessState.ExitCode(); got != want {
		b.Fatalf("it ended with %d, not %d", got, want)
	}
	usage := run.ProcessState.SysUsage().(*syscall.Rusage)
	return float64(usage.Maxrss) / (1 << 10) // it is in KiB
}
