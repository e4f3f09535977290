package state

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// The wire structs are the documents as stored. The numbers in their tags, and
// those of the constants of plan and preauth that are stored as numbers, are
// part of the schema: a test pins them. Amounts are decimal text, times are
// milliseconds since 1970 with 0 for none, UUIDs are 16 bytes.

type wireMoney struct {
	_        struct{} `cbor:",toarray"`
	Amount   string
	Currency string
}

type wireObservation struct {
	State       uint8      `cbor:"1,keyasint,omitempty"`
	StateText   string     `cbor:"2,keyasint,omitempty"`
	Active      bool       `cbor:"3,keyasint,omitempty"`
	Amount      *wireMoney `cbor:"4,keyasint,omitempty"`
	AmountFault string     `cbor:"5,keyasint,omitempty"`
}

type wirePark struct {
	Reason     string          `cbor:"1,keyasint"`
	Seen       wireObservation `cbor:"2,keyasint"`
	Since      int64           `cbor:"3,keyasint,omitempty"`
	Detail     string          `cbor:"4,keyasint,omitempty"`
	TrackingID string          `cbor:"5,keyasint,omitempty"`
}

type wireIntent struct {
	Action          uint8      `cbor:"1,keyasint"`
	Attempt         int        `cbor:"2,keyasint,omitempty"`
	Amount          *wireMoney `cbor:"3,keyasint,omitempty"`
	PaymentMethodID int64      `cbor:"4,keyasint,omitempty"`
	Token           string     `cbor:"5,keyasint,omitempty"`
	CreatedByUserID int64      `cbor:"6,keyasint,omitempty"`
	Deadline        int64      `cbor:"7,keyasint,omitempty"`
	Before          uint8      `cbor:"8,keyasint,omitempty"`
	Resent          bool       `cbor:"9,keyasint,omitempty"`
	Adopt           bool       `cbor:"10,keyasint,omitempty"`
	RequestID       string     `cbor:"11,keyasint,omitempty"`
}

// wireRecord says nothing twice: AmountSeen stands for an amount in Seen that is the
// record's, and Held is how many milliseconds before Updated HeldSince is.
type wireRecord struct {
	Revision        uint64           `cbor:"1,keyasint"`
	Enterprise      uint64           `cbor:"2,keyasint,omitempty"` // its number
	CustomerID      []byte           `cbor:"3,keyasint,omitempty"`
	Card            []byte           `cbor:"4,keyasint,omitempty"`
	CardText        string           `cbor:"5,keyasint,omitempty"`
	Phase           uint8            `cbor:"6,keyasint,omitempty"`
	Identity        int64            `cbor:"7,keyasint,omitempty"`
	Unsure          bool             `cbor:"8,keyasint,omitempty"`
	Generation      uint64           `cbor:"9,keyasint,omitempty"`
	Amount          *wireMoney       `cbor:"10,keyasint,omitempty"`
	PaymentMethodID int64            `cbor:"11,keyasint,omitempty"`
	Intent          *wireIntent      `cbor:"12,keyasint,omitempty"`
	Sends           int              `cbor:"13,keyasint,omitempty"`
	Seen            wireObservation  `cbor:"14,keyasint"`
	History         uint8            `cbor:"15,keyasint,omitempty"`
	Missing         int              `cbor:"16,keyasint,omitempty"`
	Park            *wirePark        `cbor:"17,keyasint,omitempty"`
	Answered        *wireObservation `cbor:"18,keyasint,omitempty"`
	Updated         int64            `cbor:"19,keyasint,omitempty"`
	Held            *int64           `cbor:"20,keyasint,omitempty"`
	Aged            bool             `cbor:"21,keyasint,omitempty"`
	AmountSeen      bool             `cbor:"22,keyasint,omitempty"`
}

func toWireRecord(r plan.Record, enterprise uint16) (wireRecord, error) {
	seen, same := r.Seen, sameMoney(r.Seen.Amount, r.Amount)
	if same {
		seen.Amount = preauth.Money{}
	}
	w := wireRecord{
		Revision: r.Revision, Enterprise: uint64(enterprise), Phase: uint8(r.Phase), Identity: r.Identity, Unsure: r.Unsure,
		Generation: r.Generation, Amount: toWireMoney(r.Amount), PaymentMethodID: r.PaymentMethodID,
		Aged: r.Aged, Sends: r.Sends, Seen: toWireObservation(seen), AmountSeen: same, History: uint8(r.History), Missing: r.Missing,
		Park: toWirePark(r.Park), Updated: toMillis(r.Updated),
	}
	var err error
	if w.CustomerID, err = toWireID(r.CustomerID); err != nil {
		return wireRecord{}, err
	}
	w.Card, w.CardText = toWireCard(r.CardID)
	if held := toMillis(r.HeldSince); held != 0 {
		before := w.Updated - held
		w.Held = &before
	}
	if i := r.Intent; i != nil {
		w.Intent = &wireIntent{
			Action: uint8(i.Action), Attempt: i.Attempt, Amount: toWireMoney(i.Amount),
			PaymentMethodID: i.PaymentMethodID, Token: i.Token, CreatedByUserID: i.CreatedByUserID,
			Deadline: toMillis(i.Deadline), Before: uint8(i.Before), Resent: i.Resent, Adopt: i.Adopt,
			RequestID: i.RequestID,
		}
	}
	if r.Answered != nil {
		answered := toWireObservation(*r.Answered)
		w.Answered = &answered
	}
	return w, nil
}

