package engine_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// repeat shows the item of an Id a second time, with a text in it replaced.
func repeat(body []byte, id, old, instead string) []byte {
	var reply struct{ Preauthorizations []json.RawMessage }
	if json.Unmarshal(body, &reply) != nil {
		return body
	}
	for _, item := range reply.Preauthorizations {
		if bytes.Contains(item, []byte(id)) {
			changed := bytes.Replace(item, []byte(old), []byte(instead), 1)
			return bytes.Replace(body, item, append(append(bytes.Clone(item), ','), changed...), 1)
		}
	}
	return body
}

func TestAFuseLetsAllThroughOrNothing(t *testing.T) {
	cases := []struct {
		name         string
		most         int
		blown        bool
		creates      int
		concurrently bool
	}{
		{"a plan above it sends nothing", 4, true, 0, false},
		{"a plan as large as it sends everything", 5, false, 4, false},
		{"without one everything is sent", 0, false, 4, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.proven(fuse(c.most))
				customer := "5d2a5d6b-5ab7-4b53-9e05-66b0a1c1a003"
				pending := simulator.Preauthorization{Amount: dec("9"), State: simulator.Pending, CustomerID: customer}
				double := b.add(pending)
				b.cycle()
				b.charge(double) // a create and a capture
				for range 3 {
					b.hold("10")
				}
				got := only(b.cycle())
				if got.Report.Fuse != c.blown || got.Report.OK == c.blown {
					t.Errorf("%+v", got.Report)
				}
				if n := len(b.requests(simulator.OpCreate, "")) - 1; n != c.creates {
					t.Errorf("%d creates", n)
				}
				if c.blown {
					b.told(telemetry.FuseBlown, 1)
					b.restart(fuse(5))
					b.cycle()
				}
				b.effects(5, 1)
			})
		})
	}
}

func TestVerificationIsExemptFromTheFuse(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("22.50")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true})
		b.cycle()
		b.hold("1")
		b.hold("2")
		b.restart(fuse(1))
		b.cyclesOver(timeout+settle+time.Minute, time.Minute)
		b.expect(id, plan.Created, "")
		b.effects(2, 0)
	})
}

func TestUnfinishedCustomersArePolledAfterTheyHaveLeftTheList(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.held()
		p, _ := b.world.Preauthorization(id)
		b.list(p.CustomerID)
		b.cycle()
		b.expect(id, plan.Captured, "")
		polls := len(b.requests(simulator.OpPoll, p.CustomerID))
		b.cycle()
		b.sent(simulator.OpPoll, p.CustomerID, polls) // nothing more is expected of it
	})
}

func TestWhatIsMissingFromThreeCompleteRepliesParks(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("22.50")
		b.cycle()
		p, _ := b.world.Preauthorization(id)
		b.must(b.world.Remove(id))
		b.cycle()
		b.cycle()
		b.expect(id, plan.Created, "")
		// A failed poll counts for nothing.
		b.world.Inject(simulator.Fault{
			API: simulator.APIConnector, Operation: simulator.OpPoll, Kind: simulator.KindStatus, Status: 500, Times: 6,
		})
		b.cycle()
		b.expect(id, plan.Created, "")
		got := only(b.cycle())
		b.expect(id, plan.Created, plan.SourceMissing)
		if got.Report.Counts.Parked != 1 || got.NewOutcomeParks != 0 {
			t.Errorf("%+v", got)
		}
		b.cycle()
		b.told(telemetry.ActionParked, 1)
		p.ID = id
		b.state(simulator.Charged, b.hold("1"))
	})
}

func TestWhatShowsAgainInBetweenIsNotMissing(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("22.50")
		b.cycle()
		hidden := false
		b.world.Inject(simulator.Fault{
			API: simulator.APIConnector, Operation: simulator.OpPoll, Kind: simulator.KindRewrite,
			Match: func(simulator.Request) bool { return hidden },
			Rewrite: func(int, []byte) (int, []byte) {
				return 200, []byte(`{"Preauthorizations":[]}`)
			},
		})
		for _, hidden = range []bool{true, true, false, true, true} {
			b.cycle()
			b.expect(id, plan.Created, "")
		}
		b.cycle()
		b.expect(id, plan.Created, plan.SourceMissing)
		hidden = false
		b.cycle()
		b.expect(id, plan.Created, "") // the mark lifts by itself
		b.charge(id)
		b.cycle()
		b.expect(id, plan.Captured, "")
	})
}

