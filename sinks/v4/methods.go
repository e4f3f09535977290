package v4

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// FindMethods gives, for each card, the PaymentMethod objects whose field holds the
// card's Id (vendor's docs: the fields; their Search is inferred), active or not: an
// empty list where v4 has none. UUIDs match in any letter case, and a number matches
// its digits. A wrong answer would put a hold on another guest's card, so a reply that
// shows other cards too, shows as many as it may, or does not say whether one of the
// card's methods is active, is a Fault. So is a refusal of that card.
//
// Either is about the card only if v4 answers as it should for another one, be it one
// that nobody has. If it does not, then what it is asked is wrong for all of them, such
// as the name of the field: that ends it, and is an error. So is what no card is to be
// parked for: a login that is not accepted or may not do this, and a refusal without
// v4's own errors.
//
// A card that is not in the map has no answer, and the error says why. It wraps
// preauth.ErrUnanswered where v4 was silent: it gave no reply, a temporary one (5xx,
// 408, 429), or one that is no JSON object. Only silence counts towards giving up.
//
// One card takes a request, and a second one where it is a UUID that v4 does not have
// in lower case: v4 may hold it in upper case and compare letter by letter. More than
// a hundred cards are looked for in all payment methods, if that takes fewer.
func (c *Client) FindMethods(
	ctx context.Context, field string, cards []string,
) (map[string]preauth.CardMethods, error) {
	if field == "" || slices.Contains(cards, "") {
		return nil, errors.New("v4 methods_search: without a field and a card's Id nothing is found")
	}
	lookup := methodsLookup{
		client: c, field: field, cards: slices.Compact(slices.Sorted(slices.Values(cards))),
		found: map[string]preauth.CardMethods{},
	}
	if len(lookup.cards) > mostSingly && lookup.walk(ctx) {
		return lookup.found, nil
	}
	lookup.askEach(ctx)
	return lookup.found, lookup.err(ctx)
}

// methodsOf asks for one card, whose UUID v4 may hold in lower case or in upper case.
func (c *Client) methodsOf(ctx context.Context, field, card string) ([]preauth.PaymentMethod, error) {
	card = normalizeToken(card)
	methods, err := c.methodsAs(ctx, field, card)
	upper := strings.ToUpper(card)
	if err != nil || len(methods) > 0 || upper == card || normalizeToken(upper) != card {
		return methods, err
	}
	return c.methodsAs(ctx, field, upper)
}

// methodsAs asks for one card, spelled as given.
func (c *Client) methodsAs(ctx context.Context, field, card string) ([]preauth.PaymentMethod, error) {
	wanted := normalizeToken(card)
	items, err := c.searchMethods(ctx, field, query{
		Top: findTop, Search: []condition{{Name: field, Operator: "eq", Value: card}},
	}, func(value string) bool { return value == wanted })
	if err != nil {
		return nil, err
	}
	others := 0
	for _, item := range items {
		if item.value != wanted {
			others++
		}
	}
	switch {
	case others > 0:
		return nil, fmt.Errorf("v4 was asked for the payment methods of one card and showed %d of others: "+
			"it ignores the condition on %s, so that nothing it shows or leaves out can be relied on", others, field)
	case len(items) >= findTop:
		return nil, fmt.Errorf("v4 showed %d payment methods for one card, and may have more", len(items))
	}
	return distinctMethods(items)
}

// distinctMethods gives each method once. What is shown in two versions is an error:
// which of them is true is not known.
func distinctMethods(items []methodItem) ([]preauth.PaymentMethod, error) {
	methods := make([]preauth.PaymentMethod, 0, len(items))
	for _, item := range items {
		at := slices.IndexFunc(methods, func(m preauth.PaymentMethod) bool { return m.ID == item.method.ID })
		switch {
		case at < 0:
			methods = append(methods, item.method)
		case methods[at] != item.method:
			return nil, fmt.Errorf("v4 shows the payment method %d in two versions", item.method.ID)
		}
	}
	return methods, nil
}

// searchMethods sends one Search for payment methods. An item that is not usable makes
// the reply unusable; asking again would not change it. An error that wraps
// preauth.ErrUnanswered means that there was no reply.
func (c *Client) searchMethods(
	ctx context.Context, field string, q query, wanted func(value string) bool,
) ([]methodItem, error) {
	var items []methodItem
	var odd error
	_, err := c.sendSearch(ctx, opMethods, c.methods+"Search", q, func(reply object) error {
		items, odd = searchItems(reply, func(raw json.RawMessage) (methodItem, error) { return parseMethod(raw, field, wanted) })
		return nil
	})
	if err == nil {
		return items, odd
	}
	if _, refused := errors.AsType[*preauth.SinkRefusal](err); !refused {
		err = fmt.Errorf("%w: %w", preauth.ErrUnanswered, err)
	}
	return nil, err
}

// methodItem is a PaymentMethod, and what its field holds.
type methodItem struct {
	method preauth.PaymentMethod
	// value is empty where the field is null, empty or missing; named tells whether
	// it is there at all.
	value string
	named bool
}

// parseMethod reads a PaymentMethod (vendor's docs). Its identity and its field must be
// usable, and where the field's value is wanted it must be said whether it is active:
// nothing is held on a method of which that is not known, nor is it passed over for another.
func parseMethod(raw json.RawMessage, field string, wanted func(value string) bool) (methodItem, error) {
	fields, err := split(raw)
	if err != nil {
		return methodItem{}, errors.New("an item is not a usable object")
	}
	var item methodItem
	if item.method.ID, err = fields.identity(); err != nil {
		return methodItem{}, err
	}
	item.named = fields.has(field)
	if item.value, err = fields.card(field); err != nil {
		return methodItem{}, err
	}
	if account, _, err := fields.integer("accountId"); err == nil {
		item.method.AccountID = account // it is for people, and need not be usable
	}
	if !wanted(item.value) {
		return item, nil
	}
	if item.method.Active, err = fields.boolean("isActive"); err != nil {
		return methodItem{}, fmt.Errorf("payment method %d: %w", item.method.ID, err)
	}
	return item, nil
}

// card gives the Id of a card that a field holds, be it text or a number, as
// normalizeToken spells it; empty when it holds none.
func (o object) card(field string) (string, error) {
	raw, ok := o.get(field)
	if !ok {
		return "", nil
	}
	if text, err := o.text(field); err == nil {
		return normalizeToken(text), nil
	}
	number, err := parseInteger(string(raw))
	if err != nil {
		return "", fmt.Errorf("%s is neither text nor a whole number", field)
	}
	return strconv.FormatInt(number, 10), nil
}

// boolean gives a field that must be there, and be true or false.
func (o object) boolean(name string) (bool, error) {
	raw, ok := o.get(name)
	switch {
	case !ok:
		return false, fmt.Errorf("%s is missing", name)
	case string(raw) != "true" && string(raw) != "false":
		return false, fmt.Errorf("%s is neither true nor false", name)
	}
	return string(raw) == "true", nil
}
