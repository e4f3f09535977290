package state

import (
	"bytes"
	"context"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/sync/plan"
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
}

// editor gives a document as it is copied, with a value of nil where it is left out. Its
// keys must stay in order.
type editor func(bucket string, key, value []byte) (newKey, newValue []byte, err error)

func asItIs(_ string, key, value []byte) (newKey, newValue []byte, err error) { return key, value, nil }

func (w *rewriter) copy(edit editor) (err error) {
	if w.tx, err = w.into.Begin(true); err != nil {
		return err
	}
	defer func() { _ = w.tx.Rollback() }() // of what is not committed by then
	if err = w.from.ForEach(func(name []byte, bucket *bolt.Bucket) error { return w.bucket(name, bucket, edit) }); err != nil {
		return err
	}
	return w.tx.Commit()
}

func (w *rewriter) bucket(name []byte, from *bolt.Bucket, edit editor) error {
	to, err := w.tx.CreateBucketIfNotExists(name)
	if err != nil {
		return err
	}
	if err := to.SetSequence(from.Sequence()); err != nil {
		return err
	}
	return from.ForEach(func(key, value []byte) error {
		if string(name) == bucketLog {
			value = make([]byte, len(value)) // it has been folded
		}
		key, value, err := edit(string(name), key, value)
		if err != nil || value == nil {
			return err
		}
		return w.put(name, key, value)
	})
}

// put stores one value, and begins a new transaction when this one is full.
func (w *rewriter) put(name, key, value []byte) error {
	if err := w.step(len(key) + len(value)); err != nil {
		return err
	}
	bucket := w.tx.Bucket(name)
	bucket.FillPercent = 1 // nothing comes in between
	return bucket.Put(key, value)
}

// step begins a new transaction when so many more bytes would be too many for this one.
func (w *rewriter) step(length int) error {
	if w.stored += length; w.stored <= rewriteStep {
		return nil
	}
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
	w.tx, w.stored = tx, length
	unmap(w.from.DB().Info().Data, w.from.Size())
	return nil
}

// prune keeps the journal lines from before a time that are more than history:
// those of what is unfinished or parked, by which somebody has to find out what
// happened; each preauthorization's last, which says how it ended; and what explains a
// token, by which the program itself decides. It also keeps what belongs to no record.
// It counts those that are left out.
func (l *Ledger) prune(from snapshot, before time.Time, left *int) editor {
	history := func(e plan.Entry) bool { return !e.ExplainsToken() && e.At.Before(before) }
	return func(bucket string, key, value []byte) ([]byte, []byte, error) {
		switch bucket {
		case bucketRecords:
			d, err := from.decodeDocument(keyID(key), key, value, true)
			if err != nil || d.now.Unfinished() || len(d.lines) == 0 {
				return key, value, err
			}
			newest := len(d.lines) - 1
			kept := append(slices.DeleteFunc(slices.Clone(d.lines[:newest]), history), d.lines[newest])
			if len(kept) == len(d.lines) {
				return key, value, nil
			}
			*left += len(d.lines) - len(kept)
			value, err = l.codec.encodeDocument(d, from.enterprises.numbers[d.now.Enterprise], encodeLines(ownerOf(d.now), kept))
			return key, value, err
		case bucketJournal:
			lines, err := l.decodeOlder(key, value)
			if err != nil {
				return nil, nil, err
			}
			id := bytes.Clone(key[:idLength])
			r, known, err := l.record(from, keyID(id), id)
			if err != nil || !known || r.Unfinished() {
				return key, value, err
			}
			kept := slices.DeleteFunc(slices.Clone(lines), history)
			*left += len(lines) - len(kept)
			if len(kept) == 0 {
				return key, nil, nil
			}
			key, value = encodeOlder(id, kept)
		}
		return key, value, nil
	}
}
