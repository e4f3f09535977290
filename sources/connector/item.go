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

// rawEntry is an entry by its properties as the reply spells them, nil where it has none.
type rawEntry struct {
	id, customer, card, code, state, active, amount json.RawMessage
	// gross and currency are the amount's, where that is an object.
	gross, currency json.RawMessage
}

// parseItem reads one entry, whatever it is.
func parseItem(raw json.RawMessage, t *texts) item {
	found, twice, err := fields(raw, "Id", "CustomerId", "CreditCardId", "Amount", "State", "IsActive", "Code")
	if err != nil {
		return item{unusable: "an entry is not an object"}
	}
	e := rawEntry{
		id: found["Id"], customer: found["CustomerId"], card: found["CreditCardId"], code: found["Code"],
		state: found["State"], active: found["IsActive"], amount: found["Amount"],
	}
	if twice["Id"] {
		e.id = nil
	}
	if twice["CustomerId"] {
		e.customer = nil
	}
	amount, twiceInside, _ := fields(e.amount, "Currency", "GrossValue")
	e.gross, e.currency = amount["GrossValue"], amount["Currency"]
	it := e.item(t)
	if len(twiceInside) > 0 {
		it.Amount, it.AmountFault = preauth.Money{}, "the amount contradicts itself"
	}
	it.contradicts = it.contradicts || len(twice)+len(twiceInside) > 0
	return it
}

// item gives what an entry says. Properties that are missing or of another type
// than documented read as absent, with two exceptions: an Id makes the entry
// unusable, and an IsActive that is neither true nor false contradicts, because
// an absent one means active and active may be acted on.
func (e *rawEntry) item(t *texts) item {
	var it item
	it.CustomerID = t.customer(e.customer)
	id, isID := idOf(e.id)
	if !isID {
		it.unusable = "an entry has no Id in UUID form"
		return it
	}
	it.ID = id
	it.CardID = cardOf(e.card)
	it.Code, _ = textOf(e.code)
	it.State, it.StateText = stateOf(e.state)
	it.Active = string(e.active) != "false"
	if it.Active && !absent(e.active) && string(e.active) != "true" {
		it.contradicts = true
	}
	it.Amount, it.AmountFault = e.money(t)
	return it
}

// idOf gives a UUID, and false for anything else.
func idOf(raw json.RawMessage) (preauth.ID, bool) {
	if len(raw) > 1 && raw[0] == '"' && isID(raw[1:len(raw)-1]) {
		return preauth.ID(raw[1 : len(raw)-1]), true
	}
	text, _ := textOf(raw)
	id, err := preauth.ParseID(text)
	return id, err == nil
}

// isID tells whether a text is a UUID as preauth.ParseID spells it. It looks at eight
// characters at once, since every Id of every list and reply goes through it.
func isID[T preauth.ID | []byte | json.RawMessage](text T) bool {
	if len(text) != idLength {
		return false
	}
	// The hyphens of the second and of the third word, which become zeros.
	const inB, inC = 0xff | 0xff<<40, 0xff<<16 | 0xff<<56
	const hyphens, zeros = '-' * everyByte, '0' * everyByte
	a, b, c, d, e := word(text, 0), word(text, 8), word(text, 16), word(text, 24), word(text, 28)
	if b&inB != hyphens&inB || c&inC != hyphens&inC {
		return false
	}
	b, c = b^(hyphens^zeros)&inB, c^(hyphens^zeros)&inC
	return hexDigits(a)&hexDigits(b)&hexDigits(c)&hexDigits(d)&hexDigits(e) == highest*everyByte &&
		(a^zeros)|(b^zeros)|(c^zeros)|(d^zeros)|(e^zeros) != 0
}

// cardOf gives a card's id: in lower case when it is a UUID, which both APIs spell
// in either case, else as it is.
func cardOf(raw json.RawMessage) string {
	if id, isID := idOf(raw); isID {
		return string(id)
	}
	text, _ := textOf(raw)
	return text
}

// stateOf gives a state, and its spelling as it may be stored.
func stateOf(raw json.RawMessage) (preauth.State, string) {
	if len(raw) > 1 && raw[0] == '"' {
		if known := preauth.ParseState(string(raw[1 : len(raw)-1])); known != preauth.Unknown {
			return known, known.String()
		}
	}
	text, _ := textOf(raw)
	return preauth.ParseState(text), httpx.OneLine(text, maxState)
}

// money takes the gross value exactly as the reply spells it. What is wrong with it
// becomes the preauthorization's AmountFault.
func (e *rawEntry) money(t *texts) (preauth.Money, string) {
	switch {
	case absent(e.amount):
		return preauth.Money{}, "no amount"
	case e.amount[0] != '{':
		return preauth.Money{}, "the amount is not an object"
	case absent(e.gross):
		return preauth.Money{}, "no gross value"
	}
	// Strings among others have characters that no number has, so they fail here.
	amount, err := preauth.ParseAmount(e.gross)
	if err != nil {
		return preauth.Money{}, fmt.Sprintf("gross value %q is not a usable amount", quotable(e.gross))
	}
	code, fault := t.currency(e.currency)
	if fault != "" {
		return preauth.Money{}, fault
	}
	return preauth.Money{Amount: amount, Currency: code}, ""
}

// currencyOf gives a currency's code, or what is wrong with it.
func currencyOf(raw json.RawMessage) (code, fault string) {
	code, isText := textOf(raw)
	switch {
	case !isText || code == "":
		return "", "no currency"
	case len(code) > maxCurrency || httpx.OneLine(code, maxCurrency) != code:
		return "", fmt.Sprintf("currency %q is none", httpx.OneLine(code, maxCurrency))
	default:
		return code, ""
	}
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
