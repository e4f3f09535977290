package engine_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func TestARefusedConnectionSendsNothingAndIsPlannedAgain(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("22.50")
		b.pass(30 * time.Second) // the connection for writes has been closed by now, the others not
		b.wire.refuseNext(-1)
		got := only(b.cycle())
		if got.Report.OK || got.NewOutcomeParks != 0 {
			t.Errorf("%+v", got)
		}
		if rec := b.expect(id, plan.None, ""); rec.Sends != 0 || rec.Intent != nil {
			t.Errorf("%+v", rec)
		}
		b.sent(simulator.OpCreate, id, 0)
		intents := 0
		for _, line := range b.lines(id) {
			if line.Event == telemetry.CreateIntent {
				intents++
			}
		}
		if intents < 2 {
			t.Errorf("%d intents: each try begins with its own", intents)
		}
		b.wire.refuseNext(0)
		b.cycle()
		b.expect(id, plan.Created, "")
		lines := b.lines(id)
		if last := lines[len(lines)-1]; last.Attempt != 1 {
			t.Errorf("what was not sent counts as an attempt: %+v", last)
		}
		b.effects(2, 0)
	})
}

func TestAConnectionThatIsRefusedOnceIsTriedAgainInTheSameCycle(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("22.50")
		b.pass(30 * time.Second)
		b.wire.refuseNext(1)
		b.cycle()
		b.expect(id, plan.Created, "")
		b.sent(simulator.OpCreate, id, 1)
	})
}

func TestA429IsWaitedForAndEachSendCommitsItsOwnDeadline(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("22.50")
		b.fault(simulator.OpCreate, simulator.Fault{Kind: simulator.KindThrottle, RetryAfter: "7", Times: 2})
		b.spy = func(r simulator.Request) {
			if r.Operation != simulator.OpCreate {
				return
			}
			rec := b.expect(id, plan.Creating, "")
			if rec.Intent == nil || !rec.Intent.Deadline.Equal(time.Now().Add(timeout)) || rec.Intent.Attempt != 1 {
				t.Errorf("at %s the intent is %+v", time.Now(), rec.Intent)
			}
		}
		if got := only(b.cycle()); !got.Report.OK {
			t.Errorf("%+v", got)
		}
		b.expect(id, plan.Created, "")
		sends := b.requests(simulator.OpCreate, id)
		if len(sends) != 3 {
			t.Fatalf("sent %d times", len(sends))
		}
		for i := range 2 {
			if gap := sends[i+1].Time.Sub(sends[i].Time); gap < 7*time.Second || gap > 8*time.Second {
				t.Errorf("sent again after %s", gap)
			}
		}
		want := []string{
			telemetry.CreateIntent, telemetry.CreateIntent, telemetry.CreateIntent, telemetry.CreateApplied,
		}
		if diff := cmp.Diff(want, b.journal(id)); diff != "" {
			t.Error(diff)
		}
		b.told(telemetry.SinkThrottled, 2)
	})
}

func TestAThrottleThatIsLongerThanACycleEndsIt(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id, other := b.hold("22.50"), b.hold("33")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindThrottle, RetryAfter: "300"})
		start := time.Now()
		b.cycle()
		if time.Since(start) > time.Minute {
			t.Errorf("the cycle took %s", time.Since(start))
		}
		b.told(telemetry.SinkUnusable, 1)
		b.cyclesOver(7*time.Minute, time.Minute)
		b.expect(id, plan.Created, "")
		b.expect(other, plan.Created, "")
		sends := b.requests(simulator.OpCreate, "")[1:]
		for _, r := range sends[min(2, len(sends)):] {
			if r.Time.Sub(start) < 300*time.Second {
				t.Errorf("sent again after %s", r.Time.Sub(start))
			}
		}
	})
}

