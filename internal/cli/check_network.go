package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sources/connector"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// discovered says whom discovery looks for.
func discovered(within config.Discover) string {
	said := ""
	if within.UpdatedWithin > 0 {
		said += fmt.Sprintf(", and whom the PMS has updated within %s", within.UpdatedWithin)
	}
	if within.ReservationsWithin > 0 {
		said += fmt.Sprintf(", and the guests of reservations within %s", within.ReservationsWithin)
	}
	return said
}

// sample gives customers to ask for: the listed, or else those that can be found. Each
// way of finding them is tried: a token may open the one and not the other.
func (c *checker) sample(ctx context.Context, p config.Property, source *connector.Client) []preauth.ID {
	list, _ := app.Customers(p.Customers) // customers has told what is wrong with it
	within := p.Customers.Discover
	updated := c.discover(ctx, p.Name, "updated_within", config.Discover{UpdatedWithin: within.UpdatedWithin}, source)
	guests := c.discover(ctx, p.Name, "reservations_within", config.Discover{ReservationsWithin: within.ReservationsWithin}, source)
	c.merges(ctx, p.Name, guests, source)
	return append(append(list.IDs, updated...), guests...)
}

// discover tries one way of finding customers, and gives its first page.
func (c *checker) discover(ctx context.Context, name, way string, within config.Discover, source *connector.Client) (ids []preauth.ID) {
	if within == (config.Discover{}) {
		return nil
	}
	enough := errors.New("one page is enough")
	err := app.Discover(ctx, source, config.Customers{Discover: within}, time.Now(), engine.Walk{All: true}, func(page []preauth.FoundCustomer) error {
		for _, found := range page {
			ids = append(ids, found.ID)
		}
		return enough
	})
	if err != nil && !errors.Is(err, enough) {
		c.fail("discover", fmt.Errorf("%s: %s: %w", name, way, err))
		return nil
	}
	c.ok("discover", "%s: %s, the first page has %s", name, way, plural(len(ids), "customer", "customers"))
	return ids
}

// merges asks for guests by their Ids, as a cycle does to find out into whom they were
// merged: a token may open reservations and not customers.
func (c *checker) merges(ctx context.Context, name string, guests []preauth.ID, source *connector.Client) {
	var of []connector.Found
	for _, id := range guests[:min(len(guests), connector.MaxCustomers)] {
		of = append(of, connector.Found{ID: id})
	}
	if len(of) == 0 {
		return
	}
	merged := 0
	err := source.Merged(ctx, of, func(targets []connector.Found) error {
		merged += len(targets)
		return nil
	})
	if err != nil {
		c.fail("merged", fmt.Errorf("%s: guests cannot be read by their Ids, and without that the first run does not end: %w", name, err))
		return
	}
	c.ok("merged", "%s: asked for %s, %d merged into another", name, plural(len(of), "guest", "guests"), merged)
}

// sink asks one v4, and which of its payment methods cards are.
func (c *checker) sink(ctx context.Context, sink app.Sink) {
	who, of := "v4", ""
	if sink.Own {
		who, of = "the v4 of "+sink.Name, sink.Name+": "
	}
	began := time.Now()
	at, err := sink.Reach(ctx)
	if err != nil {
		c.fail("v4", fmt.Errorf("%s%w", of, err))
		return
	}
	c.ok("v4", "%s%s, logged in and searched, %d ms", of, sink.Config.Address, time.Since(began).Milliseconds())
	c.clock(who, at)
	for _, p := range c.cfg.Properties {
		if p.PaymentMethods.Lookup != "" && app.SinkOf(p) == sink.Name {
			c.lookup(ctx, p, sink)
		}
	}
}

// nobodysCard is asked for where no card is at hand, to see whether v4 answers at all.
const nobodysCard = "00000000-0000-4000-8000-000000000000"

// lookup asks for a card of the property's first customer.
func (c *checker) lookup(ctx context.Context, p config.Property, sink app.Sink) {
	field, card := p.PaymentMethods.Lookup, nobodysCard
	for _, each := range c.cards[p.Name] {
		card = cmp.Or(each, card)
	}
	found, err := sink.FindMethods(ctx, field, []string{card})
	switch answer := plan.LookUp(sink.Name, field, card, found[card], time.Now()); {
	case err != nil:
		c.fail("lookup", fmt.Errorf("%s: %w", p.Name, err))
	case card == nobodysCard:
		c.ok("lookup", "%s: v4 answers; its first customer has no card to ask for", p.Name)
	case answer.ID == 0:
		c.warn("lookup", "%s: %s", p.Name, answer.Found)
	default:
		c.ok("lookup", "%s: card %s is payment method %d", p.Name, card, answer.ID)
	}
}
