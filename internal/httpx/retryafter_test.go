package httpx

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func TestParseRetryAfter(t *testing.T) {
	for _, each := range []struct {
		name, header string
		want         time.Duration
		ok           bool
	}{
		{"whole seconds", "120", 2 * time.Minute, true},
		{"seconds among blanks", "  7 ", 7 * time.Second, true},
		{"zero", "0", 0, true},
		{"a fraction is rounded up", "1.2", 2 * time.Second, true},
		{"a fraction of a second is rounded up", ".5", time.Second, true},
		{"an HTTP date ahead", "Wed, 04 Mar 2026 12:00:30 GMT", 30 * time.Second, true},
		{"the older form of a date", "Wednesday, 04-Mar-26 12:00:30 GMT", 30 * time.Second, true},
		{"a date in the past", "Wed, 04 Mar 2026 11:59:00 GMT", 0, true},
		{"a million million seconds", "1000000000000", mostRetryAfter, true},
		{"more digits than any number holds", strings.Repeat("9", 400), mostRetryAfter, true},
		{"a date beyond any plan", "Fri, 31 Dec 9999 23:59:59 GMT", mostRetryAfter, true},
		{"nothing", "", 0, false},
		{"a negative number", "-5", 0, false},
		{"an exponent", "1e3", 0, false},
		{"words", "soon", 0, false},
		{"two points", "1.2.3", 0, false},
		{"only a point", ".", 0, false},
		{"infinity", "inf", 0, false},
		{"not a number", "NaN", 0, false},
		{"a list", "1, 2", 0, false},
	} {
		t.Run(each.name, func(t *testing.T) {
			got, ok := ParseRetryAfter(each.header, noon)
			if got != each.want || ok != each.ok {
				t.Errorf("ParseRetryAfter(%q) = %s, %t; want %s, %t", each.header, got, ok, each.want, each.ok)
			}
		})
	}
}

func TestBackoffGrowsToItsLimit(t *testing.T) {
	b := Backoff{Min: time.Second, Max: 10 * time.Second}
	for attempt, want := range []time.Duration{
		1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 4: 8 * time.Second,
		5: 10 * time.Second, 6: 10 * time.Second,
	} {
		if attempt == 0 {
			continue
		}
		if got := b.Next(attempt); got != want {
			t.Errorf("after try %d: %s, want %s", attempt, got, want)
		}
	}
	if got := b.Next(1 << 30); got != b.Max {
		t.Errorf("after very many tries: %s", got)
	}
	b.Random = func() float64 { return 0 }
	if got := b.Next(3); got != 2*time.Second {
		t.Errorf("the least jitter gives %s, want half", got)
	}
	b.Random = func() float64 { return 0.5 }
	if got := b.Next(3); got != 3*time.Second {
		t.Errorf("middling jitter gives %s", got)
	}
}

func TestBackoffHonoursRetryAfterWithinBounds(t *testing.T) {
	b := Backoff{Min: time.Second, Max: 10 * time.Second, MaxRetryAfter: time.Minute}
	for _, each := range []struct {
		name, retryAfter, date string
		want                   time.Duration
	}{
		{"none", "", "", time.Second},
		{"longer than its own wait", "17", "", 17 * time.Second},
		{"shorter does not shorten", "0", "", time.Second},
		{"past date does not shorten", "Wed, 04 Mar 2026 11:59:00 GMT", "", time.Second},
		{"garbage counts for nothing", "-1", "", time.Second},
		{"too long is capped", "1000000000000", "", time.Minute},
		{"a date by our clock", "Wed, 04 Mar 2026 12:00:30 GMT", "", 30 * time.Second},
		{"a date by the server's clock", "Tue, 04 Mar 2025 12:00:30 GMT", "Tue, 04 Mar 2025 12:00:00 GMT", 30 * time.Second},
	} {
		t.Run(each.name, func(t *testing.T) {
			header := http.Header{}
			header.Set("Retry-After", each.retryAfter)
			header.Set("Date", each.date)
			if got := b.After(1, header, noon); got != each.want {
				t.Errorf("waits %s, want %s", got, each.want)
			}
		})
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "0", "120", "-1", "1.5", "1e9", "Wed, 04 Mar 2026 12:00:30 GMT", "99999999999999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got, ok := ParseRetryAfter(header, noon)
		if got < 0 || got > mostRetryAfter || (!ok && got != 0) {
			t.Errorf("ParseRetryAfter(%q) = %s, %t", header, got, ok)
		}
	})
}
