package main

import (
	"context"
	"fmt"
	"time"

	"github.com/preauth-sync/preauth-sync/bench/server"
)

// The sizes of the lives that are compared.
const (
	few  = 10_000
	many = 1_000_000
)

func (b *bench) both(ctx context.Context) (small, large *life, err error) {
	if small, err = b.live(ctx, b.scaled(few)); err != nil {
		return nil, nil, err
	}
	large, err = b.live(ctx, b.scaled(many))
	return small, large, err
}

// unchanged compares cycles that have nothing to do with the bare reader.
func unchanged(ctx context.Context, b *bench) ([]row, error) {
	l, err := b.live(ctx, b.scaled(many))
	if err != nil {
		return nil, err
	}
	const ofSame, ofShuffled, mostMemory, reader = 1.3, 4, 64, "bare reader"
	read, readShuffled := medianOf(l.sameReader, cycle), medianOf(l.shuffledReader, cycle)
	return []row{
		{what: "preauthorizations", value: float64(l.preauthorizations), unit: number},
		{what: "bare reader", value: read, unit: seconds},
		{what: "the same replies", value: medianOf(l.same, cycle), unit: seconds, against: read, yardstick: reader, target: atMost(ofSame)},
		{what: "  the whole process", value: medianOf(l.same, wall), unit: seconds, against: medianOf(l.sameReader, wall), yardstick: reader},
		{what: "  peak memory", value: peak(l.same), unit: mebi, target: atMost(mostMemory)},
		{
			what: "in another order", value: medianOf(l.shuffled, cycle), unit: seconds,
			against: readShuffled, yardstick: reader, target: atMost(ofShuffled),
		},
		{what: "  the whole process", value: medianOf(l.shuffled, wall), unit: seconds, against: medianOf(l.shuffledReader, wall), yardstick: reader},
		{what: "  peak memory", value: peak(l.shuffled), unit: mebi},
		{what: "the first cycle after the backfill", value: l.settling.cycle.Seconds(), unit: seconds, against: read, yardstick: reader},
		{what: "  peak memory", value: peak([]outcome{l.settling}), unit: mebi},
	}, nil
}

// memory compares the peaks of two backfills.
func memory(ctx context.Context, b *bench) ([]row, error) {
	small, large, err := b.both(ctx)
	if err != nil {
		return nil, err
	}
	const ofSmall, mostMemory = 1.3, 100
	peakSmall, peakLarge := peak([]outcome{small.cold}), peak([]outcome{large.cold})
	return []row{
		{what: fmt.Sprintf("backfill of %d", small.preauthorizations), value: peakSmall, unit: mebi},
		{what: fmt.Sprintf("backfill of %d", large.preauthorizations), value: peakLarge, unit: mebi, target: atMost(mostMemory)},
		{what: "", value: peakLarge, unit: mebi, against: peakSmall, yardstick: "the smaller", target: atMost(ofSmall)},
	}, nil
}

// growth compares what each preauthorization costs among few and among many.
func growth(ctx context.Context, b *bench) ([]row, error) {
	small, large, err := b.both(ctx)
	if err != nil {
		return nil, err
	}
	const ofSmall, mostStart = 1.25, 0.3
	var rows []row
	for _, part := range []struct {
		what string
		took func(*life) float64
	}{
		{"cold cycle", func(l *life) float64 { return l.cold.cycle.Seconds() }},
		{"first cycle after it", func(l *life) float64 { return l.settling.cycle.Seconds() }},
		{"no-change cycle", func(l *life) float64 { return medianOf(l.same, cycle) }},
		{"start-up to the first poll", func(l *life) float64 { return medianOf(l.same, start) }},
		{"audit", func(l *life) float64 { return medianOf(l.audits, wall) }},
	} {
		each := func(l *life) float64 { return part.took(l) / time.Microsecond.Seconds() / float64(l.preauthorizations) }
		rows = append(rows, row{
			what: part.what, value: each(large), unit: micros, against: each(small), yardstick: "the smaller", target: atMost(ofSmall),
		})
	}
	return append(rows, row{what: "start-up to the first poll", value: medianOf(large.same, start), unit: seconds, target: atMost(mostStart)}), nil
}

// stateFile says how large it is.
func stateFile(ctx context.Context, b *bench) ([]row, error) {
	l, err := b.live(ctx, b.scaled(many))
	if err != nil {
		return nil, err
	}
	const mostOctets = 300
	return []row{
		{what: "compacted", value: float64(l.size) / float64(l.preauthorizations), unit: octets, target: atMost(mostOctets)},
	}, nil
}

// requests counts those of each kind of cycle, against the least.
func requests(ctx context.Context, b *bench) ([]row, error) {
	l, err := b.live(ctx, b.scaled(many))
	if err != nil {
		return nil, err
	}
	polls := (l.customers + server.PageSize - 1) / server.PageSize
	var rows []row
	for _, part := range []struct {
		what   string
		of     server.Counts
		writes int
	}{
		{"backfill", l.cold.counts, l.preauthorizations},
		{"no-change cycle", l.same[0].counts, 0},
		{"cycle that captures", l.capturing.counts, l.charged},
	} {
		for _, kind := range []struct {
			what  string
			count int64
			least int
		}{
			{"polls", part.of.Polls, polls},
			{"creates and captures", part.of.Creates + part.of.Captures, part.writes},
			{"logins", part.of.Logins, min(1, part.writes)},
			{"for what is not there", part.of.Others, 0},
		} {
			if kind.count == 0 && kind.least == 0 {
				continue
			}
			rows = append(rows, row{
				what: part.what + ": " + kind.what, value: float64(kind.count), unit: number, target: atMost(float64(kind.least)),
			})
		}
		rows = append(rows, row{
			what:  part.what + ": configuration/get, start-up questions, token proof",
			value: float64(part.of.Configurations + part.of.Searches + part.of.Pages), unit: number,
		})
	}
	return rows, nil
}
