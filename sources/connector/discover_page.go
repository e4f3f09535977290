package connector

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// maxCursor is far above the length of any cursor that was ever documented.
const maxCursor = 4096

// customerPage is what one reply of customers/getAll says.
type customerPage struct {
	ids  []preauth.ID
	seen map[preauth.ID]bool
	// entries are all there were, unusable those that name something else than ids.
	entries, unusable int
	// cursor leads to the next page. It is opaque, and kept as the reply spells it;
	// nil when there is no more.
	cursor json.RawMessage
}

// decodeCustomers reads {"Customers": [{"Id", "MergeTargetId", ...}], "Cursor"}
// (vendor's docs). An error means that the reply as a whole is unusable, see
// readReply: also when its cursor is neither a string nor null.
func decodeCustomers(r io.Reader) (*customerPage, error) {
	p := &customerPage{seen: map[preauth.ID]bool{}}
	found, err := readReply(r, "Customers", p.add, "Cursor")
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

// add takes up one entry: all of it that is usable.
func (p *customerPage) add(raw json.RawMessage) {
	p.entries++
	found, twice, err := fields(raw, "Id", "MergeTargetId")
	if err != nil {
		p.unusable++
		return
	}
	named := p.put(found["Id"], twice["Id"])
	alone := absent(found["MergeTargetId"]) && !twice["MergeTargetId"]
	merged := alone || p.put(found["MergeTargetId"], twice["MergeTargetId"])
	if !named || !merged {
		p.unusable++
	}
}

// put notes an id, and tells whether it is one.
func (p *customerPage) put(raw json.RawMessage, contradicts bool) bool {
	id, isID := idOf(raw)
	if !isID || contradicts {
		return false
	}
	if !p.seen[id] {
		p.seen[id] = true
		p.ids = append(p.ids, id)
	}
	return true
}
