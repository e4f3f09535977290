package alerts_test

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// expression is one of a file of docs.
type expression struct{ where, text string }

// dashboard is what is looked at of docs/grafana-dashboard.json.
type dashboard struct {
	UID        string `json:"uid"`
	Templating struct {
		List []struct {
			Name  string `json:"name"`
			Type  string `json:"type"`
			Query any    `json:"query"`
		} `json:"list"`
	} `json:"templating"`
	Panels []struct {
		ID         int    `json:"id"`
		Type       string `json:"type"`
		Title      string `json:"title"`
		Datasource struct {
			UID string `json:"uid"`
		} `json:"datasource"`
		FieldConfig struct {
			Defaults struct {
				Unit string `json:"unit"`
			} `json:"defaults"`
		} `json:"fieldConfig"`
		GridPos struct{ X, Y, W, H int } `json:"gridPos"`
		Targets []struct {
			Expr         string `json:"expr"`
			LegendFormat string `json:"legendFormat"`
		} `json:"targets"`
	} `json:"panels"`
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "docs/grafana-dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// filled puts in what Grafana puts in for its variables.
func filled(expr string) string {
	return strings.NewReplacer("$property", ".*", "$__rate_interval", "5m").Replace(expr)
}

func expressions(t *testing.T) (all []expression) {
	t.Helper()
	for name, rule := range rules(t) {
		all = append(all, expression{name, rule.Expr})
	}
	for _, panel := range readDashboard(t).Panels {
		for _, target := range panel.Targets {
			all = append(all, expression{"panel " + panel.Title, filled(target.Expr)})
		}
	}
	slices.SortFunc(all, func(a, b expression) int { return cmp.Compare(a.where, b.where) })
	return all
}

// vocabulary is what a daemon exports: of each metric the labels, and their values.
type vocabulary map[string]map[string]map[string]bool

func exported(scrape []sample) vocabulary {
	all := vocabulary{}
	for _, s := range scrape {
		name := s.labels.Get(model.MetricNameLabel)
		if all[name] == nil {
			all[name] = map[string]map[string]bool{}
		}
		s.labels.Range(func(l labels.Label) {
			if all[name][l.Name] == nil {
				all[name][l.Name] = map[string]bool{}
			}
			all[name][l.Name][l.Value] = true
		})
	}
	return all
}

var (
	codeSpan  = regexp.MustCompile("`([^`]+)`")
	metricRow = regexp.MustCompile("(?m)^\\| `(preauth_sync_\\w+)` \\|.*\\| (.*) \\|$")
)

// documented adds the label values that docs/metrics.md names and this scrape has not.
func (v vocabulary) documented(t *testing.T) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "docs/metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range metricRow.FindAllStringSubmatch(string(content), -1) {
		for label := range v[row[1]] {
			for _, span := range codeSpan.FindAllStringSubmatch(row[2], -1) {
				v[row[1]][label][span[1]] = true
			}
		}
	}
}

var status = regexp.MustCompile(`^[1-5](\d\d|\.\.)$`)

// unknown tells what of a matcher no series can have.
func (v vocabulary) unknown(metric string, m *labels.Matcher) []string {
	if m.Value == ".*" {
		return nil
	}
	var missing []string
	for each := range strings.SplitSeq(m.Value, "|") {
		if !v[metric][m.Name][each] && (m.Name != "code" || !status.MatchString(each)) {
			missing = append(missing, each)
		}
	}
	return missing
}

func TestEveryExpressionAsksForWhatTheDaemonExports(t *testing.T) {
	known := exported(append(scraped(t), halted(t)...))
	known.documented(t)
	for _, e := range expressions(t) {
		parsed, err := newParser().ParseExpr(e.text)
		if err != nil {
			t.Errorf("%s: %v", e.where, err)
			continue
		}
		parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
			switch n := node.(type) {
			case *parser.VectorSelector:
				if known[n.Name] == nil {
					t.Errorf("%s asks for %s, which the daemon does not export", e.where, n.Name)
					return nil
				}
				for _, m := range n.LabelMatchers {
					if missing := known.unknown(n.Name, m); known[n.Name][m.Name] == nil || len(missing) > 0 {
						t.Errorf("%s asks for %s where %s, which it never is", e.where, n.Name, m)
					}
				}
			case *parser.AggregateExpr:
				for _, label := range n.Grouping {
					if !hasLabel(known, n.Expr, label) {
						t.Errorf("%s adds up by %s, which its metric has not", e.where, label)
					}
				}
			}
			return nil
		})
	}
}

func hasLabel(known vocabulary, expr parser.Expr, label string) (found bool) {
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if s, is := node.(*parser.VectorSelector); is {
			found = found || known[s.Name][label] != nil
		}
		return nil
	})
	return found
}

var legendLabel = regexp.MustCompile(`\{\{(\w+)\}\}`)

// TestEveryPanelShowsSomething: all of them at once, while much goes wrong.
func TestEveryPanelShowsSomething(t *testing.T) {
	changes := []change{{`preauth_sync_actions_total{property="hotel-1",action="capture",outcome="applied"}`, grows(60)}}
	for _, each := range bad() {
		changes = append(changes, each.changes...)
	}
	db := world(t, scraped(t), slices.DeleteFunc(changes, func(c change) bool { return c.selector == "up" }))
	shown := map[int]bool{}
	d := readDashboard(t)
	for _, panel := range d.Panels {
		if shown[panel.ID] {
			t.Errorf("panel %d stands twice", panel.ID)
		}
		shown[panel.ID] = true
		if panel.Type == "row" {
			continue
		}
		if panel.Datasource.UID != "${datasource}" || panel.FieldConfig.Defaults.Unit == "" || panel.GridPos.X+panel.GridPos.W > 24 {
			t.Errorf("%s has another data source than the variable's, no unit, or no place: %+v", panel.Title, panel)
		}
		for _, target := range panel.Targets {
			matrix := evaluate(t, db, filled(target.Expr))
			if len(matrix) == 0 {
				t.Errorf("%s shows nothing: %s", panel.Title, target.Expr)
			}
			for _, label := range legendLabel.FindAllStringSubmatch(target.LegendFormat, -1) {
				for _, series := range matrix {
					if series.Metric.Get(label[1]) == "" {
						t.Errorf("%s names its lines by %s, which %s has not", panel.Title, label[1], series.Metric)
					}
				}
			}
		}
	}
	if len(shown) < 15 || d.UID == "" {
		t.Errorf("%d panels, uid %q", len(shown), d.UID)
	}
}

func TestTheDashboardsVariablesCanBeAnswered(t *testing.T) {
	known := exported(scraped(t))
	types := map[string]string{}
	for _, variable := range readDashboard(t).Templating.List {
		types[variable.Name] = variable.Type
		query, is := variable.Query.(map[string]any)
		if !is {
			continue
		}
		asked := regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`).FindStringSubmatch(query["query"].(string))
		if asked == nil || len(known[asked[1]][asked[2]]) == 0 {
			t.Errorf("%s asks %v, and nothing answers", variable.Name, query)
		}
	}
	if types["datasource"] != "datasource" || types["property"] != "query" {
		t.Errorf("%v", types)
	}
}
