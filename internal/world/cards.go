package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// lookup is the field of v4's payment methods that holds a card's Id.
const lookup = "paymentMethodIdentifier"

// firstIssued is above every payment method that the configuration names.
const firstIssued = 2000

// asks tells whether only v4 can tell which payment method a card is.
func (w *world) asks(e *entry) bool { return w.looksUp && e.n%4 != 0 }

// registers makes what v4 knows of a card that the PMS has met: mostly one method.
func (t *tenant) registers(dice throw, card string) {
	if _, known := t.cards[card]; known {
		return
	}
	t.wallet = append(t.wallet, card)
	t.cards[card] = nil
	switch n := dice.IntN(20); {
	case n < 12:
		t.issue(card, true)
	case n < 15: // it is made later
	case n < 17:
		t.issue(card, false)
	case n < 18:
		t.issue(card, true)
		t.issue(card, true)
	default:
		t.issue(card, false)
		t.issue(card, true)
	}
}

func (t *tenant) issue(card string, active bool) {
	t.issued++
	t.cards[card] = append(t.cards[card], preauth.PaymentMethod{ID: firstIssued + t.issued, AccountID: 7, Active: active})
}

// turn changes the methods of some cards.
func (t *tenant) turn(dice throw) {
	for _, card := range t.wallet {
		methods := t.cards[card]
		switch {
		case !dice.chance(0.15):
		case len(methods) == 0 || len(methods) < 4 && dice.chance(0.3):
			t.issue(card, dice.chance(0.8))
		default:
			n := dice.IntN(len(methods))
			methods[n].Active = !methods[n].Active
		}
	}
}

// theActive gives the only active one of some methods, or 0.
func theActive(methods []preauth.PaymentMethod) (id int64) {
	active := 0
	for _, m := range methods {
		if m.Active {
			id, active = m.ID, active+1
		}
	}
	if active != 1 {
		return 0
	}
	return id
}

// takes tells whether v4 takes payments with a method. It knows nothing of those
// that the configuration names, so it takes them.
func (t *tenant) takes(method int64) bool {
	for _, card := range t.wallet {
		for _, m := range t.cards[card] {
			if m.ID == method {
				return m.Active
			}
		}
	}
	return true
}

// FindMethods implements engine.Sink: it answers in part, unclearly, or not at all.
func (s sink) FindMethods(ctx context.Context, field string, cards []string) (map[string]preauth.CardMethods, error) {
	w := s.k.w
	t := s.k.throw(ctx, "methods", s.t.name+cards[0])
	if err := s.k.step(ctx, "methods", s.t.name, t.between(0, 300*time.Millisecond)); err != nil {
		return nil, err
	}
	if s.t.out || w.fault(t, 0.2) || w.faulty && s.t.locked {
		return nil, pick(t, errSink, errUnanswered)
	}
	found := map[string]preauth.CardMethods{}
	var failed error
	partial := w.fault(t, 0.3)
	w.locked(func() { //nolint:contextcheck // the ledger in memory never waits
		for _, card := range cards {
			if partial && t.chance(0.4) {
				failed = errUnanswered
				continue
			}
			answer := preauth.CardMethods{Methods: slices.Clone(s.t.cards[card])}
			t.Shuffle(len(answer.Methods), func(i, j int) { answer.Methods[i], answer.Methods[j] = answer.Methods[j], answer.Methods[i] })
			if w.fault(t, 0.1) {
				answer = preauth.CardMethods{Fault: "it is not clear"}
			}
			found[card] = answer
			w.oracle.answers(s.k, s.t, field, card, theActive(answer.Methods))
		}
		w.say("worker", "asks which methods %d cards are: %d answers", len(cards), len(found))
	})
	if err := s.k.step(ctx, "methods found", s.t.name, t.between(0, 300*time.Millisecond)); err != nil {
		return nil, err
	}
	return found, failed
}

// cardID is the card as the PMS spells it.
func (e *entry) cardID() string {
	switch {
	case e.cardless && e.property.w.asks(e):
		return ""
	case e.n%3 == 0:
		return strings.ToUpper(e.card)
	default:
		return e.card
	}
}
