package engine_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

const cardField = "paymentMethodIdentifier"

// lookingUp leaves it to v4 which payment method a card is.
func lookingUp(cfg *config.Config) {
	for i := range cfg.Properties {
		cfg.Properties[i].PaymentMethods = config.PaymentMethods{Lookup: cardField}
	}
}

// card gives the card of a preauthorization.
func (b *bench) card(id string) string {
	b.t.Helper()
	p, ok := b.world.Preauthorization(id)
	if !ok {
		b.t.Fatalf("the PMS has no %s", id)
	}
	return p.CardID
}

// addCard gives v4 the payment method of a preauthorization's card.
func (b *bench) addCard(id string) int64 {
	b.t.Helper()
	method, err := b.world.AddCard("", b.card(id))
	b.must(err)
	return method
}

// asked counts the searches for a card's payment method.
func (b *bench) asked(id string) int { return len(b.requests(simulator.OpMethods, b.card(id))) }

func TestACardIsLookedUpOnceForGood(t *testing.T) {
	inBench(t, func(b *bench) {
		first := b.hold("10")
		method := b.addCard(first)
		b.start(lookingUp)
		b.cycle()
		b.expect(first, plan.Created, "")
		if rec := b.record(first); rec.PaymentMethodID != method {
			t.Errorf("held on method %d, the card's is %d", rec.PaymentMethodID, method)
		}
		p, _ := b.world.Preauthorization(first)
		again := b.add(simulator.Preauthorization{CustomerID: p.CustomerID, CardID: strings.ToUpper(p.CardID), Amount: dec("20")})
		b.restart()
		b.pass(100 * 24 * time.Hour)
		b.cycle()
		b.expect(again, plan.Created, "")
		if n := b.asked(first); n != 1 {
			t.Errorf("asked %d times, want once", n)
		}
	})
}

func TestACardWithoutOneActiveMethodParksAndIsAskedForAgainAfterAnHour(t *testing.T) {
	inBench(t, func(b *bench) {
		none, two := b.hold("10"), b.hold("20")
		b.addCard(two)
		second := b.addCard(two)
		b.start(lookingUp)
		b.cycle()
		b.expect(none, plan.None, plan.NoPaymentMethod)
		b.expect(two, plan.None, plan.NoPaymentMethod)
		if detail := b.record(two).Park.Detail; !strings.Contains(detail, "exactly one must be active, and 2 are") {
			t.Errorf("the mark says %q", detail)
		}
		b.cyclesOver(50*time.Minute, 5*time.Minute)
		if n := b.asked(none) + b.asked(two); n != 2 {
			t.Errorf("asked %d times within the hour, want once for each", n)
		}
		method := b.addCard(none)
		b.must(b.world.UpdatePaymentMethod(second, func(m *simulator.PaymentMethod) { m.Inactive = true }))
		b.cyclesOver(15*time.Minute, 5*time.Minute)
		b.expect(none, plan.Created, "")
		b.expect(two, plan.Created, "")
		if rec := b.record(none); rec.PaymentMethodID != method {
			t.Errorf("held on method %d, the card's is %d", rec.PaymentMethodID, method)
		}
		if n := b.asked(none) + b.asked(two); n != 4 {
			t.Errorf("asked %d times, want twice for each", n)
		}
	})
}

func TestARefusedCreateForgetsWhichMethodTheCardIs(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.hold("10")
		method := b.addCard(id)
		b.must(b.world.UpdatePaymentMethod(method, func(m *simulator.PaymentMethod) { m.Declines = true }))
		b.start(lookingUp)
		b.cycle()
		b.expect(id, plan.None, plan.Rejected)
		b.look(func(l *state.Ledger) {
			answers, err := l.LookedUp(t.Context(), "default", cardField, []string{b.card(id)})
			b.must(err)
			if len(answers) > 0 {
				t.Errorf("still remembered: %+v", answers)
			}
		})
	})
}

func TestWhatCannotBeLookedUpIsNeitherParkedNorMadeWithAnotherMethod(t *testing.T) {
	inBench(t, func(b *bench) {
		guest, known := b.hold("10"), b.hold("20")
		b.addCard(guest)
		named := b.addCard(known)
		b.start(lookingUp, func(cfg *config.Config) {
			cfg.Properties[0].PaymentMethods.CreditCards = map[string]int64{b.card(known): named}
			cfg.Properties[0].PaymentMethods.Default = config.DefaultMethod{Autopay: true}
		})
		b.fault(simulator.OpMethods, simulator.Fault{Kind: simulator.KindStatus, Status: 500})
		got := only(b.cycle())
		b.expect(guest, plan.None, "")
		b.expect(known, plan.Created, "") // it needs no look-up
		if got.Err == nil || got.Skipped[plan.MethodUnread] != 1 || !strings.Contains(b.logs.String(), `"event":"methods.failed"`) {
			t.Errorf("the failure is not told: %v, %v", got.Err, got.Skipped)
		}
		b.clear()
		b.pass(time.Minute)
		b.cycle()
		b.expect(guest, plan.Created, "")
		if rec := b.record(guest); rec.PaymentMethodID == 0 {
			t.Error("it was left to autopay")
		}
	})
}

