package simulator

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// mostCustomers is the largest page [D].
const mostCustomers = 1000

// customersQuery is what a request of customers/getAll asks for.
type customersQuery struct {
	// customers tells whether the extent has them: without, the reply is only a cursor [D].
	customers       bool
	active, deleted bool
	start, end      time.Time
	count           int
	after           place
	cursor          string
}

// place is where a customer stands in the order of getAll, the newest first.
// Both of its parts make it one that no other customer shares.
type place struct {
	updated time.Time
	id      uuid.UUID
}

// compare is negative when a comes before b.
func (a place) compare(b place) int {
	return cmp.Or(b.updated.Compare(a.updated), bytes.Compare(b.id[:], a.id[:]))
}

// cursor spells a place. Clients have to take it as it is: base64 in its
// standard alphabet has characters that need care in other places than JSON.
func (a place) cursor() string {
	b := binary.BigEndian.AppendUint64(nil, uint64(a.updated.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(a.updated.Nanosecond()))
	return base64.StdEncoding.EncodeToString(append(b, a.id[:]...))
}

func placeOf(cursor string) (place, bool) {
	const seconds, nanoseconds = 8, 4
	b, err := base64.StdEncoding.DecodeString(cursor)
	if err != nil || len(b) != seconds+nanoseconds+len(uuid.UUID{}) {
		return place{}, false
	}
	unix, rest := int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint32(b[seconds:]))
	return place{updated: time.Unix(unix, rest).UTC(), id: uuid.UUID(b[seconds+nanoseconds:])}, true
}

// getAllCustomers finds a property's customers by the time of their last update
// [D]. Of the vendor's filters it knows only those that the project sends.
func (w *World) getAllCustomers(c *call, _ bool) reply {
	body, refusal := w.connectorBody(c, "Extent", "UpdatedUtc", "ActivityStates", "Limitation")
	if refusal != nil {
		return *refusal
	}
	q, err := customersQueryOf(body)
	if err != nil {
		w.violation("%s: %s", c.op.name, err)
		return connectorRefusal(c, http.StatusBadRequest, err.Error())
	}
	if most := w.settings.CustomersPageCap; most > 0 {
		q.count = min(q.count, most)
	}
	found := c.enterprise.updated(q)
	next := ""
	switch more := len(found) > q.count; {
	case more:
		found = found[:q.count]
		next = found[q.count-1].place().cursor()
	case !w.settings.CursorAtEnd:
	case len(found) > 0:
		next = found[len(found)-1].place().cursor()
	default:
		next = q.cursor
	}
	b := []byte(`{"Customers":null`)
	if q.customers {
		b = []byte(`{"Customers":[`)
		for i, g := range found {
			if i > 0 {
				b = append(b, ',')
			}
			b = w.appendCustomer(b, g)
		}
		b = append(b, ']')
	}
	b = appendTextOrNull(append(b, `,"Documents":null,"Cursor":`...), next)
	return reply{status: http.StatusOK, body: append(b, '}')}
}

// updated gives a page and, when there is more, one customer beyond it. Whether
// the ends of the interval are included is not documented: here both are [I].
func (e *enterprise) updated(q customersQuery) []*guest {
	var found []*guest
	for i := range e.customers {
		g := &e.customers[i]
		wanted := (g.deleted && q.deleted) || (!g.deleted && q.active)
		if wanted && !g.updated.Before(q.start) && !g.updated.After(q.end) &&
			(q.cursor == "" || g.place().compare(q.after) > 0) {
			found = append(found, g)
		}
	}
	slices.SortFunc(found, func(a, b *guest) int { return a.place().compare(b.place()) })
	return found[:min(len(found), q.count+1)]
}

func (g *guest) place() place { return place{updated: g.updated, id: g.id} }

