package main

import (
	"context"
	"reflect"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// mayWrite is O and T for a request: whether the mode lets it leave, and whether the
// property writes where it should.
func (o *oracle) mayWrite(t *tenant, r *request) {
	mode, p := o.w.settings.mode, r.entry.property
	switch {
	case mode == engine.ModeObserve, mode == engine.ModeCaptureOnly && r.action == plan.Create:
		o.fail("O", r.entry.id, "a %s is sent while the mode is %s", r.action, mode)
	case t != p.tenant:
		o.fail("T", r.entry.id, "a %s of %s reaches %s", r.action, p.name, t.name)
	case p.misled():
		o.fail("T", r.entry.id, "a %s of %s is sent while it is misled", r.action, p.name)
	}
}

// strange is T for a question: who is asked is one of those whom properties write to.
func (o *oracle) strange(t *tenant, what string) {
	if t == o.w.elsewhere {
		o.fail("T", "", "%s is asked %s, where no property has ever written to", t.name, what)
	}
}

// shadows is O for what becomes durable while nothing is to be sent: no record, no
// line of the journal and nobody as read.
func (o *oracle) shadows(l *ledger, by *order, batch plan.Batch, b before) {
	if by == nil || o.w.settings.mode != engine.ModeObserve {
		return
	}
	for _, rec := range batch.Records {
		was := b.records[rec.ID]
		was.Aged = true // that it has been told of a hold's age may be noted
		if !reflect.DeepEqual(was, rec) {
			o.fail("O", rec.ID, "its record changes in observe, from %+v to %+v", was, rec)
		}
	}
	if len(batch.Journal)+len(batch.Read) > 0 {
		o.fail("O", "", "the journal or who is read changes in observe: %v %v", batch.Journal, batch.Read)
	}
	if doc := batch.Property; doc != nil {
		if doc.FirstRunDone != b.doc.FirstRunDone {
			o.fail("O", doc.Enterprise, "its first run ends in observe")
		}
		if kept := o.reported(doc.Enterprise); b.doc.ObservedSince.IsZero() && len(kept) > 0 {
			o.fail("O", doc.Enterprise, "its report begins with what an earlier one said: %v", kept)
		}
	}
	for _, each := range batch.Observed {
		o.reports(l.k, each, b.observed[each.ID])
	}
}

// reports judges an entry of the report: what it says would have been sent is due by
// what the PMS has shown.
func (o *oracle) reports(k *worker, is, was plan.Observed) {
	c := o.cases[is.ID]
	rec, _ := o.record(is.ID)
	o.misses(c.entry, is.Park, was.Park)
	o.observesHistory(c, is, was, rec)
	news := plan.HistoryFresh == rec.History || plan.HistoryFresh == is.History || o.w.mirrorFirst || o.w.settings.newCustomers == plan.MirrorHistory
	if !is.Created.IsZero() && !is.Created.Equal(was.Created) {
		o.tally["reported create"]++
		o.byMethod(k, c.entry, is.PaymentMethodID)
		switch {
		case !was.Created.IsZero():
			o.fail("O", is.ID, "the report says twice that it would be created")
		case rec.Identity != 0 || rec.Phase.InFlight() || rec.Park != nil && rec.Park.Reason.WaitsForOperator():
			o.fail("O", is.ID, "the report says that it would be created, and it is %s of %d", rec.Phase, rec.Identity)
		case k.stopped(c.entry.property):
			o.fail("O", is.ID, "the report says that it would be created although one of the property's files could not be read")
		case !c.seen(k, func(s sight) bool { return o.callsForCreate(s, news, is.Amount) }):
			o.fail("O", is.ID, "the report says that %s would be created, and no reply of the last minutes calls for it", is.Amount)
		}
	}
	if !is.Captured.IsZero() && !is.Captured.Equal(was.Captured) {
		o.tally["reported capture"]++
		held := rec.Amount
		if rec.Identity == 0 {
			held = is.Amount
		}
		if !was.Captured.IsZero() {
			o.fail("O", is.ID, "the report says twice that it would be captured")
		}
		if !c.seen(k, func(s sight) bool { return callsForCapture(s, held) }) {
			o.fail("O", is.ID, "the report says that %s would be captured, and no reply of the last minutes calls for it", held)
		}
	}
}

// observesHistory judges what a charge is taken for at its first sight in observe: who has
// been read there counts too.
func (o *oracle) observesHistory(c *dossier, is, was plan.Observed, rec plan.Record) {
	ctx, store := context.Background(), o.w.disk.file.store
	doc, _, _ := store.Property(ctx, c.entry.property.enterprise) // memory does not fail
	doc.FirstRunDone = doc.FirstRunDone || doc.ObservedFirstRunDone
	parks := is.Park != nil && is.Park.Reason == plan.FirstSeenCharged && (was.Park == nil || was.Park.Reason != is.Park.Reason)
	switch {
	case rec.Park != nil && rec.Park.Reason.WaitsForOperator():
	case !is.Baselined.IsZero() && was.Baselined.IsZero() && !o.baselines(c, doc):
		o.fail("O", is.ID, "the report says that it would become the baseline, which the policy does not say")
	case parks && !o.parksHistory(c, doc):
		o.fail("O", is.ID, "the report says that it would park as first_seen_charged, which the policy does not say")
	}
	if was.History != plan.HistoryUnset && is.History != was.History && !is.Updated.IsZero() {
		o.fail("O", is.ID, "what its charge was taken for changes in the report, from %d to %d", was.History, is.History)
	}
	recorded := is.History == plan.HistoryUnset && rec.History != plan.HistoryUnset // the report need not say it again
	if was.History != plan.HistoryUnset || is.History == rec.History || recorded || c.merged {
		return
	}
	before := false
	for _, reads := range []func(context.Context, preauth.ID, []preauth.ID) (map[preauth.ID]uint64, error){readCycles(store), store.ObservedReads} {
		read, _ := reads(ctx, doc.Enterprise, []preauth.ID{c.entry.customer.id}) // memory does not fail
		cycle, is := read[c.entry.customer.id]
		before = before || is && cycle < doc.Cycle
	}
	if before != (is.History == plan.HistoryFresh) {
		o.fail("O", is.ID, "its charge is news: %t, and the report takes it for %d", before, is.History)
	}
}

// reported is what the durable ledger says would have been sent, of a property or of all.
func (o *oracle) reported(enterprise preauth.ID) map[preauth.ID]plan.Observed {
	all := map[preauth.ID]plan.Observed{}
	_ = o.w.disk.file.store.EachObserved(context.Background(), enterprise, func(each plan.Observed) error { // memory does not fail
		all[each.ID] = each
		return nil
	})
	return all
}

// judgeReport judges a report at the end of a calm: had all of it been sent, everything
// would be in step.
func (o *oracle) judgeReport() {
	if o.tally["losses"] > 0 || o.w.disk.file.older != "" || o.w.hostile {
		return // what an older file calls for is not done in observe
	}
	report := o.reported("")
	for _, p := range o.w.properties {
		for _, e := range p.entries {
			rec, _ := o.record(e.id)
			if rec.Phase.InFlight() || rec.Park != nil && rec.Park.Reason.WaitsForOperator() {
				continue
			}
			o.comesTrue(e, rec, report[e.id])
		}
	}
}

// comesTrue judges one entry: over its record it must be as the decision table says.
func (o *oracle) comesTrue(e *entry, rec plan.Record, told plan.Observed) {
	c := o.cases[e.id]
	if rec.Phase == plan.Released && rec.Identity == 0 && !e.isAnswered(rec) {
		rec.Phase = plan.None
	}
	if !told.Baselined.IsZero() && rec.Phase == plan.None {
		rec.Phase = plan.Baseline
	}
	if !told.Created.IsZero() && rec.Identity == 0 {
		rec.Phase, rec.Amount, rec.Identity = plan.Created, told.Amount, -1
	}
	if !told.Captured.IsZero() && rec.Phase == plan.Created {
		rec.Phase = plan.Captured
	}
	if !told.Released.IsZero() {
		rec.Phase = plan.Released
	}
	if rec.Park = told.Park; rec.Park != nil {
		rec.History = plan.HistoryOld
		o.tally["report "+string(rec.Park.Reason)]++
		if !o.mayPark(c, rec) {
			o.fail("O", e.id, "the report says that it would be parked as %s without cause (%s); the PMS says %s",
				rec.Park.Reason, rec.Park.Detail, e.describe())
		}
		return
	}
	if rec.Phase == plan.None && e.releases() {
		return
	}
	if rec.Phase == plan.Released && rec.Identity > 0 && told.Released.IsZero() {
		return // it was released before, and may be held again
	}
	o.tally["report "+rec.Phase.String()]++
	if !o.inStep(e, rec) {
		o.fail("O", e.id, "by the report it would be %s; the PMS says %s", rec.Phase, e.describe())
	}
}
