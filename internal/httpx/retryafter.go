package httpx

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// mostRetryAfter keeps absurd numbers of seconds within a time.Duration.
const mostRetryAfter = 100 * 365 * 24 * time.Hour

// ParseRetryAfter reads a Retry-After header (RFC 9110, section 10.2.3): whole
// seconds or an HTTP date, and fractional seconds, which some servers send,
// rounded up. A date in the past gives 0. Anything else, negative numbers
// included, is not ok. Whoever waits must put a limit of its own on the result.
func ParseRetryAfter(header string, now time.Time) (time.Duration, bool) {
	header = strings.TrimSpace(header)
	if header == "" {
		return 0, false
	}
	if strings.Trim(header, "0123456789.") == "" {
		return parseSeconds(header)
	}
	date, err := http.ParseTime(header)
	if err != nil {
		return 0, false
	}
	return min(max(date.Sub(now), 0), mostRetryAfter), true
}

// parseSeconds takes digits with at most one point among them.
func parseSeconds(text string) (time.Duration, bool) {
	seconds, err := strconv.ParseFloat(text, 64)
	switch {
	case math.IsInf(seconds, 1):
		return mostRetryAfter, true // more digits than a float holds: the error says no more
	case err != nil:
		return 0, false
	}
	seconds = math.Ceil(seconds)
	if seconds >= mostRetryAfter.Seconds() {
		return mostRetryAfter, true
	}
	return time.Duration(seconds) * time.Second, true
}

// Backoff says how long to wait before trying again: exponentially longer each
// time, with jitter, and never less than the server asked for, up to a limit.
// The zero value uses the defaults named at each field.
type Backoff struct {
	// Min is the wait after the first try, before jitter; 0 means one second.
	Min time.Duration
	// Max is where it stops growing; 0 means 30 seconds.
	Max time.Duration
	// MaxRetryAfter is the longest that a Retry-After header can make it wait; 0
	// means two minutes. The Connector's window is 30 seconds (vendor's docs).
	MaxRetryAfter time.Duration
	// Random gives numbers in [0, 1); nil means no jitter.
	Random func() float64
}

// The defaults of Backoff.
const (
	defaultBackoffMin    = time.Second
	defaultBackoffMax    = 30 * time.Second
	defaultMaxRetryAfter = 2 * time.Minute
)

func orDefault[T time.Duration | int | int64](value, otherwise T) T {
	if value > 0 {
		return value
	}
	return otherwise
}

// Next gives the wait after the given try, counted from 1, when the server said
// nothing: between half of and the whole of Min doubled for each earlier try, at most Max.
func (b Backoff) Next(attempt int) time.Duration {
	wait, limit := orDefault(b.Min, defaultBackoffMin), orDefault(b.Max, defaultBackoffMax)
	for range attempt - 1 {
		if wait >= limit/2 {
			wait = limit
			break
		}
		wait *= 2
	}
	wait = min(wait, limit)
	if b.Random == nil {
		return wait
	}
	half := wait / 2
	return half + time.Duration(b.Random()*float64(wait-half))
}

// After gives the wait after the given try and its reply's header. Retry-After
// counts up to MaxRetryAfter; one that is shorter than Next does not shorten the
// wait: "Retry-After: 0" from an overloaded server must not make a busy loop. A
// date counts from the reply's own Date, so that a wrong clock here does no
// harm; without one, from now.
func (b Backoff) After(attempt int, header http.Header, now time.Time) time.Duration {
	wait := b.Next(attempt)
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	asked, ok := ParseRetryAfter(header.Get("Retry-After"), now)
	if !ok {
		return wait
	}
	return max(wait, min(asked, orDefault(b.MaxRetryAfter, defaultMaxRetryAfter)))
}
