package simulator

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Customer is one of a property.
type Customer struct {
	ID string
	// Updated is what the Connector API gives as UpdatedUtc: the moment at which it was
	// added, until UpdateCustomer says otherwise. A preauthorization does not touch it [I].
	Updated time.Time
	// MergeTarget is the customer into which this one was merged, see World.Merge; empty
	// when it was not.
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

// Merge merges a customer into another one, in every property that knows it: its
// preauthorizations are the other's from now on, and it is deleted, updated and
// names the other as its merge target. Its reservations go on naming it [I].
func (w *World) Merge(from, into string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	source, err := parseUUID(from)
	if err != nil {
		return err
	}
	target, err := parseUUID(into)
	if err != nil {
		return err
	}
	if source == target {
		return fmt.Errorf("the customer %s cannot be merged into itself", source)
	}
	merged := false
	for _, e := range w.enterprises {
		if _, known := e.guests[source]; known {
			w.merge(e, source, target)
			merged = true
		}
	}
	if !merged {
		return fmt.Errorf("the world has no customer %s", source)
	}
	return nil
}

func (w *World) merge(e *enterprise, source, target uuid.UUID) {
	w.guest(e, target) // first, since it may move the others
	from, into := w.guest(e, source), w.guest(e, target)
	var rows []int32
	for _, first := range []int32{from.first, into.first} {
		for at := first; at != none; at = w.rows[at].next {
			rows = append(rows, at)
		}
	}
	slices.Sort(rows)
	from.first, into.first = none, none
	for _, at := range rows {
		w.rows[at].customer, w.rows[at].next = target, into.first
		into.first = at
	}
	from.updated, from.mergeTarget, from.deleted = w.now().UTC(), target, true
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
