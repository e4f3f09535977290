package engine_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func TestACreateLeftInFlightIsVerifiedAfterTheStart(t *testing.T) {
	cases := []struct {
		name  string
		fault simulator.Fault
		sends int
	}{
		{"it took effect", simulator.Fault{Kind: simulator.KindHang, After: true}, 1},
		{"it had no effect", simulator.Fault{Kind: simulator.KindHang}, 2},
		{"its effect comes late", simulator.Fault{Kind: simulator.KindLateEffect, Delay: timeout + settle, Status: 504}, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.proven()
				id := b.hold("22.50")
				b.once(simulator.OpCreate, c.fault)
				b.crash(time.Second)
				if rec := b.expect(id, plan.Creating, ""); rec.Intent == nil || rec.Intent.Attempt != 1 {
					t.Fatalf("%+v", rec)
				}
				b.start()
				started := time.Now()
				b.cyclesOver(timeout+settle-40*time.Second, 30*time.Second)
				if n := len(b.lookups(id)); n > 0 {
					t.Errorf("it was looked up %d times too soon", n)
				}
				b.cyclesOver(2*settle, 30*time.Second)
				b.expect(id, plan.Created, "")
				b.sent(simulator.OpCreate, id, c.sends)
				first := b.lookups(id)[0].Time.Sub(started)
				if first < timeout+settle || first > timeout+settle+time.Minute {
					t.Errorf("it was looked up %s after the start", first)
				}
				b.effects(2, 0)
			})
		})
	}
}

func TestACreateLeftInFlightBeforeTheProof(t *testing.T) {
	for _, effect := range []bool{true, false} {
		inBench(t, func(b *bench) {
			id := b.hold("22.50")
			b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindHang, After: effect})
			b.start()
			b.crash(time.Second)
			b.start()
			b.cyclesOver(5*settle, time.Minute)
			if effect {
				b.expect(id, plan.Created, "")
			} else {
				b.expect(id, plan.Creating, "")
			}
			b.sent(simulator.OpCreate, id, 1)
		})
	}
}

func TestACaptureLeftInFlight(t *testing.T) {
	for _, effect := range []bool{true, false} {
		inBench(t, func(b *bench) {
			id := b.held()
			b.once(simulator.OpCapture, simulator.Fault{Kind: simulator.KindHang, After: effect})
			b.crash(time.Second)
			b.expect(id, plan.Capturing, "")
			b.start()
			if got := only(b.cycle()); got.NewOutcomeParks != 1 {
				t.Errorf("%+v", got)
			}
			b.expect(id, plan.Capturing, plan.UnknownCapture)
			b.sent(simulator.OpCapture, ":2", 1)
		})
	}
	t.Run("is sent again where the operator allows it", func(t *testing.T) {
		inBench(t, func(b *bench) {
			id := b.held(resend)
			b.once(simulator.OpCapture, simulator.Fault{Kind: simulator.KindHang})
			b.crash(time.Second)
			b.start()
			started := time.Now()
			b.cyclesOver(2*settle, time.Minute)
			b.expect(id, plan.Captured, "")
			sends := b.requests(simulator.OpCapture, ":2")
			if len(sends) != 2 || sends[1].Time.Sub(started) < timeout+settle {
				t.Errorf("%v", sends)
			}
		})
	})
}

func TestWhatWasInFlightForAPropertyThatIsGoneIsStillVerified(t *testing.T) {
	inBench(t, func(b *bench) {
		_, err := b.world.AddEnterprise(simulator.Enterprise{Name: "hotel-2"})
		b.must(err)
		_, err = b.world.AddCustomer("hotel-2", "")
		b.must(err)
		b.proven()
		id := b.add(simulator.Preauthorization{Enterprise: "hotel-2", Amount: dec("22.50")})
		b.hold("10")
		b.once(simulator.OpCreate, simulator.Fault{
			Kind: simulator.KindHang, After: true, Match: func(r simulator.Request) bool { return r.Key == id },
		})
		b.crash(time.Second)
		b.start(func(cfg *config.Config) { cfg.Properties = cfg.Properties[:1] })
		b.cyclesOver(2*settle, time.Minute)
		b.expect(id, plan.Created, "")
	})
}

