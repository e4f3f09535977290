package month_test

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// The accounts. Each preauthorization is in exactly one.
const (
	accountCaptured = "captured"
	accountSeen     = "captured, as the operator found in v4"
	accountHeld     = "held"
	accountWaiting  = "held, and the PMS says Pending or Failed"
	accountOpen     = "nothing sent, and the PMS says Pending or Failed"
	accountOrphaned = "released by the PMS, and the hold expires at v4"
	accountReleased = "released by the PMS, nothing sent"
	accountBaseline = "baseline: charged before the first day that sends"
	accountParked   = "parked: "
	accountByHand   = "settled by hand: "
	// Nothing may be in these.
	accountUnknown = "not known to the ledger: its customer was discovered too late"
	unaccounted    = "unaccounted for"
)

// effects are what v4 has made of one preauthorization.
type effects struct {
	creates  []simulator.Effect
	captures []simulator.Effect
}

// oracle judges a month that is over.
type oracle struct {
	*month

	entries []*entry
	// made is what v4 has made, by token.
	made    map[string]*effects
	records map[string]plan.Record
	// accounts are the entries in each.
	accounts map[string][]*entry
	account  map[string]string
	// requests are those of the month, without the audit's; inDoubt has the writes among
	// them, by operation and key, that met with trouble.
	requests []request
	inDoubt  map[string]bool
	news     map[sight]bool
	demand   demand
	audited  control.Audited
	found    map[string]int
	loads    []load
	delays   delays
	// wrongs are what must not be.
	wrongs []string
}

// judge judges the month once it is over.
func (m *month) judge() {
	m.t.Helper()
	ledgertest.Verify(m.t, m.path())
	o := &oracle{
		month: m, entries: m.script.entries(), made: map[string]*effects{}, records: map[string]plan.Record{},
		accounts: map[string][]*entry{}, account: map[string]string{}, requests: slices.Clone(m.gate.requests()),
		inDoubt: map[string]bool{}, news: map[sight]bool{},
	}
	for _, r := range o.requests {
		if r.lost || r.failed {
			o.inDoubt[r.op+r.key] = true
		}
	}
	o.gather()
	o.demand = o.demands()
	for _, e := range o.entries {
		name, wrong := o.accountOf(e)
		if wrong != "" {
			o.wrong("%s of %s (card %s), made %s: %s", e.id, e.hotel.name, e.card.id, e.made, wrong)
			name = cmp.Or(name, unaccounted)
		}
		o.accounts[name] = append(o.accounts[name], e)
		o.account[e.id] = name
	}
	o.books()
	o.publish(o.report())
	for i, wrong := range o.wrongs {
		if i == 25 {
			m.t.Errorf("and %d more", len(o.wrongs)-i)
			break
		}
		m.t.Error(wrong)
	}
}

// publish gives the report to whoever reads the test's output, and to the file if one is named.
func (o *oracle) publish(report string) {
	o.t.Helper()
	o.t.Log("\n" + report)
	if file := os.Getenv(reportVariable); file != "" {
		o.must(os.WriteFile(file, []byte(report), 0o600))
	}
}

func (o *oracle) wrong(format string, args ...any) {
	o.wrongs = append(o.wrongs, fmt.Sprintf(format, args...))
}

// gather reads what v4 has made, and the ledger's records.
func (o *oracle) gather() {
	o.t.Helper()
	for _, e := range o.world.Effects() {
		is := o.made[e.Token]
		if is == nil {
			is = &effects{}
			o.made[e.Token] = is
		}
		if e.Kind == simulator.EffectCreate {
			is.creates = append(is.creates, e)
		} else {
			is.captures = append(is.captures, e)
		}
	}
	ledger, err := state.Open(state.Options{Path: o.path(), Mode: state.ReadOnly})
	o.must(err)
	for part := range slices.Chunk(o.entries, 1000) {
		var ids []preauth.ID
		for _, e := range part {
			ids = append(ids, preauth.ID(e.id))
		}
		records, err := ledger.Records(o.t.Context(), ids)
		o.must(err)
		for id, rec := range records {
			o.records[string(id)] = rec
		}
	}
	o.must(ledger.Close())
}

// accountOf puts an entry into its account, by what v4 has made and what the PMS says.
// What must not be is said in words.
func (o *oracle) accountOf(e *entry) (name, wrong string) {
	rec, known := o.records[e.id]
	if !known {
		return accountUnknown, "the ledger does not know it, and its customer was to be known from " + e.hotel.known[e.customer].String()
	}
	is, says := o.madeOf(e), e.at(o.script.ends)
	if len(is.creates) > 1 || len(is.captures) > 1 {
		return "", fmt.Sprintf("v4 has made it %d times and captured it %d times", len(is.creates), len(is.captures))
	}
	if len(is.creates) == 1 {
		if wrong := o.rightly(e, is.creates[0], rec); wrong != "" {
			return "", wrong
		}
	}
	if rec.Park != nil {
		if wrong := o.parkedRightly(e, rec, is, says); wrong != "" {
			return "", wrong
		}
		return accountParked + string(rec.Park.Reason), ""
	}
	return o.settled(e, rec, is, says)
}

