package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// lost are replies to a write after which nothing is known of it.
func lost() []simulator.Fault {
	faults := []simulator.Fault{
		{Kind: simulator.KindReset},
		{Kind: simulator.KindHang},
		{Kind: simulator.KindHTMLBody},
		{Kind: simulator.KindHeadersOnly},
		{Kind: simulator.KindTruncatedBody},
		{Kind: simulator.KindGarbageJSON},
		{Kind: simulator.KindEmptyBody},
		{Kind: simulator.KindErrorsBesideSuccess},
		{Kind: simulator.KindRedirect, Status: 307},
		{Kind: simulator.KindRedirect, Status: 308},
	}
	for _, status := range []int{202, 204, 302, 400, 403, 404, 408, 409, 413, 425, 500, 501, 502, 503, 504} {
		faults = append(faults, simulator.Fault{Kind: simulator.KindStatus, Status: status})
	}
	// Errors make a refusal of most 4xx, but not of these, and never of a 5xx.
	for _, status := range []int{408, 425, 500, 503} {
		faults = append(faults, simulator.Fault{
			Kind: simulator.KindStatus, Status: status, Body: `{"type":"create","errors":[{"code":1,"message":"no"}]}`,
		})
	}
	return faults
}

func nameOf(f simulator.Fault) string {
	name := string(f.Kind)
	if f.Status != 0 {
		name = fmt.Sprintf("%s %d", name, f.Status)
	}
	if f.Body != "" {
		name += " with errors"
	}
	return name
}

func TestAnUnknownCreateThatTookEffectIsFoundByItsToken(t *testing.T) {
	for _, f := range append(lost(), simulator.Fault{Kind: simulator.KindWrongTypes}) {
		t.Run(nameOf(f), func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.proven()
				id := b.hold("22.50")
				f.After = true
				b.once(simulator.OpCreate, f)
				b.cycle()
				b.expect(id, plan.Creating, "")
				sent := b.requests(simulator.OpCreate, id)[0].Time
				b.cyclesOver(settle+3*time.Minute, time.Minute)
				rec := b.expect(id, plan.Created, "")
				b.sent(simulator.OpCreate, id, 1)
				if len(b.lookups(id)) == 0 {
					t.Fatal("it was never looked up")
				}
				if first := b.lookups(id)[0].Time; first.Sub(sent) < timeout+settle || first.Sub(sent) > 2*timeout+settle+time.Minute {
					t.Errorf("it was looked up %s after it was sent", first.Sub(sent))
				}
				b.sent(simulator.OpSearch, id, 1)
				if rec.Identity != 2 || !rec.Amount.Amount.Equal(decimal.RequireFromString("22.5")) {
					t.Errorf("%+v", rec)
				}
				want := []string{telemetry.CreateIntent, telemetry.CreateUnknown, telemetry.CreateApplied}
				if diff := cmp.Diff(want, b.journal(id)); diff != "" {
					t.Error(diff)
				}
				b.effects(2, 0)
			})
		})
	}
}

func TestAnUnknownCreateThatHadNoEffectIsSentAgainOnlyAfterTwoReads(t *testing.T) {
	for _, f := range lost() {
		t.Run(nameOf(f), func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.proven()
				id := b.hold("22.50")
				b.once(simulator.OpCreate, f)
				b.cycle()
				b.expect(id, plan.Creating, "")
				b.cyclesOver(3*settle, time.Minute)
				b.expect(id, plan.Created, "")
				creates, lookups := b.requests(simulator.OpCreate, id), b.lookups(id)
				if len(creates) != 2 || len(lookups) != 2 {
					t.Fatalf("%d creates, %d lookups", len(creates), len(lookups))
				}
				first, second := lookups[0].Time, lookups[1].Time
				if first.Sub(creates[0].Time) < timeout+settle {
					t.Errorf("first read %s after the send", first.Sub(creates[0].Time))
				}
				if second.Sub(first) < settle {
					t.Errorf("second read %s after the first", second.Sub(first))
				}
				if creates[1].Time.Before(second) {
					t.Error("sent again before the second read")
				}
				lines := b.lines(id)
				if last := lines[len(lines)-1]; last.Event != telemetry.CreateApplied || last.Attempt != 2 {
					t.Errorf("%+v", last)
				}
				b.effects(2, 0)
			})
		})
	}
}

