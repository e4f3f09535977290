package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// boundSink is the v4 that a property's records are on.
type boundSink struct {
	Sink

	// doc is what the state file knows of it; its Name is the one that it has there.
	doc plan.Sink
	// moved says why the configuration's is not that one, and is empty when it is.
	moved string
}

// ledgerName is what the state file calls the sink of an enterprise.
func (s Sink) ledgerName(enterprise preauth.ID) string {
	if s.Own {
		return string(enterprise)
	}
	return engine.DefaultSink
}

// sinkOf gives the sink of an enterprise's records. That of one that is no longer
// configured has the settings of the shared one.
func (o *Operator) sinkOf(ctx context.Context, enterprise preauth.ID) (boundSink, error) {
	doc, _, err := o.Ledger.Property(ctx, enterprise)
	if err != nil {
		return boundSink{}, err
	}
	p, configured := o.configured(doc.Name)
	if !configured {
		name := cmp.Or(doc.Sink, engine.DefaultSink)
		sink, _, err := o.Ledger.Sink(ctx, name)
		sink.Name = name
		return boundSink{Sink: sinkFor(o.Config, p), doc: sink}, err
	}
	return o.bind(ctx, p, enterprise, doc.Sink)
}

// bind gives the sink of a configured property, whose records are on the one of a name
// in the state file, or on none yet.
func (o *Operator) bind(ctx context.Context, p config.Property, enterprise preauth.ID, was string) (boundSink, error) {
	out := boundSink{Sink: sinkFor(o.Config, p)}
	is := out.ledgerName(enterprise)
	name := cmp.Or(was, is)
	doc, _, err := o.Ledger.Sink(ctx, name)
	out.doc, out.doc.Name = doc, name
	switch {
	case name != is:
		out.moved = fmt.Sprintf("property %s wrote to another v4 than the configuration gives it now", p.Name)
	case out.Own && doc.Address != "" && doc.Address != out.Config.Address:
		out.moved = fmt.Sprintf("the v4 of property %s was at %s, and the configuration says %s", p.Name, doc.Address, out.Config.Address)
	}
	return out, err
}

// configured gives the property of the configuration with a name.
func (o *Operator) configured(name string) (config.Property, bool) {
	i := slices.IndexFunc(o.Config.Properties, func(p config.Property) bool { return p.Name == name })
	if i < 0 {
		return config.Property{}, false
	}
	return o.Config.Properties[i], true
}

// retrying is what the state file and the configuration say of an enterprise's sink.
func (o *Operator) retrying(ctx context.Context, enterprise preauth.ID) (plan.Retrying, error) {
	sink, err := o.sinkOf(ctx, enterprise)
	return plan.Retrying{Proof: sink.doc.Proof, Settle: sink.Config.Settle}, err
}

// sinkDocs gives what the state file knows of the configured sinks, by their names in
// the configuration.
func sinkDocs(ctx context.Context, ledger *state.Ledger, cfg *config.Config, known []plan.Property) (map[string]plan.Sink, error) {
	docs := map[string]plan.Sink{}
	for _, sink := range sinksOf(cfg) {
		var enterprise preauth.ID
		if i := slices.IndexFunc(known, func(doc plan.Property) bool { return doc.Name == sink.Name }); sink.Own && i >= 0 {
			enterprise = known[i].Enterprise
		}
		name := sink.ledgerName(enterprise)
		if name == "" {
			continue // no cycle has met its property yet
		}
		doc, _, err := ledger.Sink(ctx, name)
		if err != nil {
			return nil, err
		}
		docs[sink.Name] = doc
	}
	return docs, nil
}
