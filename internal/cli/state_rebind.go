package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func newStateRebind(e *env) *cobra.Command {
	var property string
	cmd := &cobra.Command{
		Use:   "rebind",
		Short: "Accept that the same systems are now found at other addresses",
		Long: "Bind the state file to the configuration's addresses, because the same PMS and the same v4 have moved: the shared\n" +
			"ones, and those of properties with a v4 of their own. Only for the same system at another address: identities of\n" +
			"another one belong to other guests, and a capture would charge them.\n\n" +
			"With --property, accept instead what is new about that property, and no more than one thing at a time:\n" +
			"  - it writes to another v4, its own instead of the shared one or the other way round. What it holds on the former\n" +
			"    one is not there, so it is refused while anything is held, in doubt or parked there. Go on with the former\n" +
			"    configuration and mirror.mode: capture_only until all of it is captured or released.\n" +
			"  - its own v4 has moved: only for the same system at another address.\n" +
			"  - else, another enterprise is behind its name. The former one's records stay.\n\n" +
			changeCodes,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := e.load()
			if err != nil {
				return err
			}
			// Opened without a binding: the one it has is what is to be changed.
			return useLedger(state.Options{Path: cfg.State.Path, Mode: state.ReadWrite}, func(ledger *state.Ledger) error {
				r := rebinding{e, cfg, ledger}
				if property != "" {
					return r.property(cmd.Context(), property)
				}
				return r.all(cmd.Context())
			})
		},
	}
	cmd.Flags().StringVar(&property, "property", "", "accept what is new about the property with this `NAME`")
	return cmd
}

type rebinding struct {
	*env

	cfg    *config.Config
	ledger *state.Ledger
}

func (r rebinding) all(ctx context.Context) error {
	if err := r.ledger.Rebind(ctx, app.Binding(r.cfg)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(r.Stdout, "the state file is bound to %s and %s\n", r.cfg.Connector.Address, r.cfg.V4.Address)
	for _, p := range r.cfg.Properties {
		if p.OwnV4 && err == nil {
			_, err = fmt.Fprintf(r.Stdout, "property %s's own v4 will be bound to %s by its next cycle\n", p.Name, p.V4.Address)
		}
	}
	return err
}

// property accepts what is new about one, in the order in which a cycle would
// otherwise meet it again.
func (r rebinding) property(ctx context.Context, name string) error {
	known, err := r.ledger.Properties(ctx)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(known, func(doc plan.Property) bool { return doc.Name == name })
	if at < 0 {
		return errors.New("no property of the state file is called " + name)
	}
	doc := known[at]
	i := slices.IndexFunc(r.cfg.Properties, func(p config.Property) bool { return p.Name == name })
	if i < 0 {
		return r.freeName(ctx, doc)
	}
	configured, sink := r.cfg.Properties[i], engine.DefaultSink
	if configured.OwnV4 {
		sink = string(doc.Enterprise)
	}
	if doc.Sink != "" && doc.Sink != sink {
		return r.change(ctx, doc, sink, configured.V4.Address)
	}
	own, _, err := r.ledger.Sink(ctx, sink)
	if err != nil {
		return err
	}
	if own.Address != "" && own.Address != configured.V4.Address {
		return r.move(ctx, name, own, configured.V4.Address)
	}
	return r.freeName(ctx, doc)
}

// change gives a property to another sink, once nothing of it is left on the former
// one: neither what could be captured there nor what may still come to be there.
func (r rebinding) change(ctx context.Context, doc plan.Property, sink, address string) error {
	left := 0
	err := r.ledger.Unfinished(ctx, doc.Enterprise, func(rec plan.Record) error {
		if rec.Identity != 0 || rec.Phase.InFlight() {
			left++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if left > 0 {
		return fmt.Errorf("property %s has %d preauthorizations held, in doubt or parked on the v4 that it wrote to, and the one at %s takes none of them over: "+
			"put the configuration back until they are captured or released, and settle what is parked by hand", doc.Name, left, address)
	}
	doc.Sink = sink
	if err := r.ledger.Commit(ctx, plan.Batch{Property: &doc}); err != nil {
		return err
	}
	whose := "the shared v4"
	if sink != engine.DefaultSink {
		whose = "its own v4"
	}
	_, err = fmt.Fprintf(r.Stdout, "property %s writes to %s at %s from now on\n", doc.Name, whose, address)
	return err
}

// move takes the address from a property's own sink: the next cycle stores the
// configuration's.
func (r rebinding) move(ctx context.Context, name string, own plan.Sink, address string) error {
	was := own.Address
	own.Address = ""
	if err := r.ledger.Commit(ctx, plan.Batch{Sink: &own}); err != nil {
		return err
	}
	_, err := fmt.Fprintf(r.Stdout, "property %s's own v4 has moved from %s to %s\n", name, was, address)
	return err
}

// freeName takes a name from the enterprise that had it, so that another may.
func (r rebinding) freeName(ctx context.Context, doc plan.Property) error {
	name := doc.Name
	doc.Name = ""
	if err := r.ledger.Commit(ctx, plan.Batch{Property: &doc}); err != nil {
		return err
	}
	_, err := fmt.Fprintf(r.Stdout, "enterprise %s is no longer called %s; its records stay\n", doc.Enterprise, name)
	return err
}
