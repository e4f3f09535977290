package schedule_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/sync/schedule"
)

func TestBetweenWaitsForTheJobAndGoesBeforeTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, noon(), aligned(5*time.Minute), lasting(12*time.Minute))
		var ran []time.Time
		for range 2 { // each has a turn of its own
			go func() {
				err := r.Between(t.Context(), func() {
					ran = append(ran, r.wall())
					<-time.After(time.Minute)
				})
				if err != nil {
					t.Error(err)
				}
			}()
		}
		jobs := r.after(20 * time.Minute)
		if diff := cmp.Diff([]string{"12:12:00", "12:13:00"}, clock(ran)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"12:00:00", "12:14:00"}, clock(jobs)); diff != "" {
			t.Error(diff)
		}
		if err := r.end(); err != nil {
			t.Error(err)
		}
	})
}

func TestBetweenRunsAtOnceWhileNothingElseDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, noon(), never{}, nil)
		<-time.After(3 * time.Second)
		before := time.Now()
		if err := r.Between(t.Context(), func() {}); err != nil || time.Since(before) != 0 {
			t.Errorf("after %s: %v", time.Since(before), err)
		}
		if err := r.end(); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatBecameOfAFunctionIsSaid(t *testing.T) {
	long := func() { <-time.After(time.Hour) }
	for _, c := range []struct {
		name string
		// patience is how long the caller waits for its turn, stop when the Runner is stopped.
		patience, stop time.Duration
		f              func()
		want           error
		// ran tells whether it has begun.
		ran bool
	}{
		{"it panics", time.Hour, time.Hour, func() { panic("no") }, schedule.ErrPanicked, true},
		{"its caller gives up before its turn", 5 * time.Second, time.Hour, func() {}, context.DeadlineExceeded, false},
		{"its caller gives up when it has begun", 15 * time.Second, time.Hour, func() { <-time.After(time.Minute) }, nil, true},
		{"the runner stops before its turn", time.Hour, 5 * time.Second, func() {}, schedule.ErrStopped, false},
		{"the runner stops, and it does not end", time.Hour, 15 * time.Second, long, schedule.ErrDrain, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, noon(), aligned(2*time.Hour), lasting(10*time.Second))
				stop := time.AfterFunc(c.stop, r.stop)
				ctx, cancel := context.WithTimeout(t.Context(), c.patience)
				defer cancel()
				var ran atomic.Bool
				err := r.Between(ctx, func() { ran.Store(true); c.f() })
				if !errors.Is(err, c.want) || ran.Load() != c.ran {
					t.Errorf("ran: %t, error: %v", ran.Load(), err)
				}
				if wanted := errors.Is(c.want, schedule.ErrPanicked); wanted != (len(r.panics) == 1) {
					t.Errorf("panics: %v", r.panics)
				}
				stop.Stop()
				if err := r.end(); errors.Is(err, schedule.ErrDrain) != errors.Is(c.want, schedule.ErrDrain) {
					t.Error(err)
				}
				r.after(2 * time.Hour)
				if err := r.Between(t.Context(), func() { t.Error("it ran after the end") }); !errors.Is(err, schedule.ErrStopped) {
					t.Error(err)
				}
			})
		})
	}
}

func TestRescheduleCountsFromTheLastJob(t *testing.T) {
	for _, c := range []struct {
		name     string
		ticks    schedule.Schedule
		job      func(context.Context, int)
		replaced schedule.Schedule
		// at is when, want the jobs within two hours.
		at   time.Duration
		want []string
	}{
		{
			"a tighter schedule whose tick lies ahead", aligned(hour), nil, aligned(50 * time.Minute), 10 * time.Minute,
			[]string{"12:00:00", "12:20:00", "13:10:00", "14:00:00"},
		},
		{
			"a tighter schedule whose tick has gone by", aligned(2 * hour), nil, aligned(hour), 90 * time.Minute,
			[]string{"12:00:00", "13:30:00", "14:00:00"},
		},
		{"a wider schedule", aligned(hour), nil, aligned(2 * hour), 30 * time.Minute, []string{"12:00:00", "14:00:00"}},
		{"none any more", aligned(hour), nil, never{}, 30 * time.Minute, []string{"12:00:00"}},
		{"one after none", never{}, nil, aligned(hour), 30 * time.Minute, []string{"12:00:00", "13:00:00", "14:00:00"}},
		{
			"a tick of the old one that has come already is not lost",
			aligned(hour), lasting(70 * time.Minute),
			never{},
			30 * time.Minute,
			[]string{"12:00:00", "13:10:00"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, noon(), c.ticks, c.job)
				<-time.After(c.at)
				if err := r.Between(t.Context(), func() { r.Reschedule(c.replaced) }); err != nil {
					t.Fatal(err)
				}
				until := noon().Add(2 * hour).Sub(r.wall())
				if diff := cmp.Diff(c.want, clock(r.after(until))); diff != "" {
					t.Error(diff)
				}
				if err := r.end(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestReloadingOverAndOverPutsNothingOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hourly := configured(t, "@every 1h", "UTC")
		r := start(t, noon(), hourly, nil)
		for range 12 {
			<-time.After(15 * time.Minute)
			if err := r.Between(t.Context(), func() { r.Reschedule(hourly) }); err != nil {
				t.Error(err)
			}
		}
		want := []string{"12:00:00", "13:00:00", "14:00:00", "15:00:00"}
		if diff := cmp.Diff(want, clock(r.after(0))); diff != "" {
			t.Error(diff)
		}
		if err := r.end(); err != nil {
			t.Error(err)
		}
	})
}