// settled is accountOf for what is not parked.
func (o *oracle) settled(e *entry, rec plan.Record, is effects, says change) (name, wrong string) {
	held, captured := len(is.creates) == 1, len(is.captures) == 1
	released := says.state == simulator.Cancelled || says.state == simulator.Expired || says.inactive
	waits := says.state == simulator.Pending || says.state == simulator.Failed
	by, answered := o.answers[e.id]
	byHand := answered && by.as != resend && by.reason != plan.UnknownCapture
	disagrees := fmt.Sprintf("the ledger says %s, the PMS %s of %s; v4 holds it: %v, has captured it: %v",
		rec.Phase, says.state, says.amount, held, captured)
	ok := false
	switch rec.Phase {
	case plan.Captured:
		if byHand {
			return accountByHand + string(by.reason), ""
		}
		name, ok = accountCaptured, held && captured && says.state == simulator.Charged && says.amount.Equal(is.captures[0].Amount)
		if by.as == "captured" {
			name = accountSeen
		}
	case plan.Created:
		name, ok = accountHeld, says.state == simulator.Chargeable && !says.inactive
		if waits {
			name, ok = accountWaiting, true
		}
		ok = ok && held && !captured
	case plan.Released:
		switch {
		case byHand && !released:
			name, ok = accountByHand+string(by.reason), !captured
		case held:
			name, ok = accountOrphaned, released && !captured
		default:
			name, ok = accountReleased, released && !captured
		}
	case plan.None:
		name, ok = accountOpen, waits && !held
	case plan.Baseline:
		at, charged := e.charged(o.full)
		name, ok = accountBaseline, !held && charged && at.Before(o.full)
	default: // nothing may be in flight, and nothing is adopted
	}
	if !ok {
		return "", disagrees
	}
	return name, ""
}

// madeOf gives what v4 has made of an entry.
func (o *oracle) madeOf(e *entry) effects {
	if is := o.made[e.id]; is != nil {
		return *is
	}
	return effects{}
}

// rightly compares a hold with what was to be held: its amount, its tenant, and its card,
// by a payment method that was its only active one.
func (o *oracle) rightly(e *entry, create simulator.Effect, rec plan.Record) string {
	m, _ := o.world.PaymentMethod(create.PaymentMethodID)
	switch {
	case !e.billable() || !e.usable(e.at(create.Time)):
		return fmt.Sprintf("it is held, though %s %s cannot be", e.at(create.Time).amount, e.currency)
	case !create.Amount.Equal(e.at(create.Time).amount):
		return fmt.Sprintf("v4 was to hold %s, and holds %s", e.at(create.Time).amount, create.Amount)
	case create.Tenant != e.hotel.tenant:
		return "it is held by the tenant " + create.Tenant
	case m.Identifier != e.card.id:
		return fmt.Sprintf("it is held on method %d, which is not its card", create.PaymentMethodID)
	case !e.card.foundBy(e.made, create.Time):
		return "v4 has had no moment with exactly one active method of its card before"
	case create.Time.Before(o.full):
		return "it was made while only observing"
	case rec.Identity != create.Identity:
		return fmt.Sprintf("the ledger knows it as identity %d, and v4 as %d", rec.Identity, create.Identity)
	}
	return ""
}

// parkedRightly tells whether a mark has the cause that it names.
func (o *oracle) parkedRightly(e *entry, rec plan.Record, is effects, says change) string {
	held, captured := len(is.creates) == 1, len(is.captures) == 1
	wanted := says.state == simulator.Charged || says.state == simulator.Chargeable && !says.inactive
	ok := false
	switch rec.Park.Reason {
	case plan.AmountChanged:
		ok = held && !captured && says.state == simulator.Charged && !says.amount.Equal(is.creates[0].Amount)
	case plan.BadAmount:
		ok = !held && wanted && !e.usable(says)
	case plan.CurrencyMismatch:
		ok = !held && wanted && !e.billable()
	case plan.NoPaymentMethod:
		ok = !held && wanted && !e.card.found(o.script.ends)
	case plan.Rejected:
		ok = !held && e.card.declines()
	case plan.FirstSeenCharged:
		at, charged := e.charged(o.script.ends)
		ok = !held && charged && !o.isNews(e, at, false)
	case plan.UnknownCapture:
		ok = held && o.lost(opCapture, identity(is.creates[0]))
	default: // the others have no cause in this month
	}
	if !ok {
		return fmt.Sprintf("parked as %s without cause: %s; the PMS says %s of %s", rec.Park.Reason, rec.Park.Detail, says.state, says.amount)
	}
	return ""
}

// sight is what is asked about the first sight of a charge: by the cycles that send, or
// by those that only observe.
type sight struct {
	of      *entry
	observe bool
}

// isNews tells whether a charge came after its customer had been read in a cycle of the
// same kind, and remembers it.
func (o *oracle) isNews(e *entry, charged time.Time, observe bool) bool {
	news, known := o.news[sight{e, observe}]
	if known {
		return news
	}
	from := e.hotel.known[e.customer]
	news = slices.ContainsFunc(o.ticks, func(tick time.Time) bool {
		return tick.Before(o.full) == observe && tick.After(from) && tick.Before(charged) && !o.script.plot.blinds(e.hotel, tick)
	})
	o.news[sight{e, observe}] = news
	return news
}

// lost tells whether a write met with trouble.
func (o *oracle) lost(op, key string) bool { return o.inDoubt[op+key] }

// sum adds up by currency what the PMS says at the end.
func (o *oracle) sum(entries []*entry) map[string]decimal.Decimal {
	out := map[string]decimal.Decimal{}
	for _, e := range entries {
		if !e.unnamed {
			out[e.currency] = out[e.currency].Add(e.at(o.script.ends).amount)
		}
	}
	return out
}
