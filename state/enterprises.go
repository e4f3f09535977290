package state

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// A file names an enterprise once, and by its number from then on: 0 is none, the others
// are given in the order in which they come. With its name stands how often it has
// changed who of its customers has unfinished records.

// enterprises are those that have a number. They do not change: with makes others.
type enterprises struct {
	ids     []preauth.ID
	numbers map[preauth.ID]uint16
}

func newEnterprises() *enterprises {
	return &enterprises{ids: []preauth.ID{""}, numbers: map[preauth.ID]uint16{"": 0}}
}

// with gives one more its number, the next.
func (e *enterprises) with(id preauth.ID) *enterprises {
	next := &enterprises{ids: append(slices.Clip(e.ids), id), numbers: maps.Clone(e.numbers)}
	next.numbers[id] = uint16(len(e.ids))
	return next
}

func (e *enterprises) id(number uint64) (preauth.ID, error) {
	if number >= uint64(len(e.ids)) {
		return "", fmt.Errorf("an enterprise of number %d, and there are %d", number, len(e.ids)-1)
	}
	return e.ids[number], nil
}

// readEnterprises reads them in the order of their numbers.
func (l *Ledger) readEnterprises(s snapshot) (*enterprises, error) {
	all := newEnterprises()
	err := s.forEach(bucketEnterprises, func(key, value []byte) error {
		id, _, err := l.decodeEnterprise(key, value)
		if err == nil && !bytes.Equal(key, numberKey(uint16(len(all.ids)))) {
			err = l.fault(bucketEnterprises, key, errors.New("it is out of order"))
		}
		all.ids = append(all.ids, id)
		all.numbers[id] = uint16(len(all.ids) - 1)
		return err
	})
	if err == nil && len(all.numbers) != len(all.ids) {
		err = corrupt(l.options.Path, "an enterprise has two numbers")
	}
	return all, err
}

// number gives an enterprise's, and its first one to one that has none yet.
func (s *stager) number(enterprise preauth.ID) (uint16, error) {
	if number, ok := s.enterprises.numbers[enterprise]; ok {
		return number, nil
	}
	id, err := idKey(enterprise)
	if err != nil {
		return 0, err
	}
	if len(s.enterprises.ids) > math.MaxUint16 {
		return 0, fmt.Errorf("the state file has %d enterprises, and %s would be one more than it can have",
			math.MaxUint16, enterprise)
	}
	s.enterprises = s.enterprises.with(enterprise)
	number := s.enterprises.numbers[enterprise]
	s.putEnterprise(number, id, 0)
	return number, nil
}

func (s *stager) putEnterprise(number uint16, id []byte, pending uint64) {
	key := numberKey(number)
	s.write(bucketEnterprises, key, seal(bucketEnterprises, key, binary.AppendUvarint(id, pending)))
}

// decodeEnterprise gives an enterprise and how often its pending customers have changed.
func (l *Ledger) decodeEnterprise(key, value []byte) (id preauth.ID, pending uint64, err error) {
	body, err := unseal(bucketEnterprises, key, value)
	if err == nil && (len(body) < idLength || len(key) != numberLength) {
		err = errors.New("it is no number and no Id")
	}
	if err != nil {
		return "", 0, l.fault(bucketEnterprises, key, err)
	}
	pending, used := binary.Uvarint(body[idLength:])
	if used <= 0 || used != len(body)-idLength {
		return "", 0, l.fault(bucketEnterprises, key, errors.New("it does not tell how often its customers have changed"))
	}
	return keyID(body[:idLength]), pending, nil
}

// pendingChanged counts a change of who of an enterprise's customers has unfinished
// records.
func (s *stager) pendingChanged(number uint16) error {
	if number == 0 {
		return nil
	}
	key := numberKey(number)
	enterprise, pending, err := s.l.decodeEnterprise(key, s.get(bucketEnterprises, key))
	if err != nil {
		return err
	}
	id, err := idKey(enterprise)
	if err != nil {
		return err
	}
	s.putEnterprise(number, id, pending+1)
	return nil
}

// PendingRevision changes with every commit that changes whom Pending hands over. It is
// stored.
func (l *Ledger) PendingRevision(ctx context.Context, enterprise preauth.ID) (pending uint64, err error) {
	err = l.viewNow(ctx, func(s snapshot) error {
		number := s.enterprises.numbers[enterprise]
		if number == 0 {
			return nil
		}
		key := numberKey(number)
		if value := s.get(bucketEnterprises, key); value != nil { // else it is just being stored
			_, pending, err = l.decodeEnterprise(key, value)
		}
		return err
	})
	return pending, err
}
