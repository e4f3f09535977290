package v4

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/preauth-sync/preauth-sync/preauth"
)

const (
	pageSize = 1000
	// maxPages only ends what would never end.
	maxPages = 1_000_000
	// maxExtra ends a walk through a sink that orders nothing and shows little.
	maxExtra = 2000
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
			if holds, err = parseItems(results, parseHold); err != nil {
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

// ListAbove hands over everything with an identity above the given one, by Search,
// until an empty reply. Each object is handed over at least once, and only when
// everything below it has been: whoever stops half-way, for an error or a crash, may
// go on above the highest that was handed over. An error of the callback ends it and
// is returned.
//
// It does not rely on the order asked for, nor on the size: a sink that shows the
// newest few of them would hide the others. So it asks what lies below each reply's
// lowest, one request more per reply from a sink that behaves. From one that does not
// it may take many, and more than maxExtra of them are an error. A sink that cannot be
// asked that is listed through Paged instead, in the order it likes. Only a sink that
// sorts its replies, begins them with the lowest, and leaves out some in between is believed.
func (c *Client) ListAbove(ctx context.Context, identity int64, page func([]preauth.Hold) error) error {
	walk := aboveWalk{client: c, from: identity, last: identity}
	for {
		holds, err := walk.next(ctx)
		if errors.Is(err, errOneSided) {
			return c.listRest(ctx, walk.last, page)
		}
		if err != nil {
			return err
		}
		if len(holds) == 0 {
			return nil
		}
		if err := page(holds); err != nil {
			return err
		}
	}
}

// listRest hands over what List shows above an identity.
func (c *Client) listRest(ctx context.Context, identity int64, page func([]preauth.Hold) error) error {
	return c.List(ctx, func(holds []preauth.Hold) error {
		rest := slices.DeleteFunc(holds, func(hold preauth.Hold) bool { return hold.Identity <= identity })
		if len(rest) == 0 {
			return nil
		}
		return page(rest)
	})
}

// aboveWalk is one ListAbove, in the memory of two replies.
type aboveWalk struct {
	client *Client
	// from is where it began; everything above it, up to last, is known to be handed over.
	from, last int64
	// unordered says that a reply was not in the order asked for. Then one that is may
	// be so by chance.
	unordered bool
	extra     int
}

// next gives what follows upon last, without a gap, and moves last on to its end. No
// holds and no error mean that there are none.
func (w *aboveWalk) next(ctx context.Context) ([]preauth.Hold, error) {
	believed := !w.unordered
	shown, err := w.ask(ctx, above(w.last))
	if err != nil || len(shown) == 0 {
		return nil, err
	}
	lowest, hidden, err := w.descend(ctx, shown)
	if err != nil {
		return nil, err
	}
	if w.unordered && believed && w.last > w.from {
		w.last = w.from // what was believed so far should not have been
		return w.next(ctx)
	}
	slices.SortStableFunc(lowest, byIdentity)
	if hidden || w.unordered {
		if err := w.spend(2); err != nil {
			return nil, err
		}
		lowest = lowest[:run(lowest)]
	}
	w.last = lowest[len(lowest)-1].Identity
	return lowest, nil
}

// descend goes down to the reply below which there is nothing more above last, and
// tells whether it is another than the given one.
func (w *aboveWalk) descend(ctx context.Context, shown []preauth.Hold) (lowest []preauth.Hold, hidden bool, err error) {
	for {
		bound := slices.MinFunc(shown, byIdentity).Identity
		below, err := w.below(ctx, bound)
		if err != nil || len(below) == 0 {
			return shown, hidden, err
		}
		if err := w.spend(1); err != nil {
			return nil, false, err
		}
		shown, hidden = below, true
	}
}

// errOneSided says that the sink cannot be asked for what lies between two
// identities: it does not know lt, or looks at one condition only.
var errOneSided = errors.New("v4's Search cannot be asked for what lies between two identities")

// below asks what lies between last and bound.
func (w *aboveWalk) below(ctx context.Context, bound int64) ([]preauth.Hold, error) {
	holds, err := w.ask(ctx, above(w.last), condition{Name: "identity", Operator: "lt", Value: bound})
	if errors.Is(err, errConditionIgnored) {
		return nil, errOneSided
	}
	refusal, refused := errors.AsType[*preauth.SinkRefusal](err)
	if refused && refusal.Status == http.StatusBadRequest {
		return nil, errOneSided
	}
	return holds, err
}

// run counts the holds, of some in order, whose identities follow on one another
// without room for any between.
func run(holds []preauth.Hold) int {
	n := 1
	for n < len(holds) && holds[n].Identity-holds[n-1].Identity <= 1 {
		n++
	}
	return n
}

// spend counts the requests that a sink which behaves would not need.
func (w *aboveWalk) spend(requests int) error {
	if w.extra += requests; w.extra <= maxExtra {
		return nil
	}
	return fmt.Errorf("v4 search: v4's Search does not honour orderBy, and everything above identity %d takes more than the %d "+
		"further requests allowed for that; it is complete up to %d", w.from, maxExtra, w.last)
}

func byIdentity(a, b preauth.Hold) int { return cmp.Compare(a.Identity, b.Identity) }

func above(identity int64) condition {
	return condition{Name: "identity", Operator: "gt", Value: identity}
}

// ask gives what fulfils the conditions on identities; what does not is dropped. A
// reply with nothing else is an error: it comes from a sink that does not look at the
// conditions, and so does not say that there is nothing.
func (w *aboveWalk) ask(ctx context.Context, conditions ...condition) ([]preauth.Hold, error) {
	var holds []preauth.Hold
	shown := 0
	_, err := w.client.search(ctx, query{
		Top: walkTop, Search: conditions, OrderBy: []order{{Name: "identity", Direction: "asc"}},
	}, func(found []preauth.Hold) error {
		shown = len(found)
		holds = slices.DeleteFunc(found, func(hold preauth.Hold) bool {
			return slices.ContainsFunc(conditions, func(each condition) bool { return !each.holds(hold.Identity) })
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if shown > 0 && len(holds) == 0 {
		return nil, fmt.Errorf("v4 search: asked for identities %s, the sink showed %d objects: %w",
			spelled(conditions), shown, errConditionIgnored)
	}
	if !slices.IsSortedFunc(holds, byIdentity) {
		w.unordered = true
	}
	return holds, nil
}

var errConditionIgnored = errors.New("none of them is there")

func spelled(conditions []condition) string {
	text := fmt.Sprintf("above %d", conditions[0].Value)
	if len(conditions) > 1 {
		text += fmt.Sprintf(" and below %d", conditions[1].Value)
	}
	return text
}

// holds tells whether an identity fulfils a condition on it.
func (c condition) holds(identity int64) bool {
	bound, _ := c.Value.(int64)
	if c.Operator == "lt" {
		return identity < bound
	}
	return identity > bound
}
