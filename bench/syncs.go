package main

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// syncs counts what a create waits for where nobody shares it: one sync for the intent,
// and one for the outcome. Two backfills differ in nothing but their number of creates, so
// that what a process syncs by itself counts for neither. They are too short for the log
// to be folded.
func syncs(ctx context.Context, b *bench) ([]row, error) {
	probe := exec.CommandContext(ctx, "strace", "-o", "/dev/null", "strace", "-V")
	if err := probe.Run(); err != nil {
		return nil, leftOutError("strace is not installed, or not allowed to trace")
	}
	const short, long = 40, 120
	var made [2]int
	for i, size := range []int{short, long} {
		s, err := b.open(ctx, setting{preauthorizations: size, atOnce: 1})
		if err != nil {
			return nil, err
		}
		made[i], err = s.syncs(ctx)
		if err := errors.Join(err, s.stop()); err != nil {
			return nil, err
		}
	}
	each := float64(made[1]-made[0]) / (long - short)
	const ofIntentAndOutcome = 2
	return []row{{what: "each create", value: each, unit: number, target: atMost(ofIntentAndOutcome)}}, nil
}

// syncs counts those of a backfill.
func (s *site) syncs(ctx context.Context) (made int, err error) {
	trace := filepath.Join(s.dir, "trace")
	_, err = s.run(ctx, "strace", "-f", "-qq", "-e", "signal=none", "-o", trace, "-e", "trace=fsync,fdatasync,msync,sync_file_range",
		s.binary, "-c", "config.yaml", "backfill", "--yes")
	if err != nil {
		return 0, err
	}
	file, err := os.Open(trace)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if !strings.Contains(lines.Text(), "resumed>") { // the other half of a call that was begun above
			made++
		}
	}
	return made, lines.Err()
}