func TestACreateIsSentAtMostThreeTimesAndThenParks(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("22.50")
		b.fault(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset})
		b.cyclesOver(10*settle, 30*time.Second)
		rec := b.expect(id, plan.None, plan.UnknownCreate)
		b.sent(simulator.OpCreate, id, 3)
		b.sent(simulator.OpSearch, id, 6)
		if rec.Intent != nil || rec.Sends != 3 {
			t.Errorf("%+v", rec)
		}
		parks := 0
		for _, r := range b.results {
			parks += only(r).NewOutcomeParks
		}
		if parks != 1 {
			t.Errorf("%d new outcome parks were reported", parks)
		}
		b.clear()
		b.cyclesOver(settle, time.Minute)
		b.expect(id, plan.None, plan.UnknownCreate)
		b.effects(1, 0)
	})
}

// The effect of a request that was given up may come at any time up to its
// time-out and twice settle.
func TestALateEffectIsFoundAndNotDoubled(t *testing.T) {
	last := timeout + 2*settle - time.Second
	for _, delay := range []time.Duration{time.Second, settle, timeout + settle + time.Second, 2*settle + time.Second, last} {
		for _, every := range []time.Duration{20 * time.Second, time.Minute} {
			t.Run(fmt.Sprintf("after %s with a cycle every %s", delay, every), func(t *testing.T) {
				inBench(t, func(b *bench) {
					b.proven()
					id := b.hold("22.50")
					b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindLateEffect, Delay: delay})
					b.cycle()
					b.cyclesOver(timeout+settle-10*time.Second, time.Minute)
					b.cyclesOver(settle+timeout+20*time.Second, every)
					b.cyclesOver(settle, time.Minute)
					b.expect(id, plan.Created, "")
					b.sent(simulator.OpCreate, id, 1)
					b.effects(2, 0)
				})
			})
		}
	}
}

func TestWhatCarriesOurTokenAndDiffersParks(t *testing.T) {
	const user = 10 // the simulated tenant's
	amount := decimal.RequireFromString("22.5")
	cases := []struct {
		name  string
		holds func(token string) []simulator.Hold
		says  string
	}{
		{"another amount", func(token string) []simulator.Hold {
			return []simulator.Hold{{PaymentMethodID: 101, Amount: decimal.NewFromInt(23), Token: token}}
		}, "amount 23 instead of 22.5"},
		{"two identities", func(token string) []simulator.Hold {
			h := simulator.Hold{PaymentMethodID: 101, Amount: amount, Token: token}
			return []simulator.Hold{h, h}
		}, "on 2 identities"},
		{"another payment method", func(token string) []simulator.Hold {
			return []simulator.Hold{{PaymentMethodID: 102, Amount: amount, Token: token}}
		}, "payment method 102 instead of 101"},
		{"another user", func(token string) []simulator.Hold {
			return []simulator.Hold{{PaymentMethodID: 101, Amount: amount, Token: token, CreatedByUserID: 11}}
		}, "created by user 11 instead of 10"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.proven(func(cfg *config.Config) { cfg.V4.CreatedByUserID = user })
				id := b.hold("22.50")
				b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset})
				b.cycle()
				for _, h := range c.holds(id) {
					_, err := b.world.AddHold(h)
					b.must(err)
				}
				b.cyclesOver(4*settle, time.Minute)
				rec := b.expect(id, plan.Creating, plan.DuplicateFound)
				if rec.Park != nil && !strings.Contains(rec.Park.Detail, c.says) {
					t.Errorf("it says %q", rec.Park.Detail)
				}
				b.sent(simulator.OpCreate, id, 1)
				b.charge(id)
				b.cyclesOver(4*settle, time.Minute)
				b.effects(1, 0)
			})
		})
	}
}

