package state

import (
	"time"

	"github.com/google/uuid"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// wireLookedUp has its time in seconds since 1970.
type wireLookedUp struct {
	At    int64  `cbor:"1,keyasint"`
	ID    int64  `cbor:"2,keyasint,omitempty"`
	Found string `cbor:"3,keyasint,omitempty"`
}

func toWireLookedUp(l plan.LookedUp) wireLookedUp {
	return wireLookedUp{At: l.At.Unix(), ID: l.ID, Found: l.Found}
}

func fromWireLookedUp(sink, field, card string, w wireLookedUp) (plan.LookedUp, error) {
	var faults wireFaults
	if w.ID < 0 {
		faults.fault("a payment method %d", w.ID)
	}
	return plan.LookedUp{
		Sink: sink, Field: field, CardID: card, ID: w.ID, Found: w.Found, At: time.Unix(w.At, 0).UTC(),
	}, faults.err
}

// wirePass is a pass; whose it is, and its first customer, stand in its key.
type wirePass struct {
	Last    []byte         `cbor:"1,keyasint"`
	Basis   []byte         `cbor:"2,keyasint"`
	Body    []byte         `cbor:"3,keyasint"`
	Entries []byte         `cbor:"4,keyasint"`
	Polled  int            `cbor:"5,keyasint,omitempty"`
	Skipped map[string]int `cbor:"6,keyasint,omitempty"`
}

// toWirePass is for a pass whose ends are Ids.
func toWirePass(p plan.Pass) wirePass {
	last := uuid.MustParse(string(p.Last))
	w := wirePass{
		Last: last[:], Basis: p.Basis[:], Body: p.Reply.Body[:], Entries: p.Reply.Entries[:],
		Polled: p.Polled, Skipped: make(map[string]int, len(p.Skipped)),
	}
	for why, n := range p.Skipped {
		w.Skipped[string(why)] = n
	}
	return w
}

func fromWirePass(first preauth.ID, w wirePass) (plan.Pass, error) {
	var faults wireFaults
	p := plan.Pass{
		First: first, Last: faults.id(w.Last), Basis: faults.sum(w.Basis),
		Reply:  preauth.Fingerprint{Body: faults.sum(w.Body), Entries: faults.sum(w.Entries)},
		Polled: w.Polled,
	}
	if p.Last < p.First {
		faults.fault("its last customer stands before its first")
	}
	if len(w.Skipped) > 0 {
		p.Skipped = make(map[plan.Why]int, len(w.Skipped))
	}
	for why, n := range w.Skipped {
		p.Skipped[plan.Why(why)] = n
	}
	return p, faults.err
}

// sum is a SHA-256, or a sum of such.
func (f *wireFaults) sum(b []byte) (sum [32]byte) {
	if copy(sum[:], b); len(b) != len(sum) {
		f.fault("a sum of %d bytes", len(b))
	}
	return sum
}

// wireObserved is an entry of the report; whose it is stands in its key.
type wireObserved struct {
	CustomerID      []byte          `cbor:"1,keyasint,omitempty"`
	Card            []byte          `cbor:"2,keyasint,omitempty"`
	CardText        string          `cbor:"3,keyasint,omitempty"`
	History         uint8           `cbor:"4,keyasint,omitempty"`
	Baselined       int64           `cbor:"5,keyasint,omitempty"`
	Seen            wireObservation `cbor:"6,keyasint"`
	Amount          *wireMoney      `cbor:"7,keyasint,omitempty"`
	PaymentMethodID int64           `cbor:"8,keyasint,omitempty"`
	Created         int64           `cbor:"9,keyasint,omitempty"`
	Captured        int64           `cbor:"10,keyasint,omitempty"`
	Released        int64           `cbor:"11,keyasint,omitempty"`
	Park            *wirePark       `cbor:"12,keyasint,omitempty"`
	Updated         int64           `cbor:"13,keyasint,omitempty"`
}

func toWireObserved(o plan.Observed) (wireObserved, error) {
	w := wireObserved{
		History: uint8(o.History), Baselined: toMillis(o.Baselined), Seen: toWireObservation(o.Seen),
		Amount: toWireMoney(o.Amount), PaymentMethodID: o.PaymentMethodID,
		Created: toMillis(o.Created), Captured: toMillis(o.Captured), Released: toMillis(o.Released),
		Park: toWirePark(o.Park), Updated: toMillis(o.Updated),
	}
	w.Card, w.CardText = toWireCard(o.CardID)
	var err error
	w.CustomerID, err = toWireID(o.CustomerID)
	return w, err
}

func fromWireObserved(enterprise, id preauth.ID, w wireObserved) (plan.Observed, error) {
	var faults wireFaults
	return plan.Observed{
		ID: id, Enterprise: enterprise, CustomerID: faults.id(w.CustomerID), CardID: faults.card(w.Card, w.CardText),
		History: plan.History(w.History), Baselined: fromMillis(w.Baselined), Seen: faults.observation(w.Seen),
		Amount: faults.money(w.Amount), PaymentMethodID: w.PaymentMethodID,
		Created: fromMillis(w.Created), Captured: fromMillis(w.Captured), Released: fromMillis(w.Released),
		Park: faults.park(w.Park), Updated: fromMillis(w.Updated),
	}, faults.err
}
