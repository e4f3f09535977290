package simulator_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

func TestPopulateIsRepeatableBySeed(t *testing.T) {
	build := func(seed uint64) (*simulator.World, simulator.Population) {
		w := simulator.New(simulator.Options{Seed: seed})
		p, err := w.Populate(simulator.PopulateOptions{
			Customers: 500, PerCustomer: 4, Charged: 0.5, Cancelled: 0.1, Inactive: 0.1,
		})
		if err != nil {
			t.Fatal(err)
		}
		return w, p
	}
	w, one := build(7)
	same, two := build(7)
	_, other := build(8)
	if diff := cmp.Diff(one, two); diff != "" {
		t.Error("the same seed differs:", diff)
	}
	if one.Customers[0] == other.Customers[0] {
		t.Error("another seed gives the same customer")
	}
	if len(one.Customers) != 500 || len(one.Preauthorizations) != 2000 {
		t.Fatal(len(one.Customers), len(one.Preauthorizations))
	}
	states, distinct := map[string]int{}, map[string]bool{}
	w.EachPreauthorization(func(p simulator.Preauthorization) bool {
		states[p.State]++
		distinct[p.ID] = true
		if !p.Amount.IsPositive() || p.Amount.Exponent() < -2 {
			t.Errorf("%+v", p)
		}
		if twin, ok := same.Preauthorization(p.ID); !ok || !twin.Amount.Equal(p.Amount) || twin.State != p.State {
			t.Errorf("%+v has the twin %+v", p, twin)
		}
		return true
	})
	if len(distinct) != 2000 || states[simulator.Charged] < 900 || states[simulator.Charged] > 1100 ||
		states[simulator.Cancelled] < 140 || states[simulator.Cancelled] > 260 || states[simulator.Expired] > 0 {
		t.Errorf("%d distinct, %v", len(distinct), states)
	}
	if got := w.PreauthorizationsOf(one.Customers[3]); len(got) != 4 || got[0].ID != one.Preauthorizations[12] {
		t.Errorf("%+v", got)
	}
	if _, err := w.Populate(simulator.PopulateOptions{Customers: 1}); err == nil {
		t.Error("the same ids were added twice")
	}
	before := states[simulator.Charged]
	charged, err := w.Charge("", nil)
	if err != nil || charged == 0 || charged >= 2000-before {
		t.Errorf("%d were charged: %v", charged, err)
	}
}

func TestAFullPollOfAThousandCustomers(t *testing.T) {
	b := overTCP(t)
	p, err := b.world.Populate(simulator.PopulateOptions{Customers: 1000, PerCustomer: 3})
	if err != nil {
		t.Fatal(err)
	}
	got := b.poll(p.Customers...)
	if n := strings.Count(got.body, `"IsActive"`); got.status != http.StatusOK || n != 3000 {
		t.Errorf("%d items, status %d", n, got.status)
	}
}

