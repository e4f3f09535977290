package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

var errSource = errors.New("the PMS does not answer")

// source is a property as one worker reads it.
type source struct {
	k *worker
	p *property
}

// Enterprise implements engine.Source.
func (s source) Enterprise(ctx context.Context) (preauth.ID, error) {
	t := s.k.throw(ctx, "enterprise", s.p.name)
	if err := s.k.step(ctx, "enterprise", s.p.name, t.between(time.Millisecond, time.Second)); err != nil {
		return "", err
	}
	if s.k.w.fault(t, 0.2) {
		return "", errSource
	}
	return s.p.enterprise, nil
}

// Poll implements engine.Source: in one reply or in several, with customers
// refused, and failing at any point.
func (s source) Poll(ctx context.Context, customers []preauth.ID, reply func(preauth.Reply) error) ([]preauth.RefusedCustomer, error) {
	return s.poll(ctx, customers, reply)
}

// Repoll implements engine.Source. What is known is known by its contents, in this order
// or in any.
func (s source) Repoll(
	ctx context.Context, customers []preauth.ID, known preauth.Fingerprint, reply func(preauth.Reply) error,
) ([]preauth.RefusedCustomer, error) {
	began := time.Now()
	return s.poll(ctx, customers, func(r preauth.Reply) error {
		if len(r.Customers) < len(customers) {
			return reply(r)
		}
		r.Fingerprint = fingerprint(r)
		if r.Fingerprint.Body == known.Body || r.Fingerprint.Entries == known.Entries {
			if t := s.k.throw(ctx, "repoll", s.p.name+string(customers[0])); s.k.w.faulty && t.chance(0.4) {
				_ = s.k.w.answers(s.k, t, 0.7) //nolint:contextcheck // operators do not wait for a poll to end
			}
			s.k.w.locked(func() { s.k.w.oracle.passes(s, began, r) }) //nolint:contextcheck // the ledger in memory never waits
			r = preauth.Reply{Customers: r.Customers, Fingerprint: r.Fingerprint, Unchanged: true}
		}
		return reply(r)
	})
}

func fingerprint(r preauth.Reply) preauth.Fingerprint {
	entries := make([]string, 0, len(r.Preauthorizations)+len(r.Conflicting))
	for _, p := range r.Preauthorizations {
		entries = append(entries, fmt.Sprint(p))
	}
	for _, id := range r.Conflicting {
		entries = append(entries, string(id))
	}
	body := sha256.Sum256([]byte(strings.Join(entries, "\n")))
	slices.Sort(entries)
	return preauth.Fingerprint{Body: body, Entries: sha256.Sum256([]byte(strings.Join(entries, "\n")))}
}

func (s source) poll(ctx context.Context, customers []preauth.ID, reply func(preauth.Reply) error) ([]preauth.RefusedCustomer, error) {
	w := s.k.w
	customers = slices.Sorted(slices.Values(customers)) // in whatever order it asks, the PMS behaves alike
	t := s.k.throw(ctx, "poll", s.p.name+string(customers[0]))
	size := len(customers)
	if t.chance(0.3) {
		size = max(1+t.IntN(size), size/4)
	}
	var refused []preauth.RefusedCustomer
	w.locked(func() { w.oracle.polls(orderOf(ctx), customers) })
	for part := range slices.Chunk(customers, size) {
		if err := s.k.step(ctx, "poll", s.p.name, t.between(time.Millisecond, 2*time.Second)); err != nil {
			return refused, err
		}
		if w.fault(t, 0.3) {
			w.say("pms", "%s: a poll fails", s.p.name)
			return refused, errSource
		}
		var r preauth.Reply
		w.locked(func() { r = s.reply(t, part, &refused) })
		if err := s.k.step(ctx, "polled", s.p.name, t.between(time.Millisecond, 2*time.Second)); err != nil {
			return refused, err
		}
		w.locked(func() { w.oracle.shows(s.k, s.p, r) })
		if err := reply(r); err != nil {
			return refused, err
		}
	}
	return refused, nil
}

// reply is what the PMS says of some customers now.
func (s source) reply(t throw, customers []preauth.ID, refused *[]preauth.RefusedCustomer) preauth.Reply {
	var r preauth.Reply
	for _, id := range customers {
		if isBeside(id) {
			r.Customers = append(r.Customers, id)
		}
	}
	for _, c := range s.p.customers {
		switch {
		case !slices.Contains(customers, c.id):
		case c.refused:
			*refused = append(*refused, preauth.RefusedCustomer{CustomerID: c.id, Reason: "it is not known"})
		default:
			r.Customers = append(r.Customers, c.id)
		}
	}
	for _, e := range s.p.entries {
		switch {
		case e.missing || !slices.Contains(r.Customers, e.customer.id):
		case s.k.w.fault(t, 0.05):
			r.Conflicting = append(r.Conflicting, e.id)
		default:
			r.Preauthorizations = append(r.Preauthorizations, e.shown())
		}
	}
	if all := r.Preauthorizations; t.chance(0.5) {
		t.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	return r
}

// list is what the configuration names.
func (s source) list(ctx context.Context) (engine.Customers, error) {
	w := s.k.w
	t := s.k.throw(ctx, "customers", s.p.name)
	var listed engine.Customers
	var err error
	w.locked(func() {
		for _, c := range s.p.customers {
			if c.listed {
				listed.IDs = append(listed.IDs, c.id)
			}
		}
		if w.fault(t, 0.1) {
			listed.Invalid = []engine.InvalidCustomer{{Spelled: "x", Where: "line 1"}}
		}
		if w.fault(t, 0.1) {
			err = errors.New("the customers file cannot be read")
		}
		s.k.unread[s.p.name+" customers"] = err != nil
		listed.IDs = append(listed.IDs, s.p.crowd...)
		w.oracle.lists(orderOf(ctx), s.p, slices.Clone(listed.IDs)) // the engine takes its list over
		delete(s.k.listed, s.p)
		if err == nil && len(listed.Invalid) == 0 {
			s.k.listed[s.p] = slices.Clone(listed.IDs)
		}
	})
	return listed, err
}

// methods are the payment methods of one cycle.
type methods struct{ s source }

func (s source) methods(context.Context) (engine.Methods, error) {
	w := s.k.w
	t := w.throw("methods", s.p.name)
	fails := w.fault(t, 0.1)
	w.locked(func() { s.k.unread[s.p.name+" methods"] = fails })
	if fails {
		return nil, errors.New("the payment methods file cannot be read")
	}
	return methods{s}, nil
}

// Find implements engine.Methods.
func (m methods) Find(p preauth.Preauthorization) (found plan.Method) {
	w := m.s.k.w
	w.locked(func() { found = w.method(w.oracle.cases[p.ID].entry) })
	return found
}

// method is the payment method of an entry's card.
func (w *world) method(e *entry) plan.Method {
	switch {
	case w.asks(e):
		return plan.Method{Ask: true}
	case e.cardless:
		return plan.Method{Missing: "no entry names it"}
	case w.autopay:
		return plan.Method{Autopay: true}
	default:
		return plan.Method{ID: 1000 + w.settings.methods + int64(e.n)}
	}
}
