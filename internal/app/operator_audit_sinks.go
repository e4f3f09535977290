package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sources/connector"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/audit"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// audits are those of an order, one for each sink.
type audits struct {
	auditBindings

	each []audit.Options
	// places says in which of them an enterprise's records are compared.
	places map[preauth.ID]int
	// unread says which sinks are not compared at all, and why.
	unread []string
}

// audits asks each property whose its token is, and puts those together that write to
// the same sink.
func (o *Operator) audits(ctx context.Context, ledger *state.Ledger, clients *App, order control.Audit) (*audits, error) {
	all := &audits{places: map[preauth.ID]int{}}
	known, err := ledger.Properties(ctx)
	if err != nil {
		return all, err
	}
	all.auditBindings = auditBindings{known: known, met: map[preauth.ID]string{}}
	for i, p := range o.Config.Properties {
		if order.Property != "" && order.Property != p.Name {
			continue
		}
		if err := o.join(ctx, all, p, clients, i); err != nil {
			return all, err
		}
	}
	for i := range all.each {
		opts := &all.each[i]
		opts.Ledger, opts.Clock, opts.Partial, opts.WithoutDue = ledger, o.Outside.Clock, order.Property != "", order.WithoutDue
		opts.Observing, opts.Elsewhere = o.Config.Mirror.Mode == config.ModeObserve, all.elsewhere(i)
	}
	return all, nil
}

// join puts a property into the audit of its sink.
func (o *Operator) join(ctx context.Context, all *audits, p config.Property, clients *App, i int) error {
	source := all.ask(ctx, p, clients.Sources[i])
	at := slices.IndexFunc(all.known, func(doc plan.Property) bool {
		return doc.Enterprise == source.enterprise || source.refused != nil && doc.Name == p.Name
	})
	var doc plan.Property
	if at >= 0 {
		doc = all.known[at]
	}
	enterprise := cmp.Or(doc.Enterprise, source.enterprise)
	sink, err := o.bind(ctx, p, enterprise, doc.Sink)
	if err != nil {
		return err
	}
	name := sink.ledgerName(enterprise)
	if sink.moved != "" || name == "" {
		why := cmp.Or(sink.moved, fmt.Sprint(source.refused))
		all.unread = append(all.unread, fmt.Sprintf("property %s was not compared with its v4: %s", p.Name, why))
		all.refused = all.refused || sink.moved != ""
		return ctx.Err()
	}
	place := slices.IndexFunc(all.each, func(opts audit.Options) bool { return opts.SinkName == name })
	if place < 0 {
		client := clients.Sinks[slices.IndexFunc(clients.Sinks, func(s Sink) bool { return s.Name == sink.Name })]
		place, all.each = len(all.each), append(all.each, audit.Options{
			Sink: client, SinkName: name, Settle: sink.Config.Settle, OwnTokens: sink.Config.TransactionToken == config.TokenID,
		})
	}
	all.each[place].Properties = append(all.each[place].Properties, o.audited(p, source))
	if enterprise != "" {
		all.places[enterprise] = place
	}
	return nil
}

// ask asks a property whose its token is.
func (a *audits) ask(ctx context.Context, p config.Property, client *connector.Client) auditSource {
	enterprise, err := client.Enterprise(ctx)
	if err == nil {
		err = a.check(p.Name, enterprise)
	}
	if err != nil {
		return auditSource{Client: client, refused: err}
	}
	return auditSource{Client: client, enterprise: enterprise}
}

// elsewhere gives the enterprises of which another audit speaks. Those that are not
// configured belong to the audit of their sink, or else to the first.
func (a *audits) elsewhere(place int) map[preauth.ID]bool {
	places := maps.Clone(a.places)
	for _, doc := range a.known {
		if _, configured := places[doc.Enterprise]; !configured {
			name := cmp.Or(doc.Sink, engine.DefaultSink)
			places[doc.Enterprise] = max(0, slices.IndexFunc(a.each, func(opts audit.Options) bool { return opts.SinkName == name }))
		}
	}
	maps.DeleteFunc(places, func(_ preauth.ID, at int) bool { return at == place })
	out := make(map[preauth.ID]bool, len(places))
	for enterprise := range places {
		out[enterprise] = true
	}
	return out
}
