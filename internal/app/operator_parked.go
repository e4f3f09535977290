package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Parked lists the parked records of a selection, the oldest mark first.
func (o *Operator) Parked(ctx context.Context, of control.Selection) (control.ParkedList, error) {
	list := control.ParkedList{Rows: []control.Parked{}, Refused: []string{}}
	ledger, err := o.ledger()
	if err != nil {
		return list, err
	}
	parked, refused, err := o.selected(ctx, of)
	if err != nil {
		return list, err
	}
	names, err := propertyNames(ctx, ledger)
	if err != nil {
		return list, err
	}
	for _, rec := range parked {
		list.Rows = append(list.Rows, parkedOf(rec, names[rec.Enterprise]))
	}
	list.Refused = append(list.Refused, refused...)
	return list, nil
}

func parkedOf(rec plan.Record, property string) control.Parked {
	out := control.Parked{
		ID: string(rec.ID), Property: property, Reason: rec.Park.Reason, Since: rec.Park.Since.UTC(),
		Amount: amountOf(rec.AtStake()), Currency: rec.AtStake().Currency, TrackingID: rec.Park.TrackingID, Detail: rec.Park.Detail,
		Phase: rec.Phase.String(), CustomerID: string(rec.CustomerID), Answers: seenOf(rec.Park.Seen), Seen: seenOf(rec.Seen),
	}
	if rec.Identity != 0 {
		out.Identity, out.Held, out.PaymentMethodID = &rec.Identity, amountOf(rec.Amount), rec.PaymentMethodID
	}
	if less, known := difference(rec); known {
		out.Difference = less.Amount.String()
	}
	return out
}

// selected gives the parked records of a selection, the oldest mark first, and says
// of each Id that is unknown or not parked that it is.
func (o *Operator) selected(ctx context.Context, of control.Selection) (parked []plan.Record, refused []string, err error) {
	if len(of.IDs) > 0 {
		parked, refused, err = o.named(ctx, of)
	} else {
		parked, err = o.filtered(ctx, of)
	}
	slices.SortFunc(parked, func(x, y plan.Record) int {
		return cmp.Or(x.Park.Since.Compare(y.Park.Since), strings.Compare(string(x.ID), string(y.ID)))
	})
	return parked, refused, err
}

func (o *Operator) named(ctx context.Context, of control.Selection) (parked []plan.Record, refused []string, err error) {
	records, err := o.Ledger.Records(ctx, of.IDs)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(of.IDs))) {
		rec, known := records[id]
		err := rec.Answerable()
		switch {
		case !known:
			err = o.unknown(ctx, id)
		case err == nil && of.Reason != "" && rec.Park.Reason != of.Reason:
			err = &plan.AnswerError{ID: id, Why: fmt.Sprintf("it is parked as %s by now", rec.Park.Reason)}
		}
		if _, unfit := errors.AsType[*plan.AnswerError](err); unfit {
			refused = append(refused, err.Error())
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		parked = append(parked, rec)
	}
	return parked, refused, nil
}

func (o *Operator) filtered(ctx context.Context, of control.Selection) ([]plan.Record, error) {
	enterprise, err := o.enterprise(ctx, of.Property)
	if err != nil {
		return nil, err
	}
	parked := map[preauth.ID]plan.Record{} // a mark that is replaced meanwhile may be seen twice
	err = o.Ledger.Parked(ctx, func(rec plan.Record) error {
		if (of.Reason == "" || rec.Park.Reason == of.Reason) && (enterprise == "" || rec.Enterprise == enterprise) {
			parked[rec.ID] = rec
		}
		return nil
	})
	return slices.Collect(maps.Values(parked)), err
}

