package simulator

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// The states of a reservation that this package speaks of; a world takes any
// string. There are Inquired, Optional, Requested, Started and Processed too [D].
const (
	Confirmed = "Confirmed"
	Canceled  = "Canceled"
)

// Reservation is one of a property.
type Reservation struct {
	// ID and CustomerID are made when empty.
	ID string `json:"id"`
	// Enterprise is the first one when empty.
	Enterprise string `json:"enterprise"`
	CustomerID string `json:"customer_id"`
	// Company makes it one of the company with that id: its AccountType is Company.
	Company bool `json:"company,omitempty"`
	// Start and End are scheduled; ActualEnd is null when zero.
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	ActualEnd time.Time `json:"actual_end,omitzero"`
	// State is Confirmed when empty.
	State string `json:"state"`
	// Updated is the moment at which it was added or last changed, when it is left as it is.
	Updated time.Time `json:"updated"`
}

// stay is a Reservation as it is stored.
type stay struct {
	Reservation

	id, account uuid.UUID
}

// Reserve adds a reservation, and its customer when it is new, and gives its id. A
// customer who is known is not updated by it [I].
func (w *World) Reserve(r Reservation) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, err := w.enterprise(r.Enterprise)
	if err != nil {
		return "", err
	}
	added := &stay{Reservation: r}
	if added.id, err = w.idOf("reservation", r.ID); err != nil {
		return "", err
	}
	if added.account, err = w.idOf("customer", r.CustomerID); err != nil {
		return "", err
	}
	if w.stays[added.id] != nil {
		return "", fmt.Errorf("the world has the reservation %s already", added.id)
	}
	if err := added.check(); err != nil {
		return "", err
	}
	w.reserve(e, added)
	return added.id.String(), nil
}

func (w *World) reserve(e *enterprise, added *stay) {
	added.ID, added.CustomerID, added.Enterprise = added.id.String(), added.account.String(), e.Name
	added.State = cmp.Or(added.State, Confirmed)
	if added.Updated.IsZero() {
		added.Updated = w.now()
	}
	added.Updated = added.Updated.UTC()
	w.stays[added.id] = added
	e.stays = append(e.stays, added)
	if !added.Company {
		w.guest(e, added.account)
	}
}

func (s *stay) check() error {
	if !s.Start.Before(s.End) {
		return errors.New("a reservation ends after its start")
	}
	return nil
}

// UpdateReservation changes one, now unless change sets Updated. Its id, its
// property and whose it is stay as they are.
func (w *World) UpdateReservation(id string, change func(*Reservation)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, err := parseUUID(id)
	if err != nil {
		return err
	}
	s := w.stays[u]
	if s == nil {
		return fmt.Errorf("the world has no reservation %s", u)
	}
	changed := *s
	change(&changed.Reservation)
	if err := changed.check(); err != nil {
		return err
	}
	if changed.Updated.Equal(s.Updated) {
		changed.Updated = w.now()
	}
	changed.ID, changed.Enterprise, changed.CustomerID, changed.Company = s.ID, s.Enterprise, s.CustomerID, s.Company
	changed.Updated = changed.Updated.UTC()
	*s = changed
	return nil
}

// Reservation gives one, and whether the world has it.
func (w *World) Reservation(id string) (Reservation, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, err := parseUUID(id)
	if err != nil || w.stays[u] == nil {
		return Reservation{}, false
	}
	return w.stays[u].Reservation, true
}

// Reservations lists a property's, in the order in which they were added.
func (w *World) Reservations(enterpriseName string) ([]Reservation, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, err := w.enterprise(enterpriseName)
	if err != nil {
		return nil, err
	}
	all := make([]Reservation, 0, len(e.stays))
	for _, s := range e.stays {
		all = append(all, s.Reservation)
	}
	return all, nil
}
