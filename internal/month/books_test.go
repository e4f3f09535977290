package month_test

import (
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// books compares the books with each other: the PMS, the ledger, v4, the audit, the log.
func (o *oracle) books() {
	o.t.Helper()
	inPMS := 0
	o.world.EachPreauthorization(func(simulator.Preauthorization) bool { inPMS++; return true })
	if inPMS != len(o.entries) {
		o.wrong("the PMS has %d preauthorizations, and the script %d", inPMS, len(o.entries))
	}
	account := o.world.Account()
	if account.DuplicateCreates+account.DuplicateCaptures > 0 {
		o.wrong("%d creates and %d captures were had twice", account.DuplicateCreates, account.DuplicateCaptures)
	}
	for _, violation := range account.Violations {
		o.wrong("the program broke a rule of an API: %s", violation)
	}
	o.bookOfHolds()
	o.bookOfAudit()
	o.bookOfShadow()
	o.bookOfAging()
	o.bookOfMarks()
	o.bookOfRequests()
	o.bookOfDelays()
	for _, fault := range o.logs.faults() {
		o.wrong("the log is not as docs/logs.md says: %s", fault)
	}
}

// bookOfHolds finds in each hold of v4 a preauthorization, and in what v4 has captured
// what the accounts say.
func (o *oracle) bookOfHolds() {
	captured := map[string]decimal.Decimal{}
	for _, hold := range o.world.Holds() {
		name, ours := o.account[hold.Token]
		if !ours {
			o.wrong("v4 holds %s under identity %d, which no preauthorization explains", hold.Amount, hold.Identity)
		}
		if hold.Captures > 0 {
			currency := o.currencyOf(hold.Tenant)
			captured[currency] = captured[currency].Add(hold.Amount)
			if name != accountCaptured && name != accountSeen && !strings.HasPrefix(name, accountParked+string(plan.UnknownCapture)) {
				o.wrong("v4 has captured identity %d, which is %s", hold.Identity, name)
			}
		}
	}
	booked := o.sum(slices.Concat(o.accounts[accountCaptured], o.accounts[accountSeen]))
	for currency, amount := range captured {
		if !booked[currency].Equal(amount) && len(o.accounts[accountParked+string(plan.UnknownCapture)]) == 0 {
			o.wrong("v4 has captured %s %s, and the accounts say %s", amount, currency, booked[currency])
		}
	}
}

func (o *oracle) currencyOf(tenant string) string {
	for _, h := range o.script.hotels {
		if h.tenant == tenant {
			return h.currency
		}
	}
	return ""
}

// bookOfAudit lets the program audit itself: it finds what is parked and what is
// orphaned, and nothing else.
func (o *oracle) bookOfAudit() {
	o.t.Helper()
	desk := o.operator()
	found := map[string]int{}
	audited, err := desk.Audit(o.t.Context(), control.Audit{}, func(f control.Finding) error {
		name := o.account[f.ID]
		found[f.Kind]++
		parked := strings.HasPrefix(name, accountParked)
		if orphaned := f.Kind == "orphaned" && name == accountOrphaned; !parked && !orphaned {
			o.wrong("the audit finds %s, which is %s: %s, %s", f.ID, name, f.Kind, f.Detail)
		}
		return nil
	})
	o.must(err)
	o.must(desk.Close())
	for _, unread := range audited.Unread {
		o.wrong("the audit could not compare: %s", unread)
	}
	if audited.Checked != len(o.entries) {
		o.wrong("the audit has compared %d preauthorizations of %d", audited.Checked, len(o.entries))
	}
	if n := len(o.accounts[accountOrphaned]); found["orphaned"] != n {
		o.wrong("the audit finds %d orphaned holds, and there are %d", found["orphaned"], n)
	}
	o.audited, o.found = audited, found
}

// bookOfShadow compares the report of the first day with what the script says would
// have been sent on it.
func (o *oracle) bookOfShadow() {
	if o.shadow.writes > 0 {
		o.wrong("%d writes took effect while mirror.mode was observe", o.shadow.writes)
	}
	for _, e := range o.entries {
		created, captured := o.wouldShadow(e)
		if created != o.shadow.created[e.id] || captured != o.shadow.captured[e.id] {
			o.wrong("%s on the day of observing: to be created %v and captured %v, and by the report %v and %v",
				e.id, created, captured, o.shadow.created[e.id], o.shadow.captured[e.id])
		}
	}
}

// bookOfAging makes sure that it was told of each hold that aged, once.
func (o *oracle) bookOfAging() {
	last := o.ticks[len(o.ticks)-1]
	for _, e := range o.entries {
		rec, times := o.records[e.id], o.logs.aged[e.id]
		old := rec.Phase == plan.Created && last.Sub(rec.HeldSince) >= o.cfg.Mirror.HoldWarnAfter
		switch {
		case times > 1:
			o.wrong("it was told %d times that the hold of %s ages", times, e.id)
		case times == 0 && old:
			o.wrong("it was not told that the hold of %s ages, made %s", e.id, rec.HeldSince)
		case times == 1 && o.youth(e, rec) < o.cfg.Mirror.HoldWarnAfter:
			o.wrong("it was told that the hold of %s ages, which was finished after %s", e.id, o.youth(e, rec))
		}
	}
}

// bookOfMarks makes sure that no mark was set, even for a while, that nothing in this
// month calls for: merged customers are followed, and tokens kept.
func (o *oracle) bookOfMarks() {
	for _, reason := range []plan.Reason{
		plan.SourceMissing, plan.StateRegressed, plan.UnknownState, plan.UnknownCreate, plan.DuplicateFound,
	} {
		if n := o.logs.parked[string(reason)]; n > 0 {
			o.wrong("%d times something was parked as %s, for which there is no cause", n, reason)
		}
	}
}

// youth is how old a hold was when it was captured, or is by now.
func (o *oracle) youth(e *entry, rec plan.Record) time.Duration {
	until := o.ticks[len(o.ticks)-1]
	if is := o.madeOf(e); len(is.captures) > 0 {
		until = is.captures[0].Time
	}
	return until.Sub(rec.HeldSince)
}

// wouldShadow tells whether an entry was to be created on the day of observing, and
// then captured.
func (o *oracle) wouldShadow(e *entry) (created, captured bool) {
	hit, known := o.demand.hits[e.card]
	var held decimal.Decimal
	for _, tick := range o.ticks {
		if !known || !tick.Before(o.full) {
			break
		}
		says := e.at(tick)
		if !created && !tick.Before(hit) && o.wants(e, tick) {
			created, held = true, says.amount
		}
		captured = captured || created && says.state == simulator.Charged && says.amount.Equal(held)
	}
	return created, captured
}

// bookOfRequests makes sure that not many more were made than had to be.
func (o *oracle) bookOfRequests() {
	o.loads = o.countLoads()
	for _, l := range o.loads {
		if float64(l.made) > l.bound*float64(l.least)+few {
			o.wrong("%d %s were made, and the least is %d", l.made, l.op, l.least)
		}
	}
}

// bookOfDelays makes sure that the next cycle does what it can. That v4 does not have a
// card is believed for an hour.
func (o *oracle) bookOfDelays() {
	o.delays = o.measureDelays()
	within := func(what string, took []int, most int) {
		if len(took) > 0 && slices.Max(took) > most {
			o.wrong("%s took %d cycles, though nothing was wrong; want at most %d", what, slices.Max(took), most)
		}
	}
	within("a create", o.delays.creates, 1)
	within("a create whose card was missing", o.delays.missed, int(missFor/o.script.every)+1)
	within("a capture", o.delays.captures, 1)
}
