package month_test

import (
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// missFor is how long it is believed that v4 does not have a card.
const missFor = time.Hour

// demand is what v4 had to be asked about cards, by the script alone.
type demand struct {
	// hits tells in which cycle a card's method was there to be found, missed how
	// often it was looked for in vain before.
	hits   map[*card]time.Time
	missed map[*card]int
	// asks counts the cards to be looked up, by cycle and property.
	asks map[*hotel]map[time.Time]int
}

// demands asks v4 in the oracle's own way: in each cycle for every card with which
// something is to be created, once for good, and once an hour where it is not there.
func (o *oracle) demands() demand {
	out := demand{hits: map[*card]time.Time{}, missed: map[*card]int{}, asks: map[*hotel]map[time.Time]int{}}
	of := map[*card][]*entry{}
	for _, e := range o.entries {
		of[e.card] = append(of[e.card], e)
	}
	for c, entries := range of {
		o.demandOf(c, entries, &out)
	}
	return out
}

func (o *oracle) demandOf(c *card, entries []*entry, out *demand) {
	if out.asks[c.hotel] == nil {
		out.asks[c.hotel] = map[time.Time]int{}
	}
	first := slices.MinFunc(entries, func(a, b *entry) int { return a.made.Compare(b.made) }).made
	from, _ := slices.BinarySearchFunc(o.ticks, first, time.Time.Compare)
	var next time.Time
	for _, tick := range o.ticks[from:] {
		if tick.Before(next) || o.script.plot.stops(c.hotel, tick) || !slices.ContainsFunc(entries, func(e *entry) bool { return o.wants(e, tick) }) {
			continue
		}
		out.asks[c.hotel][tick]++
		if c.found(tick) {
			out.hits[c] = tick
			break
		}
		out.missed[c]++
		next = tick.Add(missFor)
	}
}

// wants tells whether an entry is to be created in a cycle, if its card is known.
func (o *oracle) wants(e *entry, tick time.Time) bool {
	if e.made.After(tick) || e.hotel.known[e.customer].After(tick) || !e.billable() {
		return false
	}
	return o.calls(e, tick)
}

// calls tells whether the PMS calls for a hold at a moment: it may be charged, or the
// charge is news, and its amount can be held.
func (o *oracle) calls(e *entry, moment time.Time) bool {
	says := e.at(moment)
	if !e.usable(says) {
		return false
	}
	if says.state == simulator.Charged {
		return o.isNews(e, says.at, moment.Before(o.full))
	}
	return says.state == simulator.Chargeable && !says.inactive
}
