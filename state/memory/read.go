package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// get reads one value: what is kept here, else what base gives.
func get[K comparable, V any](
	ctx context.Context, l *Ledger, kept map[K]V, key K, copied func(V) V, base func(context.Context, K) (V, bool, error),
) (V, bool, error) {
	var none V
	if err := ctx.Err(); err != nil {
		return none, false, err
	}
	l.mu.Lock()
	v, ok := kept[key]
	l.mu.Unlock()
	if ok {
		return copied(v), true, nil
	}
	if l.base == nil {
		return none, false, nil
	}
	return base(ctx, key)
}

// baseOf gives base's method, or nothing to call.
func baseOf[F any](l *Ledger, method func(Reader) F) F {
	var none F
	if l.base == nil {
		return none
	}
	return method(l.base)
}

// Record gives one record, and whether there is one.
func (l *Ledger) Record(ctx context.Context, id preauth.ID) (plan.Record, bool, error) {
	return get(ctx, l, l.records, id, copyRecord,
		baseOf(l, func(r Reader) func(context.Context, preauth.ID) (plan.Record, bool, error) { return r.Record }))
}

// Property gives what is known of one property, and whether anything is.
func (l *Ledger) Property(ctx context.Context, enterprise preauth.ID) (plan.Property, bool, error) {
	return get(ctx, l, l.properties, enterprise, copyProperty,
		baseOf(l, func(r Reader) func(context.Context, preauth.ID) (plan.Property, bool, error) { return r.Property }))
}

// Sink gives what is known of one sink, and whether anything is.
func (l *Ledger) Sink(ctx context.Context, name string) (plan.Sink, bool, error) {
	return get(ctx, l, l.sinks, name, copySink,
		baseOf(l, func(r Reader) func(context.Context, string) (plan.Sink, bool, error) { return r.Sink }))
}

// Records gives those that exist, by Id.
func (l *Ledger) Records(ctx context.Context, ids []preauth.ID) (map[preauth.ID]plan.Record, error) {
	found := make(map[preauth.ID]plan.Record, len(ids))
	if l.base != nil {
		below, err := l.base.Records(ctx, ids)
		if err != nil {
			return nil, err
		}
		maps.Copy(found, below)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if r, ok := l.records[id]; ok {
			found[id] = copyRecord(r)
		}
	}
	return found, ctx.Err()
}

