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
				err := h.client.Customers(h.Context(), now.Add(-within), now, func(ids []preauth.ID) error {
					for _, id := range ids {
						got[id] = true
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
		err := h.client.Customers(h.Context(), now.Add(-within), now, func(ids []preauth.ID) error {
			for _, id := range ids {
				got[id] = true
			}
			// The page's last, whose place the cursor is, is updated beyond the interval.
			return h.world.UpdateCustomer("", string(ids[len(ids)-1]), func(c *simulator.Customer) { c.Updated = now.Add(time.Hour) })
		})
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); err != nil || diff != "" {
			h.Error(err, diff)
		}
	})
}
