package engine

import (
	"context"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// log is for lines about the sink: those of one that a property has for itself name it.
func (s *sinkRuntime) log(c *cycle) *zap.Logger {
	log := s.e.log.With(telemetry.CycleID(c.id))
	if s.opts.Own {
		log = log.With(telemetry.Property(s.opts.Name))
	}
	return log
}

// bindSinks finds out what the ledger calls the sinks that properties have for
// themselves, and keeps a property from a sink that is not the one that it wrote
// to: an identity there would be somebody else's hold. Only the PMS says whose a sink
// is. While it does not, what is in doubt there waits.
func (e *Engine) bindSinks(ctx context.Context, c *cycle) {
	known, err := e.ledger.Properties(ctx)
	if err != nil {
		err = e.fail(err)
		for _, run := range c.runs {
			run.ready = false // where it wrote to is not known
			run.account.failQuietly(err)
		}
		return
	}
	for _, run := range c.runs {
		at := slices.IndexFunc(known, func(doc plan.Property) bool { return doc.Enterprise == run.p.enterprise })
		was := plan.Property{Name: run.p.opts.Name}
		if at >= 0 {
			was = known[at]
		}
		if err := run.p.bind(ctx, was, run.p.enterprise != "" && run.twin() == nil); err != nil {
			run.ready = false
			run.account.fail(err)
		}
	}
}

// bind names a property's own sink after its enterprise, if that is certain. An error
// is that of the ledger, or CheckSink's.
func (p *property) bind(ctx context.Context, was plan.Property, certain bool) error {
	s := p.sink
	if s.opts.Own {
		s.name = ""
	}
	if !certain {
		return nil
	}
	var own plan.Sink
	if s.opts.Own {
		var err error
		if own, _, err = s.e.ledger.Sink(ctx, string(p.enterprise)); err != nil {
			return s.e.fail(err)
		}
	}
	was.Enterprise = p.enterprise
	if err := CheckSink(p.opts.Name, was, own, s.opts); err != nil {
		return err
	}
	if s.opts.Own {
		s.name = string(p.enterprise)
	}
	return nil
}

// CheckSink refuses to let a property write to another sink than before. was is what
// the ledger knows of the property, own what it knows of the sink of its enterprise.
// The error is a *BindingError.
func CheckSink(property string, was plan.Property, own plan.Sink, now SinkOptions) error {
	name := now.Name
	if now.Own {
		name = string(was.Enterprise)
	}
	order := fmt.Sprintf("`preauth-sync state rebind --property %s`", was.Name)
	if was.Name == "" {
		order = "`preauth-sync state rebind`, once a cycle with the v4 of before has stored its new name"
	}
	if was.Name != "" && was.Name != property {
		order += fmt.Sprintf(", while it is still called %s in the configuration", was.Name)
	}
	if was.Sink != "" && was.Sink != name {
		from, to := "the v4 that properties share", "one of its own"
		if !now.Own {
			from, to = "a v4 of its own", "the one that properties share"
		}
		return &BindingError{fmt.Sprintf("property %s wrote to %s and the configuration now gives it %s: what it holds stays with the one before. Put the "+
			"configuration back until all of it is captured or released, or accept the change with %s", property, from, to, order)}
	}
	if now.Own && own.Address != "" && own.Address != now.Address {
		return &BindingError{fmt.Sprintf("the v4 of property %s was at %s and the configuration says %s: check it, or if it is the same system, "+
			"accept the change with %s", property, own.Address, now.Address, order)}
	}
	return nil
}
