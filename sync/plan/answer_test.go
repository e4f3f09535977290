package plan_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// asked is when operators answer: long after every deadline.
var asked = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// parkedIn is a record as the engine parks it: what is in flight has its intent.
func parkedIn(t require, r row, reason plan.Reason) plan.Record {
	t.Helper()
	rec := r.record(t)
	rec.Seen = plan.Observe(observed(t, "Charged", "22", true))
	rec.Park = &plan.Park{Reason: reason, Seen: rec.Seen, Since: asked.Add(-time.Hour), Detail: "why", TrackingID: "t-1"}
	switch rec.Phase {
	case plan.Creating:
		rec.Intent = &plan.Intent{
			Action: plan.Create, Attempt: 2, Amount: eur(t, "22"), PaymentMethodID: 9, Token: string(anID),
			Deadline: asked.Add(-time.Hour), Before: plan.None,
		}
	case plan.Capturing:
		rec.Intent = &plan.Intent{
			Action: plan.Capture, Attempt: 2, Amount: eur(t, "22"), Deadline: asked.Add(-time.Hour), Before: plan.Created,
		}
	default:
	}
	return rec
}

func TestRetryInEveryPhaseForEveryReason(t *testing.T) {
	var b strings.Builder
	for _, r := range rows() {
		for _, reason := range plan.Reasons() {
			for _, may := range []bool{false, true} {
				got, err := plan.Retry(parkedIn(t, r, reason),
					plan.Retrying{ResendCreate: may, ResendCapture: may, Proof: plan.ProofKept, Settle: time.Minute}, asked)
				fmt.Fprintf(&b, "%-20s × %-18s resend=%-5t → %s\n", r.name, reason, may, told(got, err))
			}
		}
	}
	golden(t, "retry.golden", b.String())
}

func TestResolveInEveryPhaseForEveryReason(t *testing.T) {
	var b strings.Builder
	for _, r := range rows() {
		for _, reason := range plan.Reasons() {
			for _, answer := range []string{"created=7", "captured", "released"} {
				got, err := plan.Resolve(parkedIn(t, r, reason), resolved(t, answer, "22"), "looked in v4", asked)
				fmt.Fprintf(&b, "%-20s × %-18s as %-10s → %s\n", r.name, reason, answer, told(got, err))
			}
		}
	}
	golden(t, "resolve.golden", b.String())
}

// resolved is an answer with what v4 would say of its identity.
func resolved(t require, text, amount string) plan.Answer {
	t.Helper()
	answer, err := plan.ParseAnswer(text)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if answer.As == plan.Created {
		answer.Hold.Amount, answer.Hold.PaymentMethodID, answer.Currency = eur(t, amount).Amount, 9, "EUR"
	}
	return answer
}

func told(a plan.Answered, err error) string {
	if refused, ok := errors.AsType[*plan.AnswerError](err); ok {
		return "refused: " + refused.Why
	}
	if err != nil {
		return "error: " + err.Error()
	}
	r := a.Record
	intent := ""
	if r.Intent != nil {
		intent = " with its intent"
	}
	return fmt.Sprintf("%s%s, identity %d, %s, unsure %t, sends %d: %s", r.Phase, intent, r.Identity, r.Amount, r.Unsure, r.Sends, a.Then)
}

func creating(t require, change func(*plan.Record)) plan.Record {
	t.Helper()
	rec := parkedIn(t, rows()[1], plan.UnknownCreate)
	change(&rec)
	return rec
}

