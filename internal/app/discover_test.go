package app

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sources/connector"
	"github.com/preauth-sync/preauth-sync/sync/engine"
)

const (
	hour = time.Hour
	day  = 24 * hour
)

var everything = engine.Walk{All: true}

// scout discovers in a simulated PMS, in virtual time.
type scout struct {
	t      *testing.T
	world  *simulator.World
	source *connector.Client
	cfg    config.Customers
}

func scouting(t *testing.T, within config.Discover, test func(s *scout)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := simulator.New(simulator.Options{Seed: 1})
		server := w.Memory()
		transport := httpx.NewTransport(httpx.TransportConfig{DialContext: server.DialContext, NoProxy: true})
		source, err := connector.New(connector.Config{
			Address: server.URL(), Client: "test", ClientToken: httpx.NewSecret(w.ClientToken()),
			AccessToken: httpx.NewSecret(w.Enterprises()[0].AccessToken), Timeout: time.Minute, Transport: transport,
		})
		s := &scout{t: t, world: w, source: source, cfg: config.Customers{Discover: within}}
		s.must(err)
		t.Cleanup(func() {
			transport.CloseIdleConnections()
			s.must(server.Close())
			w.Close()
		})
		test(s)
	})
}

func (s *scout) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scout) pass(d time.Duration) { <-time.After(d) }

// guest adds a customer who was updated just now.
func (s *scout) guest() string {
	s.t.Helper()
	id, err := s.world.AddCustomer("hotel-1", "")
	s.must(err)
	return id
}

// walk gives who is found, and for how long from now on.
func (s *scout) walk(walk engine.Walk) (map[preauth.ID]time.Duration, error) {
	found := map[preauth.ID]time.Duration{}
	err := Discover(s.t.Context(), s.source, s.cfg, time.Now(), walk, func(page []preauth.FoundCustomer) error {
		for _, each := range page {
			found[each.ID] = max(found[each.ID], time.Until(each.Until).Round(hour))
		}
		return nil
	})
	return found, err
}

func (s *scout) finds(walk engine.Walk, want map[string]time.Duration) {
	s.t.Helper()
	got, err := s.walk(walk)
	s.must(err)
	asked := map[preauth.ID]time.Duration{}
	for id, until := range want {
		asked[preauth.ID(id)] = until
	}
	if diff := cmp.Diff(asked, got); diff != "" {
		s.t.Errorf("(-want +got):\n%s", diff)
	}
}

// stays adds a customer who was last updated a year ago, with a reservation that was
// made then.
func (s *scout) stays(from, to time.Duration) (customer, reservation string) {
	s.t.Helper()
	long, now := time.Now().Add(-365*day), time.Now()
	customer = s.guest()
	reservation, err := s.world.Reserve(simulator.Reservation{CustomerID: customer, Start: now.Add(from), End: now.Add(to), Updated: long})
	s.must(err)
	s.must(s.world.UpdateCustomer("hotel-1", customer, func(c *simulator.Customer) { c.Updated = long }))
	return customer, reservation
}

func TestBothWaysOfDiscoveryAreUnited(t *testing.T) {
	scouting(t, config.Discover{UpdatedWithin: 2 * day, ReservationsWithin: 10 * day}, func(s *scout) {
		updated := s.guest()
		present, _ := s.stays(-day, 3*day)
		left, _ := s.stays(-12*day, -9*day)
		s.stays(-20*day, -11*day)
		s.stays(11*day, 12*day)
		s.finds(everything, map[string]time.Duration{updated: 2 * day, present: 13 * day, left: day})
	})
}

func TestOnlyWhatIsNewIsAskedForWithASince(t *testing.T) {
	scouting(t, config.Discover{UpdatedWithin: 2 * day, ReservationsWithin: 10 * day}, func(s *scout) {
		s.guest()
		s.stays(-day, 3*day)
		_, changed := s.stays(-day, 4*day)
		arriving, _ := s.stays(10*day+hour, 11*day)
		s.pass(time.Minute)
		since := time.Now()
		s.pass(2 * hour)
		s.must(s.world.UpdateReservation(changed, func(s *simulator.Reservation) { s.State = simulator.Canceled }))
		touched := s.guest()
		whose, _ := s.world.Reservation(changed)
		s.finds(engine.Walk{Since: since}, map[string]time.Duration{whose.CustomerID: 14*day - 2*hour, arriving: 21*day - 2*hour, touched: 2 * day})
	})
}