func TestWhatIsParkedForAPropertyThatIsGoneIsReported(t *testing.T) {
	inBench(t, func(b *bench) {
		_, err := b.world.AddEnterprise(simulator.Enterprise{Name: "hotel-2"})
		b.must(err)
		b.hold("1")
		id := b.add(simulator.Preauthorization{Enterprise: "hotel-2", Amount: dec("22.50")})
		b.start()
		b.cycle()
		b.charge(id)
		b.once(simulator.OpCapture, simulator.Fault{Kind: simulator.KindHang})
		b.crash(time.Second)
		b.start(func(cfg *config.Config) { cfg.Properties = cfg.Properties[:1] })
		got := b.cycle()
		b.expect(id, plan.Capturing, plan.UnknownCapture)
		parks := 0
		for _, p := range got.Properties {
			parks += p.NewOutcomeParks
		}
		if parks != 1 {
			t.Errorf("%d new outcome parks are reported: %+v", parks, got)
		}
	})
}

// past is a program that has run for a while: what it has come to by now.
type past struct {
	// captured, charged and held are created by all copies of the file. In the world
	// the first has been captured since, the second is charged, the third is held.
	captured, charged, held string
	// later was created after the copy was made.
	later string
	// copy is the file as it was before all that.
	copy string
}

// past makes one, with a copy of its file from before the captures.
func (b *bench) past(later bool, change ...func(*config.Config)) past {
	b.t.Helper()
	b.proven(change...)
	p := past{captured: b.hold("20"), charged: b.hold("30"), held: b.hold("40")}
	b.cycle()
	p.copy = b.copy(true)
	b.charge(p.captured)
	if later {
		p.later = b.hold("50")
	}
	b.cycle()
	b.expect(p.captured, plan.Captured, "")
	b.charge(p.charged)
	return p
}

func (p past) check(b *bench) {
	b.t.Helper()
	b.expect(p.captured, plan.Adopted, plan.UnknownCapture)
	b.expect(p.charged, plan.Adopted, plan.UnknownCapture)
	b.expect(p.held, plan.Created, "")
	creates := 4
	if p.later != "" {
		creates++
		b.expect(p.later, plan.Created, "")
	}
	b.effects(creates, 1)
	// What the PMS has shown to be chargeable since is captured as ever.
	b.charge(p.held)
	b.cycle()
	b.expect(p.held, plan.Captured, "")
	b.effects(creates, 2)
}

func TestAnOlderCopyOfTheFileIsFoundOut(t *testing.T) {
	cases := []struct {
		name string
		// later says that something was created after the copy.
		later   bool
		restore func(b *bench, p past)
	}{
		{"the generation beside it is ahead", true, func(b *bench, p past) { b.putBack(p.copy) }},
		{"the generation beside it is ahead, and only captures came after it", false, func(b *bench, p past) { b.putBack(p.copy) }},
		{"the generation beside it is missing", true, func(b *bench, p past) {
			b.putBack(p.copy)
			b.must(os.Remove(b.path + ".gen"))
		}},
		{"the generation beside it is missing, and only captures came after it", false, func(b *bench, p past) {
			b.putBack(p.copy)
			b.must(os.Remove(b.path + ".gen"))
		}},
		{"the generation beside it is unreadable", false, func(b *bench, p past) {
			b.putBack(p.copy)
			b.must(os.WriteFile(b.path+".gen", nil, 0o600))
		}},
		{"the generation was put back with it, and v4 holds what came after", true, func(b *bench, p past) {
			b.putBack(p.copy)
			b.must(copyFile(p.copy+".gen", b.path+".gen"))
		}},
		{"the operator says so", false, func(b *bench, p past) {
			b.putBack(p.copy)
			b.must(copyFile(p.copy+".gen", b.path+".gen"))
			l, err := state.Open(state.Options{Path: b.path, Mode: state.ReadWrite})
			b.must(err)
			b.must(errors.Join(l.Restored(b.t.Context()), l.Close()))
		}},
		{"it is a copy made by state backup", false, func(b *bench, p past) {
			b.stop()
			l, err := state.Open(state.Options{Path: p.copy, Mode: state.ReadWrite})
			b.must(err)
			backup := filepath.Join(b.t.TempDir(), "backup.db")
			err = state.Receive(b.t.Context(), backup, time.Now(), func(to io.Writer) error { return l.CopyTo(b.t.Context(), to) })
			b.must(errors.Join(err, l.Close()))
			b.putBack(backup)
			b.must(copyFile(p.copy+".gen", b.path+".gen"))
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				p := b.past(c.later)
				c.restore(b, p)
				b.start()
				b.cycle()
				b.cycle()
				p.check(b)
				b.restart() // it is known by now, and not found out again
				b.charge(b.hold("60"))
				b.cycle()
				b.told(telemetry.StateOlder, len(b.events(telemetry.StateOlder)))
			})
		})
	}
}

