package v4

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/preauth-sync/preauth-sync/preauth"
)

const (
	// mostSingly is up to how many cards are asked for one by one. For more it is
	// tried to read all payment methods instead.
	mostSingly = 100
	// askers is how many cards are asked for at once.
	askers = 4
	// mostInARow ends it when so many cards in a row could not be asked for.
	mostInARow = 5
	// mostTold is how many failures an error tells; the rest is counted.
	mostTold = 3
)

// FindMethods gives, for each card, the PaymentMethod objects whose field holds the
// card's Id (vendor's docs: the fields; their Search is inferred), active or not: an
// empty list where v4 has none. UUIDs match in any letter case, and a number matches
// its digits.
//
// A card that could not be asked for is not in the map, and the error says why; one
// that fails leaves the others their answers. A wrong answer would put a hold on
// another guest's card, so a reply says nothing that shows other cards too, shows as
// many as it may, or does not say whether one of the card's methods is active.
func (c *Client) FindMethods(
	ctx context.Context, field string, cards []string,
) (map[string][]preauth.PaymentMethod, error) {
	if field == "" {
		return nil, errors.New("v4 methods_search: there is no field to look for cards in")
	}
	cards = slices.Compact(slices.Sorted(slices.Values(cards)))
	lookup := methodsLookup{client: c, field: field, cards: cards, found: map[string][]preauth.PaymentMethod{}}
	if len(cards) > mostSingly {
		walked, err := lookup.walk(ctx)
		if err == nil {
			return walked, nil
		}
		lookup.inARow = 1 // where v4 cannot be reached that was the first failure
	}
	lookup.askEach(ctx)
	return lookup.found, lookup.err(ctx)
}

// methodsLookup is one FindMethods.
type methodsLookup struct {
	client *Client
	field  string
	// cards are distinct, and in order.
	cards []string

	mu    sync.Mutex
	found map[string][]preauth.PaymentMethod
	// told are the first failures, inARow counts those since the last answer.
	told   []error
	inARow int
}

// askEach asks for each card by itself.
func (l *methodsLookup) askEach(ctx context.Context) {
	var asking errgroup.Group
	asking.SetLimit(askers)
	for _, card := range l.cards {
		asking.Go(func() error {
			if ctx.Err() == nil && !l.over() {
				methods, err := l.client.methodsOf(ctx, l.field, card)
				l.note(card, methods, err)
			}
			return nil
		})
	}
	_ = asking.Wait() // each failure is noted
}

func (l *methodsLookup) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inARow >= mostInARow
}

func (l *methodsLookup) note(card string, methods []preauth.PaymentMethod, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.found[card], l.inARow = methods, 0
		return
	}
	l.inARow++
	if len(l.told) < mostTold {
		l.told = append(l.told, fmt.Errorf("card %s: %w", card, err))
	}
}

// err says which cards have no answer, and why.
func (l *methodsLookup) err(ctx context.Context) error {
	left := len(l.cards) - len(l.found)
	if left == 0 {
		return nil
	}
	causes := l.told
	if ctx.Err() != nil {
		causes = []error{ctx.Err()}
	}
	err := fmt.Errorf("%d of %d cards have no answer: %w", left, len(l.cards), causes[0])
	for _, cause := range causes[1:] {
		err = fmt.Errorf("%w; %w", err, cause)
	}
	return err
}

// methodsOf asks for one card.
func (c *Client) methodsOf(ctx context.Context, field, card string) ([]preauth.PaymentMethod, error) {
	if card == "" {
		return nil, errors.New("an empty Id finds nothing")
	}
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
// the reply unusable.
func (c *Client) searchMethods(
	ctx context.Context, field string, q query, wanted func(value string) bool,
) (items []methodItem, err error) {
	_, err = c.sendSearch(ctx, opMethods, c.methods+"Search", q, func(reply object) error {
		var err error
		items, err = searchItems(reply, func(raw []byte) (methodItem, error) { return parseMethod(raw, field, wanted) })
		return err
	})
	return items, err
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
func parseMethod(raw []byte, field string, wanted func(value string) bool) (methodItem, error) {
	fields, err := parseObject(raw)
	if err != nil {
		return methodItem{}, errors.New("an item is not a usable object")
	}
	var item methodItem
	if item.method.ID, err = fields.identity(); err != nil {
		return methodItem{}, err
	}
	_, item.named = fields[strings.ToLower(field)]
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
