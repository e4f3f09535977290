package state

import (
	"slices"

	bolt "go.etcd.io/bbolt"
)

// snapshot is one state of the buckets: what a transaction sees, what the log holds
// besides, and overlays on top of both. All reading of documents goes through one. What
// it gives dies with the transaction.
type snapshot struct {
	l      *Ledger
	tx     *bolt.Tx
	recent recentAt
	// enterprises are those of the documents, or more.
	enterprises *enterprises
	// trees are what tx sees, for single keys; nil where tx writes, and sees what it has put.
	trees *trees
	last  *leafPage
	// over are the overlays, the uppermost last.
	over []overlay
}

// under puts an overlay on top.
func (s snapshot) under(o overlay) snapshot {
	s.over = append(slices.Clip(s.over), o)
	return s
}

// get gives the value of a key, nil for none.
func (s snapshot) get(bucket string, key []byte) []byte {
	for _, o := range slices.Backward(s.over) {
		if value, known := o.get(bucket, key); known {
			return value
		}
	}
	if value, known := s.recent.get(bucket, key); known {
		return value
	}
	if s.trees == nil {
		return s.tx.Bucket([]byte(bucket)).Get(key)
	}
	value, err := s.trees.get(bucket, key, s.last)
	if err != nil {
		panic(err) // guard makes it an error, as it does of bbolt's panics
	}
	return value
}

func (s snapshot) cursor(bucket string) cursor {
	s.l.touched(s.tx, walkWeight)
	c := s.recent.cursor(bucket, s.tx.Bucket([]byte(bucket)).Cursor())
	for _, o := range s.over {
		c = o.cursor(bucket, c)
	}
	return c
}

// forEach visits a bucket in the order of its keys.
func (s snapshot) forEach(bucket string, visit func(key, value []byte) error) error {
	c := s.cursor(bucket)
	for key, value := c.First(); key != nil; key, value = c.Next() {
		s.l.touched(s.tx, 1)
		if err := visit(key, value); err != nil {
			return err
		}
	}
	return nil
}

// sequence gives the number of the newest journal line.
func (s snapshot) sequence() uint64 {
	if number, known := s.recent.sequence(); known {
		return number
	}
	return s.tx.Bucket([]byte(bucketRecords)).Sequence()
}
