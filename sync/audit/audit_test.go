package audit

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// expect compares what an audit tells, without its words.
func (w *world) expect(t *testing.T, want ...string) Summary {
	t.Helper()
	summary, found := w.audit(t)
	if diff := cmp.Diff(append([]string{}, want...), outline(found)); diff != "" {
		t.Errorf("want -, got +\n%s%+v", diff, found)
	}
	return summary
}

func told(kind Kind, n, identity int) string {
	return fmt.Sprintf("%s %s %d %s", kind, id(n), identity, hotel)
}

// unread wants exactly so many lines about what could not be compared, and texts in them.
func (s Summary) expectUnread(t *testing.T, lines int, wanted ...string) {
	t.Helper()
	if len(s.Unread) != lines {
		t.Errorf("%d lines, want %d: %q", len(s.Unread), lines, s.Unread)
	}
	mentions(t, fmt.Sprint(s.Unread), wanted...)
}

func TestWhatThePMSDoesNotAnswerKeepsNothingElseFromBeingCompared(t *testing.T) {
	w := newWorld()
	for n := range 5 * mostCustomers {
		w.says(preauth.Charged, n+1)
	}
	w.in(plan.Created, 1)
	w.held(1, 1, func(h *preauth.Hold) { h.PaymentMethodID = 7 })
	w.in(plan.Created, 2) // v4 has lost it
	w.beforePoll = func() error { return errBroken }
	w.expect(t, told(MethodDiffers, 1, 1), told(Missing, 2, 2)).expectUnread(t, 4,
		"property hotel: not all of 1000 customers", errBroken.Error(), "nobody after", "3 polls in a row failed")
	if w.polls != sourceOutAfter {
		t.Errorf("%d polls", w.polls)
	}
}

func TestAPollThatFailsOnceDoesNotEndTheOthers(t *testing.T) {
	w := newWorld()
	for n := range mostCustomers + 1 {
		w.says(preauth.Expired, n+1)
	}
	w.in(plan.Created, 1)
	w.in(plan.Created, mostCustomers+1)
	w.held(1, 1)
	w.held(mostCustomers+1, mostCustomers+1)
	w.beforePoll = func() error {
		if w.polls == 1 {
			return errBroken
		}
		return nil
	}
	w.expect(t, told(Orphaned, mostCustomers+1, mostCustomers+1)).expectUnread(t, 1, "from "+string(customerOn(1)))
}

func TestAPMSThatAnswersNowAndThenIsAskedOn(t *testing.T) {
	w := newWorld()
	for n := range 6 * mostCustomers {
		w.listed = append(w.listed, customerOn(n))
	}
	w.beforePoll = func() error {
		if w.polls%3 == 0 {
			return nil
		}
		return errBroken
	}
	w.expect(t).expectUnread(t, 4)
	if w.polls != 6 {
		t.Errorf("%d polls", w.polls)
	}
}

func TestWhoseTokenIsRefusedIsComparedWithV4Only(t *testing.T) {
	w := newWorld()
	w.enterpriseErr = errors.New("the access token is not valid")
	w.in(plan.Created, 1)
	w.says(preauth.Charged, 1)
	w.expect(t, told(Missing, 1, 1)).expectUnread(t, 1, "property hotel was not compared with the PMS: the access token is not valid")
	if w.polls > 0 {
		t.Errorf("%d polls", w.polls)
	}
}

func TestACustomerWhoCannotBeReadOrphansNothing(t *testing.T) {
	w := newWorld()
	w.in(plan.Created, 1)
	w.held(1, 1)
	w.refused = []preauth.ID{customerOn(1)}
	w.expect(t).expectUnread(t, 1, string(customerOn(1)), "it is not known")
}

func TestAReplyThatContradictsItselfIsNotComparedAndOrphansNothing(t *testing.T) {
	w := newWorld()
	for n := range 2 {
		w.in(plan.Created, n+1)
		w.held(int64(n+1), n+1)
		w.says(preauth.Charged, n+1)
	}
	w.says(preauth.Charged, 3) // unknown to the ledger
	w.conflicting = []preauth.ID{id(1), id(3)}
	w.strays = []preauth.Preauthorization{w.polled[0]} // another reply shows it too
	w.expect(t, told(Uncaptured, 2, 2)).expectUnread(t, 2, string(id(1)), string(id(3)), "contradicts itself")
}

func TestAListThatV4DoesNotFinishShowsNoAbsence(t *testing.T) {
	w := newWorld()
	w.in(plan.Created, 1) // v4 may have it
	w.in(plan.Created, 2)
	w.held(2, 2)
	w.held(1002, 2)
	w.says(preauth.Chargeable, 1)
	w.says(preauth.Chargeable, 2)
	w.listErr = errBroken
	w.expect(t, told(Duplicate, 2, 1002)).expectUnread(t, 1, "not everything v4 holds could be read", errBroken.Error())
	if w.gets > 0 {
		t.Errorf("%d holds were asked for", w.gets)
	}
}

