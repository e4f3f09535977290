package simulator_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

func TestAdministrationAddsAndChangesPreauthorizations(t *testing.T) {
	b := overTCP(t)
	var added simulator.Preauthorization
	b.ask(http.MethodPost, "preauthorizations", `{"customer_id":"`+customer+`","amount":"22.50","state":"Chargeable"}`, &added)
	if got := b.poll(customer).body; added.ID == "" || !strings.Contains(got, `"GrossValue":22.50,`) {
		t.Fatalf("%+v, then %s", added, got)
	}
	var changed simulator.Preauthorization
	b.ask(http.MethodPost, "preauthorizations", `{"id":"`+added.ID+`","state":"Charged","active":false}`, &changed)
	want := added
	want.State, want.Inactive = simulator.Charged, true
	if !reflect.DeepEqual(want, changed) {
		t.Errorf("want %+v, got %+v", want, changed)
	}
	var all []simulator.Preauthorization
	b.ask(http.MethodGet, "preauthorizations?customer_id="+customer, "", &all)
	if len(all) != 1 || all[0].ID != added.ID {
		t.Errorf("%+v", all)
	}
	b.ask(http.MethodDelete, "preauthorizations?id="+added.ID, "", nil)
	if got := b.ask(http.MethodGet, "preauthorizations?id="+added.ID, "", nil); got.status != http.StatusNotFound {
		t.Errorf("%+v", got)
	}
}

func TestAdministrationOfFaults(t *testing.T) {
	b := overTCP(t)
	b.ask(http.MethodPost, "faults", `{"api":"v4","operation":"create","kind":"reset_after","times":1,"delay":"1ms"}`, nil)
	if got := b.create("aa"); got.err == nil || len(b.world.Effects()) != 1 {
		t.Errorf("%+v, %d effects", got, len(b.world.Effects()))
	}
	b.ask(http.MethodPost, "faults", `{"kind":"status","status":418,"header":{"X-Y":"z"},"body":"tea"}`, nil)
	if got := b.create("bb"); got.status != 418 || got.header.Get("X-Y") != "z" || got.body != "tea" {
		t.Errorf("%+v", got)
	}
	b.ask(http.MethodDelete, "faults", "", nil)
	b.ask(http.MethodPost, "chaos", `{"rate":1,"kinds":["reset"],"operations":["capture"]}`, nil)
	if got := b.create("cc"); got.status != http.StatusOK {
		t.Errorf("%+v", got)
	}
	if got := b.capture("1"); got.err == nil {
		t.Errorf("%+v", got)
	}
	b.ask(http.MethodPost, "chaos", `{"rate":0}`, nil)
	var account simulator.Account
	b.ask(http.MethodGet, "account", "", &account)
	if account.Creates != 2 || account.Violations == nil {
		t.Errorf("%+v", account)
	}
	var effects []simulator.Effect
	b.ask(http.MethodGet, "effects", "", &effects)
	if len(effects) != 2 || effects[1].Token != "cc" || !effects[1].Amount.Equal(dec("22.5")) {
		t.Errorf("%+v", effects)
	}
	var holds []simulator.Hold
	b.ask(http.MethodGet, "holds", "", &holds)
	var requests []simulator.Request
	b.ask(http.MethodGet, "requests", "", &requests)
	if len(holds) != 2 || len(requests) != 4 || requests[1].Status != 418 || requests[0].Fault != simulator.KindReset {
		t.Errorf("%+v, %+v", holds, requests)
	}
}

func TestAdministrationOfSettings(t *testing.T) {
	b := overTCP(t)
	b.ask(http.MethodPost, "options", `{"token_policy":"late","token_delay":"5s","rate_limit":7}`, nil)
	want := simulator.DefaultSettings()
	want.TokenPolicy, want.TokenDelay, want.RateLimit = simulator.TokenLate, 5e9, 7
	if got := b.world.Settings(); got != want {
		t.Errorf("want %+v, got %+v", want, got)
	}

	// Every setting has to survive the way through the wire's form.
	every := simulator.DefaultSettings()
	v := reflect.ValueOf(&every).Elem()
	for _, f := range v.Fields() {
		switch f.Kind() {
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Int, reflect.Int64:
			f.SetInt(401)
		default:
		}
	}
	every.TokenPolicy, every.CreateReply, every.CaptureReply, every.CaptureField = "overwrite", "instance", "empty", "id"
	b.configure(func(s *simulator.Settings) { *s = every })
	b.ask(http.MethodPost, "options", `{}`, nil)
	if got := b.world.Settings(); got != every {
		t.Errorf("want %+v, got %+v", every, got)
	}
}