func TestAnObservationOlderThanTenMinutesIsReadAgain(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven(writers(1))
		ids := map[string]bool{}
		for range 40 {
			ids[b.hold("10")] = true
		}
		// Each create takes 25 s, so that all of them take more than ten minutes; in
		// the meantime the PMS cancels what has not been created yet.
		b.fault(simulator.OpCreate, simulator.Fault{Kind: simulator.KindDelay, Delay: 25 * time.Second})
		start := time.Now()
		b.spy = func(r simulator.Request) {
			if r.Operation != simulator.OpCreate {
				return
			}
			delete(ids, r.Key)
			if time.Since(start) > 10*time.Minute {
				t.Errorf("%s was created %s after it was read", r.Key, time.Since(start))
			}
			if time.Since(start) > 9*time.Minute {
				for id := range ids {
					_ = b.world.SetState(id, simulator.Cancelled)
				}
			}
		}
		polls := len(b.requests(simulator.OpPoll, ""))
		b.cycle()
		if time.Since(start) < 9*time.Minute || len(ids) == 0 {
			t.Fatalf("the cycle took only %s", time.Since(start))
		}
		if n := len(b.requests(simulator.OpPoll, "")) - polls; n < 2 {
			t.Errorf("%d polls", n)
		}
		for id := range ids {
			b.expect(id, plan.Released, "")
		}
	})
}

func TestConflictingItemsAreNotActedOn(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.held()
		stop := b.world.Inject(simulator.Fault{
			API: simulator.APIConnector, Operation: simulator.OpPoll, Kind: simulator.KindRewrite,
			Rewrite: func(status int, body []byte) (int, []byte) { return status, repeat(body, id, "22.50", "23.50") },
		})
		for range 4 {
			got := only(b.cycle())
			if got.Report.OK || got.Err == nil {
				t.Errorf("%+v", got)
			}
		}
		b.expect(id, plan.Created, "") // not captured, and not missing either
		b.told(telemetry.SourceConflict, 4)
		stop()
		b.cycle()
		b.expect(id, plan.Captured, "")
	})
}

func TestBadCustomersAreNamedAndTheOthersGoOn(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		bad, err := b.world.AddCustomer("hotel-1", "")
		b.must(err)
		b.must(b.world.RefuseCustomers(bad))
		id := b.hold("22.50")
		file := b.cfg.Properties[0].Customers.File
		content, err := os.ReadFile(file)
		b.must(err)
		b.must(os.WriteFile(file, append(content, "no-uuid # somebody\n"...), 0o600))
		got := only(b.cycle())
		if got.Report.OK || got.Report.Counts.Created != 1 || got.Report.Counts.Failed != 2 {
			t.Errorf("%+v", got)
		}
		b.expect(id, plan.Created, "")
		named := ""
		for _, line := range b.events(telemetry.SourceCustomerRefused) {
			named += line["customer_id"].(string) + " "
		}
		if !strings.Contains(named, bad) || !strings.Contains(named, "no-uuid") {
			t.Errorf("named: %s", named)
		}
	})
}

func TestACustomersFileThatCannotBeReadStopsCreatesAndNotCaptures(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.held()
		fresh := b.hold("33")
		p, _ := b.world.Preauthorization(fresh)
		// A customer with an unfinished record is polled without the file.
		held, _ := b.world.Preauthorization(id)
		polled := b.add(simulator.Preauthorization{Amount: dec("44"), CustomerID: held.CustomerID})
		b.must(os.Remove(b.cfg.Properties[0].Customers.File))
		got := only(b.cycle())
		if got.Report.OK || got.Report.Counts.Captured != 1 || got.Report.Counts.Created != 0 {
			t.Errorf("%+v", got)
		}
		b.expect(id, plan.Captured, "")
		b.sent(simulator.OpPoll, p.CustomerID, 0)
		b.list()
		b.cycle()
		b.expect(fresh, plan.Created, "")
		b.expect(polled, plan.Created, "")
	})
}

