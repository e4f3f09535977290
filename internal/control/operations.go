package control

import "context"

// The operations by their path.
const (
	opHello    = "hello"
	opStatus   = "status"
	opShow     = "show"
	opExport   = "export"
	opBackup   = "backup"
	opParked   = "parked"
	opRetry    = "retry"
	opResolve  = "resolve"
	opPause    = "pause"
	opResume   = "resume"
	opPlan     = "plan"
	opBackfill = "backfill"
	opAudit    = "audit"
)

// operation reads its argument, hands over its items and gives its result.
type operation func(ctx context.Context, of Operator, x *exchange) (any, error)

// operations are what a daemon can be asked.
func operations() map[string]operation {
	return map[string]operation{
		opStatus:  plain(Operator.Status),
		opShow:    taking(Operator.Show),
		opParked:  taking(Operator.Parked),
		opRetry:   taking(Operator.Retry),
		opResolve: taking(Operator.Resolve),
		opPause:   taking(Operator.Pause),
		opResume:  taking(Operator.Resume),
		opPlan:    plain(Operator.Plan),
		opExport: streaming(func(ctx context.Context, of Operator, _ nothing, x *exchange) (nothing, error) {
			x.bulk = true
			return nothing{}, of.Export(ctx, func(rec Record) error { return x.item(rec) })
		}),
		opBackup: streaming(func(ctx context.Context, of Operator, _ nothing, x *exchange) (nothing, error) {
			x.bulk, x.slow = true, backupPatience
			return nothing{}, of.Backup(ctx, x)
		}),
		opBackfill: streaming(func(ctx context.Context, of Operator, order Backfill, x *exchange) (Account, error) {
			hand, end := x.newest() // who is mirroring must not wait for a terminal that stands still
			defer end()
			return of.Backfill(ctx, order, func(p Progress) { hand(p) })
		}),
		opAudit: streaming(func(ctx context.Context, of Operator, order Audit, x *exchange) (Audited, error) {
			return of.Audit(ctx, order, func(found Finding) error { return x.item(found) })
		}),
	}
}

// plain is an operation that takes nothing and hands over no items.
func plain[R any](do func(Operator, context.Context) (R, error)) operation {
	return streaming(func(ctx context.Context, of Operator, _ nothing, _ *exchange) (R, error) { return do(of, ctx) })
}

// taking is an operation with an argument that hands over no items.
func taking[A, R any](do func(Operator, context.Context, A) (R, error)) operation {
	return streaming(func(ctx context.Context, of Operator, argument A, _ *exchange) (R, error) {
		return do(of, ctx, argument)
	})
}

func streaming[A, R any](do func(context.Context, Operator, A, *exchange) (R, error)) operation {
	return func(ctx context.Context, of Operator, x *exchange) (any, error) {
		var argument A
		if err := x.read(&argument); err != nil {
			return nil, err
		}
		return do(ctx, of, argument, x)
	}
}
