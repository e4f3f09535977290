package engine

import (
	"context"
	"maps"
	"slices"

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
	if err := run.findUnfinished(ctx); err != nil {
		return err
	}
	if b := run.c.backfill; b.partial() {
		run.divide(b.opts.Customers)
		return nil
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
	run.wholeList = complete(err) && !run.stopCreates && len(customers.Invalid) == 0
	run.divide(slices.Concat(customers.IDs, found))
	return nil
}

// findUnfinished reads who has unfinished records, and tells of the holds among
// them that have come of age.
func (run *propertyRun) findUnfinished(ctx context.Context) error {
	run.unfinished, run.strays = map[preauth.ID][]preauth.ID{}, map[preauth.ID]bool{}
	var aged []plan.Record
	err := run.e.ledger.Unfinished(ctx, run.p.enterprise, func(rec plan.Record) error {
		if rec.CustomerID != "" {
			run.unfinished[rec.CustomerID] = append(run.unfinished[rec.CustomerID], rec.ID)
		}
		if run.hasAged(rec) {
			aged = append(aged, rec)
		}
		return nil
	})
	if err != nil {
		return run.e.fail(err)
	}
	return run.tellAged(ctx, aged)
}

// divide adds who has unfinished records, unless only some are asked for, and
// makes the chunks.
func (run *propertyRun) divide(listed []preauth.ID) {
	run.listed = make(map[preauth.ID]bool, len(listed))
	for _, id := range listed {
		run.listed[id] = true
	}
	ids := slices.Collect(maps.Keys(run.listed))
	for id := range run.unfinished {
		if !run.listed[id] && !run.c.backfill.partial() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	run.chunks, run.isListed = slices.Collect(slices.Chunk(ids, chunkSize)), true
	run.c.backfill.lists(run)
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
	if done := run.firstRunDone(); done || len(run.listed) == 0 || !run.isListed || run.c.backfill.partial() {
		return done, nil
	}
	unread := 0
	listed := slices.Collect(maps.Keys(run.listed))
	for chunk := range slices.Chunk(listed, chunkSize) {
		read, err := run.readCycles(ctx, chunk)
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
