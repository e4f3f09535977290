package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// begins begins an order's account.
func (o *oracle) begins(k *worker, by *order) {
	by.alone, by.acted = len(k.orders) == 0, map[preauth.ID]bool{}
	by.listed, by.polled = map[*property][]preauth.ID{}, map[preauth.ID]bool{}
	by.began, by.due, by.walked = time.Now(), map[*property][]preauth.ID{}, map[*property]bool{}
	if by.alone {
		k.events.begin()
	}
	for other := range k.orders {
		other.alone = false
	}
	if by.backfill != nil {
		o.tally["backfills"]++
	}
}

// within judges that a backfill acts on no more than it was ordered to. What it finds
// out about earlier requests, and goes on with, is verification.
func (o *oracle) within(c *dossier, r *request) {
	by := r.by
	rec, _ := o.record(r.entry.id)
	if by.backfill == nil || r.action == plan.Capture && (c.unknownCreate || rec.Intent != nil && rec.Intent.Resent) {
		return
	}
	by.acted[r.entry.id] = true
	if most := by.backfill.Limit; most > 0 && len(by.acted) > most {
		o.fail("I", r.entry.id, "a backfill acts on %d preauthorizations, and its limit is %d", len(by.acted), most)
	}
	if !by.asks(r.entry) && !c.merged {
		o.fail("I", r.entry.id, "a backfill of %v %v acts on what it was not asked for", by.backfill.Properties, by.backfill.Customers)
	}
}

// lists notes whom an order is to read, polls whom it asks for.
func (*oracle) lists(by *order, p *property, customers []preauth.ID) {
	by.listed[p] = customers
}

func (*oracle) polls(by *order, customers []preauth.ID) {
	for _, id := range customers {
		by.polled[id] = true
	}
}

// everybody judges whether an order that says that it went well has asked for everybody.
func (o *oracle) everybody(by *order, result engine.PropertyResult) {
	for _, p := range o.w.properties {
		want := by.listed[p]
		if by.backfill != nil && len(by.backfill.Customers) > 0 {
			want = by.backfill.Customers
		}
		for _, id := range want {
			if p.name == result.Name && result.Report.OK && !by.polled[id] {
				o.fail("I", id, "%s has gone well and has not asked for this customer", by.name)
			}
		}
	}
}

// progresses judges what a backfill says of how far it is.
func (o *oracle) progresses(by *order, p engine.BackfillProgress) {
	if p.Customers > p.Total || p.Customers < by.far.Customers {
		o.fail("I", "", "%s has read %d of %d customers, after %d", by.name, p.Customers, p.Total, by.far.Customers)
	}
	by.far = p
}

// documents judges what becomes of a property's first run, and of the tokens that
// nothing explains yet.
func (o *oracle) documents(l *ledger, by *order, batch plan.Batch, b before) {
	if doc := batch.Property; doc != nil && doc.FirstRunDone && !b.doc.FirstRunDone {
		listed, whole := l.k.listed[o.property(doc.Enterprise)]
		read, _ := readCycles(l)(context.Background(), doc.Enterprise, listed) // memory does not fail
		if !whole || len(read) < len(listed) {
			o.fail("I", doc.Enterprise, "its first run ends, and of the list %v (whole: %t) only %v have been read", listed, whole, read)
		}
	}
	for _, token := range batch.Tokens {
		if t := o.tenant(token.Sink); b.unmatched[token.Token] && token.Foreign && l.file.older == "" && by.leavesOut(o.w, t) {
			o.fail("I", "", "token %s is taken for foreign by an order that does not read everybody", token.Token)
		}
	}
}

func (o *oracle) property(enterprise preauth.ID) *property {
	for _, p := range o.w.properties {
		if p.enterprise == enterprise {
			return p
		}
	}
	return nil
}

func (o *oracle) tenant(name string) *tenant {
	for _, t := range o.w.tenants {
		if t.inLedger() == name {
			return t
		}
	}
	return nil
}

// over judges how an order was told: what was parked for an outcome is an event and
// fails it, and so does what is in doubt. A backfill has no fuse to blow.
func (o *oracle) over(k *worker, by *order, result engine.Result, err error) {
	inDoubt := 0
	unknown := map[preauth.ID]bool{} // until the PMS has said whose its own v4 is
	for _, p := range o.w.properties {
		unknown[p.enterprise] = p.tenant.own != nil && !slices.ContainsFunc(result.Properties, func(r engine.PropertyResult) bool {
			return r.Name == p.name && r.Err == nil
		})
	}
	for _, rec := range o.records() {
		if rec.Phase.InFlight() {
			c := o.cases[rec.ID]
			c.unknownCreate = c.unknownCreate || rec.Phase == plan.Creating
			c.unknownCapture = c.unknownCapture || rec.Phase == plan.Capturing
			if rec.Park == nil && !unknown[rec.Enterprise] {
				inDoubt++
			}
		}
	}
	if by.backfill != nil && o.w.settings.mode == engine.ModeObserve && !k.dead && !errors.Is(err, engine.ErrObserving) && k.engine.Failed() == nil {
		o.fail("O", "", "%s is carried out in observe, with %v", by.name, err)
	}
	if k.dead || err != nil {
		return
	}
	told := 0
	for _, p := range o.w.properties {
		at := slices.IndexFunc(result.Properties, func(r engine.PropertyResult) bool { return r.Name == p.name })
		if at < 0 {
			continue
		}
		ok := result.Properties[at].Report.OK
		o.findsAll(by, p, ok)
		if ok {
			o.ages(by, p)
		}
	}
	for _, p := range result.Properties {
		told += p.NewOutcomeParks
		if p.Report.Fuse && by.backfill != nil {
			o.fail("I", "", "the fuse of %s blows in a backfill", p.Name)
		}
		if by.backfill == nil || by.backfill.Limit == 0 {
			o.everybody(by, p)
		}
	}
	if told < len(by.parked) {
		o.fail("H", "", "%d were parked for an outcome and the account tells of %d: %v", len(by.parked), told, by.parked)
	}
	for _, each := range by.parked {
		if !k.events.tells(each) {
			o.fail("H", preauth.ID(each), "it was parked without an event")
		}
	}
	if by.alone && inDoubt > 0 && result.InDoubt == 0 {
		o.fail("H", "", "%d are in doubt and the account tells of %d", inDoubt, result.InDoubt)
	}
}
