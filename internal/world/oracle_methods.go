package main

import (
	"context"
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// look is what v4 has answered about a card.
type look struct {
	// clock is what the wall clock said.
	clock time.Time
	// method is the card's only active one, 0 where there was none or several.
	method int64
	// spent is when it was durable that v4 refused a create with it.
	spent time.Time
}

// missFor is how long it may be believed that a card has no method.
const missFor = time.Hour

func lookKey(t *tenant, e *entry) string { return t.name + " " + e.card }

// answers notes what v4 tells of a card, and judges that it had to be asked.
func (o *oracle) answers(k *worker, t *tenant, field, card string, method int64) {
	key := t.name + " " + card
	o.looks[key] = append(o.looks[key], look{clock: time.Now().Add(o.w.wall), method: method})
	o.tally["cards looked up"]++
	if _, known := t.cards[card]; !known || field != lookup {
		o.fail("M", "", "v4 is asked whose %s is %q, which is no card of its", field, card)
	}
	stored, _ := k.ledger.LookedUp(context.Background(), t.inLedger(), field, []string{card}) // memory does not fail
	age := o.w.age(stored[card].At)
	atOnce := age >= 0 && age < 5*time.Second // two properties may ask at once
	if known, is := stored[card]; is && !atOnce && (known.ID > 0 || age >= 0 && age < missFor) {
		o.fail("M", "", "card %s is looked up, and the answer is known: %+v", card, known)
	}
}

// age is how long ago something was, by the wall clock.
func (w *world) age(at time.Time) time.Duration { return time.Now().Add(w.wall).Sub(at) }

// spends notes that a create with a card's method has been refused, durably.
func (o *oracle) spends(e *entry) {
	looks := o.looks[lookKey(e.property.tenant, e)]
	for i := range looks {
		if looks[i].spent.IsZero() {
			looks[i].spent = time.Now()
		}
	}
}

// byMethod is M for a create: it goes to the method that the configuration names, or
// to the one that v4 has told, until it refuses a create with it.
func (o *oracle) byMethod(k *worker, e *entry, method int64) {
	w := o.w
	want := 1000 + w.settings.methods + int64(e.n)
	if w.autopay {
		want = 0
	}
	switch {
	case !w.asks(e):
		if method != want {
			o.fail("M", e.id, "it is to be created with method %d, and the configuration names %d", method, want)
		}
	case method == 0:
		o.fail("M", e.id, "it is to be created without a method, where one was to be looked up")
	case !slices.ContainsFunc(o.looks[lookKey(e.property.tenant, e)], func(l look) bool {
		return l.method == method && (l.spent.IsZero() || !l.spent.Before(k.began))
	}):
		o.fail("M", e.id, "it is to be created with method %d, which no look-up has told that still holds: %v",
			method, o.looks[lookKey(e.property.tenant, e)])
	}
}

// misses is M for a mark: the last hour of the wall clock has shown that the card has
// no method.
func (o *oracle) misses(e *entry, park *plan.Park, was *plan.Park) {
	if park == nil || park.Reason != plan.NoPaymentMethod || was != nil && was.Reason == park.Reason || !o.w.asks(e) {
		return
	}
	if e.cardless || slices.ContainsFunc(o.cases[e.id].sights, func(s sight) bool { return s.CardID == "" }) {
		return
	}
	if !slices.ContainsFunc(o.looks[lookKey(e.property.tenant, e)], func(l look) bool {
		return l.method == 0 && o.w.age(l.clock) >= 0 && o.w.age(l.clock) <= missFor+time.Minute
	}) {
		o.fail("M", e.id, "it is parked as %s, and no look-up of the last hour has shown that: %v", park.Reason,
			o.looks[lookKey(e.property.tenant, e)])
	}
}

// forgetful is when no miss is believed any more, if the clock is not moved again: those
// of which it says by now that they are still to come become believable for a while.
func (o *oracle) forgetful() time.Duration {
	longest := missFor
	for _, looks := range o.looks {
		for _, l := range looks {
			if age := o.w.age(l.clock); age > -wholeEvery {
				longest = max(longest, missFor-age)
			}
		}
	}
	return longest
}
