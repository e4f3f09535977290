package connector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// Limits of one walk through the customers.
const (
	// longestInterval is the shortest that three months can be, which is the most
	// that UpdatedUtc may span (vendor's docs).
	longestInterval = 89 * 24 * time.Hour
	// mostPerPage is the API's (vendor's docs). Where a page of that size is too much,
	// it is halved until it would be below leastPerPage.
	mostPerPage  = 1000
	leastPerPage = 125
	// mostPages of one interval are two million customers, or a server that goes in
	// circles under ever new cursors.
	mostPages = 2000
	// mostEmpty pages in a row may lead on. One can be all that was filtered out of it;
	// many are such circles, and would use up the rate limit for nothing.
	mostEmpty = 3
)

// extent says what of a customer is wanted. It is required (vendor's docs).
type extent struct{ Customers bool }

// interval is a span of time.
type interval struct {
	StartUTC time.Time `json:"StartUtc"`
	EndUTC   time.Time `json:"EndUtc"`
}

// limitation says which page is wanted. Without a Cursor it is the first, which
// has the newest entries (vendor's docs).
type limitation struct {
	Count  int
	Cursor json.RawMessage `json:",omitempty"`
}

// Customers finds the customers that were updated within a span of time, and
// hands over the ids of one page after the other, from the calling goroutine.
// Beside the customers themselves they are those into which one was merged. Ids
// are distinct within a page; the same may come again in a later one.
//
// It asks customers/getAll (vendor's docs), for intervals of at most 89 days,
// the newest first. A page that is too much (408, 413, or a reply over the
// limit) is asked for again in a smaller size.
//
// An error means that there may be more customers than were handed over, and
// says in which interval; what was handed over stands. The rest of an interval
// whose page cannot be read is lost with its cursor, but the other intervals
// are still read. Entries without a usable id are such an error too. An error of
// page, or the end of ctx, ends the walk.
func (c *Client) Customers(ctx context.Context, from, to time.Time, page func([]preauth.ID) error) error {
	if !from.Before(to) {
		return fmt.Errorf("cannot look for customers from %s to %s: that is no span of time",
			from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	w := &walk{client: c, hand: page, count: mostPerPage}
	var failures []error
	for _, each := range intervals(from, to) {
		err := w.read(ctx, each)
		if err == nil {
			continue
		}
		failures = append(failures, fmt.Errorf("the customers updated from %s to %s are not known in full: %w",
			each.StartUTC.Format(time.RFC3339), each.EndUTC.Format(time.RFC3339), err))
		if w.over || ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failures...)
}

// intervals divides a span, widened to whole seconds, the newest first. Where
// two meet they share an instant, since nothing says whether ends are included.
func intervals(from, to time.Time) []interval {
	from, to = from.UTC().Truncate(time.Second), to.UTC().Add(time.Second-1).Truncate(time.Second)
	var all []interval
	for to.After(from) {
		start := to.Add(-longestInterval)
		if start.Before(from) {
			start = from
		}
		all = append(all, interval{StartUTC: start, EndUTC: to})
		to = start
	}
	return all
}

// walk is one Customers under way.
type walk struct {
	client *Client
	hand   func([]preauth.ID) error
	// count is the size of a page. What was too much once stays so.
	count int
	// unusable counts the entries of the present interval that had to be left out.
	unusable int
	// over is set when the receiver wants no more.
	over bool
}

// read reads one interval. Its error is everything that makes it incomplete.
func (w *walk) read(ctx context.Context, span interval) error {
	w.unusable = 0
	err := w.through(ctx, span)
	if w.unusable > 0 {
		err = errors.Join(err, fmt.Errorf("entries whose Id or MergeTargetId is no UUID: %d", w.unusable))
	}
	return err
}

// through goes from page to page until there is no more.
func (w *walk) through(ctx context.Context, span interval) error {
	var cursor json.RawMessage
	seen := map[string]bool{}
	empty := 0
	for range mostPages {
		p, err := w.ask(ctx, span, cursor)
		if err != nil {
			return err
		}
		w.unusable += p.unusable
		if len(p.ids) > 0 {
			if err := w.hand(p.ids); err != nil {
				w.over = true
				return err
			}
		}
		empty++
		if p.entries > 0 {
			empty = 0
		}
		cursor = p.cursor
		again := seen[string(cursor)]
		switch {
		case cursor == nil:
			return nil
		case again && p.entries == 0:
			return nil // the docs also say that there is always a cursor: this one leads nowhere new
		case again:
			return errors.New("the API gave one cursor twice: its pages go in circles")
		case empty > mostEmpty:
			return fmt.Errorf("the API gave %d empty pages in a row, each with a new cursor: its pages lead nowhere", empty)
		}
		seen[string(cursor)] = true
	}
	return fmt.Errorf("there is no end after %d pages", mostPages)
}

// ask reads one page, in a smaller size if need be: a cursor is a place, and
// does not depend on the size.
func (w *walk) ask(ctx context.Context, span interval, cursor json.RawMessage) (*customerPage, error) {
	for {
		p, err := w.client.customerPage(ctx, span, limitation{Count: w.count, Cursor: cursor})
		if err == nil || !tooMuch(err) || w.count/2 < leastPerPage {
			return p, err
		}
		w.count /= 2
	}
}

// customerPage sends one request. It wants deleted customers too: they may still
// have preauthorizations, and what is left out when no state is named is not
// documented for customers; elsewhere in the API only active ones come (vendor's docs).
func (c *Client) customerPage(ctx context.Context, span interval, limit limitation) (*customerPage, error) {
	var p *customerPage
	_, err := c.call(ctx, request{
		operation: "customers", resource: "customers/getAll",
		parameters: parameters{
			Extent: &extent{Customers: true}, ActivityStates: []string{"Active", "Deleted"},
			UpdatedUTC: &span, Limitation: &limit,
		},
		divisible: limit.Count/2 >= leastPerPage,
		use: func(body io.Reader) (err error) {
			p, err = decodeCustomers(body)
			return err
		},
	})
	return p, err
}
