package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// auditor finds something, and then says how it went.
type auditor struct {
	control.Operator

	found   []control.Finding
	audited control.Audited
	err     error
}

func (a auditor) Audit(_ context.Context, _ control.Audit, finding func(control.Finding) error) (control.Audited, error) {
	for _, f := range a.found {
		if err := finding(f); err != nil {
			return a.audited, err
		}
	}
	return a.audited, a.err
}

// findings are more than a csv.Writer keeps before it writes.
func findings(n int) []control.Finding {
	var all []control.Finding
	for range n {
		all = append(all, control.Finding{Kind: "missing", ID: anID, Property: "prague", Detail: strings.Repeat("é, ", 40), Due: true})
	}
	return all
}

// auditedAs gives what an audit prints.
func auditedAs(t *testing.T, output string, a auditor) (printed string, err error) {
	t.Helper()
	var out bytes.Buffer
	e := &env{Process: &Process{Stdout: &out, Stderr: &bytes.Buffer{}, LookupEnv: func(string) (string, bool) { return "", false }}}
	err = e.audit(t.Context(), a, control.Audit{}, output)
	return out.String(), err
}

func TestTheJSONOfAnAuditThatBreaksOffIsComplete(t *testing.T) {
	for _, n := range []int{0, 1, 300} {
		out, err := auditedAs(t, outputJSON, auditor{found: findings(n), err: context.Canceled})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		var got struct {
			Findings []control.Finding
			Checked  *int
			Error    string
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if len(got.Findings) != n || got.Checked != nil || !strings.Contains(out, `"checked": null`) || got.Error != "interrupted" {
			t.Errorf("%d findings, %q: %s", len(got.Findings), got.Error, out)
		}
	}
}

func TestTheJSONOfAnAuditSaysWhatIsDue(t *testing.T) {
	out, err := auditedAs(t, outputJSON, auditor{found: findings(1), audited: control.Audited{Found: map[string]int{"missing": 1}, Due: 1}})
	var got struct {
		Findings []struct{ Due bool }
		Due      int
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if exitCode(err, false) != exitFound || len(got.Findings) != 1 || !got.Findings[0].Due || got.Due != 1 {
		t.Errorf("%v: %s", err, out)
	}
}

func TestWhatAnAuditFoundBeforeItBrokeOffIsPrinted(t *testing.T) {
	const n = 60
	gone := errors.New("the daemon went away")
	out, err := auditedAs(t, outputCSV, auditor{found: findings(n), err: gone})
	rows, unreadable := csv.NewReader(strings.NewReader(out)).ReadAll()
	if !errors.Is(err, gone) || unreadable != nil || len(rows) != 1+n || rows[n][5] != "true" {
		t.Errorf("%v, %v: %d rows", err, unreadable, len(rows))
	}
	out, err = auditedAs(t, outputTable, auditor{found: findings(n), err: gone})
	if !errors.Is(err, gone) || strings.Count(out, "\n") != 1+n {
		t.Errorf("%v: %s", err, out)
	}
}

// shadowed are findings of a program that observes: one that would have been created, one
// about which nothing would have been done.
func shadowed() []control.Finding {
	all := findings(2)
	all[0].Shadow = &control.Shadow{Action: "park", Amount: "143.5", Currency: "EUR", At: after(0), Reason: plan.AmountChanged}
	all[1].Shadow = &control.Shadow{Action: "none"}
	return all
}

func TestWhileObservingFinanceGetsColumns(t *testing.T) {
	for name, c := range map[string]struct {
		auditor auditor
		want    [][]string
	}{
		"two findings": {auditor{found: shadowed(), audited: control.Audited{Observing: true}}, [][]string{
			{"observed_action", "observed_amount", "observed_currency", "observed_at", "observed_reason"},
			{"park", "143.50", "EUR", "2026-03-10T12:00:00Z", "amount_changed"},
			{"none", "", "", "", ""},
		}},
		"nothing found": {auditor{audited: control.Audited{Observing: true}}, [][]string{
			{"observed_action", "observed_amount", "observed_currency", "observed_at", "observed_reason"},
		}},
		"no observing": {auditor{found: findings(1)}, [][]string{{}, {}}},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := auditedAs(t, outputCSV, c.auditor)
			if err != nil {
				t.Fatal(err)
			}
			rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for i := range rows {
				rows[i] = rows[i][6:]
			}
			if diff := cmp.Diff(c.want, rows); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhileObservingTheJSONHasKeysForFinance(t *testing.T) {
	out, err := auditedAs(t, outputJSON, auditor{found: shadowed(), audited: control.Audited{Observing: true}})
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Findings []map[string]any }
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string][2]any{
		"observed_action": {"park", "none"}, "observed_amount": {"143.5", ""}, "observed_currency": {"EUR", ""},
		"observed_at": {"2026-03-10T12:00:00Z", nil}, "observed_reason": {"amount_changed", ""},
	} {
		for i := range want {
			if value, there := got.Findings[i][key]; !there || value != want[i] {
				t.Errorf("%s of finding %d is %v, want %v", key, i, value, want[i])
			}
		}
	}
	var again struct{ Findings []control.Finding } // as the control socket carries them
	if err := json.Unmarshal([]byte(out), &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(shadowed(), again.Findings); diff != "" {
		t.Errorf("(-told +read):\n%s", diff)
	}
	if out, _ := auditedAs(t, outputJSON, auditor{found: findings(1)}); strings.Contains(out, "observed_") {
		t.Errorf("without observing: %s", out)
	}
}

// A verdict without a word adds none to an error that has them.
func TestAnAuditThatCannotBePrintedSaysSoInOneLine(t *testing.T) {
	for _, output := range []string{outputTable, outputJSON, outputCSV} {
		e := &env{Process: &Process{Stdout: full{}, Stderr: &bytes.Buffer{}, LookupEnv: func(string) (string, bool) { return "", false }}}
		err := e.audit(t.Context(), auditor{audited: control.Audited{Found: map[string]int{"missing": 1}}}, control.Audit{}, output)
		if message(err) != errFull.Error() || exitCode(err, false) != exitFailed {
			t.Errorf("%s: %q", output, message(err))
		}
	}
}

func TestAnAuditsTableAndSummary(t *testing.T) {
	due := findings(1)[0]
	due.Detail = "the next cycle creates it"
	golden(t, "audit", printed(t, func(p *page) error {
		table := &auditTable{page: p}
		for _, f := range []control.Finding{due, {Kind: "orphaned", ID: anID, Identity: new(int64(7)), Property: "prague", Detail: "the PMS has let it go"}} {
			if err := table.finding(f); err != nil {
				return err
			}
		}
		return table.close(control.Audited{Checked: 4, Holds: 3, Found: map[string]int{"missing": 1, "orphaned": 1}, Due: 1})
	}))
	for want, c := range map[string]struct {
		found      map[string]int
		due        int
		withoutDue bool
	}{
		"found none":                                                {nil, 0, false},
		"found missing 53, of which 53 are due":                     {map[string]int{"missing": 53}, 53, false},
		"found missing 53, orphaned 1, of which 1 is due":           {map[string]int{"missing": 53, "orphaned": 1}, 1, false},
		"found none, and left out 53 that are due":                  {nil, 53, true},
		"found orphaned 2, and left out 1 that is due; 4 in motion": {map[string]int{"orphaned": 2}, 1, true},
	} {
		audited := control.Audited{Found: c.found, Due: c.due}
		if strings.Contains(want, "motion") {
			audited.InMotion = 4
		}
		_, got, _ := strings.Cut(auditSummary(audited, control.Audit{WithoutDue: c.withoutDue}), "compared: ")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestTheAuditsVerdict(t *testing.T) {
	found := map[string]int{"missing": 1}
	for name, c := range map[string]struct {
		audited control.Audited
		want    int
	}{
		"nothing found":                       {control.Audited{}, exitDone},
		"only what is due, and left out":      {control.Audited{Due: 3}, exitDone},
		"something found":                     {control.Audited{Found: found}, exitFound},
		"something not compared":              {control.Audited{Found: found, Unread: []string{"a customer"}}, exitFailed},
		"an access token of another property": {control.Audited{Found: found, Unread: []string{"a property"}, Refused: true}, exitStateRefused},
	} {
		t.Run(name, func(t *testing.T) {
			if got := exitCode(auditVerdict(c.audited), false); got != c.want {
				t.Errorf("%d", got)
			}
		})
	}
}
