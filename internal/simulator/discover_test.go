package simulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

const customersPath = "/api/connector/v1/customers/getAll"

// march is a month in which the customers of these tests are updated.
func march(day int) time.Time { return time.Date(2026, 3, day, 12, 0, 0, 0, time.UTC) }

// guestOf is a readable customer id.
func guestOf(n int) string { return fmt.Sprintf("0000000c-0000-4000-8000-%012x", n) }

// guest adds a customer that was updated on a day of March.
func (b *bench) guest(n, day int, change func(*simulator.Customer)) {
	b.t.Helper()
	_, err := b.world.AddCustomer("", guestOf(n))
	if err == nil {
		err = b.world.UpdateCustomer("", guestOf(n), func(c *simulator.Customer) {
			c.Updated = march(day)
			if change != nil {
				change(c)
			}
		})
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// customersBody is a good request for March; properties replace or add, or remove with "".
func (b *bench) customersBody(properties map[string]string) string {
	b.t.Helper()
	all := map[string]json.RawMessage{
		"ClientToken": json.RawMessage(`"` + b.world.ClientToken() + `"`),
		"AccessToken": json.RawMessage(`"` + b.world.Enterprises()[0].AccessToken + `"`), "Client": json.RawMessage(`"test 1.0.0"`),
		"Extent":     json.RawMessage(`{"Customers":true}`),
		"UpdatedUtc": json.RawMessage(`{"StartUtc":"2026-03-01T00:00:00Z","EndUtc":"2026-03-31T00:00:00Z"}`),
		"Limitation": json.RawMessage(`{"Count":1000}`),
	}
	for name, value := range properties {
		if all[name] = json.RawMessage(value); value == "" {
			delete(all, name)
		}
	}
	body, err := json.Marshal(all)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(body)
}

// found is a reply of customers/getAll.
type found struct {
	Customers []struct {
		Id, UpdatedUtc, ActivityState string
		MergeTargetId                 *string
		IsActive                      bool
	}
	Cursor *string
}

func (f found) ids() []string {
	var all []string
	for _, c := range f.Customers {
		all = append(all, c.Id)
	}
	return all
}

func (b *bench) customers(properties map[string]string) found {
	b.t.Helper()
	got := b.send(b.t.Context(), http.MethodPost, customersPath, b.customersBody(properties), "Content-Type", "application/json")
	if got.status != http.StatusOK {
		b.t.Fatalf("%+v", got)
	}
	var f found
	decode(b.t, got.body, &f)
	return f
}

// page asks for a page of so many after a cursor.
func (b *bench) page(count int, cursor *string) found {
	b.t.Helper()
	limitation, err := json.Marshal(map[string]any{"Count": count, "Cursor": cursor})
	if err != nil {
		b.t.Fatal(err)
	}
	return b.customers(map[string]string{"Limitation": string(limitation)})
}

func TestCustomersComeInPagesTheNewestFirst(t *testing.T) {
	for _, c := range []struct {
		name     string
		settings func(*simulator.Settings)
		want     []int
		empty    bool
	}{
		{"of the size asked for", func(*simulator.Settings) {}, []int{3, 3, 1}, false},
		{"of a smaller size", func(s *simulator.Settings) { s.CustomersPageCap = 2 }, []int{2, 2, 2, 1}, false},
		{"with a cursor at the end", func(s *simulator.Settings) { s.CursorAtEnd = true }, []int{3, 3, 1}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := overTCP(t)
			b.configure(c.settings)
			for n := range 7 {
				b.guest(n, 20-n/2, nil) // two at each moment
			}
			var all []string
			var cursor *string
			for i, size := range c.want {
				got := b.page(3, cursor)
				if len(got.Customers) != size {
					t.Fatalf("page %d has %d customers", i, len(got.Customers))
				}
				all, cursor = append(all, got.ids()...), got.Cursor
			}
			if c.empty {
				got := b.page(3, cursor)
				if len(got.Customers) != 0 || got.Cursor == nil || *got.Cursor != *cursor {
					t.Errorf("after the end: %+v", got)
				}
			} else if cursor != nil {
				t.Errorf("the last page has the cursor %q", *cursor)
			}
			want := []string{guestOf(1), guestOf(0), guestOf(3), guestOf(2), guestOf(5), guestOf(4), guestOf(6)}
			if diff := cmp.Diff(want, all); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestACursorKeepsItsPlaceWhileCustomersChange(t *testing.T) {
	b := overTCP(t)
	for n := range 6 {
		b.guest(n, 20-n, nil)
	}
	first := b.page(2, nil)
	b.guest(9, 25, nil)                        // a newer one comes
	b.guest(1, 30, nil)                        // the cursor's own is updated
	b.guest(4, 29, nil)                        // one that was still to come moves to the front
	second := b.page(2, first.Cursor)          // and the size changes
	third := b.page(1000, second.Cursor).ids() // to the end
	got := append(first.ids(), second.ids()...)
	want := []string{guestOf(0), guestOf(1), guestOf(2), guestOf(3), guestOf(5)}
	if diff := cmp.Diff(want, append(got, third...)); diff != "" {
		t.Error(diff)
	}
}

func TestWhichCustomersAreFound(t *testing.T) {
	b := overTCP(t)
	b.guest(1, 1, nil)
	b.guest(2, 10, func(c *simulator.Customer) { c.Deleted, c.MergeTarget = true, strings.ToUpper(guestOf(7)) })
	b.guest(3, 20, nil)
	between := func(start, end string) string { return `{"StartUtc":"` + start + `","EndUtc":"` + end + `"}` }
	for _, c := range []struct {
		name       string
		properties map[string]string
		want       []string
	}{
		{"only active ones unless it is said", nil, []string{guestOf(3), guestOf(1)}},
		{"nor when no state is listed", map[string]string{"ActivityStates": `[]`}, []string{guestOf(3), guestOf(1)}},
		{"both", map[string]string{"ActivityStates": `["Active","Deleted"]`}, []string{guestOf(3), guestOf(2), guestOf(1)}},
		{"only deleted ones", map[string]string{"ActivityStates": `["Deleted"]`}, []string{guestOf(2)}},
		{"the interval's ends", map[string]string{"UpdatedUtc": between("2026-03-01T12:00:00Z", "2026-03-20T12:00:00Z")}, []string{guestOf(3), guestOf(1)}},
		{"short of them", map[string]string{"UpdatedUtc": between("2026-03-01T12:00:00.001Z", "2026-03-20T11:59:59.999Z")}, nil},
		{"none without the extent", map[string]string{"Extent": `{"Addresses":true}`}, nil},
	} {
		if diff := cmp.Diff(c.want, b.customers(c.properties).ids()); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	merged := b.customers(map[string]string{"ActivityStates": `["Deleted"]`}).Customers[0]
	if merged.MergeTargetId == nil || *merged.MergeTargetId != guestOf(7) || merged.IsActive || merged.ActivityState != "Deleted" ||
		merged.UpdatedUtc != "2026-03-10T12:00:00Z" {
		t.Errorf("%+v", merged)
	}
	b.configure(func(s *simulator.Settings) { s.UpperCaseIDs = true })
	if got := b.customers(nil).ids(); got[0] != strings.ToUpper(guestOf(3)) {
		t.Errorf("not in upper case: %v", got)
	}
}

func TestACustomerIsUpdatedWhenItComesAndNotByItsPreauthorizations(t *testing.T) {
	b := overTCP(t)
	now := time.Now().UTC()
	present := map[string]string{"UpdatedUtc": `{"StartUtc":"` + now.Format(time.RFC3339) + `","EndUtc":"` +
		now.AddDate(0, 0, 1).Format(time.RFC3339) + `"}`}
	b.add(simulator.Preauthorization{CustomerID: guestOf(1)})
	if _, err := b.world.Populate(simulator.PopulateOptions{Customers: 2}); err != nil {
		t.Fatal(err)
	}
	if got := b.customers(present).ids(); len(got) != 3 {
		t.Errorf("found %v", got)
	}
	b.guest(1, 5, nil)
	b.add(simulator.Preauthorization{CustomerID: guestOf(1)})
	if got := b.customers(nil).ids(); !slices.Equal(got, []string{guestOf(1)}) {
		t.Errorf("found in March: %v", got)
	}
	var kept simulator.Customer
	if err := b.world.UpdateCustomer("", guestOf(1), func(c *simulator.Customer) { kept = *c }); err != nil || !kept.Updated.Equal(march(5)) {
		t.Errorf("%+v, %v", kept, err)
	}
	for _, refused := range []error{
		b.world.UpdateCustomer("", guestOf(2), func(*simulator.Customer) {}),
		b.world.UpdateCustomer("", "x", func(*simulator.Customer) {}),
		b.world.UpdateCustomer("hotel-9", guestOf(1), func(*simulator.Customer) {}),
		b.world.UpdateCustomer("", guestOf(1), func(c *simulator.Customer) { c.Updated, c.MergeTarget = march(6), "x" }),
	} {
		if refused == nil {
			t.Error("an impossible update was made")
		}
	}
	if got := b.customers(nil).Customers; len(got) != 1 || got[0].UpdatedUtc != "2026-03-05T12:00:00Z" {
		t.Errorf("a refused update was made: %+v", got)
	}
}

func TestCustomersAreStrict(t *testing.T) {
	b := overTCP(t)
	updated := func(start, end string) map[string]string {
		return map[string]string{"UpdatedUtc": `{"StartUtc":"` + start + `","EndUtc":"` + end + `"}`}
	}
	for name, c := range map[string]struct {
		properties map[string]string
		status     int
	}{
		"a good request passes":              {nil, 200},
		"three months pass":                  {updated("2026-02-01T00:00:00Z", "2026-05-01T00:00:00Z"), 200},
		"to the end of February passes":      {updated("2025-11-30T00:00:00Z", "2026-02-28T00:00:00Z"), 200},
		"a second more is refused":           {updated("2026-02-01T00:00:00Z", "2026-05-01T00:00:01Z"), 400},
		"beyond February is refused":         {updated("2025-11-30T00:00:00Z", "2026-03-01T00:00:00Z"), 400},
		"an interval backwards is refused":   {updated("2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z"), 400},
		"another zone is refused":            {updated("2026-03-01T00:00:00+01:00", "2026-03-02T00:00:00Z"), 400},
		"a date is refused":                  {updated("2026-03-01T00:00:00Z", "2026-03-02"), 400},
		"no end is refused":                  {map[string]string{"UpdatedUtc": `{"StartUtc":"2026-03-01T00:00:00Z"}`}, 400},
		"no filter is refused":               {map[string]string{"UpdatedUtc": ""}, 400},
		"no extent is refused":               {map[string]string{"Extent": ""}, 400},
		"an extent of text is refused":       {map[string]string{"Extent": `{"Customers":"true"}`}, 400},
		"an unknown extent is refused":       {map[string]string{"Extent": `{"customers":true}`}, 400},
		"an unknown state is refused":        {map[string]string{"ActivityStates": `["active"]`}, 400},
		"a state that is no list is refused": {map[string]string{"ActivityStates": `"Active"`}, 400},
		"no limitation is refused":           {map[string]string{"Limitation": ""}, 400},
		"a page of one passes":               {map[string]string{"Limitation": `{"Count":1,"Cursor":null}`}, 200},
		"a page of none is refused":          {map[string]string{"Limitation": `{"Count":0}`}, 400},
		"a page of 1001 is refused":          {map[string]string{"Limitation": `{"Count":1001}`}, 400},
		"a count of text is refused":         {map[string]string{"Limitation": `{"Count":"10"}`}, 400},
		"an empty cursor is refused":         {map[string]string{"Limitation": `{"Count":1,"Cursor":""}`}, 400},
		"a made-up cursor is refused":        {map[string]string{"Limitation": `{"Count":1,"Cursor":"` + guestOf(1) + `"}`}, 400},
		"an unknown property is refused":     {map[string]string{"Updated": `1`}, 400},
		"a wrong token is 401":               {map[string]string{"AccessToken": `"x"`}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(b.world.Account().Violations)
			got := b.send(t.Context(), http.MethodPost, customersPath, b.customersBody(c.properties), "Content-Type", "application/json")
			if got.status != c.status || got.header.Get("Request-Id") == "" {
				t.Fatalf("want %d with a Request-Id, got %+v", c.status, got)
			}
			if breach := len(b.world.Account().Violations) > before; breach != (c.status == 400) {
				t.Errorf("noted as a violation: %v, in %q", breach, b.world.Account().Violations)
			}
		})
	}
}

func TestCustomersMeetFaultsAndLimitsLikeOthers(t *testing.T) {
	b := overTCP(t)
	b.guest(1, 1, nil)
	ask := func() answer {
		t.Helper()
		return b.send(t.Context(), http.MethodPost, customersPath, b.customersBody(nil), "Content-Type", "application/json")
	}
	b.world.Inject(simulator.Fault{Operation: simulator.OpCustomers, Kind: simulator.KindStatus, Status: 500, Nth: 2})
	if one, two, three := ask(), ask(), ask(); one.status != 200 || two.status != 500 || three.status != 200 {
		t.Errorf("%d, %d, %d", one.status, two.status, three.status)
	}
	stop := b.world.Chaos(simulator.ChaosOptions{
		Rate: 1, Kinds: []simulator.Kind{simulator.KindHTMLBody}, Operations: []string{simulator.OpCustomers},
	})
	if got := ask(); !isHTML(got.body) {
		t.Errorf("%+v", got)
	}
	stop()
	b.configure(func(s *simulator.Settings) { s.RateLimit = 5 })
	if five, six := ask(), ask(); five.status != 200 || six.status != 429 {
		t.Errorf("%d, %d", five.status, six.status)
	}
	if n := b.world.Count(simulator.APIConnector, simulator.OpCustomers); n != 6 {
		t.Errorf("%d requests", n)
	}
}

func TestAConfigurationMayDiscoverItsCustomers(t *testing.T) {
	b := overTCP(t)
	b.guest(1, 1, nil)
	text := b.world.ConfigYAML(simulator.ConfigOptions{UpdatedWithin: 720 * time.Hour})
	if !strings.Contains(text, "    customers:\n      discover:\n        updated_within: 720h0m0s\n    payment_methods:") ||
		strings.Contains(text, guestOf(1)) {
		t.Errorf("the configuration is\n%s", text)
	}
}
