package audit

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// recall takes in what the report says.
func (a *audit) recall(ctx context.Context, s *subject) error {
	enterprise := s.record.Enterprise
	if s.polled != nil {
		enterprise = a.properties[s.polled.Property].enterprise
	}
	if !a.Observing {
		return nil
	}
	entries, err := a.Ledger.Observed(ctx, enterprise, []preauth.ID{s.id})
	s.observed = entries[s.id]
	return err
}

// hear takes in what the PMS says, and decides as a cycle would.
func (a *audit) hear(ctx context.Context, s *subject) error {
	if err := a.recall(ctx, s); err != nil {
		return err
	}
	if s.polled == nil || s.conflicting {
		return nil
	}
	p := a.properties[s.polled.Property]
	shown, rec := s.polled.preauthorization(s.id), s.record
	if !s.known {
		rec = plan.Record{ID: s.id, Enterprise: p.enterprise, CustomerID: shown.CustomerID}
	}
	method, err := a.method(ctx, p, shown)
	if err != nil {
		return err
	}
	around := plan.Context{ReadBefore: s.polled.ReadBefore, FirstRun: p.firstRun, Method: method}
	s.said = &said{
		Preauthorization: shown, decided: plan.Decide(shown, s.observed.AsIf(rec), around, p.Policy),
		halted: p.halted, older: a.older, observing: a.Observing,
	}
	return nil
}

// method is a preauthorization's payment method. Of one that the sink has to be asked
// for it is what the ledger remembers; else it is taken that there will be one.
func (a *audit) method(ctx context.Context, p property, shown preauth.Preauthorization) (plan.Method, error) {
	m := p.Methods.Find(shown)
	if !m.Ask {
		return m, nil
	}
	card := plan.CardKey(shown.CardID)
	if card == "" {
		return plan.Method{Missing: "the PMS names no card, so that no payment method can be looked up"}, nil
	}
	answers, err := a.Ledger.LookedUp(ctx, a.SinkName, p.Lookup, []string{card})
	if answer, known := answers[card]; known {
		return answer.Method(), err
	}
	return plan.Method{Autopay: true}, err
}

// shadow says what the report says of it, or gives "".
func (s subject) shadow() string {
	o := s.observed
	var would []string
	if !o.Created.IsZero() {
		text := fmt.Sprintf("it would have been created on %s with %s", moment(o.Created), o.Amount)
		if o.PaymentMethodID != 0 {
			text += fmt.Sprintf(" on payment method %d", o.PaymentMethodID)
		}
		would = append(would, text)
	}
	if !o.Captured.IsZero() {
		would = append(would, "it would have been captured on "+moment(o.Captured))
	}
	if !o.Released.IsZero() {
		would = append(would, "the PMS let it go on "+moment(o.Released)+", and v4 would hold it until it expires")
	}
	if o.Park != nil {
		would = append(would, fmt.Sprintf("it would be parked as %s: %s", o.Park.Reason, o.Park.Detail))
	}
	if would == nil {
		return ""
	}
	return "; in the shadow " + strings.Join(would, ", and ")
}

// last is the last that the report says would have been done.
func (s subject) last() *Shadow {
	o, out := s.observed, &Shadow{Action: plan.NoAction.String()}
	then := func(at time.Time, action string, amount preauth.Money, why plan.Reason) {
		if !at.IsZero() && !at.Before(out.At) {
			out = &Shadow{Action: action, Amount: amount, At: at, Reason: why}
		}
	}
	then(o.Created, plan.Create.String(), o.Amount, "")
	then(o.Captured, plan.Capture.String(), o.Amount, "")
	if o.Park != nil {
		rec := s.record
		rec.Seen = o.Seen
		then(o.Park.Since, "park", o.AsIf(rec).AtStake(), o.Park.Reason)
	}
	return out
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }
