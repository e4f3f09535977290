package app

import (
	"fmt"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

func TestAPlanThatCyclesWaitForIsASignOfLife(t *testing.T) {
	inRig(t, func(r *rig) {
		for i := 1; i <= 14; i++ {
			if i > 1 {
				_, err := r.world.AddEnterprise(simulator.Enterprise{Name: fmt.Sprintf("hotel-%d", i)})
				r.must(err)
			}
			r.hold(fmt.Sprintf("hotel-%d", i))
		}
		r.begin(r.config())
		r.pass(time.Minute)
		r.world.Inject(simulator.Fault{API: simulator.APIConnector, Kind: simulator.KindHang})
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = r.operator().Plan(r.t.Context()) // it is the waiting that counts
		}()
		for waiting := true; waiting; {
			r.pass(10 * time.Second)
			if silence := r.pulse.Since(); silence > stallLimit {
				t.Fatalf("nothing has moved for %s", silence)
			}
			select {
			case <-done:
				waiting = false
			default:
			}
		}
	})
}