func TestConfigYAML(t *testing.T) {
	w := simulator.New(simulator.Options{Seed: 3})
	for name, customers := range map[string]int{"hotel-1": 2, "hotel-2": 51} {
		if name != "hotel-1" {
			if _, err := w.AddEnterprise(simulator.Enterprise{Name: name, Currency: "JPY"}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Populate(simulator.PopulateOptions{Enterprise: name, Customers: customers}); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	if err := w.WriteCustomers(dir); err != nil {
		t.Fatal(err)
	}
	got := w.ConfigYAML(simulator.ConfigOptions{
		Address: "http://127.0.0.1:8080", StatePath: "/tmp/a b.db", CustomersDir: dir, Timeout: 2 * time.Second,
		Settle: 1500 * time.Millisecond, FirstRun: "mirror",
	})
	e, u := w.Enterprises(), w.Tenants()[0]
	customers, err := w.Customers("hotel-1")
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "hotel-2-customers.txt")
	want := `schedule: "@every 10s"
state:
  path: "/tmp/a b.db"
control:
  socket: ""
metrics:
  listen: ""
connector:
  address: "http://127.0.0.1:8080"
  client_token: "` + w.ClientToken() + `"
v4:
  address: "http://127.0.0.1:8080/ResourceServer"
  auth:
    login_address: "http://127.0.0.1:8080/AuthorizationServer/api/v4/Access/Login"
    client_id: "preauth-sync"
    username: "sync@tenant-1"
    password: "` + u.Password + `"
  timeout: 2s
  settle: 1.5s
mirror:
  first_run: "mirror"
properties:
  - name: "hotel-1"
    access_token: "` + e[0].AccessToken + `"
    currency: "EUR"
    customers:
      ids: ["` + customers[0] + `", "` + customers[1] + `"]
    payment_methods:
      default: 101
  - name: "hotel-2"
    access_token: "` + e[1].AccessToken + `"
    currency: "JPY"
    customers:
      file: "` + list + `"
    payment_methods:
      default: 101
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	written, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(strings.TrimSpace(string(written)), "\n"); len(lines) != 52 || !strings.HasPrefix(lines[0], "#") {
		t.Errorf("%d lines, beginning with %q", len(lines), lines[0])
	}
}

func TestListenIsForLoopbackAlone(t *testing.T) {
	w := simulator.New(simulator.Options{})
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:0", "127.0.0.1"} {
		if s, err := simulator.Listen(addr, w); err == nil {
			_ = s.Close()
			t.Errorf("it listens on %s", addr)
		}
	}
	s, err := simulator.Listen("127.0.0.1:0", w)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(s.Addr(), "127.0.0.1:") || s.URL() != "http://"+s.Addr() {
		t.Error(s.Addr(), s.URL())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func BenchmarkPopulate(b *testing.B) {
	for b.Loop() {
		w := simulator.New(simulator.Options{})
		if _, err := w.Populate(simulator.PopulateOptions{Customers: 250_000, PerCustomer: 4, Charged: 0.3}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestPopulateGivesStaysAndPaymentMethods(t *testing.T) {
	const stay = 72 * time.Hour
	w := simulator.New(simulator.Options{Seed: 7})
	p, err := w.Populate(simulator.PopulateOptions{Customers: 20, PerCustomer: 2, Cards: true, Stay: stay})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := simulator.New(simulator.Options{Seed: 7}).Populate(simulator.PopulateOptions{Customers: 20, PerCustomer: 2})
	if diff := cmp.Diff(plain, p, cmpopts.IgnoreFields(simulator.Enterprise{}, "ID", "AccessToken")); err != nil || diff != "" {
		t.Error("the same seed differs:", err, diff)
	}
	cards := map[string]bool{}
	for _, m := range w.PaymentMethods() {
		cards[m.Identifier] = !m.Inactive
	}
	stays, err := w.Reservations("")
	if err != nil || len(stays) != 20 {
		t.Fatal(len(stays), err)
	}
	for i, customer := range p.Customers {
		held, r := w.PreauthorizationsOf(customer), stays[i]
		if !cards[held[0].CardID] || r.CustomerID != customer || r.End.Sub(r.Start) != stay || time.Until(r.End) < 0 || time.Since(r.Start) < 0 {
			t.Errorf("%+v, of %+v", r, held)
		}
	}
}

func TestEveryTenantIsInTheConfiguration(t *testing.T) {
	w := simulator.New(simulator.Options{Seed: 1})
	for _, tenant := range []string{"tenant-2", "tenant-3"} {
		if _, err := w.AddTenant(simulator.Tenant{Name: tenant}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.AddEnterprise(simulator.Enterprise{Name: "hotel-2", Tenant: "tenant-2"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddPaymentMethod(simulator.PaymentMethod{Identity: 9, Tenant: "tenant-2"}); err != nil {
		t.Fatal(err)
	}
	own := w.Tenants()[1]
	section := "      default: 9\n    v4:\n      auth:\n        client_id: \"preauth-sync\"\n        username: \"sync@tenant-2\"\n        password: \"" + own.Password + "\"\n"
	text := w.ConfigYAML(simulator.ConfigOptions{Mode: "observe"})
	if !strings.HasSuffix(text, section) || strings.Count(text, "    v4:") != 1 || !strings.Contains(text, "default: 101\n") ||
		!strings.Contains(text, "mirror:\n  mode: \"observe\"\n") {
		t.Errorf("the configuration is\n%s", text)
	}
	text = w.ConfigYAML(simulator.ConfigOptions{Lookup: "paymentMethodIdentifier", ReservationsWithin: 48 * time.Hour})
	if strings.Count(text, "      discover:\n        reservations_within: 48h0m0s\n    payment_methods:\n      lookup: \"paymentMethodIdentifier\"\n      default: none\n") != 2 {
		t.Errorf("the configuration is\n%s", text)
	}
}
