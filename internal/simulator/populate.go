package simulator

import (
	"fmt"
	"slices"
	"strconv"
	"time"

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
	// Cards makes the payment method of each card, see AddCard.
	Cards bool
	// Stay gives each customer a reservation of that length that has begun; 0 gives none.
	Stay time.Duration
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
	if options.Customers < 0 || options.PerCustomer < 0 || options.Stay < 0 {
		return Population{}, fmt.Errorf("a world cannot have %d customers with %d preauthorizations each for %s",
			options.Customers, options.PerCustomer, options.Stay)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	e, err := w.enterprise(options.Enterprise)
	if err != nil {
		return Population{}, err
	}
	t, err := w.tenant(e.Tenant)
	if options.Cards && err != nil {
		return Population{}, err
	}
	per := max(options.PerCustomer, 1)
	seed := options.Seed
	if seed == 0 {
		seed = w.seed
	}
	source, stays := random(seed, "populate", e.Name), random(seed, "stays", e.Name)
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
		if options.Cards {
			w.addMethod(t, &PaymentMethod{Identifier: card.String()})
		}
		if options.Stay > 0 {
			start := w.now().Add(-time.Duration(stays.Int64N(int64(options.Stay)))).UTC().Truncate(time.Second)
			w.reserve(e, &stay{
				Reservation: Reservation{Start: start, End: start.Add(options.Stay)}, id: newUUID(stays), account: customer,
			})
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
