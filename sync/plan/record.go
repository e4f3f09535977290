// Package plan decides. Decide is the contract's decision table as one pure
// function; the rest is the vocabulary that the engine and the ledgers share.
// There is no I/O here, no clock and no log.
package plan

import (
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// Phase is how far a preauthorization has come on the sink. Each phase's
// comment says who moves it on.
type Phase uint8

// The phases of a record. Their numbers are stored: new ones go at the end.
const (
	// None: nothing has been created. A create's intent moves it to Creating;
	// Decide moves it to Released or Baseline; the start-up question to Adopted.
	None Phase = iota
	// Creating: a create's intent is durable and its outcome is not. Only the
	// outcome or its verification moves it on: to Created, Adopted or back to None.
	Creating
	// Created: v4 holds it and it is not captured. A capture's intent moves it to
	// Capturing; Decide moves it to Released.
	Created
	// Capturing: a capture's intent is durable and its outcome is not. Only the
	// outcome (or an operator) moves it on: to Captured or back to Created.
	Capturing
	// Captured: v4 has made the payment. Nothing moves it on.
	Captured
	// Baseline: it was charged before this program came. backfill --charged moves
	// it on; so does a hold found on v4 with its token, to Adopted.
	Baseline
	// Adopted: v4 holds it, and whether it has been captured there is not known.
	// Decide moves it to Created once the PMS says it is chargeable, or to Released.
	Adopted
	// Released: the PMS released it. It reads as None without an identity, as
	// Created with one, as Adopted with one whose capture history is not known.
	Released
)

//nolint:gochecknoglobals // a constant table
var phaseNames = [...]string{
	"none", "creating", "created", "capturing", "captured", "baseline", "adopted", "released",
}

// Phases lists every phase in the order of its declaration.
func Phases() []Phase {
	return []Phase{None, Creating, Created, Capturing, Captured, Baseline, Adopted, Released}
}

// String gives the word used in logs, metrics and the command line.
func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return "invalid"
}

// InFlight tells whether an intent is durable and its outcome is not.
func (p Phase) InFlight() bool { return p == Creating || p == Capturing }

// Reason says why a record is parked. The set is closed: it is a metric label.
type Reason string

// The reasons for parking.
const (
	// AmountChanged: the PMS names another amount than v4 holds or captured.
	AmountChanged Reason = "amount_changed"
	// StateRegressed: the PMS went back from what v4 cannot undo.
	StateRegressed Reason = "state_regressed"
	// UnknownState: a state this program does not know.
	UnknownState Reason = "unknown_state"
	// BadAmount: no gross value, not above zero, or too many decimals.
	BadAmount Reason = "bad_amount"
	// CurrencyMismatch: not the currency the property's tenant bills in.
	CurrencyMismatch Reason = "currency_mismatch"
	// NoPaymentMethod: nothing says which payment method the card is.
	NoPaymentMethod Reason = "no_payment_method"
	// SourceMissing: absent from three complete replies in a row.
	SourceMissing Reason = "source_missing"

	// FirstSeenCharged: already charged when its customer was first read.
	FirstSeenCharged Reason = "first_seen_charged"
	// Rejected: v4 refused the write.
	Rejected Reason = "rejected"
	// UnknownCreate: whether v4 made the hold cannot be found out.
	UnknownCreate Reason = "unknown_create"
	// UnknownCapture: whether v4 captured the hold cannot be found out.
	UnknownCapture Reason = "unknown_capture"
	// DuplicateFound: v4 holds something else under this preauthorization's token.
	DuplicateFound Reason = "duplicate_found"
)

// Reasons lists every reason for parking.
func Reasons() []Reason {
	return []Reason{
		AmountChanged, StateRegressed, UnknownState, BadAmount, CurrencyMismatch, NoPaymentMethod,
		SourceMissing, FirstSeenCharged, Rejected, UnknownCreate, UnknownCapture, DuplicateFound,
	}
}

// ForOutcome tells whether the reason is the outcome of a write.
func (r Reason) ForOutcome() bool {
	return r == Rejected || r == UnknownCreate || r == UnknownCapture || r == DuplicateFound
}

// WaitsForOperator tells whether the mark stays until an operator answers it.
// Every other mark lifts by itself when the observation no longer parks.
func (r Reason) WaitsForOperator() bool { return r.ForOutcome() || r == FirstSeenCharged }

// ActionKind is a write to the sink.
type ActionKind uint8

// The writes v4 offers. There is no void and no update.
const (
	NoAction ActionKind = iota
	Create
	Capture
)

var actionNames = [...]string{"none", "create", "capture"} //nolint:gochecknoglobals // a constant table

// String gives the word used in logs, metrics and the command line.
func (k ActionKind) String() string {
	if int(k) < len(actionNames) {
		return actionNames[k]
	}
	return "invalid"
}

// Observation is the part of a preauthorization that decisions depend on.
// Two observations that are Equal always lead to the same decision.
type Observation struct {
	State     preauth.State
	StateText string
	Active    bool
	// Amount is the zero value while AmountFault is set.
	Amount      preauth.Money
	AmountFault string
}

// Observe reduces a preauthorization to what decisions depend on.
func Observe(p preauth.Preauthorization) Observation {
	o := Observation{State: p.State, Active: p.Active, Amount: p.Amount, AmountFault: p.AmountFault}
	if p.State == preauth.Unknown {
		o.StateText = p.StateText
	}
	if o.AmountFault != "" {
		o.Amount = preauth.Money{}
	}
	return o
}

