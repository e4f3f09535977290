package simulator

import (
	"slices"
	"time"
)

// The two APIs, as Request and Fault name them.
const (
	APIConnector = "connector"
	APIV4        = "v4"
)

// The operations, as Request and Fault name them.
const (
	OpPoll          = "poll"
	OpCustomers     = "customers"
	OpReservations  = "reservations"
	OpConfiguration = "configuration"
	OpLogin         = "login"
	OpCreate        = "create"
	OpCapture       = "capture"
	OpSearch        = "search"
	OpPaged         = "paged"
	OpList          = "list"
	OpGet           = "get"
	// OpMethods is the search for payment methods.
	OpMethods = "methods"
	// OpUnknown is an address that does not exist.
	OpUnknown = "unknown"
)

// Request is one line of the request log.
type Request struct {
	// Seq counts from 1 in the order of arrival.
	Seq       int64     `json:"seq"`
	Time      time.Time `json:"time"`
	API       string    `json:"api"`
	Operation string    `json:"operation"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`
	// Property is the name of the enterprise whose AccessToken was sent, if any.
	Property string `json:"property,omitempty"`
	// Key is what the request is about: a create's token, a capture's identity.
	Key string `json:"key,omitempty"`
	// Status is what was answered; 0 while it is not, and when no reply was given.
	Status int `json:"status"`
	// Fault is the kind of the fault that it met, if any.
	Fault Kind `json:"fault,omitempty"`
	// Body is there for Fault.Match only: the log does not keep it.
	Body []byte `json:"-"`
}

// Requests gives a copy of the request log, oldest first.
func (w *World) Requests() []Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.requests)
}

// Count is how many requests an operation has had, refused ones included; for
// "" of that API, how many the API has had.
func (w *World) Count(api, operation string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts[api+"."+operation]
}

// MostWrites is how many creates and captures were in progress at most at the
// same time. A write that the client has given up counts until the server notices.
func (w *World) MostWrites() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mostWrites
}

// MostInWindow is the largest number of requests of an API that arrived within
// any window of that length, both ends counted once; for the Connector API those of
// one property, for "" of any. It reads the request log.
func (w *World) MostInWindow(api, property string, window time.Duration) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	var times []time.Time
	for i := range w.requests {
		r := &w.requests[i]
		if r.API == api && (property == "" || r.Property == property) {
			times = append(times, r.Time)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	most, first := 0, 0
	for last := range times {
		for times[last].Sub(times[first]) >= window {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

// arrive logs a request and counts it. It is called with the lock held.
func (w *World) arrive(r *Request, write bool) {
	w.sequence++
	r.Seq, r.Time = w.sequence, w.now()
	w.counts[r.API+"."]++
	w.counts[r.API+"."+r.Operation]++
	if write {
		w.writes++
		w.mostWrites = max(w.mostWrites, w.writes)
	}
	if len(w.requests) >= w.logLimit {
		half := len(w.requests)/2 + 1
		w.requests = append(w.requests[:0], w.requests[half:]...)
		w.dropped += half
	}
	w.requests = append(w.requests, *r)
}

// note writes into the log what is known of a request by now.
func (w *World) note(r Request) {
	at := int(r.Seq) - 1 - w.dropped
	if at < 0 || at >= len(w.requests) {
		return
	}
	r.Body = nil
	w.requests[at] = r
}

// window is a sliding one over the requests of one AccessToken.
type window struct{ accepted []time.Time }

// take tells whether one more request is within the limit, and if not how long
// it takes until one is.
func (v *window) take(now time.Time, limit int, per time.Duration) (bool, time.Duration) {
	if limit <= 0 {
		return true, 0
	}
	old := 0
	for old < len(v.accepted) && now.Sub(v.accepted[old]) >= per {
		old++
	}
	v.accepted = append(v.accepted[:0], v.accepted[old:]...)
	if len(v.accepted) >= limit {
		return false, per - now.Sub(v.accepted[0])
	}
	v.accepted = append(v.accepted, now)
	return true, 0
}
