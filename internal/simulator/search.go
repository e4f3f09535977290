package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// query is a search as it was asked [S, D].
type query struct {
	top     int
	filters []filter
	order   []order
}

type filter struct {
	name, operator string
	// text is the value of a string property, number of one that is a number.
	text   string
	number decimal.Decimal
}

type order struct {
	name       string
	descending bool
}

// The properties that a search can name, by their type [S].
func numeric(name string) bool {
	return name == "identity" || name == "paymentMethodId" || name == "amount" || name == "createdByUserId"
}

func textual(name string) bool {
	switch name {
	case "paymentMethodName", "transactionToken", "created", "createdByUserName":
		return true
	default:
		return false
	}
}

// search shows what all filters let through, at most top; 100 by default [D].
func (w *World) search(c *call, _ bool) reply {
	q, err := readQuery(c.body)
	if err != nil {
		w.violation("search: %s", err)
		return v4Refusal(c, http.StatusBadRequest, trouble{codeInvalidQuery, err.Error()})
	}
	var found []*hold
	if w.settings.IgnoreSearch {
		found = w.shown(c)
	} else {
		found = w.matching(c, q)
	}
	found = found[:min(len(found), q.top)]
	b := appendText([]byte(`{"trackingId":`), c.requestID)
	count := len(found)
	if w.settings.RepeatItems && count > 0 {
		count++
	}
	b = strconv.AppendInt(append(b, `,"itemCount":`...), int64(count), 10)
	b = w.appendItems(append(b, `,"items":`...), c, found)
	return reply{status: http.StatusOK, body: append(b, '}')}
}

// readQuery reads a search strictly. A pagination inside is taken and ignored:
// whether v4 honours it is not certain.
func readQuery(body []byte) (query, error) {
	q := query{top: 100}
	outer, err := members(body, "query")
	if err != nil {
		return q, err
	}
	inner, err := members(outer["query"], "top", "search", "orderBy", "pagination")
	if err != nil {
		return q, err
	}
	if present(inner["top"]) {
		top, ok := whole(inner["top"])
		if !ok || top < 1 || top > mostItems {
			return q, fmt.Errorf("the top is not 1 to %d", mostItems)
		}
		q.top = int(top)
	}
	var filters, orders []json.RawMessage
	if present(inner["search"]) && json.Unmarshal(inner["search"], &filters) != nil ||
		present(inner["orderBy"]) && json.Unmarshal(inner["orderBy"], &orders) != nil {
		return q, errors.New("the search or the orderBy is no array")
	}
	for _, raw := range filters {
		f, err := readFilter(raw)
		if err != nil {
			return q, err
		}
		q.filters = append(q.filters, f)
	}
	for _, raw := range orders {
		o, err := readOrder(raw)
		if err != nil {
			return q, err
		}
		q.order = append(q.order, o)
	}
	return q, nil
}

func readFilter(raw json.RawMessage) (filter, error) {
	body, err := members(raw, "name", "operator", "value")
	if err != nil {
		return filter{}, err
	}
	f := filter{name: text(body["name"]), operator: text(body["operator"]), text: text(body["value"])}
	switch f.operator {
	case "eq", "notEq", "lt", "ltEq", "gt", "gtEq":
	case "contains", "startsWith":
		if numeric(f.name) {
			return f, fmt.Errorf("the operator %s is for strings, not for %s", f.operator, f.name)
		}
	default:
		return f, fmt.Errorf("there is no operator %.64q", f.operator)
	}
	if numeric(f.name) {
		value := body["value"]
		if f.text != "" { // a number in quotes is taken too [I]
			value = json.RawMessage(f.text)
		}
		var ok bool
		if f.number, ok = number(value); !ok {
			return f, fmt.Errorf("the value for %s is no number", f.name)
		}
		return f, nil
	}
	if !textual(f.name) {
		return f, fmt.Errorf("there is no property %.64q to search by", f.name)
	}
	if len(body["value"]) == 0 || body["value"][0] != '"' {
		return f, fmt.Errorf("the value for %s is no string", f.name)
	}
	return f, nil
}

