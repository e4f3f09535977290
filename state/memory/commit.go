package memory

import (
	"cmp"
	"context"
	"fmt"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Commit stores a batch, all or nothing. plan.ErrConflict means that a stored
// revision is another one.
func (l *Ledger) Commit(ctx context.Context, batch plan.Batch) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("the commit was not begun: %w", err)
	}
	below, err := l.below(ctx, batch)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if batch.Placed != nil {
		batch.Placed()
	}
	if l.failed != nil {
		return l.failed
	}
	err = l.take(batch, below)
	if batch.Placed != nil && err != nil && !plan.IsRefusal(err) {
		l.failed = err
	}
	return err
}

func (l *Ledger) take(batch plan.Batch, below below) error {
	if l.hook != nil {
		if err := l.hook(batch); err != nil {
			return err
		}
	}
	if err := l.check(batch, below); err != nil {
		return err
	}
	l.put(batch, below)
	return nil
}

// below is what base has of what a batch puts.
type below struct {
	records   map[preauth.ID]plan.Record
	owners    map[identityKey]preauth.ID
	sinks     map[preauth.ID]string // of each record's enterprise
	property  uint64
	sink      uint64
	customers map[customerKey]bool
	observed  map[customerKey]bool // the customers read in the report
	tokens    map[tokenKey]plan.Token
}

func (l *Ledger) below(ctx context.Context, batch plan.Batch) (below, error) {
	b := below{
		records: make(map[preauth.ID]plan.Record), customers: make(map[customerKey]bool), observed: make(map[customerKey]bool),
		tokens: make(map[tokenKey]plan.Token), owners: make(map[identityKey]preauth.ID),
		sinks: make(map[preauth.ID]string),
	}
	if l.base == nil {
		return b, nil
	}
	ids := make([]preauth.ID, 0, len(batch.Records))
	for _, r := range batch.Records {
		ids = append(ids, r.ID)
	}
	for _, e := range batch.Journal {
		ids = append(ids, e.ID)
	}
	for _, t := range batch.Tokens {
		if id, err := preauth.ParseID(t.Token); err == nil {
			ids = append(ids, id)
		}
	}
	var err error
	if b.records, err = l.base.Records(ctx, ids); err != nil {
		return b, err
	}
	if err := l.identitiesBelow(ctx, batch, b); err != nil {
		return b, err
	}
	if p := batch.Property; p != nil {
		stored, _, err := l.base.Property(ctx, p.Enterprise)
		if err != nil {
			return b, err
		}
		b.property = stored.Revision
	}
	if s := batch.Sink; s != nil {
		stored, _, err := l.base.Sink(ctx, s.Name)
		if err != nil {
			return b, err
		}
		b.sink = stored.Revision
	}
	for _, each := range batch.Read {
		found, err := l.base.Customers(ctx, each.Enterprise, []preauth.ID{each.CustomerID})
		if err != nil {
			return b, err
		}
		b.customers[customerKey{each.Enterprise, each.CustomerID}] = found[each.CustomerID].Read != 0
	}
	for _, each := range batch.ObservedReads {
		found, err := l.base.ObservedReads(ctx, each.Enterprise, []preauth.ID{each.CustomerID})
		if err != nil {
			return b, err
		}
		_, b.observed[customerKey{each.Enterprise, each.CustomerID}] = found[each.CustomerID]
	}
	for _, t := range batch.Tokens {
		stored, err := l.base.Tokens(ctx, t.Sink, []string{t.Token})
		if err != nil {
			return b, err
		}
		if old, ok := stored[t.Token]; ok {
			b.tokens[tokenKey{t.Sink, t.Token}] = old
		}
	}
	return b, nil
}

// check compares every revision with the one that was read.
func (l *Ledger) check(batch plan.Batch, b below) error {
	seen := make(map[preauth.ID]bool, len(batch.Records))
	for _, r := range batch.Records {
		if _, err := preauth.ParseID(string(r.ID)); err != nil {
			return err
		}
		if seen[r.ID] {
			return fmt.Errorf("record %s stands twice in one batch", r.ID)
		}
		seen[r.ID] = true
		if err := conflict("record "+string(r.ID), l.records[r.ID].Revision, b.records[r.ID].Revision, r.Revision); err != nil {
			return err
		}
	}
	for _, e := range batch.Journal {
		if _, err := preauth.ParseID(string(e.ID)); err != nil {
			return fmt.Errorf("a journal line: %w", err)
		}
	}
	if err := cmp.Or(checkPasses(batch), checkReport(batch)); err != nil {
		return err
	}
	for _, each := range batch.Pauses {
		if each.Enterprise == "" {
			continue
		}
		if _, err := preauth.ParseID(string(each.Enterprise)); err != nil {
			return fmt.Errorf("a pause: %w", err)
		}
	}
	if p := batch.Property; p != nil {
		if err := conflict("property "+string(p.Enterprise), l.properties[p.Enterprise].Revision, b.property, p.Revision); err != nil {
			return err
		}
	}
	if s := batch.Sink; s != nil {
		if err := conflict("sink "+s.Name, l.sinks[s.Name].Revision, b.sink, s.Revision); err != nil {
			return err
		}
	}
	if err := l.checkIdentities(batch, b); err != nil {
		return err
	}
	for _, e := range batch.Journal {
		if !seen[e.ID] && l.stored(e.ID, b).Revision == 0 {
			return fmt.Errorf("a journal line of %s, of which there is no record", e.ID)
		}
	}
	return nil
}

func conflict(what string, kept, base, read uint64) error {
	stored := max(kept, base)
	if stored == read {
		return nil
	}
	return fmt.Errorf("%s is at revision %d and was read at %d: %w", what, stored, read, plan.ErrConflict)
}

func (l *Ledger) put(batch plan.Batch, b below) {
	l.putIdentities(batch, b)
	l.putPasses(batch, b)
	for _, r := range batch.Records {
		l.pending.move(l.stored(r.ID, b), r)
		r.Revision++
		l.records[r.ID] = copyRecord(r)
	}
	for _, e := range batch.Journal {
		l.seq++
		e.Seq, e.At = l.seq, copyTime(e.At)
		l.journal[e.ID] = append(l.journal[e.ID], e)
	}
	for _, each := range batch.Read {
		key := customerKey{each.Enterprise, each.CustomerID}
		if _, ok := l.customers[key]; !ok && !b.customers[key] && each.Cycle > 0 {
			l.customers[key] = each.Cycle
		}
	}
	for _, each := range batch.Discovered {
		l.discovered[customerKey{each.Enterprise, each.CustomerID}] = copySeconds(each.Until)
	}
	l.putLookedUp(batch.LookedUp)
	l.report.put(batch, b.observed)
	if p := batch.Property; p != nil {
		stored := copyProperty(*p)
		stored.Revision++
		l.properties[p.Enterprise] = stored
	}
	if s := batch.Sink; s != nil {
		stored := copySink(*s)
		stored.Revision++
		l.sinks[s.Name] = stored
	}
	for _, t := range batch.Tokens {
		key := tokenKey{t.Sink, t.Token}
		if old, ok := l.tokens[key]; ok {
			t = merge(old, t)
		} else if old, ok := b.tokens[key]; ok {
			t = merge(old, t)
		}
		l.tokens[key] = copyToken(t)
	}
	for _, each := range batch.Pauses {
		l.pauses[each.Enterprise] = copyTime(each.Since)
	}
	for _, h := range batch.Highest {
		l.highest[h.Sink] = max(l.highest[h.Sink], h.Identity)
	}
}
