package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sources/connector"
	"github.com/preauth-sync/preauth-sync/sync/audit"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// errSuperseded ends an audit whose limits on requests are no longer those in force.
var errSuperseded = errors.New("the daemon has read its configuration again: begin the audit anew")

// Audit compares the PMS, the ledger and v4, one v4 after the other. A daemon's cycles
// go on meanwhile.
func (o *Operator) Audit(ctx context.Context, order control.Audit, finding func(control.Finding) error) (out control.Audited, err error) {
	ledger, err := o.ledger()
	if err != nil {
		return out, err
	}
	if all := names(o.Config); order.Property != "" && !slices.Contains(all, order.Property) {
		return out, fmt.Errorf("no property is called %.64q; the configuration has %q", order.Property, all)
	}
	clients, err := o.clients()
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, clients.Close()) }()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	go func() {
		select {
		case <-o.superseded:
			end(errSuperseded)
		case <-ctx.Done():
		}
	}()
	clean := o.redactor()
	var summary audit.Summary
	audits, err := o.audits(ctx, ledger, clients, order)
	for _, opts := range audits.each {
		if err != nil {
			break
		}
		var part audit.Summary
		part, err = audit.Run(ctx, opts, func(f audit.Finding) error {
			f.Detail = clean.Replace(f.Detail)
			return finding(findingOf(f))
		})
		summary = summary.Plus(part)
	}
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errSuperseded) {
		err = cause
	}
	summary.Unread = append(summary.Unread, audits.unread...)
	out = auditedOf(summary, clean)
	out.Refused, out.Observing = audits.refused, o.Config.Mirror.Mode == config.ModeObserve
	return out, err
}

// audited is a property as a cycle would mirror it.
func (o *Operator) audited(p config.Property, source audit.Source) audit.Property {
	out := audit.Property{
		Name: p.Name, Source: source, Discovers: p.Customers.Discover != (config.Discover{}), Lookup: p.PaymentMethods.Lookup,
		Customers: func(_ context.Context, visit func(preauth.ID) error) (left []string, err error) {
			invalid, err := eachCustomer(p.Customers, visit)
			for _, each := range invalid {
				left = append(left, fmt.Sprintf("%s: %q is not a UUID, and was not asked for", each.Where, each.Spelled))
			}
			return left, err
		},
		Policy: plan.Policy{
			Currency: p.Currency, MirrorFirstRun: o.Config.Mirror.FirstRun == config.FirstRunMirror,
			NewCustomers: plan.ChargedHistory(o.Config.Mirror.NewCustomers),
			CaptureOnly:  o.Config.Mirror.Mode == config.ModeCaptureOnly,
		},
	}
	found, err := Methods(p.PaymentMethods)
	if out.Methods = found; err != nil {
		out.Methods, out.Policy.StopCreates = methods{}, true // as in a cycle: what the file says is not known
	}
	return out
}

// auditBindings refuse the access tokens that a cycle would refuse.
type auditBindings struct {
	known   []plan.Property
	met     map[preauth.ID]string
	refused bool
}

func (b *auditBindings) check(name string, enterprise preauth.ID) error {
	err := engine.CheckBinding(b.known, name, enterprise)
	if other, twice := b.met[enterprise]; twice && err == nil {
		err = fmt.Errorf("its access token belongs to enterprise %s, as that of property %s does", enterprise, other)
	}
	b.met[enterprise] = name
	b.refused = b.refused || err != nil
	return err
}

// auditSource is a property that has been asked whose its token is. It is not asked for
// more when a cycle would refuse it.
type auditSource struct {
	*connector.Client

	enterprise preauth.ID
	refused    error
}

// Enterprise names the enterprise that the token belongs to.
func (s auditSource) Enterprise(context.Context) (preauth.ID, error) { return s.enterprise, s.refused }

// redactor takes every secret out of what others have written.
func (o *Operator) redactor() *strings.Replacer {
	var pairs []string
	for _, secret := range o.secrets() {
		for _, spelling := range secret.Spellings() {
			pairs = append(pairs, spelling, httpx.Redacted)
		}
	}
	return strings.NewReplacer(pairs...)
}

func findingOf(f audit.Finding) control.Finding {
	out := control.Finding{Kind: string(f.Kind), ID: string(f.ID), Property: f.Property, Detail: f.Detail, Due: f.Due}
	if f.Identity != 0 {
		out.Identity = &f.Identity
	}
	if s := f.Shadow; s != nil {
		out.Shadow = &control.Shadow{
			Action: s.Action, Amount: amountOf(s.Amount), Currency: s.Amount.Currency, At: momentOf(s.At), Reason: s.Reason,
		}
	}
	return out
}

func auditedOf(s audit.Summary, clean *strings.Replacer) control.Audited {
	out := control.Audited{
		Checked: s.Checked, Holds: s.Holds, Foreign: s.Foreign, InMotion: s.InMotion, Answered: s.Answered,
		CapturedUnlisted: s.Unlisted, Found: map[string]int{}, Due: s.Due, Unread: []string{},
	}
	for kind, n := range s.Findings {
		out.Found[string(kind)] = n
	}
	for _, line := range s.Unread {
		out.Unread = append(out.Unread, clean.Replace(line))
	}
	return out
}