func TestAHoldThatOnlyTheListLacksIsNotMissing(t *testing.T) {
	w := newWorld()
	w.in(plan.Created, 1)
	w.held(1, 1, func(h *preauth.Hold) { h.PaymentMethodID = 7 })
	w.says(preauth.Chargeable, 1)
	w.unlisted = []int64{1}
	w.expect(t, told(MethodDiffers, 1, 1)).expectUnread(t, 1, "v4's list is not complete: it does not show identity 1")
}

func TestAHoldThatCannotBeAskedForIsNotMissing(t *testing.T) {
	w := newWorld()
	w.in(plan.Created, 1)
	w.says(preauth.Chargeable, 1)
	w.getErr = errBroken
	w.expect(t).expectUnread(t, 1, "identity 1", errBroken.Error())
}

func TestHoldsAreAskedForSinglyOnlySoOften(t *testing.T) {
	w := newWorld()
	want := []string{}
	for n := range mostAsked + 5 {
		w.in(plan.Created, n+1, func(rec *plan.Record) { rec.CustomerID = "" })
		want = append(want, told(Missing, n+1, n+1))
	}
	w.expect(t, want...)
	if w.gets != mostAsked {
		t.Errorf("%d holds were asked for", w.gets)
	}
}

func TestAV4ThatListsNothingCapturedHasLostNothing(t *testing.T) {
	w := newWorld()
	for n := range 3 {
		w.in(plan.Captured, n+1)
		w.says(preauth.Charged, n+1)
	}
	if summary := w.expect(t); summary.Unlisted != 3 || w.gets > 0 {
		t.Errorf("%+v, and %d holds were asked for", summary, w.gets)
	}
}

func TestAV4ThatListsWhatIsCapturedHasLostWhatItDoesNot(t *testing.T) {
	w := newWorld()
	for n := range 3 {
		w.in(plan.Captured, n+1)
		w.says(preauth.Charged, n+1)
	}
	w.held(2, 2)
	if summary := w.expect(t, told(Missing, 3, 3), "missing "+string(id(1))+" 1 "+hotel); summary.Unlisted != 0 {
		t.Errorf("%+v", summary)
	}
}

func TestATokenThatNobodyKnowsIsOursWhereTokensAreKept(t *testing.T) {
	for _, c := range []struct {
		proof     plan.Proof
		ownTokens bool
		ours      bool
	}{
		{plan.ProofKept, true, true},
		{plan.ProofOpen, true, true}, // nothing speaks against it, and an earlier instance may have made it
		{plan.ProofNotKept, true, false},
		{plan.ProofKept, false, false},
	} {
		w := newWorld()
		w.sink.Proof, w.options.OwnTokens = c.proof, c.ownTokens
		w.held(9, 9)
		want := []string{}
		if c.ours {
			want = append(want, fmt.Sprintf("unknown %s 9 ", id(9)))
		}
		w.expect(t, want...)
	}
}

func TestOnePropertysAuditLeavesTheOthersOut(t *testing.T) {
	w := newWorld()
	w.options.Partial = true
	other := func(rec *plan.Record) { rec.Enterprise = id(99) }
	w.in(plan.Created, 1)
	w.in(plan.Created, 2, other)
	w.held(3, 3)    // nobody's
	w.held(2002, 2) // the other's, twice
	w.held(1001, 1) // its own, twice
	w.held(1, 1)    //
	w.says(preauth.Chargeable, 1)
	w.says(preauth.Chargeable, 4) // its own, and new
	summary := w.expect(t, told(Duplicate, 1, 1001), told(Missing, 4, 0))
	summary.expectUnread(t, 0)
	if summary.Checked != 2 {
		t.Errorf("%d compared", summary.Checked)
	}
}

func TestAPropertyThatHasLeftTheConfigurationIsNotCompared(t *testing.T) {
	w := newWorld()
	for n := range 2 {
		w.in(plan.Created, n+1, func(rec *plan.Record) { rec.Enterprise = id(99) })
		w.held(int64(n+1), n+1)
	}
	w.in(plan.Captured, 3, func(rec *plan.Record) { rec.Enterprise = id(98) }) // finished: nothing to say
	w.held(3, 3)
	w.expect(t).expectUnread(t, 1, "2 unfinished preauthorizations of enterprise "+string(id(99)))
}

func TestWhatTheNextCycleDoesWithAChargeDependsOnWhoWasRead(t *testing.T) {
	w := newWorld()
	for n := range 2 {
		w.says(preauth.Charged, n+1)
	}
	w.says(preauth.Charged, 3, func(p *preauth.Preauthorization) { p.CustomerID = customerOn(1); p.ID = id(3) })
	w.batch.Read = []plan.CustomerRead{{Enterprise: enterprise(), CustomerID: customerOn(1), Cycle: 4}}
	// Of customer 2 something is known, and yet nobody has read them.
	w.in(plan.Created, 4, func(rec *plan.Record) { rec.CustomerID = customerOn(2) })
	w.held(4, 4)
	w.says(preauth.Chargeable, 4, func(p *preauth.Preauthorization) { p.CustomerID = customerOn(2) })
	_, found := w.audit(t)
	if len(found) != 3 {
		t.Fatalf("%+v", found)
	}
	mentions(t, found[0].Detail, "the next cycle creates and captures it")
	mentions(t, found[1].Detail, "first_seen_charged")
	mentions(t, found[2].Detail, "the next cycle creates and captures it")
}