func TestAnAutopayCreateIsFoundOnWhateverMethodV4Took(t *testing.T) {
	inBench(t, func(b *bench) {
		b.must(b.world.UpdatePaymentMethod(101, func(m *simulator.PaymentMethod) { m.AutoPay = true }))
		b.proven(func(cfg *config.Config) {
			cfg.Properties[0].PaymentMethods.Default = config.DefaultMethod{Autopay: true}
		})
		id := b.hold("22.50")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true})
		b.cycle()
		b.cyclesOver(2*settle, time.Minute)
		if rec := b.expect(id, plan.Created, ""); rec.PaymentMethodID != 101 {
			t.Errorf("%+v", rec)
		}
	})
}

func TestVerificationUsesTheIntentNotTodaysConfiguration(t *testing.T) {
	inBench(t, func(b *bench) {
		other, err := b.world.AddPaymentMethod(simulator.PaymentMethod{})
		b.must(err)
		b.proven(func(cfg *config.Config) {
			cfg.Properties[0].PaymentMethods.Default = config.DefaultMethod{ID: 101}
		})
		id := b.hold("22.50")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true})
		b.cycle()
		b.must(b.world.SetAmount(id, decimal.NewFromInt(30)))
		b.restart(func(cfg *config.Config) {
			cfg.Properties[0].PaymentMethods.Default = config.DefaultMethod{ID: other}
		})
		b.cyclesOver(timeout+settle+time.Minute, time.Minute)
		// It is found with its own amount; what the PMS says now is another matter.
		rec := b.expect(id, plan.Created, plan.AmountChanged)
		if rec.PaymentMethodID != 101 || rec.Amount.Amount.String() != "22.5" {
			t.Errorf("%+v", rec)
		}
		b.effects(2, 0)
	})
}

func TestALookUpThatFailsDecidesNothing(t *testing.T) {
	for _, f := range []simulator.Fault{
		{Kind: simulator.KindStatus, Status: 500},
		{Kind: simulator.KindHTMLBody},
		{Kind: simulator.KindEmptyBody},
		{Kind: simulator.KindStatus, Status: 403},
	} {
		t.Run(nameOf(f), func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.proven()
				id := b.hold("22.50")
				b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true})
				b.fault(simulator.OpSearch, f)
				b.cycle()
				b.cyclesOver(4*settle, time.Minute)
				b.expect(id, plan.Creating, "")
				b.clear()
				b.cyclesOver(2*settle, time.Minute)
				b.expect(id, plan.Created, "")
				b.sent(simulator.OpCreate, id, 1)
			})
		})
	}
}

func TestASinkThatIgnoresTheSearchProvesNothing(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("22.50")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset})
		b.settings(func(s *simulator.Settings) { s.IgnoreSearch = true })
		b.cycle()
		b.cyclesOver(5*settle, time.Minute)
		b.expect(id, plan.Creating, "")
		b.sent(simulator.OpCreate, id, 1)
	})
}

func TestTwoPreauthorizationsAlikeAreToldApart(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		customer, card := "0b4e5c50-3bd9-4a6a-9a0f-3a2f1c0d7e11", "0b4e5c50-3bd9-4a6a-9a0f-3a2f1c0d7e12"
		same := simulator.Preauthorization{Amount: decimal.RequireFromString("80.00"), CustomerID: customer, CardID: card}
		first, second := b.add(same), b.add(same)
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset})
		b.cycle()
		b.cyclesOver(3*settle, time.Minute)
		a, z := b.expect(first, plan.Created, ""), b.expect(second, plan.Created, "")
		if a.Identity == z.Identity {
			t.Errorf("both are %d", a.Identity)
		}
		b.effects(3, 0)
	})
}

