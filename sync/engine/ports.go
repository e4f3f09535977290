package engine

import (
	"context"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Source is where preauthorizations are read: one property of the PMS.
type Source interface {
	// Enterprise names the enterprise the property's token belongs to.
	Enterprise(ctx context.Context) (preauth.ID, error)
	// Poll reads the preauthorizations of at most 1000 distinct customers. It hands
	// over one Reply for each complete reply: usually one, more when the request
	// had to be divided. Customers that the PMS refuses, or whose reply cannot be
	// used, are in no Reply but among the returned Refused. An error means that the
	// rest could not be read; what was handed over before stands.
	Poll(ctx context.Context, customers []preauth.ID, reply func(Reply) error) ([]Refused, error)
	// Repoll is Poll where an earlier reply for the same customers may be known, by its
	// fingerprint: a reply that says the same is handed over Unchanged, without having
	// been looked into. Replies carry their fingerprint.
	Repoll(ctx context.Context, customers []preauth.ID, known preauth.Fingerprint, reply func(Reply) error) ([]Refused, error)
}

// Reply is one complete reply.
type Reply = preauth.Reply

// Refused is a customer that could not be read, and why.
type Refused = preauth.RefusedCustomer

// Sink is where holds are made. Its writes send once: no layer below resends.
type Sink interface {
	// Ready makes sure that there is a valid login. An error means that nothing can
	// be sent now; a *preauth.SinkRefusal that trying again will not help.
	Ready(ctx context.Context) error
	// Admit waits until the sink's rate limit lets one write through; done must be
	// called once that write is over. It is asked before the intent, so that waiting
	// takes nothing from the write's deadline.
	Admit(ctx context.Context) (done func(), err error)
	// Relogin forgets the present login, because a write was answered 401.
	Relogin()
	// Create and Capture send one request, which is over by ctx's deadline.
	Create(ctx context.Context, req preauth.CreateRequest) preauth.Outcome
	Capture(ctx context.Context, identity int64) preauth.Outcome
	// FindMethods gives, for each card that was answered, the payment methods whose field
	// is that card's Id. A card without an answer is not in the map, and the error says
	// why; it is a preauth.ErrUnanswered when the sink is silent.
	FindMethods(ctx context.Context, field string, cards []string) (map[string]preauth.CardMethods, error)
	// FindByToken gives what the sink shows for a token. The caller compares each.
	FindByToken(ctx context.Context, token string) ([]preauth.Hold, error)
	// List hands over everything, page by page, through Paged.
	List(ctx context.Context, page func([]preauth.Hold) error) error
	// ListAbove hands over, page by page, what has an identity above the given one.
	ListAbove(ctx context.Context, identity int64, page func([]preauth.Hold) error) error
}

// Ledger remembers. A Commit is durable when it returns nil; an error other than
// plan.ErrConflict means that the ledger can no longer be trusted to remember,
// and the engine sends nothing more.
type Ledger interface {
	File() plan.File
	// Advance starts a new generation, durably, in the file and beside it, before a
	// cycle's first write. adopted says that what an older file calls for has been
	// done, and clears its mark.
	Advance(ctx context.Context, adopted bool) (generation uint64, err error)

	// MarkOlder stores, until Advance is called with adopted true, that the file is
	// older than the world, and why.
	MarkOlder(ctx context.Context, why string) error

	Record(ctx context.Context, id preauth.ID) (plan.Record, bool, error)
	// Records gives those that exist, by Id.
	Records(ctx context.Context, ids []preauth.ID) (map[preauth.ID]plan.Record, error)
	// Each hands over every record, in the order of their Ids.
	Each(ctx context.Context, visit func(plan.Record) error) error
	// Unfinished hands over the unfinished records of one enterprise, or of all for "".
	Unfinished(ctx context.Context, enterprise preauth.ID, visit func(plan.Record) error) error
	// Owner gives the record that holds an identity of a sink.
	Owner(ctx context.Context, sink string, identity int64) (preauth.ID, bool, error)
	// Journal gives a record's lines, oldest first.
	Journal(ctx context.Context, id preauth.ID) ([]plan.Entry, error)

	// Customers gives what is known of each customer; those of whom nothing is known are
	// absent.
	Customers(ctx context.Context, enterprise preauth.ID, customers []preauth.ID) (map[preauth.ID]plan.Customer, error)
	// Pending hands over the customers of an enterprise who have unfinished records, in the
	// order of their Ids, each once.
	Pending(ctx context.Context, enterprise preauth.ID, visit func(preauth.ID) error) error
	// PendingRevision changes with every commit that changes whom Pending hands over.
	PendingRevision(ctx context.Context, enterprise preauth.ID) (uint64, error)
	// InFlight hands over the records in flight, of every enterprise.
	InFlight(ctx context.Context, visit func(plan.Record) error) error
	// Stamp changes with every commit that puts a record of the enterprise, or a token.
	Stamp(enterprise preauth.ID) uint64
	// Pass gives the pass whose first customer is given, and whether there is one.
	Pass(ctx context.Context, enterprise, first preauth.ID) (plan.Pass, bool, error)
	// Discovered hands over the customers of an enterprise that discovery has found.
	Discovered(ctx context.Context, enterprise preauth.ID, visit func(plan.Discovered) error) error
	// LookedUp gives what a sink has answered about cards, by card.
	LookedUp(ctx context.Context, sink, field string, cards []string) (map[string]plan.LookedUp, error)
	// Observed gives the entries of a property's report that exist, by Id.
	Observed(ctx context.Context, enterprise preauth.ID, ids []preauth.ID) (map[preauth.ID]plan.Observed, error)
	// ObservedReads gives the cycle in which each customer was first read, of the report;
	// those never read are absent.
	ObservedReads(ctx context.Context, enterprise preauth.ID, customers []preauth.ID) (map[preauth.ID]uint64, error)
	// Pauses gives what is paused, by enterprise.
	Pauses(ctx context.Context) ([]plan.Pause, error)
	Property(ctx context.Context, enterprise preauth.ID) (plan.Property, bool, error)
	Properties(ctx context.Context) ([]plan.Property, error)
	Sink(ctx context.Context, name string) (plan.Sink, bool, error)
	Highest(ctx context.Context, sink string) (int64, error)
	// Tokens gives those that exist among the asked, by token.
	Tokens(ctx context.Context, sink string, tokens []string) (map[string]plan.Token, error)
	// Unmatched hands over the tokens of a sink that are not yet known to be foreign.
	Unmatched(ctx context.Context, sink string, visit func(plan.Token) error) error

	Commit(ctx context.Context, batch plan.Batch) error
}

// Methods tells which payment method a preauthorization's card is.
type Methods interface {
	Find(p preauth.Preauthorization) plan.Method
}

// Clock is the wall clock. Waiting is always done on the monotonic one.
type Clock func() time.Time
