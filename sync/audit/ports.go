package audit

import (
	"context"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Source is one property of the PMS. Its methods are those of a cycle's source.
type Source interface {
	// Enterprise names the enterprise the property's token belongs to.
	Enterprise(ctx context.Context) (preauth.ID, error)
	// Poll reads the preauthorizations of at most 1000 distinct customers, in one
	// complete reply or more. Customers in no reply are among the refused; an error
	// means that the rest could not be read.
	Poll(ctx context.Context, customers []preauth.ID, reply func(preauth.Reply) error) ([]preauth.RefusedCustomer, error)
}

// Sink is where the holds are.
type Sink interface {
	// ListAbove hands over everything with an identity above the given one, each hold
	// at least once, in any order.
	ListAbove(ctx context.Context, identity int64, page func([]preauth.Hold) error) error
	// Get gives one hold, and whether there is one.
	Get(ctx context.Context, identity int64) (preauth.Hold, bool, error)
}

// Ledger is what is remembered. It is read while others may write it.
type Ledger interface {
	Record(ctx context.Context, id preauth.ID) (plan.Record, bool, error)
	// Each hands over every record, in the order of their Ids.
	Each(ctx context.Context, visit func(plan.Record) error) error
	// Owner gives the record that holds an identity of a sink.
	Owner(ctx context.Context, sink string, identity int64) (preauth.ID, bool, error)
	// Customers gives what is known of each customer; those of whom nothing is known are
	// absent.
	Customers(ctx context.Context, enterprise preauth.ID, customers []preauth.ID) (map[preauth.ID]plan.Customer, error)
	// ObservedReads gives the cycle in which each customer was first read, of the report;
	// those never read are absent.
	ObservedReads(ctx context.Context, enterprise preauth.ID, customers []preauth.ID) (map[preauth.ID]uint64, error)
	Discovered(ctx context.Context, enterprise preauth.ID, visit func(plan.Discovered) error) error
	Properties(ctx context.Context) ([]plan.Property, error)
	// Pauses gives what an operator has paused.
	Pauses(ctx context.Context) ([]plan.Pause, error)
	// File says whether what is remembered is older than the world.
	File() plan.File
	Sink(ctx context.Context, name string) (plan.Sink, bool, error)
	// LookedUp gives, by card, what a sink has answered about its payment methods.
	LookedUp(ctx context.Context, sink, field string, cards []string) (map[string]plan.LookedUp, error)
	// Observed gives the report's entries of an enterprise, by Id.
	Observed(ctx context.Context, enterprise preauth.ID, ids []preauth.ID) (map[preauth.ID]plan.Observed, error)
	// Tokens gives those that exist among the asked, by token.
	Tokens(ctx context.Context, sink string, tokens []string) (map[string]plan.Token, error)
}

// Methods tells which payment method a preauthorization's card is.
type Methods interface {
	Find(p preauth.Preauthorization) plan.Method
}
