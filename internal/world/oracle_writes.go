package main

import (
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// conduct is how a worker treats one sink in one cycle.
type conduct struct {
	// flying are the writes under way, creates those of them that create.
	flying, creates int
	// unknown counts outcomes in a row that were not definite; over is set when they
	// were five.
	unknown int
	over    bool
	// outage is set while the cycle has to wait for its first definite answer.
	outage bool
	first  preauth.ID
}

// conduct gives the account of a sink in this cycle.
func (o *oracle) conduct(k *worker, t *tenant) *conduct {
	if k.sinks[t] == nil {
		c := &conduct{}
		doc, _, _ := o.sink(t)
		c.outage = doc.Outage
		k.sinks[t] = c
	}
	return k.sinks[t]
}

// arrives judges a request when it is sent.
func (o *oracle) arrives(k *worker, t *tenant, r *request) {
	c, con := o.cases[r.entry.id], o.conduct(k, t)
	if k.broken {
		o.fail("H", r.entry.id, "a %s is sent after a commit failed", r.action)
	}
	if o.mustNotSend(r.entry.property.enterprise) {
		o.fail("P", r.entry.id, "a %s is sent while writes are paused", r.action)
	}
	o.flying[r.entry.property.enterprise]++
	o.mayWrite(t, r)
	o.intended(k, r)
	o.bounded(t, r, con)
	o.within(c, r)
	if r.action == plan.Create {
		o.mayCreate(k, c, r)
	} else {
		o.captures++
		o.mayCapture(k, c, r)
	}
}

// intended is C: the durable ledger holds the intent, with the very values sent.
func (o *oracle) intended(k *worker, r *request) {
	rec, known := o.record(r.entry.id)
	in := rec.Intent
	switch {
	case !known || in == nil || in.Action != r.action:
		o.fail("C", r.entry.id, "a %s is sent without a durable intent: %+v", r.action, rec)
	case !k.advanced || o.w.disk.beside.generation != o.w.disk.file.generation:
		o.fail("C", r.entry.id, "a %s is sent before the cycle's generation is durable", r.action)
	case rec.Park != nil:
		o.fail("C", r.entry.id, "a %s is sent for what is parked as %s", r.action, rec.Park.Reason)
	case r.action == plan.Capture:
		if rec.Phase != plan.Capturing || rec.Identity != r.identity {
			o.fail("C", r.entry.id, "a capture of %d is sent, and its record is %s of %d", r.identity, rec.Phase, rec.Identity)
		}
	case rec.Phase != plan.Creating || !in.Amount.Amount.Equal(r.create.Amount) || in.PaymentMethodID != r.create.PaymentMethodID ||
		in.Token != r.create.Token || in.CreatedByUserID != r.create.CreatedByUserID:
		o.fail("C", r.entry.id, "what is sent, %+v, is not what was intended, %+v", r.create, *in)
	}
}

// bounded is G.
func (o *oracle) bounded(t *tenant, r *request, con *conduct) {
	con.flying++
	if con.flying > o.w.concurrency {
		o.fail("G", r.entry.id, "%d writes are in flight", con.flying)
	}
	doc, _, _ := o.sink(t)
	if r.action == plan.Create {
		con.creates++
		if con.creates > 1 && o.w.tokens == engine.TokenID && doc.Proof == plan.ProofOpen {
			o.fail("G", r.entry.id, "%d creates are in flight before the sink has shown that it keeps tokens", con.creates)
		}
	}
	switch {
	case con.outage && con.first == "":
		con.first = r.entry.id
	case con.outage && con.first != r.entry.id:
		o.fail("G", r.entry.id, "it is sent after an outage, before the first write had a definite answer")
	}
	if con.over {
		o.fail("G", r.entry.id, "it is sent after five unknown outcomes in a row")
	}
}

// mayCreate is E and H for a create.
func (o *oracle) mayCreate(k *worker, c *dossier, r *request) {
	w, now := o.w, time.Now()
	rec, _ := o.record(r.entry.id)
	news := rec.History == plan.HistoryFresh || w.mirrorFirst || w.settings.newCustomers == plan.MirrorHistory || r.by.charged()
	want := preauth.Money{Amount: r.create.Amount, Currency: r.entry.property.currency}
	if !c.seen(k, func(s sight) bool { return o.callsForCreate(s, news, want) }) {
		o.fail("E", r.entry.id, "a create of %s is sent that no reply of the last minutes calls for", r.create.Amount)
	}
	o.byMethod(k, r.entry, r.create.PaymentMethodID)
	if k.stopped(r.entry.property) {
		o.fail("H", r.entry.id, "a create is sent although one of the property's files could not be read")
	}
	if c.creating == nil || c.creating.before == nil || w.hostile {
		return // C tells of the former
	}
	d := c.creating.before
	switch {
	case w.tokens != engine.TokenID:
		o.fail("H", r.entry.id, "a create is sent again that cannot be looked up")
	case d.count() >= 3:
		o.fail("H", r.entry.id, "a create is sent for the fourth time")
	case now.Before(d.deadline.Add(2 * w.settle)):
		o.fail("H", r.entry.id, "a create is sent again %s after the deadline of the one before", now.Sub(d.deadline))
	case !d.lookedFor(d.deadline.Add(w.settle), w.settle):
		o.fail("H", r.entry.id, "a create is sent again before two look-ups settle apart have shown it absent: %v", d.looks)
	}
}

// lookedFor tells whether two vain look-ups are far enough apart.
func (d *doubt) lookedFor(from time.Time, apart time.Duration) bool {
	var first time.Time
	for _, at := range d.looks {
		switch {
		case at.Before(from):
		case first.IsZero():
			first = at
		case at.Sub(first) >= apart-2*maxLatency:
			return true
		}
	}
	return false
}

// maxLatency is the most that a read takes on its way.
const maxLatency = 2 * time.Second

// mayCapture is E and H for a capture.
func (o *oracle) mayCapture(k *worker, c *dossier, r *request) {
	w, now := o.w, time.Now()
	h := r.entry.property.tenant.hold(r.identity)
	if c.capturing != nil && c.capturing.before != nil {
		d := c.capturing.before
		switch {
		case w.hostile:
		case !w.settings.retry:
			o.fail("H", r.entry.id, "a capture in doubt is sent again, which nobody has allowed")
		case d.count() >= 3:
			o.fail("H", r.entry.id, "a capture is sent for the fourth time")
		case now.Before(d.deadline.Add(w.settle)):
			o.fail("H", r.entry.id, "a capture is sent again %s after the deadline of the one before", now.Sub(d.deadline))
		case d.worker != k && now.Before(k.started.Add(w.timeout+w.settle)):
			o.fail("H", r.entry.id, "an inherited capture is sent again %s after the start", now.Sub(k.started))
		}
		return
	}
	if rec, _ := o.record(r.entry.id); rec.Intent != nil && rec.Intent.Resent {
		if !w.settings.retry && !c.resends {
			o.fail("H", r.entry.id, "a capture is sent again, which nobody has allowed")
		}
		return // what it acts on is an earlier intent
	}
	if !c.seen(k, func(s sight) bool { return callsForCapture(s, preauth.Money{Amount: h.Amount}) }) {
		o.fail("E", r.entry.id, "a capture of %s is sent that no reply of the last minutes calls for", h.Amount)
	}
}

// callsForCreate tells whether a sight is one on which an amount is created; news
// tells whether a charge would be mirrored.
func (*oracle) callsForCreate(s sight, news bool, want preauth.Money) bool {
	due := s.State == preauth.Chargeable && s.Active || s.State == preauth.Charged && news
	return due && s.AmountFault == "" && s.Amount.Equal(want)
}

// callsForCapture tells whether a sight is one on which a hold is captured.
func callsForCapture(s sight, held preauth.Money) bool {
	return s.State == preauth.Charged && s.AmountFault == "" && s.Amount.Amount.Equal(held.Amount)
}

// actedOn is how old what is acted on may be: ten minutes, and the patience that a
// throttled sink may ask for in between.
const actedOn = 15 * time.Minute

// seen tells whether a worker was shown something not long ago.
func (c *dossier) seen(k *worker, fits func(sight) bool) bool {
	for _, s := range c.sights {
		if s.worker == k && time.Since(s.at) <= actedOn && fits(s) {
			return true
		}
	}
	return false
}

// returns notes what a worker is told of its request.
func (o *oracle) returns(k *worker, t *tenant, r *request, out preauth.Outcome) {
	c, con := o.cases[r.entry.id], o.conduct(k, t)
	con.flying--
	o.flying[r.entry.property.enterprise]--
	if r.action == plan.Create {
		con.creates--
	}
	o.w.say("worker", "%s: is told %s (%v)", r.entry.id, out.Kind, out.Err)
	o.tally[r.action.String()+" "+out.Kind.String()]++
	c.refused = c.refused || out.Kind == preauth.OutcomeRefused
	known := out.Kind != preauth.OutcomeUnknown && !k.dead
	switch {
	case !known && !k.dead:
		if con.unknown++; con.unknown == 5 {
			con.over = true
		}
	case out.Kind == preauth.OutcomeApplied || out.Kind == preauth.OutcomeRefused:
		con.unknown, con.outage = 0, false
	}
	nothing := known && out.Kind != preauth.OutcomeApplied
	doubtful := !known || out.Kind == preauth.OutcomeApplied && r.made != nil && out.Hold.Identity != r.made.Identity
	if r.action == plan.Create {
		c.unknownCreate = c.unknownCreate || doubtful
		c.creating = c.creating.without(nothing)
	} else {
		c.unknownCapture = c.unknownCapture || doubtful
		c.capturing = c.capturing.without(nothing)
	}
}

// without takes back an intent that is known to have had no effect.
func (d *doubt) without(nothing bool) *doubt {
	if d == nil || !nothing {
		return d
	}
	return d.before
}