// Owner gives the record that holds an identity of a sink, and whether one does.
func (l *Ledger) Owner(ctx context.Context, sink string, identity int64) (preauth.ID, bool, error) {
	if err := ctx.Err(); err != nil {
		return "", false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if owner, ok := l.owners[identityKey{sink, identity}]; ok {
		return owner, true, nil
	}
	if l.base == nil {
		return "", false, nil
	}
	owner, ok, err := l.base.Owner(ctx, sink, identity)
	if l.moved[owner] {
		return "", false, err
	}
	return owner, ok, err
}

// Journal gives a record's lines, oldest first.
func (l *Ledger) Journal(ctx context.Context, id preauth.ID) ([]plan.Entry, error) {
	var entries []plan.Entry
	if l.base != nil {
		var err error
		if entries, err = l.base.Journal(ctx, id); err != nil {
			return nil, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return append(entries, l.journal[id]...), ctx.Err()
}

// Properties gives every property, in the order of their enterprises.
func (l *Ledger) Properties(ctx context.Context) ([]plan.Property, error) {
	all := make(map[preauth.ID]plan.Property)
	if l.base != nil {
		below, err := l.base.Properties(ctx)
		if err != nil {
			return nil, err
		}
		for _, p := range below {
			all[p.Enterprise] = p
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, p := range l.properties {
		all[id] = copyProperty(p)
	}
	sorted := slices.SortedFunc(maps.Values(all), func(a, b plan.Property) int {
		return cmp.Compare(a.Enterprise, b.Enterprise)
	})
	return sorted, ctx.Err()
}

// Highest gives the highest identity known on a sink, 0 for none.
func (l *Ledger) Highest(ctx context.Context, sink string) (int64, error) {
	var below int64
	if l.base != nil {
		var err error
		if below, err = l.base.Highest(ctx, sink); err != nil {
			return 0, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(below, l.highest[sink]), ctx.Err()
}

// Tokens gives those that exist among the asked, by token.
func (l *Ledger) Tokens(ctx context.Context, sink string, tokens []string) (map[string]plan.Token, error) {
	found := make(map[string]plan.Token)
	if l.base != nil {
		below, err := l.base.Tokens(ctx, sink, tokens)
		if err != nil {
			return nil, err
		}
		maps.Copy(found, below)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, each := range tokens {
		if t, ok := l.tokens[tokenKey{sink, each}]; ok {
			found[each] = copyToken(t)
		}
	}
	return found, ctx.Err()
}

// Each hands over every record, in the order of their Ids.
func (l *Ledger) Each(ctx context.Context, visit func(plan.Record) error) error {
	var base func(func(plan.Record) error) error
	if l.base != nil {
		base = func(visit func(plan.Record) error) error { return l.base.Each(ctx, visit) }
	}
	return mergeVisits(ctx, l.kept(func(plan.Record) bool { return true }), base, visit, func(a, b plan.Record) int {
		return cmp.Compare(a.ID, b.ID)
	})
}

// Unfinished hands over the unfinished records of one enterprise, or of all
// for "".
func (l *Ledger) Unfinished(ctx context.Context, enterprise preauth.ID, visit func(plan.Record) error) error {
	wanted := func(r plan.Record) bool {
		return r.Unfinished() && (enterprise == "" || r.Enterprise == enterprise)
	}
	return l.visit(ctx, wanted, baseOf(l, func(r Reader) visits {
		return func(visit func(plan.Record) error) error { return r.Unfinished(ctx, enterprise, visit) }
	}), visit)
}

// Discovered hands over the customers of an enterprise that discovery has found,
// in the order of their Ids.
func (l *Ledger) Discovered(ctx context.Context, enterprise preauth.ID, visit func(plan.Discovered) error) error {
	l.mu.Lock()
	hidden := make(map[preauth.ID]bool)
	var kept []plan.Discovered
	for key, seen := range l.discovered {
		switch {
		case key.enterprise != enterprise:
		case seen.IsZero():
			hidden[key.customer] = true
		default:
			kept = append(kept, plan.Discovered{Enterprise: enterprise, CustomerID: key.customer, Until: seen})
		}
	}
	l.mu.Unlock()
	var base func(func(plan.Discovered) error) error
	if l.base != nil {
		base = func(visit func(plan.Discovered) error) error {
			return l.base.Discovered(ctx, enterprise, func(d plan.Discovered) error {
				if hidden[d.CustomerID] {
					return nil
				}
				return visit(d)
			})
		}
	}
	return mergeVisits(ctx, kept, base, visit, func(a, b plan.Discovered) int {
		return cmp.Compare(a.CustomerID, b.CustomerID)
	})
}

// Unmatched hands over the tokens of a sink that are not yet known to be foreign.
func (l *Ledger) Unmatched(ctx context.Context, sink string, visit func(plan.Token) error) error {
	l.mu.Lock()
	kept := make(map[string]plan.Token)
	for key, t := range l.tokens {
		if key.sink == sink {
			kept[key.token] = copyToken(t)
		}
	}
	l.mu.Unlock()
	if l.base != nil {
		err := l.base.Unmatched(ctx, sink, func(t plan.Token) error {
			if _, ok := kept[t.Token]; ok {
				return nil
			}
			return visit(t)
		})
		if err != nil {
			return err
		}
	}
	for _, token := range slices.Sorted(maps.Keys(kept)) {
		if kept[token].Foreign {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := visit(kept[token]); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (l *Ledger) hides(id preauth.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.records[id]
	return ok
}

func (l *Ledger) kept(wanted func(plan.Record) bool) []plan.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	var kept []plan.Record
	for _, r := range l.records {
		if wanted(r) {
			kept = append(kept, copyRecord(r))
		}
	}
	return kept
}

// mergeVisits visits what is kept and what base gives, both in the same order;
// of two that compare equal only the one that is kept.
func mergeVisits[T any](
	ctx context.Context, kept []T, base func(func(T) error) error,
	visit func(T) error, compare func(a, b T) int,
) error {
	slices.SortFunc(kept, compare)
	next := func() error {
		r := kept[0]
		kept = kept[1:]
		if err := ctx.Err(); err != nil {
			return err
		}
		return visit(r)
	}
	if base != nil {
		err := base(func(r T) error {
			for len(kept) > 0 && compare(kept[0], r) < 0 {
				if err := next(); err != nil {
					return err
				}
			}
			if len(kept) > 0 && compare(kept[0], r) == 0 {
				return next()
			}
			return visit(r)
		})
		if err != nil {
			return err
		}
	}
	for len(kept) > 0 {
		if err := next(); err != nil {
			return err
		}
	}
	return ctx.Err()
}
