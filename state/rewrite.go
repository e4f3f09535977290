package state

import (
	"bytes"
	"context"
	"time"

	bolt "go.etcd.io/bbolt"
)

// rewriteStep is how many bytes one transaction of a rewriting stores.
const rewriteStep = 4 << 20

// rewriter copies a file's snapshot into a new file, bucket by bucket and in the
// order of the keys, so that each goes to the end of its page. A file has no
// buckets within buckets.
type rewriter struct {
	ctx  context.Context //nolint:containedctx // it lives as long as one call that has this context
	from *bolt.Tx
	into *bolt.DB

	tx     *bolt.Tx
	stored int
	// left is how many journal lines have been left out.
	left int
}

// keeper tells whether a journal line is kept. It is asked in the order of the
// keys, and given the next line's key, or nil.
type keeper func(key, value, next []byte) (bool, error)

func everyLine(_, _, _ []byte) (bool, error) { return true, nil }

func (w *rewriter) copy(keep keeper) (err error) {
	if w.tx, err = w.into.Begin(true); err != nil {
		return err
	}
	defer func() { _ = w.tx.Rollback() }() // of what is not committed by then
	err = w.from.ForEach(func(name []byte, bucket *bolt.Bucket) error {
		if string(name) != bucketJournal {
			return w.bucket(name, bucket, everyLine)
		}
		return w.bucket(name, bucket, keep)
	})
	if err != nil {
		return err
	}
	return w.tx.Commit()
}

func (w *rewriter) bucket(name []byte, from *bolt.Bucket, keep keeper) error {
	to, err := w.tx.CreateBucket(name)
	if err != nil {
		return err
	}
	if err := to.SetSequence(from.Sequence()); err != nil {
		return err
	}
	cursor := from.Cursor()
	for key, value := cursor.First(); key != nil; {
		nextKey, nextValue := cursor.Next()
		kept, err := keep(key, value, nextKey)
		if err != nil {
			return err
		}
		if kept {
			if err := w.put(name, key, value); err != nil {
				return err
			}
		} else {
			w.left++
		}
		key, value = nextKey, nextValue
	}
	return nil
}

// put stores one value, and begins a new transaction when this one is full.
func (w *rewriter) put(name, key, value []byte) error {
	if w.stored += len(key) + len(value); w.stored > rewriteStep {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		if err := w.tx.Commit(); err != nil {
			return err
		}
		tx, err := w.into.Begin(true)
		if err != nil {
			return err
		}
		w.tx, w.stored = tx, 0
		unmap(w.from.DB().Info().Data, w.from.Size())
	}
	bucket := w.tx.Bucket(name)
	bucket.FillPercent = 1 // nothing comes in between
	return bucket.Put(key, value)
}

// prune keeps the journal lines from before a time that are more than history:
// those of what is unfinished or parked, by which somebody has to find out what
// happened; each preauthorization's last, which says how it ended, and whose
// number may be the journal's highest; and what explains a token, by which the
// program itself decides. It also keeps what belongs to no record.
func (l *Ledger) prune(from *bolt.Tx, before time.Time) keeper {
	var id []byte
	var whole bool
	return func(key, value, next []byte) (bool, error) {
		if !bytes.Equal(id, key[:idLength]) {
			id = bytes.Clone(key[:idLength])
			r, known, err := l.record(from, keyID(id), id)
			if err != nil {
				return false, err
			}
			whole = !known || r.Unfinished()
		}
		if last := !bytes.HasPrefix(next, id); whole || last {
			return true, nil
		}
		e, err := l.entry(key, value)
		return err != nil || e.ExplainsToken() || !e.At.Before(before), err
	}
}
