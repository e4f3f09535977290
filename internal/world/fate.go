package main

import (
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// fate is what becomes of a write. Its times count from the sending.
type fate struct {
	name string
	// takesEffect tells whether it will be had, effect when; visible is when a create's
	// hold shows, and token when it shows its token.
	takesEffect            bool
	effect, visible, token time.Duration
	// reply is when the sender hears, and outcome what.
	reply   time.Duration
	outcome func(t *tenant, r *request) preauth.Outcome
}

// fate decides what becomes of a write.
func (t *tenant) fate(dice throw, r *request) fate {
	w := t.w
	quick := dice.between(time.Millisecond, w.timeout/4)
	f := fate{reply: quick + dice.between(time.Millisecond, w.timeout/2)}
	shown := w.late
	if !w.faulty {
		shown /= 2
	}
	switch {
	case t.locked:
		return f.answers("401", preauth.Outcome{Kind: preauth.OutcomeUnauthorized, Status: 401, Err: errSink})
	case t.out, t.down && dice.chance(0.5), w.fault(dice, 0.1):
		return f.answers("not sent", preauth.Outcome{Kind: preauth.OutcomeNotSent, Err: errSink})
	case t.down, w.fault(dice, 0.1):
		f.reply = w.timeout
		return f.answers("lost on the way there", preauth.Outcome{Err: errReset})
	case w.fault(dice, 0.1):
		return f.answers("429", preauth.Outcome{
			Kind: preauth.OutcomeThrottled, Status: 429, RetryAfter: pick(dice, 0, time.Second, 30*time.Second, 2*time.Minute), Err: errSink,
		})
	case w.fault(dice, 0.05):
		return f.answers("401", preauth.Outcome{Kind: preauth.OutcomeUnauthorized, Status: 401, Err: errSink})
	case w.fault(dice, 0.1), r.action == plan.Create && !t.takes(r.create.PaymentMethodID):
		return f.answers("refused", refusal())
	case w.fault(dice, 0.35):
		return t.unheard(dice, f)
	}
	f.name, f.takesEffect, f.effect = "applied", true, quick
	f.visible = quick + dice.between(0, shown+1)
	f.token = f.visible + dice.between(0, shown+1)
	f.outcome = t.applied
	if r.action == plan.Create && w.fault(dice, 0.03) {
		f.name, f.outcome = "answered with another's identity", t.mistaken
	}
	return f.within(w.latest())
}

// unheard takes effect, at some time, and its sender does not hear of it.
func (t *tenant) unheard(dice throw, f fate) fate {
	w := t.w
	f.takesEffect = true
	f.reply = pick(dice, f.reply, w.timeout)
	f.effect = pick(dice, dice.between(0, f.reply), dice.between(0, w.timeout), dice.between(0, w.latest()))
	f.visible = f.effect + dice.between(0, w.late+1)
	f.token = f.visible + dice.between(0, w.late+1)
	f = f.answers("unheard", preauth.Outcome{Err: errReset, Status: pick(dice, 0, 200, 500, 503)}).within(w.latest())
	f.name += " until " + f.effect.String()
	return f
}

func (f fate) answers(name string, out preauth.Outcome) fate {
	f.name = name
	f.outcome = func(*tenant, *request) preauth.Outcome { return out }
	return f
}

// within keeps what happens inside the limit.
func (f fate) within(latest time.Duration) fate {
	f.effect, f.visible, f.token = min(f.effect, latest), min(f.visible, latest), min(f.token, latest)
	return f
}

func refusal() preauth.Outcome {
	refused := &preauth.SinkRefusal{Operation: "write", Status: 400, Errors: []preauth.APIError{{Code: 7, Message: "no"}}}
	return preauth.Outcome{Kind: preauth.OutcomeRefused, Status: 400, Errors: refused.Errors, Err: refused}
}

// applied answers with what the effect came to.
func (t *tenant) applied(_ *tenant, r *request) preauth.Outcome {
	if r.refused {
		return refusal()
	}
	out := preauth.Outcome{Kind: preauth.OutcomeApplied, Status: 200}
	if r.made != nil {
		out.Hold = r.made.Hold
	}
	return out
}

// mistaken answers a create with the identity of an earlier one.
func (t *tenant) mistaken(_ *tenant, r *request) preauth.Outcome {
	out := t.applied(t, r)
	for _, h := range t.holds {
		if h.of != "" && h.of != r.entry.id && t.w.oracle.known(h) {
			out.Hold.Identity = h.Identity
			return out
		}
	}
	return out
}
