package app

import (
	"context"
	"errors"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sources/connector"
	"github.com/preauth-sync/preauth-sync/sync/engine"
)

// Discover looks for customers as the configuration asks for it: for those that were
// updated, for guests, and for those into whom others were merged. It is what
// engine.PropertyOptions.Discover says.
func Discover(
	ctx context.Context, source *connector.Client, cfg config.Customers, now time.Time, walk engine.Walk, page func([]preauth.FoundCustomer) error,
) error {
	s := &search{source: source, within: cfg.Discover, now: now, walk: walk, page: page}
	if walk.Since.IsZero() {
		listed, _ := Customers(cfg) // whoever reads the list tells what is wrong with it
		for _, id := range listed.IDs {
			s.merged = append(s.merged, connector.Found{ID: id})
		}
	}
	var failures []error
	for _, step := range []func(context.Context) error{s.updated, s.guests, s.arriving, s.targets} {
		if err := step(ctx); err != nil {
			failures = append(failures, err)
		}
		if s.over || ctx.Err() != nil {
			break
		}
	}
	return errors.Join(append(failures, ctx.Err())...)
}

func (a *App) discover(source *connector.Client, cfg config.Customers) func(context.Context, engine.Walk, func([]preauth.FoundCustomer) error) error {
	if cfg.Discover == (config.Discover{}) {
		return nil
	}
	return func(ctx context.Context, walk engine.Walk, page func([]preauth.FoundCustomer) error) error {
		return Discover(ctx, source, cfg, a.outside.Clock(), walk, page)
	}
}

// search is one walk of discovery.
type search struct {
	source *connector.Client
	within config.Discover
	now    time.Time
	walk   engine.Walk
	page   func([]preauth.FoundCustomer) error
	// merged are those who may have been merged into others.
	merged []connector.Found
	// over is set when the receiver wants no more.
	over bool
}

// new is from when on changes are wanted, zero for everything.
func (s *search) new() time.Time {
	if s.walk.All {
		return time.Time{}
	}
	return s.walk.Since
}

// hand hands over a page, each with the time until which it is looked for: so long
// after what it goes by, or after now where the PMS names no time.
func (s *search) hand(within time.Duration) func([]connector.Found) error {
	return func(found []connector.Found) error {
		out := make([]preauth.FoundCustomer, 0, len(found))
		for _, each := range found {
			at := each.At
			if at.IsZero() {
				at = s.now
			}
			out = append(out, preauth.FoundCustomer{ID: each.ID, Until: at.Add(within)})
		}
		err := s.page(out)
		s.over = err != nil
		return err
	}
}

// updated finds who was updated within its window. The reply names the targets of
// merges by itself.
func (s *search) updated(ctx context.Context) error {
	within := s.within.UpdatedWithin
	if within == 0 {
		return nil
	}
	from := s.now.Add(-within)
	if since := s.new(); since.After(from) {
		from = since
	}
	return s.source.Customers(ctx, from, s.now.Add(connector.ClockSkew), s.hand(within))
}

// guests finds those whose stay collides with its window, or whose reservation has
// been updated since.
func (s *search) guests(ctx context.Context) error {
	within := s.within.ReservationsWithin
	if within == 0 {
		return nil
	}
	return s.source.Guests(ctx, s.now.Add(-within), s.now.Add(within), s.new(), s.guest())
}

// arriving finds those whose stay has come into the window since, though nothing was
// updated.
func (s *search) arriving(ctx context.Context) error {
	within := s.within.ReservationsWithin
	if within == 0 || s.walk.All {
		return nil
	}
	return s.source.Guests(ctx, s.walk.Since.Add(within), s.now.Add(within), time.Time{}, s.guest())
}

func (s *search) guest() func([]connector.Found) error {
	hand := s.hand(s.within.ReservationsWithin)
	return func(found []connector.Found) error {
		if s.walk.Since.IsZero() {
			s.merged = append(s.merged, found...)
		}
		return hand(found)
	}
}

// targets finds those into whom customers were merged: what belongs to a merged customer
// the PMS shows under the target. A walk that relies on none before it asks for the guests
// and for the listed by their Ids, others for whom was merged since; and where updated
// customers are looked for, that has told it already.
func (s *search) targets(ctx context.Context) error {
	hand := s.hand(s.within.ReservationsWithin)
	switch {
	case s.walk.Since.IsZero() && len(s.merged) > 0:
		return s.source.Merged(ctx, s.merged, hand)
	case s.walk.Since.IsZero():
		return nil
	case s.within.UpdatedWithin > 0 && !s.walk.Since.Before(s.now.Add(-s.within.UpdatedWithin)):
		return nil
	}
	return s.source.MergedWithin(ctx, s.walk.Since, s.now.Add(connector.ClockSkew), hand)
}
