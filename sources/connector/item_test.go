package connector

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// entryWith is an entry with these properties beside its Id.
func entryWith(properties string) json.RawMessage {
	return json.RawMessage(`{"Id":"` + string(hold(1)) + `",` + properties + `}`)
}

// itemOf reads an entry, and makes sure that a plain one reads alike on both ways.
func itemOf(t *testing.T, raw json.RawMessage) item {
	t.Helper()
	if _, err := decode(t, listOf(string(raw)), customer(1), customer(2)); err != nil {
		t.Error(err)
	}
	return parseItem(raw, newTexts(nil))
}

func TestAmountsAreReadExactly(t *testing.T) {
	for _, each := range []struct{ name, amount, want, fault string }{
		{"a whole number", `{"Currency":"EUR","GrossValue":10}`, "10 EUR", ""},
		{"cents", `{"Currency":"EUR","GrossValue":0.1}`, "0.1 EUR", ""},
		{"trailing zeros", `{"Currency":"EUR","GrossValue":22.50}`, "22.5 EUR", ""},
		{"more digits than a float has", `{"Currency":"EUR","GrossValue":12345678901234567.89}`, "12345678901234567.89 EUR", ""},
		{"an exponent", `{"Currency":"JPY","GrossValue":1.5e3}`, "1500 JPY", ""},
		{"a negative number is an amount", `{"Currency":"EUR","GrossValue":-3}`, "-3 EUR", ""},
		{"a code nobody knows is the plan's business", `{"Currency":"eur","GrossValue":1}`, "1 eur", ""},
		{"an escaped name is the same name", `{"Currenc\u0079":"EUR","GrossValue":1}`, "1 EUR", ""},
		{"the same value twice", `{"Currency":"EUR","GrossValue":1,"GrossValue":1}`, "1 EUR", ""},
		{"missing", ``, "", "no amount"},
		{"null", `null`, "", "no amount"},
		{"a number", `10`, "", "the amount is not an object"},
		{"no gross value", `{"Currency":"EUR","NetValue":10}`, "", "no gross value"},
		{"a null gross value", `{"Currency":"EUR","GrossValue":null}`, "", "no gross value"},
		{"another letter case", `{"Currency":"EUR","grossValue":10}`, "", "no gross value"},
		{"a number in quotes", `{"Currency":"EUR","GrossValue":"10"}`, "", `gross value "10" is not a usable amount`},
		{"a boolean", `{"Currency":"EUR","GrossValue":true}`, "", `gross value "true" is not a usable amount`},
		{"an object", `{"Currency":"EUR","GrossValue":{}}`, "", `gross value "{}" is not a usable amount`},
		{"a number of gigabytes", `{"Currency":"EUR","GrossValue":1e999999999}`, "", `gross value "1e999999999" is not a usable amount`},
		{"no currency", `{"GrossValue":10}`, "", "no currency"},
		{"a null currency", `{"Currency":null,"GrossValue":10}`, "", "no currency"},
		{"an empty currency", `{"Currency":"","GrossValue":10}`, "", "no currency"},
		{"a currency that is a number", `{"Currency":978,"GrossValue":10}`, "", "no currency"},
		{"a currency without end", `{"Currency":"EEEEEEEEEEEEEEEEEEEE","GrossValue":10}`, "", `currency "EEEEEEEEEEEEEEEE…" is none`},
	} {
		t.Run(each.name, func(t *testing.T) {
			properties := `"State":"Charged"`
			if each.amount != "" {
				properties += `,"Amount":` + each.amount
			}
			it := itemOf(t, entryWith(properties))
			if it.unusable != "" || it.contradicts || it.ID != hold(1) || it.State != preauth.Charged {
				t.Errorf("the entry suffers: %+v", it)
			}
			if each.fault != "" {
				each.want = "0 "
			}
			if got := it.Amount.Amount.String() + " " + it.Amount.Currency; got != each.want || it.AmountFault != each.fault {
				t.Errorf("got %q, fault %q; want %q, fault %q", it.Amount, it.AmountFault, each.want, each.fault)
			}
		})
	}
}

