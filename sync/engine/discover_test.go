package engine_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

const day = 24 * time.Hour

// discovering finds the customers itself, those touched in the last ten days.
func discovering(cfg *config.Config) {
	for i := range cfg.Properties {
		cfg.Properties[i].Customers = config.Customers{Discover: config.Discover{UpdatedWithin: 10 * day}}
	}
}

// known gives whom discovery has found so far.
func (b *bench) known() []preauth.ID {
	b.t.Helper()
	var all []preauth.ID
	b.look(func(l *state.Ledger) {
		docs, err := l.Properties(b.t.Context())
		b.must(err)
		for _, doc := range docs {
			b.must(l.Discovered(b.t.Context(), doc.Enterprise, func(d plan.Discovered) error {
				all = append(all, d.CustomerID)
				return nil
			}))
		}
	})
	return all
}

func (b *bench) customerOf(id string) string { return string(b.record(id).CustomerID) }

func TestWhomThePMSHasTouchedIsFoundAndStaysKnown(t *testing.T) {
	inBench(t, func(b *bench) {
		first, second := b.hold("10"), b.hold("20")
		b.start(discovering)
		b.cycle()
		b.expect(first, plan.Created, "")
		b.expect(second, plan.Created, "")
		// Long after it has left the window, and captured, so that nothing is unfinished.
		b.charge(first)
		b.pass(time.Hour)
		b.cycle()
		customer := b.customerOf(first)
		b.cyclesOver(20*day, 6*time.Hour)
		again := b.add(simulator.Preauthorization{CustomerID: customer, Amount: dec("30")})
		b.pass(time.Hour)
		b.cycle()
		b.expect(again, plan.Created, "")
		// 30 days after they have left the window they are forgotten, but for who has a hold.
		b.state(simulator.Expired, again)
		b.cyclesOver(19*day, 12*time.Hour)
		if known := b.known(); len(known) != 2 {
			t.Errorf("forgotten too early: known are %v", known)
		}
		b.cyclesOver(2*day, 12*time.Hour)
		if known := b.known(); len(known) != 1 || string(known[0]) != b.customerOf(second) {
			t.Errorf("known are %v, want the one with a hold", known)
		}
		if polls := b.requests(simulator.OpPoll, ""); len(polls) == 0 || !contains(polls[len(polls)-1], b.customerOf(second)) {
			t.Error("the customer who has a hold is not polled any more")
		}
	})
}

func TestAFailedPageNeverShortensTheList(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart %t", restart), func(t *testing.T) {
			inBench(t, func(b *bench) {
				old := b.hold("10")
				idle := b.add(simulator.Preauthorization{Amount: dec("30"), State: simulator.Pending})
				b.start(discovering)
				b.cycle()
				b.expect(old, plan.Created, "")
				b.charge(old)
				b.state(simulator.Chargeable, idle)
				found := b.hold("20")
				b.world.Inject(simulator.Fault{
					API: simulator.APIConnector, Operation: simulator.OpCustomers, Kind: simulator.KindStatus, Status: 500,
				})
				if restart {
					b.restart()
				}
				b.pass(time.Minute)
				if got := only(b.cycle()); got.Err == nil || got.Report.OK {
					t.Errorf("a cycle that could not look for customers counts as good: %+v", got.Report)
				}
				b.expect(old, plan.Captured, "") // who was known is polled, and acted on
				b.expect(idle, plan.Created, "") // also those with nothing unfinished
				b.expect(found, plan.None, "")
				b.clear()
				b.cycle()
				b.expect(found, plan.Created, "")
			})
		})
	}
}

