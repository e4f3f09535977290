package alerts_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"
)

const (
	// step is how often the made-up Prometheus scrapes and evaluates.
	step = time.Minute
	// length is how long a made-up world lasts. Changes come at half of it.
	length = 12 * time.Hour
)

func began() time.Time { return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) }

// unscraped is the value of a series that a scrape does not have.
func unscraped() float64 { return math.NaN() }

func newParser() parser.Parser { return parser.NewParser(parser.Options{}) }

// change is what a made-up world does to the series of a selector. They are made
// where the scrape has none.
type change struct {
	selector string
	value    behaviour
}

// behaviour gives what a series has, so long after the change, in the place of what
// it would have; unscraped when it has nothing.
type behaviour func(since time.Duration, was float64) float64

// world stores twelve hours of a daemon whose scrapes were those given, but for
// the changes and the marks that follow the clock.
func world(t *testing.T, scrape []sample, changes []change) storage.Queryable {
	t.Helper()
	db := teststorage.New(t)
	scrape = slices.Clone(scrape)
	var applied [][]int // of each change, the samples
	for _, c := range changes {
		matchers, err := newParser().ParseMetricSelector(c.selector)
		if err != nil {
			t.Fatal(err)
		}
		var of []int
		for i, s := range scrape {
			if matches(s.labels, matchers) {
				of = append(of, i)
			}
		}
		if len(of) == 0 {
			of = append(of, len(scrape))
			scrape = append(scrape, sample{labels: made(matchers)})
		}
		applied = append(applied, of)
	}
	appender := db.Appender(t.Context())
	for now := began(); now.Before(began().Add(length)); now = now.Add(step) {
		values := make([]float64, len(scrape))
		for i, s := range scrape {
			values[i] = s.value
			if s.labels.Get(model.MetricNameLabel) == "preauth_sync_last_success_timestamp_seconds" {
				values[i] = float64(now.Add(-2 * time.Minute).Unix())
			}
		}
		if since := now.Sub(began()) - length/2; since >= 0 {
			for n, c := range changes {
				for _, i := range applied[n] {
					values[i] = c.value(since, values[i])
				}
			}
		}
		for i, s := range scrape {
			if math.IsNaN(values[i]) {
				continue
			}
			if _, err := appender.Append(0, s.labels, now.UnixMilli(), values[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := appender.Commit(); err != nil {
		t.Fatal(err)
	}
	return db
}

func matches(of labels.Labels, matchers []*labels.Matcher) bool {
	return !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(of.Get(m.Name)) })
}

// made gives the labels of a series that a selector names in full.
func made(matchers []*labels.Matcher) labels.Labels {
	builder := labels.NewBuilder(labels.EmptyLabels())
	for _, m := range matchers {
		builder.Set(m.Name, m.Value)
	}
	return builder.Set("job", job).Set("instance", "localhost:9464").Labels()
}

// evaluate gives what an expression has at every step of a world.
func evaluate(t *testing.T, db storage.Queryable, expr string) promql.Matrix {
	t.Helper()
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: 10_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, Parser: newParser(),
	})
	defer func() { _ = engine.Close() }()
	query, err := engine.NewRangeQuery(t.Context(), db, nil, expr, began(), began().Add(length-step), step)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	defer query.Close()
	result := query.Exec(t.Context())
	matrix, err := result.Matrix()
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	// What is given lives as long as the query.
	kept := make(promql.Matrix, 0, len(matrix))
	for _, series := range matrix {
		kept = append(kept, promql.Series{Metric: series.Metric, Floats: slices.Clone(series.Floats)})
	}
	return kept
}

// fires tells when, after the change, an alert fires first, by its labels.
func fires(matrix promql.Matrix, pending time.Duration) map[string]time.Duration {
	first := map[string]time.Duration{}
	for _, series := range matrix {
		var since, last int64
		for n, point := range series.Floats {
			if n == 0 || point.T-last > step.Milliseconds() {
				since = point.T
			}
			last = point.T
			if point.T-since >= pending.Milliseconds() {
				first[series.Metric.String()] = time.UnixMilli(point.T).Sub(began()) - length/2
				break
			}
		}
	}
	return first
}
