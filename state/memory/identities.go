package memory

import (
	"context"
	"fmt"
	"maps"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// identitiesBelow reads which sinks the batch's records belong to in base, and
// who holds the identities they claim there.
func (l *Ledger) identitiesBelow(ctx context.Context, batch plan.Batch, b below) error {
	for _, r := range batch.Records {
		if r.Identity == 0 || r.Enterprise == "" {
			continue
		}
		stored, _, err := l.base.Property(ctx, r.Enterprise)
		if err != nil {
			return err
		}
		b.sinks[r.Enterprise] = stored.Sink
	}
	for _, r := range batch.Records {
		if r.Identity == 0 {
			continue
		}
		l.mu.Lock()
		key := identityKey{l.sinkOf(r.Enterprise, batch.Property, b), r.Identity}
		l.mu.Unlock()
		owner, ok, err := l.base.Owner(ctx, key.sink, key.identity)
		if err != nil {
			return err
		}
		if ok {
			b.owners[key] = owner
		}
	}
	return nil
}

// sinkOf names the sink of an enterprise's records; "" before it has a property.
func (l *Ledger) sinkOf(enterprise preauth.ID, property *plan.Property, b below) string {
	if property != nil && property.Enterprise == enterprise {
		return property.Sink
	}
	if kept, ok := l.properties[enterprise]; ok {
		return kept.Sink
	}
	return b.sinks[enterprise]
}

// stored gives a record as it is, zero for none.
func (l *Ledger) stored(id preauth.ID, b below) plan.Record {
	if kept, ok := l.records[id]; ok {
		return kept
	}
	return b.records[id]
}

// checkIdentities makes sure that every identity stays with one record.
func (l *Ledger) checkIdentities(batch plan.Batch, b below) error {
	changed := make(map[preauth.ID]bool)
	for _, r := range batch.Records {
		changed[r.ID] = l.stored(r.ID, b).Identity != r.Identity
	}
	taken := make(map[identityKey]preauth.ID)
	for _, r := range batch.Records {
		if r.Identity == 0 || !changed[r.ID] {
			continue
		}
		key := identityKey{l.sinkOf(r.Enterprise, batch.Property, b), r.Identity}
		owner, owned := taken[key]
		if !owned {
			owner, owned = l.ownerOf(key, b)
			owned = owned && !changed[owner]
		}
		if owned {
			return fmt.Errorf("identity %d of sink %q, claimed by %s, is that of %s: %w",
				r.Identity, key.sink, r.ID, owner, plan.ErrIdentityTaken)
		}
		taken[key] = r.ID
	}
	return l.checkCaptures(batch, b, changed)
}

// checkCaptures refuses the intent to capture a hold where it is not.
func (l *Ledger) checkCaptures(batch plan.Batch, b below, changed map[preauth.ID]bool) error {
	for _, r := range batch.Records {
		if !l.beginsCapture(r, b) || changed[r.ID] {
			continue
		}
		key := identityKey{l.sinkOf(r.Enterprise, batch.Property, b), r.Identity}
		if owner, owned := l.ownerOf(key, b); !owned || owner != r.ID {
			return fmt.Errorf("identity %d of %s is not held at sink %q, where it was to be captured: %w",
				r.Identity, r.ID, key.sink, plan.ErrIdentityTaken)
		}
	}
	return nil
}

// beginsCapture tells whether a record is put so that its capture can be sent.
func (l *Ledger) beginsCapture(r plan.Record, b below) bool {
	if r.Phase != plan.Capturing || r.Identity == 0 {
		return false
	}
	old := l.stored(r.ID, b)
	again := old.Intent != nil && r.Intent != nil && r.Intent.Attempt > old.Intent.Attempt
	return old.Phase != plan.Capturing || again
}

func (l *Ledger) ownerOf(key identityKey, b below) (preauth.ID, bool) {
	if owner, ok := l.owners[key]; ok {
		return owner, true
	}
	owner, ok := b.owners[key]
	return owner, ok && !l.moved[owner]
}

func (l *Ledger) putIdentities(batch plan.Batch, b below) {
	changed := make(map[preauth.ID]bool)
	for _, r := range batch.Records {
		changed[r.ID] = l.stored(r.ID, b).Identity != r.Identity
		l.moved[r.ID] = l.moved[r.ID] || changed[r.ID]
	}
	maps.DeleteFunc(l.owners, func(key identityKey, owner preauth.ID) bool { return changed[owner] })
	for _, r := range batch.Records {
		if r.Identity != 0 && changed[r.ID] {
			l.owners[identityKey{l.sinkOf(r.Enterprise, batch.Property, b), r.Identity}] = r.ID
		}
	}
}
