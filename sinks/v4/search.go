package v4

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/preauth-sync/preauth-sync/preauth"
)

const (
	// findTop is far more than the one object that a token of ours should have.
	findTop = 100
	// walkTop is well below the 10000 that a Search allows (vendor's docs).
	walkTop = 1000
)

// FindByToken gives every object whose transactionToken is the given one; UUIDs
// match in any letter case. What the sink shows besides is dropped.
//
// No object and no error means that the sink has shown none: a reply that is
// unusable in any part, or that shows only other objects, is an error. The latter
// comes from a sink that does not look at the condition, and may have cut its
// list before the object in question.
func (c *Client) FindByToken(ctx context.Context, token string) ([]preauth.Hold, error) {
	if token == "" {
		return nil, errors.New("v4 search: an empty token finds nothing")
	}
	wanted := normalizeToken(token)
	return c.find(ctx, condition{Name: "transactionToken", Operator: "eq", Value: token}, "token",
		func(hold preauth.Hold) bool { return hold.Token == wanted })
}

// findByIdentity gives the object with an identity, and whether there is one. As for
// FindByToken, a reply that shows only others says nothing.
func (c *Client) findByIdentity(ctx context.Context, identity int64) (preauth.Hold, bool, error) {
	found, err := c.find(ctx, condition{Name: "identity", Operator: "eq", Value: identity}, "identity",
		func(hold preauth.Hold) bool { return hold.Identity == identity })
	if err != nil || len(found) == 0 {
		return preauth.Hold{}, false, err
	}
	return found[0], true, nil
}

// find gives every object that meets a condition, which wanted tells by itself; field
// is what the condition is about, in words.
func (c *Client) find(
	ctx context.Context, where condition, field string, wanted func(preauth.Hold) bool,
) ([]preauth.Hold, error) {
	var found []preauth.Hold
	others := 0
	_, err := c.search(ctx, query{Top: findTop, Search: []condition{where}}, func(holds []preauth.Hold) error {
		found, others = nil, 0
		for _, hold := range holds {
			switch {
			case !wanted(hold):
				others++
			case !slices.ContainsFunc(found, func(f preauth.Hold) bool { return same(f, hold) }):
				found = append(found, hold)
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0 && others > 0:
		return nil, fmt.Errorf("v4 search: the sink was asked for one %s and showed %d objects with others, "+
			"so that it shows none with this one proves nothing", field, others)
	}
	return found, nil
}

func same(a, b preauth.Hold) bool {
	amounts := a.Amount.Equal(b.Amount)
	a.Amount = b.Amount
	return amounts && a == b
}

// search sends one Search for holds and hands over all its items. An item that is not
// usable makes the reply unusable.
func (c *Client) search(ctx context.Context, q query, use func([]preauth.Hold) error) (http.Header, error) {
	return c.sendSearch(ctx, opSearch, c.base+"Search", q, func(reply object) error {
		holds, err := searchHolds(reply)
		if err != nil {
			return err
		}
		return use(holds)
	})
}

// sendSearch sends one Search, for objects of whatever kind.
func (c *Client) sendSearch(
	ctx context.Context, operation, address string, q query, parse func(object) error,
) (http.Header, error) {
	body, err := searchBody(q)
	if err != nil {
		return nil, err
	}
	return c.read(ctx, readRequest{
		operation: operation, method: http.MethodPost, address: address, body: body, parse: parse,
	})
}

func searchHolds(reply object) ([]preauth.Hold, error) { return searchItems(reply, parseHold) }

// searchItems reads a Search's reply (seed: {trackingId, itemCount, items}).
func searchItems[T any](reply object, parse func(json.RawMessage) (T, error)) ([]T, error) {
	items, err := parseItems(reply, parse)
	if err != nil {
		return nil, err
	}
	count, there, err := reply.integer("itemCount")
	if err != nil {
		return nil, err
	}
	if there && count != int64(len(items)) {
		return nil, fmt.Errorf("itemCount says %d and there are %d items", count, len(items))
	}
	return items, nil
}

// parseItems reads the items, which must be there, all of them usable.
func parseItems[T any](list object, parse func(json.RawMessage) (T, error)) ([]T, error) {
	raw, err := list.array("items")
	if err != nil {
		return nil, err
	}
	items := make([]T, 0, len(raw))
	for _, each := range raw {
		item, err := parse(each)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}
