package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// proofWindow is how long an absent token proves nothing.
const proofWindow = timeout + 2*settle

func TestCreatesGoOneAtATimeUntilTheProofAndThenTogether(t *testing.T) {
	inBench(t, func(b *bench) {
		for range 6 {
			b.hold("10")
		}
		b.fault(simulator.OpCreate, simulator.Fault{Kind: simulator.KindDelay, Delay: time.Second})
		b.settings(func(s *simulator.Settings) { s.TokenPolicy, s.TokenDelay = simulator.TokenLateToken, settle })
		b.start()
		b.cycle()
		if most := b.world.MostWrites(); most != 1 {
			t.Errorf("%d writes at once before the proof", most)
		}
		b.effects(6, 0)
		if doc := b.sink(); doc.Proof != plan.ProofOpen || doc.Candidate == nil {
			t.Errorf("%+v", doc)
		}
		b.pass(settle)
		for range 20 {
			b.hold("10")
		}
		b.cycle()
		b.effects(26, 0)
		if most := b.world.MostWrites(); most != b.cfg.V4.Concurrency {
			t.Errorf("%d writes at once after the proof, want %d", most, b.cfg.V4.Concurrency)
		}
		b.told(telemetry.TokenKept, 1)
		if doc := b.sink(); doc.Proof != plan.ProofKept || doc.Candidate == nil {
			t.Errorf("%+v", doc)
		}
	})
}

func TestTheProofIsStored(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		searches := len(b.requests(simulator.OpSearch, "transactionToken"))
		b.restart()
		b.hold("5")
		b.cycle()
		if got := len(b.requests(simulator.OpSearch, "transactionToken")); got != searches {
			t.Errorf("%d more searches for tokens", got-searches)
		}
		b.told(telemetry.TokenKept, 1)
	})
}

func TestASinkThatOverwritesTokensIsFoundOutAtTheEndOfTheWindow(t *testing.T) {
	inBench(t, func(b *bench) {
		b.hold("10")
		b.settings(func(s *simulator.Settings) { s.TokenPolicy = simulator.TokenOverwrite })
		b.start()
		b.cycle()
		start := time.Now()
		for time.Since(start) < proofWindow+2*time.Minute {
			b.pass(time.Minute)
			b.hold("10")
			b.cycle()
			if early := time.Since(start) < proofWindow; early != (len(b.events(telemetry.TokenNotKept)) == 0) {
				t.Fatalf("%s after the reply: %v", time.Since(start), b.events(telemetry.TokenNotKept))
			}
		}
		b.told(telemetry.TokenNotKept, 1)
		// From now on an unknown create cannot be looked up.
		id := b.hold("22.50")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true})
		b.cycle()
		b.cyclesOver(timeout+settle+time.Minute, time.Minute)
		b.expect(id, plan.Creating, plan.UnknownCreate)
		b.sent(simulator.OpCreate, id, 1)
	})
}

func TestASinkThatOverwritesTokensIsFoundOutWithNothingElseToDo(t *testing.T) {
	inBench(t, func(b *bench) {
		b.hold("10")
		b.settings(func(s *simulator.Settings) { s.TokenPolicy = simulator.TokenOverwrite })
		b.start()
		b.cycle()
		b.cyclesOver(proofWindow+2*time.Minute, time.Minute)
		b.told(telemetry.TokenNotKept, 1)
		if doc := b.sink(); doc.Proof != plan.ProofNotKept {
			t.Errorf("the proof is %s", doc.Proof)
		}
	})
}

func TestATokenThatShowsWithinTheWindowIsTheProof(t *testing.T) {
	for _, policy := range []simulator.TokenPolicy{simulator.TokenLate, simulator.TokenLateToken} {
		t.Run(string(policy), func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.hold("10")
				b.settings(func(s *simulator.Settings) { s.TokenPolicy, s.TokenDelay = policy, proofWindow-time.Minute })
				b.start()
				b.cycle()
				for range 12 {
					b.pass(time.Minute)
					b.hold("10")
					b.cycle()
				}
				b.told(telemetry.TokenNotKept, 0)
				b.told(telemetry.TokenKept, 1)
			})
		})
	}
}