func TestAPropertyThatFailsDoesNotStopTheOthers(t *testing.T) {
	for _, operation := range []string{simulator.OpConfiguration, simulator.OpPoll} {
		t.Run(operation, func(t *testing.T) {
			inBench(t, func(b *bench) {
				second, err := b.world.AddEnterprise(simulator.Enterprise{Name: "hotel-2"})
				b.must(err)
				id := b.hold("22.50")
				other := b.add(simulator.Preauthorization{Enterprise: second.Name, Amount: dec("33")})
				b.world.Inject(simulator.Fault{
					API: simulator.APIConnector, Operation: operation, Kind: simulator.KindStatus, Status: 403,
					Match: func(r simulator.Request) bool { return r.Property == second.Name },
				})
				b.start()
				got := b.cycle()
				if !got.Properties[0].Report.OK || got.Properties[1].Report.OK {
					t.Errorf("%+v", got)
				}
				b.expect(id, plan.Created, "")
				b.clear()
				b.cycle()
				b.expect(other, plan.Created, "")
			})
		})
	}
}

func TestTheEnterpriseBehindAName(t *testing.T) {
	two := func(b *bench) (first, second simulator.Enterprise, id string) {
		second, err := b.world.AddEnterprise(simulator.Enterprise{Name: "hotel-2"})
		b.must(err)
		id = b.hold("22.50")
		b.add(simulator.Preauthorization{Enterprise: second.Name, Amount: dec("33")})
		b.configure(func(cfg *config.Config) { cfg.Properties = cfg.Properties[:1] })
		return b.world.Enterprises()[0], second, id
	}
	refused := func(b *bench) {
		b.t.Helper()
		_, err := b.tryCycle(false)
		if _, binding := errors.AsType[*engine.BindingError](err); !binding {
			b.t.Errorf("the cycle ended with %v", err)
		}
	}
	t.Run("is refused when it is another one", func(t *testing.T) {
		inBench(t, func(b *bench) {
			_, second, id := two(b)
			b.start()
			b.cycle()
			b.charge(id)
			file, good := b.cfg.Properties[0].Customers, b.cfg.Properties[0].AccessToken
			for range 2 {
				b.restart(func(cfg *config.Config) { cfg.Properties[0].AccessToken = secret(second.AccessToken) })
				refused(b)
			}
			b.effects(1, 0)
			b.restart(func(cfg *config.Config) {
				cfg.Properties[0].AccessToken, cfg.Properties[0].Customers = good, file
			})
			b.cycle()
			b.expect(id, plan.Captured, "")
		})
	})
	t.Run("may get another name", func(t *testing.T) {
		inBench(t, func(b *bench) {
			_, _, id := two(b)
			b.start()
			b.cycle()
			b.charge(id)
			b.restart(func(cfg *config.Config) { cfg.Properties[0].Name = "renamed" })
			got := only(b.cycle())
			if got.Name != "renamed" || got.Report.Counts.Captured != 1 {
				t.Errorf("%+v", got)
			}
			b.expect(id, plan.Captured, "")
			b.effects(1, 1)
		})
	})
	t.Run("is refused when two tokens have changed places", func(t *testing.T) {
		inBench(t, func(b *bench) {
			second, err := b.world.AddEnterprise(simulator.Enterprise{Name: "hotel-2"})
			b.must(err)
			b.hold("22.50")
			b.add(simulator.Preauthorization{Enterprise: second.Name, Amount: dec("33")})
			b.start()
			b.cycle()
			b.hold("44") // one of each more, so that a swap would send something
			b.add(simulator.Preauthorization{Enterprise: second.Name, Amount: dec("55")})
			b.restart(func(cfg *config.Config) {
				p := cfg.Properties
				p[0].AccessToken, p[1].AccessToken = p[1].AccessToken, p[0].AccessToken
			})
			for range 2 {
				refused(b)
			}
			b.effects(2, 0)
		})
	})
	t.Run("is refused when two names have it", func(t *testing.T) {
		inBench(t, func(b *bench) {
			two(b)
			b.configure(func(cfg *config.Config) {
				again := cfg.Properties[0]
				again.Name = "again"
				cfg.Properties = append(cfg.Properties, again)
			})
			b.start()
			refused(b)
		})
	})
}

