package plan

import (
	"errors"
	"time"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// ErrConflict is returned by a ledger's Commit when a stored revision is not
// the one the caller read. Nothing of that batch has been stored.
var ErrConflict = errors.New("the ledger's record has changed since it was read")

// ErrIdentityTaken is returned by a ledger's Commit when a record claims an
// identity that another record of the same sink holds, or is about to capture one
// that is not its own at its property's sink. Nothing has been stored.
var ErrIdentityTaken = errors.New("the identity is not this preauthorization's there")

// IsRefusal tells whether a Commit's error is one of these two: what the ledger is there
// to find out about a batch. After any other it can no longer be trusted to remember.
func IsRefusal(err error) bool {
	return errors.Is(err, ErrConflict) || errors.Is(err, ErrIdentityTaken)
}

// Entry is one line of the journal. The journal is append-only: what happened
// to a preauthorization, in order, for people and for both vendors' support.
type Entry struct {
	ID preauth.ID
	// Seq orders the lines; the ledger sets it.
	Seq uint64
	At  time.Time
	// Event is the log event that tells the same story, such as create.applied.
	Event   string
	CycleID string
	Action  ActionKind
	Attempt int
	// Phase is the record's after this line.
	Phase           Phase
	Amount          preauth.Money
	PaymentMethodID int64
	Identity        int64
	Status          int
	TrackingID      string
	// RequestID is the PMS's name for the reply that the line rests on, for its support.
	RequestID string
	Reason    Reason
	// Note is an operator's, or the cause in words.
	Note string
}

// ExplainsToken tells whether the line explains that a sink holds something with
// the token of its preauthorization: a create with it was about to be sent. The
// program goes by such lines, so no ledger gives them up.
func (e Entry) ExplainsToken() bool { return e.Event == createIntent }

// createIntent is the event of a create's intent.
const createIntent = "create.intent"

// Batch is what one transaction stores: all of it or nothing.
type Batch struct {
	// Records are put on condition of their Revision.
	Records []Record
	// Journal lines are appended in this order.
	Journal []Entry
	// Read marks customers as read, if they are not yet.
	Read []CustomerRead
	// Passes are put in the place of those whose customers they share, on condition of
	// their Stamp: one that is behind is left out, which is no conflict.
	Passes []Pass
	// Property and Sink are put on condition of their Revision.
	Property *Property
	Sink     *Sink
	// Tokens are put, merged by token: a hold already stored stays.
	Tokens []Token
	// Highest raises the sink's highest known identity; a lower one changes nothing.
	Highest []Highest
	// Discovered are put by enterprise and customer; one with a zero Until is forgotten.
	Discovered []Discovered
	// LookedUp are put by sink, field and card; one with a zero At is forgotten.
	LookedUp []LookedUp
	// Observed are put by enterprise and Id; one with a zero Updated is forgotten.
	Observed []Observed
	// ObservedReads marks customers as read in the report, if they are not yet.
	ObservedReads []CustomerRead
	// Unobserved are the enterprises whose report is forgotten, entries and reads,
	// before anything else of the batch is put.
	Unobserved []preauth.ID
	// Pauses are put by enterprise; one with a zero Since is lifted.
	Pauses []Pause

	// Placed, unless nil, is called once the batch has its place in the order of commits: a
	// batch whose Commit begins later is stored only once this one is, or is refused with
	// ErrConflict or ErrIdentityTaken. If it fails with anything else nothing is stored after
	// it, and the ledger has failed. Placed must neither wait nor panic.
	Placed func()
}

// Pause is an operator's order to send nothing that writes.
type Pause struct {
	// Enterprise is whose writes are paused, empty for all.
	Enterprise preauth.ID
	// Since is when the order was given, to the millisecond.
	Since time.Time
}

// Discovered is a customer that discovery found by itself. It stays known for a
// while after it has left every window in which it was looked for.
type Discovered struct {
	Enterprise preauth.ID
	CustomerID preauth.ID
	// Until is when it leaves the last of those windows, to the second, by what
	// discovery has shown of it.
	Until time.Time
}

// LookedUp is a sink's answer to the question which of its payment methods a card is.
type LookedUp struct {
	Sink string
	// Field is the one of its PaymentMethod that holds the card's Id; CardID is that Id.
	Field, CardID string
	// ID is the paymentMethodId, 0 where not exactly one active method was found.
	ID int64
	// Found says in words what was found instead; it is empty with an ID.
	Found string
	// At is when it was asked, to the second.
	At time.Time
}

// Tally counts the records of one property.
type Tally struct {
	Phases map[Phase]int
	Parked map[Reason]int
	// ParkedAmounts adds up what the parked records are about, by currency.
	ParkedAmounts map[string]decimal.Decimal
	// Held and Awaiting add up the records whose Risk is that, by currency.
	Held, Awaiting map[string]decimal.Decimal
	// OldestParked is the earliest Since of its marks, zero when nothing is parked.
	OldestParked time.Time
}

// Customer is what the ledger knows of one customer of a property.
type Customer struct {
	// Read is the property's cycle of the first complete reply, 0 before it.
	Read uint64
	// Unfinished are the customer's unfinished records, in the order of their Ids.
	Unfinished []preauth.ID
}

// Pass says that a complete reply was planned and called for nothing: nothing was to be
// sent, stored or told. While nothing changes that it rested on, the same reply calls for
// nothing again.
//
// A ledger forgets a pass, in the same commit, when a record is put whose customer, as it
// was or as it is, lies between First and Last, or a token that is such a record's Id. It
// forgets all of them when a token is put that is no record's Id: it may be that of a
// preauthorization that has none yet.
type Pass struct {
	Enterprise preauth.ID
	// First and Last are the ends of the customers who were asked for, in the order of
	// their Ids.
	First, Last preauth.ID
	// Basis identifies what the decisions rested on beside the reply and the ledger: who
	// was asked for, the program and its configuration.
	Basis [32]byte
	Reply preauth.Fingerprint
	// Polled and Skipped are what the reply counts for in a cycle.
	Polled  int
	Skipped map[Why]int
	// Stamp is the ledger's, of the enterprise, before the reply was planned. It is not
	// stored.
	Stamp uint64
}

// CustomerRead says that a complete reply for a customer has been committed.
type CustomerRead struct {
	Enterprise preauth.ID
	CustomerID preauth.ID
	// Cycle is the property's cycle number of the first such reply.
	Cycle uint64
}

// Highest is the highest identity known on a sink.
type Highest struct {
	Sink     string
	Identity int64
}

// Property is what the ledger knows of one property.
type Property struct {
	Enterprise preauth.ID
	Revision   uint64
	// Name is the configuration's at the last cycle.
	Name string
	// Sink is the name of the sink it writes to.
	Sink string
	// Cycle counts its cycles; the first is 1.
	Cycle uint64
	// FirstRunDone is set once every listed customer has been read.
	FirstRunDone bool
	// HeldFrom is a bound on the age of its holds: none has been held for longer that is
	// not captured and has not been told of. Zero bounds nothing.
	HeldFrom time.Time
	// Unlisted is who was polled without being in the list, and when that holds; nil
	// where it is not known.
	Unlisted *Unlisted
	// ObservedSince is when the present stretch of mirror.mode: observe began, zero
	// while the property is mirrored.
	ObservedSince time.Time
	// ObservedFirstRunDone is FirstRunDone of the report.
	ObservedFirstRunDone bool
	LastCycle            *CycleReport
}

// Unlisted is who has unfinished records and is not in the list: for the list that it
// names, and for as long as the ledger's PendingRevision is the same.
type Unlisted struct {
	// List is the SHA-256 of the list.
	List      [32]byte
	Revision  uint64
	Customers []preauth.ID
}

// CycleReport is the account of one cycle of one property.
type CycleReport struct {
	CycleID  string    `json:"cycle_id"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	// OK is false when anything failed; Error then says what, in words.
	OK     bool   `json:"ok"`
	Error  string `json:"error,omitempty"`
	Fuse   bool   `json:"fuse_blown"`
	Counts Counts `json:"counts"`
}

// Counts are the numbers of a cycle.
type Counts struct {
	Polled   int `json:"polled"`
	Created  int `json:"created"`
	Captured int `json:"captured"`
	Adopted  int `json:"adopted"`
	Parked   int `json:"parked"`
	Released int `json:"released"`
	Skipped  int `json:"skipped"`
	Failed   int `json:"failed"`
}

// Plus adds two cycles' numbers up.
func (c Counts) Plus(o Counts) Counts {
	return Counts{
		Polled: c.Polled + o.Polled, Created: c.Created + o.Created, Captured: c.Captured + o.Captured,
		Adopted: c.Adopted + o.Adopted, Parked: c.Parked + o.Parked, Released: c.Released + o.Released,
		Skipped: c.Skipped + o.Skipped, Failed: c.Failed + o.Failed,
	}
}

// Proof says whether a sink has shown that it keeps the tokens it is given.
type Proof uint8

// The states of the token proof.
const (
	// ProofOpen: not shown yet; creates go one at a time and absence proves nothing.
	ProofOpen Proof = iota
	// ProofKept: a create has been found again by its token.
	ProofKept
	// ProofNotKept: a create was not found by its token in time. A later hit revokes it.
	ProofNotKept
)

var proofNames = [...]string{"open", "kept", "not_kept"} //nolint:gochecknoglobals // a constant table

// String gives the word used in logs and status.
func (p Proof) String() string {
	if int(p) < len(proofNames) {
		return proofNames[p]
	}
	return "invalid"
}

// Sink is what the ledger knows of one sink.
type Sink struct {
	// Name is "default" for the one that properties share, else the enterprise of the
	// property whose own it is.
	Name     string
	Revision uint64
	// Address is the one that it is bound to; empty for the default sink, which the
	// file itself is bound to.
	Address string
	// Listed is set once everything it held when the file was new is stored.
	Listed bool
	// TokensAtCreation is set when that listing showed a UUID-form token.
	TokensAtCreation bool
	Proof            Proof
	// Candidate is the applied create that is to prove that tokens are kept, and
	// once it has, the control: whoever does not show it shows nothing by an absence.
	Candidate *Candidate
	// Outage is set after five unknown outcomes in a row, until a write is definite.
	Outage bool
}

// Candidate is an applied create whose token is looked up to decide the proof.
type Candidate struct {
	ID       preauth.ID
	Identity int64
	Token    string
	Replied  time.Time
}

// Token is a transactionToken found on a sink that no intent or identity of
// this file explained when it was found.
type Token struct {
	Sink  string
	Token string
	Holds []preauth.Hold
	// Foreign is set once a complete poll of every property has not shown an Id
	// that equals it.
	Foreign bool
}

// File is what the ledger knows of itself.
type File struct {
	// New is set when this start created the file.
	New bool
	// Older says why this file may be older than the world, or is empty. It stays
	// set until Advance has been called with adopted true.
	Older string
	// Generation is the file's own at this start.
	Generation uint64
	// ConnectorAddress and SinkAddress are the addresses it is bound to.
	ConnectorAddress string
	SinkAddress      string
}
