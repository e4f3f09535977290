package app

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func TestTheChoicesAreTheAnswersThatFit(t *testing.T) {
	const id = preauth.ID("1662b42e-ddab-4469-980c-350510100045")
	now := time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC)
	euros := preauth.Money{Amount: decimal.NewFromInt(20), Currency: "EUR"}
	seen := plan.Observation{State: preauth.Charged, Active: true, Amount: euros}
	parked := func(why plan.Reason, phase plan.Phase, change ...func(*plan.Record)) plan.Record {
		rec := plan.Record{ID: id, Phase: phase, Seen: seen, Park: &plan.Park{Reason: why, Seen: seen, Since: now}}
		switch phase {
		case plan.Creating:
			rec.Intent = &plan.Intent{Action: plan.Create, Attempt: 1, Amount: euros, Token: string(id), Deadline: now.Add(-time.Hour)}
		case plan.Capturing:
			rec.Intent = &plan.Intent{Action: plan.Capture, Attempt: 1, Amount: euros, Deadline: now, Before: plan.Created}
			rec.Identity, rec.Amount = 7, euros
		case plan.Created, plan.Captured:
			rec.Identity, rec.Amount = 7, euros
		default:
		}
		for _, each := range change {
			each(&rec)
		}
		return rec
	}
	for name, c := range map[string]struct {
		rec   plan.Record
		proof plan.Proof
		want  []string
	}{
		"what is not parked": {rec: plan.Record{ID: id, Phase: plan.Created}},
		"a create that can be looked up": {
			parked(plan.DuplicateFound, plan.Creating), plan.ProofKept,
			[]string{"parked retry ID", "parked resolve ID --as created=IDENTITY", "parked resolve ID --as captured", "parked resolve ID --as released"},
		},
		"a create that cannot": {
			parked(plan.UnknownCreate, plan.Creating), plan.ProofNotKept,
			[]string{"parked retry ID --resend-create", "parked resolve ID --as created=IDENTITY", "parked resolve ID --as captured", "parked resolve ID --as released"},
		},
		"a capture that may still take effect": {
			parked(plan.UnknownCapture, plan.Capturing), plan.ProofKept,
			[]string{"parked retry ID --resend-capture (2026-03-10T12:05:00Z)", "parked resolve ID --as captured", "parked resolve ID --as released"},
		},
		"another amount than v4 holds": {
			parked(plan.AmountChanged, plan.Created), plan.ProofKept,
			[]string{"parked retry ID", "parked resolve ID --as created=7", "parked resolve ID --as captured", "parked resolve ID --as released"},
		},
		"history that a retry would park again": {
			parked(plan.FirstSeenCharged, plan.None), plan.ProofKept,
			[]string{
				"backfill --property prague --charged --customers FILE", "parked resolve ID --as created=IDENTITY",
				"parked resolve ID --as captured", "parked resolve ID --as released",
			},
		},
		"what v4 has captured": {
			parked(plan.StateRegressed, plan.Captured), plan.ProofKept, []string{"parked retry ID", "parked resolve ID --as captured"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, choice := range choices(c.rec, "prague", plan.Retrying{Proof: c.proof, Settle: 5 * time.Minute}, now) {
				command := strings.TrimSuffix(strings.Replace(choice.Command, string(id), "ID", 1), " --note TEXT")
				if when, early := strings.CutPrefix(choice.Then, "from "); early {
					command += " (" + when[:len(time.RFC3339)-5] + ")"
				}
				if choice.Then == "" {
					t.Errorf("%s: nothing says what comes of it", command)
				}
				got = append(got, command)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLettingGoSaysWhatBecomesOfTheHold(t *testing.T) {
	seen := plan.Observation{State: preauth.Charged, Active: true}
	for want, rec := range map[string]plan.Record{
		"to let it go, and leave identity 7 on v4 as it is: ": {Phase: plan.Created, Identity: 7},
		"to let it go, if v4 holds nothing for it: ":          {Phase: plan.Creating, Intent: &plan.Intent{Action: plan.Create}},
		"to let it go: nothing is sent":                       {Phase: plan.None},
	} {
		rec.Park = &plan.Park{Reason: plan.SourceMissing, Seen: seen}
		all := choices(rec, "", plan.Retrying{}, time.Time{})
		if last := all[len(all)-1]; !strings.Contains(last.Command, "released") || !strings.HasPrefix(last.Then, want) {
			t.Errorf("%s: %s, want %s", last.Command, last.Then, want)
		}
	}
}
