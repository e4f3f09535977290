package app

import (
	"fmt"
	"maps"
	"slices"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Methods unites the payment methods of the configuration with those in its
// file, which is read at each call. With an error there are none at all: a card
// that the file names must not get another card's method, nor the default.
func Methods(cfg config.PaymentMethods) (engine.Methods, error) {
	m, err := united(cfg)
	if err != nil {
		return nil, err
	}
	return m, nil
}

func united(cfg config.PaymentMethods) (methods, error) {
	m := methods{customers: cfg.Customers, ask: cfg.Lookup != "", otherwise: cfg.Default}
	if cfg.File == "" {
		m.cards = cardsOf(cfg.CreditCards, 0)
		return m, nil
	}
	cards, err := readMethods(cfg.File, cfg.CreditCards)
	if err != nil {
		return methods{}, fmt.Errorf(
			"the payment methods file %s cannot be used, so nothing is created for this property until it is mended: %w", cfg.File, err)
	}
	m.cards = cards
	return m, nil
}

// Cards is how many cards a property's payment methods name.
type Cards struct {
	Named int
	// Odd are those that are no UUIDs, in order.
	Odd []string
}

// CountCards reads the payment methods as Methods does, and counts the cards.
func CountCards(cfg config.PaymentMethods) (Cards, error) {
	m, err := united(cfg)
	if err != nil {
		return Cards{}, err
	}
	out := Cards{Named: len(m.cards)}
	for _, card := range slices.Sorted(maps.Keys(m.cards)) {
		if !preauth.IsUUIDForm(card) {
			out.Odd = append(out.Odd, card)
		}
	}
	return out, nil
}

// methods looks a card's payment method up: the card's own entry, the
// customer's, the sink if it is to be asked, else the default.
type methods struct {
	cards     map[string]cardMethod
	customers map[string]int64
	ask       bool
	otherwise config.DefaultMethod
}

// cardMethod is the method of one card and the line of the file that names it,
// or 0 for an entry of the configuration.
type cardMethod struct {
	id   int64
	line int
}

// cardsOf gives the configuration's entries, with room for more.
func cardsOf(listed map[string]int64, more int) map[string]cardMethod {
	cards := make(map[string]cardMethod, len(listed)+more)
	for card, id := range listed {
		cards[card] = cardMethod{id: id}
	}
	return cards
}

// Find gives the first answer there is.
func (m methods) Find(p preauth.Preauthorization) plan.Method {
	if card, ok := m.cards[config.MethodKey(p.CardID)]; ok {
		return plan.Method{ID: card.id}
	}
	if id, ok := m.customers[string(p.CustomerID)]; ok {
		return plan.Method{ID: id}
	}
	switch d := m.otherwise; {
	case m.ask:
		return plan.Method{Ask: true}
	case d.Autopay:
		return plan.Method{Autopay: true}
	case d.ID > 0:
		return plan.Method{ID: d.ID}
	default:
		return plan.Method{Missing: fmt.Sprintf(
			"neither card %s nor its customer has an entry under payment_methods, and default is none", p.CardID)}
	}
}
