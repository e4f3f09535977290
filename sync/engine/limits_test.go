package engine_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// pmsLimit is connector.rate_limit.
func pmsLimit(requests int, per time.Duration) func(*config.Config) {
	return func(cfg *config.Config) { cfg.Connector.RateLimit = config.RateLimit{Requests: requests, Per: per} }
}

// v4Limit is v4.rate_limit.
func v4Limit(requests int, per time.Duration) func(*config.Config) {
	return func(cfg *config.Config) { cfg.V4.RateLimit = config.RateLimit{Requests: requests, Per: per} }
}

// atMost answers 429 to what an operation is asked more often than a limit allows.
func (b *bench) atMost(limit int, f simulator.Fault) {
	b.t.Helper()
	per, err := time.ParseDuration(f.RetryAfter + "s")
	b.must(err)
	var mu sync.Mutex
	var taken []time.Time
	f.Kind = simulator.KindThrottle
	f.Match = func(r simulator.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		taken = slices.DeleteFunc(taken, func(at time.Time) bool { return r.Time.Sub(at) >= per })
		if len(taken) >= limit {
			return true
		}
		taken = append(taken, r.Time)
		return false
	}
	b.world.Inject(f)
}

func TestAPMSThatLowersItsLimitIsObeyedAndStillReadCompletely(t *testing.T) {
	inBench(t, func(b *bench) {
		const configured, chunks = 20, 8
		b.proven(pmsLimit(configured, 30*time.Second))
		b.crowd((chunks - 1) * 1000)
		for range 3 {
			b.cycle()
			b.pass(time.Minute)
		}
		b.told(telemetry.SourceThrottled, 0)
		b.atMost(3, simulator.Fault{API: simulator.APIConnector, RetryAfter: "30"})
		var ids []string
		for range 4 {
			ids = append(ids, b.hold("10"))
			if got := only(b.cycle()); !got.Report.OK || got.Report.Counts.Polled != len(ids)+1 {
				t.Errorf("%+v", got)
			}
			b.pass(time.Minute)
		}
		for _, id := range ids {
			b.expect(id, plan.Created, "")
		}
		// Each poll is refused at most once a window, and has to wait for three of them at most.
		if n := len(b.events(telemetry.SourceThrottled)); n == 0 || n > 4*chunks*3 {
			t.Errorf("throttled %d times", n)
		}
		if most := b.world.MostInWindow(simulator.APIConnector, "hotel-1", 30*time.Second); most > configured {
			t.Errorf("%d requests in 30 s", most)
		}
	})
}

func TestARetryAfterOfThePMSIsObeyed(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.held()
		b.world.Inject(simulator.Fault{
			API: simulator.APIConnector, Operation: simulator.OpPoll, Kind: simulator.KindThrottle, RetryAfter: "17", Times: 3,
		})
		before := len(b.requests(simulator.OpPoll, ""))
		b.cycle()
		b.expect(id, plan.Captured, "")
		polls := b.requests(simulator.OpPoll, "")[before:]
		if len(polls) != 4 {
			t.Fatalf("%d polls", len(polls))
		}
		for i := range 3 {
			if gap := polls[i+1].Time.Sub(polls[i].Time); gap < 17*time.Second || gap > 18*time.Second {
				t.Errorf("asked again after %s", gap)
			}
		}
	})
}

// within fails where a request from a moment on is one too many in the window that
// ends with it, whatever limit was in force when the others in it were sent.
func (b *bench) within(api string, from time.Time, limit config.RateLimit) {
	b.t.Helper()
	var times []time.Time
	for _, r := range b.world.Requests() {
		if r.API == api {
			times = append(times, r.Time)
		}
	}
	first, _ := slices.BinarySearchFunc(times, from, time.Time.Compare)
	for i := first; i < len(times); i++ {
		n := 0
		for _, at := range times[:i+1] {
			if times[i].Sub(at) < limit.Per {
				n++
			}
		}
		if n > limit.Requests {
			b.t.Fatalf("at %s %d requests have arrived within %s; allowed are %d", times[i], n, limit.Per, limit.Requests)
		}
	}
	if first == len(times) {
		b.t.Fatal("there was no request at all")
	}
}