func readOrder(raw json.RawMessage) (order, error) {
	body, err := members(raw, "name", "direction")
	if err != nil {
		return order{}, err
	}
	o := order{name: text(body["name"])}
	if !numeric(o.name) && !textual(o.name) {
		return o, fmt.Errorf("there is no property %.64q to order by", o.name)
	}
	direction := text(body["direction"])
	switch strings.ToLower(direction) {
	case "", "asc", "ascending":
	case "desc", "descending":
		o.descending = true
	default:
		return o, fmt.Errorf("there is no direction %.64q", direction)
	}
	return o, nil
}

// matching gives what the filters let through, in order. It does not look at
// every hold when an identity or a token narrows them down.
func (w *World) matching(c *call, q query) []*hold {
	byIdentityOnly := len(q.order) == 0 || (q.order[0] == order{name: "identity"})
	now := w.now()
	var found []*hold
	for _, h := range c.tenant.narrow(q.filters) {
		if now.Before(h.HiddenUntil) || !w.passes(h, q.filters) {
			continue
		}
		found = append(found, h)
		if byIdentityOnly && len(found) == q.top {
			break
		}
	}
	if !byIdentityOnly {
		slices.SortStableFunc(found, func(a, b *hold) int { return w.compareBy(q.order, a, b) })
	}
	return found
}

// narrow gives at least the holds that can pass, by identity.
func (t *tenant) narrow(filters []filter) []*hold {
	for _, f := range filters {
		if f.name == "transactionToken" && f.operator == "eq" && f.text != "" {
			return t.byToken[strings.ToLower(f.text)]
		}
	}
	for _, f := range filters {
		if f.name == "identity" && (f.operator == "gt" || f.operator == "gtEq") && f.number.BigInt().IsInt64() {
			from, _ := slices.BinarySearchFunc(t.holds, f.number.IntPart(), byIdentity)
			return t.holds[from:]
		}
	}
	return t.holds
}

func (w *World) passes(h *hold, filters []filter) bool {
	for _, f := range filters {
		if !w.passesOne(h, f) {
			return false
		}
	}
	return true
}

func (w *World) passesOne(h *hold, f filter) bool {
	var order int
	if numeric(f.name) {
		order = h.numberOf(f.name).Cmp(f.number)
	} else {
		have, want := w.textOf(h, f.name), f.text
		if !w.settings.CaseSensitiveSearch {
			have, want = strings.ToLower(have), strings.ToLower(want)
		}
		switch f.operator {
		case "contains":
			return strings.Contains(have, want)
		case "startsWith":
			return strings.HasPrefix(have, want)
		}
		order = strings.Compare(have, want)
	}
	switch f.operator {
	case "eq":
		return order == 0
	case "notEq":
		return order != 0
	case "lt":
		return order < 0
	case "ltEq":
		return order <= 0
	case "gt":
		return order > 0
	default:
		return order >= 0
	}
}

func (w *World) compareBy(orders []order, a, b *hold) int {
	for _, o := range orders {
		var result int
		if numeric(o.name) {
			result = a.numberOf(o.name).Cmp(b.numberOf(o.name))
		} else {
			result = strings.Compare(w.textOf(a, o.name), w.textOf(b, o.name))
		}
		if o.descending {
			result = -result
		}
		if result != 0 {
			return result
		}
	}
	return 0
}

func (h *hold) numberOf(name string) decimal.Decimal {
	switch name {
	case "identity":
		return decimal.NewFromInt(h.Identity)
	case "paymentMethodId":
		return decimal.NewFromInt(h.PaymentMethodID)
	case "createdByUserId":
		return decimal.NewFromInt(h.CreatedByUserID)
	default:
		return h.Amount
	}
}

func (w *World) textOf(h *hold, name string) string {
	switch name {
	case "paymentMethodName":
		return w.methodName(h.PaymentMethodID)
	case "transactionToken":
		return w.tokenShown(h)
	case "created":
		return stamp(h.Created)
	default:
		return h.tenant.Username
	}
}
