package engine_test

import (
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// longestPoll is what one poll can take at most: six tries of a minute each, and
// the waits of 1, 2, 4, 8 and 16 seconds between them.
const longestPoll = 6*time.Minute + 31*time.Second

// longestLookUp is the same of a search on v4: four tries of the bench's time-out.
const longestLookUp = 4*timeout + 7*time.Second

// outages are the ways in which an API can be gone. What begins one gives what ends it.
func outages(api string) map[string]func(b *bench) (end func()) {
	address := map[string]string{simulator.APIConnector: "127.0.0.1:1", simulator.APIV4: "127.0.0.1:2"}[api]
	gone := func(because error) func(b *bench) func() {
		return func(b *bench) func() {
			b.wire.only, b.wire.because = address, because
			b.wire.refuseNext(-1)
			b.wire.hangUp()
			return func() { b.wire.refuseNext(0) }
		}
	}
	faulty := func(f simulator.Fault) func(b *bench) func() {
		return func(b *bench) func() {
			f.API = api
			return b.world.Inject(f)
		}
	}
	return map[string]func(b *bench) func(){
		"nobody listens":            gone(nil),
		"its name is not found":     gone(&net.DNSError{Err: "no such host", Name: "api.example.com", IsNotFound: true}),
		"it answers 500":            faulty(simulator.Fault{Kind: simulator.KindStatus, Status: 500}),
		"it does not answer":        faulty(simulator.Fault{Kind: simulator.KindHang}),
		"it answers a page of HTML": faulty(simulator.Fault{Kind: simulator.KindHTMLBody}),
	}
}

// records gives everything that the ledger knows of preauthorizations.
func (b *bench) records() map[preauth.ID]plan.Record {
	b.t.Helper()
	all := map[preauth.ID]plan.Record{}
	b.look(func(l *state.Ledger) {
		b.must(l.Each(b.t.Context(), func(rec plan.Record) error {
			all[rec.ID] = rec
			return nil
		}))
	})
	return all
}

func TestAPMSThatIsGoneForADayChangesNothing(t *testing.T) {
	for name, begin := range outages(simulator.APIConnector) {
		t.Run(name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				due := b.held()
				parked := b.add(simulator.Preauthorization{Amount: dec("5"), Currency: "USD"})
				held := b.hold("30")
				b.once(simulator.OpCapture, simulator.Fault{Kind: simulator.KindThrottle, RetryAfter: "120"})
				b.cycle()
				b.expect(due, plan.Created, "")
				before := b.records()
				end := begin(b)
				for over := time.Now().Add(day); time.Now().Before(over); {
					start := time.Now()
					if got := only(b.cycle()); got.Report.OK || got.Err == nil || got.Report.Counts.Parked > 0 {
						t.Fatalf("%+v", got)
					}
					if took := time.Since(start); took > longestPoll {
						t.Fatalf("a cycle took %s", took)
					}
					b.pass(max(0, 5*time.Minute-time.Since(start)))
				}
				if diff := cmp.Diff(before, b.records()); diff != "" {
					t.Errorf("a day on which nothing could be read has changed the ledger:\n%s", diff)
				}
				b.charge(held)
				fresh := b.hold("40")
				end()
				if got := only(b.cycle()); got.Err != nil {
					t.Errorf("%+v", got)
				}
				b.expect(due, plan.Captured, "")
				b.expect(held, plan.Captured, "")
				b.expect(fresh, plan.Created, "")
				b.expect(parked, plan.None, plan.CurrencyMismatch)
				b.told(telemetry.ActionParked, 1)
				b.effects(4, 2)
			})
		})
	}
}

// crowd adds customers of the first property who have nothing at all.
func (b *bench) crowd(n int) {
	b.t.Helper()
	for range n {
		_, err := b.world.AddCustomer("hotel-1", "")
		b.must(err)
	}
	b.list()
}

