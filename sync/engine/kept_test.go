package engine

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

const someID = "20725048-b6ec-40f0-9d0a-7e5273d8b861"

// Whatever an item is, it comes back from being kept as it was.
func TestWhatWaitsForTheFuseComesBackAsItWas(t *testing.T) {
	actions := [][]plan.ActionKind{{plan.Create}, {plan.Capture}, {plan.Create, plan.Capture}}
	small := 0
	rapid.Check(t, func(t *rapid.T) {
		// The first is what is usual; one thing at a time is odd, or a few.
		pick := func(name string, of ...string) string {
			return of[max(0, rapid.IntRange(-5*len(of), len(of)-1).Draw(t, name))]
		}
		amount := pick("amount", "22.00", "22", "0.001", "1e3", "99999999999999999999.99", "-5", "0")
		p := preauth.Preauthorization{
			ID: preauth.ID(someID), CustomerID: preauth.ID(pick("customer", someID, "")),
			CardID:      pick("card", someID, "20725048-B6EC-40F0-9D0A-7E5273D8B861", "{"+someID+"}", "card 7", ""),
			Amount:      preauth.Money{Amount: decimal.RequireFromString(amount), Currency: pick("currency", "EUR", "CZK")},
			AmountFault: pick("fault", "", "", "no gross value"), Active: rapid.Bool().Draw(t, "active"),
			State: preauth.State(rapid.IntRange(0, 6).Draw(t, "state")), Code: pick("code", "", "C-1"),
		}
		p.StateText = pick("spelled", p.State.String(), "Frozen")
		run := &propertyRun{p: &property{
			opts: PropertyOptions{Currency: "EUR"},
			sink: &sinkRuntime{opts: SinkOptions{Tokens: rapid.SampledFrom([]Tokens{TokenID, TokenCode}).Draw(t, "tokens")}},
		}}
		it := &item{
			run: run, p: p, seenAt: time.Now(), requestID: pick("request", "", "r-1"), actions: rapid.SampledFrom(actions).Draw(t, "actions"),
			around: plan.Context{
				ReadBefore: rapid.Bool().Draw(t, "read before"), FirstRun: rapid.Bool().Draw(t, "first run"),
				Method: plan.Method{
					ID: rapid.Int64Range(0, 3).Draw(t, "method"), Autopay: rapid.Bool().Draw(t, "autopay"), Missing: pick("missing", "", "no entry"),
				},
			},
		}
		k := run.keep(it)
		if k.whole == nil {
			small++
		}
		got := run.item(k)
		if got.p.Code = it.p.Code; k.whole == nil && run.p.sink.opts.Tokens == TokenCode && run.item(k).p.Code != it.p.Code {
			t.Fatalf("the code %q is lost, and a create sends it", it.p.Code)
		}
		same := cmp.Comparer(func(a, b decimal.Decimal) bool { return a.Equal(b) && a.Exponent() == b.Exponent() })
		if p.AmountFault != "" {
			same = cmpopts.IgnoreFields(preauth.Preauthorization{}, "Amount")
		}
		options := cmp.Options{same, cmp.AllowUnexported(item{}), cmpopts.IgnoreFields(item{}, "run", "place")}
		if diff := cmp.Diff(it, got, options); diff != "" {
			t.Fatalf("(-was +is):\n%s", diff)
		}
	})
	if small == 0 {
		t.Error("none was made small")
	}
}
