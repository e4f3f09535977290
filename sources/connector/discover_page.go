package connector

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// maxCursor is far above the length of any cursor that was ever documented.
const maxCursor = 4096

// listing is one of the API's lists that are read page by page.
type listing struct {
	operation, resource string
	// entries is the property of a reply that has them.
	entries string
	// entry notes what one says of customers, and tells whether all of it was usable;
	// unusable says what was not.
	entry    func(p *foundPage, raw json.RawMessage) bool
	unusable string
}

func customerListing() listing {
	return listing{
		operation: "customers", resource: "customers/getAll", entries: "Customers",
		entry: (*foundPage).customer, unusable: "Id or MergeTargetId is no UUID",
	}
}

// targetListing is the listing of customers, of which only the targets of merges count.
func targetListing() listing {
	l := customerListing()
	l.entry, l.unusable = (*foundPage).target, "MergeTargetId is no UUID"
	return l
}

// mergeListing is the listing of certain customers, each with an At for its target.
func mergeListing(asked map[preauth.ID]time.Time) listing {
	l := customerListing()
	l.entry = func(p *foundPage, raw json.RawMessage) bool { return p.merged(raw, asked) }
	l.unusable = "Id was not asked for or MergeTargetId is no UUID"
	return l
}

func reservationListing() listing {
	return listing{
		operation: "reservations", resource: "reservations/getAll/2023-06-06", entries: "Reservations",
		entry: (*foundPage).reservation, unusable: "AccountType is missing or AccountId is no UUID",
	}
}

// foundPage is what one reply of a listing says.
type foundPage struct {
	found  []Found
	places map[preauth.ID]int
	// entries are all there were, unusable those that had to be left out, at least in
	// part, and nameless those of them that name nobody who could be asked for.
	entries, unusable, nameless int
	// cursor leads to the next page. It is opaque, and kept as the reply spells it;
	// nil when there is no more.
	cursor json.RawMessage
}

// decode reads {"Customers": [...], "Cursor"} or the like (vendor's docs). An
// error means that the reply as a whole is unusable, see readReply: also when its
// cursor is neither a string nor null.
func (l listing) decode(r io.Reader) (*foundPage, error) {
	p := &foundPage{places: map[preauth.ID]int{}}
	found, err := readReply(r, l.entries, func(raw json.RawMessage) {
		p.entries++
		if !l.entry(p, raw) {
			p.unusable++
		}
	}, "Cursor")
	if err != nil {
		return nil, err
	}
	cursor := found["Cursor"]
	text, isText := textOf(cursor)
	switch {
	case absent(cursor), isText && text == "":
	case !isText:
		return nil, errors.New("the reply cannot be used: its Cursor is not a string")
	case len(cursor) > maxCursor:
		return nil, fmt.Errorf("the reply cannot be used: its Cursor has more than %d bytes", maxCursor)
	default:
		p.cursor = cursor
	}
	return p, nil
}

// customer notes a customer and the one into which it was merged: {"Id",
// "MergeTargetId", "UpdatedUtc", ...}.
func (p *foundPage) customer(raw json.RawMessage) bool {
	found, twice, err := fields(raw, "Id", "MergeTargetId", "UpdatedUtc")
	if err != nil {
		return false
	}
	at := latest(found, "UpdatedUtc")
	named := p.put(found, twice, "Id", at)
	alone := absent(found["MergeTargetId"]) && !twice["MergeTargetId"]
	if alone && !named {
		p.nameless++
	}
	return (alone || p.put(found, twice, "MergeTargetId", at)) && named
}

// target notes into whom a customer was merged.
func (p *foundPage) target(raw json.RawMessage) bool {
	found, twice, err := fields(raw, "MergeTargetId", "UpdatedUtc")
	if err != nil {
		return false
	}
	alone := absent(found["MergeTargetId"]) && !twice["MergeTargetId"]
	return alone || p.put(found, twice, "MergeTargetId", latest(found, "UpdatedUtc"))
}

// merged notes into whom a customer was merged that was asked for.
func (p *foundPage) merged(raw json.RawMessage, asked map[preauth.ID]time.Time) bool {
	found, twice, err := fields(raw, "Id", "MergeTargetId")
	if err != nil || twice["Id"] {
		return false
	}
	id, _ := idOf(found["Id"])
	at, wasAsked := asked[id]
	if !wasAsked {
		return false
	}
	alone := absent(found["MergeTargetId"]) && !twice["MergeTargetId"]
	return alone || p.put(found, twice, "MergeTargetId", at)
}

// reservation notes the customer who has one: {"AccountId", "AccountType",
// "ScheduledEndUtc", "ActualEndUtc", "EndUtc", ...}, of which the last is about to go.
func (p *foundPage) reservation(raw json.RawMessage) bool {
	found, twice, err := fields(raw, "AccountId", "AccountType", "ScheduledEndUtc", "ActualEndUtc", "EndUtc")
	if err != nil || twice["AccountType"] {
		return false
	}
	kind, isText := textOf(found["AccountType"])
	if isText && kind != "Customer" {
		return true
	}
	if _, isID := idOf(found["AccountId"]); !isID {
		p.nameless++
		return false
	}
	return isText && p.put(found, twice, "AccountId", latest(found, "ScheduledEndUtc", "ActualEndUtc", "EndUtc"))
}

// latest gives the latest of the times that are there, zero when none is.
func latest(found map[string]json.RawMessage, names ...string) (at time.Time) {
	for _, name := range names {
		text, _ := textOf(found[name])
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil && t.After(at) {
			at = t.UTC()
		}
	}
	return at
}

// put notes the customer that a property names, with the latest time there is of
// it, and tells whether it names one.
func (p *foundPage) put(found map[string]json.RawMessage, twice map[string]bool, name string, at time.Time) bool {
	id, isID := idOf(found[name])
	if !isID || twice[name] {
		return false
	}
	place, known := p.places[id]
	if !known {
		place = len(p.found)
		p.places[id] = place
		p.found = append(p.found, Found{ID: id})
	}
	if at.After(p.found[place].At) {
		p.found[place].At = at
	}
	return true
}