// Whose the token is shows only in the reply of the second property; no capture
// of the first one's may be on its way by then.
func TestAnOlderFileIsFoundOutByAnotherPropertyBeforeAnythingIsCaptured(t *testing.T) {
	for _, most := range []int{0, 1000} {
		inBench(t, func(b *bench) {
			_, err := b.world.AddEnterprise(simulator.Enterprise{Name: "hotel-2"})
			b.must(err)
			id := b.hold("20")
			b.add(simulator.Preauthorization{Enterprise: "hotel-2", Amount: dec("30")})
			b.start(fuse(most))
			b.cycle()
			earlier := b.copy(true)
			later := b.add(simulator.Preauthorization{Enterprise: "hotel-2", Amount: dec("40")})
			b.charge(id)
			b.cycle()
			b.expect(id, plan.Captured, "")
			b.putBack(earlier)
			b.must(copyFile(earlier+".gen", b.path+".gen"))
			b.start()
			b.cycle()
			b.expect(id, plan.Adopted, plan.UnknownCapture)
			b.expect(later, plan.Created, "")
			b.effects(3, 1)
			b.sent(simulator.OpCapture, "", 1)
			b.told(telemetry.StateOlder, 1)
		})
	}
}

func TestAnOlderFileCapturesNothingByItselfNotEvenWhereCapturesAreSentAgain(t *testing.T) {
	for _, effect := range []bool{true, false} {
		inBench(t, func(b *bench) {
			id := b.held(resend)
			b.once(simulator.OpCapture, simulator.Fault{Kind: simulator.KindHang, After: effect})
			b.crash(time.Second)
			b.must(os.Remove(b.path + ".gen"))
			b.start()
			b.cyclesOver(4*settle, time.Minute)
			b.expect(id, plan.Capturing, plan.UnknownCapture)
			b.sent(simulator.OpCapture, ":2", 1)
		})
	}
}

func TestAnOlderFilesCreateLeftInFlightIsAdoptedOnceFound(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("22.50")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindHang, After: true})
		b.crash(time.Second)
		b.must(os.Remove(b.path + ".gen"))
		b.charge(id)
		b.start()
		b.cyclesOver(2*settle, time.Minute)
		b.expect(id, plan.Adopted, plan.UnknownCapture)
		b.effects(2, 0)
	})
}

func TestAnEarlierCopyFindsWhatALaterInstanceHadUnderWay(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		earlier := b.copy(true)
		id := b.hold("22.50")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindLateEffect, Delay: settle, Status: 504})
		b.crash(time.Second)
		b.putBack(earlier)
		b.start()
		b.cyclesOver(3*settle, time.Minute)
		b.sent(simulator.OpCreate, id, 1)
		b.effects(2, 0)
	})
}

func TestADeletedFileAdoptsWhatV4Holds(t *testing.T) {
	for _, generation := range []bool{true, false} {
		name := "with its generation"
		if !generation {
			name = "without its generation"
		}
		t.Run(name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				p := b.past(true)
				old := b.hold("70") // nothing was ever created for it
				b.charge(old)
				b.stop()
				b.must(os.Remove(b.path))
				if !generation {
					b.must(os.Remove(b.path + ".gen"))
				}
				b.start()
				started := time.Now()
				b.cycle()
				if took := time.Since(started); took < timeout+settle {
					t.Errorf("what v4 holds was read for the last time %s after the start", took)
				}
				p.check(b)
				// UUID-form tokens show that this is not the first run.
				b.expect(old, plan.None, plan.FirstSeenCharged)
			})
		})
	}
}

func TestADeletedFileFindsWhatAnEarlierInstanceHadUnderWay(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("22.50")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindLateEffect, Delay: settle, Status: 504})
		b.crash(time.Second)
		b.must(errors.Join(os.Remove(b.path), os.Remove(b.path+".gen")))
		b.start()
		b.cycle()
		b.expect(id, plan.Created, "")
		b.sent(simulator.OpCreate, id, 1)
		b.told(telemetry.CreateAdopted, 2)
	})
}

