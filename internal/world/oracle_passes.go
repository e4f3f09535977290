package main

import (
	"context"
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// puts notes what is put.
func (o *oracle) puts(batch plan.Batch) {
	for _, rec := range batch.Records {
		o.put[rec.ID] = time.Now()
	}
	for _, token := range batch.Tokens {
		o.put[preauth.ID(token.Token)] = time.Now()
	}
}

// passes is N: a reply that counts as nothing new is planned all the same, with the
// decision table itself. What was put since its poll began is excused: the next one has
// to look into it.
func (o *oracle) passes(s source, began time.Time, r preauth.Reply) {
	if s.k.dead {
		return
	}
	o.tally["replies with nothing new"]++
	o.w.say("pms", "%s: %d customers, nothing new", s.p.name, len(r.Customers))
	ctx, store := context.Background(), o.w.disk.file.store
	doc, _, _ := store.Property(ctx, s.p.enterprise)              // memory does not fail
	known, _ := store.Customers(ctx, s.p.enterprise, r.Customers) // memory does not fail
	shown := slices.Clone(r.Conflicting)
	for _, p := range r.Preauthorizations {
		shown = append(shown, p.ID)
		read := known[p.CustomerID].Read
		o.overlooks(p.ID, began, o.callsFor(s, p, read > 0 && read < doc.Cycle, doc))
	}
	for _, customer := range known {
		for _, id := range customer.Unfinished {
			if rec, _ := o.record(id); !slices.Contains(shown, id) && plan.Miss(rec, o.w.at()).Changed {
				o.overlooks(id, began, "it is to be missed")
			}
		}
	}
	if len(r.Conflicting) > 0 {
		o.overlooks(r.Conflicting[0], began, "it contradicts itself")
	}
}

// overlooks notes what a reply calls for that was not looked into.
func (o *oracle) overlooks(id preauth.ID, began time.Time, what string) {
	switch {
	case what == "":
	case !o.put[id].Before(began):
		o.tally["replies overtaken"]++
	default:
		o.fail("N", id, "a reply counts as nothing new, and %s", what)
	}
}

// callsFor says what an entry of a reply calls for, as the ledger is; it is empty where
// that is nothing and remains so while neither changes.
func (o *oracle) callsFor(s source, p preauth.Preauthorization, before bool, doc plan.Property) string {
	w := o.w
	rec, known := o.record(p.ID)
	d := plan.Decide(p, rec, plan.Context{ReadBefore: before, FirstRun: o.firstRun(o.cases[p.ID], doc), Method: o.method(s, p)}, plan.Policy{
		Currency: s.p.currency, CaptureOnly: w.settings.mode == engine.ModeCaptureOnly, MirrorFirstRun: w.mirrorFirst,
		NewCustomers: w.settings.newCustomers, StopCreates: s.k.stopped(s.p),
	})
	switch {
	case !known:
		return "it is not known"
	case len(d.Actions) > 0:
		return "it is to be sent: " + d.Actions[0].String()
	case plan.Settle(rec, p, d, w.at()).Changed:
		return "its record is to be changed"
	case o.adopts(s, rec):
		return "what v4 holds for it is to be adopted"
	case slices.Contains([]plan.Why{plan.InDoubt, plan.CreatesStopped, plan.MethodUnread, plan.IsCaptureOnly}, d.Why):
		return "it waits for what no reply says: " + string(d.Why)
	case slices.Contains([]plan.Reason{plan.BadAmount, plan.CurrencyMismatch, plan.NoPaymentMethod}, d.Park):
		return "it is parked for what no reply says: " + string(d.Park)
	default:
		return ""
	}
}

// adopts tells whether v4 was found to hold what the ledger has no identity for.
func (o *oracle) adopts(s source, rec plan.Record) bool {
	if rec.Identity != 0 || rec.Phase.InFlight() || rec.Park != nil && rec.Park.Reason == plan.DuplicateFound {
		return false
	}
	found, _ := o.w.disk.file.store.Tokens(context.Background(), s.p.tenant.inLedger(), []string{string(rec.ID)}) // memory does not fail
	return len(found[string(rec.ID)].Holds) > 0
}

// method is the payment method of a card, where v4 was to be asked as it has answered.
func (o *oracle) method(s source, p preauth.Preauthorization) plan.Method {
	found := o.w.method(o.cases[p.ID].entry)
	if !found.Ask {
		return found
	}
	card := plan.CardKey(p.CardID)
	if card == "" {
		return plan.Method{Missing: "the PMS names no card"}
	}
	answers, _ := o.w.disk.file.store.LookedUp(context.Background(), s.p.tenant.inLedger(), lookup, []string{card}) // memory does not fail
	if answer, is := answers[card]; is && answer.Holds(o.w.at()) {
		return answer.Method()
	}
	return plan.Method{Unread: true}
}

// at is what the wall clock says. The caller holds mu.
func (w *world) at() time.Time { return time.Now().Add(w.wall) }
