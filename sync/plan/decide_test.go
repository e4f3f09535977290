package plan_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	anID       = preauth.ID("2d93962f-067f-45a6-b7c4-bc4b9d899456")
	enterprise = preauth.ID("851df8c8-90f2-4c4a-8e01-a4fc46b25178")
	customer   = preauth.ID("20725048-b6ec-40f0-9d0a-7e5273d8b861")
)

func eur(t require, amount string) preauth.Money {
	t.Helper()
	m, err := preauth.NewMoney(amount, "EUR")
	if err != nil {
		t.Fatalf("%v", err)
	}
	return m
}

// require is what *testing.T and *rapid.T have in common.
type require interface {
	Helper()
	Fatalf(format string, args ...any)
}

func observed(t require, state, amount string, active bool) preauth.Preauthorization {
	t.Helper()
	return preauth.Preauthorization{
		ID: anID, CustomerID: customer, CardID: "card", Amount: eur(t, amount),
		State: preauth.ParseState(state), StateText: state, Active: active,
	}
}

// recordIn builds a record as the engine would have left it in a phase.
func recordIn(t require, phase plan.Phase, identity, unsure bool) plan.Record {
	t.Helper()
	rec := plan.Record{ID: anID, Revision: 1, Enterprise: enterprise, CustomerID: customer, CardID: "card", Phase: phase}
	if identity {
		rec.Identity, rec.Amount, rec.PaymentMethodID, rec.Unsure = 7, eur(t, "22"), 9, unsure
	}
	if phase.InFlight() {
		rec.Intent = &plan.Intent{Action: plan.Create, Attempt: 1, Amount: eur(t, "22")}
	}
	return rec
}

type row struct {
	name   string
	record func(t require) plan.Record
}

func rows() []row {
	in := func(phase plan.Phase, identity, unsure bool) func(require) plan.Record {
		return func(t require) plan.Record { return recordIn(t, phase, identity, unsure) }
	}
	return []row{
		{"none", in(plan.None, false, false)},
		{"creating", in(plan.Creating, false, false)},
		{"created", in(plan.Created, true, false)},
		{"capturing", in(plan.Capturing, true, false)},
		{"captured", in(plan.Captured, true, false)},
		{"baseline", in(plan.Baseline, false, false)},
		{"adopted", in(plan.Adopted, true, true)},
		{"released (no identity)", in(plan.Released, false, false)},
		{"released (identity)", in(plan.Released, true, false)},
		{"released (adopted)", in(plan.Released, true, true)},
	}
}

func TestDecideEveryCellOfTheTable(t *testing.T) {
	var b strings.Builder
	policy := plan.Policy{Currency: "EUR", NewCustomers: plan.ParkHistory}
	states := []struct {
		name, state string
		active      bool
	}{
		{"Chargeable", "Chargeable", true},
		{"Charged", "Charged", true},
		{"Pending", "Pending", true},
		{"Failed", "Failed", true},
		{"Cancelled", "Cancelled", false},
		{"Expired", "Expired", true},
		{"Chargeable, not active", "Chargeable", false},
		{"Paused (unknown)", "Paused", true},
	}
	for _, s := range states {
		for _, r := range rows() {
			for _, amount := range []string{"22.00", "30"} {
				p := observed(t, s.state, amount, s.active)
				d := plan.Decide(p, r.record(t), plan.Context{ReadBefore: true, Method: plan.Method{ID: 9}}, policy)
				fmt.Fprintf(&b, "%-24s × %-24s %-6s → %s\n", s.name, r.name, amount, show(d))
			}
		}
	}
	golden(t, "table.golden", b.String())
}

func TestDecideFirstSeenCharged(t *testing.T) {
	var b strings.Builder
	for _, policy := range []plan.Policy{
		{Currency: "EUR", NewCustomers: plan.ParkHistory},
		{Currency: "EUR", NewCustomers: plan.BaselineHistory},
		{Currency: "EUR", NewCustomers: plan.MirrorHistory},
		{Currency: "EUR", NewCustomers: plan.ParkHistory, MirrorFirstRun: true},
		{Currency: "EUR", NewCustomers: plan.ParkHistory, BackfillCharged: true},
	} {
		for _, readBefore := range []bool{false, true} {
			for _, firstRun := range []bool{true, false} {
				for _, phase := range []plan.Phase{plan.None, plan.Baseline} {
					d := plan.Decide(observed(t, "Charged", "22", true), recordIn(t, phase, false, false),
						plan.Context{ReadBefore: readBefore, FirstRun: firstRun, Method: plan.Method{ID: 9}}, policy)
					fmt.Fprintf(&b, "new=%-8s first_run_mirror=%-5t backfill_charged=%-5t read_before=%-5t first_run=%-5t %-8s → %s\n",
						policy.NewCustomers, policy.MirrorFirstRun, policy.BackfillCharged, readBefore, firstRun, phase, show(d))
				}
			}
		}
	}
	golden(t, "first_seen_charged.golden", b.String())
}

