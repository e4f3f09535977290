package main

import (
	"context"
	"time"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// rest begins and ends the days on which the PMS does nothing. Everything else goes on:
// what changes then changes in the ledger alone. The caller holds mu.
func (w *world) rest(t throw) {
	switch {
	case w.still > 0:
		w.still--
	case t.chance(0.15):
		w.still, w.usual = 2+t.IntN(4), w.settings
		w.usual.misled = wellLed
		w.say("pms", "is still for %d days", w.still)
	}
}

// quiet is a calm while in which the PMS does nothing and operators answer what is parked.
// What their answers call for must be done although no reply says anything new.
func (w *world) quiet(t throw) {
	w.oracle.tally["quiets"]++
	if t.chance(0.3) {
		w.start()
	}
	w.sleep(w.timeout + 2*w.settle)
	_ = w.answers(w.worker, t, 0.6) // nothing fails in a calm world
	if t.chance(0.3) {
		_ = w.operate(w.worker, t)
		w.run(t, cycleOrder("quiet", false), func() error { return nil })
	}
	w.repeat("quiet", calmCycles)
}

// answer has an operator answer some marks while the worker is at work.
func (w *world) answer(k *worker, t throw) error { return w.answers(k, t, 0.5) }

// answers has operators answer marks, each with a chance. They look into v4 first and tell
// the truth; what the program does not take from them is left. The error is that of the
// worker.
func (w *world) answers(k *worker, t throw, share float64) error {
	ctx := context.Background()
	for _, rec := range w.oracle.parked() {
		if t.chance(share) {
			w.locked(func() { //nolint:contextcheck // the ledger in memory never waits
				if batch, err := w.word(t, rec); err != nil {
					w.say("operator", "%s: cannot be answered: %v", rec.ID, err)
				} else if !k.dead {
					err := k.ledger.commit(ctx, batch)
					w.say("operator", "%s: is answered as %s, with %v", rec.ID, batch.Records[0].Phase, err)
				}
			})
		}
	}
	_ = pass(ctx, nil, time.Millisecond) // nothing ends it early
	k.engine.Recheck()
	return k.engine.Failed()
}

// word is what an operator who looks into v4 says of a mark. The caller holds mu.
func (w *world) word(t throw, rec plan.Record) (batch plan.Batch, err error) {
	c := w.oracle.cases[rec.ID]
	p := c.entry.property
	sink, _, _ := w.oracle.sink(p.tenant) // memory does not fail
	creates, captures := c.underWay(plan.Create), c.underWay(plan.Capture)
	var next plan.Answered
	if answer, is := c.truth(t); !is || creates || captures || t.chance(0.6) {
		next, err = plan.Retry(rec, plan.Retrying{
			ResendCreate: c.created == 0 && !creates, ResendCapture: c.captured == 0 && !captures,
			Proof: sink.Proof, Settle: w.settle,
		}, w.at())
		if w.asks(c.entry) && rec.Park.Reason == plan.NoPaymentMethod {
			batch.LookedUp = []plan.LookedUp{{Sink: p.tenant.inLedger(), Field: lookup, CardID: c.entry.card}}
		}
	} else {
		next, err = plan.Resolve(rec, answer, "v4 shows it", w.at())
	}
	batch.Records, batch.Journal = []plan.Record{next.Record}, []plan.Entry{next.Entry}
	return batch, err
}

// truth is what has become of a preauthorization, as an operator may put it who has the
// ledger know of whatever v4 holds; it is false where only a retry can do that.
func (c *dossier) truth(t throw) (plan.Answer, bool) {
	rec, _ := c.entry.property.w.oracle.record(c.entry.id)
	released := plan.Answer{As: plan.Released}
	for _, h := range c.entry.property.tenant.holds {
		switch {
		case h.of != c.entry.id:
		case h.captures > 0:
			return plan.Answer{As: plan.Captured}, rec.Identity != 0
		case rec.Identity != 0 && t.chance(0.5):
			return released, true
		default:
			return plan.Answer{As: plan.Created, Hold: h.Hold, Currency: c.entry.property.currency}, true
		}
	}
	return released, rec.Identity == 0
}

// parked are the records that are.
func (o *oracle) parked() (all []plan.Record) {
	o.w.locked(func() {
		for _, rec := range o.records() {
			if rec.Park != nil {
				all = append(all, rec)
			}
		}
	})
	return all
}

// answered notes an operator's word. What it ends a doubt about is in doubt no more; who
// is at work need not tell of what it puts in doubt again.
func (o *oracle) answered(k *worker, c *dossier, old, rec plan.Record) {
	o.tally["answers to "+string(old.Park.Reason)]++
	for by := range k.orders {
		by.alone = false
	}
	if !rec.Phase.InFlight() {
		c.creating = nil
	}
	if rec.Phase == plan.Created && (old.Phase == plan.Capturing || old.Park.Reason == plan.UnknownCapture) {
		c.capturing, c.resends = nil, true
	}
}
