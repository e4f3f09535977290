package engine

import "context"

// place is one of the places in flight at a sink, of which there are as many as intents may
// be. It is taken before an intent, and left once the outcome has its place in the ledger's
// order: the next intent may then share the outcome's sync, and no intent is durable before
// the outcome in whose place it comes. A place belongs to one goroutine at a time.
type place struct {
	// in is where it was taken, nil where it is not.
	in chan struct{}
}

// take waits for one of the places, unless there is one already.
func (p *place) take(ctx context.Context, places chan struct{}) error {
	if p.in != nil {
		return nil
	}
	select {
	case places <- struct{}{}:
		p.in = places
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave gives the place up, if there is one.
func (p *place) leave() {
	if p.in != nil {
		<-p.in
		p.in = nil
	}
}

// seat takes a place for an item.
func (s *sinkRuntime) seat(ctx context.Context, it *item) error { return it.place.take(ctx, s.places) }

// seatAll gives the queue's items to the senders, in its order, each with a place.
func (s *sinkRuntime) seatAll(ctx context.Context, seated chan<- *item) {
	defer close(seated)
	for it := range s.queue {
		if s.seat(ctx, it) != nil {
			continue // the cycle is being stopped, and nothing more is sent
		}
		select {
		case seated <- it:
		case <-ctx.Done():
			it.place.leave()
		}
	}
}
