package state_test

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/state/memory"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// TestTheFileBehavesAsTheModel does the same random things to a state file, which
// is closed and opened in between, and to a ledger in memory.
func TestTheFileBehavesAsTheModel(t *testing.T) {
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(r *rapid.T) {
		runs++
		path := filepath.Join(dir, fmt.Sprintf("%d.db", runs))
		model := memory.New(plan.File{New: true})
		var l *state.Ledger
		reopen := func() {
			var err error
			if l != nil {
				if err := l.Close(); err != nil {
					r.Fatal(err)
				}
			}
			if l, err = state.Open(state.Options{Path: path, Mode: state.ReadWrite}.WithLog(fairLog)); err != nil {
				r.Fatal(err)
			}
		}
		reopen()
		defer func() { _ = l.Close() }()
		for range rapid.IntRange(1, 25).Draw(r, "steps") {
			switch rapid.IntRange(0, 9).Draw(r, "step") {
			case 0:
				reopen()
			case 1:
				if _, err := l.Compact(t.Context(), state.CompactOptions{}); err != nil {
					r.Fatal(err)
				}
			default:
				batch := drawBatch(t, r, model)
				want, got := model.Commit(t.Context(), stamped(model, batch)), l.Commit(t.Context(), stamped(l, batch))
				if errors.Is(want, plan.ErrConflict) != errors.Is(got, plan.ErrConflict) ||
					errors.Is(want, plan.ErrIdentityTaken) != errors.Is(got, plan.ErrIdentityTaken) || (want == nil) != (got == nil) {
					r.Fatalf("the model says %v, the file %v", want, got)
				}
			}
		}
		if diff := ledgertest.Diff(contents(t, model), contents(t, l)); diff != "" {
			r.Fatalf("model -, file +\n%s", diff)
		}
		if report, err := l.Verify(t.Context()); err != nil {
			r.Fatal(err, report.Problems)
		}
	})
}

func drawBatch(t *testing.T, r *rapid.T, model *memory.Ledger) plan.Batch {
	t.Helper()
	var batch plan.Batch
	few := rapid.IntRange(0, 3)
	ids := rapid.SliceOfNDistinct(rapid.IntRange(0, 12), 0, 8, rapid.ID).Draw(r, "ids")
	for _, n := range ids {
		record := rapid.SampledFrom([]plan.Record{ledgertest.HeldRecord(n), ledgertest.FullRecord(n)}).Draw(r, "record")
		record.Phase = rapid.SampledFrom(plan.Phases()).Draw(r, "phase")
		record.Enterprise = rapid.SampledFrom([]preauth.ID{"", ledgertest.ID(1), ledgertest.ID(2)}).Draw(r, "enterprise")
		record.CustomerID = rapid.SampledFrom([]preauth.ID{record.CustomerID, ledgertest.ID(1 << 21), ""}).Draw(r, "customer")
		record.Identity = rapid.Int64Range(0, 12).Draw(r, "identity")
		record.Intent = rapid.SampledFrom([]*plan.Intent{nil, {Action: plan.Capture, Attempt: rapid.IntRange(1, 3).Draw(r, "attempt")}}).Draw(r, "intent")
		record.Seen.State = rapid.SampledFrom([]preauth.State{preauth.Chargeable, preauth.Charged}).Draw(r, "state")
		record.Park = rapid.SampledFrom([]*plan.Park{
			nil, record.Park, {Reason: plan.Rejected, Since: ledgertest.At(rapid.IntRange(0, 4).Draw(r, "since"))},
		}).Draw(r, "park")
		stored, _, _ := model.Record(t.Context(), record.ID)
		record.Revision = stored.Revision
		if rapid.IntRange(0, 19).Draw(r, "stale") == 0 {
			record.Revision++
		}
		batch.Records = append(batch.Records, record)
		batch.Journal = append(batch.Journal, plan.Entry{ID: record.ID, Event: "x", At: ledgertest.At(n)})
	}
	if rapid.IntRange(0, 3).Draw(r, "property") == 0 {
		stored, _, _ := model.Property(t.Context(), ledgertest.ID(1))
		batch.Property = &plan.Property{
			Enterprise: ledgertest.ID(1), Revision: stored.Revision, Sink: rapid.SampledFrom([]string{"v4", "b"}).Draw(r, "sink"),
		}
	}
	for range few.Draw(r, "tokens") {
		token := rapid.SampledFrom([]string{"a", "b", "c", string(ledgertest.ID(1)), string(ledgertest.ID(2))}).Draw(r, "token")
		var holds []preauth.Hold
		for _, n := range rapid.SliceOfN(rapid.Int64Range(1, 4), 0, 3).Draw(r, "holds") {
			holds = append(holds, preauth.Hold{Identity: n, Token: token})
		}
		batch.Tokens = append(batch.Tokens, plan.Token{
			Sink: "v4", Token: token, Holds: holds, Foreign: rapid.Bool().Draw(r, "foreign"),
		})
	}
	for range few.Draw(r, "others") {
		batch.Highest = append(batch.Highest, plan.Highest{Sink: "v4", Identity: rapid.Int64Range(0, 20).Draw(r, "identity")})
		batch.Read = append(batch.Read, plan.CustomerRead{
			Enterprise: ledgertest.ID(9), CustomerID: ledgertest.ID(rapid.IntRange(7, 8).Draw(r, "customer")),
			Cycle: rapid.Uint64Range(1, 9).Draw(r, "cycle"),
		})
		found := plan.Discovered{
			Enterprise: ledgertest.ID(9), CustomerID: ledgertest.ID(rapid.IntRange(0, 4).Draw(r, "discovered")),
			Until: ledgertest.At(rapid.IntRange(0, 3).Draw(r, "until")),
		}
		if rapid.IntRange(0, 2).Draw(r, "forgotten") == 0 {
			found.Until = time.Time{}
		}
		batch.Discovered = append(batch.Discovered, found)
		drawLearnt(r, &batch)
		first := rapid.IntRange(0, 12).Draw(r, "first")
		batch.Passes = append(batch.Passes, plan.Pass{
			Enterprise: rapid.SampledFrom([]preauth.ID{ledgertest.ID(1), ledgertest.ID(2)}).Draw(r, "passed"),
			First:      ledgertest.ID(1<<21 + first), Last: ledgertest.ID(1<<21 + first + few.Draw(r, "last")),
			Polled: rapid.IntRange(0, 9).Draw(r, "polled"), Stamp: rapid.Uint64Range(0, 1).Draw(r, "behind"),
		})
		pause := plan.Pause{
			Enterprise: rapid.SampledFrom([]preauth.ID{"", ledgertest.ID(1), ledgertest.ID(2)}).Draw(r, "paused"),
			Since:      ledgertest.At(rapid.IntRange(0, 3).Draw(r, "since")),
		}
		if rapid.IntRange(0, 2).Draw(r, "lifted") == 0 {
			pause.Since = time.Time{}
		}
		batch.Pauses = append(batch.Pauses, pause)
	}
	return batch
}

