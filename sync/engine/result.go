package engine

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Result is the account of one cycle.
type Result struct {
	CycleID    string
	Properties []PropertyResult
	// InDoubt counts the intents whose outcome was still not known at the end.
	InDoubt int
	// Sinks are in the order of the options.
	Sinks []SinkResult
}

// SinkResult says how a sink was in one cycle.
type SinkResult struct {
	Name string
	// Err is why nothing more was sent to it, nil when it was usable or not needed.
	Err error
}

// PropertyResult is the account of one property's cycle.
type PropertyResult struct {
	// Name is empty for what became of records whose property is not configured any
	// more; that result is there only when there is something to tell.
	Name   string
	Report plan.CycleReport
	// NewOutcomeParks counts what this cycle parked for an outcome.
	NewOutcomeParks int
	// Skipped counts by reason what nothing was sent for.
	Skipped map[plan.Why]int
	// Unread is set when nothing could be read of the property in this cycle.
	Unread bool
	// Err is the first failure, nil when there was none.
	Err error
}

var errUnbound = errors.New("whose it is is not known: the PMS has not said so, or the property was refused")

func (e *Engine) finish(ctx context.Context, c *cycle) (Result, error) {
	result := Result{CycleID: c.id, InDoubt: e.inDoubt()}
	for _, opts := range e.opts.Sinks {
		s := e.sinks[opts.Name]
		err := s.outOfUse()
		if s.name == "" {
			err = errUnbound
		}
		result.Sinks = append(result.Sinks, SinkResult{Name: opts.Name, Err: err})
	}
	broken := c.broken()
	for _, run := range c.runs {
		if broken != nil {
			run.account.failQuietly(broken)
		}
		if own := run.result(ctx); !run.aside || own.NewOutcomeParks > 0 || own.Err != nil {
			result.Properties = append(result.Properties, own)
		}
	}
	if parks, err := c.strays.outcomeParks(), c.strays.err(); parks > 0 || err != nil {
		result.Properties = append(result.Properties, PropertyResult{NewOutcomeParks: parks, Err: err})
	}
	if result.InDoubt > 0 {
		then := "the next cycle looks them up, nothing is sent again blindly"
		if c.observe {
			then = "they stay so while mirror.mode is observe"
		}
		e.log.Error("requests are still without a definite answer: "+then,
			telemetry.Event(telemetry.IntentsInDoubt), telemetry.CycleID(c.id), zap.Int("in_doubt", result.InDoubt))
	}
	if err := e.Failed(); err != nil {
		return result, err
	}
	for _, p := range result.Properties {
		if binding, ok := errors.AsType[*BindingError](p.Err); ok {
			return result, binding
		}
	}
	return result, ctx.Err()
}

// result closes a property's cycle. One that was left aside has nothing of its own
// to tell, but what became of what was in doubt.
func (run *propertyRun) result(ctx context.Context) PropertyResult {
	out := PropertyResult{Name: run.p.opts.Name, Unread: run.unread()}
	if !run.aside {
		out.Report = run.account.finish(ctx.Err() != nil)
	}
	if run.ready && !run.aside {
		run.close(ctx, out.Report)
	}
	out.NewOutcomeParks, out.Err, out.Skipped = run.account.outcomeParks(), run.account.err(), run.account.skipped()
	return out
}

// close stores the account of a property's cycle.
func (run *propertyRun) close(ctx context.Context, report plan.CycleReport) {
	over, err := run.firstRunIsOver(context.WithoutCancel(ctx))
	if err != nil {
		_ = run.e.fail(err)
		return
	}
	if run.c.observe {
		run.doc.ObservedFirstRunDone = over
	} else {
		run.doc.FirstRunDone = over
	}
	if run.c.backfill == nil {
		run.doc.LastCycle = &report
	}
	if err := run.e.commit(ctx, plan.Batch{Property: &run.doc}); err != nil {
		_ = run.e.fail(err) // nobody else writes this document
	}
}

// add adds another cycle's result; what is in doubt and how the sinks are is the
// last one's to say.
func (r *Result) add(next Result) {
	r.CycleID, r.InDoubt, r.Sinks = next.CycleID, next.InDoubt, next.Sinks
	for _, p := range next.Properties {
		known := false
		for i := range r.Properties {
			if r.Properties[i].Name == p.Name {
				r.Properties[i].add(p)
				known = true
			}
		}
		if !known {
			r.Properties = append(r.Properties, p)
		}
	}
}

func (p *PropertyResult) add(next PropertyResult) {
	next.Report.Started = p.Report.Started
	next.Report.OK = next.Report.OK && p.Report.OK
	next.Report.Counts = p.Report.Counts.Plus(next.Report.Counts)
	if p.Report.Error != "" {
		next.Report.Error = p.Report.Error
	}
	p.Report = next.Report
	for why, n := range next.Skipped {
		p.Skipped[why] += n
	}
	p.NewOutcomeParks += next.NewOutcomeParks
	p.Unread = p.Unread && next.Unread
	if p.Err == nil {
		p.Err = next.Err
	}
}
