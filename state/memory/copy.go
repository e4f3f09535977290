package memory

import (
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// What goes in and out is copied, so that nobody shares memory with the ledger,
// and times are kept as precisely as on a disk: to the millisecond, in UTC.

func copyTime(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

// copySeconds is copyTime for what is kept to the second.
func copySeconds(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.Unix(t.Unix(), 0).UTC()
}

func copyRecord(r plan.Record) plan.Record {
	r.HeldSince, r.Updated = copyTime(r.HeldSince), copyTime(r.Updated)
	if r.Intent != nil {
		intent := *r.Intent
		intent.Deadline = copyTime(intent.Deadline)
		r.Intent = &intent
	}
	r.Park = copyPark(r.Park)
	if r.Answered != nil {
		answered := *r.Answered
		r.Answered = &answered
	}
	return r
}

func copyPark(p *plan.Park) *plan.Park {
	if p == nil {
		return nil
	}
	park := *p
	park.Since = copyTime(park.Since)
	return &park
}

func copyObserved(o plan.Observed) plan.Observed {
	o.Created, o.Captured, o.Released = copyTime(o.Created), copyTime(o.Captured), copyTime(o.Released)
	o.Baselined, o.Park, o.Updated = copyTime(o.Baselined), copyPark(o.Park), copyTime(o.Updated)
	return o
}

func copyProperty(p plan.Property) plan.Property {
	p.ObservedSince, p.HeldFrom = copyTime(p.ObservedSince), copyTime(p.HeldFrom)
	if p.Unlisted != nil {
		unlisted := *p.Unlisted
		unlisted.Customers = slices.Clone(unlisted.Customers)
		p.Unlisted = &unlisted
	}
	if p.LastCycle != nil {
		cycle := *p.LastCycle
		cycle.Started, cycle.Finished = copyTime(cycle.Started), copyTime(cycle.Finished)
		p.LastCycle = &cycle
	}
	return p
}

func copySink(s plan.Sink) plan.Sink {
	if s.Candidate != nil {
		candidate := *s.Candidate
		candidate.Replied = copyTime(candidate.Replied)
		s.Candidate = &candidate
	}
	return s
}

func copyToken(t plan.Token) plan.Token {
	t.Holds = slices.Clone(t.Holds)
	return t
}

// merge adds t's holds to those stored, which stay as they are. A token once
// found foreign stays so until it shows up on another hold.
func merge(stored, t plan.Token) plan.Token {
	stored = copyToken(stored)
	grown := false
	for _, h := range t.Holds {
		if !slices.ContainsFunc(stored.Holds, func(k preauth.Hold) bool { return k.Identity == h.Identity }) {
			stored.Holds, grown = append(stored.Holds, h), true
		}
	}
	stored.Foreign = t.Foreign || stored.Foreign && !grown
	return stored
}
