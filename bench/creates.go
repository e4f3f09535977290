package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

//go:embed plain.py
var plainScript []byte

// creates mirrors a world that v4 knows nothing of, with so many creates at once and with
// more.
func creates(ctx context.Context, b *bench) ([]row, error) {
	const full = 100_000
	n := b.scaled(full)
	rows := []row{{what: "creates", value: float64(n), unit: number}}
	for _, writers := range b.writers {
		s, err := b.open(ctx, setting{preauthorizations: n, atOnce: writers})
		if err != nil {
			return nil, err
		}
		ours, writer, plain, err := s.write(ctx, true)
		if err := errors.Join(err, s.stop()); err != nil {
			return nil, err
		}
		const ofWriter, ofPlain = 0.6, 14_500. / 2_800
		at := fmt.Sprintf(", %d at once", writers)
		rows = append(rows,
			row{what: "bare writer" + at, value: rateOf(n, writer), unit: rate},
			row{what: "plain script" + at, value: rateOf(n, plain), unit: rate},
			row{
				what: "preauth-sync" + at, value: rateOf(n, ours), unit: rate,
				against: rateOf(n, writer), yardstick: "bare writer", target: atLeast(ofWriter),
			},
			row{value: rateOf(n, ours), unit: rate, against: rateOf(n, plain), yardstick: "plain script", target: atLeast(ofPlain)},
			row{
				what: "  the whole process", value: medianOf(ours, wall), unit: seconds,
				against: medianOf(writer, wall), yardstick: "bare writer",
			},
		)
	}
	return rows, nil
}

// latency does the same on a v4 that takes its time.
func latency(ctx context.Context, b *bench) ([]row, error) {
	const full, takes = 5_000, 20 * time.Millisecond
	n, writers := b.scaled(full), b.writers[0]
	s, err := b.open(ctx, setting{preauthorizations: n, atOnce: writers, latency: takes})
	if err != nil {
		return nil, err
	}
	ours, writer, _, err := s.write(ctx, false)
	if err := errors.Join(err, s.stop()); err != nil {
		return nil, err
	}
	best := float64(writers) / takes.Seconds()
	yardstick := fmt.Sprintf("%d / 20 ms", writers)
	const ofBest = 0.95
	return []row{
		{what: "creates", value: float64(n), unit: number},
		{what: "bare writer", value: rateOf(n, writer), unit: rate, against: best, yardstick: yardstick},
		{what: "preauth-sync", value: rateOf(n, ours), unit: rate, against: best, yardstick: yardstick, target: atLeast(ofBest)},
	}, nil
}

// write lets the program and its yardsticks make all the creates in turn.
func (s *site) write(ctx context.Context, withPlain bool) (ours, writer, plain []outcome, err error) {
	script := filepath.Join(s.dir, "plain.py")
	if err := os.WriteFile(script, plainScript, 0o600); err != nil {
		return nil, nil, nil, err
	}
	writers := strconv.Itoa(s.atOnce)
	turns := []struct {
		into *[]outcome
		run  func() (outcome, error)
	}{
		{&ours, func() (outcome, error) { return s.program(ctx, "backfill", "--yes") }},
		{&writer, func() (outcome, error) {
			return s.bare(ctx, asWriter, "-count", strconv.Itoa(s.preauthorizations), "-writers", writers)
		}},
		{&plain, func() (outcome, error) {
			return s.run(ctx, "python3", script, s.address, s.customers(), s.state()+".plain", writers, strconv.Itoa(method))
		}},
	}
	if !withPlain {
		turns = turns[:2]
	}
	for range s.rounds {
		for _, turn := range turns {
			if err := s.anew(ctx); err != nil {
				return nil, nil, nil, err
			}
			o, err := turn.run()
			if err != nil {
				return nil, nil, nil, err
			}
			if o.counts.Creates != int64(s.preauthorizations) {
				return nil, nil, nil, fmt.Errorf("%d creates instead of %d", o.counts.Creates, s.preauthorizations)
			}
			*turn.into = append(*turn.into, o)
		}
	}
	return ours, writer, plain, nil
}

func wall(o outcome) time.Duration    { return o.wall }
func cycle(o outcome) time.Duration   { return o.cycle }
func start(o outcome) time.Duration   { return o.start }
func writing(o outcome) time.Duration { return o.counts.Writing() }

// rateOf is how many creates a second there were, from the first to the last.
func rateOf(n int, of []outcome) float64 { return float64(n) / medianOf(of, writing) }
