package simulator

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// PaymentMethod is one of a tenant's.
type PaymentMethod struct {
	// Identity is made when 0.
	Identity int64 `json:"identity"`
	// Tenant is the first one when empty.
	Tenant string `json:"tenant"`
	// Name and Account are made when empty.
	Name    string `json:"name"`
	Account int64  `json:"account"`
	// Token and Identifier are v4's paymentMethodToken and paymentMethodIdentifier, null
	// when empty. Which field holds a card's Id is a matter of the installation: here
	// AddCard puts it into the Identifier.
	Token      string `json:"token,omitempty"`
	Identifier string `json:"identifier,omitempty"`
	// Inactive ones are refused.
	Inactive bool `json:"inactive"`
	// AutoPay marks the one that a create without a method uses [S].
	AutoPay bool `json:"autopay"`
	// Declines makes the gateway decline every create.
	Declines bool `json:"declines"`
}

// AddPaymentMethod adds one and gives its identity.
func (w *World) AddPaymentMethod(m PaymentMethod) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, err := w.tenant(m.Tenant)
	if err != nil {
		return 0, err
	}
	if m.Identity < 0 || w.methods[m.Identity] != nil {
		return 0, fmt.Errorf("the payment method identity %d is negative or taken", m.Identity)
	}
	w.addMethod(t, &m)
	return m.Identity, nil
}

// AddCard adds the payment method of a card of a property's PMS to the tenant where
// that property's money is collected, and gives its identity.
func (w *World) AddCard(enterpriseName, cardID string) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, err := w.enterprise(enterpriseName)
	if err != nil {
		return 0, err
	}
	card, err := parseUUID(cardID)
	if err != nil {
		return 0, fmt.Errorf("the card id: %w", err)
	}
	t, err := w.tenant(e.Tenant)
	if err != nil {
		return 0, err
	}
	m := &PaymentMethod{Identifier: card.String()}
	w.addMethod(t, m)
	return m.Identity, nil
}

const (
	// firstMethod is far from a hold's identity, and firstAccount from a method's, so
	// that they are not confused unseen.
	firstMethod  = 101
	firstAccount = 70_000
)

func (w *World) addMethod(t *tenant, m *PaymentMethod) {
	for ; m.Identity == 0; w.nextMethod++ {
		if w.methods[w.nextMethod] == nil {
			m.Identity = w.nextMethod
		}
	}
	m.Tenant = t.Name
	m.Name = cmp.Or(m.Name, fmt.Sprintf("Card %d", m.Identity))
	m.Account = cmp.Or(m.Account, firstAccount+m.Identity)
	w.methods[m.Identity] = m
	t.methods = insertMethod(t.methods, m)
	key := strings.ToLower(m.Identifier)
	t.byIdentifier[key] = insertMethod(t.byIdentifier[key], m)
}

func insertMethod(into []*PaymentMethod, m *PaymentMethod) []*PaymentMethod {
	at, _ := slices.BinarySearchFunc(into, m.Identity, methodByIdentity)
	return slices.Insert(into, at, m)
}

func methodByIdentity(m *PaymentMethod, identity int64) int { return cmp.Compare(m.Identity, identity) }

// UpdatePaymentMethod changes one. Its identity and its tenant stay as they are.
func (w *World) UpdatePaymentMethod(identity int64, change func(*PaymentMethod)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	m, ok := w.methods[identity]
	if !ok {
		return fmt.Errorf("the world has no payment method %d", identity)
	}
	changed := *m
	change(&changed)
	changed.Identity, changed.Tenant = m.Identity, m.Tenant
	if t, err := w.tenant(m.Tenant); err == nil && changed.Identifier != m.Identifier {
		before, after := strings.ToLower(m.Identifier), strings.ToLower(changed.Identifier)
		t.byIdentifier[before] = slices.DeleteFunc(t.byIdentifier[before], func(other *PaymentMethod) bool { return other == m })
		t.byIdentifier[after] = insertMethod(t.byIdentifier[after], m)
	}
	*m = changed
	return nil
}

// PaymentMethod gives one, and whether the world has it.
func (w *World) PaymentMethod(identity int64) (PaymentMethod, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m := w.methods[identity]; m != nil {
		return *m, true
	}
	return PaymentMethod{}, false
}

// PaymentMethods lists them by identity.
func (w *World) PaymentMethods() []PaymentMethod {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]PaymentMethod, 0, len(w.methods))
	for _, m := range w.methods {
		all = append(all, *m)
	}
	slices.SortFunc(all, func(a, b PaymentMethod) int { return cmp.Compare(a.Identity, b.Identity) })
	return all
}

// methodCompared says how the properties of a payment method are compared [I].
func methodCompared(name string) comparison {
	switch name {
	case "identity", "accountId":
		return asNumber
	case "name", "paymentMethodToken", "paymentMethodIdentifier":
		return asText
	case "isActive", "autopay":
		return asFlag
	default:
		return asNothing
	}
}

// searchMethods finds payment methods, by analogy with the other search [I].
func (w *World) searchMethods(c *call, _ bool) reply {
	return search(w, c, methodCompared, func(filters []filter) iter.Seq[*PaymentMethod] {
		return slices.Values(c.tenant.narrowMethods(filters))
	}, appendMethod)
}

func (t *tenant) narrowMethods(filters []filter) []*PaymentMethod {
	if identifier, named := equal("paymentMethodIdentifier", filters); named {
		return t.byIdentifier[identifier]
	}
	if identity, named := above(filters); named {
		from, _ := slices.BinarySearchFunc(t.methods, identity, methodByIdentity)
		return t.methods[from:]
	}
	return t.methods
}

func (m *PaymentMethod) numberOf(name string) decimal.Decimal {
	if name == "accountId" {
		return decimal.NewFromInt(m.Account)
	}
	return decimal.NewFromInt(m.Identity)
}

func (m *PaymentMethod) textOf(_ *World, name string) string {
	switch name {
	case "name":
		return m.Name
	case "paymentMethodToken":
		return m.Token
	case "isActive":
		return strconv.FormatBool(!m.Inactive)
	case "autopay":
		return strconv.FormatBool(m.AutoPay)
	default:
		return m.Identifier
	}
}

// appendMethod appends the published properties that the project knows of [D].
func appendMethod(b []byte, m *PaymentMethod) []byte {
	b = strconv.AppendInt(append(b, `{"identity":`...), m.Identity, 10)
	b = appendText(append(b, `,"name":`...), m.Name)
	b = strconv.AppendInt(append(b, `,"accountId":`...), m.Account, 10)
	b = appendTextOrNull(append(b, `,"paymentMethodToken":`...), m.Token)
	b = appendTextOrNull(append(b, `,"paymentMethodIdentifier":`...), m.Identifier)
	b = strconv.AppendBool(append(b, `,"isActive":`...), !m.Inactive)
	return append(strconv.AppendBool(append(b, `,"autopay":`...), m.AutoPay), '}')
}
