package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// list unites the listed customers with those that have unfinished records,
// and divides them into chunks.
func (run *propertyRun) list(ctx context.Context) error {
	methods, err := run.p.opts.Methods(ctx)
	if err != nil {
		run.stopCreates = true
		run.account.fail(err)
		methods = noMethods{}
	}
	run.methods = methods
	if b := run.c.backfill; b.partial() {
		return run.divide(ctx, b.opts.Customers)
	}
	customers, err := run.p.opts.Customers(ctx)
	if err != nil {
		run.stopCreates = true
		run.account.fail(err)
	}
	for _, invalid := range customers.Invalid {
		run.refuse(invalid.Spelled, invalid.Where+": it is not a UUID, and was not asked for")
	}
	found, err := run.discover(ctx)
	if run.e.Failed() != nil {
		return err
	}
	if err != nil {
		run.account.fail(err)
	}
	run.wholeList = err == nil && !run.stopCreates && len(customers.Invalid) == 0
	return run.divide(ctx, slices.Concat(customers.IDs, found))
}

// divide adds who has unfinished records, unless only some are asked for, and
// makes the chunks.
func (run *propertyRun) divide(ctx context.Context, listed []preauth.ID) error {
	run.listed = make(map[preauth.ID]bool, len(listed))
	for _, id := range listed {
		run.listed[id] = true
	}
	run.unfinished, run.strays = map[preauth.ID][]preauth.ID{}, map[preauth.ID]bool{}
	ids := slices.Collect(maps.Keys(run.listed))
	err := run.e.ledger.Unfinished(ctx, run.p.enterprise, func(rec plan.Record) error {
		if rec.CustomerID == "" {
			return nil
		}
		if _, known := run.unfinished[rec.CustomerID]; !known && !run.listed[rec.CustomerID] && !run.c.backfill.partial() {
			ids = append(ids, rec.CustomerID)
		}
		run.unfinished[rec.CustomerID] = append(run.unfinished[rec.CustomerID], rec.ID)
		return nil
	})
	if err != nil {
		return run.e.fail(err)
	}
	slices.Sort(ids)
	run.chunks, run.isListed = slices.Collect(slices.Chunk(ids, chunkSize)), true
	run.c.backfill.lists(run)
	return nil
}

// Discovered customers stay known for a while after discovery has last shown
// them, so that neither a failed page nor a narrower window forgets anybody.
// Their date is stored again once it is a day old: a cycle that finds the same
// customers writes nothing.
const (
	keepDiscovered = 30 * 24 * time.Hour
	refreshSeen    = 24 * time.Hour
)

// discover gives the customers that the PMS has touched of late, and those it
// had touched in earlier cycles. An error means that some may be missing; what
// is given stands.
func (run *propertyRun) discover(ctx context.Context) ([]preauth.ID, error) {
	if run.p.opts.Discover == nil {
		return nil, nil
	}
	e, now := run.e, run.e.now()
	known := map[preauth.ID]time.Time{}
	err := e.ledger.Discovered(ctx, run.p.enterprise, func(d plan.Discovered) error {
		known[d.CustomerID] = d.Until
		return nil
	})
	if err != nil {
		return nil, e.fail(err)
	}
	failed := run.p.opts.Discover(ctx, func(page []preauth.ID) error {
		e.opts.Progress()
		var batch plan.Batch
		for _, id := range page {
			if seen, ok := known[id]; !ok || now.Sub(seen) > refreshSeen {
				batch.Discovered = append(batch.Discovered, plan.Discovered{
					Enterprise: run.p.enterprise, CustomerID: id, Until: now,
				})
				known[id] = now
			}
		}
		if len(batch.Discovered) == 0 {
			return nil
		}
		return e.commit(ctx, batch)
	})
	if failed == nil {
		if err := run.forget(ctx, known, now); err != nil {
			return nil, err
		}
	}
	return slices.Collect(maps.Keys(known)), failed
}

// forget drops whom discovery has not shown for long enough. Who has unfinished
// records is polled all the same.
func (run *propertyRun) forget(ctx context.Context, known map[preauth.ID]time.Time, now time.Time) error {
	var gone []plan.Discovered
	for id, seen := range known {
		if now.Sub(seen) > keepDiscovered {
			gone = append(gone, plan.Discovered{Enterprise: run.p.enterprise, CustomerID: id})
		}
	}
	for part := range slices.Chunk(gone, chunkSize) {
		if err := run.e.commit(ctx, plan.Batch{Discovered: part}); err != nil {
			return run.e.fail(err)
		}
		for _, each := range part {
			delete(known, each.CustomerID)
		}
	}
	return nil
}

// noMethods stands in for a file that cannot be used; creates are stopped then.
type noMethods struct{}

// Find gives no method.
func (noMethods) Find(preauth.Preauthorization) plan.Method {
	return plan.Method{Missing: "the payment methods file cannot be used"}
}

// firstRunIsOver tells whether every listed customer has been read once, and
// says so while it is not.
func (run *propertyRun) firstRunIsOver(ctx context.Context) (bool, error) {
	if run.doc.FirstRunDone || len(run.listed) == 0 || !run.isListed || run.c.backfill.partial() {
		return run.doc.FirstRunDone, nil
	}
	unread := 0
	listed := slices.Collect(maps.Keys(run.listed))
	for chunk := range slices.Chunk(listed, chunkSize) {
		read, err := run.e.ledger.ReadCycles(ctx, run.p.enterprise, chunk)
		if err != nil {
			return false, err
		}
		unread += len(chunk) - len(read)
	}
	if unread == 0 && run.wholeList {
		return true, nil
	}
	run.account.log.Warn("the first run is not over: until every listed customer has been read, what is first seen charged becomes the baseline",
		telemetry.Event(telemetry.FirstRunOpen), zap.Int("unread", unread), zap.Bool("list_complete", run.wholeList))
	return false, nil
}
