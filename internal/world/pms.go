package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
)

// property is one property of the PMS: its customers and their preauthorizations.
type property struct {
	w          *world
	name       string
	currency   string
	enterprise preauth.ID
	tenant     *tenant
	customers  []*customer
	// crowd are listed, and have no preauthorizations.
	crowd   []preauth.ID
	entries []*entry
	// changes are still to come, in the order of their times.
	changes []change
}

// customer is a guest of a property.
type customer struct {
	id preauth.ID
	// listed customers are named by the configuration; refused ones the PMS does not give.
	listed, refused bool
	// news is what discovery goes by, target whom the guest has been merged into, which
	// was news then.
	news   []news
	target *customer
	merger news
}

// entry is one preauthorization as the PMS has it now.
type entry struct {
	n        int
	id       preauth.ID
	property *property
	customer *customer
	card     string
	// merged is whom replies name instead of the customer.
	merged preauth.ID
	state  preauth.State
	text   string
	active bool
	amount preauth.Money
	fault  string
	// missing entries are left out of replies; cardless ones have no payment method.
	missing, cardless bool
	// regressed entries have been Charged and then something else.
	regressed bool
}

// change is something that will happen in the PMS.
type change struct {
	at time.Time
	do func()
}

func newProperty(w *world, n int) *property {
	p := &property{
		w: w, name: fmt.Sprintf("p%d", n+1), currency: [...]string{"EUR", "JPY"}[n], enterprise: idOf(0xe0, n+1),
		tenant: w.tenants[n%len(w.tenants)],
	}
	if w.sinks > 1 && (n > 0 || w.throw("own", p.name).chance(0.3)) {
		p.tenant.own = p
	}
	t := w.throw("property", p.name)
	for c := range w.customers {
		p.customers = append(p.customers, &customer{id: idOf(0xc0+n, c+1), listed: c == 0 || t.chance(0.7)})
		if t.chance(0.7) {
			p.touch(t, p.customers[c])
		}
		for n := range w.crowd {
			p.crowd = append(p.crowd, besideID(p.customers[c].id, n))
		}
	}
	for range w.entries {
		p.book(t)
	}
	return p
}

// book adds a preauthorization.
func (p *property) book(t throw) *entry {
	n := len(p.entries)
	e := &entry{
		n: n, id: idOf(0xa0+int(p.enterprise[35]-'0'), n+1), property: p, active: true, state: preauth.Chargeable,
		customer: p.customers[t.IntN(len(p.customers))].home(), cardless: t.chance(0.05), card: string(idOf(0xcc, n)),
	}
	if p.w.looksUp && n > 0 && t.chance(0.3) {
		e.card = p.entries[t.IntN(n)].card
	}
	p.tenant.registers(t, e.card)
	if t.chance(0.25) {
		e.state = pick(t, preauth.Charged, preauth.Charged, preauth.Pending, preauth.Failed, preauth.Cancelled)
	}
	e.amount = p.money(t, e)
	if t.chance(0.05) {
		p.spoil(t, e)
	}
	p.entries = append(p.entries, e)
	p.w.oracle.meets(e)
	return e
}

// money gives an amount that no other preauthorization has, but for the sinks that
// tell them apart by their tokens.
func (p *property) money(t throw, e *entry) preauth.Money {
	digits := int32(2)
	if p.currency == "JPY" {
		digits = 0
	}
	cents := int64(1+t.IntN(900))*1000 + int64(e.n)*10 + int64(p.enterprise[35]-'0')
	if p.w.tokens == engine.TokenID && t.chance(0.3) {
		cents = 12300
	}
	m := preauth.Money{Amount: decimal.New(cents, -digits), Currency: p.currency}
	p.w.oracle.priced(e, m)
	return m
}

// spoil makes an amount that must not be held.
func (p *property) spoil(t throw, e *entry) {
	switch t.IntN(4) {
	case 0:
		e.fault = "no gross value"
	case 1:
		e.amount.Amount = e.amount.Amount.Neg()
	case 2:
		e.amount.Amount = e.amount.Amount.Add(decimal.New(1, -5))
	default:
		e.amount.Currency = "USD"
	}
}

