package state

import (
	"context"
	"io"

	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Backup makes a backup at path, as the command does.
func (l *Ledger) Backup(ctx context.Context, path string) error {
	return Receive(ctx, path, l.options.Now(), func(to io.Writer) error { return l.CopyTo(ctx, to) })
}

// WithLog gives a file that is made a log of so many bytes.
func (o Options) WithLog(bytes int) Options {
	o.logSize = bytes
	return o
}

// Seal makes a document, for tests that change a file behind the ledger's back.
func Seal(bucket string, key, body []byte) []byte { return seal(bucket, key, body) }

// PutTally stores a sum behind the ledger's back.
func PutTally(tx *bolt.Tx, key []byte, sum plan.Tally) error {
	c, err := newCodec()
	if err != nil {
		return err
	}
	l := &Ledger{codec: c}
	value, err := l.encodeTally(key, sum)
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(bucketTallies)).Put(key, value)
}
