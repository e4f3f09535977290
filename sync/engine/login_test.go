package engine_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// logins is how many there have been.
func (b *bench) logins() int { return len(b.requests(simulator.OpLogin, "")) }

// undoubted fails where a write was answered in a way that left its outcome open.
func (b *bench) undoubted() {
	b.t.Helper()
	b.told(telemetry.CreateUnknown, 0)
	b.told(telemetry.CaptureUnknown, 0)
	b.told(telemetry.ActionParked, 0)
}

func TestALoginThatRunsOutBetweenACreateAndItsCaptureIsRenewed(t *testing.T) {
	inBench(t, func(b *bench) {
		b.settings(func(s *simulator.Settings) { s.LoginTTL = 10 * time.Minute })
		id := b.held()
		before := b.logins()
		b.pass(10 * time.Minute)
		b.cycle()
		b.expect(id, plan.Captured, "")
		b.sent(simulator.OpCapture, ":2", 1) // renewed before it was sent, not after a 401
		if n := b.logins() - before; n != 1 {
			t.Errorf("%d logins", n)
		}
		b.undoubted()
		b.effects(2, 1)
	})
}

func TestLoginsThatRunOutInTheMiddleOfTwoHundredCreates(t *testing.T) {
	const ttl = 2 * time.Minute
	cases := []struct {
		name string
		// promise is the life that the sink's login replies name.
		promise string
		// every is how often a login is due: half of a life as short is kept as a margin.
		every time.Duration
		// resent says that writes may meet the end of a login.
		resent bool
	}{
		{"as was said when they were given", "", ttl / 2, false},
		{"long before they should", `"expires_in":1800`, ttl, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.settings(func(s *simulator.Settings) { s.LoginTTL = ttl })
				b.fault(simulator.OpCreate, simulator.Fault{Kind: simulator.KindDelay, Delay: 20 * time.Second})
				if c.promise != "" {
					b.world.Inject(simulator.Fault{
						Operation: simulator.OpLogin, Kind: simulator.KindRewrite, Rewrite: func(status int, body []byte) (int, []byte) {
							return status, bytes.Replace(body, []byte(`"expires_in":120`), []byte(c.promise), 1)
						},
					})
				}
				b.proven(func(cfg *config.Config) { cfg.Mirror.MaxActionsPerCycle = 0 })
				for range 200 {
					b.hold("10")
				}
				start, logins := time.Now(), b.logins()
				if got := only(b.cycle()); !got.Report.OK || got.Report.Counts.Created != 200 {
					t.Errorf("%+v", got)
				}
				took := time.Since(start)
				if took < 3*ttl {
					t.Fatalf("the cycle took only %s: no login has run out", took)
				}
				if n := b.logins() - logins; n > int(took/c.every)+1 {
					t.Errorf("%d logins in %s", n, took)
				}
				resent := len(b.requests(simulator.OpCreate, "")) - 201
				if (resent > 0) != c.resent {
					t.Errorf("%d creates were sent again", resent)
				}
				b.undoubted()
				b.told(telemetry.SinkUnusable, 0)
				b.effects(201, 0)
			})
		})
	}
}

func TestNothingIsHarmedWhileNoLoginIsGoodForAnything(t *testing.T) {
	cases := []struct {
		name       string
		take, give func(b *bench)
	}{
		{
			"a storm of 401",
			func(b *bench) { b.fault("", simulator.Fault{Kind: simulator.KindStatus, Status: 401, Match: notLogin}) },
			(*bench).clear,
		},
		{
			"an account that has been revoked",
			func(b *bench) {
				b.world.RevokeTokens()
				b.must(b.world.SetPassword("tenant-1", "another"))
			},
			func(b *bench) { b.must(b.world.SetPassword("tenant-1", b.cfg.V4.Auth.Password.Reveal())) },
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				const senders = 4
				due := b.held(writers(senders))
				var fresh []string
				for range 20 {
					fresh = append(fresh, b.hold("10"))
				}
				c.take(b)
				for range 12 {
					writes, logins := b.writes(), b.logins()
					if got := only(b.cycle()); got.Report.OK || got.NewOutcomeParks > 0 {
						t.Errorf("%+v", got)
					}
					if n := b.writes() - writes; n > 2*senders {
						t.Errorf("%d writes in a cycle", n)
					}
					if n := b.logins() - logins; n > senders {
						t.Errorf("%d logins in a cycle", n)
					}
					b.pass(5 * time.Minute)
				}
				b.told(telemetry.SinkUnusable, 12)
				b.expect(due, plan.Created, "")
				c.give(b)
				if got := only(b.cycle()); !got.Report.OK {
					t.Errorf("%+v", got)
				}
				b.expect(due, plan.Captured, "")
				for _, id := range fresh {
					b.expect(id, plan.Created, "")
				}
				b.undoubted()
				b.effects(22, 1)
			})
		})
	}
}

func notLogin(r simulator.Request) bool { return r.Operation != simulator.OpLogin }

// writes is how many creates and captures have been sent.
func (b *bench) writes() int {
	return len(b.requests(simulator.OpCreate, "")) + len(b.requests(simulator.OpCapture, ""))
}