func TestOnlyWhatWouldBeCreatedIsLookedUp(t *testing.T) {
	inBench(t, func(b *bench) {
		gone, foreign := b.add(simulator.Preauthorization{Amount: dec("10"), State: simulator.Expired}),
			b.add(simulator.Preauthorization{Amount: dec("20"), Currency: "USD"})
		history, pending := b.add(simulator.Preauthorization{Amount: dec("30"), State: simulator.Charged}),
			b.add(simulator.Preauthorization{Amount: dec("40"), State: simulator.Pending})
		b.start(lookingUp)
		b.cycle()
		b.restart(captureOnly)
		b.hold("50")
		b.cycle()
		for _, id := range []string{gone, foreign, history, pending} {
			if n := b.asked(id); n != 0 {
				t.Errorf("%s was looked up %d times", id, n)
			}
		}
		if n := len(b.requests(simulator.OpMethods, "")); n != 0 {
			t.Errorf("%d look-ups", n)
		}
	})
}

func TestManyNewCardsAreFoundInOneWalk(t *testing.T) {
	inBench(t, func(b *bench) {
		const guests = 150
		var all []string
		for range guests {
			id := b.hold("10")
			b.addCard(id)
			all = append(all, id)
		}
		b.start(lookingUp)
		b.cycle()
		for _, id := range all {
			b.expect(id, plan.Created, "")
		}
		if n := len(b.requests(simulator.OpMethods, "")); n > 3 {
			t.Errorf("%d requests for the methods of %d cards", n, guests)
		}
	})
}

func TestAMarkStaysWhileItsCauseCannotBeLookedAt(t *testing.T) {
	for name, put := range map[string]func(b *bench){
		"a look-up that fails": func(b *bench) {
			b.pass(2 * time.Hour) // the miss is not believed any more
			b.fault(simulator.OpMethods, simulator.Fault{Kind: simulator.KindStatus, Status: 500})
			b.cycle()
			b.clear()
		},
		"a cycle of capture_only": func(b *bench) {
			b.restart(captureOnly)
			b.cycle()
			b.restart(mirroring)
		},
		"a customers file that cannot be read": func(b *bench) {
			file := b.cfg.Properties[0].Customers.File
			b.must(os.Rename(file, file+".away"))
			b.cycle()
			b.must(os.Rename(file+".away", file))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				id := b.hold("10")
				b.hold("20")
				b.start(lookingUp)
				b.cycle()
				b.expect(id, plan.None, plan.NoPaymentMethod)
				since := b.record(id).Park.Since
				b.list(b.customerOf(id)) // nobody lists it any more
				put(b)
				b.expect(id, plan.None, plan.NoPaymentMethod)
				if got := b.record(id).Park; got != nil && !got.Since.Equal(since) {
					t.Errorf("parked since %s, it says %s", since, got.Since)
				}
				b.addCard(id)
				b.pass(2 * time.Hour)
				b.cycle()
				b.expect(id, plan.Created, "")
			})
		})
	}
}

func TestWhatIsFoundWhileWaitingIsCapturedAlsoWhereCardsAreLookedUp(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("10")
		b.addCard(id)
		b.restart(lookingUp)
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true})
		b.spy = func(r simulator.Request) {
			if r.Operation == simulator.OpCreate {
				go b.charge(id)
			}
		}
		b.cycle()
		b.spy = nil
		b.pass(time.Minute)
		_, err := b.tryCycle(true)
		b.must(err)
		b.expect(id, plan.Captured, "")
	})
}

func TestAV4ThatTakesNoLookUpIsNotAskedForEachProperty(t *testing.T) {
	inBench(t, func(b *bench) {
		for i := range 5 {
			name := fmt.Sprintf("hotel-%d", i+2)
			_, err := b.world.AddEnterprise(simulator.Enterprise{Name: name, Currency: "EUR"})
			b.must(err)
			b.add(simulator.Preauthorization{Enterprise: name, Amount: dec("10")})
		}
		b.hold("10")
		b.start(lookingUp)
		b.fault(simulator.OpMethods, simulator.Fault{Kind: simulator.KindStatus, Status: 403})
		result := b.cycle()
		for _, p := range result.Properties {
			if p.Err == nil || p.Skipped[plan.MethodUnread] != 1 {
				t.Errorf("%s: %v, %v", p.Name, p.Err, p.Skipped)
			}
		}
		if n := len(b.requests(simulator.OpMethods, "")); n > 8 {
			t.Errorf("%d requests to a v4 that refuses each", n)
		}
	})
}