func show(d plan.Decision) string {
	var parts []string
	for _, a := range d.Actions {
		parts = append(parts, strings.ToUpper(a.String()))
	}
	if d.Why != "" {
		parts = append(parts, string(d.Why))
	}
	if d.Park != "" {
		parts = append(parts, "park "+string(d.Park))
	}
	if d.Orphaned {
		parts = append(parts, "hold.orphaned")
	}
	return strings.Join(append(parts, "phase "+d.Next.String()), ", ")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); go test ./sync/plan -update writes it anew:\n%s", path, diff)
	}
}

func TestDecidePreconditionsOfACreate(t *testing.T) {
	method := plan.Method{ID: 9}
	for name, c := range map[string]struct {
		amount, currency, fault string
		method                  plan.Method
		want                    plan.Reason
	}{
		"no gross value is a bad amount before anything else":        {"1", "USD", "no gross value", plan.Method{Missing: "x"}, plan.BadAmount},
		"zero is a bad amount":                                       {"0", "EUR", "", method, plan.BadAmount},
		"a negative amount is a bad amount":                          {"-3", "EUR", "", method, plan.BadAmount},
		"three decimals are too many for the euro":                   {"10.005", "EUR", "", method, plan.BadAmount},
		"trailing zeros are no decimals":                             {"10.50000", "EUR", "", method, ""},
		"the yen has no decimals":                                    {"100.5", "JPY", "", method, plan.BadAmount},
		"another currency than the tenant's comes before the method": {"10", "USD", "", plan.Method{Missing: "x"}, plan.CurrencyMismatch},
		"a code that ISO 4217 does not have is a mismatch":           {"10.12345", "EUX", "", method, plan.CurrencyMismatch},
		"a card that nothing maps":                                   {"10", "EUR", "", plan.Method{Missing: "x"}, plan.NoPaymentMethod},
		"autopay names no method and needs none":                     {"10", "EUR", "", plan.Method{Autopay: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := observed(t, "Chargeable", c.amount, true)
			p.Amount.Currency, p.AmountFault = c.currency, c.fault
			d := plan.Decide(p, plan.Record{ID: anID}, plan.Context{Method: c.method}, plan.Policy{Currency: "EUR"})
			if d.Park != c.want {
				t.Errorf("parked %q, want %q (%s)", d.Park, c.want, d.Detail)
			}
			if (len(d.Actions) == 1) != (c.want == "") {
				t.Errorf("actions %v although parked %q", d.Actions, d.Park)
			}
		})
	}
}

func TestAFreshChargeStaysFreshInLaterCycles(t *testing.T) {
	policy := plan.Policy{Currency: "EUR", NewCustomers: plan.ParkHistory}
	p := observed(t, "Charged", "22", true)
	around := plan.Context{ReadBefore: true, Method: plan.Method{Missing: "the card is not mapped yet"}}
	first := plan.Settle(plan.Record{ID: anID}, p, plan.Decide(p, plan.Record{ID: anID}, around, policy), time.Unix(1, 0))
	if !first.Parked || first.Record.Park.Reason != plan.NoPaymentMethod {
		t.Fatalf("not parked for its method: %+v", first)
	}
	around.Method = plan.Method{ID: 9}
	d := plan.Decide(p, first.Record, around, policy)
	if diff := cmp.Diff([]plan.ActionKind{plan.Create, plan.Capture}, d.Actions); diff != "" {
		t.Errorf("after the card was mapped (-want +got):\n%s", diff)
	}
	if second := plan.Settle(first.Record, p, d, time.Unix(2, 0)); second.Lifted != plan.NoPaymentMethod {
		t.Errorf("the mark was not lifted: %+v", second)
	}
}

// An operator's retry lifts the mark: what was history then is history still, though
// its customer has been read since.
func TestHistoryStaysHistoryInLaterCycles(t *testing.T) {
	p := observed(t, "Charged", "22", true)
	rec := plan.Record{ID: anID, Revision: 2, History: plan.HistoryOld}
	d := plan.Decide(p, rec, plan.Context{ReadBefore: true, Method: plan.Method{ID: 9}},
		plan.Policy{Currency: "EUR", NewCustomers: plan.ParkHistory})
	if d.Park != plan.FirstSeenCharged || len(d.Actions) > 0 {
		t.Errorf("%s", show(d))
	}
}

