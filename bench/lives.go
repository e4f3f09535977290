package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/bench/server"
)

// The sizes of the lives that are compared.
const (
	few  = 10_000
	some = 100_000
	many = 1_000_000
)

// unchanged compares cycles that have nothing to do with the bare reader.
func unchanged(ctx context.Context, b *bench) ([]row, error) {
	l, err := b.live(ctx, b.scaled(many))
	if err != nil {
		return nil, err
	}
	const ofSame, ofShuffled, mostMemory, reader = 1.3, 4, 64, "bare reader"
	read, readShuffled := medianOf(l.sameReader, cycle), medianOf(l.shuffledReader, cycle)
	return slices.Concat([]row{
		{what: "preauthorizations", value: float64(l.preauthorizations), unit: number},
		{what: "bare reader", value: read, unit: seconds},
		{what: "the same replies", value: medianOf(l.same, cycle), unit: seconds, against: read, yardstick: reader, target: atMost(ofSame)},
		{what: "  the whole process", value: medianOf(l.same, wall), unit: seconds, against: medianOf(l.sameReader, wall), yardstick: reader},
	}, peak("  peak memory", l.same, atMost(mostMemory)), []row{
		{
			what: "in another order", value: medianOf(l.shuffled, cycle), unit: seconds,
			against: readShuffled, yardstick: reader, target: atMost(ofShuffled),
		},
		{what: "  the whole process", value: medianOf(l.shuffled, wall), unit: seconds, against: medianOf(l.shuffledReader, wall), yardstick: reader},
	}, peak("  peak memory", l.shuffled, target{}), []row{
		{what: "the first cycle after the backfill", value: l.settling.cycle.Seconds(), unit: seconds, against: read, yardstick: reader},
	}, peak("  peak memory", []outcome{l.settling}, target{})), nil
}

// memory compares the peaks of two backfills.
func memory(ctx context.Context, b *bench) ([]row, error) {
	small, err := b.live(ctx, b.scaled(few))
	if err != nil {
		return nil, err
	}
	large, err := b.live(ctx, b.scaled(many))
	if err != nil {
		return nil, err
	}
	const ofSmall, mostMemory = 1.3, 100
	of := func(l *life, t target) []row {
		return peak(fmt.Sprintf("backfill of %d", l.preauthorizations), []outcome{l.backfill}, t)
	}
	before, after := of(small, target{}), of(large, atMost(mostMemory))
	if len(before) == 0 || len(after) == 0 {
		return nil, leftOutError("this system does not tell")
	}
	return []row{before[0], after[0], {
		value: after[0].value, unit: mebi, against: before[0].value, yardstick: "the smaller", target: atMost(ofSmall),
	}}, nil
}

// growth compares what each preauthorization costs among few and among many. What a
// process costs by itself makes those among few dear, and would hide a growth: so the
// most are held against the fewest, and against what lies between.
func growth(ctx context.Context, b *bench) ([]row, error) {
	var lives [3]*life
	for i, size := range []int{few, some, many} {
		l, err := b.live(ctx, b.scaled(size))
		if err != nil {
			return nil, err
		}
		lives[i] = l
	}
	const ofSmaller, mostStart = 1.25, 0.3
	large := lives[2]
	var rows []row
	for _, part := range []struct {
		what string
		took func(*life) float64
	}{
		{"backfill", func(l *life) float64 { return l.backfill.cycle.Seconds() }},
		{"first cycle after it", func(l *life) float64 { return l.settling.cycle.Seconds() }},
		{"no-change cycle", func(l *life) float64 { return medianOf(l.same, cycle) }},
		{"start-up to the first poll", func(l *life) float64 { return medianOf(l.same, start) }},
		{"audit, the whole process", func(l *life) float64 { return medianOf(l.audits, wall) }},
	} {
		each := func(l *life) float64 { return part.took(l) / time.Microsecond.Seconds() / float64(l.preauthorizations) }
		what := part.what
		for _, smaller := range []*life{lives[1], lives[0]} {
			rows = append(rows, row{
				what: what, value: each(large), unit: micros, against: each(smaller),
				yardstick: fmt.Sprintf("that among %d", smaller.preauthorizations), target: atMost(ofSmaller),
			})
			what = ""
		}
	}
	for _, l := range lives {
		r := row{what: fmt.Sprintf("start-up with %d", l.preauthorizations), value: medianOf(l.same, start), unit: seconds}
		if l == large {
			r.target = atMost(mostStart)
		}
		rows = append(rows, r)
	}
	return rows, nil
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
		{"backfill", l.backfill.counts, l.preauthorizations},
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
