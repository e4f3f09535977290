package telemetry

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
)

// namespace begins the name of every metric that is not the Go runtime's or the process's.
const namespace = "preauth_sync"

// Build says which program this is.
type Build struct{ Version, Commit, GoVersion string }

// Metrics counts what the program does. Its methods may be called from any
// goroutine. Names and labels are a contract; every label's values come from the
// configuration or from a closed set, so that the series are bounded.
type Metrics struct {
	registry *prometheus.Registry
	holdings *holdings
	ready    atomic.Pointer[func() []string]

	cycles    *prometheus.HistogramVec
	successes *prometheus.GaugeVec
	actions   *prometheus.CounterVec
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec

	mu sync.Mutex
	// properties are those of the present configuration.
	properties []string
}

// NewMetrics builds the metrics on a registry of their own. The clock is the wall
// clock, by which the age of what is parked is told.
func NewMetrics(build Build, clock func() time.Time) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		holdings: newHoldings(clock),
		cycles: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "cycle_duration_seconds",
			Help:    "How long a property's cycles took.",
			Buckets: []float64{.1, .5, 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600},
		}, []string{"property"}),
		successes: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: namespace, Name: "last_success_timestamp_seconds",
			Help: "When a property's last cycle without a failure ended, in Unix time; 0 while there was none since the start.",
		}, []string{"property"}),
		actions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "actions_total",
			Help: "Creates and captures by what became of them.",
		}, []string{"property", "action", "outcome"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "requests_total",
			Help: `HTTP exchanges by the reply's status, or "error" when there was none.`,
		}, []string{"api", "operation", "code"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "request_duration_seconds",
			Help:    "How long HTTP exchanges took, from the send to the end of the body or the failure.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"api", "operation"}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info",
		Help:        "Which program this is; always 1.",
		ConstLabels: prometheus.Labels{"version": build.Version, "commit": build.Commit, "goversion": build.GoVersion},
	})
	info.Set(1)
	ready := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "ready",
		Help: "1 while nothing keeps the daemon from its work, else 0, as /readyz says.",
	}, m.readiness)
	m.registry.MustRegister(
		m.cycles, m.successes, m.actions, m.requests, m.durations, m.holdings, ready, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Ready says where a scrape asks for what keeps the program from doing its work; until
// then it is not ready. The function is called from several goroutines.
func (m *Metrics) Ready(problems func() []string) { m.ready.Store(&problems) }

func (m *Metrics) readiness() float64 {
	problems := m.ready.Load()
	return flag(problems != nil && len((*problems)()) == 0)
}

// Handler answers a scrape. What cannot be collected is left out and counted in
// promhttp_metric_handler_errors_total; the rest is answered all the same.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, Registry: m.registry,
	})
}

// Properties names the properties of the present configuration. New ones are
// shown from now on, so that an alert sees a property that never comes to an end;
// the series of those that have gone are forgotten.
func (m *Metrics) Properties(names ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range m.properties {
		if !slices.Contains(names, name) {
			gone := prometheus.Labels{"property": name}
			m.cycles.DeletePartialMatch(gone)
			m.successes.DeletePartialMatch(gone)
			m.actions.DeletePartialMatch(gone)
		}
	}
	for _, name := range names {
		m.cycles.WithLabelValues(name)
		m.successes.WithLabelValues(name)
	}
	m.properties = slices.Clone(names)
}

// Known gives the properties of the present configuration.
func (m *Metrics) Known() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.properties)
}

// Cycle tells of a property's cycle: how long it took, whether nothing failed in
// it, and when it ended on the wall clock.
func (m *Metrics) Cycle(property string, took time.Duration, ok bool, finished time.Time) {
	m.cycles.WithLabelValues(property).Observe(took.Seconds())
	if ok {
		m.successes.WithLabelValues(property).Set(float64(finished.Unix()))
	}
}

// Action tells of one create or capture: the action, and its outcome in the words of
// the events, such as applied, unknown or rejected.
func (m *Metrics) Action(property, action, outcome string) {
	m.actions.WithLabelValues(property, action, outcome).Inc()
}

// Request tells of one HTTP exchange. It is an httpx.Observer.
func (m *Metrics) Request(e httpx.Event) {
	m.requests.WithLabelValues(e.API, e.Operation, code(e.Status)).Inc()
	m.durations.WithLabelValues(e.API, e.Operation).Observe(e.Duration.Seconds())
}

// code keeps the label bounded, whatever number a server makes up.
func code(status int) string {
	switch {
	case status == 0:
		return "error"
	case status < 100 || status > 599:
		return "other"
	default:
		return strconv.Itoa(status)
	}
}