func TestTheTargetsOfMergesAreFoundForGuestsAndForTheListed(t *testing.T) {
	scouting(t, config.Discover{ReservationsWithin: 10 * day}, func(s *scout) {
		guest, _ := s.stays(-day, 3*day)
		target, listed, targetOfListed := s.guest(), s.guest(), s.guest()
		s.must(s.world.Merge(guest, target))
		s.must(s.world.Merge(listed, targetOfListed))
		s.cfg.IDs = []string{listed, "no customer"}
		s.finds(everything, map[string]time.Duration{guest: 13 * day, target: 13 * day, targetOfListed: 10 * day})
		// After that merges are asked for by their time, and nobody by Id.
		s.pass(2 * time.Hour)
		since := time.Now()
		s.pass(time.Hour)
		next, asked := s.guest(), s.world.Count(simulator.APIConnector, simulator.OpCustomers)
		s.must(s.world.Merge(targetOfListed, next))
		for _, all := range []bool{false, true} {
			want := map[string]time.Duration{next: 10 * day}
			if all {
				want[guest] = 13*day - 3*hour
			}
			s.finds(engine.Walk{All: all, Since: since}, want)
		}
		if n := s.world.Count(simulator.APIConnector, simulator.OpCustomers) - asked; n != 2 {
			t.Errorf("%d requests for customers in two walks", n)
		}
	})
}

func TestAWayThatFailsKeepsNothingFromTheOthers(t *testing.T) {
	scouting(t, config.Discover{UpdatedWithin: 2 * day, ReservationsWithin: 10 * day}, func(s *scout) {
		present, _ := s.stays(-day, 3*day)
		s.world.Inject(simulator.Fault{API: simulator.APIConnector, Operation: simulator.OpCustomers, Kind: simulator.KindStatus, Status: 403, Times: 1})
		found, err := s.walk(everything)
		if err == nil || found[preauth.ID(present)] != 13*day {
			t.Errorf("%v, %v", found, err)
		}
	})
}

func TestAReceiverThatWantsNoMoreEndsTheWalk(t *testing.T) {
	scouting(t, config.Discover{UpdatedWithin: 2 * day, ReservationsWithin: 10 * day}, func(s *scout) {
		s.guest()
		s.stays(-day, 3*day)
		enough := errors.New("enough")
		err := Discover(s.t.Context(), s.source, s.cfg, time.Now(), everything, func([]preauth.FoundCustomer) error { return enough })
		if asked := s.world.Count(simulator.APIConnector, simulator.OpReservations); !errors.Is(err, enough) || asked > 0 {
			t.Errorf("%v, and it went on %d times", err, asked)
		}
	})
}

func TestNobodyIsLookedForUnlessAskedFor(t *testing.T) {
	if (&App{}).discover(nil, config.Customers{IDs: []string{"x"}}) != nil {
		t.Error("it discovers")
	}
}

func TestAWalkThatIsCutShortSaysSo(t *testing.T) {
	scouting(t, config.Discover{UpdatedWithin: 2 * day, ReservationsWithin: 10 * day}, func(s *scout) {
		s.guest()
		ctx, cancel := context.WithCancel(s.t.Context())
		err := Discover(ctx, s.source, s.cfg, time.Now(), everything, func([]preauth.FoundCustomer) error {
			cancel()
			return nil
		})
		if err == nil {
			t.Error("it counts as complete")
		}
	})
}

func TestAMergeBeforeAShortWindowIsFound(t *testing.T) {
	scouting(t, config.Discover{UpdatedWithin: hour, ReservationsWithin: 10 * day}, func(s *scout) {
		guest, _ := s.stays(-day, 3*day)
		target := s.guest()
		since := time.Now()
		s.pass(time.Minute)
		s.must(s.world.Merge(guest, target))
		s.pass(3 * hour)
		found, err := s.walk(engine.Walk{Since: since})
		if _, is := found[preauth.ID(target)]; !is || err != nil {
			t.Errorf("%v, %v", found, err)
		}
	})
}
