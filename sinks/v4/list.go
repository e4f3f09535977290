package v4

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/preauth-sync/preauth-sync/preauth"
)

const (
	pageSize = 1000
	// maxPages only ends what would never end.
	maxPages = 1_000_000
)

// List hands over everything there is, page by page, through Paged: the page's
// number and size travel in a Pagination header (vendor's docs), written as in the
// reply (inferred). It goes on until an empty page, because servers cap sizes
// without saying so. Objects made meanwhile may move others from page to page: each
// is handed over at least once, some perhaps more often.
//
// An error of the callback ends it and is returned. It is an error when the sink
// repeats a page, gives far more than it has, or gives fewer than the first page
// announced: then what was not shown is not known to be absent.
func (c *Client) List(ctx context.Context, page func([]preauth.Hold) error) error {
	var walk pageWalk
	for number := 1; number <= maxPages; number++ {
		holds, err := c.page(ctx, number, &walk)
		if err != nil {
			return err
		}
		if len(holds) == 0 {
			return walk.end()
		}
		if err := walk.check(number, holds); err != nil {
			return err
		}
		if err := page(holds); err != nil {
			return err
		}
	}
	return fmt.Errorf("v4 paged: no end after %d pages", maxPages)
}

// page asks for one page (seed: {pagedResults: {totalCount, items}}).
func (c *Client) page(ctx context.Context, number int, walk *pageWalk) ([]preauth.Hold, error) {
	var holds []preauth.Hold
	_, err := c.read(ctx, readRequest{
		operation: opPaged, method: http.MethodGet, address: c.base + "Paged",
		header: http.Header{"Pagination": {fmt.Sprintf(`{"pageNumber":%d,"pageSize":%d}`, number, pageSize)}},
		parse: func(reply object) error {
			results, err := reply.object("pagedResults")
			if err != nil {
				return err
			}
			if holds, err = parseHolds(results); err != nil {
				return err
			}
			total, _, err := results.integer("totalCount")
			if err != nil {
				return err
			}
			if number == 1 {
				walk.announced = total
			}
			walk.total = max(walk.total, total)
			return nil
		},
	})
	return holds, err
}

// pageWalk watches over one List, in bounded memory.
type pageWalk struct {
	// announced is the first page's totalCount, total the highest one; 0 when not said.
	announced, total int64
	given            int64
	previous         map[int64]bool
}

// check refuses what shows that the sink does not page. A page that holds the
// whole page before it does; one that shares some of its objects with it, or
// consists of one that was pushed on, does not.
func (w *pageWalk) check(number int, holds []preauth.Hold) error {
	identities := make(map[int64]bool, len(holds))
	for _, hold := range holds {
		identities[hold.Identity] = true
	}
	repeats := len(w.previous) > 0
	for identity := range w.previous {
		repeats = repeats && identities[identity]
	}
	if repeats {
		return fmt.Errorf("v4 paged: the sink does not page: page %d repeats page %d", number, number-1)
	}
	w.previous = identities
	w.given += int64(len(holds))
	if w.total > 0 && w.given > 2*w.total+10*pageSize {
		return fmt.Errorf("v4 paged: the sink does not page: it gave %d objects and says that it has %d", w.given, w.total)
	}
	return nil
}

func (w *pageWalk) end() error {
	if w.given < w.announced {
		return fmt.Errorf("v4 paged: the list is not complete: the sink announced %d objects and gave %d", w.announced, w.given)
	}
	return nil
}

// ListAbove hands over everything with an identity above the given one, by
// Search, in steps by the highest identity seen, until an empty reply. Each object
// is handed over at least once. An error of the callback ends it and is returned.
//
// A sink that ignores the order asked for could hide objects between those it
// shows. An unordered reply is taken only when it is not full, and when nothing
// lies below the lowest that it shows.
func (c *Client) ListAbove(ctx context.Context, identity int64, page func([]preauth.Hold) error) error {
	for last := identity; ; {
		holds, shown, err := c.between(ctx, walkTop, above(last))
		if err != nil {
			return err
		}
		if shown == 0 {
			return nil
		}
		if len(holds) == 0 {
			return fmt.Errorf("v4 search: asked for identities above %d, the sink showed %d objects, none of them above it",
				last, shown)
		}
		if err := c.checkOrder(ctx, last, shown, holds); err != nil {
			return err
		}
		if err := page(holds); err != nil {
			return err
		}
		last = slices.MaxFunc(holds, byIdentity).Identity
	}
}

func byIdentity(a, b preauth.Hold) int { return cmp.Compare(a.Identity, b.Identity) }

func above(identity int64) condition {
	return condition{Name: "identity", Operator: "gt", Value: identity}
}

// between gives what fulfils the conditions on identities, ordered if the sink
// orders; what does not is dropped, and counts only as shown.
func (c *Client) between(ctx context.Context, top int, conditions ...condition) (holds []preauth.Hold, shown int, err error) {
	_, err = c.search(ctx, query{
		Top: top, Search: conditions, OrderBy: []order{{Name: "identity", Direction: "asc"}},
	}, func(found []preauth.Hold) error {
		shown = len(found)
		holds = slices.DeleteFunc(found, func(hold preauth.Hold) bool {
			return slices.ContainsFunc(conditions, func(each condition) bool { return !each.holds(hold.Identity) })
		})
		return nil
	})
	return holds, shown, err
}

// holds tells whether an identity fulfils a condition on it.
func (c condition) holds(identity int64) bool {
	bound, _ := c.Value.(int64)
	if c.Operator == "lt" {
		return identity < bound
	}
	return identity > bound
}

// checkOrder refuses an unordered reply that may have left something out.
func (c *Client) checkOrder(ctx context.Context, last int64, shown int, holds []preauth.Hold) error {
	if slices.IsSortedFunc(holds, byIdentity) {
		return nil
	}
	if shown >= walkTop {
		return fmt.Errorf("v4 search: the sink does not order by identity, and has more than %d objects above %d", walkTop, last)
	}
	lowest := slices.MinFunc(holds, byIdentity).Identity
	hidden, _, err := c.between(ctx, 1, above(last), condition{Name: "identity", Operator: "lt", Value: lowest})
	if err != nil {
		return err
	}
	if len(hidden) > 0 {
		return fmt.Errorf("v4 search: the sink does not order by identity: it has objects between %d and %d that it did not show",
			last, lowest)
	}
	return nil
}
