package httpx

import "time"

// Event tells of one HTTP exchange: one request sent, whether or not a reply came.
type Event struct {
	// API and Operation name what was called, such as "connector" and "poll".
	// Both come from closed sets: they are metric labels.
	API, Operation string
	// Status is the HTTP status, 0 without a reply.
	Status int
	// Attempt counts the tries of one call, from 1.
	Attempt int
	// Duration runs from the send to the end of the body or the failure. Waiting for
	// the limiter and for a free slot before it is not part of it.
	Duration time.Duration
	// Wait is how long the next try waits because of this exchange; 0 when there is none.
	Wait time.Duration
	// RequestID is the Connector's Request-Id header (vendor's docs: their support
	// asks for it); TrackingID is v4's trackingId (seed).
	RequestID, TrackingID string
	// Throttled is set on a 429.
	Throttled bool
	// Err says why there is no usable reply. It never contains a secret or a body.
	Err error
}

// Observer is called once for each exchange, when it is over, possibly from
// several goroutines at once. It must not block. A nil one is allowed wherever
// an Observer is asked for.
type Observer func(Event)

// Observe calls the observer unless it is nil.
func (o Observer) Observe(e Event) {
	if o != nil {
		o(e)
	}
}