func TestACreateThatCannotBeLookedUpIsSentAgainOnlyWhenAllowed(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*plan.Record)
		with    plan.Retrying
		phase   plan.Phase
		refusal string
	}{
		"the sink keeps tokens, so it is looked up whatever is allowed": {
			func(*plan.Record) {}, plan.Retrying{Proof: plan.ProofKept, ResendCreate: true}, plan.Creating, "",
		},
		"the sink has not shown yet whether it does": {
			func(*plan.Record) {}, plan.Retrying{}, plan.Creating, "",
		},
		"the sink does not keep tokens": {
			func(*plan.Record) {}, plan.Retrying{Proof: plan.ProofNotKept}, 0, "--resend-create",
		},
		"the sink does not keep tokens and it may be sent again": {
			func(*plan.Record) {}, plan.Retrying{Proof: plan.ProofNotKept, ResendCreate: true}, plan.None, "",
		},
		"it carried another token": {
			func(r *plan.Record) { r.Intent.Token = "code-1" }, plan.Retrying{Proof: plan.ProofKept}, 0, "--resend-create",
		},
		"a backfill's create goes back to the baseline": {
			func(r *plan.Record) { r.Intent.Token, r.Intent.Before = "", plan.Baseline },
			plan.Retrying{ResendCreate: true},
			plan.Baseline, "",
		},
		"the permission for captures is not one for creates": {
			func(r *plan.Record) { r.Intent.Token = "" }, plan.Retrying{ResendCapture: true}, 0, "--resend-create",
		},
		"it may still take effect": {
			func(r *plan.Record) { r.Intent.Token, r.Intent.Deadline = "", asked.Add(-time.Second) },
			plan.Retrying{ResendCreate: true, Settle: time.Minute},
			0, "2026-03-01T12:00:59Z",
		},
		"what was found under its token is looked up although other tokens are not kept": {
			func(r *plan.Record) { r.Park.Reason = plan.DuplicateFound }, plan.Retrying{Proof: plan.ProofNotKept}, plan.Creating, "",
		},
		"what was found under a token is never sent again": {
			func(r *plan.Record) { r.Park.Reason, r.Intent.Token = plan.DuplicateFound, "" },
			plan.Retrying{ResendCreate: true},
			0, "created=IDENTITY",
		},
	} {
		t.Run(name, func(t *testing.T) {
			rec := creating(t, c.change)
			got, err := plan.Retry(rec, c.with, asked)
			if c.refusal != "" {
				if err == nil || !strings.Contains(err.Error(), c.refusal) || !strings.Contains(err.Error(), string(anID)) {
					t.Fatalf("%+v, %v", got, err)
				}
				return
			}
			if err != nil || got.Record.Phase != c.phase || got.Record.Park != nil {
				t.Fatalf("%+v, %v", got.Record, err)
			}
			if c.phase == plan.Creating {
				if diff := cmp.Diff(rec.Intent, got.Record.Intent); diff != "" {
					t.Errorf("the intent that is verified has changed:\n%s", diff)
				}
			} else if got.Record.Sends != 2 || got.Record.Intent != nil {
				t.Errorf("the count of sends is lost: %+v", got.Record)
			}
		})
	}
}

func TestACaptureSentAgainKeepsTheDoubtAboutTheFirst(t *testing.T) {
	with := plan.Retrying{ResendCapture: true, Settle: time.Minute}
	charged := observed(t, "Charged", "22", true)
	for _, r := range rows() {
		if r.name != "capturing" && !strings.Contains(r.name, "adopted") {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			rec := parkedIn(t, r, plan.UnknownCapture)
			if _, err := plan.Retry(rec, plan.Retrying{ResendCreate: true}, asked); err == nil {
				t.Fatal("it is sent again without the permission")
			}
			got, err := plan.Retry(rec, with, asked)
			if err != nil {
				t.Fatal(err)
			}
			if got.Record.Sends < 1 {
				t.Errorf("nothing says that the next capture is not the first: %+v", got.Record)
			}
			d := plan.Decide(charged, got.Record, plan.Context{}, plan.Policy{Currency: "EUR"})
			if diff := cmp.Diff([]plan.ActionKind{plan.Capture}, d.Actions); diff != "" {
				t.Errorf("the next cycle (-want +got):\n%s", diff)
			}
		})
	}
	rec := parkedIn(t, rows()[3], plan.UnknownCapture)
	rec.Intent.Deadline = asked.Add(-time.Minute + time.Millisecond)
	if _, err := plan.Retry(rec, with, asked); err == nil {
		t.Error("it is sent again before the effect of the send before must show")
	}
	rec.Intent.Deadline = asked.Add(-time.Minute)
	if _, err := plan.Retry(rec, with, asked); err != nil {
		t.Error(err)
	}
}

