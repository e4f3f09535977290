package connector

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/preauth"
)

// inhabited is a client and the simulated PMS that it asks, in one bubble.
type inhabited struct {
	*testing.T
	world  *simulator.World
	client *Client
}

// inWorld runs a test in virtual time against a simulated PMS, which counts every
// breach of its rules.
func inWorld(t *testing.T, test func(h *inhabited)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := simulator.New(simulator.Options{Seed: 1})
		served := w.Memory()
		transport := httpx.NewTransport(httpx.TransportConfig{DialContext: served.DialContext, NoProxy: true})
		defer func() {
			transport.CloseIdleConnections()
			if err := served.Close(); err != nil {
				t.Error(err)
			}
			w.Close()
			if breaches := w.Account().Violations; len(breaches) > 0 {
				t.Errorf("violations: %q", breaches)
			}
		}()
		c, err := New(Config{
			Address: served.URL(), Client: "preauth-sync 1.0.0", Transport: transport,
			ClientToken: httpx.NewSecret(w.ClientToken()), AccessToken: httpx.NewSecret(w.Enterprises()[0].AccessToken),
			Limiter: httpx.NewLimiter(180, 30*time.Second),
		})
		if err != nil {
			t.Fatal(err)
		}
		test(&inhabited{t, w, c})
	})
}

// add adds customers that were updated one every two hours before now, every
// tenth deleted, every hundredth merged into one who was last updated long ago. It
// gives those to be found that were updated within a span.
func (h *inhabited) add(now time.Time, n int, within time.Duration) []preauth.ID {
	h.Helper()
	want := map[preauth.ID]bool{}
	for i := range n {
		id, updated := customer(i), now.Add(time.Duration(-i)*2*time.Hour)
		_, err := h.world.AddCustomer("", string(id))
		if err != nil {
			h.Fatal(err)
		}
		target := preauth.ID("")
		if i%100 == 0 {
			target = customer(1_000_000 + i)
		}
		err = h.world.UpdateCustomer("", string(id), func(c *simulator.Customer) {
			c.Updated, c.Deleted, c.MergeTarget = updated, i%10 == 0, string(target)
		})
		if err != nil {
			h.Fatal(err)
		}
		if now.Sub(updated) > within {
			continue
		}
		want[id] = true
		if target != "" {
			want[target] = true
		}
	}
	return slices.Sorted(maps.Keys(want))
}

func TestEveryCustomerOfTheWorldIsFound(t *testing.T) {
	const within = 200 * 24 * time.Hour
	for _, c := range []struct {
		name     string
		settings func(*simulator.Settings)
		chaos    float64
	}{
		{"in full pages", func(*simulator.Settings) {}, 0},
		{"in pages of another size than asked for", func(s *simulator.Settings) { s.CustomersPageCap = 70 }, 0},
		{"with a cursor in every reply", func(s *simulator.Settings) { s.CustomersPageCap, s.CursorAtEnd = 89, true }, 0},
		{"in upper case", func(s *simulator.Settings) { s.UpperCaseIDs = true }, 0},
		{"through faults", func(s *simulator.Settings) { s.CustomersPageCap = 70 }, 0.2},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(h *inhabited) {
				if err := h.world.Configure(c.settings); err != nil {
					h.Fatal(err)
				}
				now := time.Now().Add(-time.Second / 3)
				want := h.add(now, 3000, within)
				h.world.Chaos(simulator.ChaosOptions{Rate: c.chaos})
				got := map[preauth.ID]bool{}
				err := h.client.Customers(h.Context(), now.Add(-within), now, func(page []Found) error {
					for _, each := range page {
						got[each.ID] = true
					}
					return nil
				})
				if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); err != nil || diff != "" {
					h.Error(err, diff)
				}
				h.Logf("%d customers in %d requests", len(got), h.world.Count(simulator.APIConnector, simulator.OpCustomers))
			})
		})
	}
}

func TestCustomersThatChangeMeanwhileHideNoOther(t *testing.T) {
	inWorld(t, func(h *inhabited) {
		if err := h.world.Configure(func(s *simulator.Settings) { s.CustomersPageCap = 10 }); err != nil {
			h.Fatal(err)
		}
		const within = 10 * 24 * time.Hour
		now := time.Now()
		want := h.add(now, 200, within)
		got := map[preauth.ID]bool{}
		err := h.client.Customers(h.Context(), now.Add(-within), now, func(page []Found) error {
			for _, each := range page {
				got[each.ID] = true
			}
			// The page's last, whose place the cursor is, is updated beyond the interval.
			return h.world.UpdateCustomer("", string(page[len(page)-1].ID), func(c *simulator.Customer) { c.Updated = now.Add(time.Hour) })
		})
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); err != nil || diff != "" {
			h.Error(err, diff)
		}
	})
}