func fromWireRecord(id preauth.ID, w wireRecord, of *enterprises) (plan.Record, error) {
	var faults wireFaults
	r := plan.Record{
		ID: id, Revision: w.Revision, CustomerID: faults.id(w.CustomerID),
		CardID: faults.card(w.Card, w.CardText), Phase: faults.phase(w.Phase), Identity: w.Identity, Unsure: w.Unsure,
		Generation: w.Generation, Amount: faults.money(w.Amount), PaymentMethodID: w.PaymentMethodID,
		Aged: w.Aged, Sends: w.Sends, Seen: faults.observation(w.Seen), History: plan.History(w.History), Missing: w.Missing,
		Park: faults.park(w.Park), Updated: fromMillis(w.Updated), Intent: faults.intent(w.Intent),
	}
	var err error
	if r.Enterprise, err = of.id(w.Enterprise); err != nil {
		faults.fault("%v", err)
	}
	if w.Held != nil {
		r.HeldSince = fromMillis(w.Updated - *w.Held)
	}
	if w.AmountSeen && w.Seen.Amount == nil {
		r.Seen.Amount = r.Amount
	} else if w.AmountSeen {
		faults.fault("two amounts that were seen")
	}
	if w.Answered != nil {
		answered := faults.observation(*w.Answered)
		r.Answered = &answered
	}
	return r, faults.err
}

func toWireMoney(m preauth.Money) *wireMoney {
	if m.IsZero() {
		return nil
	}
	return &wireMoney{Amount: preauth.AmountText(m.Amount), Currency: m.Currency}
}

func toWireObservation(o plan.Observation) wireObservation {
	return wireObservation{
		State: uint8(o.State), StateText: o.StateText, Active: o.Active,
		Amount: toWireMoney(o.Amount), AmountFault: o.AmountFault,
	}
}

func toWirePark(p *plan.Park) *wirePark {
	if p == nil {
		return nil
	}
	return &wirePark{
		Reason: string(p.Reason), Seen: toWireObservation(p.Seen), Since: toMillis(p.Since),
		Detail: p.Detail, TrackingID: p.TrackingID,
	}
}

func toWireID(id preauth.ID) ([]byte, error) {
	if id == "" {
		return nil, nil
	}
	return idKey(id)
}

// toWireCard gives a card's 16 bytes, or its text: cards are UUIDs in practice, and
// the API does not promise it.
func toWireCard(card string) (id []byte, text string) {
	id, err := idKey(preauth.ID(card))
	if err != nil {
		return nil, card
	}
	return id, ""
}

func toMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// wireFaults keeps the first fault found while a document is turned back.
type wireFaults struct{ err error }

func (f *wireFaults) fault(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

func (f *wireFaults) id(b []byte) preauth.ID {
	if b == nil {
		return ""
	}
	u, err := uuid.FromBytes(b)
	if err != nil {
		f.fault("an Id of %d bytes", len(b))
	}
	return preauth.ID(u.String())
}

func (f *wireFaults) card(id []byte, text string) string {
	if id == nil {
		return text
	}
	return string(f.id(id))
}

func (f *wireFaults) phase(n uint8) plan.Phase {
	if int(n) >= len(plan.Phases()) {
		f.fault("unknown phase %d", n)
	}
	return plan.Phase(n)
}

func (f *wireFaults) action(n uint8) plan.ActionKind {
	if n > uint8(plan.Capture) {
		f.fault("unknown action %d", n)
	}
	return plan.ActionKind(n)
}

func (f *wireFaults) count(n int) int {
	if n <= 0 {
		f.fault("a count of %d", n)
	}
	return n
}

func (f *wireFaults) amount(text string) decimal.Decimal {
	d, err := decimal.NewFromString(text)
	if err != nil {
		f.fault("an amount that is no number")
	}
	return d
}

func (f *wireFaults) money(w *wireMoney) preauth.Money {
	if w == nil {
		return preauth.Money{}
	}
	return preauth.Money{Amount: f.amount(w.Amount), Currency: w.Currency}
}

func (f *wireFaults) intent(w *wireIntent) *plan.Intent {
	if w == nil {
		return nil
	}
	return &plan.Intent{
		Action: f.action(w.Action), Attempt: w.Attempt, Amount: f.money(w.Amount),
		PaymentMethodID: w.PaymentMethodID, Token: w.Token, CreatedByUserID: w.CreatedByUserID,
		Deadline: fromMillis(w.Deadline), Before: f.phase(w.Before), Resent: w.Resent, Adopt: w.Adopt,
		RequestID: w.RequestID,
	}
}

func (f *wireFaults) observation(w wireObservation) plan.Observation {
	return plan.Observation{
		State: preauth.State(w.State), StateText: w.StateText, Active: w.Active,
		Amount: f.money(w.Amount), AmountFault: w.AmountFault,
	}
}

func (f *wireFaults) park(w *wirePark) *plan.Park {
	if w == nil {
		return nil
	}
	return &plan.Park{
		Reason: plan.Reason(w.Reason), Seen: f.observation(w.Seen), Since: fromMillis(w.Since),
		Detail: w.Detail, TrackingID: w.TrackingID,
	}
}
