package month_test

import (
	"time"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// stay is one guest's, while it is written.
type stay struct {
	*script
	*profile

	h                      *hotel
	booked, arrive, depart time.Time
	nights                 int
	// cancelled is when the guest cancels the reservation, zero when not.
	cancelled time.Time
	// merged is when the guest's customer becomes another one, and before the one until then.
	merged time.Time
	before string
}

// stay writes what one guest does who arrives on that day of the month.
func (s *script) stay(h *hotel, arrival int) {
	d := h.dice
	st := &stay{script: s, h: h, nights: 1 + d.IntN(4)}
	midnight := s.began.Add(time.Duration(arrival) * day)
	st.arrive = midnight.Add(d.between(14*time.Hour, 22*time.Hour))
	st.depart = midnight.Add(time.Duration(st.nights) * day).Add(d.between(7*time.Hour, 11*time.Hour))
	dayUse := d.chance(0.004 * s.rare)
	walksIn := dayUse || d.chance(0.12)
	st.booked = st.arrive.Add(-d.between(2*time.Hour, 12*day))
	if walksIn {
		st.booked = st.arrive.Add(-d.between(2*time.Minute, 6*time.Minute))
	}
	if st.depart.Before(s.began.Add(-window + day)) {
		return
	}
	st.guest()
	if !walksIn && d.chance(0.05) {
		st.cancelled = st.booked.Add(d.between(0, st.arrive.Sub(st.booked)))
	}
	st.reserve(walksIn)
	switch {
	case dayUse:
		st.useForADay()
	case d.chance(0.92):
		st.pay(walksIn)
	}
}

// guest gives somebody who has been here before, or somebody new.
func (st *stay) guest() {
	d := st.h.dice
	if n := len(st.h.regulars); n > 0 && d.chance(0.15) {
		if p := st.h.regulars[d.IntN(n)]; p.free.Before(st.booked) {
			st.profile = p
			st.happens(st.booked, "guests who come back", nothing)
			return
		}
	}
	st.profile = &profile{customer: d.uuid()}
	st.h.regulars = append(st.h.regulars, st.profile)
}

func (st *stay) reserve(walksIn bool) {
	id, customer, name := st.h.dice.uuid(), st.customer, st.h.name
	what := "reservations"
	if walksIn {
		what = "walk-ins"
	}
	start, end, booked := st.arrive, st.depart, st.booked
	st.happens(booked, what, func(w *simulator.World) error {
		_, err := w.Reserve(simulator.Reservation{
			ID: id, Enterprise: name, CustomerID: customer, Start: start, End: end, Updated: booked,
		})
		return err
	})
	from := st.arrive.Add(-window)
	if st.booked.After(from) || st.h.updates {
		from = st.booked
	}
	st.h.knows(customer, from)
	if !st.cancelled.IsZero() {
		st.happens(st.cancelled, "reservations cancelled", func(w *simulator.World) error {
			return w.UpdateReservation(id, func(r *simulator.Reservation) { r.State = simulator.Canceled })
		})
		return
	}
	st.happens(end, "departures", func(w *simulator.World) error {
		return w.UpdateReservation(id, func(r *simulator.Reservation) { r.State, r.ActualEnd = "Processed", end })
	})
	st.free = st.depart.Add(5 * day)
}

// useForADay pays minutes after the arrival, before a cycle can see the hold.
func (st *stay) useForADay() {
	e := st.authorize(st.arrive.Add(time.Minute), st.newCard(st.arrive.Add(time.Minute)))
	e.changes = append(e.changes, change{at: e.made.Add(st.h.dice.between(time.Minute, 3*time.Minute)), state: simulator.Charged, amount: e.amount})
	st.publish(e)
}

// pay writes how a guest pays: a card, its preauthorization, and what becomes of it.
func (st *stay) pay(walksIn bool) {
	d := st.h.dice
	made := st.arrive.Add(d.between(time.Minute, 20*time.Minute))
	if ahead := st.arrive.Add(-d.between(time.Hour, 3*day)); !walksIn && d.chance(0.6) && ahead.After(st.booked.Add(5*time.Minute)) {
		made = ahead
	}
	if !st.cancelled.IsZero() {
		if made.Before(st.cancelled) {
			e := st.authorize(made, st.newCard(made))
			e.changes = append(e.changes, change{at: st.cancelled.Add(time.Minute), state: simulator.Cancelled, amount: e.amount})
			st.publish(e)
		}
		return
	}
	if stays := st.depart.Add(-3 * time.Hour); d.chance(0.035) && stays.After(made.Add(time.Hour)) {
		st.merge(made.Add(d.between(30*time.Minute, stays.Sub(made))))
	}
	if st.card == nil || d.chance(0.3) {
		held := made
		if d.chance(0.4) {
			held = st.booked.Add(time.Minute) // given when booking
		}
		st.card = st.newCard(held)
	}
	e := st.authorize(made, st.card)
	if swap := made.Add(d.between(time.Hour, 20*time.Hour)); d.chance(0.04) && swap.Before(st.depart.Add(-time.Hour)) {
		e.changes = append(e.changes, change{at: swap.Add(d.between(time.Minute, time.Hour)), state: simulator.Cancelled, amount: e.amount})
		st.publish(e)
		st.card = st.newCard(swap)
		e = st.authorize(swap, st.card)
		st.happens(swap, "cards swapped", nothing)
	}
	st.settle(e)
	st.publish(e)
}

// merge makes the guest another customer: one who was there before, or a new one.
func (st *stay) merge(at time.Time) {
	d := st.h.dice
	from, into, name := st.customer, d.uuid(), st.h.name
	added := at.Add(-10 * time.Minute)
	if d.chance(0.5) {
		added = st.began.Add(-time.Minute)
	}
	st.happens(added, "", func(w *simulator.World) error {
		_, err := w.AddCustomer(name, into)
		return err
	})
	st.happens(at, "customers merged", func(w *simulator.World) error { return w.Merge(from, into) })
	st.merged, st.before = at, from
	st.h.knows(into, at)
	if st.h.updates {
		st.h.knows(into, added)
	}
	st.customer = into
}

// authorize writes a preauthorization.
func (st *stay) authorize(made time.Time, c *card) *entry {
	d := st.h.dice
	e := &entry{
		hotel: st.h, id: d.uuid(), customer: st.customer, card: c, made: made, currency: st.h.currency,
		amount: decimal.New(int64(st.nights)*int64(6000+d.IntN(18000))+int64(d.IntN(9000)), -2),
	}
	if made.Before(st.merged) {
		e.customer = st.before
	}
	switch {
	case d.chance(0.012 * st.rare):
		e.currency = "USD"
	case d.chance(0.005 * st.rare):
		e.amount = decimal.Zero
	case d.chance(0.005 * st.rare):
		e.unnamed = true
	case d.chance(0.005 * st.rare):
		e.amount = e.amount.Add(decimal.New(5, -3)) // of a cent
	}
	st.h.entries = append(st.h.entries, e)
	return e
}

// publish lets an entry and its changes happen.
func (st *stay) publish(e *entry) {
	p := simulator.Preauthorization{
		ID: e.id, CustomerID: e.customer, CardID: e.card.id, Enterprise: e.hotel.name, Amount: e.amount, Currency: e.currency,
	}
	if e.unnamed {
		p.RawGross = "null"
	}
	st.happens(e.made, "preauthorizations", func(w *simulator.World) error {
		_, err := w.AddPreauthorization(p)
		return err
	})
	for _, c := range e.changes {
		st.happens(c.at, "", func(w *simulator.World) error {
			return w.Update(e.id, func(p *simulator.Preauthorization) { p.State, p.Inactive, p.Amount = c.state, c.inactive, c.amount })
		})
	}
}
