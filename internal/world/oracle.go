package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// oracle judges. It reads the contract by itself: of the project it uses only the
// nouns in which the ledger is written, and for N the decision table. The world's mu
// guards it.
//
//	A  at most one create and one capture take effect for each preauthorization
//	B  once nothing goes wrong, everything comes to where the decision table says, or is parked with cause
//	C  the durable ledger holds the intent of every request, with the very values sent
//	D  ledger and v4 agree, identity by identity
//	E  what is sent is what the PMS showed
//	G  bounds on what is in flight hold
//	H  in doubt nothing is sent, and it is told
//	I  a backfill keeps to what was ordered
//	J  who is in a window or known is asked for, and forgotten only long afterwards
//	K  of a hold it is told once that it has aged
//	M  a create goes to the method that the configuration names, or that v4 has told
//	N  a reply that counts as nothing new calls for nothing, as the ledger is by then
//	O  in observe nothing is sent or changed, and the report says what would be; in capture_only nothing is created
//	P  while writes are paused nothing is sent
//	T  a property writes to its own v4
//	W  a mark that waits for an operator goes only with an operator's word
//	X  the worker has no defect but those that the world gives it
type oracle struct {
	w        *world
	seed     uint64
	failures []string
	cases    map[preauth.ID]*dossier
	amounts  map[string]*entry
	captures int
	tally    tally
	// held are the enterprises whose writes are paused, by an order that has returned,
	// and from when; zero stands for its return.
	held map[preauth.ID]time.Time
	// flying counts the writes under way, by enterprise.
	flying map[preauth.ID]int
	// looks are what v4 has answered about cards, by tenant and card.
	looks map[string][]look
	// put is when a record or a token was put last, by its Id.
	put map[preauth.ID]time.Time
	// mirrored is set once a backfill of charged history has been over in a calm world.
	mirrored bool
}

// dossier is what the oracle knows of one preauthorization.
type dossier struct {
	entry             *entry
	created, captured int
	sights            []sight
	// creating and capturing are the last intents of which the worker does not know
	// that they had no effect.
	creating, capturing *doubt
	// What has ever happened to it.
	refused, unknownCreate, unknownCapture, lost, merged bool
	// resends is set once an operator has allowed another capture.
	resends bool
}

// doubt is a durable intent, and those in doubt before it.
type doubt struct {
	before   *doubt
	worker   *worker
	deadline time.Time
	// looks are when its token was looked up since, in vain.
	looks []time.Time
}

func (d *doubt) count() int {
	if d == nil {
		return 0
	}
	return 1 + d.before.count()
}

// sight is one preauthorization in one reply.
type sight struct {
	at     time.Time
	worker *worker
	preauth.Preauthorization
}

// tally counts, to show that the worlds are not dull.
type tally map[string]int

func (t tally) add(other tally) {
	for what, n := range other {
		t[what] += n
	}
}

// String lists the counts.
func (t tally) String() string {
	var all []string
	for _, what := range slices.Sorted(maps.Keys(t)) {
		all = append(all, fmt.Sprintf("%s %d", what, t[what]))
	}
	return strings.Join(all, ", ")
}

func newOracle(w *world, seed uint64) *oracle {
	return &oracle{
		w: w, seed: seed, cases: map[preauth.ID]*dossier{}, amounts: map[string]*entry{}, tally: tally{},
		held: map[preauth.ID]time.Time{}, flying: map[preauth.ID]int{}, looks: map[string][]look{}, put: map[preauth.ID]time.Time{},
	}
}

// fail notes that an invariant does not hold.
func (o *oracle) fail(invariant string, id preauth.ID, format string, args ...any) {
	text := fmt.Sprintf("%s %s: %s (after %s)", invariant, cmp.Or(string(id), "-"), fmt.Sprintf(format, args...),
		time.Since(o.w.began).Round(time.Millisecond))
	o.failures = append(o.failures, text)
	o.w.say("oracle", "VIOLATED %s", text)
}

// report prints what failed, and how to see it again.
func (o *oracle) report(out io.Writer) {
	for i, each := range o.failures {
		if i == 5 {
			fmt.Fprintf(out, "  and %d more\n", len(o.failures)-i)
			break
		}
		fmt.Fprintf(out, "seed %d violates %s\n", o.seed, each)
	}
	if len(o.failures) > 0 {
		fmt.Fprintf(out, "  go run ./internal/world -seed %d -trace\n", o.seed)
	}
}

