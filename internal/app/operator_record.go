package app

import (
	"context"
	"io"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Show gives one preauthorization's record and journal.
func (o *Operator) Show(ctx context.Context, id preauth.ID) (control.Record, error) {
	ledger, err := o.ledger()
	if err != nil {
		return control.Record{}, err
	}
	rec, seen, err := known(ctx, ledger, id)
	if err != nil {
		return control.Record{}, err
	}
	names, err := propertyNames(ctx, ledger)
	if err != nil {
		return control.Record{}, err
	}
	with, err := o.retrying(ctx, rec.Enterprise)
	if err != nil {
		return control.Record{}, err
	}
	out, err := withJournal(ctx, ledger, rec, names)
	if err != nil {
		return control.Record{}, err
	}
	if seen != nil {
		out.Observed = observedOf(*seen)
	}
	out.LookedUp, err = o.lookedUp(ctx, rec, seen)
	out.ByHand, out.Choices = byHand(rec), choices(rec, out.Property, with, o.Outside.Clock())
	return out, err
}

// Export hands over every record with its journal, by Id.
func (o *Operator) Export(ctx context.Context, visit func(control.Record) error) error {
	ledger, err := o.ledger()
	if err != nil {
		return err
	}
	names, err := propertyNames(ctx, ledger)
	if err != nil {
		return err
	}
	return ledger.Each(ctx, func(rec plan.Record) error {
		out, err := withJournal(ctx, ledger, rec, names)
		if err != nil {
			return err
		}
		return visit(out)
	})
}

// Backup writes a consistent copy of the state file, not yet marked as one.
func (o *Operator) Backup(ctx context.Context, to io.Writer) error {
	ledger, err := o.ledger()
	if err != nil {
		return err
	}
	return ledger.CopyTo(ctx, to)
}

func withJournal(ctx context.Context, ledger *state.Ledger, rec plan.Record, names map[preauth.ID]string) (control.Record, error) {
	journal, err := ledger.Journal(ctx, rec.ID)
	if err != nil {
		return control.Record{}, err
	}
	out := recordOf(rec, names[rec.Enterprise])
	for _, line := range journal {
		out.Journal = append(out.Journal, entryOf(line))
	}
	return out, nil
}

func recordOf(rec plan.Record, property string) control.Record {
	out := control.Record{
		ID: string(rec.ID), Property: property, Enterprise: string(rec.Enterprise), CustomerID: string(rec.CustomerID),
		CardID: rec.CardID, Phase: rec.Phase.String(), Identity: rec.Identity, Amount: amountOf(rec.Amount),
		Currency: rec.Amount.Currency, PaymentMethodID: rec.PaymentMethodID, Unsure: rec.Unsure,
		Seen: seenOf(rec.Seen), Missing: rec.Missing, Updated: rec.Updated, Journal: []control.Entry{},
	}
	if rec.Park != nil {
		out.Parked = parkOf(*rec.Park)
	}
	if in := rec.Intent; in != nil {
		out.Intent = &control.Intent{
			Action: in.Action.String(), Attempt: in.Attempt, Amount: amountOf(in.Amount), Currency: in.Amount.Currency,
			PaymentMethodID: in.PaymentMethodID, Deadline: in.Deadline,
		}
	}
	return out
}

func parkOf(p plan.Park) *control.Park {
	return &control.Park{Reason: p.Reason, Since: p.Since, Detail: p.Detail, TrackingID: p.TrackingID}
}

func seenOf(o plan.Observation) control.Seen {
	out := control.Seen{
		State: o.State.String(), Active: o.Active, Amount: amountOf(o.Amount), Currency: o.Amount.Currency, Fault: o.AmountFault,
	}
	if o.State == preauth.Unknown {
		out.State = o.StateText
	}
	return out
}

func entryOf(line plan.Entry) control.Entry {
	out := control.Entry{
		At: line.At, Event: line.Event, CycleID: line.CycleID, Attempt: line.Attempt, Phase: line.Phase.String(),
		Amount: amountOf(line.Amount), Currency: line.Amount.Currency, PaymentMethodID: line.PaymentMethodID,
		Identity: line.Identity, Status: line.Status, TrackingID: line.TrackingID, RequestID: line.RequestID, Reason: line.Reason, Note: line.Note,
	}
	if line.Action != plan.NoAction {
		out.Action = line.Action.String()
	}
	return out
}

// amountOf is a plain decimal, "" for none.
func amountOf(m preauth.Money) string {
	if m.IsZero() {
		return ""
	}
	return m.Amount.String()
}
