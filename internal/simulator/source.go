package simulator

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
)

// The states of a preauthorization: four in the published table [S], Pending
// and Failed since 2025 [D]. A world takes any other string too.
const (
	Chargeable = "Chargeable"
	Pending    = "Pending"
	Charged    = "Charged"
	Failed     = "Failed"
	Cancelled  = "Cancelled"
	Expired    = "Expired"
)

// Enterprise is one property of the PMS and its access token.
type Enterprise struct {
	// Name is how this world and ConfigYAML call it.
	Name string `json:"name"`
	// ID and AccessToken are made when empty.
	ID          string `json:"id"`
	AccessToken string `json:"-"`
	// Currency is an ISO 4217 code, the default of its preauthorizations; EUR when empty.
	Currency string `json:"currency"`
	// Tenant is where its money is collected: the first one when empty.
	Tenant string `json:"tenant"`
}

// Preauthorization is one of the PMS.
type Preauthorization struct {
	// ID is made when empty; CustomerID and CardID too.
	ID         string `json:"id"`
	CustomerID string `json:"customer_id"`
	CardID     string `json:"card_id"`
	// Enterprise is the first one when empty.
	Enterprise string `json:"enterprise"`
	// Amount is the gross value, sent with the decimals it is given with.
	Amount decimal.Decimal `json:"amount"`
	// Currency is the enterprise's when empty.
	Currency string `json:"currency"`
	// State is Chargeable when empty. Any string is allowed.
	State string `json:"state"`
	// Inactive makes IsActive false.
	Inactive bool `json:"inactive"`
	// Code and ReservationID are null when empty.
	Code          string `json:"code,omitempty"`
	ReservationID string `json:"reservation_id,omitempty"`
	// RawGross is sent as the GrossValue, as it is: null, "22", 1e2.
	RawGross string `json:"raw_gross,omitempty"`
	// Extra is put into the object as it is, such as `"New": {"a": [1]}`.
	Extra string `json:"extra,omitempty"`
	// RawItem is sent in place of the whole object, as it is.
	RawItem string `json:"raw_item,omitempty"`
	// OmitActive and OmitCustomer leave the optional properties out.
	OmitActive   bool `json:"omit_active,omitempty"`
	OmitCustomer bool `json:"omit_customer,omitempty"`
}

type enterprise struct {
	Enterprise
	index     int32
	customers []guest
	// guests tells the place of each among customers.
	guests map[uuid.UUID]int32
	stays  []*stay
	window window
}

// row is a Preauthorization as it is stored: a world may hold a million.
type row struct {
	id, customer, card uuid.UUID
	amount             decimal.Decimal
	currency, state    string
	odd                *Preauthorization
	enterprise, next   int32
	inactive, removed  bool
}

const none = -1

// AddEnterprise adds a property, or gives an error when the name or the token is taken.
func (w *World) AddEnterprise(e Enterprise) (Enterprise, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, each := range w.enterprises {
		if each.Name == e.Name || (e.AccessToken != "" && each.AccessToken == e.AccessToken) {
			return Enterprise{}, fmt.Errorf("the world has the enterprise %q already, by its name or its token", each.Name)
		}
	}
	return w.addEnterprise(e).Enterprise, nil
}

func (w *World) addEnterprise(e Enterprise) *enterprise {
	if e.Name == "" {
		e.Name = fmt.Sprintf("hotel-%d", len(w.enterprises)+1)
	}
	if e.ID == "" {
		e.ID = newUUID(w.ids).String()
	}
	if e.AccessToken == "" {
		e.AccessToken = w.token()
	}
	if e.Currency == "" {
		e.Currency = "EUR"
	}
	if e.Tenant == "" && len(w.tenants) > 0 {
		e.Tenant = w.tenants[0].Name
	}
	added := &enterprise{Enterprise: e, index: int32(len(w.enterprises)), guests: map[uuid.UUID]int32{}}
	w.enterprises = append(w.enterprises, added)
	return added
}

// Enterprises lists the properties in the order in which they were added.
func (w *World) Enterprises() []Enterprise {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]Enterprise, 0, len(w.enterprises))
	for _, each := range w.enterprises {
		all = append(all, each.Enterprise)
	}
	return all
}

// RotateAccessToken gives a property a new access token; the old one is refused from now on.
func (w *World) RotateAccessToken(name string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, err := w.enterprise(name)
	if err != nil {
		return "", err
	}
	e.AccessToken = w.token()
	return e.AccessToken, nil
}

func (w *World) enterprise(name string) (*enterprise, error) {
	for _, each := range w.enterprises {
		if name == "" || each.Name == name || strings.EqualFold(each.ID, name) {
			return each, nil
		}
	}
	return nil, fmt.Errorf("the world has no enterprise %q", name)
}

func (w *World) idOf(what, id string) (uuid.UUID, error) {
	if id == "" {
		return newUUID(w.ids), nil
	}
	u, err := parseUUID(id)
	if err != nil {
		return u, fmt.Errorf("the %s id: %w", what, err)
	}
	return u, nil
}