// meets learns of a preauthorization.
func (o *oracle) meets(e *entry) {
	o.cases[e.id] = &dossier{entry: e}
}

// priced learns whose an amount is.
func (o *oracle) priced(e *entry, m preauth.Money) {
	o.amounts[e.property.tenant.name+m.Amount.String()] = e
}

// whose tells for whom a create is: by its token, or by its amount where tokens say nothing.
func (o *oracle) whose(t *tenant, req preauth.CreateRequest) (e *entry) {
	o.w.locked(func() {
		if o.w.tokens != engine.TokenID {
			e = o.amounts[t.name+req.Amount.String()]
		} else if c := o.cases[preauth.ID(req.Token)]; c != nil {
			e = c.entry
		}
	})
	return e
}

// holder tells whose hold is to be captured.
func (o *oracle) holder(t *tenant, identity int64) (e *entry) {
	o.w.locked(func() {
		if h := t.hold(identity); h != nil && h.of != "" {
			e = o.cases[h.of].entry
		}
	})
	return e
}

// known tells whether the ledger has a hold's identity.
func (o *oracle) known(h *hold) bool {
	rec, ok := o.record(h.of)
	return ok && rec.Identity == h.Identity
}

// record reads the durable ledger.
func (o *oracle) record(id preauth.ID) (plan.Record, bool) {
	if o.w.disk.file == nil {
		return plan.Record{}, false
	}
	rec, ok, err := o.w.disk.file.store.Record(context.Background(), id)
	return rec, ok && err == nil
}

// shows notes a reply.
func (o *oracle) shows(k *worker, _ *property, r preauth.Reply) {
	for _, p := range r.Preauthorizations {
		c := o.cases[p.ID]
		c.merged = c.merged || c.entry.merged != ""
		c.sights = append(c.sights, sight{time.Now(), k, p})
		if len(c.sights) > 12 {
			c.sights = c.sights[1:]
		}
	}
}

// created notes that a create has taken effect.
func (o *oracle) created(r *request) {
	c := o.cases[r.entry.id]
	c.created++
	o.tally["creates"]++
	if c.created > 1 && !o.w.hostile {
		o.fail("A", r.entry.id, "%d creates took effect", c.created)
	}
}

// captured notes that a capture has taken effect.
func (o *oracle) captured(r *request) {
	c := o.cases[r.entry.id]
	c.captured++
	o.tally["captures"]++
	if c.captured > 1 && !o.w.hostile && !c.undone() {
		o.fail("A", r.entry.id, "%d captures took effect", c.captured)
	}
}

// undone tells whether the ledger has lost a capture that the PMS has taken back:
// the table then takes what is Chargeable for not captured.
func (c *dossier) undone() bool { return c.lost && c.entry.regressed }

// lookedUp notes that a worker was told what a token is on.
func (o *oracle) lookedUp(_ *worker, _ *tenant, id preauth.ID, found bool) {
	if c := o.cases[id]; c != nil && c.creating != nil && !found {
		c.creating.looks = append(c.creating.looks, time.Now())
	}
}

// loses notes that the ledger forgets: what was in doubt is judged by its effects alone.
func (o *oracle) loses() {
	o.tally["losses"]++
	clear(o.held)
	for _, looks := range o.looks {
		for i := range looks {
			looks[i].spent = time.Time{} // the older file may still believe it
		}
	}
	for _, c := range o.cases {
		c.lost = c.lost || c.created > 0 || c.creating != nil
		c.creating, c.capturing = nil, nil
	}
}

// harmless tells whether a copy may come back without a sign of its age: nothing
// has been captured since.
func (o *oracle) harmless(kept *file) bool { return kept.captures == o.captures }

// notMisled judges a cycle that refused a property.
func (o *oracle) notMisled(err error) {
	o.tally["misled"]++
	if o.w.settings.misled == wellLed {
		o.fail("T", "", "a property is refused that writes where it should: %v", err)
	}
}

// refused judges a worker that refused to start.
func (o *oracle) refused(err error) {
	o.tally["refusals"]++
	if o.w.disk.newest == nil || o.w.disk.file.older == "" {
		o.fail("B", "", "the worker refuses a file that is sound: %v", err)
	}
}
