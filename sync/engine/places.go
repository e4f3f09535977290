package engine

import (
	"context"

	"github.com/preauth-sync/preauth-sync/preauth"
)

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

// seat gives the queue's items to the senders, in its order, each with a place. An item
// stays in the queue until there is one, and is looked at for its age until then.
func (s *sinkRuntime) seat(ctx context.Context, seated chan<- *item) {
	defer close(seated)
	var next place
	defer func() { next.leave() }()
	for next.take(ctx, s.places) == nil {
		select {
		case it, ok := <-s.queue:
			if !ok {
				return
			}
			it.place, next = next, place{}
			select {
			case seated <- it:
			case <-ctx.Done():
				it.place.leave()
			}
		case <-ctx.Done():
			return
		}
	}
}

// claim waits until nobody else is at a preauthorization. One that two customers show may be
// in the queue twice: what is under way must not be taken for something in doubt.
func (s *sinkRuntime) claim(ctx context.Context, id preauth.ID) (release func(), err error) {
	for {
		s.mu.Lock()
		other, isClaimed := s.claims[id]
		if !isClaimed {
			own := make(chan struct{})
			s.claims[id] = own
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				delete(s.claims, id)
				s.mu.Unlock()
				close(own)
			}, nil
		}
		s.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