// stamped gives a batch whose passes have a ledger's stamp, where they do not have
// another one.
func stamped(l ledgertest.Ledger, batch plan.Batch) plan.Batch {
	batch.Passes = slices.Clone(batch.Passes)
	for n := range batch.Passes {
		batch.Passes[n].Stamp += l.Stamp(batch.Passes[n].Enterprise)
	}
	return batch
}

func drawLearnt(r *rapid.T, batch *plan.Batch) {
	answer := plan.LookedUp{
		Sink: rapid.SampledFrom([]string{"v4", "b"}).Draw(r, "asked"), Field: "identifier",
		CardID: rapid.SampledFrom([]string{"card", string(ledgertest.ID(1)), string(ledgertest.ID(2))}).Draw(r, "card"),
		ID:     rapid.Int64Range(0, 3).Draw(r, "method"),
	}
	if at := rapid.IntRange(0, 3).Draw(r, "at"); at > 0 {
		answer.At = ledgertest.At(at)
	}
	seen := plan.Observed{
		ID:         ledgertest.ID(rapid.IntRange(0, 4).Draw(r, "observed")),
		Enterprise: rapid.SampledFrom([]preauth.ID{ledgertest.ID(1), ledgertest.ID(9)}).Draw(r, "observed at"),
	}
	if at := rapid.IntRange(0, 3).Draw(r, "updated"); at > 0 {
		seen.Updated = ledgertest.At(at)
	}
	batch.LookedUp, batch.Observed = append(batch.LookedUp, answer), append(batch.Observed, seen)
	batch.ObservedReads = append(batch.ObservedReads, plan.CustomerRead{
		Enterprise: ledgertest.ID(9), CustomerID: ledgertest.ID(rapid.IntRange(7, 8).Draw(r, "observed customer")),
		Cycle: rapid.Uint64Range(1, 9).Draw(r, "observed cycle"),
	})
	if rapid.IntRange(0, 3).Draw(r, "unobserved") == 0 {
		batch.Unobserved = append(batch.Unobserved, seen.Enterprise)
	}
}

// TestAnOverlayBehavesAsTheModel does the same random things to a model, and to
// a base that is then laid over.
func TestAnOverlayBehavesAsTheModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		model, base := memory.New(plan.File{}), memory.New(plan.File{})
		same := func(l *memory.Ledger) {
			batch := drawBatch(t, r, model)
			want, got := model.Commit(t.Context(), stamped(model, batch)), l.Commit(t.Context(), stamped(l, batch))
			if errors.Is(want, plan.ErrConflict) != errors.Is(got, plan.ErrConflict) ||
				errors.Is(want, plan.ErrIdentityTaken) != errors.Is(got, plan.ErrIdentityTaken) {
				r.Fatalf("the model says %v, the other %v", want, got)
			}
		}
		for range rapid.IntRange(0, 10).Draw(r, "below") {
			same(base)
		}
		below := contents(t, base)
		over := memory.Overlay(base)
		for range rapid.IntRange(0, 10).Draw(r, "above") {
			same(over)
		}
		want, got := contents(t, model), contents(t, over)
		for _, all := range []*everything{&want, &got} {
			for n := range all.Journal {
				all.Journal[n].Seq = 0
			}
			slices.SortFunc(all.Unmatched, func(a, b plan.Token) int { return cmp.Compare(a.Token, b.Token) })
		}
		if diff := ledgertest.Diff(want, got); diff != "" {
			r.Fatalf("model -, overlay +\n%s", diff)
		}
		if diff := ledgertest.Diff(below, contents(t, base)); diff != "" {
			r.Fatalf("the base has changed:\n%s", diff)
		}
	})
}
