package engine

import (
	"context"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
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
// to: an identity there would be somebody else's hold.
func (e *Engine) bindSinks(ctx context.Context, c *cycle) {
	known, err := e.ledger.Properties(ctx)
	if err != nil {
		_ = e.fail(err)
		return
	}
	for _, run := range c.runs {
		enterprise := run.p.enterprise
		at := slices.IndexFunc(known, func(doc plan.Property) bool {
			return doc.Enterprise == enterprise || enterprise == "" && doc.Name == run.p.opts.Name
		})
		if at >= 0 {
			enterprise = known[at].Enterprise
		}
		err := run.p.sink.bind(ctx, enterprise)
		if err == nil && at >= 0 {
			err = run.p.bound(known[at].Sink)
		}
		if err != nil {
			run.ready = false
			run.account.fail(err)
		}
	}
}

// bind names a property's own sink after its enterprise. An error is that of the
// ledger, or a *BindingError: it was found at another address.
func (s *sinkRuntime) bind(ctx context.Context, enterprise preauth.ID) error {
	if !s.opts.Own {
		return nil
	}
	s.name = ""
	if enterprise == "" {
		return nil // the PMS has not answered yet, and no earlier cycle has met it
	}
	doc, _, err := s.e.ledger.Sink(ctx, string(enterprise))
	if err != nil {
		return s.e.fail(err)
	}
	if doc.Address != "" && doc.Address != s.opts.Address {
		return &BindingError{fmt.Sprintf("the v4 of property %s was at %s and the configuration says %s: check it, or if it is the same system, "+
			"accept the change with `preauth-sync state rebind --property %s`", s.opts.Name, doc.Address, s.opts.Address, s.opts.Name)}
	}
	s.name = string(enterprise)
	return nil
}

// bound refuses another sink than the one that a property wrote to.
func (p *property) bound(was string) error {
	if was == "" || p.sink.name == "" || was == p.sink.name {
		return nil
	}
	from, to := "the v4 that properties share", "one of its own"
	if was != DefaultSink {
		from, to = "a v4 of its own", "the one that properties share"
	}
	return &BindingError{fmt.Sprintf("property %s wrote to %s and the configuration now gives it %s: what it holds is not there. "+
		"Put the configuration back until all of it is captured or released, or accept the change with `preauth-sync state rebind --property %s`",
		p.opts.Name, from, to, p.opts.Name)}
}
