package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/google/uuid"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// The ends of every pass are kept in memory as well, so that a record finds out without
// a read whether there is one to be forgotten: nearly always there is none.

// span is the customers of a pass, from the first to the last. The spans of an enterprise
// are sorted and share no customer.
type span struct{ first, last uuid.UUID }

// upTo gives the position of the first span that does not end before a customer.
func upTo(spans []span, customer uuid.UUID) int {
	return sort.Search(len(spans), func(n int) bool { return bytes.Compare(spans[n].last[:], customer[:]) >= 0 })
}

// overlapping gives the positions of the spans that share customers with one.
func overlapping(spans []span, with span) (from, to int) {
	from = upTo(spans, with.first)
	for to = from; to < len(spans) && bytes.Compare(spans[to].first[:], with.last[:]) <= 0; to++ {
	}
	return from, to
}

// passes puts those that rest on what is still so: the others are left out.
func (s *stager) passes(passes []plan.Pass) error {
	for _, each := range passes {
		if _, err := idKey(each.Enterprise); err != nil {
			return fmt.Errorf("the enterprise of a pass: %w", err)
		}
		ends, err := spanOf(each)
		if err != nil {
			return err
		}
		if each.Stamp != s.group.known.stamp(each.Enterprise) {
			continue
		}
		number, err := s.number(each.Enterprise)
		if err != nil {
			return err
		}
		at := s.dropPasses(number, ends)
		s.setSpans(number, slices.Insert(slices.Clone(s.spansOf(number)), at, ends))
		if err := s.put(bucketPasses, append(numberKey(number), ends.first[:]...), toWirePass(each)); err != nil {
			return err
		}
	}
	return nil
}

func spanOf(p plan.Pass) (span, error) {
	first, err := idKey(p.First)
	if err != nil {
		return span{}, fmt.Errorf("the first customer of a pass: %w", err)
	}
	last, err := idKey(p.Last)
	if err != nil {
		return span{}, fmt.Errorf("the last customer of a pass: %w", err)
	}
	if bytes.Compare(first, last) > 0 {
		return span{}, fmt.Errorf("a pass begins with %s and ends with %s", p.First, p.Last)
	}
	return span{uuid.UUID(first), uuid.UUID(last)}, nil
}

// dropPasses forgets those that share customers with a span, and gives the position where
// they were.
func (s *stager) dropPasses(number uint16, with span) int {
	spans := s.spansOf(number)
	from, to := overlapping(spans, with)
	if from == to {
		return from
	}
	for _, each := range spans[from:to] {
		s.write(bucketPasses, append(numberKey(number), each.first[:]...), nil)
	}
	s.setSpans(number, slices.Delete(slices.Clone(spans), from, to))
	return from
}

func (s *stager) spansOf(number uint16) []span {
	if spans, ok := s.spans[number]; ok {
		return spans
	}
	return s.group.known.spansOf(number)
}

func (s *stager) setSpans(number uint16, spans []span) {
	if s.spans == nil {
		s.spans = make(map[uint16][]span)
	}
	s.spans[number] = spans
}

// forget forgets the pass that a record's customer is part of, and lets those that are
// under way come to nothing.
func (s *stager) forget(r plan.Record) error {
	s.bumped = append(s.bumped, r.Enterprise)
	number, ok := s.enterprises.numbers[r.Enterprise]
	if !ok || r.CustomerID == "" || len(s.spansOf(number)) == 0 {
		return nil
	}
	customer, err := idKey(r.CustomerID)
	if err != nil {
		return err
	}
	s.dropPasses(number, span{uuid.UUID(customer), uuid.UUID(customer)})
	return nil
}

// forgetToken does so where a token is a record's Id. What has no record yet waits, and
// nothing tells in which pass: so any other token has all of them forgotten.
func (s *stager) forgetToken(token string) error {
	id, err := preauth.ParseID(token)
	if err != nil {
		s.dropAllPasses()
		return nil //nolint:nilerr // it is no Id, so no record's
	}
	key, err := idKey(id)
	if err != nil {
		return err
	}
	r, known, err := s.l.record(s.snapshot, id, key)
	if err != nil {
		return err
	}
	if !known {
		s.dropAllPasses()
		return nil
	}
	return s.forget(r)
}

// dropAllPasses forgets those of every enterprise.
func (s *stager) dropAllPasses() {
	for _, number := range s.enterprises.numbers {
		s.dropPasses(number, span{last: uuid.Max})
	}
}

// readSpans reads those of all passes, by the enterprise's number.
func (l *Ledger) readSpans(s snapshot) (map[uint16][]span, error) {
	all := make(map[uint16][]span)
	err := s.forEach(bucketPasses, func(key, value []byte) error {
		number, pass, err := l.decodePass(key, value)
		if err != nil {
			return err
		}
		ends, err := spanOf(pass)
		if of := all[number]; err == nil && len(of) > 0 && bytes.Compare(of[len(of)-1].last[:], ends.first[:]) >= 0 {
			err = errors.New("it shares customers with the one before")
		}
		if err != nil {
			return l.fault(bucketPasses, key, err)
		}
		all[number] = append(all[number], ends)
		return nil
	})
	return all, err
}

// Pass gives the pass of an enterprise whose first customer is given, and whether there
// is one. Its Stamp is 0.
func (l *Ledger) Pass(ctx context.Context, enterprise, first preauth.ID) (p plan.Pass, ok bool, err error) {
	id, err := idKey(first)
	if err != nil {
		return p, false, err
	}
	err = l.viewNow(ctx, func(s snapshot) error {
		number, known := s.enterprises.numbers[enterprise]
		if !known {
			return nil
		}
		key := append(numberKey(number), id...)
		value := s.get(bucketPasses, key)
		if value == nil {
			return nil
		}
		_, p, err = l.decodePass(key, value)
		p.Enterprise, ok = enterprise, err == nil
		return err
	})
	return p, ok, err
}

// decodePass gives a pass and the number of its enterprise.
func (l *Ledger) decodePass(key, value []byte) (uint16, plan.Pass, error) {
	var w wirePass
	err := l.codec.get(bucketPasses, key, value, &w)
	if err == nil && len(key) != numberLength+idLength {
		err = fmt.Errorf("its key has %d bytes", len(key))
	}
	if err != nil {
		return 0, plan.Pass{}, l.fault(bucketPasses, key, err)
	}
	p, err := fromWirePass(keyID(key[numberLength:]), w)
	if err != nil {
		return 0, plan.Pass{}, l.fault(bucketPasses, key, err)
	}
	return keyNumber(key), p, nil
}