func TestA401IsAnsweredWithOneFreshLogin(t *testing.T) {
	t.Run("and the write is sent again", func(t *testing.T) {
		inBench(t, func(b *bench) {
			b.proven()
			id := b.hold("22.50")
			b.world.RevokeTokens()
			if got := only(b.cycle()); !got.Report.OK {
				t.Errorf("%+v", got)
			}
			b.expect(id, plan.Created, "")
			b.sent(simulator.OpCreate, id, 2)
			b.sent(simulator.OpLogin, "", 2)
			b.effects(2, 0)
		})
	})
	t.Run("and a second one makes the sink unusable without parking anything", func(t *testing.T) {
		inBench(t, func(b *bench) {
			b.proven(writers(1))
			id, other := b.hold("22.50"), b.hold("33")
			b.fault(simulator.OpCreate, simulator.Fault{Kind: simulator.KindStatus, Status: 401})
			got := only(b.cycle())
			if got.Report.OK || got.NewOutcomeParks != 0 {
				t.Errorf("%+v", got)
			}
			b.expect(id, plan.None, "")
			b.expect(other, plan.None, "")
			b.sent(simulator.OpLogin, "", 2)
			if n := len(b.requests(simulator.OpCreate, "")) - 1; n != 2 {
				t.Errorf("%d creates were sent", n)
			}
			b.told(telemetry.SinkUnusable, 1)
			b.clear()
			b.cycle()
			b.expect(id, plan.Created, "")
			b.expect(other, plan.Created, "")
			b.effects(3, 0)
		})
	})
	t.Run("and where that login fails nothing is parked", func(t *testing.T) {
		inBench(t, func(b *bench) {
			b.proven()
			id := b.hold("22.50")
			b.world.RevokeTokens()
			b.fault(simulator.OpLogin, simulator.Fault{Kind: simulator.KindStatus, Status: 500})
			b.cycle()
			b.expect(id, plan.None, "")
			b.told(telemetry.SinkUnusable, 1)
			b.clear()
			b.cycle()
			b.expect(id, plan.Created, "")
			b.effects(2, 0)
		})
	})
	t.Run("for a capture it is the same", func(t *testing.T) {
		inBench(t, func(b *bench) {
			id := b.held()
			b.fault(simulator.OpCapture, simulator.Fault{Kind: simulator.KindStatus, Status: 401})
			b.cycle()
			b.expect(id, plan.Created, "")
			b.clear()
			b.cycle()
			b.expect(id, plan.Captured, "")
		})
	})
}

func TestAWrongPasswordSendsNothing(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("22.50")
		b.must(b.world.SetPassword("tenant-1", "another"))
		b.pass(time.Hour) // the login has run out
		got := only(b.cycle())
		if got.Report.OK {
			t.Errorf("%+v", got)
		}
		b.expect(id, plan.None, "")
		b.sent(simulator.OpCreate, id, 0)
		b.told(telemetry.SinkUnusable, 1)
	})
}

func TestAStoppedCycleStillCommitsWhatItsWriteCameTo(t *testing.T) {
	cases := []struct {
		name   string
		create simulator.Fault
		phase  plan.Phase
	}{
		{"applied", simulator.Fault{Kind: simulator.KindDelay, Delay: 20 * time.Second}, plan.Created},
		{"unknown", simulator.Fault{Kind: simulator.KindHang}, plan.Creating},
		{"refused", simulator.Fault{
			Kind: simulator.KindStatus, Status: 400, Delay: 20 * time.Second, Body: `{"errors":[{"code":1,"message":"no"}]}`,
		}, plan.None},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.proven(writers(1))
				ids := []string{b.hold("22.50"), b.hold("22.50"), b.hold("22.50")}
				b.fault(simulator.OpCreate, c.create)
				ctx, cancel := context.WithCancel(b.t.Context())
				done := make(chan error)
				start := time.Now()
				go func() {
					_, err := b.app.Engine.Cycle(ctx, true)
					done <- err
				}()
				b.pass(time.Second)
				synctest.Wait()
				cancel()
				if err := <-done; err == nil {
					t.Error("a stopped cycle ends with an error")
				}
				if took := time.Since(start); took > timeout {
					t.Errorf("it took %s to stop", took)
				}
				sent := b.requests(simulator.OpCreate, "")[1:]
				if len(sent) != 1 {
					t.Fatalf("%d creates were sent", len(sent))
				}
				for _, id := range ids {
					if id != sent[0].Key {
						b.expect(id, plan.None, "")
						continue
					}
					if rec := b.record(id); rec.Phase != c.phase {
						t.Errorf("it is %s, want %s", rec.Phase, c.phase)
					}
					if lines := b.journal(id); len(lines) != 2 {
						t.Errorf("its journal is %v", lines)
					}
				}
			})
		})
	}
}

