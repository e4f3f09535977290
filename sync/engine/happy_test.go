package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func TestAHoldIsCreatedOnceAndCapturedOnceThePMSHasChargedIt(t *testing.T) {
	inBench(t, func(b *bench) {
		first, second := b.hold("22.50"), b.hold("100")
		b.start()
		got := only(b.cycle())
		want := plan.Counts{Polled: 2, Created: 2}
		if got.Report.Counts != want || !got.Report.OK || got.Err != nil {
			t.Errorf("the first cycle: %+v", got)
		}
		b.expect(first, plan.Created, "")
		b.pass(time.Minute)
		b.charge(first)
		got = only(b.cycle())
		if want := (plan.Counts{Polled: 2, Captured: 1, Skipped: 1}); got.Report.Counts != want {
			t.Errorf("the second cycle: %+v", got)
		}
		b.expect(first, plan.Captured, "")
		b.expect(second, plan.Created, "")
		b.effects(2, 1)
		b.pass(time.Minute)
		got = only(b.cycle())
		if want := (plan.Counts{Polled: 2, Skipped: 2}); got.Report.Counts != want {
			t.Errorf("the third cycle: %+v", got)
		}
		b.effects(2, 1)
		want2 := []string{telemetry.CreateIntent, telemetry.CreateApplied, telemetry.CaptureIntent, telemetry.CaptureApplied}
		if diff := cmp.Diff(want2, b.journal(first)); diff != "" {
			t.Error(diff)
		}
		if both := b.world.Reconcile(); len(both.Wrong)+len(both.Without)+len(both.Uncaptured) > 0 {
			t.Errorf("%+v", both)
		}
	})
}

func TestNoRequestIsSentThatIsNotNeeded(t *testing.T) {
	inBench(t, func(b *bench) {
		for range 5 {
			b.hold("10")
		}
		b.start()
		b.cycle()
		count := func(want map[string]int) {
			t.Helper()
			got := map[string]int{}
			for _, r := range b.world.Requests() {
				got[r.Operation]++
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
		// One question of what the sink holds (the second page is the empty one when
		// there is anything), and one search for the proof.
		count(map[string]int{
			simulator.OpConfiguration: 1, simulator.OpPoll: 1, simulator.OpLogin: 1, simulator.OpPaged: 1,
			simulator.OpCreate: 5, simulator.OpSearch: 1,
		})
		b.pass(time.Minute)
		b.cycle()
		count(map[string]int{
			simulator.OpConfiguration: 1, simulator.OpPoll: 2, simulator.OpLogin: 1, simulator.OpPaged: 1,
			simulator.OpCreate: 5, simulator.OpSearch: 1,
		})
		b.restart()
		b.cycle()
		count(map[string]int{ // nothing to write: the sink is not even asked
			simulator.OpConfiguration: 2, simulator.OpPoll: 3, simulator.OpLogin: 1, simulator.OpPaged: 1,
			simulator.OpCreate: 5, simulator.OpSearch: 1,
		})
		b.hold("10")
		b.cycle()
		count(map[string]int{ // something to write: one walk from where it left off, and a login
			simulator.OpConfiguration: 2, simulator.OpPoll: 4, simulator.OpLogin: 2, simulator.OpPaged: 1,
			simulator.OpCreate: 6, simulator.OpSearch: 2,
		})
		if walk := b.requests(simulator.OpSearch, `"identity"`)[0].body; !strings.Contains(walk, `"value":5`) {
			t.Errorf("it walks with %s", walk)
		}
	})
}

func TestEveryIntentIsDurableBeforeItsRequestArrives(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.hold("22.50")
		checked := 0
		b.spy = func(r simulator.Request) {
			phase := plan.Creating
			switch r.Operation {
			case simulator.OpCreate:
			case simulator.OpCapture:
				phase = plan.Capturing
			default:
				return
			}
			checked++
			rec := b.expect(id, phase, "")
			if rec.Intent == nil || rec.Intent.Attempt != 1 || rec.Intent.Token != "" && rec.Intent.Token != id {
				t.Errorf("%+v", rec.Intent)
				return
			}
			if want := time.Now().Add(timeout); !rec.Intent.Deadline.Equal(want) {
				t.Errorf("the deadline is %s, want %s", rec.Intent.Deadline, want)
			}
		}
		b.start()
		b.cycle()
		b.charge(id)
		b.cycle()
		if checked != 2 {
			t.Errorf("%d writes were looked at", checked)
		}
		b.effects(1, 1)
	})
}

func TestAFirstCycleThatCreatesAndCapturesWhatIsNews(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.hold("22.50")
		b.start()
		b.wire.refuseNext(0)
		b.fault(simulator.OpCreate, simulator.Fault{Kind: simulator.KindThrottle, RetryAfter: "3600"})
		b.cycle() // read, but not created
		b.effects(0, 0)
		b.clear()
		b.charge(id)
		b.pass(time.Hour)
		got := only(b.cycle())
		if got.Report.Counts.Created != 1 || got.Report.Counts.Captured != 1 {
			t.Errorf("%+v", got)
		}
		b.expect(id, plan.Captured, "")
	})
}
