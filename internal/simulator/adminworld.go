package simulator

import (
	"errors"
	"net/http"
	"time"
)

func (w *World) adminReservations(r *http.Request) (any, error) {
	return w.Reservations(r.URL.Query().Get("enterprise"))
}

// reservationWire is a reservation to add, or what to change of one.
type reservationWire struct {
	Enterprise string     `json:"enterprise"`
	ID         string     `json:"id"`
	CustomerID string     `json:"customer_id"`
	Company    bool       `json:"company"`
	Start      *time.Time `json:"start"`
	End        *time.Time `json:"end"`
	ActualEnd  *time.Time `json:"actual_end"`
	State      *string    `json:"state"`
	Updated    *time.Time `json:"updated"`
}

func (p reservationWire) change(into *Reservation) {
	assign(p.Start, &into.Start)
	assign(p.End, &into.End)
	assign(p.ActualEnd, &into.ActualEnd)
	assign(p.State, &into.State)
	assign(p.Updated, &into.Updated)
}

func (w *World) adminReserve(r *http.Request) (any, error) {
	var p reservationWire
	if err := readJSON(r, &p); err != nil {
		return nil, err
	}
	id := p.ID
	if _, exists := w.Reservation(id); exists {
		if p.Enterprise+p.CustomerID != "" || p.Company {
			return nil, errors.New("a reservation's enterprise and customer_id cannot be changed, nor whether it is a company's")
		}
		if err := w.UpdateReservation(id, p.change); err != nil {
			return nil, err
		}
	} else {
		added := Reservation{ID: id, Enterprise: p.Enterprise, CustomerID: p.CustomerID, Company: p.Company}
		p.change(&added)
		var err error
		if id, err = w.Reserve(added); err != nil {
			return nil, err
		}
	}
	now, _ := w.Reservation(id)
	return now, nil
}

func (w *World) adminMerge(r *http.Request) (any, error) {
	var wire struct {
		From string `json:"from"`
		Into string `json:"into"`
	}
	if err := readJSON(r, &wire); err != nil {
		return nil, err
	}
	return struct{}{}, w.Merge(wire.From, wire.Into)
}

// methodWire is a payment method to add, or what to change of one.
type methodWire struct {
	Identity   int64   `json:"identity"`
	Tenant     string  `json:"tenant"`
	Name       *string `json:"name"`
	Account    *int64  `json:"account"`
	Token      *string `json:"token"`
	Identifier *string `json:"identifier"`
	Inactive   *bool   `json:"inactive"`
	AutoPay    *bool   `json:"autopay"`
	Declines   *bool   `json:"declines"`
}

func (p methodWire) change(into *PaymentMethod) {
	assign(p.Name, &into.Name)
	assign(p.Account, &into.Account)
	assign(p.Token, &into.Token)
	assign(p.Identifier, &into.Identifier)
	assign(p.Inactive, &into.Inactive)
	assign(p.AutoPay, &into.AutoPay)
	assign(p.Declines, &into.Declines)
}

func (w *World) adminMethod(r *http.Request) (any, error) {
	var p methodWire
	if err := readJSON(r, &p); err != nil {
		return nil, err
	}
	identity := p.Identity
	if _, exists := w.PaymentMethod(identity); exists {
		if p.Tenant != "" {
			return nil, errors.New("a payment method's tenant cannot be changed")
		}
		if err := w.UpdatePaymentMethod(identity, p.change); err != nil {
			return nil, err
		}
	} else {
		added := PaymentMethod{Identity: identity, Tenant: p.Tenant}
		p.change(&added)
		var err error
		if identity, err = w.AddPaymentMethod(added); err != nil {
			return nil, err
		}
	}
	now, _ := w.PaymentMethod(identity)
	return now, nil
}
