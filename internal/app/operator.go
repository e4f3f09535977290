package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
)

// Operator answers operators on a state file, see control.Operator. It is a
// command's own, or the daemon's: that one is made anew for each request, from
// what is in force by then.
type Operator struct {
	Config *config.Config
	// Ledger is nil where there is no state file yet.
	Ledger  *state.Ledger
	Outside Outside
	// Hold asks the v4 of a name for one hold, and whether it has it. Nil means with
	// clients of its own.
	Hold func(ctx context.Context, sink string, identity int64) (preauth.Hold, bool, error)

	// daemon is the one that answers, nil for a command.
	daemon *service
	// limits are those that the daemon's own requests are under too.
	limits limits
	// superseded is closed once another configuration is in force; nil for a command.
	superseded <-chan struct{}
}

// OpenOperator opens the configured state file for one command. It makes none: an
// absent one stays absent, and what needs it says so. A lost one is an error.
func OpenOperator(cfg *config.Config, mode state.Mode, outside Outside) (*Operator, error) {
	o := &Operator{Config: cfg, Outside: outside.withDefaults(), limits: limits{}}
	err := state.Find(cfg.State.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return o, nil
	}
	if err != nil {
		return nil, err
	}
	o.Ledger, err = OpenLedger(cfg, mode, o.Outside)
	return o, err
}

// Close closes the state file.
func (o *Operator) Close() error {
	if o.Ledger == nil {
		return nil
	}
	return o.Ledger.Close()
}

// ledger is for what cannot be answered without a state file.
func (o *Operator) ledger() (*state.Ledger, error) {
	if o.Ledger == nil {
		return nil, &state.Error{Kind: state.Absent, Path: o.Config.State.Path}
	}
	return o.Ledger, nil
}

// clients builds the clients of one request; close them. They are under the same
// limits as the daemon's own, and are no sign of its life.
func (o *Operator) clients() (*App, error) {
	return connect(o.Config, o.Outside, maps.Clone(o.limits))
}

// secrets are those that no answer may show.
func (o *Operator) secrets() []httpx.Secret { return o.Outside.secrets(o.Config) }

// propertyNames gives the names of the state file's properties, by enterprise.
func propertyNames(ctx context.Context, ledger *state.Ledger) (map[preauth.ID]string, error) {
	known, err := ledger.Properties(ctx)
	if err != nil {
		return nil, err
	}
	names := make(map[preauth.ID]string, len(known))
	for _, doc := range known {
		names[doc.Enterprise] = doc.Name
	}
	return names, nil
}

// enterprise gives a property's by its name in the state file, or by itself, "" for no
// property.
func (o *Operator) enterprise(ctx context.Context, property string) (preauth.ID, error) {
	if property == "" {
		return "", nil
	}
	known, err := o.Ledger.Properties(ctx)
	if err != nil {
		return "", err
	}
	all := []string{}
	for _, doc := range known {
		if doc.Name == property || string(doc.Enterprise) == property {
			return doc.Enterprise, nil
		}
		all = append(all, doc.Name)
	}
	if slices.Contains(names(o.Config), property) {
		return "", fmt.Errorf("property %s has not been read by any cycle yet, so the state file does not know it; it knows %q", property, all)
	}
	return "", fmt.Errorf("the state file knows no property %.64q; it knows %q", property, all)
}
