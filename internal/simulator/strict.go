package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/shopspring/decimal"
)

// members reads a JSON object strictly: names as they are spelled and known,
// none twice, nothing after it.
func members(body []byte, known ...string) (map[string]json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	start, err := decoder.Token()
	if err != nil || start != json.Delim('{') {
		return nil, errors.New("the body is not a JSON object")
	}
	all := map[string]json.RawMessage{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, errors.New("the body is not JSON")
		}
		key, _ := name.(string)
		if _, twice := all[key]; twice {
			return nil, fmt.Errorf("the property %.64q is there twice", key)
		}
		if !slices.Contains(known, key) {
			return nil, fmt.Errorf("the property %.64q is not known", key)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, errors.New("the body is not JSON")
		}
		all[key] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, errors.New("the body is not JSON")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	return all, nil
}

// present tells whether a property is there and not null.
func present(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// number reads a JSON number exactly; a number in quotes is none.
func number(raw json.RawMessage) (decimal.Decimal, bool) {
	const longest = 64
	if len(raw) == 0 || len(raw) > longest || (raw[0] != '-' && (raw[0] < '0' || raw[0] > '9')) {
		return decimal.Zero, false
	}
	d, err := decimal.NewFromString(string(raw))
	if err != nil || d.Exponent() > longest || d.Exponent() < -longest {
		return decimal.Zero, false
	}
	return d, true
}

// whole reads a JSON number that is an integer of 64 bits.
func whole(raw json.RawMessage) (int64, bool) {
	d, ok := number(raw)
	if !ok || !d.IsInteger() || !d.BigInt().IsInt64() {
		return 0, false
	}
	return d.IntPart(), true
}

// appendText appends a JSON string. Ids and states need no escaping, and there
// may be thousands of them in a reply.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			escaped, err := json.Marshal(s)
			if err != nil {
				return append(b, `""`...)
			}
			return append(b, escaped...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// appendTextOrNull appends null for "".
func appendTextOrNull(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return appendText(b, s)
}

// literal spells an amount exactly, with the decimals that it was given with.
func literal(d decimal.Decimal) string {
	if d.Exponent() < 0 {
		return d.StringFixed(-d.Exponent())
	}
	return d.String()
}
