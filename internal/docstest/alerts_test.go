package docstest

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// What the expressions of alerts.yaml give is tested in tools/alerts.
const (
	alertRules = "docs/alerts.yaml"
	runbook    = "docs/runbook.md"
)

type alert struct {
	Alert  string `yaml:"alert"`
	Expr   string `yaml:"expr"`
	Labels struct {
		Severity string `yaml:"severity"`
	} `yaml:"labels"`
	Annotations struct {
		Summary string `yaml:"summary"`
		Runbook string `yaml:"runbook_url"`
	} `yaml:"annotations"`
}

func alerts(t *testing.T) map[string]alert {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []alert `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal([]byte(read(t, alertRules)), &file); err != nil {
		t.Fatal(err)
	}
	all := map[string]alert{}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			all[rule.Alert] = rule
		}
	}
	if len(all) < 10 {
		t.Fatalf("%s has only %d alerts", alertRules, len(all))
	}
	return all
}

func TestEveryAlertSaysWhatHappenedAndWhereToRead(t *testing.T) {
	for name, a := range alerts(t) {
		if a.Annotations.Summary == "" || (a.Labels.Severity != "critical" && a.Labels.Severity != "warning") {
			t.Errorf("%s has no summary, or another severity than critical and warning: %+v", name, a)
		}
		page, anchor, _ := strings.Cut(a.Annotations.Runbook, "#")
		if !strings.HasSuffix(page, "/"+runbook) || anchor != strings.ToLower(name) {
			t.Errorf("%s leads to %s and not to its section of %s", name, a.Annotations.Runbook, runbook)
		}
	}
}

// chapters are the titles of the runbook's sections under a heading, with their texts.
func chapters(t *testing.T, heading string) map[string]string {
	t.Helper()
	_, after, found := strings.Cut(read(t, runbook), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", runbook, heading)
	}
	after, _, _ = strings.Cut(after, "\n## ")
	all := map[string]string{}
	for _, section := range strings.Split(after, "\n### ")[1:] {
		title, text, _ := strings.Cut(section, "\n")
		all[title] = text
	}
	return all
}

func TestTheRunbookHasASectionForEachAlertAndReason(t *testing.T) {
	names, reasons := []string{}, []string{}
	for name := range alerts(t) {
		names = append(names, name)
	}
	for _, reason := range plan.Reasons() {
		reasons = append(reasons, string(reason))
	}
	for heading, want := range map[string][]string{"Alerts": names, "Reasons for parking": reasons} {
		sections := chapters(t, heading)
		for _, name := range want {
			text, there := sections[name]
			if !there {
				t.Errorf("%s has no section %s", runbook, name)
				continue
			}
			for _, part := range []string{"**Means.**", "**Look at**", "**Do", "**Never**"} {
				if strings.Count(text, part) != 1 {
					t.Errorf("the section %s of %s should say once: %s", name, runbook, part)
				}
			}
		}
		for name := range sections {
			if !slices.Contains(want, name) {
				t.Errorf("%s has a section %s, and there is nothing of that name", runbook, name)
			}
		}
	}
}

var reasonsAsked = regexp.MustCompile(`preauth_sync_parked\{reason=~"([a-z_|]+)"\}`)

func TestTheAlertsOnWhatIsParkedNameEveryReason(t *testing.T) {
	named := func(which func(plan.Reason) bool) (names []string) {
		for _, reason := range plan.Reasons() {
			if which(reason) {
				names = append(names, string(reason))
			}
		}
		return names
	}
	for name, want := range map[string][]string{
		"PreauthSyncNewlyParked":      named(plan.Reason.ForOutcome),
		"PreauthSyncWaitsForOperator": named(plan.Reason.WaitsForOperator),
	} {
		asked := reasonsAsked.FindAllStringSubmatch(alerts(t)[name].Expr, -1)
		if len(asked) == 0 {
			t.Errorf("%s asks for no reasons", name)
		}
		for _, found := range asked {
			if diff := cmp.Diff(want, strings.Split(found[1], "|")); diff != "" {
				t.Errorf("%s differs (-code +rule):\n%s", name, diff)
			}
		}
	}
}

var eventAsked = regexp.MustCompile(`\b([a-z_]+\.[a-z_]+)\b`)

// TestTheRunbookAsksForEventsThatThereAre, in its lines of jq.
func TestTheRunbookAsksForEventsThatThereAre(t *testing.T) {
	known, asked := read(t, "internal/telemetry/events.go"), 0
	for line := range strings.Lines(read(t, runbook)) {
		if _, filter, is := strings.Cut(line, "| jq "); is {
			for _, quoted := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(filter, -1) {
				if !eventAsked.MatchString(quoted[1]) {
					continue
				}
				asked++
				if !strings.Contains(known, `"`+quoted[1]+`"`) {
					t.Errorf("%s asks for %q, and there is no such event", runbook, quoted[1])
				}
			}
		}
	}
	if asked < 5 {
		t.Errorf("only %d events were found", asked)
	}
}
