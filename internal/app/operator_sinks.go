package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/control"
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

// lookup is the question about a record's card that v4 is asked, and whether it is.
func (o *Operator) lookup(ctx context.Context, rec plan.Record) (plan.LookedUp, bool, error) {
	doc, _, err := o.Ledger.Property(ctx, rec.Enterprise)
	if err != nil {
		return plan.LookedUp{}, false, err
	}
	p, configured := o.configured(doc.Name)
	card := plan.CardKey(rec.CardID)
	if !configured || p.PaymentMethods.Lookup == "" || card == "" {
		return plan.LookedUp{}, false, nil
	}
	sink, err := o.bind(ctx, p, rec.Enterprise, doc.Sink)
	return plan.LookedUp{Sink: sink.doc.Name, Field: p.PaymentMethods.Lookup, CardID: card}, true, err
}

// lookedUp is what v4 said of a card without a payment method, nil where that parks
// nothing.
func (o *Operator) lookedUp(ctx context.Context, rec plan.Record, seen *plan.Observed) (*control.LookedUp, error) {
	parks := func(park *plan.Park) bool { return park != nil && park.Reason == plan.NoPaymentMethod }
	switch {
	case parks(rec.Park):
	case seen != nil && parks(seen.Park):
		rec.CardID = seen.CardID
	default:
		return nil, nil //nolint:nilnil // nothing is parked for that
	}
	asked, isAsked, err := o.lookup(ctx, rec)
	if err != nil || !isAsked {
		return nil, err
	}
	answers, err := o.Ledger.LookedUp(ctx, asked.Sink, asked.Field, []string{asked.CardID})
	answer, known := answers[asked.CardID]
	if err != nil || !known || answer.ID != 0 {
		return nil, err
	}
	return &control.LookedUp{Field: answer.Field, At: answer.At, Found: answer.Found}, nil
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
