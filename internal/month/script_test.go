package month_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

const (
	day = 24 * time.Hour
	// window is discover.reservations_within. Cards are authorized three days before an
	// arrival at the earliest, and charged four days after a departure at the latest.
	window = 7 * day
	// updatedWindow is discover.updated_within, in the properties that have it.
	updatedWindow = 3 * day
)

// The names of the two v4 tenants.
const (
	groupTenant = "group"
	apartTenant = "apart"
)

// script is everything that is going to happen in the hotels.
type script struct {
	size

	seed        uint64
	began, ends time.Time
	hotels      []*hotel
	// events are in the order of their times.
	events []event
	// plot is what goes wrong.
	plot plot
	// told counts what happens, for the report.
	told map[string]int
}

// event is something that happens in the PMS or in v4.
type event struct {
	at time.Time
	do func(*simulator.World) error
}

// hotel is one property.
type hotel struct {
	name, currency, tenant string
	rooms                  int
	// updates is set where customers are found by when they were updated, too.
	updates bool
	dice    dice
	entries []*entry
	cards   []*card
	// known tells from when on discovery must have shown a customer.
	known    map[string]time.Time
	regulars []*profile
}

// profile is a guest who may come back.
type profile struct {
	customer string
	card     *card
	// free is when the stay before is over and paid.
	free time.Time
}

// entry is a preauthorization and its story.
type entry struct {
	hotel        *hotel
	id, customer string
	card         *card
	amount       decimal.Decimal
	currency     string
	// unnamed is set when the PMS names no gross value.
	unnamed bool
	made    time.Time
	changes []change
}

// change is what the PMS says of an entry from a moment on.
type change struct {
	at       time.Time
	state    string
	inactive bool
	amount   decimal.Decimal
}

// at gives what the PMS says of an entry at a moment, once it is made.
func (e *entry) at(moment time.Time) change {
	is := change{at: e.made, state: simulator.Chargeable, amount: e.amount}
	for _, next := range e.changes {
		if !next.at.After(moment) {
			is = next
		}
	}
	return is
}

// charged gives when the PMS says that it has charged the entry, and whether it does by then.
func (e *entry) charged(by time.Time) (time.Time, bool) {
	for _, c := range e.changes {
		if c.state == simulator.Charged && !c.at.After(by) {
			return c.at, true
		}
	}
	return time.Time{}, false
}

// usable tells whether the amount of an entry can be held, as the PMS says it.
func (e *entry) usable(says change) bool {
	return !e.unnamed && says.amount.IsPositive() && says.amount.Equal(says.amount.Round(2))
}

// billable tells whether its property's tenant bills in its currency.
func (e *entry) billable() bool { return e.currency == e.hotel.currency }

// card is a guest's card, and the payment methods that v4 has with its Id.
type card struct {
	id      string
	hotel   *hotel
	methods []method
}

// method is a payment method. At flips, unless that is zero, it changes between active
// and not.
type method struct {
	from, flips time.Time
	inactive    bool
	declines    bool
}

func (m method) activeAt(moment time.Time) bool {
	flipped := !m.flips.IsZero() && !m.flips.After(moment)
	return !m.from.After(moment) && m.inactive == flipped
}

// found tells whether v4 has exactly one active method for the card at a moment.
func (c *card) found(moment time.Time) bool {
	active := 0
	for _, m := range c.methods {
		if m.activeAt(moment) {
			active++
		}
	}
	return active == 1
}

// foundBy tells whether v4 had exactly one at any moment of a span of time.
func (c *card) foundBy(from, to time.Time) bool {
	moments := []time.Time{from, to}
	for _, m := range c.methods {
		moments = append(moments, m.from, m.flips)
	}
	return slices.ContainsFunc(moments, func(at time.Time) bool {
		return !at.Before(from) && !at.After(to) && c.found(at)
	})
}

func (c *card) declines() bool {
	return slices.ContainsFunc(c.methods, func(m method) bool { return m.declines })
}

// write writes the script of a month that begins at a moment.
func write(of size, seed uint64, began time.Time) *script {
	s := &script{size: of, seed: seed, began: began, ends: began.Add(time.Duration(of.days) * day), told: map[string]int{}}
	for i := range of.hotels {
		d := dice{rand.New(rand.NewPCG(seed, uint64(i)))}
		h := &hotel{
			name: fmt.Sprintf("hotel-%02d", i+1), currency: "EUR", tenant: groupTenant, dice: d, updates: i%4 == 1,
			rooms: of.least + d.IntN(of.most-of.least+1), known: map[string]time.Time{},
		}
		if i == of.hotels-1 {
			h.tenant, h.currency = apartTenant, "CZK"
		}
		s.hotels = append(s.hotels, h)
		// Those who left before the window began are not known, and owe nothing.
		for arrival := -10; arrival < of.days+int(window/day); arrival++ {
			for range d.about(float64(h.rooms) * 0.72 / 2.5) {
				s.stay(h, arrival)
			}
		}
	}
	s.plot = s.spoil()
	slices.SortStableFunc(s.events, func(a, b event) int { return a.at.Compare(b.at) })
	return s
}

// happens adds an event, unless the month is over by then.
func (s *script) happens(at time.Time, what string, do func(*simulator.World) error) {
	if !at.Before(s.ends) {
		return
	}
	if !at.Before(s.began) && what != "" {
		s.told[what]++
	}
	s.events = append(s.events, event{at: at, do: do})
}

// nothing is what changes by an event that is only to be told.
func nothing(*simulator.World) error { return nil }

// entries gives all that are made within the month, or before.
func (s *script) entries() []*entry {
	var all []*entry
	for _, h := range s.hotels {
		for _, e := range h.entries {
			if e.made.Before(s.ends) {
				all = append(all, e)
			}
		}
	}
	slices.SortFunc(all, func(a, b *entry) int { return cmp.Compare(a.id, b.id) })
	return all
}

// knows notes from when on discovery must know a customer.
func (h *hotel) knows(customer string, from time.Time) {
	if at, ok := h.known[customer]; !ok || from.Before(at) {
		h.known[customer] = from
	}
}

// dice decide everything.
type dice struct{ *rand.Rand }

func (d dice) chance(p float64) bool { return d.Float64() < p }

// between gives a time to the millisecond, which is never that of a cycle.
func (d dice) between(least, most time.Duration) time.Duration {
	return least + time.Duration(d.Int64N(int64(most-least)/int64(time.Millisecond)))*time.Millisecond
}

// about gives a whole number near a mean.
func (d dice) about(mean float64) int {
	whole, part := math.Modf(mean * (0.6 + 0.8*d.Float64()))
	if d.chance(part) {
		whole++
	}
	return int(whole)
}

// weighed picks by weight.
func (d dice) weighed(weights []weight) string {
	total := 0.0
	for _, w := range weights {
		total += w.share
	}
	at := d.Float64() * total
	for _, w := range weights {
		if at -= w.share; at < 0 {
			return w.what
		}
	}
	return weights[len(weights)-1].what
}

type weight struct {
	what  string
	share float64
}

func (d dice) uuid() string {
	var u uuid.UUID
	for i := range u {
		u[i] = byte(d.Uint32())
	}
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return u.String()
}
