package state

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// A customer's document has the cycle that it was first read in, and its unfinished
// records. A record without a customer, and those of a customer that has very many, stand
// in a bucket of keys, so that no document grows without end.

// mostUnfinished is how many unfinished records a customer's document has at the most.
const mostUnfinished = 32

// customerPage is scanPage for customers who come with their records.
const customerPage = scanPage / mostUnfinished

// customer is what is known of one.
type customer struct {
	// read is the cycle of the first complete reply, 0 before it.
	read uint64
	// beyond is how many unfinished records stand in the bucket of keys.
	beyond uint64
	// ids are the others', in their order.
	ids []uuid.UUID
}

// pending tells whether there are unfinished records.
func (c customer) pending() bool { return c.beyond > 0 || len(c.ids) > 0 }

// decodeCustomer gives what is known of a customer; value is nil where nothing is.
func (l *Ledger) decodeCustomer(key, value []byte) (c customer, err error) {
	if value == nil {
		return c, nil
	}
	body, err := unseal(bucketCustomers, key, value)
	if err == nil && len(key) != numberLength+idLength {
		err = fmt.Errorf("its key has %d bytes", len(key))
	}
	if err != nil {
		return c, l.fault(bucketCustomers, key, err)
	}
	var used [2]int
	c.read, used[0] = binary.Uvarint(body)
	c.beyond, used[1] = binary.Uvarint(body[max(used[0], 0):])
	ids := body[max(used[0], 0)+max(used[1], 0):]
	if used[0] <= 0 || used[1] <= 0 || len(ids)%idLength != 0 {
		return c, l.fault(bucketCustomers, key, errors.New("it is no cycle, no number and no Ids"))
	}
	for id := range slices.Chunk(ids, idLength) {
		c.ids = append(c.ids, uuid.UUID(id))
	}
	if !slices.IsSortedFunc(c.ids, compareIDs) || c.read == 0 && !c.pending() {
		return c, l.fault(bucketCustomers, key, errors.New("its Ids are out of order, or it says nothing"))
	}
	return c, nil
}

// encode gives the document, nil where nothing is known.
func (c customer) encode(key []byte) []byte {
	if c.read == 0 && !c.pending() {
		return nil
	}
	body := make([]byte, 0, 2*binary.MaxVarintLen64+idLength*len(c.ids)+checksumLength)
	body = binary.AppendUvarint(body, c.read)
	body = binary.AppendUvarint(body, c.beyond)
	for _, id := range c.ids {
		body = append(body, id[:]...)
	}
	return seal(bucketCustomers, key, body)
}

func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }

// unfinished moves a record from where it stands as unfinished to where it belongs.
func (s *stager) unfinished(t transition) error {
	was, is := t.old.Unfinished(), t.now.Unfinished()
	if was && is && t.old.Enterprise == t.now.Enterprise && t.old.CustomerID == t.now.CustomerID {
		return nil
	}
	if was {
		if err := s.setUnfinished(*t.old, false); err != nil {
			return err
		}
	}
	if is {
		return s.setUnfinished(*t.now, true)
	}
	return nil
}

func (s *stager) setUnfinished(r plan.Record, is bool) error {
	id, err := idKey(r.ID)
	if err != nil {
		return err
	}
	number, err := s.number(r.Enterprise)
	if err != nil {
		return err
	}
	key, err := customerKey(number, r.CustomerID)
	if err != nil {
		return err
	}
	apart := append(bytes.Clone(key), id...)
	if r.CustomerID == "" {
		s.index(bucketUnfinished, apart, is)
		return nil
	}
	c, err := s.l.decodeCustomer(key, s.get(bucketCustomers, key))
	if err != nil {
		return err
	}
	was := c.pending()
	at, there := slices.BinarySearchFunc(c.ids, uuid.UUID(id), compareIDs)
	switch {
	case is && len(c.ids) < mostUnfinished:
		c.ids = slices.Insert(c.ids, at, uuid.UUID(id))
	case is:
		c.beyond++
		s.index(bucketUnfinished, apart, true)
	case there:
		c.ids = slices.Delete(c.ids, at, at+1)
	case c.beyond == 0:
		return corrupt(s.l.options.Path, "%s lacks the unfinished record %s", describe(bucketCustomers, key), r.ID)
	default:
		c.beyond--
		s.index(bucketUnfinished, apart, false)
	}
	s.write(bucketCustomers, key, c.encode(key))
	if was == c.pending() {
		return nil
	}
	return s.pendingChanged(number)
}

// reads marks customers as read, if they are not yet.
func (s *stager) reads(read []plan.CustomerRead) error {
	for _, each := range read {
		if _, err := idKey(each.CustomerID); err != nil {
			return fmt.Errorf("a customer that was read: %w", err)
		}
		number, err := s.number(each.Enterprise)
		if err != nil {
			return err
		}
		key, err := customerKey(number, each.CustomerID)
		if err != nil {
			return err
		}
		c, err := s.l.decodeCustomer(key, s.get(bucketCustomers, key))
		if err != nil {
			return err
		}
		if c.read == 0 && each.Cycle > 0 {
			c.read = each.Cycle
			s.write(bucketCustomers, key, c.encode(key))
		}
	}
	return nil
}