func TestAStopIsObeyedWhereverACycleWaits(t *testing.T) {
	cases := []struct {
		name    string
		prepare func(b *bench)
	}{
		{"for what an earlier instance has under way", func(b *bench) {
			b.hold("10")
			b.foreign()
			b.start()
		}},
		{"for a verdict", func(b *bench) {
			b.proven()
			b.hold("22.50")
			b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset})
		}},
		{"for the end of a throttle", func(b *bench) {
			b.proven()
			b.hold("22.50")
			b.fault(simulator.OpCreate, simulator.Fault{Kind: simulator.KindThrottle, RetryAfter: "60"})
		}},
		{"for the PMS", func(b *bench) {
			b.proven()
			b.world.Inject(simulator.Fault{API: simulator.APIConnector, Kind: simulator.KindHang})
		}},
		{"for the question what an older file's sink holds", func(b *bench) {
			b.held()
			b.stop()
			b.must(os.Remove(b.path + ".gen"))
			b.hold("5")
			b.hold("6")
			b.start()
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				c.prepare(b)
				ctx, cancel := context.WithCancel(b.t.Context())
				done := make(chan error)
				go func() {
					_, err := b.app.Engine.Cycle(ctx, true)
					done <- err
				}()
				b.pass(10 * time.Second)
				synctest.Wait()
				select {
				case err := <-done:
					t.Fatalf("the cycle was over too soon, with %v", err)
				default:
				}
				start := time.Now()
				cancel()
				if err := <-done; !errors.Is(err, context.Canceled) {
					t.Errorf("it ended with %v", err)
				}
				if took := time.Since(start); took > 0 {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

func TestAPlanIsShownAndNotExecuted(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.held()
		fresh, unmapped := b.hold("33"), b.add(simulator.Preauthorization{Amount: dec("5"), Currency: "USD"})
		b.stop()
		before, err := os.ReadFile(b.path)
		b.must(err)
		writes := b.world.Account()
		b.wire = &wire{to: b.server.DialContext}
		o, err := app.OpenOperator(b.cfg, state.ReadOnly, app.Outside{Logs: b.logs, Transport: b.transport()})
		b.must(err)
		got, err := o.Plan(b.t.Context())
		b.must(errors.Join(err, o.Close()))
		p := got.Properties[0]
		var actions []string
		for _, a := range p.Actions {
			actions = append(actions, a.Action+" "+a.ID)
		}
		want := []string{"capture " + id, "create " + fresh}
		slices.Sort(actions)
		if diff := cmp.Diff(want, actions); diff != "" {
			t.Error(diff)
		}
		if len(p.Parks) != 1 || p.Parks[0].ID != unmapped || p.Parks[0].Reason != plan.CurrencyMismatch || !p.Parks[0].New {
			t.Errorf("%+v", p.Parks)
		}
		if after, err := os.ReadFile(b.path); err != nil || !bytes.Equal(before, after) {
			t.Errorf("the state file has changed: %v", err)
		}
		if now := b.world.Account(); now.Creates != writes.Creates || now.Captures != writes.Captures {
			t.Errorf("%+v", now)
		}
	})
}

func TestAStateFileThatIsNoLongerAtItsPathEndsAllWrites(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("22.50")
		aside := b.path + ".aside"
		b.must(os.Rename(b.path, aside))
		for range 2 {
			if _, err := b.tryCycle(true); !errors.Is(err, engine.ErrLedger) {
				t.Errorf("the cycle ended with %v", err)
			}
		}
		b.sent(simulator.OpCreate, id, 0)
		b.told(telemetry.StateFailed, 1)
		b.stop()
		b.must(os.Rename(aside, b.path))
		b.start()
		b.cycle()
		b.expect(id, plan.Created, "")
	})
}

// The generation of the cycle has been begun by then: nothing but the intent itself
// can find out.
func TestAnIntentThatCannotBeStoredIsNotSent(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven(func(cfg *config.Config) { cfg.V4.Concurrency = 1 })
		b.hold("22.50")
		b.hold("33")
		aside := b.path + ".aside"
		b.spy = func(r simulator.Request) {
			if r.Operation == simulator.OpCreate {
				b.must(os.Rename(b.path, aside)) // a second request would fail here
			}
		}
		if _, err := b.tryCycle(false); !errors.Is(err, engine.ErrLedger) {
			t.Errorf("the cycle ended with %v", err)
		}
		b.effects(2, 0)
		b.stop()
		b.must(os.Rename(aside, b.path))
	})
}

func TestWritesKeepToTheSinksRateLimitWithoutLosingTheirTime(t *testing.T) {
	inBench(t, func(b *bench) {
		for range 8 {
			b.hold("10")
		}
		b.start(func(cfg *config.Config) {
			cfg.V4.RateLimit = config.RateLimit{Requests: 2, Per: time.Minute}
		})
		b.spy = func(r simulator.Request) {
			if r.Operation != simulator.OpCreate {
				return
			}
			if rec := b.record(r.Key); rec.Intent == nil || !rec.Intent.Deadline.Equal(time.Now().Add(timeout)) {
				t.Errorf("at %s the intent is %+v", time.Now(), rec.Intent)
			}
		}
		got := only(b.cycle())
		if got.Report.Counts.Created != 8 || !got.Report.OK {
			t.Errorf("%+v", got)
		}
		if most := b.world.MostInWindow(simulator.APIV4, "", time.Minute); most > 2 {
			t.Errorf("%d requests in a minute", most)
		}
	})
}