func TestOfManyCustomersFewArePolledWhileThePMSIsGone(t *testing.T) {
	for name, begin := range outages(simulator.APIConnector) {
		t.Run(name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				const chunks, pollers = 9, 2
				id := b.held(func(cfg *config.Config) { cfg.Connector.Concurrency = pollers })
				b.crowd((chunks - 1) * 1000)
				end := begin(b)
				for range 3 {
					asked, start := b.polled(), time.Now()
					got := only(b.cycle())
					if took := time.Since(start); took > 2*longestPoll { // two at a time, and no third round
						t.Errorf("a cycle took %s", took)
					}
					if n := got.Report.Counts.Failed; n != 3+1 && n != 4+1 {
						t.Errorf("%d failures: three polls, one that was under way, and the account of it", n)
					}
					if n := b.polled() - asked; n > 4*6 {
						t.Errorf("%d requests for %d chunks", n, chunks)
					}
					b.pass(5 * time.Minute)
				}
				b.expect(id, plan.Created, "")
				end()
				polled := b.polled()
				if got := only(b.cycle()); !got.Report.OK {
					t.Errorf("%+v", got)
				}
				if n := b.polled() - polled; n != chunks {
					t.Errorf("%d requests for %d chunks", n, chunks)
				}
				b.expect(id, plan.Captured, "")
			})
		})
	}
}

// polled is how many polls have arrived.
func (b *bench) polled() int { return b.world.Count(simulator.APIConnector, simulator.OpPoll) }

func TestThreePollsThatFailApartAreNoOutage(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven(func(cfg *config.Config) { cfg.Connector.Concurrency = 1 })
		b.crowd(8 * 1000)
		asked := 0
		b.world.Inject(simulator.Fault{
			API: simulator.APIConnector, Operation: simulator.OpPoll, Kind: simulator.KindStatus, Status: 403,
			Match: func(simulator.Request) bool {
				asked++
				return asked%3 != 0
			},
		})
		if got := only(b.cycle()); got.Report.Counts.Failed != 6 || asked != 9 {
			t.Errorf("%d polls: %+v", asked, got.Report)
		}
	})
}

func TestABillingPlatformThatIsGoneForADay(t *testing.T) {
	for name, begin := range outages(simulator.APIV4) {
		if name == "its name is not found" || name == "it answers a page of HTML" {
			continue // to a write they are what a refused connection and a 500 are
		}
		t.Run(name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.proven(writers(4))
				var due, fresh []string
				for range 12 {
					due = append(due, b.hold("22.50"))
				}
				b.cycle()
				b.charge(due...)
				for range 12 {
					fresh = append(fresh, b.hold("30"))
				}
				b.pass(25 * time.Minute) // the login lasts a while yet
				end, began := begin(b), time.Now()
				for time.Since(began) < day {
					start := time.Now()
					got := b.cycle()
					// What is in doubt is looked up one after the other, until three have failed.
					if took := time.Since(start); took > time.Duration(min(3, got.InDoubt)+2)*longestLookUp {
						t.Fatalf("a cycle took %s with %d in doubt", took, got.InDoubt)
					}
					if got.Sinks[0].Err == nil {
						t.Errorf("the sink counts as good: %+v", got)
					}
					interval := 5 * time.Minute
					if time.Since(began) > time.Hour {
						interval = 30 * time.Minute // nothing leaves any more: one such cycle is like the other
					}
					b.pass(max(0, interval-time.Since(start)))
				}
				writes, parked := b.writes(), 0
				end()
				late := b.hold("50")
				b.cycle()
				b.cyclesOver(2*timeout+2*settle+2*time.Minute, time.Minute)
				for _, id := range due {
					rec := b.record(id)
					if rec.Park != nil && rec.Park.Reason == plan.UnknownCapture {
						parked++
						continue
					}
					b.expect(id, plan.Captured, "")
				}
				for _, id := range append(fresh, late) {
					b.expect(id, plan.Created, "")
				}
				// Five in a row with four senders, and one at the head of each cycle while the login lasted.
				if most := 8 + 2; writes-25 > most || parked > most {
					t.Errorf("%d writes were sent while v4 was gone, %d captures are parked", writes-25, parked)
				}
				b.effects(1+12+12+1, 12-parked)
			})
		})
	}
}
