package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func dec(s string) decimal.Decimal { return decimal.RequireFromString(s) }

// held brings a hold to created and says in the PMS that it has been charged.
func (b *bench) held(change ...func(*config.Config)) string {
	b.t.Helper()
	b.proven(change...)
	return b.charged()
}

// charged is held for a program that runs already.
func (b *bench) charged() string {
	b.t.Helper()
	id := b.hold("22.50")
	b.cycle()
	b.expect(id, plan.Created, "")
	b.charge(id)
	return id
}

func resend(cfg *config.Config) { cfg.Mirror.UnknownCapture = config.UnknownCaptureRetry }

func TestAnUnknownCaptureParks(t *testing.T) {
	for _, f := range lost() {
		for _, after := range []bool{false, true} {
			name := nameOf(f) + " before the effect"
			if after {
				name = nameOf(f) + " after the effect"
			}
			t.Run(name, func(t *testing.T) {
				inBench(t, func(b *bench) {
					id := b.held()
					f.After = after
					b.once(simulator.OpCapture, f)
					got := only(b.cycle())
					if got.NewOutcomeParks != 1 || got.Report.Counts.Parked != 1 {
						t.Errorf("%+v", got)
					}
					b.expect(id, plan.Capturing, plan.UnknownCapture)
					b.pass(4 * settle)
					b.cycle()
					b.expect(id, plan.Capturing, plan.UnknownCapture)
					b.sent(simulator.OpCapture, ":2", 1)
				})
			})
		}
	}
}

func TestAnUnknownCaptureIsSentAgainWhereTheOperatorAllowsIt(t *testing.T) {
	t.Run("without an effect it is captured the second time", func(t *testing.T) {
		inBench(t, func(b *bench) {
			id := b.held(resend)
			b.once(simulator.OpCapture, simulator.Fault{Kind: simulator.KindReset})
			b.cycle()
			b.expect(id, plan.Capturing, "")
			b.cyclesOver(timeout+settle+time.Minute, time.Minute)
			b.expect(id, plan.Captured, "")
			sends := b.requests(simulator.OpCapture, ":2")
			if len(sends) != 2 || sends[1].Time.Sub(sends[0].Time) < timeout+settle {
				t.Errorf("%v", sends)
			}
			b.effects(2, 1)
		})
	})
	t.Run("with an effect the refusal of the second parks it", func(t *testing.T) {
		inBench(t, func(b *bench) {
			id := b.held(resend)
			b.once(simulator.OpCapture, simulator.Fault{Kind: simulator.KindReset, After: true})
			b.cycle()
			b.cyclesOver(2*settle, time.Minute)
			rec := b.expect(id, plan.Capturing, plan.UnknownCapture)
			if rec.Park != nil && (!strings.Contains(rec.Park.Detail, "2005") || rec.Park.TrackingID == "") {
				t.Errorf("%+v", rec.Park)
			}
			b.sent(simulator.OpCapture, ":2", 2)
			b.effects(2, 1)
		})
	})
	t.Run("with an effect a known code of the refusal captures it", func(t *testing.T) {
		inBench(t, func(b *bench) {
			id := b.held(resend, func(cfg *config.Config) { cfg.V4.AlreadyCapturedCodes = []int64{2005} })
			b.once(simulator.OpCapture, simulator.Fault{Kind: simulator.KindReset, After: true})
			b.cycle()
			b.cyclesOver(2*settle, time.Minute)
			b.expect(id, plan.Captured, "")
			b.effects(2, 1)
		})
	})
	t.Run("three times at most", func(t *testing.T) {
		inBench(t, func(b *bench) {
			id := b.held(resend)
			b.fault(simulator.OpCapture, simulator.Fault{Kind: simulator.KindHang})
			b.cycle()
			b.cyclesOver(6*settle, time.Minute)
			b.expect(id, plan.Capturing, plan.UnknownCapture)
			sends := b.requests(simulator.OpCapture, ":2")
			if len(sends) != 3 {
				t.Fatalf("sent %d times", len(sends))
			}
			for i := range 2 {
				if gap := sends[i+1].Time.Sub(sends[i].Time); gap < timeout+settle {
					t.Errorf("only %s between two sends", gap)
				}
			}
			var attempts []int
			for _, line := range b.lines(id) {
				if line.Event == telemetry.CaptureIntent {
					attempts = append(attempts, line.Attempt)
				}
			}
			if diff := cmp.Diff([]int{1, 2, 3}, attempts); diff != "" {
				t.Error(diff)
			}
		})
	})
	t.Run("a restart counts on", func(t *testing.T) {
		inBench(t, func(b *bench) {
			id := b.held(resend)
			b.fault(simulator.OpCapture, simulator.Fault{Kind: simulator.KindReset})
			b.cycle()
			for range 5 {
				b.restart()
				b.cycle()
				b.expect(id, b.record(id).Phase, b.parked(id))
				b.cyclesOver(timeout+settle+time.Minute, time.Minute)
			}
			b.expect(id, plan.Capturing, plan.UnknownCapture)
			b.sent(simulator.OpCapture, ":2", 3)
		})
	})
}

