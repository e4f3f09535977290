package docstest

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const metrics = "docs/metrics.md"

// metric is what the document's table says of one.
type metric struct {
	Type   string
	Labels []string
}

var metricRow = regexp.MustCompile("(?m)^\\| `(preauth_sync_\\w+)` \\| (\\w+) \\| (.*?) \\|")

func TestTheMetricsAreThoseThatTheDaemonShows(t *testing.T) {
	// One that is held and one that is parked: without them there are no such amounts.
	works := simulate(t)
	works.curl(t, "$SIM/simulator/preauthorizations", `{"id":"1662b42e-ddab-4469-980c-350510100045","currency":"USD"}`)
	works.daemon(t)
	shows := shown(works.curl(t, "127.0.0.1:9464/metrics", ""))
	// One that awaits its capture, since nothing is sent.
	paused := simulate(t)
	paused.enter(t, "preauth-sync run --once")
	paused.enter(t, "preauth-sync pause")
	paused.curl(t, "$SIM/simulator/preauthorizations", `{"id":"1662b42e-ddab-4469-980c-350510100045","state":"Charged"}`)
	paused.daemon(t)
	for name, m := range shown(paused.curl(t, "127.0.0.1:9464/metrics", "")) {
		if len(m.Labels) > 0 {
			shows[name] = m
		}
	}
	said := map[string]metric{}
	for _, row := range metricRow.FindAllStringSubmatch(read(t, metrics), -1) {
		said[row[1]] = metric{row[2], labelled(spans(row[3]))}
	}
	if diff := cmp.Diff(shows, said); diff != "" {
		t.Errorf("%s differs (-daemon +document):\n%s", metrics, diff)
	}
}

var (
	typed  = regexp.MustCompile(`(?m)^# TYPE (preauth_sync_\w+) (\w+)$`)
	series = regexp.MustCompile(`(?m)^(preauth_sync_\w+)\{(.*)\} `)
	label  = regexp.MustCompile(`(\w+)="`)
)

// shown is what a scrape has of the program's own metrics.
func shown(scrape string) map[string]metric {
	all := map[string]metric{}
	for _, found := range typed.FindAllStringSubmatch(scrape, -1) {
		all[found[1]] = metric{Type: found[2]}
	}
	for _, found := range series.FindAllStringSubmatch(scrape, -1) {
		name := found[1]
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if of, is := strings.CutSuffix(name, suffix); is && all[of].Type == "histogram" {
				name = of
			}
		}
		var names []string
		for _, l := range label.FindAllStringSubmatch(found[2], -1) {
			if l[1] != "le" { // the histograms' own
				names = append(names, l[1])
			}
		}
		all[name] = metric{all[name].Type, labelled(names)}
	}
	return all
}

func labelled(names []string) []string {
	slices.Sort(names)
	return names
}

var mentioned = regexp.MustCompile(`preauth_sync_\w+`)

func TestTheDocumentAsksForMetricsThatThereAre(t *testing.T) {
	text := read(t, metrics)
	known := map[string]bool{}
	for _, row := range metricRow.FindAllStringSubmatch(text, -1) {
		known[row[1]] = true
		if row[2] == "histogram" {
			known[row[1]+"_count"], known[row[1]+"_sum"], known[row[1]+"_bucket"] = true, true, true
		}
	}
	for _, name := range mentioned.FindAllString(text, -1) {
		if !known[name] {
			t.Errorf("%s asks for %s, which its table does not have", metrics, name)
		}
	}
}
