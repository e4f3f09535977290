package state

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"os"

	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/state/redo"
)

// A commit in the trees writes each page it touches, wherever it stands, and syncs twice.
// So small commits go to a redo log: one write and one sync. From there they are folded
// into the trees, many at a time, in one transaction.
//
// The log stands in the file, so that whoever copies, locks, replaces or measures the
// file has all of it: in the value of the only key of a bucket. bbolt writes that value
// once, when the file is made, and since no transaction puts into the bucket again its
// pages stay where they are; the log is written in their place. An epoch in what the file
// says of itself tells which groups count: a fold stores their writes and the next epoch
// in one transaction, which makes the log empty without touching it.

const (
	// logSize is what a new file has for its log, in bytes.
	logSize = 2 << 20
	// logGroup is the largest group that goes to the log, in bytes. What is larger would
	// gain little, and be written twice.
	logGroup = 64 << 10
	// logKeys is how many keys the log may speak of before it is folded, where the file is
	// larger than what may be mapped of it. A fold maps the pages in which they stand, with
	// the neighbours of each.
	logKeys = 768

	keyLog   = "log"
	keyEpoch = "epoch"    // of meta
	keySize  = "log_size" // of meta: the log's, in bytes
)

// fileLog is the log of the open file. It belongs to who holds writing.
type fileLog struct {
	run redo.Run
	// size is the length of the value that the log stands in.
	size  uint64
	epoch uint64
	// used tells that something of the epoch is in the log.
	used bool
	// open takes groups; it is nil where the epoch that was found is used.
	open *redo.Log
	// encoded is the last group, for its memory.
	encoded []byte
}

// fillLog makes room for a log in a new file.
func fillLog(tx *bolt.Tx, size int) error {
	if err := tx.Bucket([]byte(bucketLog)).Put([]byte(keyLog), make([]byte, size)); err != nil {
		return err
	}
	if err := putLogNumber(tx, keySize, uint64(size)); err != nil {
		return err
	}
	return putLogNumber(tx, keyEpoch, 0)
}

// putLogNumber stores what the file says of its log.
func putLogNumber(tx *bolt.Tx, key string, n uint64) error {
	return tx.Bucket([]byte(bucketMeta)).Put([]byte(key), sealNumber(bucketMeta, []byte(key), n))
}

// runOf gives where the log of so many bytes stands whose bucket has its only page at
// root. The page holds one key and one value. Nothing seals its head, so all of that must
// be what it can only be: a length that has lost a bit would make the log look empty.
func runOf(path string, file io.ReaderAt, pageSize int64, root, size uint64, owner string) (redo.Run, error) {
	const before = pageHeaderLength + elementLength + len(keyLog)
	offset, order := int64(root)*pageSize, binary.NativeEndian
	want := order.AppendUint64(make([]byte, 0, before), root)
	want = order.AppendUint16(want, leafFlag)
	want = order.AppendUint16(want, 1)
	want = order.AppendUint32(want, uint32((uint64(before)+size-1)/uint64(pageSize)))
	for _, n := range []uint64{0, elementLength, uint64(len(keyLog)), size} {
		want = order.AppendUint32(want, uint32(n))
	}
	want = append(want, keyLog...)
	found := make([]byte, before)
	if _, err := file.ReadAt(found, offset); err != nil {
		return redo.Run{}, &Error{Kind: Corrupt, Path: path, Detail: "its log cannot be read", Err: err}
	}
	if size == 0 || size > math.MaxInt32 || !bytes.Equal(found, want) {
		return redo.Run{}, corrupt(path, "its log is not where it should be")
	}
	return redo.Within(offset+int64(before), int64(size), owner), nil
}

// findLog looks where the log stands after a transaction, which should not have moved it.
func (l *Ledger) findLog() error {
	var root uint64
	err := l.db.View(func(tx *bolt.Tx) error {
		root = uint64(tx.Bucket([]byte(bucketLog)).RootPage())
		return nil
	})
	if err != nil {
		return l.fail(err)
	}
	run, err := runOf(l.options.Path, l.handle, int64(l.db.Info().PageSize), root, l.log.size, l.log.run.Owner)
	if err == nil && run != l.log.run {
		err = corrupt(l.options.Path, "its log has moved from byte %d to byte %d", l.log.run.Offset, run.Offset)
	}
	if err != nil {
		return l.fail(err)
	}
	return nil
}

// readLog gives what a file's log holds of an epoch. used tells that the epoch must not
// be written to any more; see redo.Replay.
func readLog(path string, file io.ReaderAt, run redo.Run, epoch uint64) (groups *recent, used bool, err error) {
	groups = newRecent()
	used, err = redo.Replay(file, run, epoch, func(encoded []byte) error {
		group, sequence, err := decodeGroup(encoded)
		if err == nil {
			groups.add(group, sequence)
		}
		return err
	})
	if err != nil {
		return nil, false, corrupt(path, "%v", err)
	}
	return groups, used, nil
}

// inPlace is a file as the log writes it.
type inPlace struct{ *os.File }

// Sync makes durable what has been written.
func (f inPlace) Sync() error { return syncData(f.File) }

// startLog goes on with the log that was found in the file just opened.
func (l *Ledger) startLog(found inspection) {
	l.log = fileLog{run: found.log, size: found.logSize, epoch: found.epoch, used: found.used, encoded: l.log.encoded}
	if !found.used {
		l.log.open = redo.New(inPlace{l.handle}, l.log.run, l.log.epoch)
	}
	l.recent.Store(found.recent)
}

// append makes a group durable in the log. It tells whether it did: not where the group
// is too large.
func (l *Ledger) append(group *staging) (bool, error) {
	l.log.encoded = encodeGroup(l.log.encoded[:0], group.writes, group.known.sequence)
	if len(l.log.encoded) > logGroup {
		l.log.encoded = nil // it would stay that large
		return false, nil
	}
	crowded := l.recent.Load().size() >= logKeys && group.trees.size() > mostMapped
	if crowded || !l.log.open.Fits(len(l.log.encoded)) {
		if err := l.fold(); err != nil {
			return false, err
		}
	}
	if !l.log.open.Fits(len(l.log.encoded)) {
		return false, nil
	}
	l.swap.RLock()
	defer l.swap.RUnlock()
	if err := l.writable(); err != nil {
		return false, err
	}
	l.log.used = true
	if err := l.log.open.Append(l.log.encoded); err != nil {
		return false, l.fail(err)
	}
	group.announce()
	l.recent.Load().add(group.writes, group.known.sequence)
	return true, nil
}

// fold brings the trees up to date with the log, and begins its next epoch. It is for who
// holds writing.
func (l *Ledger) fold() error {
	if !l.log.used {
		return nil
	}
	recent, next := l.recent.Load().now(), l.log.epoch+1
	err := l.transact(func(s snapshot) error {
		var err error
		if sequence, known := recent.sequence(); known {
			err = l.storeAll(s.tx, recent.overlay(), sequence)
		}
		if err == nil {
			err = putLogNumber(s.tx, keyEpoch, next)
		}
		if err != nil {
			return &Error{Kind: Failed, Path: l.options.Path, Err: err}
		}
		return nil
	})
	if err == nil {
		l.log.epoch, l.log.used = next, false
		l.log.open = redo.New(inPlace{l.handle}, l.log.run, next)
	}
	return err
}
