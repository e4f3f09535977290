package connector

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// errNotObject is returned for a JSON value that is no object.
var errNotObject = errors.New("not a JSON object")

// fields picks the wanted properties out of a JSON object, by their exact names:
// encoding/json would take "id" for "Id" and, of two, the last. Unknown
// properties are skipped. A wanted one that is there twice with different
// values is reported in twice; its value is then the first one's.
func fields(raw json.RawMessage, wanted ...string) (found map[string]json.RawMessage, twice map[string]bool, err error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if opening, err := dec.Token(); err != nil || opening != json.Delim('{') {
		return nil, nil, errNotObject
	}
	found, twice = make(map[string]json.RawMessage, len(wanted)), map[string]bool{}
	for _, name := range wanted {
		found[name] = nil
	}
	for dec.More() {
		key, value, err := property(dec)
		if err != nil {
			return nil, nil, err
		}
		earlier, isWanted := found[key]
		switch {
		case !isWanted:
		case earlier == nil:
			found[key] = value
		case !bytes.Equal(earlier, value):
			twice[key] = true
		}
	}
	if err := closeObject(dec); err != nil {
		return nil, nil, err
	}
	return found, twice, nil
}

func property(dec *json.Decoder) (key string, value json.RawMessage, err error) {
	token, err := dec.Token()
	if err != nil {
		return "", nil, fmt.Errorf("cannot read a property's name: %w", err)
	}
	key, isText := token.(string)
	if !isText {
		return "", nil, errNotObject
	}
	if err := dec.Decode(&value); err != nil {
		return "", nil, fmt.Errorf("cannot read a property's value: %w", err)
	}
	return key, value, nil
}

// closeObject takes the closing brace and makes sure that nothing follows it.
func closeObject(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("the object does not end: %w", whole(err))
	}
	switch _, err := dec.Token(); {
	case err == nil:
		return errors.New("something follows the object")
	case errors.Is(err, io.EOF):
		return nil
	default:
		return fmt.Errorf("something follows the object: %w", err)
	}
}

// whole says of an early end that it is one: io.EOF reads as a proper end.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// absent tells whether a property is missing or null.
func absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// textOf gives a JSON string's text, and false for anything else.
func textOf(raw json.RawMessage) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if inner := raw[1 : len(raw)-1]; raw[len(raw)-1] == '"' && !slices.ContainsFunc(inner, isNotOrdinary) {
		return string(inner), true
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", false
	}
	return text, true
}
