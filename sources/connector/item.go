package connector

import (
	"encoding/json"
	"fmt"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
)

// item is one entry of a reply's Preauthorizations, read with leniency: what is
// wrong with one entry must not stop the others.
type item struct {
	preauth.Preauthorization
	// unusable says why the entry cannot be told apart from others, or is empty. Its
	// customer's reply is then not complete.
	unusable string
	// contradicts is set when the entry says two different things about itself.
	contradicts bool
}

// maxCurrency is far above any code's length; what is longer is no currency.
const maxCurrency = 16

// maxState keeps an unknown state fit for storing.
const maxState = 128

// parseItem reads one entry. Properties that are missing or of another type
// than documented read as absent, with two exceptions: an Id makes the entry
// unusable, and an IsActive that is neither true nor false contradicts, because
// an absent one means active and active may be acted on.
func parseItem(raw json.RawMessage) item {
	found, twice, err := fields(raw, "Id", "CustomerId", "CreditCardId", "Amount", "State", "IsActive", "Code")
	if err != nil {
		return item{unusable: "an entry is not an object"}
	}
	var it item
	it.contradicts = len(twice) > 0
	if !twice["CustomerId"] {
		it.CustomerID, _ = idOf(found["CustomerId"])
	}
	id, isID := idOf(found["Id"])
	if !isID || twice["Id"] {
		it.unusable = "an entry has no Id in UUID form"
		return it
	}
	it.ID = id
	it.CardID = cardOf(found["CreditCardId"])
	it.Code, _ = textOf(found["Code"])
	state, _ := textOf(found["State"])
	it.State = preauth.ParseState(state)
	it.StateText = httpx.OneLine(state, maxState)
	it.Active = string(found["IsActive"]) != "false"
	if it.Active && !absent(found["IsActive"]) && string(found["IsActive"]) != "true" {
		it.contradicts = true
	}
	it.readAmount(found["Amount"])
	return it
}

// idOf gives a UUID, and false for anything else.
func idOf(raw json.RawMessage) (preauth.ID, bool) {
	text, _ := textOf(raw)
	id, err := preauth.ParseID(text)
	return id, err == nil
}

// cardOf gives a card's id: in lower case when it is a UUID, which both APIs spell
// in either case, else as it is.
func cardOf(raw json.RawMessage) string {
	text, _ := textOf(raw)
	if id, err := preauth.ParseID(text); err == nil {
		return string(id)
	}
	return text
}

// readAmount takes the gross value exactly as the reply spells it. What is wrong
// with it becomes the preauthorization's AmountFault.
func (it *item) readAmount(raw json.RawMessage) {
	if absent(raw) {
		it.AmountFault = "no amount"
		return
	}
	found, twice, err := fields(raw, "Currency", "GrossValue")
	if err != nil {
		it.AmountFault = "the amount is not an object"
		return
	}
	if len(twice) > 0 {
		it.contradicts = true
		it.AmountFault = "the amount contradicts itself"
		return
	}
	it.Amount, it.AmountFault = moneyOf(found["GrossValue"], found["Currency"])
}

func moneyOf(gross, currency json.RawMessage) (preauth.Money, string) {
	if absent(gross) {
		return preauth.Money{}, "no gross value"
	}
	// Strings among others have characters that no number has, so they fail here.
	amount, err := preauth.ParseAmount(string(gross))
	if err != nil {
		return preauth.Money{}, fmt.Sprintf("gross value %q is not a usable amount", quotable(gross))
	}
	code, isText := textOf(currency)
	if !isText || code == "" {
		return preauth.Money{}, "no currency"
	}
	if len(code) > maxCurrency || httpx.OneLine(code, maxCurrency) != code {
		return preauth.Money{}, fmt.Sprintf("currency %q is none", httpx.OneLine(code, maxCurrency))
	}
	return preauth.Money{Amount: amount, Currency: code}, ""
}

// quotable gives the inside of a string, or the value as it is, in short.
func quotable(raw json.RawMessage) string {
	const most = 64
	text, isText := textOf(raw)
	if !isText {
		text = string(raw)
	}
	return httpx.OneLine(text, most)
}

// same compares everything that was read.
func same(a, b preauth.Preauthorization) bool {
	if !a.Amount.Equal(b.Amount) {
		return false
	}
	a.Amount, b.Amount = preauth.Money{}, preauth.Money{}
	return a == b
}
