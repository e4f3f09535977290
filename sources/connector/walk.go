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

// Limits of one walk through a list.
const (
	// longestInterval is the shortest that three months can be, which is the most
	// that UpdatedUtc and CollidingUtc may span (vendor's docs).
	longestInterval = 89 * 24 * time.Hour
	// mostPerPage is the API's (vendor's docs). Where a page of that size is too much,
	// it is halved until it would be below leastPerPage.
	mostPerPage  = 1000
	leastPerPage = 125
	// mostPages of one interval are two million entries, or a server that goes in
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

// String names both ends.
func (s interval) String() string {
	return "from " + s.StartUTC.Format(time.RFC3339) + " to " + s.EndUTC.Format(time.RFC3339)
}

// limitation says which page is wanted. Without a Cursor it is the first, which
// has the newest entries (vendor's docs).
type limitation struct {
	Count  int
	Cursor json.RawMessage `json:",omitempty"`
}

// intervals divides a span, widened to whole seconds, the newest first. Where
// two meet they share an instant, so that nothing falls between them.
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

// walk is one search through a listing under way.
type walk struct {
	client  *Client
	listing listing
	hand    func([]Found) error
	// count is the size of a page. What was too much once stays so.
	count int
	// entries, unusable and nameless count those of what is being read, see foundPage.
	entries, unusable, nameless int
	// over is set when the receiver wants no more.
	over bool
}

func (c *Client) walk(through listing, hand func([]Found) error) *walk {
	return &walk{client: c, listing: through, hand: hand, count: mostPerPage}
}

// spans reads a span, interval by interval: what is asked for each, and what its
// failure is about, is for asking to say.
func (w *walk) spans(ctx context.Context, from, to time.Time, asking func(interval) (string, parameters)) error {
	if !from.Before(to) {
		return fmt.Errorf("cannot look for customers from %s to %s: that is no span of time",
			from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	var failures []error
	for _, each := range intervals(from, to) {
		what, asked := asking(each)
		err := w.read(ctx, asked, 0)
		if err == nil {
			continue
		}
		failures = append(failures, fmt.Errorf("%s not known in full: %w", what, err))
		if w.over || ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failures...)
}

// read reads all that is asked for, of which there are at most so many entries, or
// any number when most is 0. Its error is everything that makes it incomplete.
func (w *walk) read(ctx context.Context, asked parameters, most int) error {
	w.entries, w.unusable, w.nameless = 0, 0, 0
	err := w.through(ctx, asked, most)
	switch odd := (&oddEntriesError{what: w.listing.unusable, n: w.unusable}); {
	case w.unusable == 0:
		return err
	case w.nameless == w.unusable && w.nameless < w.entries:
		return errors.Join(err, odd)
	default: // they may name somebody; and where all are odd, it is not about them
		return errors.Join(err, errors.New(odd.Error()))
	}
}

// oddEntriesError says which entries of a list name nobody.
type oddEntriesError struct {
	what string
	n    int
}

// Error counts them.
func (e *oddEntriesError) Error() string { return fmt.Sprintf("entries whose %s: %d", e.what, e.n) }

// Unwrap gives preauth.ErrOddEntries.
func (e *oddEntriesError) Unwrap() error { return preauth.ErrOddEntries }

// through goes from page to page until there is no more.
func (w *walk) through(ctx context.Context, asked parameters, most int) error {
	var cursor json.RawMessage
	seen := map[string]bool{}
	empty, entries := 0, 0
	for range mostPages {
		p, err := w.ask(ctx, asked, cursor)
		if err != nil {
			return err
		}
		w.entries, w.unusable, w.nameless = w.entries+p.entries, w.unusable+p.unusable, w.nameless+p.nameless
		if len(p.found) > 0 {
			if err := w.hand(p.found); err != nil {
				w.over = true
				return err
			}
		}
		empty++
		if p.entries > 0 {
			empty = 0
		}
		entries += p.entries
		cursor = p.cursor
		again := seen[string(cursor)]
		switch {
		case most > 0 && entries > most:
			return fmt.Errorf("the API gave more than the %d entries that were asked for", most)
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
func (w *walk) ask(ctx context.Context, asked parameters, cursor json.RawMessage) (*foundPage, error) {
	for {
		asked.Limitation = &limitation{Count: w.count, Cursor: cursor}
		p, err := w.page(ctx, asked)
		if err == nil || !tooMuch(err) || w.count/2 < leastPerPage {
			return p, err
		}
		w.count /= 2
	}
}

// page sends one request.
func (w *walk) page(ctx context.Context, asked parameters) (*foundPage, error) {
	var p *foundPage
	_, err := w.client.call(ctx, request{
		operation: w.listing.operation, resource: w.listing.resource, parameters: asked,
		divisible: asked.Limitation.Count/2 >= leastPerPage,
		use: func(body io.Reader) (err error) {
			p, err = w.listing.decode(body)
			return err
		},
	})
	return p, err
}
