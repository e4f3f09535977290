package state

import (
	bolt "go.etcd.io/bbolt"
)

// migrate brings a file of an earlier schema to this one. What was committed
// before stays as it is until all of it is durable: a crash in between leaves a
// file of the earlier schema.
func (l *Ledger) migrate(from int) error {
	if from == schema || l.options.Mode != ReadWrite {
		return nil
	}
	return l.update(func(tx *bolt.Tx) error {
		for _, name := range buckets(schema) {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		if from < 2 {
			if err := l.account(tx); err != nil {
				return err
			}
		}
		return putSchema(tx)
	})
}

// account stores what schema 2 keeps beside the records: what they add up to, and
// the index of the parked ones.
func (l *Ledger) account(tx *bolt.Tx) error {
	sums, parked, err := l.countRecords(tx)
	if err != nil {
		return err
	}
	if err := l.addTallies(tx, sums); err != nil {
		return err
	}
	// In their order each goes to the end of its page, however many there are.
	index := tx.Bucket([]byte(bucketParked))
	for _, key := range parked {
		if err := index.Put(key, seal(bucketParked, key, nil)); err != nil {
			return err
		}
	}
	return nil
}