func TestAnIncompleteSearchDoesNotEndTheFirstRun(t *testing.T) {
	inBench(t, func(b *bench) {
		early := b.hold("10")
		history := b.add(simulator.Preauthorization{Amount: dec("20"), State: simulator.Charged})
		b.settings(func(s *simulator.Settings) { s.CustomersPageCap = 1 })
		b.configure(discovering)
		b.world.Inject(simulator.Fault{ // the newest page is read, the other is not
			API: simulator.APIConnector, Operation: simulator.OpCustomers, Kind: simulator.KindStatus, Status: 500,
			Match: func(r simulator.Request) bool { return contains(request{r, string(r.Body)}, "Cursor") },
		})
		b.start()
		b.cycle()
		b.clear()
		b.pass(time.Minute)
		b.cycle()
		b.expect(early, plan.Created, "")
		b.expect(history, plan.Baseline, "")
	})
}

func TestWhoIsFoundAgainIsWrittenOnlyOnceTheirDateHasMovedByADay(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.hold("10")
		b.start(discovering)
		b.cycle()
		customer := b.customerOf(id)
		until := func() (at time.Time) {
			b.look(func(l *state.Ledger) {
				docs, err := l.Properties(t.Context())
				b.must(err)
				b.must(l.Discovered(t.Context(), docs[0].Enterprise, func(d plan.Discovered) error {
					at = d.Until
					return nil
				}))
			})
			return at
		}
		touch := func() {
			b.must(b.world.UpdateCustomer("", customer, func(c *simulator.Customer) { c.Updated = time.Now() }))
			b.cycle()
		}
		first := until()
		if want := time.Now().Add(10 * day); first.Sub(want).Abs() > time.Minute {
			t.Errorf("known until %s, want %s", first, want)
		}
		b.pass(23 * time.Hour)
		touch()
		if got := until(); !got.Equal(first) {
			t.Errorf("written again after %s", got.Sub(first))
		}
		b.pass(2 * time.Hour)
		touch()
		if got := until(); got.Sub(first) < day {
			t.Errorf("not written again: it would be forgotten %s early", day-got.Sub(first))
		}
	})
}

// spans gives how far back each search for customers went that was sent since.
func (b *bench) spans(since int) (spans []time.Duration) {
	b.t.Helper()
	for _, r := range b.requests(simulator.OpCustomers, "UpdatedUtc")[since:] {
		var asked struct {
			UpdatedUTC struct{ StartUtc, EndUtc time.Time } `json:"UpdatedUtc"`
			Limitation struct{ Cursor string }
		}
		b.must(json.Unmarshal(r.Body, &asked))
		if asked.Limitation.Cursor == "" {
			spans = append(spans, r.Time.Sub(asked.UpdatedUTC.StartUtc).Round(time.Minute))
		}
	}
	return spans
}

func TestManyPagesAreFollowedByWhatIsNew(t *testing.T) {
	inBench(t, func(b *bench) {
		for range 6 {
			b.hold("10")
		}
		b.settings(func(s *simulator.Settings) { s.CustomersPageCap = 1 })
		b.start(discovering)
		asked := 0
		walks := func(what string, cycles int, want ...time.Duration) {
			t.Helper()
			for range cycles {
				b.pass(5 * time.Minute)
				b.cycle()
			}
			if diff := cmp.Diff(want, b.spans(asked)); diff != "" {
				t.Errorf("%s:\n%s", what, diff)
			}
			asked = len(b.requests(simulator.OpCustomers, "UpdatedUtc"))
		}
		whole, news := 10*day, 20*time.Minute
		walks("the first is whole, then come the news", 3, whole, news, news)
		late := b.hold("20")
		b.world.Inject(simulator.Fault{API: simulator.APIConnector, Operation: simulator.OpCustomers, Kind: simulator.KindStatus, Status: 500, Times: 20})
		b.pass(5 * time.Minute)
		b.cycle()
		b.clear()
		asked = len(b.requests(simulator.OpCustomers, "UpdatedUtc"))
		walks("one that failed does not move the mark", 1, news+5*time.Minute)
		b.expect(late, plan.Created, "")
		b.restart()
		walks("after a start it is whole again", 2, whole, news)
		b.pass(day - 10*time.Minute)
		walks("and once a day", 2, whole, news)
	})
}

func contains(r request, text string) bool { return text != "" && strings.Contains(r.body, text) }
