package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"
)

// createAbsent creates the state file unless its name is taken. bbolt's own
// creation can be cut short and leave a file that cannot be opened; so it happens
// aside, and the name is given to a complete and durable file.
func createAbsent(options Options, c codec) (created bool, err error) {
	if _, err := os.Lstat(options.Path); !errors.Is(err, fs.ErrNotExist) {
		return false, nil // there, or not to be seen: opening will tell
	}
	if err := ensureFolder(options.Path); err != nil {
		return false, err
	}
	temp := asideName(options.Path)
	defer func() { _ = os.Remove(temp) }()
	if err := buildNew(temp, options, c); err != nil {
		return false, fmt.Errorf("the state file %s cannot be created: %w", options.Path, err)
	}
	err = place(temp, options.Path)
	if errors.Is(err, fs.ErrExist) {
		return false, nil // another process was faster
	}
	if err != nil {
		return false, fmt.Errorf("the state file %s cannot be created: %w", options.Path, err)
	}
	return true, syncFolder(options.Path)
}

func buildNew(path string, options Options, c codec) error {
	id, err := uuid.NewRandom()
	if err != nil {
		return err
	}
	about := wireFile{
		ID: id.String(), Created: toMillis(options.Now()),
		ConnectorAddress: options.Binding.ConnectorAddress, SinkAddress: options.Binding.SinkAddress,
	}
	return guard(path, func() error {
		db, err := bolt.Open(path, fileMode, &bolt.Options{Timeout: options.LockTimeout, NoStatistics: true})
		if err != nil {
			return err
		}
		db.AllocSize = db.Info().PageSize // no room for growing is reserved
		err = db.Update(func(tx *bolt.Tx) error { return fillNew(tx, about, c, options.logSize) })
		if closeErr := db.Close(); err == nil {
			err = closeErr
		}
		return err
	})
}

func fillNew(tx *bolt.Tx, about wireFile, c codec, logSize int) error {
	for _, name := range buckets() {
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	if err := fillLog(tx, logSize); err != nil {
		return err
	}
	meta := tx.Bucket([]byte(bucketMeta))
	if err := meta.Put([]byte(keyApplication), seal(bucketMeta, []byte(keyApplication), []byte(application))); err != nil {
		return err
	}
	if err := putSchema(tx); err != nil {
		return err
	}
	return putFile(tx, about, c)
}

func putSchema(tx *bolt.Tx) error {
	value := seal(bucketMeta, []byte(keySchema), []byte(strconv.Itoa(schema)))
	return tx.Bucket([]byte(bucketMeta)).Put([]byte(keySchema), value)
}

// putFile stores what the file says of itself.
func putFile(tx *bolt.Tx, about wireFile, c codec) error {
	value, err := c.put(bucketMeta, []byte(keyFile), about)
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(bucketMeta)).Put([]byte(keyFile), value)
}

// updateFile changes what the file says of itself, durably.
func (l *Ledger) updateFile(change func(*wireFile)) error {
	return l.update(func(s snapshot) error { return l.changeFile(s, change) })
}

func (l *Ledger) changeFile(s snapshot, change func(*wireFile)) error {
	var about wireFile
	if err := l.getFile(s.tx, &about); err != nil {
		return err
	}
	change(&about)
	return putFile(s.tx, about, l.codec)
}

func (l *Ledger) getFile(tx *bolt.Tx, about *wireFile) error {
	value := tx.Bucket([]byte(bucketMeta)).Get([]byte(keyFile))
	if err := l.codec.get(bucketMeta, []byte(keyFile), value, about); err != nil {
		return corrupt(l.options.Path, "what it says of itself: %v", err)
	}
	return nil
}