// plan adds changes to come within the given time.
func (p *property) plan(t throw, within time.Duration) {
	for range t.IntN(2 + len(p.entries)/2) {
		p.changes = append(p.changes, change{time.Now().Add(t.between(0, within)), func() { p.move(t) }})
	}
	for p.w.discover && t.chance(0.5) {
		p.changes = append(p.changes, change{time.Now().Add(t.between(0, within)), func() { p.meet(t) }})
	}
	slices.SortStableFunc(p.changes, func(a, b change) int { return a.at.Compare(b.at) })
}

func (p *property) advance(now time.Time) {
	for len(p.changes) > 0 && !p.changes[0].at.After(now) {
		do := p.changes[0].do
		p.changes = p.changes[1:]
		do()
	}
}

// move changes one thing.
func (p *property) move(t throw) {
	e := p.entries[t.IntN(len(p.entries))]
	switch n := t.IntN(100); {
	case n < 50:
		p.moveState(t, e)
	case n < 56:
		e.amount, e.fault = p.money(t, e), ""
	case n < 58:
		p.spoil(t, e)
	case n < 62:
		e.active = !e.active
	case n < 68:
		e.missing = !e.missing
	case n < 72:
		e.cardless = !e.cardless
	case n < 76 && !p.w.discover:
		e.merged = cmp.Or(p.customers[t.IntN(len(p.customers))].id, e.merged)
	case n < 76:
		p.meet(t)
	case n < 82:
		c := p.customers[t.IntN(len(p.customers))]
		c.listed = !c.listed
	case n < 86:
		c := p.customers[t.IntN(len(p.customers))]
		c.refused = !c.refused
	default:
		e = p.book(t)
	}
	p.w.say("pms", "%s: %s %s %s active=%t missing=%t", e.id, e.state, e.text, e.amount, e.active, e.missing)
}

// moveState mostly goes where the PMS would go.
func (p *property) moveState(t throw, e *entry) {
	e.text = ""
	charged := e.state == preauth.Charged
	defer func() { e.regressed = e.regressed || charged && e.state != preauth.Charged }()
	switch {
	case t.chance(0.1):
		e.state = pick(t, preauth.States()...)
	case t.chance(0.05):
		e.state, e.text = preauth.Unknown, pick(t, "Frozen", "Disputed")
	case e.state == preauth.Chargeable:
		e.state = pick(t, preauth.Charged, preauth.Charged, preauth.Charged, preauth.Pending, preauth.Cancelled, preauth.Expired)
	case e.state == preauth.Pending || e.state == preauth.Unknown:
		e.state = pick(t, preauth.Charged, preauth.Chargeable, preauth.Failed)
	default:
	}
}

// shown is what a reply says of an entry.
func (e *entry) shown() preauth.Preauthorization {
	p := preauth.Preauthorization{
		ID: e.id, CustomerID: e.customer.id, CardID: e.cardID(), Amount: e.amount, AmountFault: e.fault,
		State: e.state, StateText: e.state.String(), Active: e.active, Code: fmt.Sprintf("%s-%d", e.property.name, e.n),
	}
	if e.merged != "" {
		p.CustomerID = e.merged
	}
	if e.state == preauth.Unknown {
		p.StateText = e.text
	}
	if e.fault != "" {
		p.Amount = preauth.Money{}
	}
	return p
}

// calm ends everything that could keep the property from being in step.
func (p *property) calm() {
	p.changes = nil
	for _, c := range p.customers {
		c.listed, c.refused = true, false
	}
	for _, e := range p.entries {
		e.missing, e.merged = false, ""
	}
	t := p.w.throw("calm", p.name)
	e := p.book(t) // business goes on: the token proof may wait for one more create
	e.state, e.active, e.cardless, e.fault, e.amount = preauth.Chargeable, true, false, "", p.money(t, e)
	if e.card = string(idOf(0xcd, e.n)); theActive(p.tenant.cards[e.card]) == 0 {
		p.tenant.wallet = append(p.tenant.wallet, e.card)
		p.tenant.issue(e.card, true)
	}
}