func TestOnlyABackfillOfChargedHistoryAnswersAMarkThatWaitsForAnOperator(t *testing.T) {
	p := observed(t, "Charged", "22", true)
	for _, why := range plan.Reasons() {
		if !why.WaitsForOperator() {
			continue
		}
		for _, backfill := range []bool{false, true} {
			rec := recordIn(t, plan.None, false, false)
			rec.History = plan.HistoryOld
			rec.Park = &plan.Park{Reason: why, Seen: plan.Observe(p)}
			policy := plan.Policy{Currency: "EUR", NewCustomers: plan.ParkHistory, BackfillCharged: backfill}
			d := plan.Decide(p, rec, plan.Context{ReadBefore: true, Method: plan.Method{ID: 9}}, policy)
			wants := 0
			if backfill && why == plan.FirstSeenCharged {
				wants = 2
			}
			if len(d.Actions) != wants {
				t.Errorf("parked as %s, backfill --charged %t: %v", why, backfill, d.Actions)
			}
		}
	}
}

func TestAnAnsweredObservationNeverParksAgain(t *testing.T) {
	rec := recordIn(t, plan.Created, true, false)
	changed := observed(t, "Charged", "30", true)
	seen := plan.Observe(changed)
	rec.Answered = &seen
	if d := plan.Decide(changed, rec, plan.Context{}, plan.Policy{}); d.Park != "" || len(d.Actions) > 0 || d.Why != plan.IsAnswered {
		t.Errorf("the answered observation: %+v", d)
	}
	if d := plan.Decide(observed(t, "Charged", "31", true), rec, plan.Context{}, plan.Policy{}); d.Park != plan.AmountChanged {
		t.Errorf("another observation: %+v", d)
	}
	released := recordIn(t, plan.Released, false, false)
	chargeable := observed(t, "Chargeable", "22", true)
	seen = plan.Observe(chargeable)
	released.Answered = &seen
	d := plan.Decide(chargeable, released, plan.Context{Method: plan.Method{ID: 9}}, plan.Policy{Currency: "EUR"})
	if len(d.Actions) > 0 {
		t.Errorf("what the operator let go is sent again: %+v", d)
	}
	// It is neither taken for history, which a backfill could charge, nor kept waiting for a look-up.
	charged := observed(t, "Charged", "22", true)
	seen = plan.Observe(charged)
	released.Park = &plan.Park{Reason: plan.NoPaymentMethod, Seen: seen}
	for _, c := range []struct {
		around plan.Context
		policy plan.Policy
	}{
		{plan.Context{FirstRun: true}, plan.Policy{Currency: "EUR", NewCustomers: plan.BaselineHistory}},
		{plan.Context{ReadBefore: true, Method: plan.Method{Ask: true}}, plan.Policy{Currency: "EUR"}},
		{plan.Context{Method: plan.Method{ID: 9}}, plan.Policy{Currency: "EUR", BackfillCharged: true}},
	} {
		if d := plan.Decide(charged, released, c.around, c.policy); d.Why != plan.IsAnswered || d.Next != plan.Released || d.Park != "" || len(d.Actions) > 0 {
			t.Errorf("what the operator let go, with %+v: %+v", c.policy, d)
		}
	}
	parked := rec
	parked.Park = &plan.Park{Reason: plan.UnknownCapture, Seen: plan.Observe(changed)}
	if s := plan.Settle(parked, changed, plan.Decide(changed, parked, plan.Context{}, plan.Policy{}), time.Unix(1, 0)); s.Lifted != "" {
		t.Errorf("a mark for a later outcome was lifted by an older answer")
	}
}

func TestMissingThreeTimesParks(t *testing.T) {
	rec := recordIn(t, plan.Created, true, false)
	for i := 1; i <= plan.MissingLimit+1; i++ {
		s := plan.Miss(rec, time.Unix(int64(i), 0))
		if s.Parked != (i == plan.MissingLimit) {
			t.Errorf("after %d replies parked is %t", i, s.Parked)
		}
		rec = s.Record
	}
	p := observed(t, "Chargeable", "22", true)
	back := plan.Settle(rec, p, plan.Decide(p, rec, plan.Context{}, plan.Policy{Currency: "EUR"}), time.Unix(9, 0))
	if back.Lifted != plan.SourceMissing || back.Record.Missing != 0 {
		t.Errorf("seen again: %+v", back)
	}
}

