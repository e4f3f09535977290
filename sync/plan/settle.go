package plan

import (
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// Settled is a record after a decision, and what is new about it.
type Settled struct {
	Record Record
	// Changed tells whether the record differs from the one decided about.
	Changed bool
	// Parked is set when the mark is new or names another reason.
	Parked bool
	// Lifted is the reason of a mark that has gone.
	Lifted Reason
	// Released and Baselined are set when that phase is new.
	Released  bool
	Baselined bool
}

// Settle stores in the record what a decision changes without a request: the
// phase, the mark, the observation. It is pure; nothing is written.
func Settle(rec Record, p preauth.Preauthorization, d Decision, now time.Time) Settled {
	out := Settled{Record: rec, Changed: rec.Revision == 0}
	next := &out.Record
	seen := Observe(p)
	if !seen.Equal(rec.Seen) || rec.Missing != 0 || rec.CardID != p.CardID ||
		(p.CustomerID != "" && p.CustomerID != rec.CustomerID) || d.History != rec.History {
		out.Changed = true
	}
	if d.Ordered && rec.Park != nil {
		d.Park, d.Detail = rec.Park.Reason, rec.Park.Detail // it stands until the order is carried out
	}
	next.Seen, next.Missing, next.History, next.CardID = seen, 0, d.History, p.CardID
	if p.CustomerID != "" {
		next.CustomerID = p.CustomerID
	}
	if d.Next != rec.Phase {
		out.Changed = true
		out.Released = d.Next == Released
		out.Baselined = d.Next == Baseline
		next.Phase = d.Next
		if d.Next == Created {
			next.Unsure = false
		}
	}
	settleMark(&out, rec, seen, d, now)
	if out.Changed {
		next.Updated = now
	}
	return out
}

// Order is what is stored when an ordered decision is carried out. A mark is lifted
// first, by itself. Then the order goes with the intent: from then on the charge is
// news, so that cycles and retries go on where a backfill was interrupted or refused.
func (s Settled) Order() Settled {
	s.Changed = true
	if s.Record.Park != nil {
		s.Lifted, s.Record.Park = s.Record.Park.Reason, nil
		return s
	}
	s.Record.Phase, s.Record.History = None, HistoryFresh
	return s
}

// settleMark keeps since and the cause of a mark that stays, and lifts one
// whose observation no longer parks.
func settleMark(out *Settled, rec Record, seen Observation, d Decision, now time.Time) {
	switch {
	case d.Kept:
	case d.Park == "" && rec.Park == nil:
	case d.Park == "":
		out.Changed, out.Lifted = true, rec.Park.Reason
		out.Record.Park = nil
	case rec.Park != nil && rec.Park.Reason == d.Park && d.Park.WaitsForOperator():
		// An operator answers the observation that caused it, so that one stays.
	case rec.Park != nil && rec.Park.Reason == d.Park && rec.Park.Seen.Equal(seen) && rec.Park.Detail == d.Detail:
	case rec.Park != nil && rec.Park.Reason == d.Park:
		out.Changed = true
		out.Record.Park = &Park{Reason: d.Park, Seen: seen, Since: rec.Park.Since, Detail: d.Detail}
	default:
		out.Changed, out.Parked = true, true
		if rec.Park != nil {
			out.Lifted = rec.Park.Reason
		}
		out.Record.Park = &Park{Reason: d.Park, Seen: seen, Since: now, Detail: d.Detail}
	}
}

// MissingLimit is how many complete replies in a row may fail to show an
// unfinished record before it parks source_missing.
const MissingLimit = 3

// Miss is Settle for an unfinished record that a complete reply for its
// customer did not show. What is in flight or waits for an operator is left alone.
func Miss(rec Record, now time.Time) Settled {
	out := Settled{Record: rec}
	if rec.Phase.InFlight() || rec.Missing >= MissingLimit {
		return out
	}
	out.Changed = true
	out.Record.Missing++
	out.Record.Updated = now
	if out.Record.Missing < MissingLimit || (rec.Park != nil && rec.Park.Reason.WaitsForOperator()) {
		return out
	}
	if rec.Park != nil {
		out.Lifted = rec.Park.Reason
	}
	out.Parked = true
	out.Record.Park = &Park{
		Reason: SourceMissing, Seen: rec.Seen, Since: now,
		Detail: "three complete replies in a row for its customer did not show it",
	}
	return out
}
