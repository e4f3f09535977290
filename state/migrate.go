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
		if err := l.account(tx, from); err != nil {
			return err
		}
		return putSchema(tx)
	})
}

// account adds up anew what the records come to, since schema 4 adds up more of
// them, and stores the index of the parked ones, which schema 1 lacks.
func (l *Ledger) account(tx *bolt.Tx, from int) error {
	sums, parked, err := l.countRecords(tx)
	if err != nil {
		return err
	}
	err = tx.DeleteBucket([]byte(bucketTallies))
	if err == nil {
		_, err = tx.CreateBucket([]byte(bucketTallies))
	}
	if err == nil {
		err = l.addTallies(tx, sums)
	}
	if err != nil || from >= 2 {
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
