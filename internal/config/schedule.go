package config

import (
	"errors"
	"sort"
	"strings"
	"time"
	_ "time/tzdata" // a bare host has no time zone files of its own

	"github.com/robfig/cron/v3"
)

// Schedule says when cycles begin.
type Schedule struct {
	// Expression is as written: five cron fields, or a descriptor such as @every 30s.
	Expression string

	times    cron.Schedule
	location *time.Location
}

// Next gives the first tick after a moment, on the clock of the configured time
// zone. A local time that a change of the clocks leaves out is delayed by as much
// as the clocks were put forward: 02:30 ticks at 03:30 that day. One that comes
// twice ticks twice. @every knows no clock. It is the zero time for the zero Schedule.
func (s Schedule) Next(after time.Time) time.Time {
	if s.times == nil {
		return time.Time{}
	}
	if s.location != nil {
		after = after.In(s.location)
	}
	if _, clock := s.times.(*cron.SpecSchedule); !clock {
		return s.times.Next(after)
	}
	return s.onTheClock(after)
}

// onTheClock walks from one change of the clocks to the next. It begins a day
// early, since a tick that was left out then may be yet to come.
func (s Schedule) onTheClock(after time.Time) time.Time {
	var first time.Time
	from := after.Truncate(time.Second).Add(-24 * time.Hour)
	for {
		// robfig/cron goes by a clock in UTC that shows the local time: its own steps
		// through a change of the clocks can lose a whole day.
		_, offset := from.Zone()
		shift := time.Duration(offset) * time.Second
		since := after
		if since.Before(from) {
			since = from.Add(-1) // the moment of a change can be a tick
		}
		tick := s.times.Next(since.UTC().Add(shift))
		if tick.IsZero() {
			return first
		}
		tick = tick.Add(-shift).In(after.Location())
		change, forward := nextChange(from, tick)
		if tick.Before(change.Add(forward)) && (first.IsZero() || tick.Before(first)) {
			first = tick
		}
		if first.Before(change) && !first.IsZero() {
			return first
		}
		from = change
	}
}

// nextChange gives the first change of the clocks behind from, and by how much it
// puts them forward; when there is none until then, it gives a moment behind until.
// It looks at each day, because time.Time.ZoneBounds ends before it begins on the
// last day of a leap year (Go 1.26).
func nextChange(from, until time.Time) (change time.Time, forward time.Duration) {
	const day = 24 * 60 * 60
	_, before := from.Zone()
	changed := func(at time.Time) bool {
		_, offset := at.Zone()
		return offset != before
	}
	for !from.After(until) {
		next := from.Add(day * time.Second)
		if changed(next) {
			seconds := sort.Search(day, func(n int) bool { return changed(from.Add(time.Duration(n) * time.Second)) })
			change = from.Add(time.Duration(seconds) * time.Second)
			_, offset := change.Zone()
			return change, max(0, time.Duration(offset-before)*time.Second)
		}
		from = next
	}
	return from, 0
}

var errSchedule = errors.New(`must be five cron fields such as "*/5 * * * *", or a descriptor such as @hourly or @every 30s`)

func parseSchedule(text string) (Schedule, error) {
	text = strings.TrimSpace(text)
	// robfig/cron panics on a zone without a space behind it.
	if strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ=") {
		return Schedule{}, errors.New("must not name a time zone: that is what the key timezone is for")
	}
	if every, ok := strings.CutPrefix(text, "@every "); ok {
		// robfig/cron would make one second of anything shorter, below zero too.
		if d, err := time.ParseDuration(every); err == nil && d < time.Second {
			return Schedule{}, errors.New("@every must be followed by a second at least")
		}
	}
	times, err := cron.ParseStandard(text)
	if err != nil {
		return Schedule{}, errSchedule
	}
	// From this day on each date of the calendar comes within five years, which is
	// as far as robfig/cron looks.
	if times.Next(time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Schedule{}, errors.New("must come at all: there is no such day")
	}
	return Schedule{Expression: text, times: times}, nil
}
