package cli

import (
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// recordView is a record as show and state export print it.
type recordView struct {
	ID              string      `json:"preauthorization_id"`
	Property        string      `json:"property"`
	Enterprise      string      `json:"enterprise_id"`
	CustomerID      string      `json:"customer_id"`
	CardID          string      `json:"credit_card_id"`
	Phase           string      `json:"phase"`
	Identity        int64       `json:"identity,omitempty"`
	Amount          string      `json:"amount,omitempty"`
	Currency        string      `json:"currency,omitempty"`
	PaymentMethodID int64       `json:"payment_method_id,omitempty"`
	Unsure          bool        `json:"capture_history_unknown,omitempty"`
	Seen            seenView    `json:"seen"`
	Parked          *parkView   `json:"parked,omitempty"`
	Intent          *intentView `json:"intent,omitempty"`
	Missing         int         `json:"missing,omitempty"`
	Updated         time.Time   `json:"updated"`
	Journal         []entryView `json:"journal"`
}

type seenView struct {
	State    string `json:"state"`
	Active   bool   `json:"active"`
	Amount   string `json:"amount,omitempty"`
	Currency string `json:"currency,omitempty"`
	Fault    string `json:"amount_fault,omitempty"`
}

type parkView struct {
	Reason     plan.Reason `json:"reason"`
	Since      time.Time   `json:"since"`
	Detail     string      `json:"detail"`
	TrackingID string      `json:"tracking_id,omitempty"`
}

type intentView struct {
	Action          string    `json:"action"`
	Attempt         int       `json:"attempt"`
	Amount          string    `json:"amount"`
	Currency        string    `json:"currency"`
	PaymentMethodID int64     `json:"payment_method_id,omitempty"`
	Deadline        time.Time `json:"deadline"`
}

type entryView struct {
	At              time.Time   `json:"at"`
	Event           string      `json:"event"`
	CycleID         string      `json:"cycle_id,omitempty"`
	Action          string      `json:"action,omitempty"`
	Attempt         int         `json:"attempt,omitempty"`
	Phase           string      `json:"phase"`
	Amount          string      `json:"amount,omitempty"`
	Currency        string      `json:"currency,omitempty"`
	PaymentMethodID int64       `json:"payment_method_id,omitempty"`
	Identity        int64       `json:"identity,omitempty"`
	Status          int         `json:"status,omitempty"`
	TrackingID      string      `json:"tracking_id,omitempty"`
	Reason          plan.Reason `json:"reason,omitempty"`
	Note            string      `json:"note,omitempty"`
}

// amountText gives an amount for JSON: a plain decimal, "" for none.
func amountText(m preauth.Money) string {
	if m.IsZero() {
		return ""
	}
	return m.Amount.String()
}

func viewRecord(rec plan.Record, property string, journal []plan.Entry) recordView {
	out := recordView{
		ID: string(rec.ID), Property: property, Enterprise: string(rec.Enterprise), CustomerID: string(rec.CustomerID),
		CardID: rec.CardID, Phase: rec.Phase.String(), Identity: rec.Identity, Amount: amountText(rec.Amount),
		Currency: rec.Amount.Currency, PaymentMethodID: rec.PaymentMethodID, Unsure: rec.Unsure,
		Seen: viewSeen(rec.Seen), Missing: rec.Missing, Updated: rec.Updated, Journal: []entryView{},
	}
	if p := rec.Park; p != nil {
		out.Parked = &parkView{Reason: p.Reason, Since: p.Since, Detail: p.Detail, TrackingID: p.TrackingID}
	}
	if in := rec.Intent; in != nil {
		out.Intent = &intentView{
			Action: in.Action.String(), Attempt: in.Attempt, Amount: amountText(in.Amount), Currency: in.Amount.Currency,
			PaymentMethodID: in.PaymentMethodID, Deadline: in.Deadline,
		}
	}
	for _, line := range journal {
		out.Journal = append(out.Journal, viewEntry(line))
	}
	return out
}

func viewSeen(o plan.Observation) seenView {
	out := seenView{
		State: o.State.String(), Active: o.Active, Amount: amountText(o.Amount), Currency: o.Amount.Currency, Fault: o.AmountFault,
	}
	if o.State == preauth.Unknown {
		out.State = o.StateText
	}
	return out
}

func viewEntry(line plan.Entry) entryView {
	out := entryView{
		At: line.At, Event: line.Event, CycleID: line.CycleID, Attempt: line.Attempt, Phase: line.Phase.String(),
		Amount: amountText(line.Amount), Currency: line.Amount.Currency, PaymentMethodID: line.PaymentMethodID,
		Identity: line.Identity, Status: line.Status, TrackingID: line.TrackingID, Reason: line.Reason, Note: line.Note,
	}
	if line.Action != plan.NoAction {
		out.Action = line.Action.String()
	}
	return out
}
