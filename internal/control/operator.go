// Package control is how operators speak with preauth-sync: the questions and
// orders of the command line and their answers, and a Unix socket over which a
// running daemon takes them.
package control

import (
	"context"
	"io"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Operator answers operators. A daemon does it while it runs, over its socket;
// otherwise the command does it itself, on the state file. Both give the same
// answers, but for what only a running daemon knows.
type Operator interface {
	// Status says how each property stands.
	Status(ctx context.Context) (Status, error)
	// Show gives one preauthorization's record and journal.
	Show(ctx context.Context, id preauth.ID) (Record, error)
	// Export hands over every record with its journal, by Id.
	Export(ctx context.Context, visit func(Record) error) error
	// Backup writes a consistent copy of the state file, not yet marked as one.
	Backup(ctx context.Context, to io.Writer) error

	// Parked lists what is parked, the oldest mark first.
	Parked(ctx context.Context, of Selection) (ParkedList, error)
	// Retry and Resolve answer what is parked. What an answer does not fit is among
	// the refused, and keeps none of the others from theirs.
	Retry(ctx context.Context, order Retry) (Answers, error)
	Resolve(ctx context.Context, order Resolve) (Answers, error)

	// Pause stops all writes, or one property's, until Resume; it returns once none of
	// them is under way. Both say what is paused now.
	Pause(ctx context.Context, property string) ([]Paused, error)
	Resume(ctx context.Context, property string) ([]Paused, error)

	// Plan says what the next cycle would do.
	Plan(ctx context.Context) (Plan, error)
	// Backfill mirrors history. While it runs it tells how far it is.
	Backfill(ctx context.Context, order Backfill, progress func(Progress)) (Account, error)
	// Audit compares the PMS, the ledger and v4, changes nothing, and hands over what differs.
	Audit(ctx context.Context, order Audit, finding func(Finding) error) (Audited, error)
}

// Selection names parked preauthorizations: by Id, or by reason and property; with a
// reason those of the Ids that are parked for it. The zero value is all of them.
type Selection struct {
	IDs      []preauth.ID `json:"ids,omitempty"`
	Reason   plan.Reason  `json:"reason,omitempty"`
	Property string       `json:"property,omitempty"`
}

// Retry is an order to let what is parked go on, see plan.Retry.
type Retry struct {
	Of            Selection `json:"of"`
	ResendCreate  bool      `json:"resend_create,omitempty"`
	ResendCapture bool      `json:"resend_capture,omitempty"`
	Note          string    `json:"note,omitempty"`
}

// Resolve says what has become of what is parked, see plan.Resolve.
type Resolve struct {
	Of Selection `json:"of"`
	// As is created=IDENTITY, captured or released.
	As   string `json:"as"`
	Note string `json:"note"`
}

// Backfill is an order to mirror history.
type Backfill struct {
	// Property is the one to mirror, empty for all.
	Property string `json:"property,omitempty"`
	// Customers are asked for instead of the configured ones, unless empty.
	Customers []preauth.ID `json:"customers,omitempty"`
	// Charged also creates and captures what is the baseline, or was first seen charged.
	Charged bool `json:"charged,omitempty"`
	// Limit is the most preauthorizations that are acted on, 0 for no limit.
	Limit int `json:"limit,omitempty"`
	// Agreed is the most that somebody has agreed to, 0 for no bound; everybody is
	// polled all the same.
	Agreed int `json:"agreed,omitempty"`
	// DryRun plans and sends nothing.
	DryRun bool `json:"dry_run,omitempty"`
}

// Audit is an order to compare.
type Audit struct {
	// Property is the one to compare, empty for all.
	Property string `json:"property,omitempty"`
	// WithoutDue counts what the next cycle mends by itself, and does not hand it over.
	WithoutDue bool `json:"without_due,omitempty"`
}
