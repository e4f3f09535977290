package state

import (
	"bytes"
	"context"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// scanPage is how many entries one read transaction hands over. A transaction
// held open while they are visited would keep every page it can see from being
// used again, and the file would grow.
const scanPage = 1000

// Each hands over every record, in the order of their Ids. What is committed
// meanwhile may be seen or not.
func (l *Ledger) Each(ctx context.Context, visit func(plan.Record) error) error {
	return scan(ctx, l, bucketRecords, nil, func(s snapshot, key, value []byte) (plan.Record, error) {
		return s.decodeRecord(keyID(key), key, value)
	}, visit)
}

// Unmatched hands over the tokens of a sink that are not yet known to be foreign.
func (l *Ledger) Unmatched(ctx context.Context, sink string, visit func(plan.Token) error) error {
	prefix, err := tokenKey(sink, "")
	if err != nil {
		return err
	}
	return scan(ctx, l, bucketUnmatched, prefix, func(s snapshot, key, value []byte) (plan.Token, error) {
		if _, err := unseal(bucketUnmatched, key, value); err != nil {
			return plan.Token{}, l.fault(bucketUnmatched, key, err)
		}
		t, ok, err := l.token(key, s.get(bucketTokens, key))
		if err != nil {
			return t, err
		}
		if !ok || t.Foreign {
			return t, corrupt(l.options.Path, "the index of unmatched tokens is wrong about %s", describe(bucketTokens, key))
		}
		return t, nil
	}, visit)
}

// scan hands over what stands in a bucket under a prefix, page by page. visit is
// called outside of any transaction.
func scan[T any](
	ctx context.Context, l *Ledger, bucket string, prefix []byte,
	decode func(s snapshot, key, value []byte) (T, error), visit func(T) error,
) error {
	return scanPages(ctx, l, bucket, prefix, scanPage, decode, visit)
}

// scanPages is scan with pages of another size.
func scanPages[T any](
	ctx context.Context, l *Ledger, bucket string, prefix []byte, size int,
	decode func(s snapshot, key, value []byte) (T, error), visit func(T) error,
) error {
	after := prefix
	page := make([]T, 0, size)
	for {
		page = page[:0]
		err := l.viewNow(ctx, func(s snapshot) error {
			entries := s.cursor(bucket)
			var last []byte
			for key, value := entries.Seek(after); bytes.HasPrefix(key, prefix) && key != nil && len(page) < size; key, value = entries.Next() {
				l.touched(s.tx, 1)
				each, err := decode(s, key, value)
				if err != nil {
					return err
				}
				page, last = append(page, each), key
			}
			// The next page begins after this key: at its least successor.
			after = append(bytes.Clone(last), 0)
			return nil
		})
		if err != nil {
			return err
		}
		for _, each := range page {
			if err := visit(each); err != nil {
				return err
			}
		}
		if len(page) < size {
			return nil
		}
	}
}
