package connector

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// Found is a customer that a search has shown.
type Found struct {
	ID preauth.ID
	// At is when the customer was updated, or when its stay ends: what the search goes
	// by. It is zero where the reply does not say.
	At time.Time
}

// Customers finds the customers that were updated within a span of time, and
// hands over one page after the other, from the calling goroutine. Beside the
// customers themselves they are those into which one was merged, with the time of
// that one's update. Ids are distinct within a page; the same may come again in a
// later one.
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
func (c *Client) Customers(ctx context.Context, from, to time.Time, page func([]Found) error) error {
	return c.updated(ctx, customerListing(), from, to, page)
}

// MergedWithin is Customers for those alone into whom one was merged.
func (c *Client) MergedWithin(ctx context.Context, from, to time.Time, page func([]Found) error) error {
	return c.updated(ctx, targetListing(), from, to, page)
}

func (c *Client) updated(ctx context.Context, through listing, from, to time.Time, page func([]Found) error) error {
	w := c.walk(through, page)
	return w.spans(ctx, from, to, func(span interval) (string, parameters) {
		asked := ofCustomers()
		asked.UpdatedUTC = &span
		return "the customers updated " + span.String() + " are", asked
	})
}

// Guests finds the customers whose reservations collide with a span of time: from
// the scheduled start of their stay to its end (vendor's docs). Where the time
// updatedSince is set, only reservations that were updated since then count; those
// that enter the span as it moves on need not be among them. At is the latest end
// of the stay that an entry names. Reservations of others than customers, such as
// companies, are left out. Pages, intervals and errors are as for Customers.
//
// It asks reservations/getAll/2023-06-06 (vendor's docs), and not for States:
// what is left out when none is named is not documented there, and a list of
// states would hide the guests of those that are still to come.
func (c *Client) Guests(ctx context.Context, from, to, updatedSince time.Time, page func([]Found) error) error {
	updated := c.since(updatedSince)
	w := c.walk(reservationListing(), page)
	return w.spans(ctx, from, to, func(span interval) (string, parameters) {
		return "the guests of reservations " + span.String() + " are",
			parameters{CollidingUTC: &span, UpdatedUTC: updated}
	})
}

// since is an interval from then on. It has the longest end there may be, so that
// nobody's clock matters, and is nil, which finds everything, when even that one
// has passed.
func (c *Client) since(at time.Time) *interval {
	start := at.UTC().Truncate(time.Second)
	end := start.Add(longestInterval)
	if at.IsZero() || !end.After(c.now().Add(ClockSkew)) {
		return nil
	}
	return &interval{StartUTC: start, EndUTC: end}
}

// ClockSkew is how far the API's clock may be ahead of ours without hiding what has
// happened just now.
const ClockSkew = 10 * time.Minute

// longestChain is how many merges, one after the other, are followed.
const longestChain = 10

// Merged finds out into whom customers were merged, and hands over the targets,
// each with the At of whom was merged into it: page by page, from the calling
// goroutine. A target that was itself merged is followed to its own.
//
// It asks customers/getAll by CustomerIds, at most 1000 in a request (vendor's
// docs). A customer whom the API refuses has no target. An error means that there may
// be more targets than were handed over; the other requests are still sent. An error of page, or the end of ctx, ends it.
func (c *Client) Merged(ctx context.Context, of []Found, page func([]Found) error) error {
	asked := map[preauth.ID]time.Time{}
	var next []Found
	w := c.walk(mergeListing(asked), func(targets []Found) error {
		next = append(next, targets...)
		return page(targets)
	})
	var failures []error
	for range longestChain {
		fresh := unasked(asked, of)
		if len(fresh) == 0 {
			return errors.Join(failures...)
		}
		next = nil
		for part := range slices.Chunk(fresh, MaxCustomers) {
			if err := w.merges(ctx, part); err != nil {
				failures = append(failures, err)
			}
			if w.over || ctx.Err() != nil {
				return errors.Join(failures...)
			}
		}
		of = next
	}
	if len(unasked(asked, of)) > 0 {
		failures = append(failures, fmt.Errorf("customers were merged more than %d times, one into the other: the last are not known", longestChain))
	}
	return errors.Join(failures...)
}

// unasked notes those that have not been asked for, and gives their ids.
func unasked(asked map[preauth.ID]time.Time, of []Found) []preauth.ID {
	var fresh []preauth.ID
	for _, each := range of {
		at, known := asked[each.ID]
		if !known {
			fresh = append(fresh, each.ID)
		}
		if !known || at.Before(each.At) {
			asked[each.ID] = each.At
		}
	}
	return fresh
}

// merges reads the targets of so many customers. A request that the API finds invalid
// is divided, so that an unknown customer stands alone: polls tell who that is. When
// all are refused, or so many in a row, it is about something else.
func (w *walk) merges(ctx context.Context, ids []preauth.ID) error {
	accepted, refused := false, 0
	var failures []error
	for pending := [][]preauth.ID{ids}; len(pending) > 0; {
		part := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		asked := ofCustomers()
		asked.CustomerIDs = part
		err := w.read(ctx, asked, len(part))
		refusal, answered := errors.AsType[*Error](err)
		switch {
		case err == nil:
			accepted, refused = true, 0
		case !answered && w.entries > 0 && len(pending) > 0: // this part was read, if not in full
			accepted, refused = true, 0
			failures = append(failures, err)
		case !answered || refusal.Status != http.StatusBadRequest || refused >= mostRefusedAtFirst:
			return fmt.Errorf("into whom customers were merged is not known in full: %w", err)
		case len(part) > 1:
			half := len(part) / 2
			pending = append(pending, part[half:], part[:half])
		case !accepted && len(pending) == 0:
			return fmt.Errorf("into whom customers were merged is not known: %w", err)
		default:
			refused++
		}
	}
	return errors.Join(failures...)
}

// ofCustomers asks for deleted customers too: they may still have
// preauthorizations, and what is left out when no state is named is not documented
// for customers; elsewhere in the API only active ones come (vendor's docs).
func ofCustomers() parameters {
	return parameters{Extent: &extent{Customers: true}, ActivityStates: []string{"Active", "Deleted"}}
}
