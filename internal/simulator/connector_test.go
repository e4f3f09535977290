package simulator_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

const (
	customer = "20725048-b6ec-40f0-9d0a-7e5273d8b861"
	cardA    = "e417dfe8-c813-4938-837b-36081199ce88"
	cardB    = "41fa39ab-4b12-4816-95a3-d06cdbbdcb69"
	idA      = "2d93962f-067f-45a6-b7c4-bc4b9d899456"
	idB      = "ad44411a-1efc-46b6-b903-ec5fa7842000"
)

// The published example, without its blanks.
const published = `{"Preauthorizations":[` +
	`{"Amount":{"Currency":"EUR","NetValue":null,"GrossValue":10,"TaxValues":[]},"Code":null,` +
	`"CreditCardId":"e417dfe8-c813-4938-837b-36081199ce88","CustomerId":"20725048-b6ec-40f0-9d0a-7e5273d8b861",` +
	`"Id":"2d93962f-067f-45a6-b7c4-bc4b9d899456","ReservationId":null,"IsActive":false,"State":"Cancelled"},` +
	`{"Amount":{"Currency":"EUR","NetValue":null,"GrossValue":22,"TaxValues":[]},"Code":null,` +
	`"CreditCardId":"41fa39ab-4b12-4816-95a3-d06cdbbdcb69","CustomerId":"20725048-b6ec-40f0-9d0a-7e5273d8b861",` +
	`"Id":"ad44411a-1efc-46b6-b903-ec5fa7842000","ReservationId":null,"IsActive":true,"State":"Charged"}]}`

func TestPollAnswersAsPublished(t *testing.T) {
	b := overTCP(t)
	b.add(simulator.Preauthorization{
		ID: idA, CustomerID: customer, CardID: cardA, Amount: dec("10"), State: simulator.Cancelled, Inactive: true,
	})
	b.add(simulator.Preauthorization{ID: idB, CustomerID: customer, CardID: cardB, Amount: dec("22"), State: simulator.Charged})

	got := b.poll(customer)
	if got.status != http.StatusOK || got.header.Get("Request-Id") == "" {
		t.Fatalf("%+v", got)
	}
	if diff := cmp.Diff(published, got.body); diff != "" {
		t.Error(diff)
	}

	b.configure(func(s *simulator.Settings) { s.OlderReplies = true })
	older := strings.ReplaceAll(published, `"ReservationId":null,`, "")
	older = strings.ReplaceAll(older, `,"State"`, `,"ReceiptIdentifier":null,"SequenceCode":null,"State"`)
	if diff := cmp.Diff(older, b.poll(customer).body); diff != "" {
		t.Error("older:", diff)
	}
}