// appendCustomer appends the published properties that concern nobody's person,
// in the order of the example.
func (w *World) appendCustomer(b []byte, g *guest) []byte {
	updated, target, state := g.updated.Format(time.RFC3339Nano), "", "Active"
	if g.mergeTarget != uuid.Nil {
		target = w.spell(g.mergeTarget.String())
	}
	if g.deleted {
		state = "Deleted"
	}
	b = appendText(append(b, `{"Id":`...), w.spell(g.id.String()))
	b = append(b, `,"LastName":"Guest","HasOtaEmail":false,"CreatedUtc":`...)
	b = appendText(b, updated)
	b = appendText(append(b, `,"UpdatedUtc":`...), updated)
	b = append(b, `,"Address":null,"Classifications":[],"Options":[],"CompanyId":null,"MergeTargetId":`...)
	b = appendTextOrNull(b, target)
	b = appendText(append(b, `,"ActivityState":`...), state)
	b = strconv.AppendBool(append(b, `,"IsActive":`...), !g.deleted)
	return append(b, '}')
}

// customersQueryOf reads a request. Extent and Limitation are required [D], and
// so is UpdatedUtc, because a request needs one filter [D] and this is the only
// one here.
func customersQueryOf(body map[string]json.RawMessage) (customersQuery, error) {
	var q customersQuery
	extent, err := members(body["Extent"], "Customers", "Addresses", "Documents")
	if err != nil {
		return q, fmt.Errorf("the Extent, which is required: %w", err)
	}
	for name, raw := range extent {
		if text := string(raw); text != "true" && text != "false" && text != "null" {
			return q, fmt.Errorf("the Extent's %s is neither true nor false", name)
		}
	}
	q.customers = string(extent["Customers"]) == "true"
	if err := q.readStates(body["ActivityStates"]); err != nil {
		return q, err
	}
	if err := q.readUpdated(body["UpdatedUtc"]); err != nil {
		return q, err
	}
	return q, q.readLimitation(body["Limitation"])
}

// readStates takes Active alone for a filter that is left out [I]: the docs say
// so of other operations, and nothing of this one.
func (q *customersQuery) readStates(raw json.RawMessage) error {
	var states []string
	if present(raw) && json.Unmarshal(raw, &states) != nil {
		return errors.New("the ActivityStates are not an array of strings")
	}
	for _, state := range states {
		if state != "Active" && state != "Deleted" {
			return fmt.Errorf("the activity state %.64q is neither Active nor Deleted", state)
		}
	}
	q.active = len(states) == 0 || slices.Contains(states, "Active")
	q.deleted = slices.Contains(states, "Deleted")
	return nil
}

// readUpdated takes an interval of at most three months [D].
func (q *customersQuery) readUpdated(raw json.RawMessage) error {
	interval, err := members(raw, "StartUtc", "EndUtc")
	if err != nil {
		return fmt.Errorf("the UpdatedUtc, without which there is no filter: %w", err)
	}
	var isStart, isEnd bool
	q.start, isStart = utc(interval["StartUtc"])
	q.end, isEnd = utc(interval["EndUtc"])
	if !isStart || !isEnd {
		return errors.New("the UpdatedUtc's StartUtc or EndUtc is not a time in UTC")
	}
	const months = 3
	latest := q.start.AddDate(0, months, 0)
	if latest.Day() != q.start.Day() {
		latest = latest.AddDate(0, 0, -latest.Day()) // no 30 February: the end of that month
	}
	if q.end.Before(q.start) || q.end.After(latest) {
		return fmt.Errorf("the UpdatedUtc is not an interval of at most %d months", months)
	}
	return nil
}

// utc reads a time in ISO 8601 whose zone is Z [D].
func utc(raw json.RawMessage) (time.Time, bool) {
	value := text(raw)
	at, err := time.Parse(time.RFC3339Nano, value)
	return at, err == nil && strings.HasSuffix(value, "Z")
}

// readLimitation takes 1 to 1000 [D], and a cursor that was given out.
func (q *customersQuery) readLimitation(raw json.RawMessage) error {
	limitation, err := members(raw, "Count", "Cursor")
	if err != nil {
		return fmt.Errorf("the Limitation, which is required: %w", err)
	}
	count, ok := whole(limitation["Count"])
	if !ok || count < 1 || count > mostCustomers {
		return fmt.Errorf("the Limitation's Count is not 1 to %d", mostCustomers)
	}
	q.count = int(count)
	if !present(limitation["Cursor"]) {
		return nil
	}
	q.cursor = text(limitation["Cursor"])
	if q.after, ok = placeOf(q.cursor); !ok {
		return errors.New("the Limitation's Cursor was not given out by this API")
	}
	return nil
}
