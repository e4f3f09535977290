package config

import (
	"errors"
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
// zone. A local time that a change of the clocks leaves out has no tick that
// day; one that comes twice may have two. It is the zero time for the zero Schedule.
func (s Schedule) Next(after time.Time) time.Time {
	if s.times == nil {
		return time.Time{}
	}
	if s.location != nil {
		after = after.In(s.location)
	}
	return s.times.Next(after)
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
