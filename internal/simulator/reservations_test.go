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

const reservationsPath = "/api/connector/v1/reservations/getAll/2023-06-06"

// stayOf is a readable reservation id.
func stayOf(n int) string { return fmt.Sprintf("0000000e-0000-4000-8000-%012x", n) }

// reserve adds the reservation n of guest n, from one day of March to another.
func (b *bench) reserve(n, from, to int, change func(*simulator.Reservation)) {
	b.t.Helper()
	r := simulator.Reservation{ID: stayOf(n), CustomerID: guestOf(n), Start: march(from), End: march(to), Updated: march(from)}
	if change != nil {
		change(&r)
	}
	if _, err := b.world.Reserve(r); err != nil {
		b.t.Fatal(err)
	}
}

// march1To31 collides with all of the month.
const march1To31 = `{"StartUtc":"2026-03-01T00:00:00Z","EndUtc":"2026-03-31T00:00:00Z"}`

// reservationsBody is a good request for March; properties replace or add, or remove with "".
func (b *bench) reservationsBody(properties map[string]string) string {
	b.t.Helper()
	all := map[string]json.RawMessage{
		"ClientToken": json.RawMessage(`"` + b.world.ClientToken() + `"`),
		"AccessToken": json.RawMessage(`"` + b.world.Enterprises()[0].AccessToken + `"`), "Client": json.RawMessage(`"test 1.0.0"`),
		"CollidingUtc": json.RawMessage(march1To31), "Limitation": json.RawMessage(`{"Count":1000}`),
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

// reserved is a reply of reservations/getAll.
type reserved struct {
	Reservations []struct {
		Id, AccountId, AccountType, State, UpdatedUtc        string
		StartUtc, EndUtc, ScheduledStartUtc, ScheduledEndUtc string
		ActualStartUtc, ActualEndUtc                         *string
		BookerId, CreditCardId                               *string
	}
	Cursor *string
}

func (r reserved) ids() []string {
	var all []string
	for _, each := range r.Reservations {
		all = append(all, each.Id)
	}
	return all
}

func (b *bench) reservations(properties map[string]string) reserved {
	b.t.Helper()
	got := b.send(b.t.Context(), http.MethodPost, reservationsPath, b.reservationsBody(properties), "Content-Type", "application/json")
	if got.status != http.StatusOK {
		b.t.Fatalf("%+v", got)
	}
	var r reserved
	decode(b.t, got.body, &r)
	return r
}

func TestWhichReservationsAreFound(t *testing.T) {
	b := overTCP(t)
	b.reserve(1, 1, 3, nil)
	b.reserve(2, 2, 10, func(r *simulator.Reservation) { r.State = simulator.Canceled })
	b.reserve(3, 9, 12, func(r *simulator.Reservation) { r.Company, r.ActualEnd, r.Updated = true, march(11), march(20) })
	between := func(start, end string) string { return `{"StartUtc":"` + start + `","EndUtc":"` + end + `"}` }
	for _, c := range []struct {
		name       string
		properties map[string]string
		want       []string
	}{
		{"in every state unless it is said", nil, []string{stayOf(3), stayOf(2), stayOf(1)}},
		{"in a state", map[string]string{"States": `["Confirmed","Started"]`}, []string{stayOf(3), stayOf(1)}},
		{"at the interval's ends", map[string]string{"CollidingUtc": between("2026-03-03T12:00:00Z", "2026-03-09T12:00:00Z")}, []string{stayOf(3), stayOf(2), stayOf(1)}},
		{"within it", map[string]string{"CollidingUtc": between("2026-03-03T12:00:01Z", "2026-03-09T11:59:59Z")}, []string{stayOf(2)}},
		{"updated of late", map[string]string{"UpdatedUtc": between("2026-03-02T12:00:00Z", "2026-03-20T12:00:00Z")}, []string{stayOf(3), stayOf(2)}},
		{"by both", map[string]string{"UpdatedUtc": between("2026-03-01T12:00:00Z", "2026-03-02T12:00:00Z"), "CollidingUtc": between("2026-03-05T00:00:00Z", "2026-03-06T00:00:00Z")}, []string{stayOf(2)}},
		{"by the update alone", map[string]string{"UpdatedUtc": between("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"), "CollidingUtc": ""}, []string{stayOf(1)}},
	} {
		if diff := cmp.Diff(c.want, b.reservations(c.properties).ids()); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	got := b.reservations(nil).Reservations
	if r := got[0]; r.AccountType != "Company" || r.ActualEndUtc == nil || *r.ActualEndUtc != "2026-03-11T12:00:00Z" {
		t.Errorf("%+v", r)
	}
	if r := got[2]; r.AccountType != "Customer" || r.AccountId != guestOf(1) || r.ScheduledEndUtc != "2026-03-03T12:00:00Z" || r.ActualEndUtc != nil {
		t.Errorf("%+v", r)
	}
	known, err := b.world.Customers("")
	if err != nil || !slices.Equal(known, []string{guestOf(1), guestOf(2)}) {
		t.Errorf("customers %v, %v", known, err)
	}
	b.configure(func(s *simulator.Settings) { s.UpperCaseIDs = true })
	if r := b.reservations(nil).Reservations[2]; r.Id != strings.ToUpper(stayOf(1)) || r.AccountId != strings.ToUpper(guestOf(1)) {
		t.Errorf("not in upper case: %+v", r)
	}
}

func TestReservationsComeInPages(t *testing.T) {
	b := overTCP(t)
	b.configure(func(s *simulator.Settings) { s.CustomersPageCap = 2 })
	for n := range 5 {
		b.reserve(n, 20-n, 21, nil)
	}
	var all []string
	var cursor *string
	for range 3 {
		limitation, err := json.Marshal(map[string]any{"Count": 1000, "Cursor": cursor})
		if err != nil {
			t.Fatal(err)
		}
		got := b.reservations(map[string]string{"Limitation": string(limitation)})
		all, cursor = append(all, got.ids()...), got.Cursor
	}
	if diff := cmp.Diff([]string{stayOf(0), stayOf(1), stayOf(2), stayOf(3), stayOf(4)}, all); diff != "" || cursor != nil {
		t.Error(diff, cursor)
	}
}

func TestAReservationIsUpdatedWhenItChanges(t *testing.T) {
	b := overTCP(t)
	b.reserve(1, 1, 3, nil)
	err := b.world.UpdateReservation(stayOf(1), func(r *simulator.Reservation) { r.End, r.CustomerID = march(8), guestOf(9) })
	changed, known := b.world.Reservation(strings.ToUpper(stayOf(1)))
	if err != nil || !known || !changed.End.Equal(march(8)) || changed.CustomerID != guestOf(1) || time.Since(changed.Updated) > time.Minute {
		t.Errorf("%+v, %v", changed, err)
	}
	err = b.world.UpdateReservation(stayOf(1), func(r *simulator.Reservation) { r.Updated = march(2) })
	if changed, _ = b.world.Reservation(stayOf(1)); err != nil || !changed.Updated.Equal(march(2)) {
		t.Errorf("%+v, %v", changed, err)
	}
	for name, refused := range map[string]error{
		"unknown":  b.world.UpdateReservation(stayOf(2), func(*simulator.Reservation) {}),
		"no UUID":  b.world.UpdateReservation("x", func(*simulator.Reservation) {}),
		"backward": b.world.UpdateReservation(stayOf(1), func(r *simulator.Reservation) { r.End = r.Start }),
		"twice":    func() error { _, err := b.world.Reserve(changed); return err }(),
		"nowhere":  func() error { _, err := b.world.Reserve(simulator.Reservation{Enterprise: "hotel-9"}); return err }(),
		"never":    func() error { _, err := b.world.Reserve(simulator.Reservation{}); return err }(),
	} {
		if refused == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if again, _ := b.world.Reservation(stayOf(1)); again != changed {
		t.Errorf("a refused change was made: %+v", again)
	}
}

func TestReservationsAreStrict(t *testing.T) {
	b := overTCP(t)
	for name, c := range map[string]struct {
		properties map[string]string
		status     int
	}{
		"a good request passes":         {nil, 200},
		"three months pass":             {map[string]string{"CollidingUtc": `{"StartUtc":"2026-02-01T00:00:00Z","EndUtc":"2026-05-01T00:00:00Z"}`}, 200},
		"a second more is refused":      {map[string]string{"CollidingUtc": `{"StartUtc":"2026-02-01T00:00:00Z","EndUtc":"2026-05-01T00:00:01Z"}`}, 400},
		"updates of longer are refused": {map[string]string{"UpdatedUtc": `{"StartUtc":"2026-02-01T00:00:00Z","EndUtc":"2026-05-01T00:00:01Z"}`}, 400},
		"no filter is refused":          {map[string]string{"CollidingUtc": ""}, 400},
		"no limitation is refused":      {map[string]string{"Limitation": ""}, 400},
		"a page of 1001 is refused":     {map[string]string{"Limitation": `{"Count":1001}`}, 400},
		"an unknown state is refused":   {map[string]string{"States": `["Cancelled"]`}, 400},
		"a state outside a list":        {map[string]string{"States": `"Canceled"`}, 400},
		"the old version's extent":      {map[string]string{"Extent": `{"Reservations":true}`}, 400},
		"the old version's interval":    {map[string]string{"StartUtc": `"2026-03-01T00:00:00Z"`}, 400},
		"a wrong token is 401":          {map[string]string{"AccessToken": `"x"`}, 401},
		"a filter that is null is none": {map[string]string{"UpdatedUtc": `null`}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(b.world.Account().Violations)
			got := b.send(t.Context(), http.MethodPost, reservationsPath, b.reservationsBody(c.properties), "Content-Type", "application/json")
			if got.status != c.status || got.header.Get("Request-Id") == "" {
				t.Fatalf("want %d with a Request-Id, got %+v", c.status, got)
			}
			if breach := len(b.world.Account().Violations) > before; breach != (c.status == 400) {
				t.Errorf("noted as a violation: %v, in %q", breach, b.world.Account().Violations)
			}
		})
	}
	b.world.Inject(simulator.Fault{Operation: simulator.OpReservations, Kind: simulator.KindStatus, Status: 503, Times: 1})
	for _, status := range []int{503, 200} {
		if got := b.send(t.Context(), http.MethodPost, reservationsPath, b.reservationsBody(nil), "Content-Type", "application/json"); got.status != status {
			t.Errorf("%+v", got)
		}
	}
}

func TestAMergedCustomersPreauthorizationsAreTheTargets(t *testing.T) {
	b := overTCP(t)
	var ids [4]string
	for i, guest := range []int{1, 2, 1, 2} {
		ids[i] = b.add(simulator.Preauthorization{CustomerID: guestOf(guest)})
	}
	b.reserve(1, 1, 3, nil)
	b.guest(1, 1, nil)
	for name, refused := range map[string]error{
		"into itself": b.world.Merge(guestOf(1), strings.ToUpper(guestOf(1))), "of nobody": b.world.Merge(guestOf(7), guestOf(1)),
		"of no UUID": b.world.Merge("x", guestOf(1)), "into no UUID": b.world.Merge(guestOf(1), "x"),
	} {
		if refused == nil {
			t.Errorf("a merge %s was made", name)
		}
	}
	polled := func(guest int) (found []string) {
		for _, p := range b.world.PreauthorizationsOf(guestOf(guest)) {
			if found = append(found, p.ID); !strings.Contains(b.poll(guestOf(guest)).body, p.ID) {
				t.Errorf("a poll of %d does not show %s", guest, p.ID)
			}
		}
		return found
	}
	if err := b.world.Merge(guestOf(1), guestOf(2)); err != nil {
		t.Fatal(err)
	}
	if got := polled(2); !slices.Equal(got, ids[:]) || len(polled(1)) > 0 {
		t.Errorf("the target has %v, the source %v", got, polled(1))
	}
	byID := map[string]string{
		"UpdatedUtc": "", "ActivityStates": `["Active","Deleted"]`,
		"CustomerIds": `["` + guestOf(1) + `","` + strings.ToUpper(guestOf(1)) + `","` + guestOf(8) + `"]`,
	}
	got := b.customers(byID).Customers
	if len(got) != 1 || got[0].MergeTargetId == nil || *got[0].MergeTargetId != guestOf(2) || got[0].IsActive ||
		got[0].UpdatedUtc < time.Now().Add(-time.Minute).UTC().Format(time.RFC3339) {
		t.Errorf("%+v", got)
	}
	if r := b.reservations(nil).Reservations[0]; r.AccountId != guestOf(1) {
		t.Errorf("the reservation moved: %+v", r)
	}
	if err := b.world.Merge(guestOf(2), guestOf(3)); err != nil {
		t.Fatal(err)
	}
	if got := polled(3); !slices.Equal(got, ids[:]) {
		t.Errorf("after two merges: %v", got)
	}
}

func TestCustomersByTheirIdsAreStrict(t *testing.T) {
	b := overTCP(t)
	b.guest(1, 1, nil)
	for name, c := range map[string]struct {
		ids    string
		status int
	}{
		"one passes": {`["` + guestOf(1) + `"]`, 200}, "none is refused": {`[]`, 400}, "text is refused": {`"` + guestOf(1) + `"`, 400},
		"what is no UUID is refused": {`["x"]`, 400}, "1001 are refused": {`["` + strings.Repeat(guestOf(1)+`","`, 1000) + guestOf(1) + `"]`, 400},
	} {
		body := b.customersBody(map[string]string{"UpdatedUtc": "", "CustomerIds": c.ids})
		if got := b.send(t.Context(), http.MethodPost, customersPath, body, "Content-Type", "application/json"); got.status != c.status {
			t.Errorf("%s: %+v", name, got)
		}
	}
	both := b.customers(map[string]string{"CustomerIds": `["` + guestOf(1) + `"]`, "UpdatedUtc": `{"StartUtc":"2026-03-02T00:00:00Z","EndUtc":"2026-03-05T00:00:00Z"}`})
	if len(both.Customers) > 0 {
		t.Errorf("one filter of two applied: %+v", both)
	}
}
