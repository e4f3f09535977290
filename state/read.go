package state

import (
	"bytes"
	"context"
	"encoding/binary"

	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// fault names the document that a read found unsound.
func (l *Ledger) fault(bucket string, key []byte, err error) error {
	return corrupt(l.options.Path, "%s: %v", describe(bucket, key), err)
}

// The following turn a stored value, nil for none, into what it stands for.

func (l *Ledger) record(tx *bolt.Tx, id preauth.ID, key []byte) (plan.Record, bool, error) {
	value := tx.Bucket([]byte(bucketRecords)).Get(key)
	l.touched(tx, 1)
	if value == nil {
		return plan.Record{}, false, nil
	}
	r, err := l.decodeRecord(id, key, value)
	return r, err == nil, err
}

func (l *Ledger) decodeRecord(id preauth.ID, key, value []byte) (plan.Record, error) {
	var w wireRecord
	if err := l.codec.get(bucketRecords, key, value, &w); err != nil {
		return plan.Record{}, l.fault(bucketRecords, key, err)
	}
	r, err := fromWireRecord(id, w)
	if err != nil {
		return plan.Record{}, l.fault(bucketRecords, key, err)
	}
	return r, nil
}

func (l *Ledger) property(key, value []byte) (plan.Property, bool, error) {
	if value == nil {
		return plan.Property{}, false, nil
	}
	var w wireProperty
	if err := l.codec.get(bucketProperties, key, value, &w); err != nil {
		return plan.Property{}, false, l.fault(bucketProperties, key, err)
	}
	return fromWireProperty(keyID(key), w), true, nil
}

func (l *Ledger) sink(key, value []byte) (plan.Sink, bool, error) {
	if value == nil {
		return plan.Sink{}, false, nil
	}
	var w wireSink
	if err := l.codec.get(bucketSinks, key, value, &w); err != nil {
		return plan.Sink{}, false, l.fault(bucketSinks, key, err)
	}
	s, err := fromWireSink(string(key), w)
	if err != nil {
		return plan.Sink{}, false, l.fault(bucketSinks, key, err)
	}
	return s, true, nil
}

func (l *Ledger) token(key, value []byte) (plan.Token, bool, error) {
	if value == nil {
		return plan.Token{}, false, nil
	}
	var w wireToken
	if err := l.codec.get(bucketTokens, key, value, &w); err != nil {
		return plan.Token{}, false, l.fault(bucketTokens, key, err)
	}
	sink, token, _ := bytes.Cut(key, []byte{0})
	t, err := fromWireToken(string(sink), string(token), w)
	if err != nil {
		return plan.Token{}, false, l.fault(bucketTokens, key, err)
	}
	if own, err := tokenKey(t.Sink, t.Token); err != nil || !bytes.Equal(own, key) {
		return plan.Token{}, false, corrupt(l.options.Path, "%s holds another token", describe(bucketTokens, key))
	}
	return t, true, nil
}

func (l *Ledger) highest(key, value []byte) (int64, error) {
	if value == nil {
		return 0, nil
	}
	n, err := unsealNumber(bucketHighest, key, value)
	if err != nil {
		return 0, l.fault(bucketHighest, key, err)
	}
	return int64(n), nil
}

// Record gives one record, and whether there is one.
func (l *Ledger) Record(ctx context.Context, id preauth.ID) (r plan.Record, ok bool, err error) {
	key, err := idKey(id)
	if err != nil {
		return r, false, err
	}
	err = l.viewNow(ctx, func(tx *bolt.Tx) error {
		r, ok, err = l.record(tx, id, key)
		return err
	})
	return r, ok, err
}

// Records gives those that exist, by Id.
func (l *Ledger) Records(ctx context.Context, ids []preauth.ID) (map[preauth.ID]plan.Record, error) {
	found := make(map[preauth.ID]plan.Record, len(ids))
	err := l.viewNow(ctx, func(tx *bolt.Tx) error {
		for _, id := range ids {
			key, err := idKey(id)
			if err != nil {
				return err
			}
			r, ok, err := l.record(tx, id, key)
			if err != nil {
				return err
			}
			if ok {
				found[id] = r
			}
		}
		return nil
	})
	return found, err
}

// Journal gives a record's lines, oldest first.
func (l *Ledger) Journal(ctx context.Context, id preauth.ID) ([]plan.Entry, error) {
	prefix, err := idKey(id)
	if err != nil {
		return nil, err
	}
	var entries []plan.Entry
	err = l.viewNow(ctx, func(tx *bolt.Tx) error {
		cursor := tx.Bucket([]byte(bucketJournal)).Cursor()
		for key, value := cursor.Seek(prefix); bytes.HasPrefix(key, prefix); key, value = cursor.Next() {
			e, err := l.entry(key, value)
			if err != nil {
				return err
			}
			entries = append(entries, e)
		}
		return nil
	})
	return entries, err
}

func (l *Ledger) entry(key, value []byte) (plan.Entry, error) {
	var w wireEntry
	if err := l.codec.get(bucketJournal, key, value, &w); err != nil {
		return plan.Entry{}, l.fault(bucketJournal, key, err)
	}
	e, err := fromWireEntry(keyID(key[:idLength]), binary.BigEndian.Uint64(key[idLength:]), w)
	if err != nil {
		return plan.Entry{}, l.fault(bucketJournal, key, err)
	}
	return e, nil
}

// ReadCycles gives the cycle in which each customer was first read; those never
// read are absent.
func (l *Ledger) ReadCycles(ctx context.Context, enterprise preauth.ID, customers []preauth.ID) (map[preauth.ID]uint64, error) {
	return l.readCycles(ctx, bucketCustomers, enterprise, customers)
}

func (l *Ledger) readCycles(
	ctx context.Context, name string, enterprise preauth.ID, customers []preauth.ID,
) (map[preauth.ID]uint64, error) {
	found := make(map[preauth.ID]uint64, len(customers))
	err := l.viewNow(ctx, func(tx *bolt.Tx) error {
		bucket := tx.Bucket([]byte(name))
		if bucket == nil {
			return nil // a file of an earlier schema, opened ReadOnly
		}
		for _, id := range customers {
			key, err := pairKey(enterprise, id)
			if err != nil {
				return err
			}
			value := bucket.Get(key)
			if value == nil {
				continue
			}
			if found[id], err = unsealNumber(name, key, value); err != nil {
				return l.fault(name, key, err)
			}
		}
		return nil
	})
	return found, err
}

// Property gives what is known of one property, and whether anything is.
func (l *Ledger) Property(ctx context.Context, enterprise preauth.ID) (p plan.Property, ok bool, err error) {
	key, err := idKey(enterprise)
	if err != nil {
		return p, false, err
	}
	err = l.viewNow(ctx, func(tx *bolt.Tx) error {
		p, ok, err = l.property(key, tx.Bucket([]byte(bucketProperties)).Get(key))
		return err
	})
	return p, ok, err
}

// Properties gives every property, in the order of their enterprises.
func (l *Ledger) Properties(ctx context.Context) ([]plan.Property, error) {
	var all []plan.Property
	err := l.viewNow(ctx, func(tx *bolt.Tx) error {
		return tx.Bucket([]byte(bucketProperties)).ForEach(func(key, value []byte) error {
			p, _, err := l.property(key, value)
			all = append(all, p)
			return err
		})
	})
	return all, err
}

// Sink gives what is known of one sink, and whether anything is.
func (l *Ledger) Sink(ctx context.Context, name string) (s plan.Sink, ok bool, err error) {
	key, err := sinkKey(name)
	if err != nil {
		return s, false, err
	}
	err = l.viewNow(ctx, func(tx *bolt.Tx) error {
		s, ok, err = l.sink(key, tx.Bucket([]byte(bucketSinks)).Get(key))
		return err
	})
	return s, ok, err
}

// Highest gives the highest identity known on a sink, 0 for none.
func (l *Ledger) Highest(ctx context.Context, sink string) (identity int64, err error) {
	key, err := sinkKey(sink)
	if err != nil {
		return 0, err
	}
	err = l.viewNow(ctx, func(tx *bolt.Tx) error {
		identity, err = l.highest(key, tx.Bucket([]byte(bucketHighest)).Get(key))
		return err
	})
	return identity, err
}

// Tokens gives those that exist among the asked, by token.
func (l *Ledger) Tokens(ctx context.Context, sink string, tokens []string) (map[string]plan.Token, error) {
	found := make(map[string]plan.Token)
	err := l.viewNow(ctx, func(tx *bolt.Tx) error {
		for _, each := range tokens {
			key, err := tokenKey(sink, each)
			if err != nil {
				return err
			}
			t, ok, err := l.token(key, tx.Bucket([]byte(bucketTokens)).Get(key))
			if err != nil {
				return err
			}
			if ok {
				found[each] = t
			}
		}
		return nil
	})
	return found, err
}

// viewNow is view for a caller that is still waiting.
func (l *Ledger) viewNow(ctx context.Context, f func(tx *bolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return l.view(f)
}