func TestAWaitingCycleReturnsOnceNothingIsInFlight(t *testing.T) {
	cases := []struct {
		name    string
		after   bool
		inDoubt int
		took    time.Duration
		phase   plan.Phase
	}{
		{"found", true, 0, timeout + settle, plan.Created},
		{"absent", false, 0, timeout + 2*settle, plan.None},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.proven()
				id := b.hold("22.50")
				b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: c.after})
				start := time.Now()
				got, err := b.tryCycle(true)
				b.must(err)
				if took := time.Since(start); took < c.took || took > c.took+timeout {
					t.Errorf("it took %s, want %s", took, c.took)
				}
				if got.InDoubt != c.inDoubt {
					t.Errorf("%+v", got)
				}
				b.expect(id, c.phase, "")
			})
		})
	}
}

func TestAWaitingCycleGivesUpAfterTheTimeOutAndThreeTimesSettle(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		b.hold("22.50")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset})
		b.fault(simulator.OpSearch, simulator.Fault{Kind: simulator.KindStatus, Status: 403})
		start := time.Now()
		got, err := b.tryCycle(true)
		b.must(err)
		if took := time.Since(start); took > timeout+3*settle || took < timeout+settle || got.InDoubt != 1 {
			t.Errorf("after %s: %+v", took, got)
		}
	})
}

func TestAReplyWithTheIdentityOfAnotherIsLookedUp(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("22.50")
		b.once(simulator.OpCreate, simulator.Fault{
			Kind: simulator.KindRewrite, After: true, Rewrite: func(status int, body []byte) (int, []byte) {
				return status, []byte(strings.Replace(string(body), `"identity":2`, `"identity":1`, 1))
			},
		})
		b.cycle()
		b.expect(id, plan.Creating, "")
		b.cyclesOver(timeout+settle+time.Minute, time.Minute)
		if rec := b.expect(id, plan.Created, ""); rec.Identity != 2 {
			t.Errorf("%+v", rec)
		}
		b.effects(2, 0)
	})
}

func TestAChargeThatComesWhileItsCreateIsInDoubtIsCapturedOnceItIsFound(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("22.50")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true})
		b.cycle()
		b.charge(id)
		b.cyclesOver(timeout+settle+time.Minute, time.Minute)
		b.expect(id, plan.Captured, "")
		b.effects(2, 1)
	})
}

func TestATokenOnAnIdentityOfAnotherParks(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("1.00")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true})
		b.world.Inject(simulator.Fault{
			API: simulator.APIV4, Operation: simulator.OpSearch, Kind: simulator.KindRewrite,
			Match: func(r simulator.Request) bool { return strings.Contains(string(r.Body), id) },
			Rewrite: func(status int, body []byte) (int, []byte) {
				return status, []byte(strings.Replace(string(body), `"identity":2`, `"identity":1`, 1))
			},
		})
		b.cycle()
		b.cyclesOver(timeout+settle+time.Minute, time.Minute)
		rec := b.expect(id, plan.Creating, plan.DuplicateFound)
		if rec.Park == nil || !strings.Contains(rec.Park.Detail, "belongs to preauthorization") {
			t.Errorf("%+v", rec.Park)
		}
		b.sent(simulator.OpCreate, id, 1)
	})
}

func TestAWaitingCycleCapturesWhatItFinds(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		customer := "5d2a5d6b-5ab7-4b53-9e05-66b0a1c1a004"
		id := b.add(simulator.Preauthorization{Amount: dec("22.50"), State: simulator.Pending, CustomerID: customer})
		b.cycle()
		b.charge(id)
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true})
		got, err := b.tryCycle(true)
		b.must(err)
		if got.InDoubt != 0 {
			t.Errorf("%+v", got)
		}
		b.expect(id, plan.Captured, "")
		b.effects(2, 1)
	})
}
