package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Pauses gives what is paused, by enterprise, the pause of all first.
func (l *Ledger) Pauses(ctx context.Context) ([]plan.Pause, error) {
	since := make(map[preauth.ID]time.Time)
	if l.base != nil {
		below, err := l.base.Pauses(ctx)
		if err != nil {
			return nil, err
		}
		for _, each := range below {
			since[each.Enterprise] = each.Since
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.Copy(since, l.pauses)
	var all []plan.Pause
	for enterprise, at := range since {
		if !at.IsZero() {
			all = append(all, plan.Pause{Enterprise: enterprise, Since: at})
		}
	}
	slices.SortFunc(all, func(a, b plan.Pause) int { return cmp.Compare(a.Enterprise, b.Enterprise) })
	return all, ctx.Err()
}
