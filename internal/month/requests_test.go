package month_test

import (
	"cmp"
	"slices"
	"time"
)

// life is how long a v4 login is good for.
const life = 30 * time.Minute

// most is how many customers, or payment methods, one request can be about.
const most = 1000

// mostSingly is how many cards are looked up one by one at most.
const mostSingly = 100

// few is how many requests above the bound are left to chance.
const few = 20

// load is how many requests were made, and how many are the least possible. The bound is
// how much more than that there may be.
type load struct {
	op          string
	made, least int
	bound       float64
}

// countLoads counts the requests of the month.
func (o *oracle) countLoads() []load {
	made := map[string]int{}
	for _, r := range o.requests {
		made[r.op]++
	}
	applied := o.world.Account()
	least := map[string]int{
		opPoll: o.leastPolls(), opMethods: o.leastLookups(), opLogin: o.leastLogins(),
		opCreate: applied.Creates, opCapture: applied.Captures, opConfiguration: len(o.starts) * len(o.script.hotels),
		opSearch: o.leastSearches(),
	}
	least[opGuests], least[opUpdated] = len(o.ticks)*len(o.script.hotels), len(o.ticks)*len(o.script.hotels)
	least[opMerged] = len(o.starts) * len(o.script.hotels)
	// A target of a merge is asked for too, since it may have been merged on. A card that v4
	// does not have is asked for in lower case and in upper case.
	out := []load{
		{op: opPoll},
		{op: opGuests},
		{op: opUpdated},
		{op: opMerged, bound: 2.5},
		{op: opConfiguration, bound: 1.3},
		{op: opMethods, bound: 2.1},
		{op: opCreate},
		{op: opCapture},
		{op: opSearch, bound: 1.5},
		{op: opLogin},
		{op: opOther},
	}
	for i := range out {
		l := &out[i]
		l.made, l.least, l.bound = made[l.op], least[l.op], cmp.Or(l.bound, 1.1)
	}
	return out
}

// leastPolls asks for everybody who is known by then, in each cycle.
func (o *oracle) leastPolls() int {
	n := 0
	for _, h := range o.script.hotels {
		var known []time.Time
		for _, at := range h.known {
			known = append(known, at)
		}
		slices.SortFunc(known, time.Time.Compare)
		for _, tick := range o.ticks {
			customers, _ := slices.BinarySearchFunc(known, tick, time.Time.Compare)
			n += (customers + most - 1) / most
		}
	}
	return n
}

// leastLookups asks for each card once, or reads all methods where that is less.
func (o *oracle) leastLookups() int {
	n := 0
	for h, asks := range o.demand.asks {
		for tick, cards := range asks {
			if cards > mostSingly {
				cards = min(cards, o.methods(h.tenant, tick)/most+2)
			}
			n += cards
		}
	}
	for _, r := range o.requests {
		if r.op == opCreate && o.again(r) {
			n++
		}
	}
	return n
}

// again tells whether a create was one more with a card that its bank declines: what was
// looked up for the one before has been forgotten.
func (o *oracle) again(r request) bool {
	at, _ := slices.BinarySearchFunc(o.entries, r.key, func(e *entry, id string) int {
		return cmp.Compare(e.id, id)
	})
	if at == len(o.entries) || o.entries[at].id != r.key || !o.entries[at].card.declines() {
		return false
	}
	return slices.ContainsFunc(o.requests, func(earlier request) bool {
		return earlier.op == opCreate && earlier.key == r.key && earlier.at.Before(r.at)
	})
}

// methods counts the payment methods of a tenant at a moment.
func (o *oracle) methods(tenant string, at time.Time) int {
	n := 0
	for _, h := range o.script.hotels {
		for _, c := range h.cards {
			for _, m := range c.methods {
				if h.tenant == tenant && !m.from.After(at) {
					n++
				}
			}
		}
	}
	return n
}

// leastLogins logs in when v4 is needed, and again when that login is over or the
// process that had it is.
func (o *oracle) leastLogins() int {
	n := 0
	for _, tenant := range []string{groupTenant, apartTenant} {
		var until time.Time
		starts := o.starts
		for _, r := range o.requests {
			if r.of != tenant || r.op == opLogin {
				continue
			}
			for len(starts) > 0 && !starts[0].After(r.at) {
				starts, until = starts[1:], time.Time{}
			}
			if !r.at.Before(until) {
				n++
				until = r.at.Add(life)
			}
		}
	}
	return n
}

// leastSearches asks each sink what it holds once a process, for each lost create whether
// it was made, and for the first one whether its token was kept.
func (o *oracle) leastSearches() int {
	const sinks = 2
	n := sinks*len(o.starts) + sinks
	for _, r := range o.requests {
		if r.op == opCreate && (r.lost || r.failed) {
			n++
		}
	}
	return n
}
