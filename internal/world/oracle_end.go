package main

import (
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// judge compares the PMS, the ledger and v4 once nothing goes wrong any more.
func (o *oracle) judge() {
	o.tally["seeds"]++
	o.judgeAll(o.w.properties)
}

// judgeAll judges some properties.
func (o *oracle) judgeAll(properties []*property) {
	records := map[preauth.ID]plan.Record{}
	for _, rec := range o.records() {
		records[rec.ID] = rec
	}
	for _, p := range properties {
		for _, e := range p.entries {
			c, rec := o.cases[e.id], records[e.id]
			o.tally["entries"]++
			if rec.Park != nil {
				o.tally["parked "+string(rec.Park.Reason)]++
				if !o.mayPark(c, rec) && !o.waitsForFull(rec) {
					o.fail("B", e.id, "parked as %s without cause (%s), %s of %d; the PMS says %s",
						rec.Park.Reason, rec.Park.Detail, rec.Phase, rec.Identity, e.describe())
				}
			} else {
				o.tally["is "+rec.Phase.String()]++
				if !o.inStep(e, rec) && !o.waitsForFull(rec) {
					o.fail("B", e.id, "%s of %d; the PMS says %s", rec.Phase, rec.Identity, e.describe())
				}
			}
			if rec.Identity != 0 || o.w.settings.mode != engine.ModeCaptureOnly {
				o.agree(c, rec) // what v4 may hold is asked for before something is created
			}
		}
	}
}

func (e *entry) describe() string {
	p := e.shown()
	text := p.State.String() + " " + p.StateText + " " + e.amount.String() + " " + p.AmountFault
	if !e.active {
		text += " (not active)"
	}
	return text
}

// releases tells whether the PMS has let it go.
func (e *entry) releases() bool {
	return e.state == preauth.Cancelled || e.state == preauth.Expired || e.state == preauth.Chargeable && !e.active
}

func (e *entry) waits() bool { return e.state == preauth.Pending || e.state == preauth.Failed }

// inStep is the decision table, read backwards: in which phases may a
// preauthorization come to rest, with what the PMS says of it?
func (o *oracle) inStep(e *entry, rec plan.Record) bool {
	same := e.fault == "" && e.amount.Amount.Equal(rec.Amount.Amount) && e.amount.Currency == rec.Amount.Currency
	if e.isAnswered(rec) && e.staysAnswered(rec.Phase, same) {
		return true
	}
	switch rec.Phase {
	case plan.Created:
		return e.waits() || e.state == preauth.Chargeable && e.active && same
	case plan.Captured:
		return e.waits() || e.state == preauth.Unknown || e.state == preauth.Charged && same
	case plan.Baseline:
		return (e.state != preauth.Chargeable || !e.active) && (e.state != preauth.Charged || !o.mirrored)
	case plan.Released:
		return e.releases() || e.waits()
	case plan.None, plan.Adopted:
		return e.waits()
	default:
		return false
	}
}

// isAnswered tells whether an operator has answered what the PMS says.
func (e *entry) isAnswered(rec plan.Record) bool {
	return rec.Answered != nil && rec.Answered.Equal(plan.Observe(e.shown()))
}

// staysAnswered tells whether it may come to rest in a phase where an operator has answered
// what the PMS says.
func (e *entry) staysAnswered(phase plan.Phase, same bool) bool {
	switch phase {
	case plan.Created:
		return !same || e.state == preauth.Unknown
	case plan.Adopted:
		return !same || e.state == preauth.Unknown || e.state == preauth.Charged
	default:
		return !phase.InFlight()
	}
}

// waitsForFull tells whether a record may be where it is only because nothing is created:
// what keeps it from that is then not looked at either.
func (o *oracle) waitsForFull(rec plan.Record) bool {
	if o.w.settings.mode != engine.ModeCaptureOnly {
		return false
	}
	if rec.ID == "" {
		return true
	}
	sink, _, _ := o.sink(o.cases[rec.ID].entry.property.tenant)
	return rec.Identity == 0 && (rec.Phase == plan.None || rec.Phase == plan.Released || rec.Phase == plan.Creating && sink.Proof == plan.ProofOpen)
}

// mayPark tells whether a mark has the cause that it names.
func (o *oracle) mayPark(c *dossier, rec plan.Record) bool {
	e, held := c.entry, rec.Identity != 0
	differs := e.fault != "" || !e.amount.Amount.Equal(rec.Amount.Amount) || e.amount.Currency != rec.Amount.Currency
	wanted := !held && (e.state == preauth.Chargeable && e.active || e.state == preauth.Charged)
	usable := e.fault == "" && e.amount.Amount.IsPositive() && e.amount.Amount.Exponent() >= -2
	switch rec.Park.Reason {
	case plan.AmountChanged:
		return held && differs && (e.state == preauth.Charged || e.state == preauth.Chargeable && e.active && rec.Phase != plan.Captured)
	case plan.StateRegressed:
		return rec.Phase == plan.Captured && (e.releases() || e.state == preauth.Chargeable) ||
			rec.Phase == plan.Baseline && e.state == preauth.Chargeable && e.active
	case plan.UnknownState:
		return e.state == preauth.Unknown && rec.Phase != plan.Captured && rec.Phase != plan.Baseline
	case plan.BadAmount:
		return wanted && !usable
	case plan.CurrencyMismatch:
		return wanted && usable && e.amount.Currency != e.property.currency
	case plan.NoPaymentMethod:
		return wanted && usable && (e.cardless || o.w.asks(e) && theActive(e.property.tenant.cards[e.card]) == 0)
	case plan.FirstSeenCharged:
		return rec.History == plan.HistoryOld && (e.state != preauth.Charged || !o.mirrored)
	case plan.Rejected:
		return c.refused
	case plan.UnknownCreate:
		return c.unknownCreate && (!o.w.proves() || o.w.faults > 0)
	case plan.UnknownCapture:
		return c.unknownCapture || c.lost || o.w.hostile || o.w.loss == silently && o.tally["losses"] > 0
	case plan.DuplicateFound:
		return o.w.hostile || c.lost // the lost file has sent it anew, with other values
	default:
		return false // source_missing: the PMS shows everything by now
	}
}

// agree is D: ledger and v4 say the same of one preauthorization.
func (o *oracle) agree(c *dossier, rec plan.Record) {
	v4 := c.entry.property.tenant
	if rec.Identity != 0 {
		h := v4.hold(rec.Identity)
		switch {
		case h == nil || h.of != rec.ID:
			o.fail("D", rec.ID, "the ledger's identity %d is not its", rec.Identity)
		case !h.Amount.Equal(rec.Amount.Amount) || rec.PaymentMethodID != h.PaymentMethodID:
			o.fail("D", rec.ID, "v4 holds %s on method %d, and the ledger says %s on %d",
				h.Amount, h.PaymentMethodID, rec.Amount, rec.PaymentMethodID)
		}
	}
	open := rec.Park != nil && forOutcome(rec.Park.Reason)
	switch {
	case open || o.w.hostile:
	case rec.Identity == 0 && c.created > 0:
		o.fail("D", rec.ID, "v4 holds it, and the ledger, where it is %s, does not know", rec.Phase)
	case rec.Phase == plan.Captured && c.captured != 1 && !c.undone():
		o.fail("D", rec.ID, "the ledger says captured, and v4 has captured it %d times", c.captured)
	case rec.Phase != plan.Captured && c.captured > 0 && !c.lost:
		o.fail("D", rec.ID, "v4 has captured it, and the ledger says %s", rec.Phase)
	}
	if o.w.tokens == engine.TokenID && c.created > 0 && rec.Phase == plan.None && !open && !o.w.hostile {
		o.fail("B", rec.ID, "it is forgotten")
	}
}
