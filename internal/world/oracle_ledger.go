package main

import (
	"context"
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// before is what the ledger held before a batch.
type before struct {
	records map[preauth.ID]plan.Record
	read    map[preauth.ID]uint64
	doc     plan.Property
	// unmatched are the batch's tokens of which it is not known yet whose they are.
	unmatched map[string]bool
	// discovered and observed are the batch's.
	discovered map[preauth.ID]time.Time
	observed   map[preauth.ID]plan.Observed
}

// sink reads a sink's document in the durable ledger.
func (o *oracle) sink(t *tenant) (plan.Sink, bool, error) {
	return o.w.disk.file.store.Sink(context.Background(), t.inLedger())
}

// customerReader is the part of a ledger that knows of customers.
type customerReader interface {
	Customers(context.Context, preauth.ID, []preauth.ID) (map[preauth.ID]plan.Customer, error)
}

// readCycles gives the cycle in which each customer was first read.
func readCycles(l customerReader) func(context.Context, preauth.ID, []preauth.ID) (map[preauth.ID]uint64, error) {
	return func(ctx context.Context, enterprise preauth.ID, ids []preauth.ID) (map[preauth.ID]uint64, error) {
		known, err := l.Customers(ctx, enterprise, ids)
		read := map[preauth.ID]uint64{}
		for id, customer := range known {
			if customer.Read > 0 {
				read[id] = customer.Read
			}
		}
		return read, err
	}
}

func (o *oracle) before(l *ledger, batch plan.Batch) before {
	b := before{records: map[preauth.ID]plan.Record{}, unmatched: map[string]bool{}}
	ctx := context.Background()
	for _, rec := range batch.Records {
		b.records[rec.ID], _, _ = l.Record(ctx, rec.ID) // memory does not fail
		b.doc, _, _ = l.Property(ctx, rec.Enterprise)
		b.read, _ = readCycles(l)(ctx, rec.Enterprise, o.customers(rec.Enterprise))
	}
	if batch.Property != nil {
		b.doc, _, _ = l.Property(ctx, batch.Property.Enterprise)
	}
	for _, token := range batch.Tokens {
		known, _ := l.Tokens(ctx, token.Sink, []string{token.Token})
		stored, is := known[token.Token]
		b.unmatched[token.Token] = is && !stored.Foreign
	}
	if len(batch.Discovered) > 0 {
		b.discovered = o.discovered(batch.Discovered[0].Enterprise)
	}
	if len(batch.Observed) > 0 {
		b.observed = o.reported("")
	}
	return b
}

func (o *oracle) customers(enterprise preauth.ID) (all []preauth.ID) {
	for _, p := range o.w.properties {
		if p.enterprise == enterprise {
			for _, c := range p.customers {
				all = append(all, c.id)
			}
		}
	}
	return all
}

// stored judges what has become durable.
func (o *oracle) stored(l *ledger, by *order, batch plan.Batch, b before) {
	if by != nil {
		o.documents(l, by, batch, b)
	}
	o.shadows(l, by, batch, b)
	o.leaves(l, batch, b)
	o.puts(batch)
	for _, rec := range batch.Records {
		old, c := b.records[rec.ID], o.cases[rec.ID]
		if old.Phase != rec.Phase || (old.Park == nil) != (rec.Park == nil) {
			park := plan.Reason("")
			if rec.Park != nil {
				park = rec.Park.Reason
			}
			o.w.say("ledger", "%s: %s → %s of %d, parked %q", rec.ID, old.Phase, rec.Phase, rec.Identity, park)
		}
		o.moves(c, old, rec)
		if by == nil {
			o.answered(l.k, c, old, rec)
		} else if !plan.MayMove(old.Phase, rec.Phase) {
			o.fail("D", rec.ID, "it goes from %s to %s, and there is no such move", old.Phase, rec.Phase)
		}
		c.intends(l.k, old, rec)
		o.misses(c.entry, rec.Park, old.Park)
		o.lifts(l, by, old, rec)
		if old.Phase == plan.Creating && rec.Park != nil && rec.Park.Reason == plan.Rejected {
			o.spends(c.entry)
		}
		o.history(c, old, rec, b)
		if rec.Park != nil && forOutcome(rec.Park.Reason) && (old.Park == nil || old.Park.Reason != rec.Park.Reason) {
			by.parked = append(by.parked, string(rec.ID)+" "+string(rec.Park.Reason))
		}
	}
}

// moves judges the step of one record.
func (o *oracle) moves(c *dossier, old, rec plan.Record) {
	h := c.entry.property.tenant.hold(rec.Identity)
	if old.Phase != rec.Phase {
		o.tally["from "+old.Phase.String()+" to "+rec.Phase.String()]++
	}
	switch {
	case old.Phase == plan.Captured && rec.Phase != plan.Captured:
		o.fail("D", rec.ID, "it was captured and is now %s", rec.Phase)
	case old.Identity != 0 && rec.Identity != old.Identity:
		o.fail("D", rec.ID, "its identity changes from %d to %d", old.Identity, rec.Identity)
	case rec.Identity != 0 && (h == nil || h.of != rec.ID):
		o.fail("D", rec.ID, "its identity %d is another's", rec.Identity)
	case rec.Phase == plan.Captured && c.captured == 0:
		o.fail("D", rec.ID, "it is stored as captured, and is not")
	case old.Phase == plan.Creating && rec.Phase != plan.Creating && rec.Identity == 0 && rec.Sends > old.Sends:
		if (c.created > 0 || c.underWay(plan.Create)) && !o.w.hostile {
			o.fail("H", rec.ID, "its create is stored as absent, and takes effect")
		}
	}
}

// intends notes an intent that has become durable.
func (c *dossier) intends(k *worker, old, rec plan.Record) {
	if rec.Intent == nil || old.Intent != nil && old.Intent.Deadline.UnixMilli() == rec.Intent.Deadline.UnixMilli() {
		return
	}
	d := &doubt{worker: k, deadline: time.Now().Add(k.w.timeout)}
	if rec.Intent.Action == plan.Create {
		d.before, c.creating = c.creating, d
	} else {
		d.before, c.capturing = c.capturing, d
	}
}

// underWay tells whether a request is still to take effect.
func (c *dossier) underWay(action plan.ActionKind) bool {
	return slices.ContainsFunc(c.entry.property.tenant.effects, func(e effect) bool { return e.of == c.entry.id && e.action == action })
}

// history judges what a charge is taken for at its first sight.
func (o *oracle) history(c *dossier, old, rec plan.Record, b before) {
	if old.History != plan.HistoryUnset || rec.History == plan.HistoryUnset || c.merged {
		return
	}
	cycle, read := b.read[c.entry.customer.id]
	before := read && cycle < b.doc.Cycle
	switch {
	case rec.History == plan.HistoryOld && before:
		o.fail("B", rec.ID, "its charge is news and is taken for history")
	case rec.History == plan.HistoryFresh && !before:
		o.fail("A", rec.ID, "its charge is history and is taken for news")
	case rec.History != plan.HistoryOld:
	case rec.Phase == plan.Baseline && !o.baselines(c, b.doc):
		o.fail("B", rec.ID, "it becomes the baseline, which the policy does not say")
	case rec.Park != nil && rec.Park.Reason == plan.FirstSeenCharged && !o.parksHistory(c, b.doc):
		o.fail("B", rec.ID, "it parks as first_seen_charged, which the policy does not say")
	}
}

// firstRun tells whether charged history is the baseline, whatever new_customers says.
func (o *oracle) firstRun(c *dossier, doc plan.Property) bool {
	sink, _, _ := o.sink(c.entry.property.tenant)
	return !doc.FirstRunDone && !sink.TokensAtCreation
}

func (o *oracle) baselines(c *dossier, doc plan.Property) bool {
	return !o.w.mirrorFirst && (o.firstRun(c, doc) || o.w.settings.newCustomers == plan.BaselineHistory)
}

func (o *oracle) parksHistory(c *dossier, doc plan.Property) bool {
	return !o.w.mirrorFirst && !o.firstRun(c, doc) && o.w.settings.newCustomers == plan.ParkHistory
}

// lifts is W: a mark that waits for an operator goes with an operator's order. What is
// charged must then be mirrored, and not only be free to be.
func (o *oracle) lifts(l *ledger, by *order, old, rec plan.Record) {
	if by == nil || old.Park == nil || rec.Park != nil || rec.Identity != old.Identity {
		return
	}
	carriedOut := o.w.settings.mode == engine.ModeFull && !l.k.stopped(o.cases[rec.ID].entry.property)
	ordered := by.charged() && (carriedOut || rec.Seen.State != preauth.Charged)
	if forOutcome(old.Park.Reason) || old.Park.Reason == plan.FirstSeenCharged && !ordered {
		o.fail("W", rec.ID, "it was parked as %s, and the mark goes by itself", old.Park.Reason)
	}
}

// forOutcome tells whether a reason is the outcome of a write.
func forOutcome(reason plan.Reason) bool {
	return slices.Contains([]plan.Reason{plan.Rejected, plan.UnknownCreate, plan.UnknownCapture, plan.DuplicateFound}, reason)
}

// records are all of the durable ledger.
func (o *oracle) records() (all []plan.Record) {
	if o.w.disk.file != nil {
		_ = o.w.disk.file.store.Each(context.Background(), func(rec plan.Record) error { // memory does not fail
			all = append(all, rec)
			return nil
		})
	}
	return all
}