// Retry carries out plan.Retry, with what the state file knows of the record's sink.
// What v4 has said of its card is forgotten, so that the next cycle asks anew.
func (o *Operator) Retry(ctx context.Context, order control.Retry) (control.Answers, error) {
	return o.answerEach(ctx, order.Of, telemetry.ParkedRetried, func(rec plan.Record) (plan.Answered, []plan.LookedUp, error) {
		with, err := o.retrying(ctx, rec.Enterprise)
		if err != nil {
			return plan.Answered{}, nil, err
		}
		with.ResendCreate, with.ResendCapture, with.Note = order.ResendCreate, order.ResendCapture, order.Note
		out, err := plan.Retry(rec, with, o.Outside.Clock())
		if err != nil {
			return plan.Answered{}, nil, err
		}
		asked, isAsked, err := o.lookup(ctx, rec)
		if !isAsked {
			return out, nil, err
		}
		return out, []plan.LookedUp{asked}, err
	})
}

// Resolve carries out plan.Resolve. Before it believes that a record is created
// it asks v4 for the identity.
func (o *Operator) Resolve(ctx context.Context, order control.Resolve) (control.Answers, error) {
	answer, err := plan.ParseAnswer(order.As)
	if err != nil {
		return control.Answers{}, err
	}
	if answer.As == plan.Created && len(order.Of.IDs) != 1 {
		return control.Answers{}, errors.New("created=IDENTITY answers one preauthorization, named by its Id")
	}
	return o.answerEach(ctx, order.Of, telemetry.ParkedResolved, func(rec plan.Record) (plan.Answered, []plan.LookedUp, error) {
		with := answer
		if answer.As == plan.Created {
			if with, err = o.look(ctx, rec, answer.Hold.Identity); err != nil {
				return plan.Answered{}, nil, err
			}
		}
		out, err := plan.Resolve(rec, with, order.Note, o.Outside.Clock())
		return out, nil, err
	})
}

// deciding decides what an answer makes of a record, and which look-ups are forgotten
// with it.
type deciding func(plan.Record) (out plan.Answered, forgotten []plan.LookedUp, err error)

// answerEach answers one record after the other. One that the answer does not fit
// keeps none of the others from theirs; any other error ends it.
func (o *Operator) answerEach(ctx context.Context, of control.Selection, event string, decide deciding) (control.Answers, error) {
	out := control.Answers{Done: []control.Answered{}, Refused: []string{}}
	if len(of.IDs) == 0 && of.Reason == "" && of.Property == "" {
		return out, errors.New("an answer is for what is named, and nothing is")
	}
	if _, err := o.ledger(); err != nil {
		return out, err
	}
	parked, refused, err := o.selected(ctx, of)
	if err != nil {
		return out, err
	}
	out.Refused = append(out.Refused, refused...)
	for _, rec := range parked {
		answered, err := o.answer(ctx, rec.ID, event, decide)
		if _, unfit := errors.AsType[*plan.AnswerError](err); unfit {
			out.Refused = append(out.Refused, err.Error())
			continue
		}
		if err != nil {
			return out, fmt.Errorf("%d of %d were answered before this: %w", len(out.Done), len(parked), err)
		}
		out.Done = append(out.Done, control.Answered{
			ID: string(rec.ID), Was: answered.Entry.Reason, Phase: answered.Record.Phase.String(), Then: answered.Then,
		})
	}
	return out, nil
}

// answer decides from the record as it is now, and commits what came of it with
// its journal line.
func (o *Operator) answer(ctx context.Context, id preauth.ID, event string, decide deciding) (plan.Answered, error) {
	for {
		rec, known, err := o.Ledger.Record(ctx, id)
		if err != nil {
			return plan.Answered{}, err
		}
		if !known {
			return plan.Answered{}, o.unknown(ctx, id)
		}
		out, forgotten, err := decide(rec)
		if err != nil {
			return plan.Answered{}, err
		}
		out.Entry.Event, out.Entry.Note = event, httpx.Redact(out.Entry.Note, o.secrets()...)
		err = o.Ledger.Commit(ctx, plan.Batch{Records: []plan.Record{out.Record}, Journal: []plan.Entry{out.Entry}, LookedUp: forgotten})
		if errors.Is(err, plan.ErrConflict) {
			continue // a cycle has changed the record meanwhile
		}
		switch {
		case o.daemon == nil:
		case err == nil:
			o.daemon.answered(out)
		case state.IsFailed(err):
			o.daemon.lost(fmt.Errorf("%w: %w", engine.ErrLedger, err))
		}
		return out, err
	}
}