func TestStatesAndActivity(t *testing.T) {
	for _, each := range []struct {
		name, properties string
		state            preauth.State
		text             string
		active           bool
		contradicts      bool
	}{
		{"known and active", `"State":"Pending","IsActive":true`, preauth.Pending, "Pending", true, false},
		{"known and not active", `"State":"Chargeable","IsActive":false`, preauth.Chargeable, "Chargeable", false, false},
		{"no activity means active", `"State":"Failed"`, preauth.Failed, "Failed", true, false},
		{"null activity means active", `"State":"Failed","IsActive":null`, preauth.Failed, "Failed", true, false},
		{"another letter case is unknown", `"State":"charged"`, preauth.Unknown, "charged", true, false},
		{"a new state is kept as it is spelled", `"State":"PartiallyCharged"`, preauth.Unknown, "PartiallyCharged", true, false},
		{"no state", `"IsActive":true`, preauth.Unknown, "", true, false},
		{"a null state", `"State":null`, preauth.Unknown, "", true, false},
		{"a state that is a number", `"State":3`, preauth.Unknown, "", true, false},
		{"activity in quotes", `"State":"Chargeable","IsActive":"false"`, preauth.Chargeable, "Chargeable", true, true},
		{"two states", `"State":"Chargeable","State":"Charged"`, preauth.Chargeable, "Chargeable", true, true},
		{"the same state twice", `"State":"Charged","State":"Charged"`, preauth.Charged, "Charged", true, false},
		{"two activities", `"State":"Charged","IsActive":true,"IsActive":false`, preauth.Charged, "Charged", true, true},
		{"two cards", `"State":"Charged","CreditCardId":"a","CreditCardId":"b"`, preauth.Charged, "Charged", true, true},
		{"two gross values", `"State":"Charged","Amount":{"Currency":"EUR","GrossValue":1,"GrossValue":2}`, preauth.Charged, "Charged", true, true},
		{"two amounts", `"State":"Charged","Amount":{},"Amount":null`, preauth.Charged, "Charged", true, true},
		{"two customers", `"State":"Charged","CustomerId":"a","CustomerId":"b"`, preauth.Charged, "Charged", true, true},
	} {
		t.Run(each.name, func(t *testing.T) {
			it := itemOf(t, entryWith(each.properties))
			if it.unusable != "" || it.State != each.state || it.StateText != each.text ||
				it.Active != each.active || it.contradicts != each.contradicts {
				t.Errorf("got %+v", it)
			}
		})
	}
}

func TestCardsCodesAndCustomers(t *testing.T) {
	upper := strings.ToUpper(string(customer(0xabc)))
	for _, each := range []struct {
		name, properties string
		card, code       string
		customer         preauth.ID
	}{
		{"UUIDs are lower case", `"CustomerId":"` + upper + `","CreditCardId":"` + upper + `"`, string(customer(0xabc)), "", customer(0xabc)},
		{"a card may be any text", `"CreditCardId":"Card 7/X","Code":"A1"`, "Card 7/X", "A1", ""},
		{"nothing at all", `"X":1`, "", "", ""},
		{"nulls", `"CreditCardId":null,"Code":null,"CustomerId":null`, "", "", ""},
		{"other types", `"CreditCardId":1,"Code":{},"CustomerId":[]`, "", "", ""},
		{"a customer that is no UUID", `"CustomerId":"17"`, "", "", ""},
	} {
		t.Run(each.name, func(t *testing.T) {
			it := itemOf(t, entryWith(each.properties))
			if it.unusable != "" || it.contradicts || it.CardID != each.card || it.Code != each.code || it.CustomerID != each.customer {
				t.Errorf("got %+v", it)
			}
		})
	}
}

func TestAnIdIsThatOfTheParser(t *testing.T) {
	id := string(hold(1))
	zeros := "00000000-0000-0000-0000-000000000000"
	for _, text := range []string{id, strings.ToUpper(id), zeros, zeros[:35] + "1", "1" + zeros[1:], id[:35], id + "0", id[:8] + "0" + id[9:], "g" + id[1:], "{" + id[1:]} {
		want, err := preauth.ParseID(text)
		got, ok := idOf(json.RawMessage(`"` + text + `"`))
		if got != want || ok != (err == nil) || isID(preauth.ID(text)) != (err == nil && string(want) == text) {
			t.Errorf("%s: read as %q, %t and parsed as %q, %v", text, got, ok, want, err)
		}
	}
}

func TestEachByteAtEachPlaceOfAnID(t *testing.T) {
	usual := string(customer(0xabcdef19))
	for at := range len(usual) {
		for c := range 256 {
			text := usual[:at] + string([]byte{byte(c)}) + usual[at+1:]
			want, err := preauth.ParseID(text)
			if got := isID(preauth.ID(text)); got != (err == nil && string(want) == text) || got != isID([]byte(text)) {
				t.Errorf("%q is an Id: %t", text, got)
			}
		}
	}
}