func TestAPreauthorizationOfAMergedCustomerIsNewsOnceAllAskedForWereRead(t *testing.T) {
	for read, want := range map[int]string{1: "first_seen_charged", 2: "creates and captures it"} {
		w := newWorld()
		w.listed = []preauth.ID{customerOn(1), customerOn(2)}
		w.says(preauth.Charged, 7)
		w.listed, w.strays, w.polled = w.listed[:2], w.polled, nil
		for n := range read {
			w.batch.Read = append(w.batch.Read, plan.CustomerRead{Enterprise: enterprise(), CustomerID: customerOn(n + 1), Cycle: 4})
		}
		_, found := w.audit(t)
		if len(found) != 1 {
			t.Fatalf("%+v", found)
		}
		mentions(t, found[0].Detail, want)
	}
}

func TestAFirstRunMakesHistoryTheBaseline(t *testing.T) {
	w := newWorld()
	w.doc.FirstRunDone = false
	w.says(preauth.Charged, 1)
	w.expect(t)
	w = newWorld()
	w.doc.FirstRunDone, w.sink.TokensAtCreation = false, true
	w.says(preauth.Charged, 1)
	w.expect(t, told(Missing, 1, 0))
}

func TestCustomersWhoCannotBeListedStopCreatesAsInACycle(t *testing.T) {
	w := newWorld()
	w.says(preauth.Chargeable, 1)
	w.customersErr, w.left = errBroken, []string{`customers.txt line 2: "42" is not a UUID`}
	summary, found := w.audit(t)
	summary.expectUnread(t, 2, "not all of its customers are known", "line 2")
	if len(found) != 1 {
		t.Fatalf("%+v", found)
	}
	mentions(t, found[0].Detail, "creates are stopped")
}

func TestDiscoveredCustomersAreAskedForWhereTheyAreDiscovered(t *testing.T) {
	for _, discovers := range []bool{true, false} {
		w := newWorld()
		w.says(preauth.Chargeable, 1)
		w.listed = nil
		w.batch.Discovered = []plan.Discovered{{Enterprise: enterprise(), CustomerID: customerOn(1), Until: now()}}
		p := w.property()
		p.Discovers = discovers
		w.options.Properties = []Property{p}
		want := []string{}
		if discovers {
			want = append(want, told(Missing, 1, 0))
		}
		w.expect(t, want...)
	}
}

func TestATokenOnHundredsOfHoldsIsCountedAndNotListed(t *testing.T) {
	w := newWorld()
	w.in(plan.Created, 1)
	for n := range mostHolds + 50 {
		w.held(int64(n+1), 1)
	}
	w.says(preauth.Chargeable, 1)
	_, found := w.audit(t)
	if len(found) != mostHolds {
		t.Fatalf("%d findings", len(found))
	}
	mentions(t, found[len(found)-1].Detail, "its token is on 50 more identities")
}

func TestMuchThatCannotBeComparedIsCounted(t *testing.T) {
	w := newWorld()
	for n := range mostUnread + 7 {
		w.listed = append(w.listed, customerOn(n))
		w.refused = append(w.refused, customerOn(n))
	}
	w.expect(t).expectUnread(t, mostUnread+1, "and 7 more")
}

func TestAnErrorOfWhoListensEndsTheAudit(t *testing.T) {
	w := newWorld()
	w.says(preauth.Chargeable, 1)
	w.says(preauth.Chargeable, 2)
	heard := 0
	_, err := w.run(t.Context(), func(Finding) error {
		heard++
		return errBroken
	})
	if !errors.Is(err, errBroken) || heard != 1 {
		t.Fatalf("%v after %d", err, heard)
	}
}

func TestAnInterruptedAuditEnds(t *testing.T) {
	w := newWorld()
	for n := range 10 * mostCustomers {
		w.says(preauth.Expired, n+1)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	w.beforePoll = func() error {
		interrupt()
		return ctx.Err()
	}
	if _, err := w.run(ctx, func(Finding) error { return nil }); !errors.Is(err, context.Canceled) || w.polls != 1 {
		t.Fatalf("%v after %d polls", err, w.polls)
	}
}

func TestEveryoneIsAskedForOnceInQuestionsThatAreNotTooLarge(t *testing.T) {
	w := newWorld()
	for n := range 2*mostCustomers + 1 {
		w.listed = append(w.listed, customerOn(n), customerOn(n))
	}
	w.expect(t).expectUnread(t, 0)
	if w.polls != 3 {
		t.Errorf("%d polls", w.polls)
	}
}