func TestPollSpellsAmountsExactlyAndOdditiesAsGiven(t *testing.T) {
	b := overTCP(t)
	cases := map[string]struct {
		p    simulator.Preauthorization
		want string
	}{
		"trailing zeros stay":          {simulator.Preauthorization{Amount: dec("22.50")}, `"GrossValue":22.50,`},
		"a tenth is no float":          {simulator.Preauthorization{Amount: dec("0.1")}, `"GrossValue":0.1,`},
		"eighteen digits stay":         {simulator.Preauthorization{Amount: dec("123456789012345.678")}, `"GrossValue":123456789012345.678,`},
		"an exponent is written out":   {simulator.Preauthorization{Amount: dec("1e3")}, `"GrossValue":1000,`},
		"a raw gross value goes as is": {simulator.Preauthorization{RawGross: `"22"`}, `"GrossValue":"22",`},
		"a raw item goes as is":        {simulator.Preauthorization{RawItem: `{"Id":7}`}, `[{"Id":7}]`},
		"unknown properties are added": {simulator.Preauthorization{Extra: `"New":[1]`}, `"State":"Chargeable","New":[1]}`},
		"another currency is shown":    {simulator.Preauthorization{Currency: "JPY"}, `"Currency":"JPY"`},
		"an unknown state is shown":    {simulator.Preauthorization{State: "Paused"}, `"State":"Paused"`},
		"a code is escaped":            {simulator.Preauthorization{Code: "a\"b"}, `"Code":"a\"b"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			id, err := b.world.AddCustomer("", "")
			if err != nil {
				t.Fatal(err)
			}
			c.p.CustomerID = id
			b.add(c.p)
			if got := b.poll(strings.ToUpper(id)); !strings.Contains(got.body, c.want) {
				t.Errorf("no %s in %+v", c.want, got)
			}
		})
	}
	omitted := b.add(simulator.Preauthorization{CustomerID: customer, OmitActive: true, OmitCustomer: true})
	if got := b.poll(customer).body; strings.Contains(got, "IsActive") || strings.Contains(got, "CustomerId") {
		t.Errorf("%s is in %s", omitted, got)
	}
}

func TestPollShowsWhatChanged(t *testing.T) {
	b := overTCP(t)
	b.add(simulator.Preauthorization{ID: idA, CustomerID: customer, Amount: dec("10")})
	steps := []struct {
		name string
		do   func() error
		want string
	}{
		{"the state", func() error { return b.world.SetState(idA, simulator.Charged) }, `"State":"Charged"`},
		{"the amount", func() error { return b.world.SetAmount(idA, dec("11")) }, `"GrossValue":11,`},
		{"the removal", func() error { return b.world.Remove(idA) }, `{"Preauthorizations":[]}`},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got := b.poll(customer).body; !strings.Contains(got, step.want) {
			t.Errorf("%s: no %s in %s", step.name, step.want, got)
		}
	}
	if err := b.world.SetState(idA, simulator.Charged); err == nil {
		t.Error("what was removed was changed")
	}
}

func TestPollKeepsPropertiesApart(t *testing.T) {
	b := overTCP(t)
	other, err := b.world.AddEnterprise(simulator.Enterprise{Name: "hotel-2"})
	if err != nil {
		t.Fatal(err)
	}
	b.add(simulator.Preauthorization{CustomerID: customer, Enterprise: other.Name})
	if got := b.poll(customer).body; got != `{"Preauthorizations":[]}` {
		t.Error("the first property shows", got)
	}
	if _, err := b.world.AddEnterprise(simulator.Enterprise{Name: "hotel-2"}); err == nil {
		t.Error("a second hotel-2 was added")
	}
}

func TestConfigurationNamesTheEnterprise(t *testing.T) {
	b := overTCP(t)
	body := strings.Replace(b.pollBody(customer), `,"CustomerIds":["`+customer+`"]`, "", 1)
	got := b.send(t.Context(), http.MethodPost, "/api/connector/v1/configuration/get", body, "Content-Type", "application/json")
	var reply struct {
		NowUtc     string
		Enterprise struct{ Id, Name string }
	}
	decode(t, got.body, &reply)
	want := b.world.Enterprises()[0]
	if got.status != http.StatusOK || reply.Enterprise.Id != want.ID || reply.Enterprise.Name != want.Name || reply.NowUtc == "" {
		t.Errorf("%+v", got)
	}
}

func TestConnectorIsStrict(t *testing.T) {
	b := overTCP(t)
	unknown := "00000000-0000-4000-8000-00000000dead"
	if err := b.world.RefuseCustomers(unknown); err != nil {
		t.Fatal(err)
	}
	good := b.pollBody(customer)
	with := func(old, replacement string) string { return strings.Replace(good, old, replacement, 1) }
	many := make([]string, 1001)
	for i := range many {
		many[i] = customer
	}
	cases := []struct {
		name, method, path, body, contentType string
		status                                int
		breach                                bool
	}{
		{"a good request passes", "POST", pollPath, good, "application/json", 200, false},
		{"a charset passes", "POST", pollPath, good, "application/json; charset=utf-8", 200, false},
		{"a thousand ids pass, distinct or not", "POST", pollPath, b.pollBody(many[:1000]...), "application/json", 200, false},
		{"an id in capitals passes", "POST", pollPath, b.pollBody(strings.ToUpper(customer)), "application/json", 200, false},
		{"GET is refused", "GET", pollPath, good, "application/json", 405, true},
		{"a form is refused", "POST", pollPath, good, "application/x-www-form-urlencoded", 415, true},
		{"no content type is refused", "POST", pollPath, good, "", 415, true},
		{"a trailing slash is another address", "POST", pollPath + "/", good, "application/json", 404, true},
		{"another letter case is another address", "POST", strings.ToLower(pollPath), good, "application/json", 404, true},
		{"a doubled slash is another address", "POST", "/api/connector/v1//preauthorizations/getAllByCustomers", good, "application/json", 404, true},
		{"reservations/getAll without its version is not there", "POST", "/api/connector/v1/reservations/getAll", good, "application/json", 404, true},
		{"no JSON is refused", "POST", pollPath, "{", "application/json", 400, true},
		{"an array is refused", "POST", pollPath, "[]", "application/json", 400, true},
		{"something after the object is refused", "POST", pollPath, good + "{}", "application/json", 400, true},
		{"an unknown property is refused", "POST", pollPath, with(`{`, `{"Extent":{},`), "application/json", 400, true},
		{"a property twice is refused", "POST", pollPath, with(`{`, `{"Client":"x",`), "application/json", 400, true},
		{"no client is refused", "POST", pollPath, with(`"test 1.0.0"`, `""`), "application/json", 400, true},
		{"a wrong client token is 401", "POST", pollPath, with(b.world.ClientToken(), "x"), "application/json", 401, false},
		{"a wrong access token is 401", "POST", pollPath, with(b.world.Enterprises()[0].AccessToken, "x"), "application/json", 401, false},
		{"no tokens are 401", "POST", pollPath, `{"Client":"x","CustomerIds":["` + customer + `"]}`, "application/json", 401, false},
		{"no ids are refused", "POST", pollPath, b.pollBody([]string{}...), "application/json", 400, true},
		{"1001 ids are refused", "POST", pollPath, b.pollBody(many...), "application/json", 400, true},
		{"an id that is no UUID is refused", "POST", pollPath, b.pollBody(customer, "x"), "application/json", 400, false},
		{"an unknown id is refused", "POST", pollPath, b.pollBody(customer, unknown), "application/json", 400, false},
		{"an id that is a number is refused", "POST", pollPath, with(`"`+customer+`"`, "7"), "application/json", 400, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := len(b.world.Account().Violations)
			got := b.send(t.Context(), c.method, c.path, c.body, "Content-Type", c.contentType)
			if got.status != c.status || got.header.Get("Request-Id") == "" {
				t.Fatalf("want %d with a Request-Id, got %+v", c.status, got)
			}
			if breach := len(b.world.Account().Violations) > before; breach != c.breach {
				t.Errorf("noted as a violation: %v, in %q", breach, b.world.Account().Violations)
			}
			if c.status == http.StatusOK {
				return
			}
			var reply map[string]any
			decode(t, got.body, &reply)
			if reply["Message"] == "" || reply["RequestId"] != got.header.Get("Request-Id") {
				t.Errorf("the error reply is %s", got.body)
			}
			if _, ok := reply["Details"]; !ok {
				t.Errorf("the error reply has no Details: %s", got.body)
			}
		})
	}
}