func TestACreatedHoldOfAnotherAmountIsNotCapturedWhileThePMSSaysWhatWasAnswered(t *testing.T) {
	policy := plan.Policy{Currency: "EUR"}
	rec := creating(t, func(*plan.Record) {})
	got, err := plan.Resolve(rec, resolved(t, "created=7", "20"), "made by hand", asked)
	if err != nil {
		t.Fatal(err)
	}
	answered := observed(t, "Charged", "22", true)
	if d := plan.Decide(answered, got.Record, plan.Context{}, policy); len(d.Actions) > 0 || d.Park != "" || d.Why != plan.IsAnswered {
		t.Errorf("the answered observation: %s", show(d))
	}
	if d := plan.Decide(observed(t, "Charged", "23", true), got.Record, plan.Context{}, policy); d.Park != plan.AmountChanged {
		t.Errorf("a third amount: %s", show(d))
	}
	if d := plan.Decide(observed(t, "Charged", "20", true), got.Record, plan.Context{}, policy); len(d.Actions) != 1 {
		t.Errorf("the amount that v4 holds: %s", show(d))
	}
}

func TestWhatWasLetGoIsNotSentWhileThePMSSaysTheSame(t *testing.T) {
	policy := plan.Policy{Currency: "EUR", MirrorFirstRun: true}
	around := plan.Context{ReadBefore: true, Method: plan.Method{ID: 9}}
	for _, r := range rows() {
		if r.name == "captured" {
			continue
		}
		for _, reason := range plan.Reasons() {
			got, err := plan.Resolve(parkedIn(t, r, reason), resolved(t, "released", ""), "let go", asked)
			if err != nil {
				t.Fatal(err)
			}
			if d := plan.Decide(observed(t, "Charged", "22", true), got.Record, around, policy); len(d.Actions) > 0 || d.Park != "" {
				t.Errorf("%s, %s: %s", r.name, reason, show(d))
			}
		}
	}
	// What may have been captured is not captured for a new observation either.
	got, err := plan.Resolve(parkedIn(t, rows()[3], plan.UnknownCapture), resolved(t, "released", ""), "let go", asked)
	if err != nil {
		t.Fatal(err)
	}
	if d := plan.Decide(observed(t, "Charged", "22", false), got.Record, around, policy); d.Park != plan.UnknownCapture {
		t.Errorf("a capture in doubt: %s", show(d))
	}
}

func TestAnAnswerAboutAMissingOneLasts(t *testing.T) {
	rec := parkedIn(t, rows()[2], plan.SourceMissing)
	rec.Missing = plan.MissingLimit
	resolved, err := plan.Resolve(rec, resolved(t, "released", ""), "the guest was deleted", asked)
	if err != nil {
		t.Fatal(err)
	}
	retried, err := plan.Retry(rec, plan.Retrying{}, asked)
	if err != nil {
		t.Fatal(err)
	}
	for range plan.MissingLimit {
		resolved.Record = plan.Miss(resolved.Record, asked).Record
		retried.Record = plan.Miss(retried.Record, asked).Record
	}
	if resolved.Record.Park != nil {
		t.Errorf("what was answered parks again: %+v", resolved.Record.Park)
	}
	if retried.Record.Park == nil {
		t.Error("what is still missing after a retry is forgotten")
	}
}

func TestWhatIsNotParkedIsNotAnswered(t *testing.T) {
	for _, r := range rows() {
		rec := r.record(t)
		_, retried := plan.Retry(rec, plan.Retrying{ResendCreate: true, ResendCapture: true}, asked)
		_, resolved := plan.Resolve(rec, plan.Answer{As: plan.Released}, "a note", asked)
		for _, err := range []error{retried, resolved} {
			if err == nil || !strings.Contains(err.Error(), "is not parked: its phase is "+rec.Phase.String()) {
				t.Errorf("%s: %v", r.name, err)
			}
		}
	}
}

func TestTheAnswersLineTellsTheDoubtThatItEnds(t *testing.T) {
	rec := parkedIn(t, rows()[3], plan.UnknownCapture)
	got, err := plan.Resolve(rec, resolved(t, "captured", ""), "payment 4711", asked)
	if err != nil {
		t.Fatal(err)
	}
	want := plan.Entry{
		ID: anID, At: asked, Action: plan.Capture, Attempt: 2, Phase: plan.Captured, Amount: eur(t, "22"), PaymentMethodID: 9,
		Identity: 7, TrackingID: "t-1", Reason: plan.UnknownCapture, Note: "payment 4711",
	}
	if diff := cmp.Diff(want, got.Entry); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	rec.Seen = plan.Observe(observed(t, "Cancelled", "22", false))
	if got, err = plan.Resolve(rec, resolved(t, "captured", ""), "payment 4711", asked); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got.Then, "Cancelled (not active), 22.00 EUR since") || !got.Record.Answered.Equal(rec.Park.Seen) {
		t.Errorf("what the PMS has said since: %q, answered %+v", got.Then, got.Record.Answered)
	}
}