func (b *bench) parked(id string) plan.Reason {
	b.t.Helper()
	if rec := b.record(id); rec.Park != nil {
		return rec.Park.Reason
	}
	return ""
}

func TestAResentCaptureThatDoesNotLeaveIsStillInDoubt(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.held(resend)
		b.once(simulator.OpCapture, simulator.Fault{Kind: simulator.KindReset, After: true})
		b.cycle()
		b.fault(simulator.OpCapture, simulator.Fault{Kind: simulator.KindThrottle, RetryAfter: "600"})
		b.cyclesOver(timeout+settle+time.Minute, time.Minute)
		if rec := b.expect(id, plan.Capturing, ""); rec.Intent == nil || rec.Intent.Attempt != 1 {
			t.Errorf("%+v", rec.Intent)
		}
		b.clear()
		b.cyclesOver(4*settle, time.Minute)
		b.expect(id, plan.Capturing, plan.UnknownCapture) // refused: captured before
		b.effects(2, 1)
	})
}

func TestRepliesToACapture(t *testing.T) {
	refusal := simulator.Fault{
		Kind: simulator.KindStatus, Status: 422,
		Body: `{"trackingId":"t-77","type":"create","errors":[{"code":7,"message":"declined"},{"code":8,"message":"expired"}]}`,
	}
	cases := []struct {
		name   string
		change func(*config.Config)
		before func(b *bench)
		phase  plan.Phase
		reason plan.Reason
	}{
		{"an empty body is unknown", nil, func(b *bench) {
			b.settings(func(s *simulator.Settings) { s.CaptureReply = simulator.ReplyEmpty })
		}, plan.Capturing, plan.UnknownCapture},
		{"an empty body is success where the operator says so", func(cfg *config.Config) {
			cfg.V4.CaptureEmptyReply = "success"
		}, func(b *bench) {
			b.settings(func(s *simulator.Settings) { s.CaptureReply = simulator.ReplyEmpty })
		}, plan.Captured, ""},
		{"the envelope of a create is success", nil, func(b *bench) {
			b.settings(func(s *simulator.Settings) { s.CaptureReply = simulator.ReplyObject })
		}, plan.Captured, ""},
		{"v4's errors refuse it", nil, func(b *bench) { b.once(simulator.OpCapture, refusal) }, plan.Created, plan.Rejected},
		{"a code that means captured before captures it", func(cfg *config.Config) {
			cfg.V4.AlreadyCapturedCodes = []int64{7, 8}
		}, func(b *bench) { b.once(simulator.OpCapture, refusal) }, plan.Captured, ""},
		{"a code beside it that means something else refuses it", func(cfg *config.Config) {
			cfg.V4.AlreadyCapturedCodes = []int64{7}
		}, func(b *bench) { b.once(simulator.OpCapture, refusal) }, plan.Created, plan.Rejected},
		{"another field is what v4 wants", func(cfg *config.Config) { cfg.V4.CaptureField = "id" }, func(b *bench) {
			b.settings(func(s *simulator.Settings) { s.CaptureField = "id" })
		}, plan.Captured, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				var changes []func(*config.Config)
				if c.change != nil {
					changes = append(changes, c.change)
				}
				id := b.held(changes...)
				c.before(b)
				b.cycle()
				rec := b.expect(id, c.phase, c.reason)
				if c.reason == plan.Rejected {
					for _, part := range []string{"7: declined", "8: expired", "422"} {
						if !strings.Contains(rec.Park.Detail, part) {
							t.Errorf("%q is not in %q", part, rec.Park.Detail)
						}
					}
					if rec.Park.TrackingID != "t-77" {
						t.Errorf("the trackingId is %q", rec.Park.TrackingID)
					}
				}
				b.clear()
				b.cyclesOver(3*settle, settle)
				b.expect(id, c.phase, c.reason)
				if n := len(b.requests(simulator.OpCapture, ":2")); n != 1 {
					t.Errorf("sent %d times", n)
				}
			})
		})
	}
}

func TestARefusedCreateParksWithWhatV4Says(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("22.50")
		b.must(b.world.UpdatePaymentMethod(101, func(m *simulator.PaymentMethod) { m.Declines = true }))
		got := only(b.cycle())
		rec := b.expect(id, plan.None, plan.Rejected)
		if rec.Park == nil || !strings.Contains(rec.Park.Detail, "2003") && !strings.Contains(rec.Park.Detail, "2004") || rec.Park.TrackingID == "" {
			t.Errorf("%+v", rec.Park)
		}
		if got.NewOutcomeParks != 1 {
			t.Errorf("%+v", got)
		}
		b.must(b.world.UpdatePaymentMethod(101, func(m *simulator.PaymentMethod) { m.Declines = false }))
		if got := only(b.cycle()); got.NewOutcomeParks != 0 {
			t.Errorf("what was parked before counts as new: %+v", got)
		}
		b.charge(id)
		b.cycle()
		b.expect(id, plan.None, plan.Rejected)
		b.sent(simulator.OpCreate, id, 1)
	})
}
