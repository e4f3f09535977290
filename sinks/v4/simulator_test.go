package v4_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/internal/httpx/memnet"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/preauth"
	v4 "github.com/preauth-sync/preauth-sync/sinks/v4"
)

// The simulator shares no code with the client, so the two check each other.
func TestTheClientAndTheSimulatorAgree(t *testing.T) {
	for _, each := range []struct {
		name   string
		change func(*simulator.Settings)
	}{
		{"the seed's replies", func(*simulator.Settings) {}},
		{"the newer replies", func(s *simulator.Settings) { s.CreateReply = simulator.ReplyInstance; s.ExpiresInText = true }},
		{"tokens in upper case", func(s *simulator.Settings) { s.UpperCaseTokens = true }},
		{"small pages, repeated items", func(s *simulator.Settings) { s.PageCap = 3; s.RepeatItems = true }},
		{"shuffled lists", func(s *simulator.Settings) { s.ShuffleLists = true }},
	} {
		t.Run(each.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				world := simulator.New(simulator.Options{Seed: 1})
				defer world.Close()
				if err := world.Configure(each.change); err != nil {
					t.Fatal(err)
				}
				agree(t, world)
			})
		})
	}
}

func agree(t *testing.T, world *simulator.World) {
	t.Helper()
	client := clientOf(t, world)
	if err := client.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	var identities []int64
	for i := range 10 {
		token := fmt.Sprintf("00000000-0000-4000-8000-00000000000%d", i)
		amount := decimal.New(int64(100*i+1), -2)
		out := client.Create(t.Context(), preauth.CreateRequest{PaymentMethodID: 101, Amount: amount, Token: token})
		if out.Kind != preauth.OutcomeApplied || out.TrackingID == "" {
			t.Fatalf("create: %+v", out)
		}
		found, err := client.FindByToken(t.Context(), token)
		if err != nil || len(found) != 1 || found[0].Identity != out.Hold.Identity || found[0].Token != token || !found[0].Amount.Equal(amount) {
			t.Fatalf("search: %+v, %v", found, err)
		}
		identities = append(identities, out.Hold.Identity)
	}
	if found, err := client.FindByToken(t.Context(), "ffffffff-0000-4000-8000-000000000000"); err != nil || len(found) != 0 {
		t.Errorf("absent: %+v, %v", found, err)
	}
	lists(t, client, identities)
	if out := client.Capture(t.Context(), identities[0]); out.Kind != preauth.OutcomeApplied {
		t.Errorf("capture: %+v", out)
	}
	if out := client.Capture(t.Context(), identities[0]); out.Kind != preauth.OutcomeRefused || len(out.Errors) == 0 {
		t.Errorf("a second capture: %+v", out)
	}
	if hold, there, err := client.Get(t.Context(), identities[1]); err != nil || !there || hold.Identity != identities[1] {
		t.Errorf("get: %+v, %v, %v", hold, there, err)
	}
	if _, there, err := client.Get(t.Context(), 999_999); err != nil || there {
		t.Errorf("get of nothing: %v, %v", there, err)
	}
	if _, err := client.Reach(t.Context()); err != nil {
		t.Errorf("reach: %v", err)
	}
	account := world.Account()
	if account.Creates != 10 || account.Captures != 1 || len(account.Violations) != 0 {
		t.Errorf("the world's account: %+v", account)
	}
}

func lists(t *testing.T, client *v4.Client, want []int64) {
	t.Helper()
	for name, list := range map[string]func(func([]preauth.Hold) error) error{
		"List":      func(page func([]preauth.Hold) error) error { return client.List(t.Context(), page) },
		"ListAbove": func(page func([]preauth.Hold) error) error { return client.ListAbove(t.Context(), 0, page) },
	} {
		var got []int64
		err := list(func(holds []preauth.Hold) error {
			for _, hold := range holds {
				got = append(got, hold.Identity)
			}
			return nil
		})
		slices.Sort(got)
		if err != nil || !slices.Equal(slices.Compact(got), want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, want)
		}
	}
}

// clientOf logs in to a world's first tenant, until the test's end.
func clientOf(t *testing.T, world *simulator.World) *v4.Client {
	t.Helper()
	network := memnet.New()
	t.Cleanup(network.Serve(world.Handler()))
	tenant := world.Tenants()[0]
	client, err := v4.New(v4.Config{
		Address: "http://v4.test/ResourceServer",
		Auth: v4.Auth{
			LoginAddress: "http://v4.test/AuthorizationServer/api/v4/Access/Login",
			ClientID:     tenant.ClientID, Username: tenant.Username, Password: httpx.NewSecret(tenant.Password),
		},
		Transport: httpx.TransportConfig{DialContext: network.DialContext, NoProxy: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// Both ways of looking cards up, one by one and in a walk, give the same.
func TestTheClientAndTheSimulatorAgreeOnPaymentMethods(t *testing.T) {
	for _, each := range []struct {
		name   string
		change func(*simulator.Settings)
		// spell is how v4 holds a card's Id.
		spell func(string) string
		fails bool
	}{
		{"as they are", func(*simulator.Settings) {}, strings.ToLower, false},
		{"repeated items", func(s *simulator.Settings) { s.RepeatItems = true }, strings.ToLower, false},
		{"shuffled lists", func(s *simulator.Settings) { s.ShuffleLists = true }, strings.ToLower, false},
		{"upper case, letter by letter", func(s *simulator.Settings) { s.CaseSensitiveSearch = true }, strings.ToUpper, false},
		{"ignored conditions", func(s *simulator.Settings) { s.IgnoreSearch = true }, strings.ToLower, true},
	} {
		t.Run(each.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				world := simulator.New(simulator.Options{Seed: 1})
				defer world.Close()
				if err := world.Configure(each.change); err != nil {
					t.Fatal(err)
				}
				want := map[string][]preauth.PaymentMethod{}
				var cards []string
				for i := range 120 {
					card := fmt.Sprintf("abcdefab-0000-4000-8000-%012d", i)
					cards, want[card] = append(cards, card), []preauth.PaymentMethod{}
					for n := range i % 3 { // none, one, or two of which one is not active
						method := simulator.PaymentMethod{Identifier: each.spell(card), Inactive: n > 0, Account: 7}
						identity, err := world.AddPaymentMethod(method)
						if err != nil {
							t.Fatal(err)
						}
						want[card] = append(want[card], preauth.PaymentMethod{ID: identity, AccountID: 7, Active: n == 0})
					}
				}
				client := clientOf(t, world)
				for _, some := range [][]string{cards, cards[:90], cards[:1]} {
					got, err := client.FindMethods(t.Context(), "paymentMethodIdentifier", some)
					if each.fails {
						if err == nil || len(got) > 0 {
							t.Errorf("%d answers from %d cards, %v", len(got), len(some), err)
						}
						continue
					}
					if err != nil || len(got) != len(some) {
						t.Errorf("%d answers for %d cards, %v", len(got), len(some), err)
					}
					for _, card := range some {
						byID := func(a, b preauth.PaymentMethod) int { return cmp.Compare(a.ID, b.ID) }
						slices.SortFunc(got[card].Methods, byID)
						if !slices.Equal(got[card].Methods, want[card]) || got[card].Fault != "" {
							t.Errorf("%s: %v, want %v", card, got[card], want[card])
						}
					}
				}
			})
		})
	}
}
