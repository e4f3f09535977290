package telemetry

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Holding is what the ledger holds for one property.
type Holding struct {
	Property string
	plan.Tally
	// Mode is mirror.mode.
	Mode string
	// Paused is set while writes of the property, or all writes, are paused.
	Paused bool
	// FuseBlown is set when the last cycle sent nothing, because its plan was above the fuse.
	FuseBlown bool
}

// Holdings says where a scrape asks for what the ledger holds, one Holding a
// property; nil is nowhere. Every phase and every reason is shown for each of
// them, 0 when there is none. The function is called from several goroutines.
func (m *Metrics) Holdings(read func() ([]Holding, error)) { m.holdings.read.Store(&read) }

// holdings collects from the ledger at each scrape: there is no second count that
// could differ.
type holdings struct {
	clock func() time.Time
	read  atomic.Pointer[func() ([]Holding, error)]

	phases, parked, oldest, mode, paused, fuse *prometheus.Desc
	// What is at risk, by how.
	held, awaiting, parkedAmount *prometheus.Desc
}

func newHoldings(clock func() time.Time) *holdings {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, append([]string{"property"}, labels...), nil)
	}
	const float = " A float: for alerts, not for books."
	return &holdings{
		clock:  clock,
		phases: desc("preauthorizations", "Preauthorizations in the ledger by phase.", "phase"),
		parked: desc("parked", "Parked preauthorizations by reason.", "reason"),
		oldest: desc("oldest_parked_seconds", "For how long the oldest parked preauthorization has been parked; 0 when there is none."),
		mode:   desc("mode", "1 for the mode that is on: full, capture_only or observe.", "mode"),
		paused: desc("paused", "1 while the property's writes are paused, by itself or with all others, else 0."),
		fuse:   desc("fuse_blown", "1 when the property's last cycle sent nothing, because its plan was above the fuse, else 0."),

		held:         desc("held_amount", "What v4 holds and the PMS has not charged, added up."+float, "currency"),
		awaiting:     desc("awaiting_capture_amount", "What the PMS has charged and v4 has not captured yet, added up."+float, "currency"),
		parkedAmount: desc("parked_amount", "What the parked preauthorizations are about, added up."+float, "currency"),
	}
}

// Describe names the gauges.
func (h *holdings) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{h.phases, h.parked, h.oldest, h.mode, h.paused, h.fuse, h.held, h.awaiting, h.parkedAmount} {
		to <- d
	}
}

// Collect reads the ledger.
func (h *holdings) Collect(to chan<- prometheus.Metric) {
	read := h.read.Load()
	if read == nil || *read == nil {
		return
	}
	all, err := (*read)()
	if err != nil {
		to <- prometheus.NewInvalidMetric(h.phases, fmt.Errorf("what the ledger holds could not be read: %w", err))
		return
	}
	now := h.clock()
	for _, holding := range all {
		h.collect(to, holding, now)
	}
}

func (h *holdings) collect(to chan<- prometheus.Metric, holding Holding, now time.Time) {
	send := func(desc *prometheus.Desc, value float64, label ...string) {
		metric, err := prometheus.NewConstMetric(desc, prometheus.GaugeValue, value, append([]string{holding.Property}, label...)...)
		if err != nil {
			metric = prometheus.NewInvalidMetric(desc, err)
		}
		to <- metric
	}
	for _, phase := range plan.Phases() {
		send(h.phases, float64(holding.Phases[phase]), phase.String())
	}
	for _, reason := range plan.Reasons() {
		send(h.parked, float64(holding.Parked[reason]), string(reason))
	}
	amounts := func(desc *prometheus.Desc, sums map[string]decimal.Decimal) {
		for currency, amount := range sums {
			// What is no currency comes from outside, without a bound; there is no sum of it either.
			if _, known := preauth.MinorUnits(currency); known {
				// Here money leaves the program as a float, because Prometheus knows nothing else.
				send(desc, amount.InexactFloat64(), currency)
			}
		}
	}
	amounts(h.held, holding.Held)
	amounts(h.awaiting, holding.Awaiting)
	amounts(h.parkedAmount, holding.ParkedAmounts)
	var age time.Duration
	if !holding.OldestParked.IsZero() {
		age = max(0, now.Sub(holding.OldestParked))
	}
	send(h.oldest, age.Seconds())
	send(h.mode, 1, holding.Mode)
	send(h.paused, flag(holding.Paused))
	send(h.fuse, flag(holding.FuseBlown))
}

func flag(set bool) float64 {
	if set {
		return 1
	}
	return 0
}
