package app

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sources/connector"
	"github.com/preauth-sync/preauth-sync/sync/engine"
)

func (a *App) properties() []engine.PropertyOptions {
	var all []engine.PropertyOptions
	for i, p := range a.Config.Properties {
		all = append(all, engine.PropertyOptions{
			Name: p.Name, Currency: p.Currency, Sink: SinkName, Source: a.Sources[i],
			Customers: func(context.Context) (engine.Customers, error) { return Customers(p.Customers) },
			Methods:   func(context.Context) (engine.Methods, error) { return Methods(p.PaymentMethods) },
			Discover:  a.discover(a.Sources[i], p.Customers.Discover),
		})
	}
	return all
}

// clockSkew is how far the PMS's clock may be ahead of ours without hiding who
// was updated just now.
const clockSkew = 10 * time.Minute

// discover looks for the customers that were updated of late, or is nil where
// the configuration does not ask for it.
func (a *App) discover(source *connector.Client, cfg config.Discover) func(context.Context, func([]preauth.ID) error) error {
	if cfg.UpdatedWithin == 0 {
		return nil
	}
	return func(ctx context.Context, page func([]preauth.ID) error) error {
		now := a.outside.Clock()
		return source.Customers(ctx, now.Add(-cfg.UpdatedWithin), now.Add(clockSkew), page)
	}
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
	if info, err := os.Stat(cfg.File); err == nil && !info.Mode().IsRegular() {
		// A pipe would hold up the cycle until somebody writes to it.
		return out, fmt.Errorf("the customers file %s is not a regular file, so nothing is created", cfg.File)
	}
	file, err := os.Open(cfg.File)
	if err != nil {
		return out, fmt.Errorf("the customers file cannot be read, so nothing is created: %w", err)
	}
	defer func() { _ = file.Close() }() // opened for reading
	ids, bad, err := connector.ParseCustomers(file)
	if err != nil {
		return out, fmt.Errorf("the customers file %s cannot be used, so nothing is created until it is mended: %w", cfg.File, err)
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