func TestALimitThatIsReconfiguredIsKeptAcrossTheChange(t *testing.T) {
	apis := []struct {
		api  string
		is   func(int, time.Duration) func(*config.Config)
		work func(b *bench)
	}{
		{simulator.APIConnector, pmsLimit, func(*bench) {}},
		{simulator.APIV4, v4Limit, func(b *bench) {
			for range 8 {
				b.hold("10")
			}
		}},
	}
	changes := []struct {
		name     string
		was, now config.RateLimit
	}{
		{"lower", config.RateLimit{Requests: 10, Per: time.Minute}, config.RateLimit{Requests: 3, Per: time.Minute}},
		{"higher", config.RateLimit{Requests: 3, Per: time.Minute}, config.RateLimit{Requests: 10, Per: time.Minute}},
		{"a longer window", config.RateLimit{Requests: 5, Per: 10 * time.Second}, config.RateLimit{Requests: 5, Per: 2 * time.Minute}},
		{"a shorter window", config.RateLimit{Requests: 5, Per: 2 * time.Minute}, config.RateLimit{Requests: 5, Per: 10 * time.Second}},
		{"the same", config.RateLimit{Requests: 4, Per: time.Minute}, config.RateLimit{Requests: 4, Per: time.Minute}},
	}
	for _, a := range apis {
		for _, c := range changes {
			t.Run(a.api+" "+c.name, func(t *testing.T) {
				inBench(t, func(b *bench) {
					b.proven(a.is(c.was.Requests, c.was.Per))
					b.crowd(7 * 1000) // each cycle asks the PMS eight times
					limit := c.was
					for _, next := range []config.RateLimit{c.now, c.was, {}, c.now} {
						changed := time.Now()
						a.work(b)
						b.cycle()
						if limit.Requests > 0 {
							b.within(a.api, changed, limit)
						}
						b.reload(a.is(next.Requests, next.Per))
						limit = next
						b.pass(time.Second)
					}
					changed := time.Now()
					a.work(b)
					if got := only(b.cycle()); !got.Report.OK {
						t.Errorf("%+v", got)
					}
					b.within(a.api, changed, limit)
				})
			})
		}
	}
}

func TestAReloadInTheMiddleOfAWindowGivesNoSecondOne(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven(pmsLimit(6, time.Minute))
		b.crowd(2 * 1000)
		start := time.Now()
		for range 6 {
			b.reload() // each asks whose the token is, too
			b.cycle()
		}
		b.within(simulator.APIConnector, start, config.RateLimit{Requests: 6, Per: time.Minute})
		if took := time.Since(start); took < 3*time.Minute {
			t.Errorf("24 requests at 6 a minute took %s", took)
		}
	})
}

func TestAThrottleOfV4IsObeyedByEverySender(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven(writers(4))
		for range 30 {
			b.hold("10")
		}
		b.atMost(4, simulator.Fault{API: simulator.APIV4, Operation: simulator.OpCreate, RetryAfter: "10"})
		if got := only(b.cycle()); !got.Report.OK || got.Report.Counts.Created != 30 {
			t.Errorf("%+v", got)
		}
		b.undoubted()
		refused := map[string]time.Time{}
		for _, r := range b.world.Requests() {
			if r.Operation != simulator.OpCreate {
				continue
			}
			if at, again := refused[r.Key]; again && r.Time.Sub(at) < 10*time.Second {
				t.Errorf("%s was sent again after %s", r.Key, r.Time.Sub(at))
			}
			if r.Status == 429 {
				refused[r.Key] = r.Time
			}
		}
		if len(refused) == 0 || len(refused) > 30 {
			t.Errorf("%d creates were throttled", len(refused))
		}
		b.effects(31, 0)
	})
}