func TestAdministrationRefuses(t *testing.T) {
	b := overTCP(t)
	cases := []struct {
		name, method, path, body string
		status                   int
	}{
		{"an unknown address", "GET", "nothing", "", 404},
		{"another method", "PUT", "account", "", 404},
		{"an unknown member", "POST", "faults", `{"kind":"reset","when":"now"}`, 400},
		{"an unknown kind", "POST", "faults", `{"kind":"explode"}`, 400},
		{"a delay without unit", "POST", "faults", `{"kind":"delay","delay":"5"}`, 400},
		{"an unknown policy", "POST", "options", `{"token_policy":"lose"}`, 400},
		{"an unknown reply", "POST", "options", `{"capture_reply":"none"}`, 400},
		{"a rate of 2", "POST", "chaos", `{"rate":2}`, 400},
		{"chaos of an unknown kind", "POST", "chaos", `{"rate":1,"kinds":["explode"]}`, 400},
		{"an id that is no UUID", "POST", "preauthorizations", `{"id":"x"}`, 400},
		{"another enterprise", "POST", "preauthorizations", `{"enterprise":"x"}`, 400},
		{"a removal of nothing", "DELETE", "preauthorizations?id=" + idA, "", 400},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var reply struct{ Error string }
			got := b.ask(c.method, c.path, c.body, nil)
			decode(t, got.body, &reply)
			if got.status != c.status || reply.Error == "" {
				t.Errorf("want %d, got %+v", c.status, got)
			}
		})
	}
	if got := b.world.Settings(); got != simulator.DefaultSettings() {
		t.Errorf("a refused change was made: %+v", got)
	}
}

func TestTheAdministrationSaysWhatItHas(t *testing.T) {
	b := overTCP(t)
	var guide struct {
		Addresses  []simulator.Address `json:"addresses"`
		APIs       []string            `json:"apis"`
		Operations []string            `json:"operations"`
		Kinds      []simulator.Kind    `json:"kinds"`
	}
	b.ask(http.MethodGet, "", "", &guide)
	if len(guide.Addresses) == 0 || len(guide.APIs) != 2 {
		t.Fatalf("%+v", guide)
	}
	for _, address := range guide.Addresses {
		path := strings.TrimPrefix(address.Path, "/simulator/")
		if got := b.ask(address.Method, path, "{}", nil); strings.Contains(got.body, "the administration has no") {
			t.Errorf("%s %s: %s", address.Method, address.Path, got.body)
		}
	}
	for _, operation := range guide.Operations {
		for _, kind := range guide.Kinds {
			fault := `{"operation":"` + operation + `","kind":"` + string(kind) + `_before","nth":9}`
			if got := b.ask(http.MethodPost, "faults", fault, nil); got.status != http.StatusOK {
				t.Errorf("%s: %s", fault, got.body)
			}
		}
	}
	if got := b.ask(http.MethodGet, "nothing", "", nil); got.status != http.StatusNotFound || !strings.Contains(got.body, "GET /simulator/ says what it has") {
		t.Errorf("%+v", got)
	}
}

func TestAdministrationOfReservationsMergesAndMethods(t *testing.T) {
	b := overTCP(t)
	var added, changed simulator.Reservation
	b.ask(http.MethodPost, "reservations", `{"customer_id":"`+customer+`","start":"2026-03-04T14:00:00Z","end":"2026-03-05T10:00:00Z","updated":"2026-03-01T00:00:00Z"}`, &added)
	b.ask(http.MethodPost, "reservations", `{"id":"`+added.ID+`","state":"Canceled","actual_end":"2026-03-04T20:00:00Z"}`, &changed)
	if added.ID == "" || changed.ID != added.ID || changed.State != simulator.Canceled || changed.ActualEnd.IsZero() ||
		!changed.End.Equal(added.End) || !changed.Updated.After(added.Updated) {
		t.Errorf("%+v became %+v", added, changed)
	}
	var all []simulator.Reservation
	if b.ask(http.MethodGet, "reservations?enterprise=hotel-1", "", &all); len(all) != 1 || all[0] != changed {
		t.Errorf("%+v", all)
	}
	id := b.add(simulator.Preauthorization{CustomerID: customer})
	b.ask(http.MethodPost, "merges", `{"from":"`+customer+`","into":"`+guestOf(1)+`"}`, nil)
	if got := b.world.PreauthorizationsOf(guestOf(1)); len(got) != 1 || got[0].ID != id {
		t.Errorf("%+v", got)
	}
	var method, inactive simulator.PaymentMethod
	b.ask(http.MethodPost, "methods", `{"identifier":"card"}`, &method)
	b.ask(http.MethodPost, "methods", `{"identity":102,"inactive":true}`, &inactive)
	var methods []simulator.PaymentMethod
	b.ask(http.MethodGet, "methods", "", &methods)
	if method.Identity != 102 || method.Inactive || !inactive.Inactive || inactive.Identifier != "card" || len(methods) != 2 || methods[1] != inactive {
		t.Errorf("%+v became %+v, of %+v", method, inactive, methods)
	}
	for path, body := range map[string]string{
		"reservations": `{"id":"` + added.ID + `","customer_id":"` + guestOf(2) + `"}`, "merges": `{"from":"` + guestOf(7) + `","into":"` + guestOf(1) + `"}`,
		"methods": `{"identity":102,"tenant":"tenant-1"}`,
	} {
		if got := b.ask(http.MethodPost, path, body, nil); got.status != http.StatusBadRequest {
			t.Errorf("%s: %+v", path, got)
		}
	}
}