func TestNotes(t *testing.T) {
	for name, c := range map[string]struct {
		note string
		good bool
	}{
		"a sentence":                         {"Rückfrage bei Frau Nováková: 22 € gebucht", true},
		"a thousand characters":              {strings.Repeat("é", 1000), true},
		"one more":                           {strings.Repeat("é", 1001), false},
		"two lines":                          {"a\nb", false},
		"an escape sequence":                 {"\x1b[2J", false},
		"bytes that are no text":             {"\xff", false},
		"a character that moves the cursor ": {"a\u0085b", false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := plan.CheckNote(c.note); (err == nil) != c.good {
				t.Error(err)
			}
			rec := creating(t, func(*plan.Record) {})
			if _, err := plan.Resolve(rec, plan.Answer{As: plan.Captured}, c.note, asked); (err == nil) != c.good {
				t.Error(err)
			}
		})
	}
	for _, none := range []string{"", "  "} {
		if _, err := plan.Resolve(creating(t, func(*plan.Record) {}), plan.Answer{As: plan.Captured}, none, asked); err == nil {
			t.Error("an answer without a note")
		}
	}
}

func TestParseAnswer(t *testing.T) {
	for text, good := range map[string]bool{
		"created=1": true, "captured": true, "released": true,
		"created": false, "created=": false, "created=0": false, "created=-7": false, "created=7.0": false,
		"created=99999999999999999999": false, "Captured": false, "none": false, "captured=7": false, "": false,
	} {
		if _, err := plan.ParseAnswer(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAnswersKeepWhatMustNotBeLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rec := parkedIn(t, rapid.SampledFrom(rows()).Draw(t, "row"), rapid.SampledFrom(plan.Reasons()).Draw(t, "reason"))
		rec.Sends = rapid.IntRange(0, 3).Draw(t, "sends")
		rec.Seen = plan.Observe(drawObserved(t))
		with := plan.Retrying{
			ResendCreate: rapid.Bool().Draw(t, "resend create"), ResendCapture: rapid.Bool().Draw(t, "resend capture"),
			Proof: plan.Proof(rapid.IntRange(0, 2).Draw(t, "proof")),
		}
		answer := resolved(t, rapid.SampledFrom([]string{"created=7", "created=8", "captured", "released"}).Draw(t, "answer"), "22")
		retrying := rapid.Bool().Draw(t, "retry")
		var got plan.Answered
		var err error
		if retrying {
			got, err = plan.Retry(rec, with, asked)
		} else {
			got, err = plan.Resolve(rec, answer, "a note", asked)
		}
		if err != nil {
			return
		}
		next := got.Record
		if next.Phase.InFlight() != (next.Intent != nil) {
			t.Fatalf("in flight without an intent, or the other way round: %+v", next)
		}
		if rec.Identity != 0 && next.Identity != rec.Identity {
			t.Fatalf("identity %d became %d", rec.Identity, next.Identity)
		}
		if (next.Answered != nil) == retrying {
			t.Fatalf("answered is %v", next.Answered)
		}
		if next.Park != nil || next.Revision != rec.Revision || next.ID != rec.ID || !next.Seen.Equal(rec.Seen) {
			t.Fatalf("%+v of %+v", next, rec)
		}
		if rec.Phase == plan.Captured && next.Phase != plan.Captured {
			t.Fatalf("what was captured is %s", next.Phase)
		}
		doubt := rec.Phase == plan.Capturing || (rec.Park.Reason == plan.UnknownCapture && rec.Identity != 0)
		if next.Reads() == plan.Created && doubt && (next.Sends == 0 || !retrying || !with.ResendCapture) {
			t.Fatalf("a capture in doubt may be sent again as if it were the first: %+v", next)
		}
		if next.Reads() == plan.Created && rec.Identity != 0 && next.Sends < rec.Sends && rec.Phase != plan.Capturing {
			t.Fatalf("the doubt about an earlier capture is forgotten: %+v", next)
		}
	})
}
