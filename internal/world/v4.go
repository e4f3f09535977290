package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// tenant is one v4: what it holds, and what is still to take effect there.
type tenant struct {
	w     *world
	name  string
	holds []*hold
	// effects are still to come, in the order of their times.
	effects []effect
	// own is the property that has it for itself, if one does.
	own *property
	// cards are the payment methods by card, wallet the cards, issued counts methods.
	cards  map[string][]preauth.PaymentMethod
	wallet []string
	issued int64
	// down sinks take no write, locked ones no login, blind ones find no token; one that
	// is out answers nothing.
	down, locked, blind, out bool
	// relogin is set once the present login has been given up.
	relogin bool
}

// hold is a hold as v4 has it.
type hold struct {
	preauth.Hold
	// of is whose create made it, empty for somebody else's.
	of preauth.ID
	// visible and token are when it shows, and when it shows its token.
	visible, token time.Time
	captures       int
}

// effect is what a request that is under way will do.
type effect struct {
	at time.Time
	// of is for whom an action is under way.
	of     preauth.ID
	action plan.ActionKind
	do     func()
}

func newTenant(w *world, n int) *tenant {
	t := &tenant{w: w, name: fmt.Sprintf("v4-%d", n+1), cards: map[string][]preauth.PaymentMethod{}}
	dice := w.throw("tenant", t.name)
	for range dice.IntN(4) {
		t.foreign(dice)
	}
	return t
}

// foreign is a hold that somebody else makes, with a token of a gateway's.
func (t *tenant) foreign(dice throw) {
	h := preauth.Hold{PaymentMethodID: 1000 + dice.Int64N(5), CreatedByUserID: 5}
	h.Amount = preauth.Money{}.Amount.Add(decimalOf(12300))
	if dice.chance(0.7) {
		h.Token = string(idOf(0xf0, len(t.holds)+1))
	}
	t.add(h, "", time.Now(), time.Now())
}

// add makes a hold with the next identity.
func (t *tenant) add(h preauth.Hold, of preauth.ID, visible, token time.Time) *hold {
	h.Identity = int64(len(t.holds) + 1)
	made := &hold{Hold: h, of: of, visible: visible, token: token}
	t.holds = append(t.holds, made)
	return made
}

// later adds an effect.
func (t *tenant) later(r *request, at time.Time, do func()) {
	t.effects = append(t.effects, effect{at: at, of: r.entry.id, action: r.action, do: do})
	slices.SortStableFunc(t.effects, func(a, b effect) int { return a.at.Compare(b.at) })
}

func (t *tenant) advance(now time.Time) {
	for len(t.effects) > 0 && !t.effects[0].at.After(now) {
		do := t.effects[0].do
		t.effects = t.effects[1:]
		do()
	}
}

// hold gives the one with an identity.
func (t *tenant) hold(identity int64) *hold {
	if identity < 1 || identity > int64(len(t.holds)) {
		return nil
	}
	return t.holds[identity-1]
}

// shown is what a search or a list shows of a hold now, if it shows it.
func (t *tenant) shown(h *hold) (preauth.Hold, bool) {
	now, out := time.Now(), h.Hold
	switch {
	case now.Before(h.visible):
		return out, false
	case h.of != "" && !t.w.keeps:
		out.Token = string(idOf(0xf1, int(h.Identity))) // the gateway's in its place
	case now.Before(h.token):
		out.Token = ""
	}
	return out, true
}

// request is a write that arrives.
type request struct {
	action plan.ActionKind
	by     *order
	entry  *entry
	create preauth.CreateRequest
	// identity is a capture's.
	identity int64
	sent     time.Time
	deadline time.Time
	// done is what its effect came to: made is a create's, refused says that a capture came second.
	made    *hold
	refused bool
}

// happen lets a request take effect.
func (t *tenant) happen(r *request, visible, token time.Time) {
	if r.action == plan.Create {
		h := preauth.Hold{
			PaymentMethodID: r.create.PaymentMethodID, Amount: r.create.Amount, Token: r.create.Token, CreatedByUserID: r.create.CreatedByUserID,
		}
		if h.PaymentMethodID == 0 {
			h.PaymentMethodID = 1 // AutoPay's
		}
		r.made = t.add(h, r.entry.id, visible, token)
		t.w.say("v4", "%s: created as %d with %s", r.entry.id, r.made.Identity, h.Amount)
		t.w.oracle.created(r)
		return
	}
	h := t.hold(r.identity)
	if h.captures > 0 && t.w.refusesSecond {
		r.refused = true
		return
	}
	h.captures++
	t.w.say("v4", "%s: %d captured", r.entry.id, r.identity)
	t.w.oracle.captured(r)
}
