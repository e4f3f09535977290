package v4

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// object is a JSON object, split but not decoded further: its fields in their order. None
// of v4's objects has many, so they are looked through one by one.
type object []field

// field is a part of the reply: its value is a valid JSON text. Its name is in lower case:
// a server that spells "errors" as "Errors" must not be misread.
type field struct {
	name  []byte
	value json.RawMessage
}

const (
	// usualFields have room without a second thought; what has more than fewFields is not
	// looked through for each of them.
	usualFields, fewFields = 8, 64
	// shortName is the length of a name that needs no memory of its own to be looked for.
	shortName = 32
)

var errNoObject = errors.New("the reply is not one complete JSON object")

// parseObject splits an object that comes from outside. Texts of the reply stay out of
// its errors.
func parseObject(raw []byte) (object, error) {
	if !json.Valid(raw) {
		return nil, errNoObject
	}
	return split(raw)
}

// split splits an object of a valid text. Keys that appear twice, in whatever letter
// case, are an error: which of the two counts is anyone's guess.
func split(text json.RawMessage) (object, error) {
	c := cursor{text: text}
	if !c.past('{') {
		return nil, errNoObject
	}
	fields := make(object, 0, usualFields)
	var lowered []byte        // the names that are spelled otherwise
	var names map[string]bool // of more than a few fields
	for !c.past('}') {
		name, err := unquote(c.value())
		if err != nil {
			return nil, errNoObject
		}
		if !isLower(name) {
			if lowered == nil {
				lowered = make([]byte, 0, usualFields*shortName/2)
			}
			from := len(lowered)
			lowered = appendLower(lowered, name)
			name = lowered[from:]
		}
		if len(fields) == fewFields {
			names = fields.names()
		}
		if names[string(name)] || names == nil && fields.index(name) >= 0 {
			return nil, errors.New("an object in the reply has the same key twice")
		}
		if names != nil {
			names[string(name)] = true
		}
		c.past(':')
		fields = append(fields, field{name, c.value()})
		c.past(',')
	}
	return fields, nil
}

func (o object) names() map[string]bool {
	names := make(map[string]bool, 2*len(o))
	for i := range o {
		names[string(o[i].name)] = true
	}
	return names
}

// index finds a name, which is in lower case; -1 is none.
func (o object) index(name []byte) int {
	for i := range o {
		if bytes.Equal(o[i].name, name) {
			return i
		}
	}
	return -1
}

// has tells whether there is such a field, be it null.
func (o object) has(name string) bool {
	var room [shortName]byte
	return o.index(appendLower(room[:0], name)) >= 0
}

// get gives a field's value; null counts as absent.
func (o object) get(name string) (json.RawMessage, bool) {
	var room [shortName]byte
	at := o.index(appendLower(room[:0], name))
	if at < 0 || string(o[at].value) == "null" {
		return nil, false
	}
	return o[at].value, true
}

// array gives a field that must be an array.
func (o object) array(name string) ([]json.RawMessage, error) {
	raw, ok := o.get(name)
	if !ok {
		return nil, fmt.Errorf("the reply has no %s", name)
	}
	c := cursor{text: raw}
	if !c.past('[') {
		return nil, fmt.Errorf("%s is not an array", name)
	}
	items := []json.RawMessage{}
	for !c.past(']') {
		items = append(items, c.value())
		c.past(',')
	}
	return items, nil
}

// object gives a field that must be an object.
func (o object) object(name string) (object, error) {
	raw, ok := o.get(name)
	if !ok {
		return nil, fmt.Errorf("the reply has no %s", name)
	}
	inner, err := split(raw)
	if err != nil {
		return nil, fmt.Errorf("%s is not a usable object", name)
	}
	return inner, nil
}

// integer gives a field that may be absent, and is a whole number in any JSON
// spelling (1e2, 5.0) otherwise.
func (o object) integer(name string) (int64, bool, error) {
	raw, ok := o.get(name)
	if !ok {
		return 0, false, nil
	}
	n, err := parseInteger(string(raw))
	if err != nil {
		return 0, true, fmt.Errorf("%s %w", name, err)
	}
	return n, true, nil
}

var errNoInteger = errors.New("is not a whole number within 64 bits")

func parseInteger(text string) (int64, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	d, err := preauth.ParseAmount(text) // it bounds exponents and digits
	if err != nil || !d.IsInteger() {
		return 0, errNoInteger
	}
	whole := d.BigInt()
	if !whole.IsInt64() {
		return 0, errNoInteger
	}
	return whole.Int64(), nil
}

// amount gives a field that may be absent, and is a JSON number otherwise.
func (o object) amount(name string) (decimal.Decimal, bool, error) {
	raw, ok := o.get(name)
	if !ok {
		return decimal.Zero, false, nil
	}
	d, err := preauth.ParseAmount(raw)
	if err != nil {
		return decimal.Zero, true, fmt.Errorf("%s is not a usable number", name)
	}
	return d, true, nil
}

// text gives a field that may be absent, and is a string otherwise.
func (o object) text(name string) (string, error) {
	raw, ok := o.get(name)
	if !ok {
		return "", nil
	}
	text, err := unquote(raw)
	if err != nil {
		return "", fmt.Errorf("%s is not a string", name)
	}
	return string(text), nil
}

// parseHold reads a PaymentPreAuthorize (seed) of which every field that is there
// must be usable, and identity must be there.
func parseHold(raw json.RawMessage) (preauth.Hold, error) {
	item, err := split(raw)
	if err != nil {
		return preauth.Hold{}, errors.New("an item is not a usable object")
	}
	hold := preauth.Hold{}
	if hold.Identity, err = item.identity(); err != nil {
		return preauth.Hold{}, err
	}
	if hold.Amount, _, err = item.amount("amount"); err != nil {
		return preauth.Hold{}, err
	}
	if hold.PaymentMethodID, _, err = item.integer("paymentMethodId"); err != nil {
		return preauth.Hold{}, err
	}
	if hold.CreatedByUserID, _, err = item.integer("createdByUserId"); err != nil {
		return preauth.Hold{}, err
	}
	token, err := item.text("transactionToken")
	if err != nil {
		return preauth.Hold{}, err
	}
	hold.Token = normalizeToken(token)
	return hold, nil
}

// identity gives the item's number, which must be there and above zero.
func (o object) identity() (int64, error) {
	identity, there, err := o.integer("identity")
	switch {
	case err != nil:
		return 0, err
	case !there:
		return 0, errors.New("an item has no identity")
	case identity <= 0:
		return 0, errors.New("an identity is not above zero")
	}
	return identity, nil
}

// normalizeToken spells UUIDs in lower case, and leaves other tokens alone.
func normalizeToken(token string) string {
	if id, err := preauth.ParseID(token); err == nil {
		return string(id)
	}
	return token
}