func TestMarksLiftWhenTheirCauseIsGone(t *testing.T) {
	cases := []struct {
		name   string
		park   func(b *bench) (id string)
		reason plan.Reason
		lift   func(b *bench, id string)
		phase  plan.Phase
	}{
		{"another amount", func(b *bench) string {
			id := b.hold("22.50")
			b.cycle()
			b.must(b.world.SetAmount(id, dec("23")))
			return id
		}, plan.AmountChanged, func(b *bench, id string) { b.must(b.world.SetAmount(id, dec("22.5000"))) }, plan.Created},
		{"no payment method", func(b *bench) string {
			b.restart(method(config.DefaultMethod{}))
			return b.hold("22.50")
		}, plan.NoPaymentMethod, func(b *bench, _ string) { b.restart(method(config.DefaultMethod{ID: 101})) }, plan.Created},
		{"a bad amount", func(b *bench) string { return b.hold("22.505") }, plan.BadAmount, func(b *bench, id string) {
			b.must(b.world.SetAmount(id, decimal.NewFromInt(22)))
		}, plan.Created},
		{"another currency", func(b *bench) string {
			return b.add(simulator.Preauthorization{Amount: dec("22"), Currency: "USD"})
		}, plan.CurrencyMismatch, func(b *bench, id string) {
			b.must(b.world.Update(id, func(p *simulator.Preauthorization) { p.Currency = "EUR" }))
		}, plan.Created},
		{"an unknown state", func(b *bench) string {
			return b.add(simulator.Preauthorization{Amount: dec("22"), State: "Paused"})
		}, plan.UnknownState, func(b *bench, id string) { b.state(simulator.Chargeable, id) }, plan.Created},
		{"a state gone back", func(b *bench) string {
			id := b.charged()
			b.cycle()
			b.expect(id, plan.Captured, "")
			b.state(simulator.Chargeable, id)
			return id
		}, plan.StateRegressed, func(b *bench, id string) { b.charge(id) }, plan.Captured},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.proven()
				id := c.park(b)
				b.cycle()
				if got := b.parked(id); got != c.reason {
					t.Fatalf("parked as %q", got)
				}
				since := b.record(id).Park.Since
				b.pass(time.Minute)
				b.restart()
				b.cycle()
				if again := b.record(id).Park; again == nil || !again.Since.Equal(since) {
					t.Errorf("parked since %v, at first since %s", again, since)
				}
				b.told(telemetry.ActionParked, 1)
				c.lift(b, id)
				b.cycle()
				b.expect(id, c.phase, "")
				b.told(telemetry.ActionLifted, 1)
			})
		})
	}
}

func TestWhatThePMSReleases(t *testing.T) {
	for _, state := range []string{simulator.Cancelled, simulator.Expired, "not active"} {
		t.Run(state, func(t *testing.T) {
			inBench(t, func(b *bench) {
				release := func(id string) {
					if state != "not active" {
						b.state(state, id)
						return
					}
					b.must(b.world.Update(id, func(p *simulator.Preauthorization) { p.Inactive = true }))
				}
				b.proven()
				held, never := b.hold("22.50"), b.hold("33")
				release(never)
				b.cycle()
				b.expect(never, plan.Released, "")
				b.told(telemetry.HoldOrphaned, 0)
				release(held)
				got := only(b.cycle())
				b.expect(held, plan.Released, "")
				b.told(telemetry.HoldOrphaned, 1)
				if got.Report.Counts.Released != 1 {
					t.Errorf("%+v", got)
				}
				b.cycle()
				b.told(telemetry.HoldOrphaned, 1)
				b.effects(2, 0)
				// And when it comes back there is still one hold.
				for _, id := range []string{held, never} {
					b.must(b.world.Update(id, func(p *simulator.Preauthorization) {
						p.State, p.Inactive = simulator.Charged, false
					}))
				}
				b.cycle()
				b.expect(held, plan.Captured, "")
				b.effects(3, 2)
			})
		})
	}
}
