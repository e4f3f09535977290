// Package preauth holds the nouns of the project: a preauthorization as the
// PMS describes it, a hold as the billing platform describes it, money, and
// the outcome of a write. It imports nothing else of the project.
package preauth

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// ID is a UUID in its canonical lower-case form (36 characters). Both APIs
// spell UUIDs in either case, so every ID goes through ParseID before it is
// compared. The zero value means "none".
type ID string

// ErrNotUUID is returned by ParseID for anything but 8-4-4-4-12 hex digits, and for those
// that are all zero.
var ErrNotUUID = errors.New("not a UUID (8-4-4-4-12 hex digits)")

const uuidLength = 36

// ParseID accepts a UUID in the 36 character form, in any letter case, and
// returns it in lower case. Braces, urn: prefixes and the dashless form are
// refused, since neither API uses them, and so is the UUID of zeros: it names nobody.
// The ID may share s's memory.
func ParseID(s string) (ID, error) {
	if len(s) != uuidLength {
		return "", fmt.Errorf("%q: %w", clip(s), ErrNotUUID)
	}
	u, err := uuid.Parse(s)
	if err != nil || u == uuid.Nil {
		return "", fmt.Errorf("%q: %w", clip(s), ErrNotUUID)
	}
	return ID(strings.ToLower(s)), nil // which is s itself in almost every case
}

// Distinct puts Ids in order and leaves out repetitions, within the slice that it is given.
// A long list is nearly always in order already, and then only looked at.
func Distinct(ids []ID) []ID {
	for i := 1; i < len(ids); i++ {
		if ids[i-1] >= ids[i] {
			slices.Sort(ids)
			return slices.Compact(ids)
		}
	}
	return ids
}

// IsUUIDForm tells whether a token has the form this program gives its own
// tokens, and may therefore have been written by an earlier instance of it.
func IsUUIDForm(token string) bool {
	_, err := ParseID(token)
	return err == nil
}

// clip keeps an error message readable whatever the input was.
func clip(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// Preauthorization is one card preauthorization as the Connector API reported
// it. It carries no timestamp: the API gives none.
type Preauthorization struct {
	ID ID
	// CustomerID is empty when the reply names none: the property is in the
	// vendor's example but not in the table of guaranteed properties.
	CustomerID ID
	CardID     string
	// Amount is the gross value. It is meaningful only while AmountFault is empty.
	Amount Money
	// AmountFault says why the reply's amount cannot be used, or is empty.
	AmountFault string
	State       State
	// StateText is the state as spelled in the reply, kept for the unknown ones.
	StateText string
	// Active is false only when the reply says so; an absent IsActive means active.
	Active bool
	Code   string
}

// State is what the PMS says of a preauthorization.
type State uint8

// The states of the Connector API. Four are in its published table; Pending
// and Failed came in 2025. More may come, hence Unknown.
const (
	// Unknown is any string this program does not know. It is never acted on.
	Unknown State = iota
	// Chargeable was created and prepared for charging.
	Chargeable
	// Pending waits for its charge to be processed.
	Pending
	// Charged has been charged.
	Charged
	// Failed could not be charged.
	Failed
	// Cancelled was cancelled before charging.
	Cancelled
	// Expired was not charged and expired.
	Expired
)

var stateNames = [...]string{"Unknown", "Chargeable", "Pending", "Charged", "Failed", "Cancelled", "Expired"} //nolint:gochecknoglobals // a constant table

// States lists every known state, in the order of their declaration.
func States() []State {
	return []State{Chargeable, Pending, Charged, Failed, Cancelled, Expired}
}

// String gives the Connector API's spelling.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return stateNames[Unknown]
}

// ParseState reads the Connector API's spelling. Case matters there, so it
// matters here: "charged" is not a state anyone has documented.
func ParseState(s string) State {
	for _, known := range States() {
		if known.String() == s {
			return known
		}
	}
	return Unknown
}
