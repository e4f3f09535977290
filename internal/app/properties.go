package app

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sources/connector"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func (a *App) properties() []engine.PropertyOptions {
	var all []engine.PropertyOptions
	for i, p := range a.Config.Properties {
		all = append(all, engine.PropertyOptions{
			Name: p.Name, Currency: p.Currency, Sink: SinkName, Source: a.Sources[i],
			Customers: func(context.Context) (engine.Customers, error) { return Customers(p.Customers) },
			Methods: func(context.Context) (engine.Methods, error) {
				return Methods(p.PaymentMethods), nil
			},
		})
	}
	return all
}

// Customers unites the customers named in the configuration with those in its
// file, whatever their letter case. With an error it still gives the former.
func Customers(cfg config.Customers) (engine.Customers, error) {
	var out engine.Customers
	known := map[preauth.ID]bool{}
	add := func(id preauth.ID) {
		if !known[id] {
			known[id] = true
			out.IDs = append(out.IDs, id)
		}
	}
	for _, text := range cfg.IDs {
		id, err := preauth.ParseID(text)
		if err != nil {
			out.Invalid = append(out.Invalid, engine.InvalidCustomer{Spelled: text, Where: "customers.ids"})
			continue
		}
		add(id)
	}
	if cfg.File == "" {
		return out, nil
	}
	file, err := os.Open(cfg.File)
	if err != nil {
		return out, fmt.Errorf("the customers file cannot be read, so nothing is created: %w", err)
	}
	defer func() { _ = file.Close() }() // opened for reading
	ids, bad, err := connector.ParseCustomers(file)
	if err != nil {
		return out, fmt.Errorf("the customers file %s cannot be read, so nothing is created: %w", cfg.File, err)
	}
	for _, line := range bad {
		out.Invalid = append(out.Invalid, engine.InvalidCustomer{
			Spelled: line.Text, Where: fmt.Sprintf("%s line %d", cfg.File, line.Number),
		})
	}
	for _, id := range ids {
		add(id)
	}
	return out, nil
}

// Methods looks payment methods up in the configuration.
func Methods(cfg config.PaymentMethods) engine.Methods { return methods{cfg} }

// methods looks a card's payment method up: the card's own entry, the
// customer's, the default.
type methods struct{ cfg config.PaymentMethods }

// Find gives the first answer there is.
func (m methods) Find(p preauth.Preauthorization) plan.Method {
	if id, ok := m.cfg.CreditCards[strings.ToLower(p.CardID)]; ok {
		return plan.Method{ID: id}
	}
	if id, ok := m.cfg.CreditCards[p.CardID]; ok {
		return plan.Method{ID: id}
	}
	if id, ok := m.cfg.Customers[string(p.CustomerID)]; ok {
		return plan.Method{ID: id}
	}
	switch d := m.cfg.Default; {
	case d.Autopay:
		return plan.Method{Autopay: true}
	case d.ID > 0:
		return plan.Method{ID: d.ID}
	default:
		return plan.Method{Missing: fmt.Sprintf(
			"neither card %s nor its customer has an entry under payment_methods, and default is none", p.CardID)}
	}
}
