package month_test

import (
	"time"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// The ways in which a stay ends, for the money.
const (
	chargedInFull   = "charged in full"
	chargedInPart   = "charged in part"
	chargedLate     = "pending first"
	chargedAtLast   = "failed first"
	endsCancelled   = "cancelled"
	endsExpired     = "expired"
	endsInactive    = "made inactive"
	failedForGood   = "failed for good"
	pendingForLong  = "left pending"
	neverCharged    = "left as it is"
	neverAndExpires = "left until it expires"
)

func outcomes() []weight {
	return []weight{
		{chargedInFull, 64},
		{chargedInPart, 8},
		{chargedLate, 5},
		{chargedAtLast, 3},
		{endsCancelled, 5},
		{endsExpired, 3},
		{endsInactive, 2},
		{failedForGood, 2},
		{pendingForLong, 1},
		{neverCharged, 4},
		{neverAndExpires, 3},
	}
}

// settle writes what becomes of a preauthorization after the departure.
func (st *stay) settle(e *entry) {
	d := st.h.dice
	at := st.depart.Add(d.between(-30*time.Minute, 2*time.Hour))
	if !at.After(e.made) {
		at = e.made.Add(time.Hour)
	}
	then := func(at time.Time, state string) {
		e.changes = append(e.changes, change{at: at, state: state, amount: e.amount})
	}
	switch d.weighed(outcomes()) {
	case chargedInFull:
		then(at, simulator.Charged)
	case chargedInPart:
		share := decimal.NewFromFloat(0.2 + 0.75*d.Float64())
		e.changes = append(e.changes, change{at: at, state: simulator.Charged, amount: e.amount.Mul(share).Round(2)})
	case chargedLate:
		then(at, simulator.Pending)
		then(at.Add(d.between(10*time.Minute, 5*time.Hour)), simulator.Charged)
	case chargedAtLast:
		then(at, simulator.Failed)
		then(at.Add(d.between(5*time.Hour, 30*time.Hour)), simulator.Charged)
	case endsCancelled:
		then(at, simulator.Cancelled)
	case endsExpired:
		then(at.Add(d.between(time.Hour, 4*day)), simulator.Expired)
	case endsInactive:
		e.changes = append(e.changes, change{at: at, state: simulator.Chargeable, inactive: true, amount: e.amount})
	case failedForGood:
		then(at, simulator.Failed)
	case pendingForLong:
		then(at, simulator.Pending)
	case neverAndExpires:
		then(st.depart.Add(7*day), simulator.Expired)
	}
}

// The ways in which v4 comes to know a card.
const (
	knownBefore    = "known before"
	knownSoon      = "known soon"
	knownLate      = "known hours later"
	neverKnown     = "never known"
	knownTwice     = "known twice"
	twiceForAWhile = "known twice for a while"
	knownInactive  = "known as inactive"
	activeLater    = "made active later"
	knownDeclines  = "known, and the bank declines"
)

// newCard writes a card that is new at a moment, and how v4 comes to know it.
func (st *stay) newCard(made time.Time) *card {
	d, rare := st.h.dice, st.rare
	c := &card{id: d.uuid(), hotel: st.h}
	st.h.cards = append(st.h.cards, c)
	how := d.weighed([]weight{
		{knownBefore, 30},
		{knownSoon, 47},
		{knownLate, 18},
		{neverKnown, 1.2 * rare},
		{knownTwice, 0.6 * rare},
		{twiceForAWhile, 0.6 * rare},
		{knownInactive, 0.5 * rare},
		{activeLater, 0.7 * rare},
		{knownDeclines, 0.7 * rare},
	})
	soon, later := made.Add(d.between(2*time.Minute, 80*time.Minute)), made.Add(d.between(80*time.Minute, 9*time.Hour))
	switch how {
	case knownBefore:
		c.methods = []method{{from: made.Add(-time.Minute)}}
	case knownSoon:
		c.methods = []method{{from: soon}}
	case knownLate:
		c.methods = []method{{from: later}}
	case knownTwice:
		c.methods = []method{{from: made.Add(-time.Minute)}, {from: made.Add(-30 * time.Second)}}
	case twiceForAWhile:
		c.methods = []method{{from: made.Add(-time.Minute)}, {from: made.Add(-30 * time.Second), flips: later}}
	case knownInactive:
		c.methods = []method{{from: soon, inactive: true}}
	case activeLater:
		c.methods = []method{{from: soon, flips: soon.Add(2 * time.Hour), inactive: true}}
	case knownDeclines:
		c.methods = []method{{from: made.Add(-time.Minute), declines: true}}
	}
	st.happens(made, "cards "+how, nothing)
	for i := range c.methods {
		st.addMethod(c, c.methods[i])
	}
	return c
}

// addMethod lets v4 know a card by one payment method.
func (st *stay) addMethod(c *card, m method) {
	var identity int64
	st.happens(m.from, "", func(w *simulator.World) (err error) {
		identity, err = w.AddPaymentMethod(simulator.PaymentMethod{
			Tenant: c.hotel.tenant, Identifier: c.id, Inactive: m.inactive, Declines: m.declines,
		})
		return err
	})
	if m.flips.IsZero() {
		return
	}
	st.happens(m.flips, "", func(w *simulator.World) error {
		return w.UpdatePaymentMethod(identity, func(p *simulator.PaymentMethod) { p.Inactive = !m.inactive })
	})
}
