package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// TestARunKilledAtAnyMomentNeitherRepeatsNorLosesAnything kills runs at moments
// spread over polls, creates, captures and look-ups, then lets runs end. A round
// is repeatable by its seed up to timing.
func TestARunKilledAtAnyMomentNeitherRepeatsNorLosesAnything(t *testing.T) {
	t.Parallel()
	rounds := uint64(25)
	if testing.Short() {
		rounds = 5
	}
	for seed := range rounds {
		t.Run(fmt.Sprintf("seed %d", seed+1), func(t *testing.T) {
			t.Parallel()
			killRound(t, seed+1, "mirror", "run", "--once")
		})
		if seed%2 == 0 {
			continue // the same code under other options: half as many will do
		}
		t.Run(fmt.Sprintf("seed %d, backfill", seed+1), func(t *testing.T) {
			t.Parallel()
			killRound(t, seed+1, "baseline", "backfill", "--yes", "--charged")
		})
	}
}

// killRound kills commands that mirror everything, charged history too.
func killRound(t *testing.T, seed uint64, firstRun string, command ...string) {
	t.Helper()
	dice := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(t, servedOptions{
		seed:     seed,
		populate: simulator.PopulateOptions{Customers: 20, PerCustomer: 2, Charged: 0.5},
		config:   simulator.ConfigOptions{FirstRun: firstRun},
	})
	w.permissive(t)
	w.slowWrites()
	for range 1 + dice.IntN(3) {
		p := w.begin(t, command...)
		w.moment(t.Context(), p, dice)
		p.kill()
	}
	w.calm()
	w.untilClean(t, command...)
	w.audit(t)
}

// slowWrites delays every write by 5 to 20 ms; half of them have had their effect
// before, so that a kill comes between an effect and its reply.
func (s *served) slowWrites() {
	for _, operation := range []string{simulator.OpCreate, simulator.OpCapture} {
		for _, f := range []simulator.Fault{
			{Delay: 20 * time.Millisecond, After: true, Probability: 0.25},
			{Delay: 7 * time.Millisecond, After: true, Probability: 0.35},
			{Delay: 16 * time.Millisecond, Probability: 0.5},
			{Delay: 5 * time.Millisecond},
		} {
			f.API, f.Operation, f.Kind = simulator.APIV4, operation, simulator.KindDelay
			s.Inject(f)
		}
	}
}

// moment waits for a random one: some requests have arrived, and then up to
// 15 ms. It returns early when the process ends by itself.
func (s *served) moment(ctx context.Context, p *process, dice *rand.Rand) {
	operation, most := simulator.OpCreate, 40
	switch dice.IntN(10) {
	case 0:
		operation, most = simulator.OpPoll, 1
	case 1:
		operation, most = simulator.OpSearch, 2
	case 2, 3, 4:
		operation, most = simulator.OpCapture, 18
	default:
	}
	n := s.seen(operation) + 1 + dice.IntN(most)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-p.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	_ = s.await(ctx, operation, n) // without so many it has ended by itself, and that is a moment too
	p.after(time.Duration(dice.IntN(15_000)) * time.Microsecond)
}

// runUntilClean runs until a run ends with 0 and a plan has nothing to do.
func (s *served) runUntilClean(t *testing.T) {
	t.Helper()
	s.untilClean(t, "run", "--once")
}

// untilClean is runUntilClean for another command.
func (s *served) untilClean(t *testing.T, command ...string) {
	t.Helper()
	const most = 6
	var last *process
	for range most {
		last = s.begin(t, command...)
		code, err := last.wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readLogs(last.stderr.String()); err != nil {
			t.Error(err)
		}
		switch code {
		case 0:
			// A create found after its property was planned leaves its capture to the next run.
			left, err := s.begin(t, "plan").wait(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if left == 0 {
				return
			}
		case 1: // something is newly parked, or was found absent and is planned again
		default:
			t.Fatalf("a run ended with %d; it said:\n%s", code, &last.stderr)
		}
	}
	t.Fatalf("%d runs were not enough; the last said:\n%s", most, &last.stderr)
}
