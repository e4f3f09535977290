package app

import (
	"context"
	"slices"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Status says how each configured property stands. It reads the counts that the
// state file keeps, and no record.
func (o *Operator) Status(ctx context.Context) (control.Status, error) {
	out := control.Status{Mode: string(o.Config.Mirror.Mode)}
	for _, sink := range sinksOf(o.Config) {
		out.Sinks = append(out.Sinks, control.SinkStatus{Name: sink.Name, TokenProof: plan.ProofOpen.String()})
	}
	next := o.Config.Schedule.Next(o.Outside.Clock())
	for _, p := range o.Config.Properties {
		out.Properties = append(out.Properties, control.PropertyStatus{
			Name: p.Name, Phases: map[string]int{}, Parked: map[string]int{},
			Held: map[string]string{}, Awaiting: map[string]string{}, ParkedAmounts: map[string]string{},
			FirstRunOpen: true, NextCycle: next,
		})
	}
	if o.Ledger != nil {
		if err := o.fill(ctx, &out); err != nil {
			return out, err
		}
	}
	if o.daemon != nil {
		o.daemon.fill(&out)
	}
	return out, nil
}

// fill adds what the state file knows.
func (o *Operator) fill(ctx context.Context, out *control.Status) error {
	out.Older = o.Ledger.File().Older
	paused, err := o.pauses(ctx)
	if err != nil {
		return err
	}
	known, err := o.Ledger.Properties(ctx)
	if err != nil {
		return err
	}
	sinks, err := sinkDocs(ctx, o.Ledger, o.Config, known)
	if err != nil {
		return err
	}
	for i := range out.Sinks {
		doc := sinks[out.Sinks[i].Name]
		out.Sinks[i].TokenProof, out.Sinks[i].Outage = doc.Proof.String(), doc.Outage
	}
	tallies, err := o.Ledger.Tallies(ctx)
	if err != nil {
		return err
	}
	if everything, is := paused[""]; is {
		out.PausedSince = &everything.Since
	}
	for _, doc := range known {
		i := slices.IndexFunc(out.Properties, func(p control.PropertyStatus) bool { return p.Name == doc.Name })
		if i < 0 {
			continue // no longer configured
		}
		p := &out.Properties[i]
		p.Enterprise, p.FirstRunOpen, p.LastCycle = string(doc.Enterprise), !doc.FirstRunDone, doc.LastCycle
		if pause, is := paused[doc.Enterprise]; is {
			p.PausedSince = &pause.Since
		}
		count(p, tallies[doc.Enterprise])
		if p.Observed, err = o.observed(ctx, doc); err != nil {
			return err
		}
	}
	return nil
}

// pauses gives what is paused, by enterprise.
func (o *Operator) pauses(ctx context.Context) (map[preauth.ID]plan.Pause, error) {
	all, err := o.Ledger.Pauses(ctx)
	if err != nil {
		return nil, err
	}
	paused := make(map[preauth.ID]plan.Pause, len(all))
	for _, pause := range all {
		paused[pause.Enterprise] = pause
	}
	return paused, nil
}

func count(p *control.PropertyStatus, tally plan.Tally) {
	for phase, n := range tally.Phases {
		p.Phases[phase.String()] = n
		if phase.InFlight() {
			p.InDoubt += n
		}
	}
	for reason, n := range tally.Parked {
		p.Parked[string(reason)] = n
	}
	p.Held, p.Awaiting, p.ParkedAmounts = sums(tally.Held), sums(tally.Awaiting), sums(tally.ParkedAmounts)
	if !tally.OldestParked.IsZero() {
		p.OldestParked = &tally.OldestParked
	}
}