// Customers gives what is known of each customer; those of whom nothing is known are
// absent.
func (l *Ledger) Customers(ctx context.Context, enterprise preauth.ID, customers []preauth.ID) (map[preauth.ID]plan.Customer, error) {
	found := make(map[preauth.ID]plan.Customer, len(customers))
	err := l.viewNow(ctx, func(s snapshot) error {
		number, known := s.enterprises.numbers[enterprise]
		for _, id := range customers {
			if _, err := idKey(id); err != nil {
				return err
			}
			if !known {
				continue
			}
			key, err := customerKey(number, id)
			if err != nil {
				return err
			}
			value := s.get(bucketCustomers, key)
			if value == nil {
				continue
			}
			c, err := l.decodeCustomer(key, value)
			if err != nil {
				return err
			}
			ids, err := l.unfinishedOf(s, key, c)
			if err != nil {
				return err
			}
			of := plan.Customer{Read: c.read}
			for _, each := range ids {
				of.Unfinished = append(of.Unfinished, preauth.ID(each.String()))
			}
			found[id] = of
		}
		return nil
	})
	return found, err
}

// unfinishedOf gives all unfinished records of a customer, in the order of their Ids.
func (l *Ledger) unfinishedOf(s snapshot, key []byte, c customer) ([]uuid.UUID, error) {
	if c.beyond == 0 {
		return c.ids, nil
	}
	ids := c.ids
	beyond := s.cursor(bucketUnfinished)
	for at, value := beyond.Seek(key); bytes.HasPrefix(at, key); at, value = beyond.Next() {
		id, err := l.unfinishedID(at, value)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	if uint64(len(ids)-len(c.ids)) != c.beyond {
		return nil, corrupt(l.options.Path, "%s has another number of unfinished records than it says", describe(bucketCustomers, key))
	}
	slices.SortFunc(ids, compareIDs)
	return ids, nil
}

// unfinishedID gives the record that a key of the bucket of keys stands for.
func (l *Ledger) unfinishedID(key, value []byte) (uuid.UUID, error) {
	if _, err := unseal(bucketUnfinished, key, value); err != nil {
		return uuid.UUID{}, l.fault(bucketUnfinished, key, err)
	}
	if len(key) != numberLength+2*idLength {
		return uuid.UUID{}, corrupt(l.options.Path, "the index of unfinished records holds %x", key)
	}
	return uuid.UUID(key[numberLength+idLength:]), nil
}

// Pending hands over the customers of an enterprise who have unfinished records, in the
// order of their Ids, each once. What is committed meanwhile may be seen or not.
func (l *Ledger) Pending(ctx context.Context, enterprise preauth.ID, visit func(preauth.ID) error) error {
	number, known := l.enterprises.Load().numbers[enterprise]
	if !known {
		return ctx.Err()
	}
	return scan(ctx, l, bucketCustomers, numberKey(number), func(_ snapshot, key, value []byte) (preauth.ID, error) {
		c, err := l.decodeCustomer(key, value)
		if err != nil || !c.pending() {
			return "", err
		}
		return keyID(key[numberLength:]), nil
	}, func(id preauth.ID) error {
		if id == "" {
			return nil
		}
		return visit(id)
	})
}

// Unfinished hands over the unfinished records of one enterprise, or of all for "". What
// is committed meanwhile may be seen or not.
func (l *Ledger) Unfinished(ctx context.Context, enterprise preauth.ID, visit func(plan.Record) error) error {
	var prefix []byte
	if enterprise != "" {
		number, known := l.enterprises.Load().numbers[enterprise]
		if !known {
			return ctx.Err()
		}
		prefix = numberKey(number)
	}
	err := scanPages(ctx, l, bucketCustomers, prefix, customerPage, func(s snapshot, key, value []byte) ([]plan.Record, error) {
		c, err := l.decodeCustomer(key, value)
		if err != nil {
			return nil, err
		}
		records := make([]plan.Record, len(c.ids))
		for n, id := range c.ids {
			if records[n], err = l.unfinishedRecord(s, key, id); err != nil {
				return nil, err
			}
		}
		return records, nil
	}, func(records []plan.Record) error {
		for _, r := range records {
			if err := visit(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return scan(ctx, l, bucketUnfinished, prefix, func(s snapshot, key, value []byte) (plan.Record, error) {
		id, err := l.unfinishedID(key, value)
		if err != nil {
			return plan.Record{}, err
		}
		return l.unfinishedRecord(s, key[:numberLength+idLength], id)
	}, visit)
}

// unfinishedRecord gives a record that stands as a customer's unfinished one, which it
// must be.
func (l *Ledger) unfinishedRecord(s snapshot, key []byte, id uuid.UUID) (plan.Record, error) {
	r, _, err := l.record(s, preauth.ID(id.String()), id[:])
	if err != nil {
		return r, err
	}
	own, err := customerKey(s.enterprises.numbers[r.Enterprise], r.CustomerID)
	if err != nil {
		return r, err
	}
	if !r.Unfinished() || !bytes.Equal(own, key) {
		return r, corrupt(l.options.Path, "the index of unfinished records is wrong about record %s", id)
	}
	return r, nil
}
