package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

var (
	errSink  = errors.New("v4 does not answer")
	errReset = errors.New("the connection was reset")

	errUnanswered = fmt.Errorf("payment methods: %w", preauth.ErrUnanswered)
)

func decimalOf(cents int64) decimal.Decimal { return decimal.New(cents, -2) }

// sink is a tenant as one worker reaches it.
type sink struct {
	k *worker
	t *tenant
}

// Ready implements engine.Sink.
func (s sink) Ready(ctx context.Context) error {
	t := s.k.throw(ctx, "ready", s.t.name)
	if err := s.k.step(ctx, "ready", s.t.name, t.between(0, 20*time.Millisecond)); err != nil {
		return err
	}
	var refused bool
	s.k.w.locked(func() {
		refused = s.t.relogin && s.t.locked
		s.t.relogin = refused
	})
	switch {
	case s.t.out:
		return errSink
	case refused:
		return &preauth.SinkRefusal{Operation: "login", Status: 400}
	case s.k.w.fault(t, 0.03):
		return errSink
	default:
		return nil
	}
}

// Admit implements engine.Sink.
func (s sink) Admit(ctx context.Context) (func(), error) {
	t := s.k.throw(ctx, "admit", s.t.name)
	return func() {}, s.k.step(ctx, "admit", s.t.name, t.between(0, 50*time.Millisecond))
}

// Relogin implements engine.Sink.
func (s sink) Relogin() { s.k.w.locked(func() { s.t.relogin = true }) }

// Create implements engine.Sink.
func (s sink) Create(ctx context.Context, req preauth.CreateRequest) preauth.Outcome {
	return s.write(ctx, &request{action: plan.Create, create: req, entry: s.k.w.oracle.whose(s.t, req)})
}

// Capture implements engine.Sink.
func (s sink) Capture(ctx context.Context, identity int64) preauth.Outcome {
	return s.write(ctx, &request{action: plan.Capture, identity: identity, entry: s.k.w.oracle.holder(s.t, identity)})
}

// write sends a request: what becomes of it is decided when it is sent, and comes
// true whether or not the worker lives to see it.
func (s sink) write(ctx context.Context, r *request) preauth.Outcome {
	w, key := s.k.w, r.action.String()
	if r.entry == nil {
		w.locked(func() { w.oracle.fail("A", "", "v4 was sent a %s that belongs to nobody: %+v", key, r) })
		return preauth.Outcome{Kind: preauth.OutcomeNotSent, Err: errSink}
	}
	if err := s.k.step(ctx, key, string(r.entry.id), 0); err != nil {
		return preauth.Outcome{Err: err}
	}
	r.by, r.sent = orderOf(ctx), time.Now()
	r.deadline = r.sent.Add(w.timeout)
	var f fate
	w.locked(func() { //nolint:contextcheck // the ledger in memory never waits
		f = s.t.fate(w.throw("fate "+key, string(r.entry.id)), r)
		w.say("worker", "%s: sends a %s of %s: %s", r.entry.id, key, r.create.Amount, f.name)
		w.oracle.arrives(s.k, s.t, r)
		if f.takesEffect {
			s.t.later(r, r.sent.Add(f.effect), func() { s.t.happen(r, r.sent.Add(f.visible), r.sent.Add(f.token)) })
		}
	})
	out := preauth.Outcome{Err: errReset}
	defer func() { w.locked(func() { w.oracle.returns(s.k, s.t, r, out) }) }() //nolint:contextcheck // the ledger in memory never waits
	if out.Err = s.k.step(ctx, "sent "+key, string(r.entry.id), f.reply); out.Err == nil {
		w.locked(func() { out = f.outcome(s.t, r) })
	}
	return out
}

// FindByToken implements engine.Sink.
func (s sink) FindByToken(ctx context.Context, token string) ([]preauth.Hold, error) {
	w := s.k.w
	t := s.k.throw(ctx, "find", token)
	if err := s.k.step(ctx, "find", token, t.between(0, 300*time.Millisecond)); err != nil {
		return nil, err
	}
	if s.t.out || w.fault(t, 0.2) {
		return nil, errSink
	}
	var found []preauth.Hold
	w.locked(func() {
		w.oracle.strange(s.t, "for a token")
		for _, h := range s.t.holds {
			shown, ok := s.t.shown(h)
			if ok && !s.t.blind && shown.Token == token {
				found = append(found, shown)
			}
		}
		w.say("worker", "%s: is looked up: %d found", token, len(found))
		w.oracle.lookedUp(s.k, s.t, preauth.ID(token), len(found) > 0)
	})
	if t.chance(0.2) {
		found = append(found, found...) // lists repeat
	}
	return found, s.k.step(ctx, "found", token, t.between(0, 300*time.Millisecond))
}

// List implements engine.Sink.
func (s sink) List(ctx context.Context, page func([]preauth.Hold) error) error {
	return s.ListAbove(ctx, 0, page)
}

// ListAbove implements engine.Sink: in any order, with repetitions.
func (s sink) ListAbove(ctx context.Context, identity int64, page func([]preauth.Hold) error) error {
	w := s.k.w
	t := s.k.throw(ctx, "list", s.t.name)
	if err := s.k.step(ctx, "list", s.t.name, t.between(0, time.Second)); err != nil {
		return err
	}
	if s.t.out {
		return errSink
	}
	var found []preauth.Hold
	w.locked(func() {
		w.oracle.strange(s.t, "what it holds")
		for _, h := range s.t.holds {
			if shown, ok := s.t.shown(h); ok && h.Identity > identity {
				found = append(found, shown)
			}
		}
		w.say("worker", "asks for all above %d: %d found", identity, len(found))
	})
	t.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	if len(found) > 1 && t.chance(0.3) {
		found = append(found, found[0])
	}
	for part := range slices.Chunk(found, 3) {
		if err := s.k.step(ctx, "page", s.t.name, t.between(0, time.Second)); err != nil {
			return err
		}
		if w.fault(t, 0.1) {
			return errSink
		}
		if err := page(part); err != nil {
			return err
		}
	}
	return nil
}
