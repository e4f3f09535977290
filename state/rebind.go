package state

import (
	"context"
	"fmt"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Rebind stores that the same systems are now found at other addresses. Where the
// sinks are that properties have for themselves is stored anew when they are next used.
func (l *Ledger) Rebind(ctx context.Context, to Binding) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("the state file was not bound to other addresses: %w", err)
	}
	err := l.update(func(s snapshot) error {
		if err := l.unbindSinks(s); err != nil {
			return err
		}
		return l.changeFile(s, func(about *wireFile) {
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
func (l *Ledger) unbindSinks(s snapshot) error {
	group := l.stage(s)
	err := s.forEach(bucketSinks, func(key, value []byte) error {
		sink, _, err := l.sink(key, value)
		if err != nil || sink.Address == "" {
			return err
		}
		sink.Address = ""
		return group.add(plan.Batch{Sink: &sink})
	})
	if err != nil {
		return err
	}
	return group.apply(s.tx)
}