func TestAnAdoptedHoldGoesOnAsThePMSSays(t *testing.T) {
	cases := []struct {
		state  string
		phase  plan.Phase
		reason plan.Reason
	}{
		{simulator.Chargeable, plan.Created, ""},
		{simulator.Charged, plan.Adopted, plan.UnknownCapture},
		{simulator.Pending, plan.Adopted, ""},
		{simulator.Failed, plan.Adopted, ""},
		{simulator.Cancelled, plan.Released, ""},
		{simulator.Expired, plan.Released, ""},
		{"Paused", plan.Adopted, plan.UnknownState},
	}
	for _, c := range cases {
		t.Run(c.state, func(t *testing.T) {
			inBench(t, func(b *bench) {
				id := b.hold("22.50")
				b.state(c.state, id)
				_, err := b.world.AddHold(simulator.Hold{PaymentMethodID: 101, Amount: dec("22.5"), Token: id})
				b.must(err)
				b.start()
				b.cycle()
				b.expect(id, c.phase, c.reason)
				b.cycle()
				b.charge(id)
				b.cycle()
				if c.state == simulator.Chargeable {
					b.expect(id, plan.Captured, "")
				} else if rec := b.record(id); rec.Reads() != plan.Adopted || b.parked(id) != plan.UnknownCapture {
					t.Errorf("%+v", rec)
				}
				b.effects(0, b.world.Account().Captures)
			})
		})
	}
}

func TestAHoldReleasedBeforeTheFileTurnedOutOlderIsNotCaptured(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("22.50")
		b.cycle()
		b.state(simulator.Cancelled, id)
		b.cycle()
		b.expect(id, plan.Released, "")
		b.stop()
		b.must(os.Remove(b.path + ".gen"))
		b.charge(id)
		b.start()
		b.cycle()
		b.cycle()
		b.expect(id, plan.Released, plan.UnknownCapture)
		b.effects(2, 0)
	})
}

func TestAGenerationBesideTheFileThatIsBehindSaysNothing(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		earlier := b.copy(true)
		id := b.charged()
		b.stop()
		b.must(copyFile(earlier+".gen", b.path+".gen")) // the power went between the two
		b.start()
		b.cycle()
		b.expect(id, plan.Captured, "")
		b.told(telemetry.StateOlder, 0)
	})
}

// foreign adds a hold with a UUID-form token that is not of this program.
func (b *bench) foreign() string {
	b.t.Helper()
	const token = "7d0b5f8e-2f5f-4d6a-8a30-0f2f6e9d1c55"
	_, err := b.world.AddHold(simulator.Hold{PaymentMethodID: 101, Amount: dec("9"), Token: token})
	b.must(err)
	return token
}

func TestCapturesOfInheritedRecordsWaitUntilUnmatchedTokensAreKnownToBeForeign(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.held()
		bad, err := b.world.AddCustomer("hotel-1", "")
		b.must(err)
		b.must(b.world.RefuseCustomers(bad))
		b.list()
		b.stop()
		b.foreign()
		b.start()
		fresh := b.hold("33")
		b.cycle()
		// No complete poll: a customer could not be read.
		b.expect(id, plan.Created, "")
		b.expect(fresh, plan.Created, "")
		b.charge(fresh)
		b.cycle()
		b.expect(id, plan.Created, "")
		b.expect(fresh, plan.Captured, "") // made by this process
		b.list(bad)
		polls := len(b.requests(simulator.OpPoll, ""))
		b.cycle()
		b.expect(id, plan.Captured, "")
		if n := len(b.requests(simulator.OpPoll, "")) - polls; n != 2 {
			t.Errorf("%d polls, want the cycle's and one more", n)
		}
		b.told(telemetry.StateOlder, 0)
		other := b.hold("44")
		b.cycle()
		b.restart()
		b.charge(other)
		polls = len(b.requests(simulator.OpPoll, ""))
		b.cycle()
		b.expect(other, plan.Captured, "")
		if n := len(b.requests(simulator.OpPoll, "")) - polls; n != 1 {
			t.Errorf("%d polls though the token is known to be foreign", n)
		}
	})
}

