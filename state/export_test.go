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

// Seal makes a document, for tests that change a file behind the ledger's back.
func Seal(bucket string, key, body []byte) []byte { return seal(bucket, key, body) }

// PutTally stores a sum behind the ledger's back.
func PutTally(tx *bolt.Tx, key []byte, sum plan.Tally) error {
	c, err := newCodec()
	if err != nil {
		return err
	}
	l := &Ledger{codec: c}
	return l.putTally(tx.Bucket([]byte(bucketTallies)), key, sum)
}