// Equal compares two observations; amounts compare as decimals.
func (o Observation) Equal(other Observation) bool {
	return o.State == other.State && o.StateText == other.StateText && o.Active == other.Active &&
		o.AmountFault == other.AmountFault && o.Amount.Equal(other.Amount)
}

// Park is a mark over a phase: work on the record has stopped, and why.
type Park struct {
	Reason Reason
	// Seen is the observation that caused it.
	Seen  Observation
	Since time.Time
	// Detail is for people: v4's codes and messages, the two amounts that differ.
	Detail     string
	TrackingID string
}

// Intent is a write as it was committed before it was sent. Verification uses
// these values, never today's configuration.
type Intent struct {
	Action ActionKind
	// Attempt counts from 1. A send again that is allowed without verification
	// (not sent, 429, 401) keeps it.
	Attempt int
	Amount  preauth.Money
	// PaymentMethodID of 0 means that the create named none (autopay).
	PaymentMethodID int64
	// Token is the transactionToken sent, empty for none.
	Token           string
	CreatedByUserID int64
	// Deadline is when the sender gives up, on the wall clock. It is for people;
	// waiting is measured on the monotonic clock.
	Deadline time.Time
	// Before is the phase to go back to when it is proven that nothing happened.
	Before Phase
	// RequestID is the PMS's name for the reply that called for it, for its support.
	RequestID string
	// Resent is set on a capture sent again after an unknown outcome: a refusal
	// then says nothing about the first send.
	Resent bool
	// Adopt is set when the file turned out to be older than the world: when the
	// hold is found, its capture history is not known.
	Adopt bool
}

// History says what the first sight of a Charged preauthorization meant.
type History uint8

const (
	// HistoryUnset means it has not been seen Charged while nothing was created.
	HistoryUnset History = iota
	// HistoryFresh means an earlier complete reply for its customer did not show it as
	// Charged, so the charge is news and is mirrored.
	HistoryFresh
	// HistoryOld means it was already charged when its customer was first read.
	HistoryOld
)

// Record is what the ledger knows of one preauthorization.
type Record struct {
	ID preauth.ID
	// Revision is 0 before the record is first stored; a Commit puts the record
	// only if the stored revision still equals it, and stores it one higher.
	Revision uint64
	// Enterprise is the property's identity in the PMS: names may change, it doesn't.
	Enterprise preauth.ID
	// CustomerID is whose poll shows the record; empty if no reply ever said.
	CustomerID preauth.ID
	CardID     string

	Phase Phase
	// Identity is v4's number for the hold; 0 while there is none.
	Identity int64
	// Unsure is set while a hold's capture history is not known (see Adopted).
	Unsure bool
	// Generation is the file's when the identity was stored; records of an earlier
	// start's generations are inherited.
	Generation uint64
	// Amount and PaymentMethodID are what v4 holds, once there is an identity.
	Amount          preauth.Money
	PaymentMethodID int64
	// HeldSince is when the identity was stored, zero for what older versions stored.
	HeldSince time.Time
	// Aged is set once it has been told that the hold is not captured for long.
	Aged bool
	// Intent is set while the phase is in flight.
	Intent *Intent
	// Sends counts the sends whose outcome was unknown, of the action under way. Above
	// 0 in phase Created, an earlier capture may have taken effect.
	Sends int

	Seen    Observation
	History History
	// Missing counts the complete replies in a row that did not show it.
	Missing int
	Park    *Park
	// Answered is the observation that an operator's resolve answered: the same
	// one never parks again.
	Answered *Observation
	Updated  time.Time
}

// Reads is the phase that the decision table is entered with.
func (r Record) Reads() Phase {
	switch {
	case r.Phase == Released && r.Identity == 0:
		return None
	case r.Phase == Released && r.Unsure:
		return Adopted
	case r.Phase == Released:
		return Created
	default:
		return r.Phase
	}
}

// Unfinished tells whether the customer must be polled even when it has left
// the list: something is in flight, held, adopted or parked.
func (r Record) Unfinished() bool {
	return r.Phase.InFlight() || r.Phase == Created || r.Phase == Adopted || r.Park != nil
}

// AtStake is the amount the record is about: what v4 holds, else what an intent
// asks it to hold, else what the PMS says.
func (r Record) AtStake() preauth.Money {
	switch {
	case !r.Amount.IsZero():
		return r.Amount
	case r.Intent != nil && !r.Intent.Amount.IsZero():
		return r.Intent.Amount
	default:
		return r.Seen.Amount
	}
}

// Risk says what of the hotel's money a record is about. Each record has one, so
// that amounts add up.
type Risk uint8

const (
	// NoRisk is what is not held, or has been captured or released.
	NoRisk Risk = iota
	// RiskHeld is what v4 holds, or may hold, and the PMS has not charged.
	RiskHeld
	// RiskAwaiting is what the PMS has charged and whose capture is still to come.
	RiskAwaiting
	// RiskParked is what is parked.
	RiskParked
)

// Risk gives the record's.
func (r Record) Risk() Risk {
	charged := r.Seen.State == preauth.Charged
	switch {
	case r.Park != nil:
		return RiskParked
	case r.Phase == Capturing, charged && (r.Phase == Creating || r.Phase == Created || r.Phase == Adopted),
		charged && r.Phase == None && r.History == HistoryFresh:
		return RiskAwaiting
	case r.Phase == Creating || r.Phase == Created || r.Phase == Adopted:
		return RiskHeld
	default:
		return NoRisk
	}
}
