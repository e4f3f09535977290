package main

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// life is what a state file goes through, and what each part of it cost.
type life struct {
	preauthorizations, customers int
	// backfill makes the file. settling is the cycle after it, which looks into every reply.
	backfill, settling outcome
	// Each round has one of these, and the bare reader's beside two of them.
	same, sameReader         []outcome
	shuffled, shuffledReader []outcome
	audits                   []outcome
	// charged are captured in a last cycle.
	charged   int
	capturing outcome
	// size is the state file's after its compaction, in bytes.
	size int64
}

// live leads a life, once for each size.
func (b *bench) live(ctx context.Context, size int) (*life, error) {
	if known := b.lives[size]; known != nil {
		return known, nil
	}
	s, err := b.open(ctx, setting{preauthorizations: size, atOnce: b.writers[0]})
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.stop() }()
	l := &life{preauthorizations: size, customers: size / perCustomer}
	for _, part := range []func(context.Context, *site) error{l.begin, l.goOn, l.end} {
		if err := part(ctx, s); err != nil {
			return nil, err
		}
	}
	b.lives[size] = l
	return l, nil
}

func (l *life) begin(ctx context.Context, s *site) (err error) {
	if l.backfill, err = s.program(ctx, "backfill", "--yes"); err != nil {
		return err
	}
	l.settling, err = s.once(ctx)
	return err
}

// goOn does in turn what changes nothing.
func (l *life) goOn(ctx context.Context, s *site) error {
	reader := func(ctx context.Context) (outcome, error) {
		return s.bare(ctx, asReader, "-customers", s.customers())
	}
	audit := func(ctx context.Context) (outcome, error) { return s.program(ctx, "audit") }
	for range s.rounds {
		for _, turn := range []struct {
			into    *[]outcome
			run     func(context.Context) (outcome, error)
			shuffle bool
		}{
			{&l.sameReader, reader, false},
			{&l.same, s.once, false},
			{&l.audits, audit, false},
			{&l.shuffledReader, reader, true},
			{&l.shuffled, s.once, false},
		} {
			if turn.shuffle {
				if _, err := s.order(ctx, "shuffle"); err != nil {
					return err
				}
			}
			o, err := turn.run(ctx)
			if err != nil {
				return err
			}
			*turn.into = append(*turn.into, o)
		}
	}
	return nil
}

func (l *life) end(ctx context.Context, s *site) error {
	if _, err := s.program(ctx, "state", "compact"); err != nil {
		return err
	}
	info, err := os.Stat(s.state())
	if err != nil {
		return err
	}
	l.size = info.Size()
	const oneOf = 100
	l.charged = max(1, l.preauthorizations/oneOf)
	if _, err := s.order(ctx, fmt.Sprintf("charge/%d", l.charged)); err != nil {
		return err
	}
	l.capturing, err = s.once(ctx)
	return err
}

// once is one cycle.
func (s *site) once(ctx context.Context) (outcome, error) {
	o, err := s.program(ctx, "run", "--once")
	if err == nil && o.cycle == 0 {
		err = errors.New("the log does not say how long the cycle took")
	}
	return o, err
}