func TestATokenOfOursThatNothingExplainsShowsThatTheFileIsOlder(t *testing.T) {
	cases := []struct {
		name string
		id   func(b *bench) string
	}{
		{"in a reply of the PMS", func(b *bench) string { return b.hold("9") }},
		{"in a record without an intent", func(b *bench) string {
			id := b.add(simulator.Preauthorization{Amount: dec("9"), State: simulator.Cancelled})
			b.cycle()
			b.expect(id, plan.Released, "")
			b.state(simulator.Chargeable, id)
			return id
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				id := b.held()
				b.state(simulator.Chargeable, id)
				ours := c.id(b)
				b.charge(id)
				b.stop()
				_, err := b.world.AddHold(simulator.Hold{PaymentMethodID: 101, Amount: dec("9"), Token: ours})
				b.must(err)
				b.start()
				b.cycle()
				b.cycle()
				b.expect(id, plan.Adopted, plan.UnknownCapture)
				b.expect(ours, plan.Created, "")
				b.told(telemetry.StateOlder, 1)
				b.effects(2, 0)
			})
		})
	}
}

func TestAnIntentOfThisFileExplainsAToken(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		held, id := b.hold("10"), b.hold("22.50")
		b.once(simulator.OpCreate, simulator.Fault{
			Kind: simulator.KindHang, After: true, Match: func(r simulator.Request) bool { return r.Key == id },
		})
		b.crash(time.Second)
		b.expect(held, plan.Created, "")
		b.charge(held)
		b.start()
		b.cyclesOver(2*settle, time.Minute)
		b.expect(held, plan.Captured, "")
		b.expect(id, plan.Created, "")
		b.told(telemetry.StateOlder, 0)
	})
}

// Its intents were found absent and it was given up; the effect shows later than
// any effect should.
func TestATokenOfACreateThatWasGivenUpDoesNotMakeTheFileOlder(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		held, id := b.hold("10"), b.hold("22.50")
		b.fault(simulator.OpCreate, simulator.Fault{
			Kind: simulator.KindReset, Match: func(r simulator.Request) bool { return r.Key == id },
		})
		b.cycle()
		b.cyclesOver(10*settle, 2*time.Minute)
		b.expect(id, plan.None, plan.UnknownCreate)
		b.stop()
		_, err := b.world.AddHold(simulator.Hold{PaymentMethodID: 101, Amount: dec("22.5"), Token: id})
		b.must(err)
		b.charge(held)
		b.start()
		b.cycle()
		b.cycle()
		b.expect(held, plan.Captured, "")
		b.expect(id, plan.Created, "")
		b.told(telemetry.StateOlder, 0)
	})
}

func TestANewFileIsRefusedWhereNothingTellsWhichHoldsAreOurs(t *testing.T) {
	cases := []struct {
		name    string
		policy  simulator.TokenPolicy
		mode    config.TransactionToken
		empty   bool
		refused bool
	}{
		{"the sink overwrites tokens", simulator.TokenOverwrite, config.TransactionToken("id"), false, true},
		{"no token is sent", simulator.TokenKeep, config.TransactionToken("none"), false, true},
		{"the sink keeps tokens", simulator.TokenKeep, config.TransactionToken("id"), false, false},
		{"v4 holds nothing", simulator.TokenOverwrite, config.TransactionToken("id"), true, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.settings(func(s *simulator.Settings) { s.TokenPolicy = c.policy })
				id := b.hold("22.50")
				b.start(func(cfg *config.Config) { cfg.V4.TransactionToken = c.mode })
				b.cycle()
				b.effects(1, 0)
				b.stop()
				b.must(os.Remove(b.path))
				if c.empty {
					b.must(b.world.RemoveHold(1))
					b.must(b.world.Remove(id))
				}
				for range 2 {
					b.start()
					_, err := b.tryCycle(true)
					if _, binding := errors.AsType[*engine.BindingError](err); binding != c.refused {
						t.Errorf("the cycle ended with %v", err)
					}
					b.stop()
				}
				b.effects(1, 0)
			})
		})
	}
}

func TestNothingIsReadBeforeItIsKnownWhatV4Holds(t *testing.T) {
	for _, operation := range []string{simulator.OpPaged, simulator.OpLogin} {
		t.Run(operation, func(t *testing.T) {
			inBench(t, func(b *bench) {
				old, id := b.hold("10"), b.hold("22.50")
				b.charge(old)
				b.fault(operation, simulator.Fault{Kind: simulator.KindStatus, Status: 500})
				b.start()
				got := only(b.cycle())
				if got.Report.OK || got.Err == nil {
					t.Errorf("%+v", got)
				}
				if n := len(b.requests(simulator.OpPoll, "")); n > 0 {
					t.Errorf("%d polls", n)
				}
				b.told(telemetry.SinkUnusable, 1)
				b.clear()
				b.cycle()
				b.expect(old, plan.Baseline, "")
				b.expect(id, plan.Created, "")
			})
		})
	}
}