// AddPreauthorization adds one, and its customer when it is new, and gives its
// Id. It gives an error when an id is no UUID, or the Id is there already.
func (w *World) AddPreauthorization(p Preauthorization) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, err := w.enterprise(p.Enterprise)
	if err != nil {
		return "", err
	}
	var added row
	if added.id, err = w.idOf("preauthorization", p.ID); err != nil {
		return "", err
	}
	if added.customer, err = w.idOf("customer", p.CustomerID); err != nil {
		return "", err
	}
	if added.card, err = w.idOf("card", p.CardID); err != nil {
		return "", err
	}
	if at, taken := w.rowsByID[added.id]; taken && !w.rows[at].removed {
		return "", fmt.Errorf("the world has the preauthorization %s already", added.id)
	}
	added.fill(p, e)
	w.insert(e, added)
	return added.id.String(), nil
}

// fill copies everything but the three ids.
func (r *row) fill(p Preauthorization, e *enterprise) {
	r.amount, r.currency, r.state, r.inactive = p.Amount, p.Currency, p.State, p.Inactive
	if r.currency == "" {
		r.currency = e.Currency
	}
	if r.state == "" {
		r.state = Chargeable
	}
	r.odd = nil
	if p.Code+p.ReservationID+p.RawGross+p.Extra+p.RawItem != "" || p.OmitActive || p.OmitCustomer {
		r.odd = &p
	}
}

func (w *World) insert(e *enterprise, r row) {
	g := w.guest(e, r.customer)
	r.enterprise, r.next = e.index, g.first
	at := int32(len(w.rows))
	w.rows = append(w.rows, r)
	w.rowsByID[r.id] = at
	g.first = at
}

// Preauthorization gives one, and whether the world has it.
func (w *World) Preauthorization(id string) (Preauthorization, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, err := w.row(id)
	if err != nil {
		return Preauthorization{}, false
	}
	return w.view(r), true
}

// PreauthorizationsOf gives a customer's, in the order in which they were added.
func (w *World) PreauthorizationsOf(customerID string) []Preauthorization {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, err := parseUUID(customerID)
	if err != nil {
		return nil
	}
	var all []Preauthorization
	for _, e := range w.enterprises {
		for _, at := range w.rowsOf(e, u) {
			all = append(all, w.view(&w.rows[at]))
		}
	}
	return all
}

// EachPreauthorization hands over every one until visit gives false. The world
// is locked meanwhile: visit must not call it.
func (w *World) EachPreauthorization(visit func(Preauthorization) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.rows {
		if !w.rows[i].removed && !visit(w.view(&w.rows[i])) {
			return
		}
	}
}

// rowsOf gives the places of a customer's rows, oldest first.
func (w *World) rowsOf(e *enterprise, customer uuid.UUID) []int32 {
	place, ok := e.guests[customer]
	if !ok {
		return nil
	}
	var all []int32
	for at := e.customers[place].first; at != none; at = w.rows[at].next {
		if !w.rows[at].removed {
			all = append(all, at)
		}
	}
	slices.Reverse(all)
	return all
}

func (w *World) view(r *row) Preauthorization {
	var p Preauthorization
	if r.odd != nil {
		p = *r.odd
	}
	p.ID, p.CustomerID, p.CardID = r.id.String(), r.customer.String(), r.card.String()
	p.Enterprise, p.Amount, p.Currency = w.enterprises[r.enterprise].Name, r.amount, r.currency
	p.State, p.Inactive = r.state, r.inactive
	return p
}

func (w *World) row(id string) (*row, error) {
	u, err := parseUUID(id)
	if err != nil {
		return nil, err
	}
	at, ok := w.rowsByID[u]
	if !ok || w.rows[at].removed {
		return nil, fmt.Errorf("the world has no preauthorization %s", id)
	}
	return &w.rows[at], nil
}

// Update changes a preauthorization. Its ids and its enterprise stay as they are.
func (w *World) Update(id string, change func(*Preauthorization)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, err := w.row(id)
	if err != nil {
		return err
	}
	p := w.view(r)
	change(&p)
	r.fill(p, w.enterprises[r.enterprise])
	return nil
}

// SetState changes a preauthorization's state to any string.
func (w *World) SetState(id, state string) error {
	return w.Update(id, func(p *Preauthorization) { p.State = state })
}

// SetAmount changes a preauthorization's gross value.
func (w *World) SetAmount(id string, amount decimal.Decimal) error {
	return w.Update(id, func(p *Preauthorization) { p.Amount = amount })
}

// Remove takes a preauthorization out of every later reply.
func (w *World) Remove(id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, err := w.row(id)
	if err != nil {
		return err
	}
	r.removed = true
	return nil
}

// parseUUID accepts the 36 character form alone, in either letter case.
func parseUUID(s string) (uuid.UUID, error) {
	const length = 36
	if len(s) != length {
		return uuid.UUID{}, fmt.Errorf("%.64q is not a UUID of 36 characters", s)
	}
	u, err := uuid.Parse(s)
	if err != nil {
		return u, fmt.Errorf("%.64q is not a UUID: %w", s, err)
	}
	return u, nil
}
