package control

import (
	"time"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Status is how everything stands.
type Status struct {
	// Daemon is the one that answers, nil when the state file was read instead.
	Daemon     *DaemonStatus    `json:"daemon"`
	Properties []PropertyStatus `json:"properties"`
	Sinks      []SinkStatus     `json:"sinks"`
	// Mode is mirror.mode: full, capture_only or observe.
	Mode string `json:"mode"`
	// PausedSince is set while all writes are paused.
	PausedSince *time.Time `json:"paused_since"`
	// Older says why the state file is older than the world, empty when it is not.
	Older string `json:"older"`
}

// DaemonStatus is a running daemon.
type DaemonStatus struct {
	PID     int       `json:"pid"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	// Problems keep it from its work; they are what /readyz says.
	Problems []string `json:"problems"`
}

// PropertyStatus is how one property stands.
type PropertyStatus struct {
	Name string `json:"name"`
	// Enterprise is empty before the first cycle.
	Enterprise string         `json:"enterprise_id"`
	Phases     map[string]int `json:"phases"`
	Parked     map[string]int `json:"parked"`
	// InDoubt counts the requests whose outcome is not known, parked or not: creating and capturing.
	InDoubt      int        `json:"in_doubt"`
	OldestParked *time.Time `json:"oldest_parked"`
	// Held adds up what v4 holds and the PMS has not charged, Awaiting what the PMS has
	// charged and v4 has not captured yet, ParkedAmounts what is parked, all by
	// currency. Nothing counts twice.
	Held          map[string]string `json:"held"`
	Awaiting      map[string]string `json:"awaiting_capture"`
	ParkedAmounts map[string]string `json:"parked_amounts"`
	// FirstRunOpen is set until every listed customer has been read once.
	FirstRunOpen bool       `json:"first_run_open"`
	PausedSince  *time.Time `json:"paused_since"`
	// Observed is the report of mirror.mode: observe, nil while the property is mirrored.
	Observed  *ObservedStatus   `json:"observed"`
	LastCycle *plan.CycleReport `json:"last_cycle"`
	NextCycle time.Time         `json:"next_cycle"`
}

// ObservedStatus adds up what would have been sent, had mirror.mode not been observe.
type ObservedStatus struct {
	// Since is when the property began to be observed.
	Since    time.Time `json:"since"`
	Created  int       `json:"created"`
	Captured int       `json:"captured"`
	// Baseline counts what would be left alone, as charged before.
	Baseline int `json:"baseline"`
	// Released counts the holds that the PMS would have left to v4, which cannot void them.
	Released int            `json:"released"`
	Parked   map[string]int `json:"parked"`
	// CreatedAmounts, CapturedAmounts and ParkedAmounts are what those are about, by currency.
	CreatedAmounts  map[string]string `json:"created_amounts"`
	CapturedAmounts map[string]string `json:"captured_amounts"`
	ParkedAmounts   map[string]string `json:"parked_amounts"`
	// FirstRunOpen is set until every listed customer has been observed once.
	FirstRunOpen bool `json:"first_run_open"`
}

// SinkStatus is how a sink stands.
type SinkStatus struct {
	Name string `json:"name"`
	// TokenProof says whether it has shown that it keeps tokens: open, kept or not_kept.
	TokenProof string `json:"token_proof"`
	// Outage is set after five unknown outcomes in a row, until a write is definite.
	Outage bool `json:"outage"`
	// Error is why it could not be used in the daemon's last cycle.
	Error string `json:"error,omitempty"`
}

// Record is a record as show and state export print it.
type Record struct {
	ID              string  `json:"preauthorization_id"`
	Property        string  `json:"property"`
	Enterprise      string  `json:"enterprise_id"`
	CustomerID      string  `json:"customer_id"`
	CardID          string  `json:"credit_card_id"`
	Phase           string  `json:"phase"`
	Identity        int64   `json:"identity,omitempty"`
	Amount          string  `json:"amount,omitempty"`
	Currency        string  `json:"currency,omitempty"`
	PaymentMethodID int64   `json:"payment_method_id,omitempty"`
	Unsure          bool    `json:"capture_history_unknown,omitempty"`
	Seen            Seen    `json:"seen"`
	Parked          *Park   `json:"parked,omitempty"`
	Intent          *Intent `json:"intent,omitempty"`
	Missing         int     `json:"missing,omitempty"`
	// Updated is when the record last changed.
	Updated time.Time `json:"updated"`
	Journal []Entry   `json:"journal"`
	// Observed is what mirror.mode: observe would have made of it; state export leaves it out.
	Observed *Observed `json:"observed,omitempty"`
	// LookedUp is what v4 said of its card, where that is why it is parked or would be;
	// state export leaves it out.
	LookedUp *LookedUp `json:"looked_up,omitempty"`
	// ByHand are the steps, in their order, of what only a person can do while it is
	// parked; state export leaves them out.
	ByHand []string `json:"by_hand,omitempty"`
	// Choices are the answers that fit while it is parked; state export leaves them out.
	Choices []Choice `json:"choices,omitempty"`
}

// Observed is what would have been sent for a preauthorization, had mirror.mode not
// been observe.
type Observed struct {
	// Seen is what the PMS said last.
	Seen Seen `json:"seen"`
	// Baselined is when it would have become the baseline. Created and Captured are when
	// they would have been sent, Released is when the PMS let go what v4 would hold.
	Baselined       *time.Time `json:"baselined"`
	Created         *time.Time `json:"created"`
	Captured        *time.Time `json:"captured"`
	Released        *time.Time `json:"released"`
	Amount          string     `json:"amount,omitempty"`
	Currency        string     `json:"currency,omitempty"`
	PaymentMethodID int64      `json:"payment_method_id,omitempty"`
	Parked          *Park      `json:"parked,omitempty"`
	// Updated is when the entry last changed.
	Updated time.Time `json:"updated"`
}

// LookedUp is v4's answer to which of its payment methods a card is. It is asked anew
// an hour later, and in the first cycle after a retry.
type LookedUp struct {
	// Field is the one that was searched for the card's Id.
	Field string    `json:"field"`
	At    time.Time `json:"at"`
	// Found says in words what was found.
	Found string `json:"found"`
}

// Choice is an answer that fits a parked preauthorization.
type Choice struct {
	// Command is what goes behind `preauth-sync`, with capitals for what only its user
	// knows.
	Command string `json:"command"`
	// Then says in words what comes of it.
	Then string `json:"then"`
}

// Seen is what the PMS says.
type Seen struct {
	State    string `json:"state"`
	Active   bool   `json:"active"`
	Amount   string `json:"amount,omitempty"`
	Currency string `json:"currency,omitempty"`
	Fault    string `json:"amount_fault,omitempty"`
}

// Park is a mark.
type Park struct {
	Reason     plan.Reason `json:"reason"`
	Since      time.Time   `json:"since"`
	Detail     string      `json:"detail"`
	TrackingID string      `json:"tracking_id,omitempty"`
}

// Intent is a request whose outcome is not known.
type Intent struct {
	Action          string    `json:"action"`
	Attempt         int       `json:"attempt"`
	Amount          string    `json:"amount"`
	Currency        string    `json:"currency"`
	PaymentMethodID int64     `json:"payment_method_id,omitempty"`
	Deadline        time.Time `json:"deadline"`
}

// Entry is a line of the journal.
type Entry struct {
	At              time.Time `json:"at"`
	Event           string    `json:"event"`
	CycleID         string    `json:"cycle_id,omitempty"`
	Action          string    `json:"action,omitempty"`
	Attempt         int       `json:"attempt,omitempty"`
	Phase           string    `json:"phase"`
	Amount          string    `json:"amount,omitempty"`
	Currency        string    `json:"currency,omitempty"`
	PaymentMethodID int64     `json:"payment_method_id,omitempty"`
	Identity        int64     `json:"identity,omitempty"`
	Status          int       `json:"status,omitempty"`
	TrackingID      string    `json:"tracking_id,omitempty"`
	// RequestID is the PMS's name for the reply that the line rests on.
	RequestID string      `json:"request_id,omitempty"`
	Reason    plan.Reason `json:"reason,omitempty"`
	Note      string      `json:"note,omitempty"`
}

// ParkedList is what is parked of a selection.
type ParkedList struct {
	Rows []Parked `json:"rows"`
	// Refused says of each Id that is unknown or not parked that it is.
	Refused []string `json:"refused"`
}

// Parked is a parked preauthorization as parked list prints it.
type Parked struct {
	ID         string      `json:"preauthorization_id"`
	Property   string      `json:"property"`
	Reason     plan.Reason `json:"reason"`
	Since      time.Time   `json:"since"`
	Amount     string      `json:"amount"`
	Currency   string      `json:"currency"`
	Identity   *int64      `json:"identity"`
	TrackingID string      `json:"tracking_id"`
	Detail     string      `json:"detail"`
	Phase      string      `json:"phase"`
	CustomerID string      `json:"customer_id"`
	// Held is what v4 holds or has captured, empty without an identity. Difference is
	// what the PMS says now less that, empty where the two cannot be compared.
	Held            string `json:"held_amount"`
	Difference      string `json:"difference"`
	PaymentMethodID int64  `json:"payment_method_id,omitempty"`
	// Answers is the observation that an answer is about, Seen the newest one.
	Answers Seen `json:"answers"`
	Seen    Seen `json:"seen"`
}

// Answers are what came of answering parked preauthorizations.
type Answers struct {
	Done []Answered `json:"done"`
	// Refused says why of each that the answer did not fit.
	Refused []string `json:"refused"`
}

// Answered is a preauthorization that is not parked any more.
type Answered struct {
	ID string `json:"preauthorization_id"`
	// Was is the reason it was parked for, Phase its phase now.
	Was   plan.Reason `json:"was"`
	Phase string      `json:"phase"`
	// Then says in words what comes of it.
	Then string `json:"then"`
}

// Paused is what is paused: one property, or with an empty name all writes.
type Paused struct {
	Property string    `json:"property"`
	Since    time.Time `json:"since"`
}

// Plan is what the next cycle would do.
type Plan struct {
	// Mode is mirror.mode. With observe nothing of the plan is sent.
	Mode       string         `json:"mode"`
	Properties []PropertyPlan `json:"properties"`
}

// PropertyPlan is what the next cycle would do for one property.
type PropertyPlan struct {
	Name    string         `json:"name"`
	Actions []Action       `json:"actions"`
	Skipped map[string]int `json:"skipped"`
	Parks   []PlannedPark  `json:"parks"`
	// Fuse is set when nothing would be sent because the plan is above the fuse.
	Fuse bool `json:"fuse_blown"`
	// Paused is set when nothing would be sent because writes are paused.
	Paused bool `json:"paused"`
	// Error is why the plan is not complete.
	Error string `json:"error,omitempty"`
}

// Action is one request of a plan.
type Action struct {
	ID              string `json:"preauthorization_id"`
	CustomerID      string `json:"customer_id"`
	Action          string `json:"action"`
	Amount          string `json:"amount"`
	Currency        string `json:"currency"`
	PaymentMethodID *int64 `json:"payment_method_id"`
}

// PlannedPark is a mark that the next cycle would set, or keep.
type PlannedPark struct {
	ID     string      `json:"preauthorization_id"`
	Reason plan.Reason `json:"reason"`
	Detail string      `json:"detail"`
	New    bool        `json:"new"`
}

// Progress is how far a backfill is.
type Progress struct {
	// Customers counts those that have been read, of CustomersTotal.
	Customers      int `json:"customers"`
	CustomersTotal int `json:"customers_total"`
	Polled         int `json:"polled"`
	Created        int `json:"created"`
	Captured       int `json:"captured"`
	Parked         int `json:"parked"`
	Failed         int `json:"failed"`
	// Waiting is set while only requests without a definite answer are waited for.
	Waiting bool `json:"waiting"`
}

// Account closes a backfill.
type Account struct {
	// Plan is what would be done; with DryRun that is all.
	Plan       *Plan             `json:"plan,omitempty"`
	Properties []PropertyAccount `json:"properties"`
	// InDoubt counts requests whose outcome was still not known at the end.
	InDoubt int `json:"in_doubt"`
	// NewlyParked counts what was newly parked for an outcome.
	NewlyParked int `json:"newly_parked"`
}

// PropertyAccount closes one property's part of a backfill.
type PropertyAccount struct {
	Name    string           `json:"name"`
	Report  plan.CycleReport `json:"report"`
	Skipped map[string]int   `json:"skipped"`
}

// Finding is one difference between the PMS, the ledger and v4.
type Finding struct {
	// Kind is one of audit.Kinds.
	Kind string `json:"kind"`
	ID   string `json:"preauthorization_id"`
	// Identity is nil where v4 has none.
	Identity *int64 `json:"identity"`
	Property string `json:"property"`
	Detail   string `json:"detail"`
	// Due is set when the next cycle mends it by itself.
	Due bool `json:"due"`
	// Shadow is what the report says of it, nil unless mirror.mode is observe.
	*Shadow
}

// Shadow is the last that would have been done about a preauthorization, had
// mirror.mode not been observe.
type Shadow struct {
	// Action is create, capture, park or none.
	Action string `json:"observed_action"`
	// Amount, Currency and At are empty and nil for none. The amount of a park is the one
	// that would wait.
	Amount   string     `json:"observed_amount"`
	Currency string     `json:"observed_currency"`
	At       *time.Time `json:"observed_at"`
	// Reason is that of a park.
	Reason plan.Reason `json:"observed_reason"`
}

// Audited closes an audit.
type Audited struct {
	// Checked counts the preauthorizations that were compared.
	Checked int `json:"checked"`
	// Holds counts what v4 has shown, Foreign those of them that are not ours.
	Holds   int `json:"holds"`
	Foreign int `json:"foreign"`
	// InMotion counts what changed meanwhile or waits for an outcome, Answered what
	// differs and has been answered by an operator.
	InMotion int `json:"in_motion"`
	Answered int `json:"answered"`
	// CapturedUnlisted counts the captured holds on a v4 that lists none of them.
	CapturedUnlisted int `json:"captured_unlisted"`
	// Observing is set while mirror.mode is observe: then each finding has a Shadow.
	Observing bool `json:"observing"`
	// Found counts what was handed over, by kind.
	Found map[string]int `json:"found"`
	// Due counts what the next cycle mends by itself, handed over or not.
	Due int `json:"due"`
	// Refused is set when an access token is not taken, because of the enterprise that it
	// belongs to; Unread says which.
	Refused bool `json:"refused"`
	// Unread says what could not be compared, and why; the audit is not complete then.
	Unread []string `json:"unread"`
}
