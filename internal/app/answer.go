package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Answers carries out what operators say about parked preauthorizations.
type Answers struct {
	Config *config.Config
	Ledger *state.Ledger
	// Hold asks v4 for one hold, and whether it has it.
	Hold  func(ctx context.Context, identity int64) (preauth.Hold, bool, error)
	Clock func() time.Time
}

// Selection names parked preauthorizations: by Id, or by reason and property.
// The zero value is all of them.
type Selection struct {
	IDs      []preauth.ID
	Reason   plan.Reason
	Property string
}

// Parked gives the parked records of a selection, the oldest mark first, and an
// *plan.AnswerError for each Id that is unknown or not parked.
func (a *Answers) Parked(ctx context.Context, of Selection) (parked []plan.Record, refused []error, err error) {
	if len(of.IDs) > 0 {
		parked, refused, err = a.named(ctx, of.IDs)
	} else {
		parked, err = a.filtered(ctx, of)
	}
	slices.SortFunc(parked, func(x, y plan.Record) int {
		return cmp.Or(x.Park.Since.Compare(y.Park.Since), strings.Compare(string(x.ID), string(y.ID)))
	})
	return parked, refused, err
}

func (a *Answers) named(ctx context.Context, ids []preauth.ID) (parked []plan.Record, refused []error, err error) {
	records, err := a.Ledger.Records(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		rec, known := records[id]
		err := rec.Answerable()
		if !known {
			err = unknown(id)
		}
		if err != nil {
			refused = append(refused, err)
			continue
		}
		parked = append(parked, rec)
	}
	return parked, refused, nil
}

func (a *Answers) filtered(ctx context.Context, of Selection) ([]plan.Record, error) {
	var enterprise preauth.ID
	if of.Property != "" {
		known, err := a.Ledger.Properties(ctx)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(known, func(doc plan.Property) bool { return doc.Name == of.Property })
		if at < 0 {
			return nil, fmt.Errorf("no property of the state file is called %.64q", of.Property)
		}
		enterprise = known[at].Enterprise
	}
	parked := map[preauth.ID]plan.Record{} // a mark that is replaced meanwhile may be seen twice
	err := a.Ledger.Parked(ctx, func(rec plan.Record) error {
		if (of.Reason == "" || rec.Park.Reason == of.Reason) && (enterprise == "" || rec.Enterprise == enterprise) {
			parked[rec.ID] = rec
		}
		return nil
	})
	return slices.Collect(maps.Values(parked)), err
}

// Retry carries out plan.Retry, with what the state file knows of the sink. An
// *plan.AnswerError leaves everything as it is.
func (a *Answers) Retry(ctx context.Context, id preauth.ID, with plan.Retrying) (plan.Answered, error) {
	return a.answer(ctx, id, telemetry.ParkedRetried, func(rec plan.Record) (plan.Answered, error) {
		sink, _, err := a.Ledger.Sink(ctx, SinkName)
		if err != nil {
			return plan.Answered{}, err
		}
		with.Proof, with.Settle = sink.Proof, a.Config.V4.Settle
		return plan.Retry(rec, with, a.Clock())
	})
}

// Resolve carries out plan.Resolve. Before it believes that a record is created
// it asks v4 for the identity. An *plan.AnswerError leaves everything as it is.
func (a *Answers) Resolve(ctx context.Context, id preauth.ID, answer plan.Answer, note string) (plan.Answered, error) {
	return a.answer(ctx, id, telemetry.ParkedResolved, func(rec plan.Record) (plan.Answered, error) {
		if answer.As == plan.Created {
			var err error
			if answer, err = a.look(ctx, rec, answer.Hold.Identity); err != nil {
				return plan.Answered{}, err
			}
		}
		return plan.Resolve(rec, answer, note, a.Clock())
	})
}

// answer decides from the record as it is now, and commits what came of it with
// its journal line.
func (a *Answers) answer(
	ctx context.Context, id preauth.ID, event string, decide func(plan.Record) (plan.Answered, error),
) (plan.Answered, error) {
	for {
		rec, known, err := a.Ledger.Record(ctx, id)
		if err != nil {
			return plan.Answered{}, err
		}
		if !known {
			return plan.Answered{}, unknown(id)
		}
		out, err := decide(rec)
		if err != nil {
			return plan.Answered{}, err
		}
		out.Entry.Event, out.Entry.Note = event, httpx.Redact(out.Entry.Note, a.Config.Secrets()...)
		err = a.Ledger.Commit(ctx, plan.Batch{Records: []plan.Record{out.Record}, Journal: []plan.Entry{out.Entry}})
		if errors.Is(err, plan.ErrConflict) {
			continue // a cycle has changed the record meanwhile
		}
		return out, err
	}
}

func unknown(id preauth.ID) error {
	return &plan.AnswerError{ID: id, Why: "the state file does not have it: its customer has not been read yet"}
}

// look asks v4 what it holds under an identity, and refuses a hold that is
// another preauthorization's.
func (a *Answers) look(ctx context.Context, rec plan.Record, identity int64) (plan.Answer, error) {
	refuse := func(format string, args ...any) (plan.Answer, error) {
		return plan.Answer{}, &plan.AnswerError{ID: rec.ID, Why: fmt.Sprintf(format, args...)}
	}
	currency, err := a.currency(ctx, rec)
	if err != nil {
		return plan.Answer{}, err
	}
	owner, taken, err := a.Ledger.Owner(ctx, SinkName, identity)
	if err != nil {
		return plan.Answer{}, err
	}
	if taken && owner != rec.ID {
		return refuse("identity %d is that of preauthorization %s", identity, owner)
	}
	hold, there, err := a.Hold(ctx, identity)
	if err != nil {
		return plan.Answer{}, fmt.Errorf("asking v4 for identity %d: %w", identity, err)
	}
	if !there {
		return refuse("v4 has no identity %d", identity)
	}
	others, err := a.othersToken(ctx, rec, hold.Token)
	if err != nil {
		return plan.Answer{}, err
	}
	if others {
		return refuse("identity %d, %s on payment method %d, carries the token of another preauthorization: %s",
			identity, hold.Amount, hold.PaymentMethodID, hold.Token)
	}
	return plan.Answer{As: plan.Created, Hold: hold, Currency: currency}, nil
}

// currency is what the tenant of a record's property bills in.
func (a *Answers) currency(ctx context.Context, rec plan.Record) (string, error) {
	doc, _, err := a.Ledger.Property(ctx, rec.Enterprise)
	if err != nil {
		return "", err
	}
	for _, p := range a.Config.Properties {
		if p.Name == doc.Name {
			return p.Currency, nil
		}
	}
	return "", &plan.AnswerError{ID: rec.ID, Why: "its property is not in the configuration, which alone says what v4's amounts are in"}
}

// othersToken tells whether a token was given by this program for another
// preauthorization. A UUID is one where our tokens are kept; elsewhere gateways
// give UUIDs of their own, and only an Id that the file knows is.
func (a *Answers) othersToken(ctx context.Context, rec plan.Record, token string) (bool, error) {
	if token == string(rec.ID) || !preauth.IsUUIDForm(token) {
		return false, nil
	}
	sink, _, err := a.Ledger.Sink(ctx, SinkName)
	if err != nil {
		return false, err
	}
	if a.Config.V4.TransactionToken == config.TokenID && sink.Proof != plan.ProofNotKept {
		return true, nil
	}
	_, known, err := a.Ledger.Record(ctx, preauth.ID(token))
	return known, err
}
