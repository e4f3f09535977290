package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
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
	property

	operator string
	// text is the value of a string or of true and false, number of one that is a number.
	text   string
	number decimal.Decimal
}

type order struct {
	property

	descending bool
}

// property is what a search can name, and how it is compared.
type property struct {
	name string
	as   comparison
}

type comparison int

// How properties are compared.
const (
	asNothing comparison = iota
	asNumber
	asText
	asFlag
)

// object is what can be searched for.
type object interface {
	numberOf(name string) decimal.Decimal
	// textOf also gives true and false.
	textOf(w *World, name string) string
}

// search shows what all filters let through, at most top; 100 by default [D].
// candidates gives the objects by identity, and with filters at least those that
// can pass them.
func search[T object](
	w *World, c *call, compared func(name string) comparison, candidates func([]filter) iter.Seq[T], show func([]byte, T) []byte,
) reply {
	q, err := readQuery(c.body, compared)
	if err != nil {
		w.violation("%s: %s", c.op.name, err)
		return v4Refusal(c, http.StatusBadRequest, trouble{codeInvalidQuery, err.Error()})
	}
	var found []T
	if w.settings.IgnoreSearch {
		found = slices.Collect(candidates(nil))
	} else {
		found = matching(w, q, candidates(q.filters))
	}
	found = found[:min(len(found), q.top)]
	b := appendText([]byte(`{"trackingId":`), c.requestID)
	count := len(found)
	if w.settings.RepeatItems && count > 0 {
		count++
	}
	b = strconv.AppendInt(append(b, `,"itemCount":`...), int64(count), 10)
	b = appendItems(w, append(b, `,"items":`...), c, found, show)
	return reply{status: http.StatusOK, body: append(b, '}')}
}

// readQuery reads a search strictly. A pagination inside is taken and ignored:
// whether v4 honours it is not certain.
func readQuery(body []byte, compared func(name string) comparison) (query, error) {
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
		f, err := readFilter(raw, compared)
		if err != nil {
			return q, err
		}
		q.filters = append(q.filters, f)
	}
	for _, raw := range orders {
		o, err := readOrder(raw, compared)
		if err != nil {
			return q, err
		}
		q.order = append(q.order, o)
	}
	return q, nil
}

func readFilter(raw json.RawMessage, compared func(name string) comparison) (filter, error) {
	body, err := members(raw, "name", "operator", "value")
	if err != nil {
		return filter{}, err
	}
	f := filter{operator: text(body["operator"]), text: text(body["value"])}
	f.name = text(body["name"])
	f.as = compared(f.name)
	switch f.operator {
	case "eq", "notEq":
	case "lt", "ltEq", "gt", "gtEq":
		if f.as == asFlag {
			return f, fmt.Errorf("the operator %s is not for %s", f.operator, f.name)
		}
	case "contains", "startsWith":
		if f.as != asText && f.as != asNothing {
			return f, fmt.Errorf("the operator %s is for strings, not for %s", f.operator, f.name)
		}
	default:
		return f, fmt.Errorf("there is no operator %.64q", f.operator)
	}
	return f, f.readValue(body["value"])
}

func (f *filter) readValue(value json.RawMessage) error {
	switch f.as {
	case asNumber:
		if f.text != "" { // a number in quotes is taken too [I]
			value = json.RawMessage(f.text)
		}
		var ok bool
		if f.number, ok = number(value); !ok {
			return fmt.Errorf("the value for %s is no number", f.name)
		}
	case asText:
		if len(value) == 0 || value[0] != '"' {
			return fmt.Errorf("the value for %s is no string", f.name)
		}
	case asFlag:
		if f.text = string(value); f.text != "true" && f.text != "false" {
			return fmt.Errorf("the value for %s is neither true nor false", f.name)
		}
	default:
		return fmt.Errorf("there is no property %.64q to search by", f.name)
	}
	return nil
}

func readOrder(raw json.RawMessage, compared func(name string) comparison) (order, error) {
	body, err := members(raw, "name", "direction")
	if err != nil {
		return order{}, err
	}
	var o order
	o.name = text(body["name"])
	if o.as = compared(o.name); o.as == asNothing {
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

// matching gives what the filters let through, in order.
func matching[T object](w *World, q query, candidates iter.Seq[T]) []T {
	byIdentityOnly := len(q.order) == 0 || (q.order[0].name == "identity" && !q.order[0].descending)
	var found []T
	for o := range candidates {
		if !passes(w, o, q.filters) {
			continue
		}
		found = append(found, o)
		if byIdentityOnly && len(found) == q.top {
			break
		}
	}
	if !byIdentityOnly {
		slices.SortStableFunc(found, func(a, b T) int { return compareBy(w, q.order, a, b) })
	}
	return found
}

// above tells where a search by identity begins, if one does.
func above(filters []filter) (int64, bool) {
	for _, f := range filters {
		if f.name == "identity" && (f.operator == "gt" || f.operator == "gtEq") && f.number.BigInt().IsInt64() {
			return f.number.IntPart(), true
		}
	}
	return 0, false
}

// equal gives the text that a property has to be, in lower case, if a search names one.
func equal(name string, filters []filter) (string, bool) {
	for _, f := range filters {
		if f.name == name && f.operator == "eq" && f.text != "" {
			return strings.ToLower(f.text), true
		}
	}
	return "", false
}

func passes(w *World, o object, filters []filter) bool {
	for _, f := range filters {
		if !f.lets(w, o) {
			return false
		}
	}
	return true
}

func (f filter) lets(w *World, o object) bool {
	var order int
	if f.as == asNumber {
		order = o.numberOf(f.name).Cmp(f.number)
	} else {
		have, want := o.textOf(w, f.name), f.text
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

func compareBy(w *World, orders []order, a, b object) int {
	for _, o := range orders {
		var result int
		if o.as == asNumber {
			result = a.numberOf(o.name).Cmp(b.numberOf(o.name))
		} else {
			result = strings.Compare(a.textOf(w, o.name), b.textOf(w, o.name))
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
