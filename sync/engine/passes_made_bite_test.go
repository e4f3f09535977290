package engine

import (
	"testing"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state/memory"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Most of what keeps a reply from making a pass is watched over by the ledger as well.
// Here each rule stands alone.
func TestWhatMakesAPass(t *testing.T) {
	for _, c := range []struct {
		what  string
		reply func(r *plannedReply)
		clean bool
	}{
		{"nothing", func(*plannedReply) {}, true},
		{"what goes on as it is", func(r *plannedReply) {
			for _, why := range []plan.Why{
				plan.InStep, plan.Waiting, plan.IsReleased, plan.IsCaptured, plan.IsBaseline, plan.IsParked, plan.IsAnswered,
			} {
				r.skips[why] = 1
			}
			r.parks = []PlannedPark{{Reason: plan.AmountChanged}, {Reason: plan.FirstSeenCharged}, {Reason: plan.UnknownCapture}}
		}, true},
		{"a record", func(r *plannedReply) { r.batch.Records = make([]plan.Record, 1) }, false},
		{"a customer read", func(r *plannedReply) { r.batch.Read = make([]plan.CustomerRead, 1) }, false},
		{"a journal line", func(r *plannedReply) { r.batch.Journal = make([]plan.Entry, 1) }, false},
		{"a write", func(r *plannedReply) { r.items = make([]*item, 1) }, false},
		{"something to tell", func(r *plannedReply) { r.told = make([]func(), 1) }, false},
		{"somebody else's", func(r *plannedReply) { r.strays = make([]preauth.ID, 1) }, false},
		{"a record of another enterprise", func(r *plannedReply) { r.foreign = true }, false},
		{"a customer who had not been read", func(r *plannedReply) { r.readAll = false }, false},
		{"an intent in doubt", func(r *plannedReply) { r.skips[plan.InDoubt] = 1 }, false},
		{"creates that are stopped", func(r *plannedReply) { r.skips[plan.CreatesStopped] = 1 }, false},
		{"a method that could not be read", func(r *plannedReply) { r.skips[plan.MethodUnread] = 1 }, false},
		{"a mode that only captures", func(r *plannedReply) { r.skips[plan.IsCaptureOnly] = 1 }, false},
		{"two versions of one", func(r *plannedReply) { r.skips[plan.Conflicting] = 1 }, false},
		{"an amount that cannot be held", func(r *plannedReply) { r.parks = []PlannedPark{{Reason: plan.BadAmount}} }, false},
		{"another currency", func(r *plannedReply) { r.parks = []PlannedPark{{Reason: plan.CurrencyMismatch}} }, false},
		{"no payment method", func(r *plannedReply) { r.parks = []PlannedPark{{Reason: plan.NoPaymentMethod}} }, false},
	} {
		r := &plannedReply{skips: map[plan.Why]int{}, readAll: true}
		if c.reply(r); r.isClean() != c.clean {
			t.Errorf("%s: it makes a pass: %t", c.what, !c.clean)
		}
	}
}

// passing gives a run of a property that writes to a sink, on a ledger.
func passing(ledger Ledger, change func(run *propertyRun)) *propertyRun {
	e := &Engine{ledger: ledger, opts: Options{Program: "1"}}
	run := &propertyRun{e: e, c: &cycle{}, p: &property{
		enterprise: someID, opts: PropertyOptions{Currency: "EUR"},
		sink: &sinkRuntime{e: e, name: "v4", opts: SinkOptions{Tokens: TokenID}},
	}}
	change(run)
	return run
}

func TestAPassIsOfItsProgramAndItsCustomers(t *testing.T) {
	const first, between, another, last = preauth.ID("00000000-0000-4000-8000-000000000001"),
		preauth.ID("00000000-0000-4000-8000-000000000002"), preauth.ID("00000000-0000-4000-8000-000000000003"),
		preauth.ID("00000000-0000-4000-8000-000000000004")
	ledger := memory.New(plan.File{New: true})
	chunk := []preauth.ID{first, between, last}
	made, err := passing(ledger, func(*propertyRun) {}).pass(t.Context(), chunksOf(chunk)[0])
	if err != nil {
		t.Fatal(err)
	}
	made.next.Reply = preauth.Fingerprint{Body: [32]byte{1}}
	if err := ledger.Commit(t.Context(), plan.Batch{Passes: []plan.Pass{made.next}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what   string
		chunk  []preauth.ID
		change func(run *propertyRun)
		known  bool
	}{
		{"the same", chunk, func(*propertyRun) {}, true},
		{"another program", chunk, func(run *propertyRun) { run.e.opts.Program = "2" }, false},
		{"another sink", chunk, func(run *propertyRun) { run.p.sink.name = "other" }, false},
		{"another mode of tokens", chunk, func(run *propertyRun) { run.p.sink.opts.Tokens = TokenNone }, false},
		{"another currency", chunk, func(run *propertyRun) { run.p.opts.Currency = "CZK" }, false},
		{"another mode", chunk, func(run *propertyRun) { run.e.opts.Mode = ModeCaptureOnly }, false},
		{"after the first run", chunk, func(run *propertyRun) { run.doc.FirstRunDone = true }, false},
		{"another customer in between", []preauth.ID{first, another, last}, func(*propertyRun) {}, false},
		{"one customer less", []preauth.ID{first, last}, func(*propertyRun) {}, false},
		{"another last customer", []preauth.ID{first, between, another}, func(*propertyRun) {}, false},
	} {
		if p, err := passing(ledger, c.change).pass(t.Context(), chunksOf(c.chunk)[0]); err != nil || p.last.Reply.IsZero() == c.known {
			t.Errorf("%s: the pass counts: %t", c.what, !c.known)
		}
	}
}

func TestWhileMoreThanThePlanIsWantedNothingPasses(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(run *propertyRun)
		passes bool
	}{
		{"a cycle of the schedule", func(*propertyRun) {}, true},
		{"a preview", func(run *propertyRun) { run.c.preview = true }, false},
		{"mirror.mode: observe", func(run *propertyRun) { run.c.observe = true }, false},
		{"a backfill", func(run *propertyRun) { run.c.backfill = &backfill{} }, false},
		{"a file that cannot be used", func(run *propertyRun) { run.stopCreates = true }, false},
		{"a state file that is older than the world", func(run *propertyRun) { run.e.older = "it was put back" }, false},
		{"tokens that are not matched", func(run *propertyRun) { run.p.sink.unmatched = true }, false},
	} {
		run := passing(memory.New(plan.File{New: true}), c.change)
		if p, err := run.pass(t.Context(), chunksOf([]preauth.ID{someID})[0]); err != nil || p.watched != c.passes {
			t.Errorf("%s: passes count: %t", c.what, p.watched)
		}
	}
}
