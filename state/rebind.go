package state

import (
	"context"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Rebind stores that the same systems are now found at other addresses. Where the
// sinks are that properties have for themselves is stored anew when they are next used.
func (l *Ledger) Rebind(ctx context.Context, to Binding) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("the state file was not bound to other addresses: %w", err)
	}
	err := l.update(func(tx *bolt.Tx) error {
		if err := l.unbindSinks(tx); err != nil {
			return err
		}
		return l.changeFile(tx, func(about *wireFile) {
			about.ConnectorAddress, about.SinkAddress = to.ConnectorAddress, to.SinkAddress
		})
	})
	if err != nil {
		return err
	}
	l.swap.Lock()
	l.options.Binding = to // what a compacted file is compared with
	l.swap.Unlock()
	l.about.Lock()
	defer l.about.Unlock()
	l.file.ConnectorAddress, l.file.SinkAddress = to.ConnectorAddress, to.SinkAddress
	return nil
}

// unbindSinks takes their addresses from the sinks' documents.
func (l *Ledger) unbindSinks(tx *bolt.Tx) error {
	bucket := tx.Bucket([]byte(bucketSinks))
	var bound []plan.Sink
	err := bucket.ForEach(func(key, value []byte) error {
		sink, _, err := l.sink(key, value)
		if sink.Address != "" {
			bound = append(bound, sink)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, each := range bound {
		each.Address = ""
		s, err := l.stage(tx, plan.Batch{Sink: &each})
		if err != nil {
			return err
		}
		if err := apply(tx, s.writes); err != nil {
			return err
		}
	}
	return nil
}
