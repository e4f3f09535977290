package telemetry_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAPulseCountsFromItsLastBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := telemetry.NewPulse(nil)
		<-time.After(3 * time.Second)
		if got := p.Since(); got != 3*time.Second {
			t.Errorf("before the first beat: %s", got)
		}
		p.Beat()
		<-time.After(time.Minute)
		if got := p.Since(); got != time.Minute {
			t.Errorf("after a beat: %s", got)
		}
	})
}

func TestEveryBeatIsPassedOnFromAnyGoroutine(t *testing.T) {
	var beats atomic.Int64
	p := telemetry.NewPulse(func() { beats.Add(1) })
	var all sync.WaitGroup
	for range 100 {
		all.Go(p.Beat)
	}
	all.Wait()
	if got := beats.Load(); got != 100 {
		t.Errorf("%d of 100 beats were passed on", got)
	}
}
