package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
)

// holds are v4's, by identity, which counts from 1. Nothing looks for duplicates: v4
// documents no such thing.
type holds struct {
	mu      sync.Mutex
	made    []hold
	byToken map[string]int64
}

// hold is a PaymentPreAuthorize; method and amount are spelled as they came.
type hold struct{ token, method, amount string }

func newHolds(room int) *holds {
	return &holds{made: make([]hold, 0, room), byToken: make(map[string]int64, room)}
}

var errNoWrite = errors.New("the body is not one of v4's writes")

// create makes a hold and appends the reply's body.
func (h *holds) create(into, body []byte) ([]byte, error) {
	made := hold{token: field(body, "transactionToken"), method: field(body, "paymentMethodId"), amount: field(body, "amount")}
	if made.amount == "" {
		return nil, errNoWrite
	}
	h.mu.Lock()
	h.made = append(h.made, made)
	identity := int64(len(h.made))
	h.byToken[made.token] = identity
	h.mu.Unlock()
	into = append(into, `{"trackingId":"bench","type":"create","results":{"totalCount":1,"items":[`...)
	return append(appendHold(into, identity, made), "]}}"...), nil
}

// capture appends the body of the reply that shows the hold.
func (h *holds) capture(into, body []byte) ([]byte, error) {
	identity, err := strconv.ParseInt(field(body, "identity"), 10, 64)
	if err != nil {
		return nil, errNoWrite
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if identity < 1 || identity > int64(len(h.made)) {
		return nil, fmt.Errorf("there is no identity %d", identity)
	}
	into = appendHold(append(into, `{"trackingId":"bench","instance":`...), identity, h.made[identity-1])
	return append(into, '}'), nil
}

// field gives the text of a number, or of a string that needs no escapes.
func field(body []byte, name string) string {
	at := bytes.Index(body, []byte(`"`+name+`"`))
	if at < 0 {
		return ""
	}
	value := body[at+len(name)+2:]
	if end := bytes.IndexAny(value, ",}"); end >= 0 {
		value = value[:end]
	}
	return string(bytes.Trim(value, `: "`))
}

// search answers by token or by identity, in the order of identities.
func (h *holds) search(body []byte) ([]byte, error) {
	var asked struct {
		Query struct {
			Top    int
			Search []condition
		}
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	from, to := int64(1), int64(len(h.made))
	for _, c := range asked.Query.Search {
		if err := c.narrow(h, &from, &to); err != nil {
			return nil, err
		}
	}
	to = min(to, from+int64(asked.Query.Top)-1)
	count := max(0, to-from+1)
	out := make([]byte, 0, holdSize*(count+1))
	out = fmt.Appendf(out, `{"trackingId":"bench","itemCount":%d,"items":[`, count)
	return append(h.appendFrom(out, from, to), "]}"...), nil
}

type condition struct {
	Name, Operator string
	Value          json.RawMessage
}

// narrow takes what does not meet the condition out of from … to.
func (c condition) narrow(h *holds, from, to *int64) error {
	value := string(bytes.Trim(c.Value, `"`))
	bound, err := strconv.ParseInt(value, 10, 64)
	switch {
	case c.Name == "transactionToken" && c.Operator == "eq":
		bound, err = h.byToken[value], nil
		*from, *to = max(*from, bound), min(*to, bound)
	case c.Name != "identity" || err != nil:
		err = fmt.Errorf("nothing is searched by %s %s %s", c.Name, c.Operator, c.Value)
	case c.Operator == "gt":
		*from = max(*from, bound+1)
	case c.Operator == "lt":
		*to = min(*to, bound-1)
	case c.Operator == "eq":
		*from, *to = max(*from, bound), min(*to, bound)
	}
	return err
}

// paged shows one page.
func (h *holds) paged(page pagination) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	total := int64(len(h.made))
	from := int64(page.number-1)*int64(page.size) + 1
	to := min(total, from+int64(page.size)-1)
	out := fmt.Appendf(nil, `{"trackingId":"bench","pagedResults":{"totalCount":%d,"items":[`, total)
	return append(h.appendFrom(out, from, to), "]}}"...)
}

// appendFrom appends holds with commas between them.
func (h *holds) appendFrom(b []byte, from, to int64) []byte {
	for identity := from; identity <= to; identity++ {
		if identity > from {
			b = append(b, ',')
		}
		b = appendHold(b, identity, h.made[identity-1])
	}
	return b
}

// holdSize is a little more than a hold's.
const holdSize = 300

// appendHold appends the object in the order of the published example (seed).
func appendHold(b []byte, identity int64, h hold) []byte {
	b = slices.Grow(b, holdSize)
	b = strconv.AppendInt(append(b, `{"identity":`...), identity, 10)
	b = append(append(b, `,"paymentMethodId":`...), h.method...)
	b = append(append(b, `,"paymentMethodName":"bench","amount":`...), h.amount...)
	b = append(append(b, `,"transactionToken":"`...), h.token...)
	return append(b, `","created":"2026-01-01T00:00:00.000Z","createdByUserId":1,"createdByUserName":"bench"}`...)
}

// forget forgets all of them.
func (h *holds) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.made = h.made[:0]
	clear(h.byToken)
}