func TestALaterHitRevokesThatTokensAreNotKept(t *testing.T) {
	inBench(t, func(b *bench) {
		b.hold("10")
		b.settings(func(s *simulator.Settings) { s.TokenPolicy = simulator.TokenOverwrite })
		b.start()
		b.cycle()
		b.pass(proofWindow)
		b.hold("10")
		b.cycle()
		b.told(telemetry.TokenNotKept, 1)
		b.settings(func(s *simulator.Settings) { s.TokenPolicy = simulator.TokenKeep })
		id := b.hold("22.50")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true})
		b.cycle()
		b.cyclesOver(timeout+settle+time.Minute, time.Minute)
		b.expect(id, plan.Created, "")
		b.told(telemetry.TokenKept, 1)
		if doc := b.sink(); doc.Proof != plan.ProofKept {
			t.Errorf("the proof is %s", doc.Proof)
		}
	})
}

func TestAnUnknownCreateFromBeforeTheProofStaysUntilItIsDecided(t *testing.T) {
	cases := []struct {
		name   string
		policy simulator.TokenPolicy
		effect bool
		phase  plan.Phase
		reason plan.Reason
		sends  int
	}{
		{"kept, and it had no effect", simulator.TokenKeep, false, plan.Created, "", 2},
		{"not kept, and it had no effect", simulator.TokenOverwrite, false, plan.Creating, plan.UnknownCreate, 1},
		{"not kept, and it took effect", simulator.TokenOverwrite, true, plan.Creating, plan.UnknownCreate, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.settings(func(s *simulator.Settings) { s.TokenPolicy = c.policy })
				id := b.hold("22.50")
				b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: c.effect})
				b.start()
				b.cycle()
				b.cyclesOver(6*settle, time.Minute)
				b.expect(id, plan.Creating, "")
				b.restart() // it survives this, too
				b.cyclesOver(3*settle, time.Minute)
				b.expect(id, plan.Creating, "")
				b.sent(simulator.OpCreate, id, 1)
				b.hold("10")
				b.cyclesOver(proofWindow+4*settle, time.Minute)
				b.expect(id, c.phase, c.reason)
				b.sent(simulator.OpCreate, id, c.sends)
			})
		})
	}
}

func TestAnUnknownCreateFromBeforeTheProofIsItselfTheProofOnceFound(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.hold("22.50")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true})
		b.start()
		b.cycle()
		b.cyclesOver(timeout+settle+time.Minute, time.Minute)
		b.expect(id, plan.Created, "")
		b.told(telemetry.TokenKept, 1)
	})
}

func TestTheProofWindowGoesOnOverARestart(t *testing.T) {
	inBench(t, func(b *bench) {
		b.hold("10")
		b.settings(func(s *simulator.Settings) { s.TokenPolicy = simulator.TokenOverwrite })
		b.start()
		b.cycle()
		b.pass(proofWindow / 2)
		b.restart()
		b.pass(proofWindow/2 - time.Minute)
		b.cycle()
		b.told(telemetry.TokenNotKept, 0)
		b.pass(2 * time.Minute)
		b.cycle()
		b.told(telemetry.TokenNotKept, 1)
	})
}

func TestWithoutIdTokensAnUnknownCreateParksAtOnce(t *testing.T) {
	for _, mode := range []config.TransactionToken{"code", "none"} {
		t.Run(string(mode), func(t *testing.T) {
			inBench(t, func(b *bench) {
				var ids []string
				for _, code := range []string{"C-1", "C-2"} {
					p := simulator.Preauthorization{Amount: dec("22.50"), Code: code}
					ids = append(ids, b.add(p))
				}
				b.start(func(cfg *config.Config) { cfg.V4.TransactionToken = mode })
				b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true})
				b.cycle()
				parked := 0
				for _, id := range ids {
					if b.record(id).Park != nil {
						parked++
						b.expect(id, plan.Creating, plan.UnknownCreate)
					} else {
						b.expect(id, plan.Created, "")
					}
				}
				if parked != 1 {
					t.Errorf("%d are parked", parked)
				}
				b.cyclesOver(4*settle, time.Minute)
				b.effects(2, 0)
				for _, r := range b.requests(simulator.OpCreate, "") {
					if has := strings.Contains(r.body, `"transactionToken":"C-`); has != (mode == "code") {
						t.Errorf("it was sent as %s", r.body)
					}
				}
				if n := len(b.requests(simulator.OpSearch, "transactionToken")); n > 0 {
					t.Errorf("%d searches for tokens", n)
				}
			})
		})
	}
}
