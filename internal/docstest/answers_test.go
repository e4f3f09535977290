package docstest

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

var answerRow = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (.+) \\| (.+) \\| (.+) \\| (.+) \\|$")

func TestWhatAnswersMakeOfPhasesIsWhatTheCodeDoes(t *testing.T) {
	said := map[string][]string{}
	for _, row := range answerRow.FindAllStringSubmatch(read(t, stateMachine), -1) {
		for i, answer := range []string{"retry", "created", "captured", "released"} {
			phases := slices.DeleteFunc(spans(row[2+i]), func(span string) bool { return strings.HasPrefix(span, "--") })
			slices.Sort(phases)
			said[row[1]+" "+answer] = append([]string{}, phases...)
		}
	}
	if diff := cmp.Diff(answers(), said); diff != "" {
		t.Errorf("the table differs (-code +table):\n%s", diff)
	}
}

// answers are the phases that each answer makes of each phase, tried on every
// record that can be parked, with everything allowed and with nothing.
func answers() map[string][]string {
	all := map[string][]string{}
	for _, rec := range parked() {
		note := func(answer string, out plan.Answered, err error) {
			key := rec.Phase.String() + " " + answer
			all[key] = append([]string{}, all[key]...) // an answer that is always refused shows too
			if became := out.Record.Phase.String(); err == nil && !slices.Contains(all[key], became) {
				all[key] = append(all[key], became)
				slices.Sort(all[key])
			}
		}
		for _, proof := range []plan.Proof{plan.ProofOpen, plan.ProofKept, plan.ProofNotKept} {
			for _, allowed := range []bool{true, false} {
				out, err := plan.Retry(rec, plan.Retrying{ResendCreate: allowed, ResendCapture: allowed, Proof: proof}, noon())
				note("retry", out, err)
			}
		}
		hold := preauth.Hold{Identity: max(1, rec.Identity), Amount: euros().Amount}
		for _, as := range []plan.Phase{plan.Created, plan.Captured, plan.Released} {
			out, err := plan.Resolve(rec, plan.Answer{As: as, Hold: hold, Currency: "EUR"}, "seen", noon())
			note(as.String(), out, err)
		}
	}
	return all
}

// parked are the records of every phase under every mark, those in flight with
// each intent that may have led there.
func parked() []plan.Record {
	var all []plan.Record
	for _, rec := range records() {
		rec.ID = "1662b42e-ddab-4469-980c-350510100045"
		for _, in := range intents(rec) {
			for _, reason := range plan.Reasons() {
				rec.Intent, rec.Park = in, &plan.Park{Reason: reason}
				all = append(all, rec)
			}
		}
	}
	return all
}

func intents(rec plan.Record) []*plan.Intent {
	switch rec.Phase {
	case plan.Creating:
		var all []*plan.Intent
		for _, before := range []plan.Phase{plan.None, plan.Baseline} {
			for _, token := range []string{string(rec.ID), ""} {
				all = append(all, &plan.Intent{Action: plan.Create, Attempt: 1, Before: before, Token: token})
			}
		}
		return all
	case plan.Capturing:
		return []*plan.Intent{{Action: plan.Capture, Attempt: 1, Before: plan.Created}}
	default:
		return []*plan.Intent{nil}
	}
}

// noon is any moment after every deadline.
func noon() time.Time { return time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC) }
