package config_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/preauth-sync/preauth-sync/internal/config"
)

func scheduled(t *testing.T, expression, zone string) config.Schedule {
	t.Helper()
	return mustLoad(t, fmt.Sprintf("schedule: %q\ntimezone: %s\n%s", expression, zone, minimal), config.Options{}).Schedule
}

func TestTheScheduleIsReadInTheTimeZone(t *testing.T) {
	c := mustLoad(t, "schedule: 30 4 * * *\ntimezone: Europe/Prague\n"+minimal, config.Options{})
	after := time.Date(2026, 7, 1, 2, 30, 0, 0, time.UTC) // 04:30 in Prague
	if got, want := c.Schedule.Next(after), time.Date(2026, 7, 2, 2, 30, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("next is %s, want %s", got, want)
	}
	if got := (config.Schedule{}).Next(after); !got.IsZero() {
		t.Errorf("the zero schedule ticks at %s", got)
	}
	if got := config.Default().Schedule.Next(after); !got.Equal(after.Add(5 * time.Minute)) {
		t.Errorf("the default's next is %s", got)
	}
}

const local = "2006-01-02 15:04:05 -07:00"

func TestATickThatAChangeOfTheClocksLeavesOutIsDelayed(t *testing.T) {
	const (
		prague   = "Europe/Prague"       // at 01:00 UTC, an hour
		newYork  = "America/New_York"    // at 02:00 local time, an hour
		lordHowe = "Australia/Lord_Howe" // at 02:00, half an hour
		cairo    = "Africa/Cairo"        // at midnight, and back at midnight
		santiago = "America/Santiago"    // at midnight, and back at midnight
		nuuk     = "America/Nuuk"        // an hour before midnight
		apia     = "Pacific/Apia"        // without a 30th of December in 2011
	)
	for name, c := range map[string]struct {
		expression, zone, after string
		want                    []string
	}{
		"a time left out comes an hour later": {"30 2 * * *", prague, "2026-03-28 12:00:00 +01:00", []string{
			"2026-03-29 03:30:00 +02:00", "2026-03-30 02:30:00 +02:00",
		}},
		"at the very change": {"0 2 * * *", prague, "2026-03-28 12:00:00 +01:00", []string{
			"2026-03-29 03:00:00 +02:00", "2026-03-30 02:00:00 +02:00",
		}},
		"just before the change": {"0 2 * * *", prague, "2026-03-29 01:59:59 +01:00", []string{
			"2026-03-29 03:00:00 +02:00", "2026-03-30 02:00:00 +02:00",
		}},
		"asked after the change, before the delayed tick": {"30 2 * * *", prague, "2026-03-29 03:29:59 +02:00", []string{
			"2026-03-29 03:30:00 +02:00", "2026-03-30 02:30:00 +02:00",
		}},
		"a delayed tick comes once": {"30 2 * * *", prague, "2026-03-29 03:30:00 +02:00", []string{"2026-03-30 02:30:00 +02:00"}},
		"a delayed tick and a regular one in the same hour": {"45 2,3 * * *", prague, "2026-03-29 01:00:00 +01:00", []string{
			"2026-03-29 03:45:00 +02:00", "2026-03-30 02:45:00 +02:00",
		}},
		"a regular tick before the delayed one": {"10,50 2 29 3 *", prague, "2026-03-29 01:00:00 +01:00", []string{
			"2026-03-29 03:10:00 +02:00", "2026-03-29 03:50:00 +02:00", "2027-03-29 02:10:00 +02:00",
		}},
		"what comes each hour goes on": {"30 * * * *", prague, "2026-03-29 00:40:00 +01:00", []string{
			"2026-03-29 01:30:00 +01:00", "2026-03-29 03:30:00 +02:00", "2026-03-29 04:30:00 +02:00",
		}},
		"what comes every five minutes goes on": {"*/5 * * * *", prague, "2026-03-29 01:54:00 +01:00", []string{
			"2026-03-29 01:55:00 +01:00", "2026-03-29 03:00:00 +02:00", "2026-03-29 03:05:00 +02:00",
		}},
		"@every counts real time": {"@every 50m", prague, "2026-03-29 01:50:00 +01:00", []string{
			"2026-03-29 03:40:00 +02:00", "2026-03-29 04:30:00 +02:00",
		}},
		"a day of the week whose night is left out": {"30 2 * * 0", prague, "2026-03-22 03:00:00 +01:00", []string{
			"2026-03-29 03:30:00 +02:00", "2026-04-05 02:30:00 +02:00",
		}},
		"a time that comes twice ticks twice": {"30 2 * * *", prague, "2026-10-24 12:00:00 +02:00", []string{
			"2026-10-25 02:30:00 +02:00", "2026-10-25 02:30:00 +01:00", "2026-10-26 02:30:00 +01:00",
		}},
		"minutes go on through the repeated hour": {"*/20 * * * *", prague, "2026-10-25 02:20:00 +02:00", []string{
			"2026-10-25 02:40:00 +02:00", "2026-10-25 02:00:00 +01:00", "2026-10-25 02:20:00 +01:00",
		}},
		"@every through the repeated hour": {"@every 50m", prague, "2026-10-25 02:30:00 +02:00", []string{
			"2026-10-25 02:20:00 +01:00", "2026-10-25 03:10:00 +01:00",
		}},
		"New York in spring": {"15 2 * * *", newYork, "2026-03-07 12:00:00 -05:00", []string{
			"2026-03-08 03:15:00 -04:00", "2026-03-09 02:15:00 -04:00",
		}},
		"New York in autumn": {"30 1 * * *", newYork, "2026-10-31 12:00:00 -04:00", []string{
			"2026-11-01 01:30:00 -04:00", "2026-11-01 01:30:00 -05:00", "2026-11-02 01:30:00 -05:00",
		}},
		"half an hour left out": {"10 2 * * *", lordHowe, "2026-10-03 12:00:00 +10:30", []string{
			"2026-10-04 02:40:00 +11:00", "2026-10-05 02:10:00 +11:00",
		}},
		"the hour behind half an hour": {"0 * * * *", lordHowe, "2026-10-04 01:00:00 +10:30", []string{
			"2026-10-04 02:30:00 +11:00", "2026-10-04 03:00:00 +11:00",
		}},
		"half an hour that comes twice": {"45 1 * * *", lordHowe, "2026-04-04 12:00:00 +11:00", []string{
			"2026-04-05 01:45:00 +11:00", "2026-04-05 01:45:00 +10:30", "2026-04-06 01:45:00 +10:30",
		}},
		"midnight left out in Cairo": {"0 0 * * *", cairo, "2026-04-23 12:00:00 +02:00", []string{
			"2026-04-24 01:00:00 +03:00", "2026-04-25 00:00:00 +03:00",
		}},
		"the day whose midnight is left out": {"0 12 * * 5", cairo, "2026-04-18 00:00:00 +02:00", []string{
			"2026-04-24 12:00:00 +03:00", "2026-05-01 12:00:00 +03:00",
		}},
		"the hour before midnight comes twice in Cairo": {"30 23 * * *", cairo, "2026-10-29 12:00:00 +03:00", []string{
			"2026-10-29 23:30:00 +03:00", "2026-10-29 23:30:00 +02:00", "2026-10-30 23:30:00 +02:00",
		}},
		"midnight left out in Santiago, on the day it is for": {"30 0 6 9 *", santiago, "2026-09-01 00:00:00 -04:00", []string{
			"2026-09-06 01:30:00 -03:00", "2027-09-06 00:30:00 -03:00",
		}},
		"a delay past midnight": {"30 23 * * *", nuuk, "2026-03-28 12:00:00 -02:00", []string{
			"2026-03-29 00:30:00 -01:00", "2026-03-29 23:30:00 -01:00",
		}},
		"a day that never was": {"0 9 30 12 *", apia, "2011-12-29 12:00:00 -10:00", []string{
			"2011-12-31 09:00:00 +14:00", "2012-12-30 09:00:00 +14:00",
		}},
		"the last day of a leap year": {"30 2 * * *", prague, "2040-12-31 00:00:00 +01:00", []string{
			"2040-12-31 02:30:00 +01:00", "2041-01-01 02:30:00 +01:00",
		}},
		"years without a tick": {"30 2 29 2 *", prague, "2024-02-29 02:30:00 +01:00", []string{"2028-02-29 02:30:00 +01:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			schedule := scheduled(t, c.expression, c.zone)
			at, err := time.Parse(local, c.after)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for range c.want {
				at = schedule.Next(at)
				got = append(got, at.Format(local))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// wholeDays are zones whose clocks never leave out the end of a day.
var wholeDays = []string{
	"UTC", "Europe/Prague", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago", "Asia/Beirut", "America/Havana", "Asia/Kathmandu",
}

func TestADailyScheduleTicksOnEveryDayOfTheYear(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		minute, hour := rapid.IntRange(0, 59).Draw(rt, "minute"), rapid.IntRange(0, 23).Draw(rt, "hour")
		zone := rapid.SampledFrom(wholeDays).Draw(rt, "zone")
		year := rapid.IntRange(2000, 2060).Draw(rt, "year")
		schedule := scheduled(t, fmt.Sprintf("%d %d * * *", minute, hour), zone)
		location, err := time.LoadLocation(zone)
		if err != nil {
			rt.Fatal(err)
		}
		ticks := map[string]bool{}
		for at := time.Date(year, 1, 1, 0, 0, 0, 0, location).Add(-1); ; {
			next := schedule.Next(at)
			if !next.After(at) {
				rt.Fatalf("after %s comes %s", at, next)
			}
			if at = next; at.Year() > year {
				break
			}
			ticks[at.Format(time.DateOnly)] = true
		}
		for day := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() == year; day = day.AddDate(0, 0, 1) {
			if !ticks[day.Format(time.DateOnly)] {
				rt.Fatalf("no tick on %s", day.Format(time.DateOnly))
			}
		}
	})
}

// TestNextIsTheFirstOfAllTicks goes from minute to minute around changes of the
// clocks: each local time that matches is a tick, and so is each that was left out.
func TestNextIsTheFirstOfAllTicks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		minutes := rapid.SliceOfNDistinct(rapid.IntRange(0, 59), 1, 3, rapid.ID).Draw(rt, "minutes")
		hours := rapid.SliceOfNDistinct(rapid.IntRange(0, 23), 1, 4, rapid.ID).Draw(rt, "hours")
		zone := rapid.SampledFrom(append([]string{"America/Nuuk"}, wholeDays...)).Draw(rt, "zone")
		location, err := time.LoadLocation(zone)
		if err != nil {
			rt.Fatal(err)
		}
		expression := commas(minutes) + " " + commas(hours) + " * * *"
		matches := func(clock time.Time) bool {
			return slices.Contains(minutes, clock.Minute()) && slices.Contains(hours, clock.Hour())
		}
		at := time.Date(rapid.IntRange(2000, 2060).Draw(rt, "year"), time.Month(rapid.IntRange(1, 12).Draw(rt, "month")), 1, 0, 0, 0, 0, location)
		if _, change := at.ZoneBounds(); !change.IsZero() {
			at = change
		}
		at = at.Add(time.Duration(rapid.IntRange(-180_000, 10_000).Draw(rt, "seconds")) * time.Second)
		schedule := scheduled(t, expression, zone)
		for range 8 {
			want := at.Truncate(time.Minute).Add(time.Minute)
			for !matches(want) && !matches(leftOut(want)) {
				want = want.Add(time.Minute)
			}
			if got := schedule.Next(at); !got.Equal(want) {
				rt.Fatalf("%s in %s: after %s comes %s, not %s", expression, zone, at, got, want)
			}
			at = want
		}
	})
}

// leftOut gives the clock as it would stand had it not been put forward, while
// that is a time that the change left out; otherwise the clock as it stands.
func leftOut(at time.Time) time.Time {
	change, _ := at.ZoneBounds()
	if change.IsZero() {
		return at
	}
	_, before := change.Add(-1).Zone()
	_, now := at.Zone()
	if at.Sub(change) >= time.Duration(now-before)*time.Second {
		return at
	}
	return at.In(time.FixedZone("", before))
}

func commas(numbers []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(numbers), "[]"), " ", ",")
}
