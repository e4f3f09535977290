package simulator

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Tenant is one customer of the billing platform, with the one user that logs in.
type Tenant struct {
	// Name is how this world calls it.
	Name string `json:"name"`
	// What is empty is made: user name and client id from the name, the rest at random.
	ClientID     string `json:"client_id"`
	Username     string `json:"username"`
	Password     string `json:"-"`
	ClientSecret string `json:"-"`
	// UserID is what createdByUserId shows; made when 0.
	UserID int64 `json:"user_id"`
}

// Hold is a PaymentPreAuthorize, and what only the simulator knows of it.
type Hold struct {
	// Identity is made when 0; above every other, unless given.
	Identity int64 `json:"identity"`
	// Tenant is the first one when empty.
	Tenant          string          `json:"tenant"`
	PaymentMethodID int64           `json:"payment_method_id"`
	Amount          decimal.Decimal `json:"amount"`
	// Token is the one stored, SentToken the one that the create carried.
	Token           string    `json:"token"`
	SentToken       string    `json:"sent_token"`
	Created         time.Time `json:"created"`
	CreatedByUserID int64     `json:"created_by_user_id"`
	// Captures is how often it has been captured.
	Captures int `json:"captures"`
	// HiddenUntil and TokenHiddenUntil are when reads begin to show it, and its token.
	HiddenUntil      time.Time `json:"hidden_until,omitzero"`
	TokenHiddenUntil time.Time `json:"token_hidden_until,omitzero"`
}

type hold struct {
	Hold
	tenant *tenant
}

type tenant struct {
	Tenant
	// holds are in the order of their identities.
	holds []*hold
	// byToken has the stored tokens in lower case.
	byToken map[string][]*hold
	// hides says that some hold has, or had, a HiddenUntil.
	hides bool
	// methods are in the order of their identities; byIdentifier has them by their
	// identifiers in lower case.
	methods      []*PaymentMethod
	byIdentifier map[string][]*PaymentMethod
}

type bearer struct {
	tenant *tenant
	// expires is zero for one that never does.
	expires time.Time
}

// AddTenant adds one, or gives an error when its name or its user is taken.
func (w *World) AddTenant(t Tenant) (Tenant, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, each := range w.tenants {
		if each.Name == t.Name || (t.Username != "" && each.Username == t.Username) {
			return Tenant{}, fmt.Errorf("the world has the tenant %q already, by its name or its user", each.Name)
		}
	}
	return w.addTenant(t).Tenant, nil
}

func (w *World) addTenant(t Tenant) *tenant {
	number := len(w.tenants) + 1
	if t.Name == "" {
		t.Name = fmt.Sprintf("tenant-%d", number)
	}
	t.ClientID = cmp.Or(t.ClientID, "preauth-sync")
	t.Username = cmp.Or(t.Username, "sync@"+t.Name)
	t.Password = cmp.Or(t.Password, w.secret())
	t.ClientSecret = cmp.Or(t.ClientSecret, w.secret())
	t.UserID = cmp.Or(t.UserID, int64(10*number))
	added := &tenant{Tenant: t, byToken: map[string][]*hold{}, byIdentifier: map[string][]*PaymentMethod{}}
	w.tenants = append(w.tenants, added)
	return added
}

// Tenants lists them in the order in which they were added.
func (w *World) Tenants() []Tenant {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]Tenant, 0, len(w.tenants))
	for _, each := range w.tenants {
		all = append(all, each.Tenant)
	}
	return all
}

// SetPassword changes what a tenant's user logs in with; old tokens stay good.
func (w *World) SetPassword(tenantName, password string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, err := w.tenant(tenantName)
	if err != nil {
		return err
	}
	t.Password = password
	return nil
}

// StaticToken gives a bearer token of a tenant that never expires.
func (w *World) StaticToken(tenantName string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, err := w.tenant(tenantName)
	if err != nil {
		return "", err
	}
	token := w.secret()
	w.bearers[token] = bearer{tenant: t}
	return token, nil
}

// RevokeTokens makes every bearer token given out so far worthless.
func (w *World) RevokeTokens() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.bearers)
}

func (w *World) secret() string { return fmt.Sprintf("%016x%016x", w.ids.Uint64(), w.ids.Uint64()) }

func (w *World) tenant(name string) (*tenant, error) {
	for _, each := range w.tenants {
		if name == "" || each.Name == name {
			return each, nil
		}
	}
	return nil, fmt.Errorf("the world has no tenant %q", name)
}

// Holds gives every hold by identity, hidden ones too.
func (w *World) Holds() []Hold {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]Hold, 0, len(w.holds))
	for _, h := range w.holds {
		all = append(all, h.Hold)
	}
	slices.SortFunc(all, func(a, b Hold) int { return cmp.Compare(a.Identity, b.Identity) })
	return all
}

// AddHold adds one that nobody created through this API: a colleague in the
// platform's own pages, or an earlier world. It is no effect.
func (w *World) AddHold(h Hold) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, err := w.tenant(h.Tenant)
	if err != nil {
		return 0, err
	}
	if h.Identity < 0 || w.holds[h.Identity] != nil {
		return 0, fmt.Errorf("the hold identity %d is negative or taken", h.Identity)
	}
	if h.Created.IsZero() {
		h.Created = w.now()
	}
	return w.addHold(t, h).Identity, nil
}

func (w *World) addHold(t *tenant, h Hold) *hold {
	if h.Identity == 0 {
		h.Identity = w.highest + 1
	}
	w.highest = max(w.highest, h.Identity)
	h.Tenant = t.Name
	added := &hold{Hold: h, tenant: t}
	t.hides = t.hides || !h.HiddenUntil.IsZero()
	w.holds[h.Identity] = added
	at, _ := slices.BinarySearchFunc(t.holds, h.Identity, byIdentity)
	t.holds = slices.Insert(t.holds, at, added)
	if h.Token != "" {
		key := strings.ToLower(h.Token)
		t.byToken[key] = append(t.byToken[key], added)
	}
	return added
}

func byIdentity(h *hold, identity int64) int { return cmp.Compare(h.Identity, identity) }

// RemoveHold takes one out of v4, as if it had never been there.
func (w *World) RemoveHold(identity int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	h, ok := w.holds[identity]
	if !ok {
		return fmt.Errorf("the world has no hold %d", identity)
	}
	delete(w.holds, identity)
	same := func(other *hold) bool { return other == h }
	h.tenant.holds = slices.DeleteFunc(h.tenant.holds, same)
	key := strings.ToLower(h.Token)
	h.tenant.byToken[key] = slices.DeleteFunc(h.tenant.byToken[key], same)
	return nil
}