func drawObserved(t *rapid.T) preauth.Preauthorization {
	state := rapid.SampledFrom([]string{"Chargeable", "Charged", "Pending", "Failed", "Cancelled", "Expired", "Odd"}).Draw(t, "state")
	p := observed(t, state, rapid.SampledFrom([]string{"0", "22", "22.00", "22.001", "30"}).Draw(t, "amount"), rapid.Bool().Draw(t, "active"))
	if rapid.IntRange(0, 9).Draw(t, "fault") == 0 {
		p.AmountFault = "no gross value"
	}
	return p
}

func drawRecord(t *rapid.T) plan.Record {
	r := rapid.SampledFrom(rows()).Draw(t, "row").record(t)
	r.History = plan.History(rapid.IntRange(0, 2).Draw(t, "history"))
	if rapid.Bool().Draw(t, "parked") {
		r.Park = &plan.Park{Reason: rapid.SampledFrom(plan.Reasons()).Draw(t, "reason"), Seen: plan.Observe(drawObserved(t))}
	}
	if rapid.Bool().Draw(t, "answered") {
		seen := plan.Observe(drawObserved(t))
		r.Answered = &seen
	}
	return r
}

func drawContext(t *rapid.T) (plan.Context, plan.Policy) {
	around := plan.Context{
		ReadBefore: rapid.Bool().Draw(t, "read before"),
		FirstRun:   rapid.Bool().Draw(t, "first run"),
		Method:     rapid.SampledFrom([]plan.Method{{ID: 9}, {Autopay: true}, {Missing: "nothing maps it"}}).Draw(t, "method"),
	}
	policy := plan.Policy{
		Currency:        "EUR",
		NewCustomers:    rapid.SampledFrom([]plan.ChargedHistory{plan.ParkHistory, plan.BaselineHistory, plan.MirrorHistory}).Draw(t, "new"),
		MirrorFirstRun:  rapid.Bool().Draw(t, "mirror first run"),
		BackfillCharged: rapid.Bool().Draw(t, "backfill charged"),
	}
	return around, policy
}

func TestDecideIsAFunction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, rec := drawObserved(t), drawRecord(t)
		around, policy := drawContext(t)
		first := plan.Decide(p, rec, around, policy)
		if diff := cmp.Diff(first, plan.Decide(p, rec, around, policy)); diff != "" {
			t.Fatalf("the same input gave another decision:\n%s", diff)
		}
		if len(first.Actions) > 0 && (first.Park != "" || first.Why != "") {
			t.Fatalf("sends and does not send: %+v", first)
		}
	})
}

func TestPlanningAgainAfterApplyingGivesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, rec := drawObserved(t), drawRecord(t)
		around, policy := drawContext(t)
		rec = apply(t, rec, p, plan.Decide(p, rec, around, policy))
		again := plan.Decide(p, rec, around, policy)
		if len(again.Actions) > 0 || again.Orphaned {
			t.Fatalf("the second pass is not idle: %s of %+v", show(again), rec)
		}
		if s := plan.Settle(rec, p, again, time.Unix(2, 0)); s.Changed {
			t.Fatalf("the second pass changes the record: %+v", cmp.Diff(rec, s.Record))
		}
	})
}

func TestACaptureIsNeverOfAnotherAmountThanTheCreate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, rec := drawObserved(t), drawRecord(t)
		around, policy := drawContext(t)
		d := plan.Decide(p, rec, around, policy)
		for i, action := range d.Actions {
			if action == plan.Capture && i == 0 && !p.Amount.Equal(rec.Amount) {
				t.Fatalf("captures %s although v4 holds %s", p.Amount, rec.Amount)
			}
			if action == plan.Create && rec.Identity != 0 {
				t.Fatalf("creates although identity %d is held", rec.Identity)
			}
		}
	})
}

// apply does to a record what a cycle does when every request is applied.
func apply(t require, rec plan.Record, p preauth.Preauthorization, d plan.Decision) plan.Record {
	t.Helper()
	settled := plan.Settle(rec, p, d, time.Unix(1, 0))
	if d.Ordered {
		settled = settled.Order().Order() // lifts a mark first, by itself
	}
	rec = settled.Record
	rec.Revision++
	for _, action := range d.Actions {
		switch action {
		case plan.Create:
			rec.Phase, rec.Identity, rec.Amount = plan.Created, 7, p.Amount
		case plan.Capture:
			rec.Phase = plan.Captured
		default:
			t.Fatalf("an action that is none: %v", action)
		}
	}
	return rec
}
