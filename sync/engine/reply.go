package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// plannedReply is what one complete reply calls for: a batch that is committed
// whole, lines to log once it is, and items to send.
type plannedReply struct {
	run    *propertyRun
	reply  Reply
	batch  plan.Batch
	items  []*item
	skips  map[plan.Why]int
	told   []func()
	polled int
	// customers are those of the reply, as the ledger knows them.
	customers map[preauth.ID]plan.Customer
	// asked says of each customer of the reply whether an earlier cycle read it;
	// readAll whether that is so of every one.
	asked   map[preauth.ID]bool
	readAll bool
	// strays are the Ids of customers who were not asked for.
	strays []preauth.ID
	// foreign is set when a record is another enterprise's.
	foreign bool
	parks   []PlannedPark
}

// olderError says that a reply or a write has shown the file to be older than
// the world.
type olderError struct{ why string }

func (e *olderError) Error() string { return e.why }

// consulted is what the ledger and the sink say around the preauthorizations of a reply.
type consulted struct {
	// records has one for each of them, new ones where the ledger has none.
	records map[preauth.ID]plan.Record
	tokens  map[string]plan.Token
	// methods are the answers of the sink about cards.
	methods map[string]plan.LookedUp
}

func (run *propertyRun) planned(reply Reply) *plannedReply {
	return &plannedReply{run: run, reply: reply, skips: map[plan.Why]int{}}
}

// planReply decides every preauthorization of a reply. Of its own it writes nothing
// but what the sink says of cards.
func (run *propertyRun) planReply(ctx context.Context, reply Reply, seenAt time.Time) (*plannedReply, error) {
	out := run.planned(reply)
	known, err := out.consult(ctx)
	if err != nil {
		return nil, err
	}
	if known.methods, err = out.lookUp(ctx, known); err != nil {
		return nil, err
	}
	for _, p := range reply.Preauthorizations {
		if err := out.decide(ctx, p, known.records[p.ID], known.tokens[string(p.ID)], out.around(p, known), seenAt); err != nil {
			return nil, err
		}
	}
	return out, out.missing(ctx)
}

func (r *plannedReply) ids() []preauth.ID {
	ids := make([]preauth.ID, 0, len(r.reply.Preauthorizations))
	for _, p := range r.reply.Preauthorizations {
		ids = append(ids, p.ID)
	}
	return ids
}

// consult reads what the ledger knows of a reply's preauthorizations and customers.
func (r *plannedReply) consult(ctx context.Context) (out consulted, err error) {
	run, ids := r.run, r.ids()
	if out.records, err = run.e.ledger.Records(ctx, ids); err != nil {
		return out, err
	}
	if out.tokens, err = run.tokens(ctx, ids, out.records); err != nil {
		return out, err
	}
	if r.customers, err = run.customers(ctx, r.reply.Customers); err != nil {
		return out, err
	}
	r.markRead()
	for _, p := range r.reply.Preauthorizations {
		if _, known := out.records[p.ID]; !known {
			out.records[p.ID] = plan.Record{ID: p.ID, Enterprise: run.p.enterprise, CustomerID: p.CustomerID}
		}
	}
	return out, nil
}

// lookUp asks the sink for the payment methods that creates of the reply need.
func (r *plannedReply) lookUp(ctx context.Context, known consulted) (map[string]plan.LookedUp, error) {
	policy := r.run.policy()
	return r.run.lookUp(ctx, r.reply.Preauthorizations, func(p preauth.Preauthorization) bool {
		_, held := known.tokens[string(p.ID)]
		return !held && wouldCreate(p, known.records[p.ID], r.around(p, known), policy)
	})
}

// around is what is known around one preauthorization of the reply.
func (r *plannedReply) around(p preauth.Preauthorization, known consulted) plan.Context {
	return plan.Context{ReadBefore: r.readBefore(p), FirstRun: r.run.firstRun(), Method: r.run.methodOf(p, known.methods)}
}

