package simulator

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
)

// PopulateOptions say what to fill a property with.
type PopulateOptions struct {
	// Enterprise is the first one when empty.
	Enterprise string
	// Customers is how many, PerCustomer how many preauthorizations each has: 1 when 0.
	Customers, PerCustomer int
	// The fractions of preauthorizations in each state, 0 to 1; the rest is Chargeable.
	Charged, Pending, Failed, Cancelled, Expired float64
	// Inactive is the fraction with IsActive false, whatever their state.
	Inactive float64
	// WholeAmounts leaves the decimals out, for a currency that has none.
	WholeAmounts bool
	// Seed is the world's when 0. The same seed gives the same ids, so a second call
	// with it is refused.
	Seed uint64
}

// Population is what Populate added, in order: the preauthorizations of the
// first customer come first.
type Population struct {
	Enterprise        Enterprise
	Customers         []string
	Preauthorizations []string
}

// distinctAmounts bounds the memory that a million amounts take.
const distinctAmounts = 4096

// Populate fills a property. It is repeatable by seed and fast: a million
// preauthorizations take seconds.
func (w *World) Populate(options PopulateOptions) (Population, error) {
	if options.Customers < 0 || options.PerCustomer < 0 {
		return Population{}, fmt.Errorf("a world cannot have %d customers with %d preauthorizations each",
			options.Customers, options.PerCustomer)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	e, err := w.enterprise(options.Enterprise)
	if err != nil {
		return Population{}, err
	}
	per := max(options.PerCustomer, 1)
	seed := options.Seed
	if seed == 0 {
		seed = w.seed
	}
	source := random(seed, "populate", e.Name)
	amounts := make([]decimal.Decimal, distinctAmounts)
	for i := range amounts {
		amounts[i] = decimal.New(100+source.Int64N(200_000), -2)
		if options.WholeAmounts {
			amounts[i] = decimal.NewFromInt(100 + source.Int64N(200_000))
		}
	}
	added := Population{
		Enterprise: e.Enterprise, Customers: make([]string, 0, options.Customers),
		Preauthorizations: make([]string, 0, options.Customers*per),
	}
	w.rows = slices.Grow(w.rows, options.Customers*per)
	for range options.Customers {
		customer, card := newUUID(source), newUUID(source)
		added.Customers = append(added.Customers, customer.String())
		for range per {
			r := row{
				id: newUUID(source), customer: customer, card: card, currency: e.Currency,
				amount: amounts[source.IntN(len(amounts))], state: options.state(source.Float64()),
				inactive: options.Inactive > 0 && source.Float64() < options.Inactive,
			}
			if _, taken := w.rowsByID[r.id]; taken {
				return added, fmt.Errorf("the world is populated with the seed %s already", strconv.FormatUint(seed, 10))
			}
			w.insert(e, r)
			added.Preauthorizations = append(added.Preauthorizations, r.id.String())
		}
	}
	return added, nil
}

// state gives the state at a point between 0 and 1.
func (o PopulateOptions) state(at float64) string {
	for _, each := range []struct {
		state    string
		fraction float64
	}{{Charged, o.Charged}, {Pending, o.Pending}, {Failed, o.Failed}, {Cancelled, o.Cancelled}, {Expired, o.Expired}} {
		if at < each.fraction {
			return each.state
		}
		at -= each.fraction
	}
	return Chargeable
}

// Charge sets every Chargeable, active preauthorization of a property for which
// choose gives true to Charged, and tells how many that were. The world is
// locked meanwhile: choose must not call it. Nil chooses all.
func (w *World) Charge(enterpriseName string, choose func(Preauthorization) bool) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, err := w.enterprise(enterpriseName)
	if err != nil {
		return 0, err
	}
	charged := 0
	for i := range w.rows {
		r := &w.rows[i]
		if r.removed || r.inactive || r.enterprise != e.index || r.state != Chargeable {
			continue
		}
		if choose == nil || choose(w.view(r)) {
			r.state = Charged
			charged++
		}
	}
	return charged, nil
}

// Reconciliation is what a person would find who compared the PMS with v4. It
// matches a hold to a preauthorization by the token that was sent.
type Reconciliation struct {
	// Held are preauthorizations with a hold, Captured those whose hold is captured.
	Held     int `json:"held"`
	Captured int `json:"captured"`
	// Without are the Ids that are Chargeable and active, or Charged, and have no hold.
	Without []string `json:"without"`
	// Uncaptured are the Ids that are Charged and have a hold that is not captured.
	Uncaptured []string `json:"uncaptured"`
	// Wrong says what should never be: two holds, two captures, another amount, a
	// capture of what the PMS does not say is Charged.
	Wrong []string `json:"wrong"`
}

// Reconcile compares the two sides as they are now.
func (w *World) Reconcile() Reconciliation {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := Reconciliation{Without: []string{}, Uncaptured: []string{}, Wrong: []string{}}
	holds := map[uuid.UUID][]*hold{}
	for _, t := range w.tenants {
		for _, h := range t.holds {
			if u, err := parseUUID(h.SentToken); err == nil {
				holds[u] = append(holds[u], h)
			}
		}
	}
	for i := range w.rows {
		if r := &w.rows[i]; !r.removed {
			found.compare(r, holds[r.id])
		}
	}
	return found
}

func (f *Reconciliation) compare(r *row, holds []*hold) {
	id := r.id.String()
	due := r.state == Charged || (r.state == Chargeable && !r.inactive)
	if len(holds) == 0 {
		if due {
			f.Without = append(f.Without, id)
		}
		return
	}
	f.Held++
	if len(holds) > 1 {
		f.Wrong = append(f.Wrong, fmt.Sprintf("%s has %d holds", id, len(holds)))
	}
	captures := 0
	for _, h := range holds {
		captures += h.Captures
		if !h.Amount.Equal(r.amount) {
			f.Wrong = append(f.Wrong, fmt.Sprintf("%s is %s, and its hold %d is %s", id, r.amount, h.Identity, h.Amount))
		}
	}
	if captures > 0 {
		f.Captured++
	}
	if captures > 1 {
		f.Wrong = append(f.Wrong, fmt.Sprintf("%s is captured %d times", id, captures))
	}
	if captures > 0 && r.state != Charged {
		f.Wrong = append(f.Wrong, fmt.Sprintf("%s is %s, and captured", id, r.state))
	}
	if captures == 0 && r.state == Charged {
		f.Uncaptured = append(f.Uncaptured, id)
	}
}
