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

func (l *Ledger) storedIdentity(id preauth.ID, b below) int64 {
	if kept, ok := l.records[id]; ok {
		return kept.Identity
	}
	return b.records[id].Identity
}

// checkIdentities makes sure that every identity stays with one record.
func (l *Ledger) checkIdentities(batch plan.Batch, b below) error {
	changed := make(map[preauth.ID]bool)
	for _, r := range batch.Records {
		changed[r.ID] = l.storedIdentity(r.ID, b) != r.Identity
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
	return nil
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
		changed[r.ID] = l.storedIdentity(r.ID, b) != r.Identity
		l.moved[r.ID] = l.moved[r.ID] || changed[r.ID]
	}
	maps.DeleteFunc(l.owners, func(key identityKey, owner preauth.ID) bool { return changed[owner] })
	for _, r := range batch.Records {
		if r.Identity != 0 && changed[r.ID] {
			l.owners[identityKey{l.sinkOf(r.Enterprise, batch.Property, b), r.Identity}] = r.ID
		}
	}
}