// tokens gives what the sink was found to hold for those without an identity here.
func (run *propertyRun) tokens(
	ctx context.Context, ids []preauth.ID, records map[preauth.ID]plan.Record,
) (map[string]plan.Token, error) {
	asked := make([]string, 0, len(ids))
	for _, id := range ids {
		if rec := records[id]; rec.Reads() == plan.None || rec.Phase == plan.Baseline {
			asked = append(asked, string(id))
		}
	}
	return run.e.ledger.Tokens(ctx, run.p.sink.name, asked)
}

// firstRun tells whether charged history is taken as the baseline.
func (run *propertyRun) firstRun() bool {
	return !run.firstRunDone() && !run.p.sink.tokensAtCreation()
}

// firstRunDone tells whether every listed customer has been read, or observed.
func (run *propertyRun) firstRunDone() bool {
	return run.doc.FirstRunDone || run.c.observe && run.doc.ObservedFirstRunDone
}

// customers gives what is known of customers: where the mode is observe, their Read is
// also the report's.
func (run *propertyRun) customers(ctx context.Context, ids []preauth.ID) (map[preauth.ID]plan.Customer, error) {
	known, err := run.e.ledger.Customers(ctx, run.p.enterprise, ids)
	if err != nil || !run.c.observe {
		return known, err
	}
	observed, err := run.e.ledger.ObservedReads(ctx, run.p.enterprise, ids)
	if err != nil {
		return nil, err
	}
	for id, cycle := range observed {
		if customer := known[id]; customer.Read == 0 {
			customer.Read = cycle
			known[id] = customer
		}
	}
	return known, nil
}

// markRead marks the reply's customers as read, in the batch of their records.
// A reply that contradicts itself is not complete: what it showed as charged is
// not known.
func (r *plannedReply) markRead() {
	r.asked, r.readAll = make(map[preauth.ID]bool, len(r.reply.Customers)), true
	for _, id := range r.reply.Customers {
		cycle := r.customers[id].Read
		r.asked[id] = cycle > 0 && cycle < r.run.doc.Cycle
		r.readAll = r.readAll && r.asked[id]
		if cycle > 0 || len(r.reply.Conflicting) > 0 {
			continue
		}
		mark := plan.CustomerRead{Enterprise: r.run.p.enterprise, CustomerID: id, Cycle: r.run.doc.Cycle}
		if r.run.c.observe {
			r.batch.ObservedReads = append(r.batch.ObservedReads, mark)
		} else {
			r.batch.Read = append(r.batch.Read, mark)
		}
	}
}

// readBefore tells whether the customer of a preauthorization was read in an
// earlier cycle. Where the reply does not say whose it is, or names somebody
// who was not asked for (a merged customer), all who were asked for must have been.
func (r *plannedReply) readBefore(p preauth.Preauthorization) bool {
	if before, ok := r.asked[p.CustomerID]; ok {
		return before
	}
	return r.readAll
}

// isRepeat tells whether a preauthorization was met before in this cycle. One
// that belongs to a customer who was asked for comes in that customer's reply
// alone; only the others can come twice.
func (r *plannedReply) isRepeat(p preauth.Preauthorization) bool {
	if _, ok := r.asked[p.CustomerID]; ok {
		return false
	}
	r.strays = append(r.strays, p.ID)
	r.run.mu.Lock()
	defer r.run.mu.Unlock()
	return r.run.strays[p.ID]
}

// decide plans one preauthorization.
func (r *plannedReply) decide(
	ctx context.Context, p preauth.Preauthorization, rec plan.Record, token plan.Token, around plan.Context, seenAt time.Time,
) error {
	run := r.run
	if r.isRepeat(p) {
		return nil
	}
	r.polled++
	r.foreign = r.foreign || rec.Enterprise != run.p.enterprise
	now := run.e.now()
	adopted, changed, err := run.p.sink.adopt(ctx, run, rec, token)
	if err != nil {
		return err
	}
	if changed {
		rec = adopted
		r.batch.Journal = append(r.batch.Journal, run.adoption(rec, now))
		told := adopted // by itself: of the others, which are nearly all, none is kept for a line
		r.told = append(r.told, func() { run.account.adopted(told) })
	}
	d := plan.Decide(p, rec, around, run.policy())
	settled := plan.Settle(rec, p, d, now)
	if changed {
		settled.Changed = true
		settled.Record.Updated = now
	}
	if len(d.Actions) > 0 {
		r.items = append(r.items, &item{
			run: run, p: p, seenAt: seenAt, requestID: r.reply.RequestID, around: around, actions: d.Actions,
		})
	} else if d.Why != "" {
		r.skips[d.Why]++
	}
	if d.Park != "" {
		r.parks = append(r.parks, PlannedPark{ID: p.ID, Reason: d.Park, Detail: d.Detail, New: settled.Parked})
	}
	if rec.Revision == 0 && len(d.Actions) > 0 && d.History == plan.HistoryUnset && !changed {
		return nil // its intent will be its first record
	}
	if settled.Changed {
		r.settle(settled, d, now)
	}
	return nil
}

// settle puts a changed record into the batch, with its journal lines.
func (r *plannedReply) settle(s plan.Settled, d plan.Decision, now time.Time) {
	r.batch.Records = append(r.batch.Records, s.Record)
	r.batch.Journal = append(r.batch.Journal, r.run.settledEntries(s, d, r.reply.RequestID, now)...)
	r.told = append(r.told, func() { r.run.account.settled(s, d) })
}

// missing counts the unfinished records that their customer's complete reply
// did not show.
func (r *plannedReply) missing(ctx context.Context) error {
	shown := make(map[preauth.ID]bool, len(r.reply.Preauthorizations))
	for _, p := range r.reply.Preauthorizations {
		shown[p.ID] = true
	}
	for _, id := range r.reply.Conflicting {
		shown[id] = true
		r.skips[plan.Conflicting]++
		r.polled++
		r.told = append(r.told, func() {
			err := fmt.Errorf("what the reply says of preauthorization %s contradicts itself: shown twice with different "+
				"contents, or a property given twice or in a wrong type", id)
			r.run.account.failQuietly(err)
			r.run.account.log.Error("not acted on in this cycle", telemetry.Event(telemetry.SourceConflict),
				telemetry.PreauthorizationID(string(id)), telemetry.Err(err))
		})
	}
	var absent []preauth.ID
	for _, customer := range r.reply.Customers {
		for _, id := range r.customers[customer].Unfinished {
			if !shown[id] {
				absent = append(absent, id)
			}
		}
	}
	if len(absent) == 0 {
		return nil
	}
	records, err := r.run.e.ledger.Records(ctx, absent)
	if err != nil {
		return err
	}
	now := r.run.e.now()
	for _, id := range absent {
		rec, known := records[id]
		if _, asked := r.asked[rec.CustomerID]; !known || !rec.Unfinished() || !asked {
			continue
		}
		if missed := plan.Miss(rec, now); missed.Changed {
			r.settle(missed, plan.Decision{Next: rec.Phase}, now)
		}
	}
	return nil
}

// commit stores the batch, unless it is empty.
func (r *plannedReply) commit(ctx context.Context) error {
	b := r.batch
	if len(b.Records) == 0 && len(b.Read) == 0 && len(b.Journal) == 0 {
		return nil
	}
	if err := r.run.boundHeld(ctx, b.Records); err != nil {
		return err
	}
	return r.run.e.commit(ctx, b)
}

// tell counts and logs what has been committed.
func (r *plannedReply) tell() {
	r.run.account.count(func(c *plan.Counts) { c.Polled += r.polled })
	r.run.account.skipAll(r.skips)
	for _, tell := range r.told {
		tell()
	}
	r.run.mu.Lock()
	defer r.run.mu.Unlock()
	if r.run.c.preview {
		r.run.parks = append(r.run.parks, r.parks...)
	}
	for _, id := range r.strays {
		r.run.strays[id] = true
	}
}

func (run *propertyRun) policy() plan.Policy {
	return plan.Policy{
		Currency: run.p.opts.Currency, StopCreates: run.stopCreates, MirrorFirstRun: run.e.opts.MirrorFirstRun,
		NewCustomers: run.e.opts.NewCustomers, BackfillCharged: run.c.backfill.charged(), CaptureOnly: run.e.opts.Mode == ModeCaptureOnly,
	}
}
