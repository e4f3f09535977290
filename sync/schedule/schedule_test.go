package schedule_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/preauth-sync/preauth-sync/sync/schedule"
)

const (
	hour = time.Hour
	year = 365 * 24 * time.Hour
)

func TestAJobRunsAtOnceAndAtEveryTickOnce(t *testing.T) {
	for _, c := range []struct {
		name  string
		ticks schedule.Schedule
		job   func(context.Context, int)
		span  time.Duration
		want  []string
	}{
		{"short jobs", aligned(5 * time.Minute), nil, 11 * time.Minute, []string{"12:01:00", "12:05:00", "12:10:00"}},
		{
			"ticks during a long job make one more, right behind it",
			aligned(5 * time.Minute),
			func(_ context.Context, n int) {
				if n == 1 {
					<-time.After(12 * time.Minute)
				}
			},
			20 * time.Minute,
			[]string{"12:01:00", "12:13:00", "12:15:00", "12:20:00"},
		},
		{
			"a job as long as the interval runs again and again, and never twice at a time",
			every(time.Minute), lasting(time.Minute), 3 * time.Minute,
			[]string{"12:01:00", "12:02:00", "12:03:00", "12:04:00"},
		},
		{"a schedule without a tick", never{}, nil, 24 * hour, []string{"12:01:00"}},
		{"longer than a step of waiting", every(25 * time.Second), nil, time.Minute, []string{"12:01:00", "12:01:25", "12:01:50"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, noon().Add(time.Minute), c.ticks, c.job)
				if diff := cmp.Diff(c.want, clock(r.after(c.span))); diff != "" {
					t.Error(diff)
				}
				if err := r.end(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestTheWallClockDecidesWhateverTheMonotonicOneDoes(t *testing.T) {
	for _, c := range []struct {
		name  string
		ticks schedule.Schedule
		jump  time.Duration
		// soon are the jobs within a step of the jump, later those until an hour after it.
		soon, later []string
	}{
		{"suspended over one tick", aligned(hour), 58 * time.Minute, []string{"13:00:10"}, []string{"14:00:00"}},
		{"suspended over many ticks", aligned(hour), 5*hour + 30*time.Minute, []string{"17:32:10"}, []string{"18:00:00"}},
		{"put forward an hour", every(hour), hour, []string{"13:02:10"}, []string{"14:02:10"}},
		{"put forward a year", aligned(hour), year, []string{"2027-03-10 12:02:10"}, []string{"2027-03-10 13:00:00"}},
		{"put back an hour", aligned(hour), -hour, nil, []string{"12:00:00"}},
		{"put back an hour, and it counts from there", every(hour), -hour, nil, []string{"12:02:10"}},
		{"put back a year", aligned(hour), -year, nil, []string{"2025-03-10 13:00:00"}},
		{"put back a little, behind the last job", every(hour), -time.Minute, nil, []string{"13:01:00"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, noon().Add(time.Minute), c.ticks, nil)
				r.after(time.Minute)
				r.jump(c.jump)
				got := [2][]string{clock(r.after(schedule.IdleStep)), clock(r.after(hour))}
				if diff := cmp.Diff([2][]string{c.soon, c.later}, got, cmpopts.EquateEmpty()); diff != "" {
					t.Error(diff)
				}
				if err := r.end(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestAClockThatIsPutBackOverAndOverNeitherStormsNorSilences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, noon(), every(time.Minute), nil)
		jobs := 0
		for range 100 {
			jobs += len(r.after(10 * time.Second))
			r.jump(-time.Second)
		}
		// 1000 s have passed, 900 on the wall clock.
		if jobs < 900/70 || jobs > 1000/60 {
			t.Errorf("%d jobs", jobs)
		}
		if err := r.end(); err != nil {
			t.Error(err)
		}
	})
}

// It runs in real time: the clock of a bubble has no monotonic reading.
func TestTheScheduleIsAskedOnTheWallClockAlone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asked := false
	r := schedule.New(schedule.Options{
		Schedule: asking(func(after time.Time) time.Time {
			asked = true
			if after != after.Round(0) { // == sees the monotonic reading
				t.Error("a monotonic reading would outlive a suspension")
			}
			return after.Add(time.Minute)
		}),
		Job: func(context.Context) { cancel() }, Drain: func() time.Duration { return time.Minute }, Clock: time.Now, Idle: func() {},
	})
	if err := r.Run(ctx); err != nil || !asked {
		t.Errorf("asked: %t, error: %v", asked, err)
	}
}

type asking func(time.Time) time.Time

func (a asking) Next(after time.Time) time.Time { return a(after) }

func TestADailyJobRunsThroughBothChangesOfTheClocks(t *testing.T) {
	daily := configured(t, "30 2 * * *", "Europe/Prague")
	for _, c := range []struct {
		name string
		from time.Time
		want []string
	}{
		{
			"clocks go forward: the hour with 02:30 is left out, and the job is not",
			time.Date(2026, time.March, 28, 0, 0, 0, 0, time.UTC),
			[]string{"2026-03-28 00:00:00", "2026-03-28 01:30:00", "2026-03-29 01:30:00", "2026-03-30 00:30:00"},
		},
		{
			"clocks go back: 02:30 comes twice",
			time.Date(2026, time.October, 24, 0, 0, 0, 0, time.UTC),
			[]string{
				"2026-10-24 00:00:00", "2026-10-24 00:30:00", "2026-10-25 00:30:00", "2026-10-25 01:30:00",
				"2026-10-26 01:30:00",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, c.from, daily, nil)
				if diff := cmp.Diff(c.want, clock(r.after(3*24*hour))); diff != "" {
					t.Error(diff)
				}
				if err := r.end(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestAPanicIsContainedAndTheNextTickRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, noon(), aligned(time.Minute), func(_ context.Context, n int) {
			if n <= 2 {
				panic(n)
			}
		})
		<-time.After(2 * time.Minute)
		if diff := cmp.Diff([]string{"12:00:00", "12:01:00", "12:02:00"}, clock(r.after(0))); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]any{1, 2}, r.panics); diff != "" {
			t.Error(diff)
		}
		if !bytes.Contains(r.stacks, []byte("TestAPanicIsContained")) {
			t.Errorf("the stack does not lead to the panic: %s", r.stacks)
		}
		if err := r.end(); err != nil {
			t.Error(err)
		}
	})
}

func TestTheEndWaitsForAJobWithinTheDrain(t *testing.T) {
	for _, c := range []struct {
		name string
		left time.Duration
		want error
		took time.Duration
	}{
		{"it ends in time", 20 * time.Second, nil, 20 * time.Second},
		{"it does not", time.Minute, schedule.ErrDrain, 30 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, noon(), aligned(time.Minute), func(ctx context.Context, _ int) {
					<-ctx.Done()
					<-time.After(c.left)
				})
				<-time.After(5 * time.Minute) // ticks are overdue
				stopped := time.Now()
				if err := r.end(); !errors.Is(err, c.want) || time.Since(stopped) != c.took {
					t.Errorf("after %s: %v", time.Since(stopped), err)
				}
				if got := clock(r.after(hour)); len(got) != 1 {
					t.Errorf("jobs at %v", got)
				}
			})
		})
	}
}

func TestNothingRunsOnceTheContextHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r := schedule.New(schedule.Options{
			Schedule: aligned(time.Minute), Job: func(context.Context) { t.Error("a job ran") },
			Clock: time.Now, Idle: func() {},
		})
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	})
}

func TestASignOfLifeComesAtEveryStepOfWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, noon(), aligned(hour), nil)
		r.after(hour - time.Second)
		last := r.idle[0]
		for _, at := range append(r.idle, time.Now()) {
			if at.Sub(last) > schedule.IdleStep {
				t.Fatalf("nothing for %s", at.Sub(last))
			}
			last = at
		}
		if len(r.idle) > 2*int(hour/schedule.IdleStep) {
			t.Errorf("%d signs of life in an hour: it spins", len(r.idle))
		}
		if err := r.end(); err != nil {
			t.Error(err)
		}
	})
}

func TestNextIsTheNextTickOrAnOverdueOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, noon().Add(time.Minute), aligned(5*time.Minute), lasting(12*time.Minute))
		r.after(10 * time.Minute)
		if got := r.Next(); !got.Equal(noon().Add(5 * time.Minute)) {
			t.Errorf("overdue since %s", got)
		}
		r.after(3 * time.Minute)
		if got := r.Next(); !got.Equal(noon().Add(15 * time.Minute)) {
			t.Errorf("next at %s", got)
		}
		if err := r.end(); err != nil {
			t.Error(err)
		}
	})
}
