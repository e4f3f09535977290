package schedule_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/sync/schedule"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// aligned ticks at the multiples of a duration, as */5 * * * * does.
type aligned time.Duration

func (a aligned) Next(after time.Time) time.Time {
	return after.Truncate(time.Duration(a)).Add(time.Duration(a))
}

// every ticks a duration after it is asked, as @every does.
type every time.Duration

func (e every) Next(after time.Time) time.Time { return after.Add(time.Duration(e)) }

// never has no tick.
type never struct{}

func (never) Next(time.Time) time.Time { return time.Time{} }

// rig is a Runner in virtual time. Its wall clock can be put forward and back;
// the bubble's own clock, which the timers go by, is the monotonic one.
type rig struct {
	*schedule.Runner
	t    *testing.T
	stop context.CancelFunc
	// ended gives what Run returned.
	ended chan error

	mu      sync.Mutex
	offset  time.Duration
	jobs    []time.Time
	running int
	idle    []time.Time
	panics  []any
	stacks  []byte
}

// start runs a Runner on a wall clock that begins at the given moment. The job is
// called with the number of its run, from 1.
func start(t *testing.T, at time.Time, s schedule.Schedule, job func(ctx context.Context, n int)) *rig {
	t.Helper()
	r := &rig{t: t, ended: make(chan error, 1), offset: time.Until(at)}
	r.Runner = schedule.New(schedule.Options{
		Schedule: s, Job: func(ctx context.Context) { r.job(ctx, job) }, Drain: func() time.Duration { return 30 * time.Second },
		Clock: r.wall, Idle: r.idling, Panicked: r.panicked,
	})
	var ctx context.Context
	ctx, r.stop = context.WithCancel(t.Context())
	go func() { r.ended <- r.Run(ctx) }()
	synctest.Wait()
	return r
}

func (r *rig) wall() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Now().Add(r.offset)
}

// jump puts the wall clock forward or back while the monotonic one stands.
func (r *rig) jump(by time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.offset += by
}

func (r *rig) job(ctx context.Context, job func(context.Context, int)) {
	now := r.wall()
	r.mu.Lock()
	r.jobs = append(r.jobs, now)
	n := len(r.jobs)
	r.running++
	overlap := r.running > 1
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.running--
		r.mu.Unlock()
	}()
	if overlap {
		r.t.Error("two jobs run at once")
	}
	if job != nil {
		job(ctx, n)
	}
}

func (r *rig) idling() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running > 0 {
		r.t.Error("idle during a job")
	}
	r.idle = append(r.idle, time.Now())
}

func (r *rig) panicked(value any, stack []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.panics = append(r.panics, value)
	r.stacks = append(r.stacks, stack...)
}

// after lets so much time pass, and gives the starts of the jobs since the last call.
func (r *rig) after(d time.Duration) []time.Time {
	r.t.Helper()
	<-time.After(d)
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	jobs := r.jobs
	r.jobs = nil
	return jobs
}

// end stops Run and gives its error.
func (r *rig) end() error {
	r.stop()
	return <-r.ended
}

// lasting is a job that goes on for so long, or until it is stopped.
func lasting(d time.Duration) func(context.Context, int) {
	return func(ctx context.Context, _ int) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	}
}

// configured is a schedule as the configuration gives it.
func configured(t *testing.T, expression, zone string) schedule.Schedule {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	const rest = `
connector: {address: https://a.example.com, client_token: a}
v4: {address: https://b.example.com, auth: {token: b}}
properties:
  - {name: p, access_token: c, currency: EUR, customers: {ids: [00000000-0000-4000-8000-000000000001]}}
`
	text := "schedule: \"" + expression + "\"\ntimezone: " + zone + rest
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Schedule
}

// noon is any moment that is a tick of every aligned schedule here.
func noon() time.Time { return time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC) }

// clock spells moments as the time of day, or with the day when that is another.
func clock(moments []time.Time) []string {
	spelled := make([]string, 0, len(moments))
	for _, m := range moments {
		layout := time.TimeOnly
		if m.YearDay() != noon().YearDay() || m.Year() != noon().Year() {
			layout = time.DateTime
		}
		spelled = append(spelled, m.UTC().Format(layout))
	}
	return spelled
}
