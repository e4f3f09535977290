package plan

import (
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// Observed is what would have been sent for a preauthorization, had mirror.mode not
// been observe. It is stored apart from the records, and changes none of them.
type Observed struct {
	ID         preauth.ID
	Enterprise preauth.ID
	CustomerID preauth.ID
	CardID     string
	// History is what the first sight of a charge would have meant; Baselined is when it
	// would have become the baseline, zero where it would not.
	History   History
	Baselined time.Time
	// Seen is what the PMS said last.
	Seen Observation
	// Amount and PaymentMethodID are those of the create; 0 names no method.
	Amount          preauth.Money
	PaymentMethodID int64
	// Created and Captured are when they would have been sent, zero where they would not.
	Created, Captured time.Time
	// Released is when the PMS released what v4 would hold.
	Released time.Time
	// Park is how it would be parked now.
	Park *Park
	// Updated is when the entry last changed.
	Updated time.Time
}

// AsIf gives a record as it would be, had everything been sent.
func (o Observed) AsIf(rec Record) Record {
	if rec.History == HistoryUnset {
		rec.History = o.History
	}
	if rec.Reads() == None && !o.Baselined.IsZero() {
		rec.Phase = Baseline
	}
	if reads := rec.Reads(); !o.Created.IsZero() && (reads == None || reads == Baseline) {
		rec.Phase, rec.Amount, rec.PaymentMethodID = Created, o.Amount, o.PaymentMethodID
	}
	if !o.Captured.IsZero() && rec.Reads() == Created {
		rec.Phase = Captured
	}
	return rec
}

// Note gives the entry in an enterprise's report after a decision about the record as
// if, and whether it has changed. What is to be sent is noted by Send.
func (o Observed) Note(enterprise preauth.ID, rec Record, p preauth.Preauthorization, d Decision, now time.Time) (Observed, bool) {
	next := o
	next.ID, next.Enterprise, next.CustomerID, next.Seen = p.ID, enterprise, rec.CustomerID, Observe(p)
	next.CardID = p.CardID
	if o.History != HistoryUnset || rec.History == HistoryUnset { // else the record has it
		next.History = d.History
	}
	if p.CustomerID != "" {
		next.CustomerID = p.CustomerID
	}
	switch {
	case d.Next != Released:
		next.Released = time.Time{}
	case d.Orphaned && o.Released.IsZero():
		next.Released = now
	}
	if d.Next == Baseline && rec.Phase != Baseline {
		next.Baselined = now
	}
	switch {
	case d.heldUp(): // whether it would park still has not been looked at
	case d.Park == "":
		next.Park = nil
	case o.Park == nil || o.Park.Reason != d.Park:
		next.Park = &Park{Reason: d.Park, Seen: next.Seen, Since: now, Detail: d.Detail}
	default:
		next.Park = &Park{Reason: d.Park, Seen: next.Seen, Since: o.Park.Since, Detail: d.Detail}
	}
	if next.saysNothing() {
		return Observed{ID: p.ID, Enterprise: enterprise}, !o.Updated.IsZero()
	}
	if next.sameAs(o) {
		return o, false
	}
	next.Updated = now
	return next, true
}

// Send notes that an action would have been sent.
func (o Observed) Send(action ActionKind, amount preauth.Money, method int64, now time.Time) Observed {
	switch action {
	case Create:
		o.Created, o.Amount, o.PaymentMethodID = now, amount, method
	case Capture:
		o.Captured = now
		if o.Amount.IsZero() {
			o.Amount = amount
		}
	case NoAction:
	}
	o.Updated = now
	return o
}

func (o Observed) saysNothing() bool {
	return o.Created.IsZero() && o.Captured.IsZero() && o.Released.IsZero() && o.Baselined.IsZero() && o.History == HistoryUnset && o.Park == nil
}

func (o Observed) sameAs(other Observed) bool {
	parks := (o.Park == nil) == (other.Park == nil)
	if parks && o.Park != nil {
		parks = o.Park.Reason == other.Park.Reason && o.Park.Detail == other.Park.Detail && o.Park.Seen.Equal(other.Park.Seen)
	}
	return parks && o.Enterprise == other.Enterprise && o.CustomerID == other.CustomerID && o.Seen.Equal(other.Seen) &&
		o.CardID == other.CardID && o.History == other.History && o.Baselined.Equal(other.Baselined) && o.Released.Equal(other.Released) && !other.Updated.IsZero()
}
