package month_test

import (
	"slices"
	"time"
)

// due gives the moment from which everything was there for an entry's create.
func (o *oracle) due(e *entry) (time.Time, bool) {
	base := e.made
	for _, at := range []time.Time{e.hotel.known[e.customer], o.full.Add(-time.Nanosecond)} {
		if at.After(base) {
			base = at
		}
	}
	moments := []time.Time{base}
	for _, m := range e.card.methods {
		moments = append(moments, m.from, m.flips)
	}
	for _, c := range e.changes {
		moments = append(moments, c.at)
	}
	slices.SortFunc(moments, time.Time.Compare)
	for _, at := range moments {
		if !at.Before(base) && e.card.found(at) && o.calls(e, at) {
			return at, true
		}
	}
	return time.Time{}, false
}

// cyclesWithin counts the cycles that began after one moment and not after another.
func (o *oracle) cyclesWithin(after, until time.Time) int {
	n := 0
	for _, tick := range o.ticks {
		if tick.After(after) && !tick.After(until) {
			n++
		}
	}
	return n
}

// delays are how many cycles it took from a change in the PMS, or of a card in v4, to the
// request at v4. What something had gone wrong for is counted apart.
type delays struct {
	creates, missed, captures    []int
	disturbed, disturbedCaptures []int
}

func (o *oracle) measureDelays() delays {
	var out delays
	first := map[string]time.Time{}
	for _, r := range o.requests {
		if key := r.op + r.key; (r.op == opCreate || r.op == opCapture) && first[key].IsZero() {
			first[key] = r.at
		}
	}
	for _, e := range o.entries {
		sent, due := first[opCreate+e.id], time.Time{}
		if sent.IsZero() {
			continue
		}
		due, ok := o.due(e)
		if !ok || due.After(sent) {
			o.wrong("%s was created at %s, and was due at %s", e.id, sent, due)
			continue
		}
		took, disturbed := o.cyclesWithin(due, sent), o.disturbed(e, due.Add(-missFor), sent)
		switch {
		case disturbed:
			out.disturbed = append(out.disturbed, took)
		case o.demand.missed[e.card] > 0:
			out.missed = append(out.missed, took)
		default:
			out.creates = append(out.creates, took)
		}
		o.delayOfCapture(e, sent, first, &out)
	}
	return out
}

// delayOfCapture leaves out what was charged before it was created: that is one plan.
func (o *oracle) delayOfCapture(e *entry, created time.Time, first map[string]time.Time, out *delays) {
	is := o.madeOf(e)
	charged, ok := e.charged(o.script.ends)
	if len(is.creates) != 1 || !ok || !charged.After(created) {
		return
	}
	sent := first[opCapture+identity(is.creates[0])]
	if sent.IsZero() {
		return
	}
	took := o.cyclesWithin(charged, sent)
	if o.disturbed(e, charged, sent) || o.lost(opCreate, e.id) {
		out.disturbedCaptures = append(out.disturbedCaptures, took)
		return
	}
	out.captures = append(out.captures, took)
}

// disturbed tells whether something goes wrong for an entry within a span of time or
// shortly before it. A cycle that has to wait for anybody counts: by then it sees more
// than when it began.
func (o *oracle) disturbed(e *entry, from, to time.Time) bool {
	from = from.Add(-o.script.every)
	if from.Before(e.made) {
		from = e.made
	}
	slow := slices.ContainsFunc(o.slow, func(s span) bool { return s.from.Before(to) && from.Before(s.to) })
	return slow || o.script.plot.disturbs(e.hotel.tenant, e.hotel.name, from, to)
}
