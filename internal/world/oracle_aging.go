package main

import (
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// tellsAge is K: of a hold it is told once that it has aged, and not before it has.
func (o *oracle) tellsAge(k *worker, id preauth.ID) {
	o.tally["aged"]++
	rec, _ := o.record(id)
	switch {
	case k.aged[id]:
		o.fail("K", id, "it is told twice that it has aged")
	case rec.Aged:
		o.fail("K", id, "it is told again that it has aged, which the ledger knows")
	case rec.Phase != plan.Created && rec.Phase != plan.Adopted || o.w.warnAfter == 0 || o.w.age(rec.HeldSince) < o.w.warnAfter:
		o.fail("K", id, "it is told that it has aged, and it is %s since %s", rec.Phase, rec.HeldSince)
	}
	k.aged[id] = true
}

// ages is K at the end of an order that went well: all that has aged before is told of. A
// hundredth of the time is let pass, since holds are not gone through more often.
func (o *oracle) ages(by *order, p *property) {
	for _, rec := range o.records() {
		held := rec.Enterprise == p.enterprise && (rec.Phase == plan.Created || rec.Phase == plan.Adopted) && !rec.Aged
		if held && o.w.warnAfter > 0 && o.w.age(rec.HeldSince)-time.Since(by.began) >= o.w.warnAfter+o.w.warnAfter/100 && o.w.age(rec.Updated) >= time.Since(by.began) {
			o.fail("K", rec.ID, "it has aged since %s, and %s has not told so", rec.HeldSince, by.name)
		}
	}
}
