package simulator

import (
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Customer is one of a property.
type Customer struct {
	ID string
	// Updated is what the Connector API gives as UpdatedUtc: the moment at which it was
	// added, until UpdateCustomer says otherwise. A preauthorization does not touch it [I].
	Updated time.Time
	// MergeTarget is the customer into which this one was merged; empty when it was not.
	MergeTarget string
	// Deleted makes IsActive false, and the ActivityState Deleted.
	Deleted bool
}

// guest is a Customer as it is stored: a world may hold a million.
type guest struct {
	id, mergeTarget uuid.UUID
	updated         time.Time
	deleted         bool
	// first is its newest row, -1 when it has none; row.next goes on.
	first int32
}

// AddCustomer adds one without preauthorizations; its id is made when empty.
func (w *World) AddCustomer(enterpriseName, id string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, err := w.enterprise(enterpriseName)
	if err != nil {
		return "", err
	}
	u, err := w.idOf("customer", id)
	if err != nil {
		return "", err
	}
	w.guest(e, u)
	return u.String(), nil
}

// guest gives a customer, which it adds when it is new. The pointer is good until
// the next one is added.
func (w *World) guest(e *enterprise, id uuid.UUID) *guest {
	at, known := e.guests[id]
	if !known {
		at = int32(len(e.customers))
		e.guests[id] = at
		e.customers = append(e.customers, guest{id: id, updated: w.now().UTC(), first: none})
	}
	return &e.customers[at]
}

// Customers lists a property's, in the order in which they were added.
func (w *World) Customers(enterpriseName string) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, err := w.enterprise(enterpriseName)
	if err != nil {
		return nil, err
	}
	all := make([]string, 0, len(e.customers))
	for _, g := range e.customers {
		all = append(all, g.id.String())
	}
	return all, nil
}

// UpdateCustomer changes a property's customer. Its id stays as it is, and so
// does Updated unless change sets it.
func (w *World) UpdateCustomer(enterpriseName, id string, change func(*Customer)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, err := w.enterprise(enterpriseName)
	if err != nil {
		return err
	}
	u, err := parseUUID(id)
	if err != nil {
		return err
	}
	at, known := e.guests[u]
	if !known {
		return fmt.Errorf("%s has no customer %s", e.Name, u)
	}
	g := &e.customers[at]
	c := Customer{ID: u.String(), Updated: g.updated, Deleted: g.deleted}
	if g.mergeTarget != uuid.Nil {
		c.MergeTarget = g.mergeTarget.String()
	}
	change(&c)
	target := uuid.Nil
	if c.MergeTarget != "" {
		if target, err = parseUUID(c.MergeTarget); err != nil {
			return fmt.Errorf("the merge target: %w", err)
		}
	}
	g.updated, g.mergeTarget, g.deleted = c.Updated.UTC(), target, c.Deleted
	return nil
}

// RefuseCustomers makes the Connector API answer 400 to a poll that names one of
// these ids. [I] What it does with an unknown id is not documented; every other
// UUID is taken, and one it does not know simply has no preauthorizations.
func (w *World) RefuseCustomers(ids ...string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		u, err := w.idOf("customer", id)
		if err != nil {
			return err
		}
		w.unknown[u] = true
	}
	return nil
}
