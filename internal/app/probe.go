package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/preauth"
	v4 "github.com/preauth-sync/preauth-sync/sinks/v4"
)

// ProbeOrder is what a probe is to do.
type ProbeOrder struct {
	// Property chooses whose sink it is for; empty where there is no choice.
	Property string
	// PaymentMethodID of 0 names none, so that v4 takes the AutoPay method.
	PaymentMethodID int64
	// Amount is in digits, with a point where it has decimals: above zero and 1000 at
	// most, in the currency that the sink's tenant bills in.
	Amount string
}

// Probe makes one real hold on a sink, looks for it and captures it, to find out what
// the vendor documents nowhere. The state file hears nothing of it, so nothing is ever
// sent twice on its behalf: what has no answer is for a person to look up.
//
// Its steps are taken in order, each once: Create, Look, Capture.
type Probe struct {
	Sink Sink
	// Properties are those for which it is made: the one that was chosen, or else all
	// that write to the sink.
	Properties      []string
	Amount          preauth.Money
	PaymentMethodID int64
	// Token is as long as a preauthorization's Id and never looks like one: a file that
	// is new would take it for the trace of an earlier one.
	Token string

	app *App
}

// NewProbe checks the order and builds what it takes. Nothing is asked of anybody yet.
func NewProbe(cfg *config.Config, order ProbeOrder, outside Outside) (*Probe, error) {
	property, err := probed(cfg, order.Property)
	if err != nil {
		return nil, err
	}
	amount, err := probeAmount(order.Amount, property.Currency)
	if err != nil {
		return nil, err
	}
	a, err := Clients(cfg, outside)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(a.Sinks, func(s Sink) bool { return s.Name == SinkOf(property) })
	return &Probe{
		Sink: a.Sinks[at], Properties: concerned(cfg, order.Property, property), Amount: amount,
		PaymentMethodID: order.PaymentMethodID, Token: probeToken(), app: a,
	}, nil
}

// probed gives a property that writes to the sink in question.
func probed(cfg *config.Config, name string) (config.Property, error) {
	first := cfg.Properties[0]
	var names []string
	for _, p := range cfg.Properties {
		if p.Name == name {
			return p, nil
		}
		if name == "" && (SinkOf(p) != SinkOf(first) || p.Currency != first.Currency) {
			return first, fmt.Errorf("%s and %s have not the same v4 and currency: choose with --property", first.Name, p.Name)
		}
		names = append(names, p.Name)
	}
	if name != "" {
		return first, fmt.Errorf("no property is called %.64q; the configuration has %q", name, names)
	}
	return first, nil
}

// concerned names the properties for which a probe is made.
func concerned(cfg *config.Config, chosen string, property config.Property) (names []string) {
	for _, p := range cfg.Properties {
		if SinkOf(p) == SinkOf(property) && (chosen == "" || chosen == p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// mostProbed is the most that a probe charges: above any gateway's least amount, so that
// a slip of the hand costs no more. Where a currency has no decimals it is a hundredfold.
const mostProbed = 1000

// probeAmount reads an amount as people write it, under the conditions of every create.
func probeAmount(text, currency string) (preauth.Money, error) {
	whole, decimals, point := strings.Cut(text, ".")
	if !isDigits(whole) || point && !isDigits(decimals) {
		return preauth.Money{}, fmt.Errorf("the amount %.64q is not written in digits, with a point where it has decimals, such as 1.00", text)
	}
	amount, err := preauth.NewMoney(text, currency)
	if err != nil {
		return amount, err
	}
	if amount.Amount.Sign() <= 0 {
		return amount, fmt.Errorf("the amount %s is not above zero", amount)
	}
	if digits, _ := preauth.MinorUnits(currency); amount.Decimals() > digits {
		return amount, fmt.Errorf("the amount %s has more decimals than the currency's %d", amount, digits)
	}
	limit := decimal.NewFromInt(mostProbed)
	if digits, _ := preauth.MinorUnits(currency); digits == 0 {
		limit = limit.Shift(2)
	}
	if most := (preauth.Money{Amount: limit, Currency: currency}); amount.Amount.GreaterThan(most.Amount) {
		return amount, fmt.Errorf("the amount %s is above %s, the most that a probe charges", amount, most)
	}
	return amount, nil
}

func isDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

func probeToken() string {
	digits := make([]byte, 15)
	_, _ = rand.Read(digits) // it never fails
	return "probe-" + hex.EncodeToString(digits)
}

// Close closes the connections.
func (p *Probe) Close() error { return p.app.Close() }

// ProbeWrite is what one send of a probe came to.
type ProbeWrite struct {
	preauth.Outcome

	// Form is that of the reply; its zero value stands for none.
	Form v4.Form
	// Took is how long it took, Ended when it was over.
	Took  time.Duration
	Ended time.Time
}

// ProbeAnswer is what is known of a write after its one send.
type ProbeAnswer uint8

// The answers.
const (
	// AnswerUnknown: whether it has taken effect is not known.
	AnswerUnknown ProbeAnswer = iota
	// AnswerDone: it has taken effect.
	AnswerDone
	// AnswerEmpty is a 2xx without a body. Of a capture that alone does not say whether
	// it has taken effect, whatever the configuration takes it for.
	AnswerEmpty
	// AnswerRefused: v4 refused it, also where the configuration takes that for the
	// refusal of a second capture.
	AnswerRefused
	// AnswerNone: it was not sent, or not looked at (401, 429).
	AnswerNone
)

// Answer judges what came of it.
func (w ProbeWrite) Answer() ProbeAnswer {
	switch {
	case w.Form.Empty && w.Status >= 200 && w.Status <= 299:
		return AnswerEmpty
	case w.Kind == preauth.OutcomeRefused, w.Kind == preauth.OutcomeApplied && len(w.Errors) > 0:
		return AnswerRefused
	case w.Kind == preauth.OutcomeApplied:
		return AnswerDone
	case w.Kind == preauth.OutcomeUnknown:
		return AnswerUnknown
	default:
		return AnswerNone
	}
}

// Create makes the hold. An error means that nothing was sent.
func (p *Probe) Create(ctx context.Context) (ProbeWrite, error) {
	return p.write(ctx, func(ctx context.Context) preauth.Outcome {
		return p.Sink.Create(ctx, preauth.CreateRequest{
			PaymentMethodID: p.PaymentMethodID, Amount: p.Amount.Amount, Token: p.Token, CreatedByUserID: p.Sink.Config.CreatedByUserID,
		})
	})
}

// Capture captures the hold. An error means that nothing was sent.
func (p *Probe) Capture(ctx context.Context, identity int64) (ProbeWrite, error) {
	return p.write(ctx, func(ctx context.Context) preauth.Outcome { return p.Sink.Capture(ctx, identity) })
}

// write sends once. The end of ctx keeps it from being sent; what has been sent is
// waited for.
func (p *Probe) write(ctx context.Context, send func(context.Context) preauth.Outcome) (write ProbeWrite, err error) {
	if err := p.Sink.Ready(ctx); err != nil {
		return write, err
	}
	done, err := p.Sink.Admit(ctx)
	if err != nil {
		return write, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.Sink.Config.Timeout)
	defer cancel()
	began := time.Now()
	write.Outcome = send(v4.WithForms(ctx, func(form v4.Form) { write.Form = form }))
	write.Ended = time.Now()
	write.Took = write.Ended.Sub(began)
	return write, nil
}
