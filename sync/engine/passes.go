package engine

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// A cycle in which nothing has changed should cost next to nothing. What the PMS says
// of a chunk of customers is what it said when a reply for them was last planned and
// called for nothing, and the ledger says what it said then: so the reply calls for
// nothing again, and is not looked into. The ledger watches over its part, by forgetting
// a pass as soon as anything is put that it rested on.

// pass is the last pass over a chunk of customers, and what makes the next one.
type pass struct {
	run   *propertyRun
	chunk chunk
	// watched is set when the chunk's passes count; last is zero where there is none.
	watched bool
	last    plan.Pass
	next    plan.Pass
}

// pass looks for the last pass over a chunk that rested on what holds now.
func (run *propertyRun) pass(ctx context.Context, chunk chunk) (*pass, error) {
	p := &pass{run: run, chunk: chunk, watched: run.watched()}
	if !p.watched {
		return p, nil
	}
	p.next = plan.Pass{
		Enterprise: run.p.enterprise, First: chunk.ids[0], Last: chunk.ids[len(chunk.ids)-1], Basis: run.basis(chunk),
	}
	p.stamp()
	last, ok, err := run.e.ledger.Pass(ctx, run.p.enterprise, chunk.ids[0])
	if err != nil {
		return nil, run.e.fail(err)
	}
	if ok && last.Last == p.next.Last && last.Basis == p.next.Basis {
		p.last = last
	}
	return p, nil
}

// watched tells whether passes count in this run. They do not where more than the plan
// is wanted of a reply, nor while it may show that the file is older than the world.
func (run *propertyRun) watched() bool {
	return !run.c.preview && !run.c.observe && run.c.backfill == nil && !run.stopCreates &&
		!run.e.isOlder() && !run.p.sink.hasUnmatched()
}

// basis identifies what decisions about a chunk rest on beside the reply and the ledger.
func (run *propertyRun) basis(chunk chunk) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%x %q %q %q %+v %t", chunk.sum, run.e.opts.Program, run.p.sink.name,
		run.p.sink.opts.Tokens, run.policy(), run.firstRun()))
}

// repoll asks for the chunk, in the knowledge of the last pass.
func (p *pass) repoll(ctx context.Context, reply func(Reply) error) ([]Refused, error) {
	if !p.watched {
		return p.run.p.opts.Source.Poll(ctx, p.chunk.ids, reply)
	}
	return p.run.p.opts.Source.Repoll(ctx, p.chunk.ids, p.last.Reply, reply)
}

// stamp notes what the ledger is at before something is read that a pass is to rest on.
func (p *pass) stamp() {
	if p.watched {
		p.next.Stamp = p.run.e.ledger.Stamp(p.run.p.enterprise)
	}
}

// repeat counts a reply that says what the last pass's said, and keeps the order in which
// it said so.
func (p *pass) repeat(ctx context.Context, reply Reply) error {
	p.run.account.repeated(p.last)
	if reply.Fingerprint == p.last.Reply {
		return nil
	}
	return p.store(ctx, reply, p.last.Polled, p.last.Skipped)
}

// keep stores that a planned reply has called for nothing.
func (p *pass) keep(ctx context.Context, planned *plannedReply) error {
	if !p.watched || !planned.isClean() {
		return nil
	}
	return p.store(ctx, planned.reply, planned.polled, planned.skips)
}

func (p *pass) store(ctx context.Context, reply Reply, polled int, skipped map[plan.Why]int) error {
	if reply.Fingerprint.IsZero() {
		return nil
	}
	p.next.Reply, p.next.Polled, p.next.Skipped = reply.Fingerprint, polled, maps.Clone(skipped)
	return p.run.e.commit(ctx, plan.Batch{Passes: []plan.Pass{p.next}})
}

// isClean tells whether a reply called for nothing, and will go on doing so as long as
// neither it nor the ledger changes. What a file, a mode or a look-up may change is not.
func (r *plannedReply) isClean() bool {
	b := r.batch
	if len(b.Records)+len(b.Read)+len(b.Journal)+len(r.items)+len(r.told)+len(r.strays) > 0 || !r.readAll || r.foreign {
		return false
	}
	for why := range r.skips {
		switch why {
		case plan.InStep, plan.Waiting, plan.IsReleased, plan.IsCaptured, plan.IsBaseline, plan.IsParked, plan.IsAnswered:
		default:
			return false
		}
	}
	for _, park := range r.parks {
		switch park.Reason {
		case plan.BadAmount, plan.CurrencyMismatch, plan.NoPaymentMethod:
			return false
		default:
		}
	}
	return true
}
