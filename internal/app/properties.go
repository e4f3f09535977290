package app

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sources/connector"
	"github.com/preauth-sync/preauth-sync/sync/engine"
)

func (a *App) properties() []engine.PropertyOptions {
	var all []engine.PropertyOptions
	for i, p := range a.Config.Properties {
		all = append(all, engine.PropertyOptions{
			Name: p.Name, Currency: p.Currency, Sink: SinkOf(p), Source: a.Sources[i], Lookup: p.PaymentMethods.Lookup,
			Customers: func(context.Context) (engine.Customers, error) { return Customers(p.Customers) },
			Methods:   func(context.Context) (engine.Methods, error) { return Methods(p.PaymentMethods) },
			Discover:  a.discover(a.Sources[i], p.Customers),
		})
	}
	return all
}

// Customers unites the customers named in the configuration with those in its
// file, whatever their letter case: sorted, each once. With an error it still gives
// the former.
func Customers(cfg config.Customers) (engine.Customers, error) {
	var out engine.Customers
	out.Invalid, _ = eachListed(cfg.IDs, func(id preauth.ID) error { // which never fails
		out.IDs = append(out.IDs, id)
		return nil
	})
	bad, err := useList(cfg.File, func(file io.Reader) ([]connector.BadLine, error) {
		filed, bad, err := connector.ParseCustomers(file)
		out.IDs = append(filed, out.IDs...)
		return bad, err
	})
	out.Invalid = append(out.Invalid, bad...)
	out.IDs = preauth.Distinct(out.IDs)
	return out, err
}

// eachCustomer is Customers for more of them than should be in memory: it hands
// them over as they come, with their repetitions. With an error the list is not
// complete. An error of visit ends it and is returned.
func eachCustomer(cfg config.Customers, visit func(preauth.ID) error) ([]engine.InvalidCustomer, error) {
	invalid, err := eachListed(cfg.IDs, visit)
	if err != nil {
		return invalid, err
	}
	more, err := useList(cfg.File, func(file io.Reader) ([]connector.BadLine, error) { return connector.EachCustomer(file, visit) })
	return append(invalid, more...), err
}

func eachListed(texts []string, visit func(preauth.ID) error) (invalid []engine.InvalidCustomer, err error) {
	for _, text := range texts {
		id, err := preauth.ParseID(text)
		if err != nil {
			invalid = append(invalid, engine.InvalidCustomer{Spelled: text, Where: "customers.ids"})
			continue
		}
		if err := visit(id); err != nil {
			return invalid, err
		}
	}
	return invalid, nil
}

// useList reads a customers file, if there is one, and says where in it the bad lines are.
func useList(path string, read func(io.Reader) ([]connector.BadLine, error)) (invalid []engine.InvalidCustomer, err error) {
	if path == "" {
		return nil, nil
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		// A pipe would hold up the cycle until somebody writes to it.
		return nil, fmt.Errorf("the customers file %s is not a regular file, so nothing is created", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the customers file cannot be read, so nothing is created: %w", err)
	}
	defer func() { _ = file.Close() }() // opened for reading
	bad, err := read(file)
	if err != nil {
		return nil, fmt.Errorf("the customers file %s cannot be used, so nothing is created until it is mended: %w", path, err)
	}
	for _, line := range bad {
		invalid = append(invalid, engine.InvalidCustomer{Spelled: line.Text, Where: fmt.Sprintf("%s line %d", path, line.Number)})
	}
	return invalid, nil
}
