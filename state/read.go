package state

import (
	"bytes"
	"context"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// fault names the document that a read found unsound.
func (l *Ledger) fault(bucket string, key []byte, err error) error {
	return corrupt(l.options.Path, "%s: %v", describe(bucket, key), err)
}

// The following turn a stored value, nil for none, into what it stands for.

func (l *Ledger) record(s snapshot, id preauth.ID, key []byte) (plan.Record, bool, error) {
	value := s.get(bucketRecords, key)
	if value == nil {
		return plan.Record{}, false, nil
	}
	r, err := s.decodeRecord(id, key, value)
	return r, err == nil, err
}

func (l *Ledger) property(key, value []byte) (plan.Property, bool, error) {
	if value == nil {
		return plan.Property{}, false, nil
	}
	var w wireProperty
	if err := l.codec.get(bucketProperties, key, value, &w); err != nil {
		return plan.Property{}, false, l.fault(bucketProperties, key, err)
	}
	p, err := fromWireProperty(keyID(key), w)
	if err != nil {
		return plan.Property{}, false, l.fault(bucketProperties, key, err)
	}
	return p, true, nil
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
	err = l.viewNow(ctx, func(s snapshot) error {
		r, ok, err = l.record(s, id, key)
		return err
	})
	return r, ok, err
}

// Records gives those that exist, by Id.
func (l *Ledger) Records(ctx context.Context, ids []preauth.ID) (map[preauth.ID]plan.Record, error) {
	found := make(map[preauth.ID]plan.Record, len(ids))
	err := l.viewNow(ctx, func(s snapshot) error {
		for _, id := range ids {
			key, err := idKey(id)
			if err != nil {
				return err
			}
			r, ok, err := l.record(s, id, key)
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

// Property gives what is known of one property, and whether anything is.
func (l *Ledger) Property(ctx context.Context, enterprise preauth.ID) (p plan.Property, ok bool, err error) {
	key, err := idKey(enterprise)
	if err != nil {
		return p, false, err
	}
	err = l.viewNow(ctx, func(s snapshot) error {
		p, ok, err = l.property(key, s.get(bucketProperties, key))
		return err
	})
	return p, ok, err
}

// Properties gives every property, in the order of their enterprises.
func (l *Ledger) Properties(ctx context.Context) ([]plan.Property, error) {
	var all []plan.Property
	err := l.viewNow(ctx, func(s snapshot) error {
		return s.forEach(bucketProperties, func(key, value []byte) error {
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
	err = l.viewNow(ctx, func(stored snapshot) error {
		s, ok, err = l.sink(key, stored.get(bucketSinks, key))
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
	err = l.viewNow(ctx, func(s snapshot) error {
		identity, err = l.highest(key, s.get(bucketHighest, key))
		return err
	})
	return identity, err
}

// Tokens gives those that exist among the asked, by token.
func (l *Ledger) Tokens(ctx context.Context, sink string, tokens []string) (map[string]plan.Token, error) {
	found := make(map[string]plan.Token)
	err := l.viewNow(ctx, func(s snapshot) error {
		for _, each := range tokens {
			key, err := tokenKey(sink, each)
			if err != nil {
				return err
			}
			t, ok, err := l.token(key, s.get(bucketTokens, key))
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
func (l *Ledger) viewNow(ctx context.Context, f func(s snapshot) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return l.view(f)
}