// unknown says why there is no record to answer.
func (o *Operator) unknown(ctx context.Context, id preauth.ID) error {
	_, observed, err := entry(ctx, o.Ledger, id, "")
	switch {
	case err != nil:
		return err
	case observed:
		return &plan.AnswerError{ID: id, Why: "it is only observed: nothing is parked, and there is nothing to answer"}
	}
	return &plan.AnswerError{ID: id, Why: "the state file does not have it: its customer has not been read yet"}
}

// look asks v4 what it holds under an identity, and refuses a hold that is
// another preauthorization's.
func (o *Operator) look(ctx context.Context, rec plan.Record, identity int64) (plan.Answer, error) {
	refuse := func(format string, args ...any) (plan.Answer, error) {
		return plan.Answer{}, &plan.AnswerError{ID: rec.ID, Why: fmt.Sprintf(format, args...)}
	}
	currency, err := o.currency(ctx, rec)
	if err != nil {
		return plan.Answer{}, err
	}
	sink, err := o.sinkOf(ctx, rec.Enterprise)
	if err != nil {
		return plan.Answer{}, err
	}
	if sink.moved != "" {
		return refuse("its hold cannot be looked for: %s", sink.moved)
	}
	owner, taken, err := o.Ledger.Owner(ctx, sink.doc.Name, identity)
	if err != nil {
		return plan.Answer{}, err
	}
	if taken && owner != rec.ID {
		return refuse("identity %d is that of preauthorization %s", identity, owner)
	}
	hold, there, err := o.hold(ctx, sink.Name, identity)
	if err != nil {
		return plan.Answer{}, fmt.Errorf("asking v4 for identity %d: %w", identity, err)
	}
	if !there {
		return refuse("v4 has no identity %d", identity)
	}
	others, err := o.othersToken(ctx, rec, sink, hold.Token)
	if err != nil {
		return plan.Answer{}, err
	}
	if others {
		return refuse("identity %d, %s on payment method %d, carries the token of another preauthorization: %s",
			identity, hold.Amount, hold.PaymentMethodID, hold.Token)
	}
	return plan.Answer{As: plan.Created, Hold: hold, Currency: currency}, nil
}

func (o *Operator) hold(ctx context.Context, sink string, identity int64) (hold preauth.Hold, there bool, err error) {
	if o.Hold != nil {
		return o.Hold(ctx, sink, identity)
	}
	clients, err := o.clients()
	if err != nil {
		return preauth.Hold{}, false, err
	}
	defer func() { err = errors.Join(err, clients.Close()) }()
	i := slices.IndexFunc(clients.Sinks, func(s Sink) bool { return s.Name == sink })
	return clients.Sinks[i].Get(ctx, identity)
}

// currency is what the tenant of a record's property bills in.
func (o *Operator) currency(ctx context.Context, rec plan.Record) (string, error) {
	doc, _, err := o.Ledger.Property(ctx, rec.Enterprise)
	if err != nil {
		return "", err
	}
	if p, configured := o.configured(doc.Name); configured {
		return p.Currency, nil
	}
	return "", &plan.AnswerError{ID: rec.ID, Why: "its property is not in the configuration, which alone says what v4's amounts are in"}
}

// othersToken tells whether a token was given by this program for another
// preauthorization. A UUID is one where our tokens are kept; elsewhere gateways
// give UUIDs of their own, and only an Id that the file knows is.
func (o *Operator) othersToken(ctx context.Context, rec plan.Record, sink boundSink, token string) (bool, error) {
	if token == string(rec.ID) || !preauth.IsUUIDForm(token) {
		return false, nil
	}
	if sink.Config.TransactionToken == config.TokenID && sink.doc.Proof != plan.ProofNotKept {
		return true, nil
	}
	_, known, err := o.Ledger.Record(ctx, preauth.ID(token))
	return known, err
}