// collect keeps the latest At of each customer that is handed over.
func collect(into map[preauth.ID]time.Time) func([]Found) error {
	return func(page []Found) error {
		for _, each := range page {
			if at, known := into[each.ID]; !known || at.Before(each.At) {
				into[each.ID] = each.At
			}
		}
		return nil
	}
}

func TestEveryGuestOfTheWorldIsFound(t *testing.T) {
	const within = 100 * 24 * time.Hour
	for _, c := range []struct {
		name     string
		settings func(*simulator.Settings)
		chaos    float64
	}{
		{"in full pages", func(*simulator.Settings) {}, 0},
		{"in small pages with a cursor in every reply", func(s *simulator.Settings) { s.CustomersPageCap, s.CursorAtEnd = 70, true }, 0},
		{"in upper case, through faults", func(s *simulator.Settings) { s.CustomersPageCap, s.UpperCaseIDs = 70, true }, 0.2},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(h *inhabited) {
				if err := h.world.Configure(c.settings); err != nil {
					h.Fatal(err)
				}
				now := time.Now().UTC().Truncate(time.Second)
				want, late := h.reserve(now, 2000, within)
				h.world.Chaos(simulator.ChaosOptions{Rate: c.chaos})
				got := map[preauth.ID]time.Time{}
				err := h.client.Guests(h.Context(), now.Add(-within), now.Add(within), time.Time{}, collect(got))
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					h.Error(err, diff)
				}
				h.Logf("%d guests in %d requests", len(got), h.world.Count(simulator.APIConnector, simulator.OpReservations))
				clear(got)
				err = h.client.Guests(h.Context(), now.Add(-within), now.Add(within), now.Add(-time.Hour), collect(got))
				if diff := cmp.Diff(late, got); err != nil || diff != "" {
					h.Error(err, diff)
				}
			})
		})
	}
}

// reserve adds guests whose stays of two days begin three hours apart, around now;
// every fifth is a company's, every seventh canceled, every fiftieth was updated
// just now. It gives those whose stays collide with now and as much to either side,
// with the ends of them, and which of those were just updated.
func (h *inhabited) reserve(now time.Time, n int, within time.Duration) (colliding, late map[preauth.ID]time.Time) {
	h.Helper()
	colliding, late = map[preauth.ID]time.Time{}, map[preauth.ID]time.Time{}
	for i := range n {
		start := now.Add(time.Duration(i-n/2) * 3 * time.Hour)
		r := simulator.Reservation{
			CustomerID: string(customer(i)), Company: i%5 == 0, Start: start, End: start.Add(48 * time.Hour), Updated: now.Add(-48 * time.Hour),
		}
		if i%7 == 0 {
			r.State = simulator.Canceled
		}
		if i%50 == 1 {
			r.Updated = now
		}
		if _, err := h.world.Reserve(r); err != nil {
			h.Fatal(err)
		}
		if r.Company || r.End.Before(now.Add(-within)) || r.Start.After(now.Add(within)) {
			continue
		}
		colliding[customer(i)] = r.End
		if r.Updated.Equal(now) {
			late[customer(i)] = r.End
		}
	}
	return colliding, late
}

func TestEveryTargetOfTheWorldIsFound(t *testing.T) {
	inWorld(t, func(h *inhabited) {
		if err := h.world.Configure(func(s *simulator.Settings) { s.CustomersPageCap, s.CursorAtEnd = 300, true }); err != nil {
			h.Fatal(err)
		}
		end := time.Now().UTC().Truncate(time.Second)
		var of []Found
		for i := range 1500 {
			if _, err := h.world.AddCustomer("", string(customer(i))); err != nil {
				h.Fatal(err)
			}
			of = append(of, Found{customer(i), end.Add(time.Duration(i))})
		}
		want := map[preauth.ID]time.Time{}
		for i := 0; i < 1500; i += 30 { // each into one who was merged into another after that
			for step := range 2 {
				if err := h.world.Merge(string(customer(i+step*10_000)), string(customer(i+(step+1)*10_000))); err != nil {
					h.Fatal(err)
				}
				want[customer(i+(step+1)*10_000)] = end.Add(time.Duration(i))
			}
		}
		got := map[preauth.ID]time.Time{}
		if err := h.client.Merged(h.Context(), of, collect(got)); err != nil {
			h.Error(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			h.Error(diff)
		}
	})
}
