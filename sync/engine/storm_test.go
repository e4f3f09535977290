package engine_test

import (
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// A sink that answers 429 to everything is not hammered, whatever its Retry-After
// says or leaves out, and what it would not take is created once it is calm.
func TestAStormOf429IsNoBusyLoop(t *testing.T) {
	for name, retryAfter := range map[string]string{
		"none": "", "zero": "0", "negative": "-5", "fractional": "0.5", "past": "Fri, 31 Dec 1999 23:59:59 GMT",
		"far future": "Fri, 31 Dec 2100 23:59:59 GMT", "huge": "1000000000000", "nonsense": "soon",
	} {
		t.Run(name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.proven(writers(8))
				var ids []string
				for range 30 {
					ids = append(ids, b.hold("10"))
				}
				b.fault(simulator.OpCreate, simulator.Fault{Kind: simulator.KindThrottle, RetryAfter: retryAfter})
				before, began := len(b.requests(simulator.OpCreate, "")), time.Now()
				b.cycle()
				sent, took := len(b.requests(simulator.OpCreate, ""))-before, time.Since(began)
				// Each of the eight senders tries one write at most four times before the outage ends the cycle.
				if sent == 0 || sent > 8*4 || took > 5*time.Minute || (sent > 8 && took < time.Second) {
					t.Errorf("%d creates were sent within %s", sent, took)
				}
				for _, id := range ids {
					b.expect(id, plan.None, "")
				}
				b.clear()
				b.cyclesOver(15*time.Minute, time.Minute)
				for _, id := range ids {
					b.expect(id, plan.Created, "")
				}
				b.effects(31, 0)
			})
		})
	}
}
