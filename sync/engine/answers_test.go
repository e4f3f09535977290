package engine_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// answer stops the program, gives an operator's answer on its file, and starts it again.
func (b *bench) answer(give func(o *app.Operator) (control.Answers, error)) control.Answers {
	b.t.Helper()
	b.stop()
	o, err := app.OpenOperator(b.cfg, state.ReadWrite, app.Outside{Transport: b.transport()})
	b.must(err)
	answers, err := give(o)
	b.must(errors.Join(err, o.Close()))
	b.start()
	return answers
}

func (b *bench) retry(id string, with control.Retry) control.Answers {
	b.t.Helper()
	with.Of = control.Selection{IDs: []preauth.ID{preauth.ID(id)}}
	return b.answer(func(o *app.Operator) (control.Answers, error) { return o.Retry(b.t.Context(), with) })
}

func (b *bench) resolve(id, as string) control.Answers {
	b.t.Helper()
	return b.answer(func(o *app.Operator) (control.Answers, error) {
		return o.Resolve(b.t.Context(), control.Resolve{
			Of: control.Selection{IDs: []preauth.ID{preauth.ID(id)}}, As: as, Note: "looked in v4",
		})
	})
}

// taken fails unless an answer was taken.
func (b *bench) taken(answers control.Answers) {
	b.t.Helper()
	if len(answers.Refused) > 0 {
		b.t.Errorf("the answer was refused: %q", answers.Refused)
	}
}

// refused fails unless an answer was refused with a text.
func (b *bench) refused(answers control.Answers, text string) {
	b.t.Helper()
	if len(answers.Refused) != 1 || !strings.Contains(answers.Refused[0], text) {
		b.t.Errorf("the answer was not refused with %q: %+v", text, answers)
	}
}

func TestAnUnknownCreateThatIsRetriedIsLookedUpBeforeAnythingIsSent(t *testing.T) {
	inBench(t, func(b *bench) {
		// A sink that seems not to keep tokens, so that an unknown create parks unseen.
		b.hold("10")
		b.settings(func(s *simulator.Settings) { s.TokenPolicy = simulator.TokenOverwrite })
		b.start()
		b.cycle()
		b.pass(proofWindow)
		b.cycle()
		b.told(telemetry.TokenNotKept, 1)
		b.settings(func(s *simulator.Settings) { s.TokenPolicy = simulator.TokenKeep })
		made, lost := b.hold("20"), b.hold("30")
		for id, after := range map[string]bool{made: true, lost: false} {
			b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: after, Match: about(id)})
		}
		hide := b.world.Inject(simulator.Fault{ // nor does it show them
			API: simulator.APIV4, Operation: simulator.OpSearch, Kind: simulator.KindRewrite,
			Rewrite: func(status int, _ []byte) (int, []byte) {
				return status, []byte(`{"trackingId":"t","itemCount":0,"items":[]}`)
			},
		})
		b.cycle()
		b.cyclesOver(timeout+settle+time.Minute, time.Minute)
		for _, id := range []string{made, lost} {
			b.expect(id, plan.Creating, plan.UnknownCreate)
			b.refused(b.retry(id, control.Retry{}), "--resend-create")
			b.cycle()
			b.expect(id, plan.Creating, plan.UnknownCreate)
		}
		// Then it does: one that it is found to keep is the proof, and a retry looks.
		hide()
		shown := b.hold("40")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true, Match: about(shown)})
		b.cycle()
		b.cyclesOver(timeout+settle+time.Minute, time.Minute)
		b.expect(shown, plan.Created, "")
		for _, id := range []string{made, lost} {
			b.taken(b.retry(id, control.Retry{Note: "v4 shows tokens now"}))
			b.cycle()
			b.expect(id, plan.Creating, "")
			b.cyclesOver(timeout+2*settle+2*time.Minute, time.Minute)
			b.expect(id, plan.Created, "")
		}
		b.sent(simulator.OpCreate, made, 1)
		b.sent(simulator.OpCreate, lost, 2)
		b.effects(4, 0)
	})
}

// about matches the requests that are about a preauthorization.
func about(id string) func(simulator.Request) bool {
	return func(r simulator.Request) bool { return r.Key == id }
}

func TestACreateThatWasSentThreeTimesGoesOnWithAnOperatorsWord(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("22.50")
		stop := b.world.Inject(simulator.Fault{API: simulator.APIV4, Operation: simulator.OpCreate, Kind: simulator.KindReset})
		b.cyclesOver(3*(timeout+2*settle+2*time.Minute), time.Minute)
		b.expect(id, plan.None, plan.UnknownCreate)
		b.sent(simulator.OpCreate, id, 3)
		stop()
		b.cyclesOver(10*time.Minute, time.Minute)
		b.sent(simulator.OpCreate, id, 3)
		b.taken(b.retry(id, control.Retry{}))
		b.cycle()
		b.expect(id, plan.Created, "")
		b.effects(2, 0)
	})
}

func TestACaptureThatAnOperatorLetsBeSentAgain(t *testing.T) {
	word := control.Retry{ResendCapture: true, Note: "no payment in v4"}
	unknown := func(b *bench, after bool) string {
		id := b.held()
		b.once(simulator.OpCapture, simulator.Fault{Kind: simulator.KindReset, After: after})
		b.cycle()
		b.expect(id, plan.Capturing, plan.UnknownCapture)
		b.refused(b.retry(id, word), "may still take effect")
		b.pass(timeout + settle)
		b.refused(b.retry(id, control.Retry{}), "--resend-capture")
		b.cycle()
		b.expect(id, plan.Capturing, plan.UnknownCapture)
		return id
	}
	t.Run("is captured once where the first had no effect", func(t *testing.T) {
		inBench(t, func(b *bench) {
			id := unknown(b, false)
			b.taken(b.retry(id, word))
			b.cycle()
			b.expect(id, plan.Captured, "")
			b.sent(simulator.OpCapture, "", 2)
			b.effects(2, 1)
		})
	})
	t.Run("parks as unknown where the second is refused, and ends with the operator's word", func(t *testing.T) {
		inBench(t, func(b *bench) {
			id := unknown(b, true)
			b.taken(b.retry(id, word))
			b.cycle()
			b.expect(id, plan.Capturing, plan.UnknownCapture) // not rejected: the first may have been made
			b.refused(b.resolve(id, "created=2"), "captured is not known")
			b.taken(b.resolve(id, "captured"))
			b.cycle()
			b.expect(id, plan.Captured, "")
			b.cyclesOver(time.Hour, 5*time.Minute)
			b.sent(simulator.OpCapture, "", 2)
			b.effects(2, 1)
		})
	})
	t.Run("is planned again where it does not leave, and is still one that was sent before", func(t *testing.T) {
		inBench(t, func(b *bench) {
			id := unknown(b, true)
			b.taken(b.retry(id, word))
			b.wire.only = "127.0.0.1:2"
			b.wire.refuseNext(-1)
			b.cycle()
			b.expect(id, plan.Created, "")
			b.sent(simulator.OpCapture, "", 1)
			b.restart()
			b.cycle()
			b.expect(id, plan.Capturing, plan.UnknownCapture) // a refusal proves nothing, also after a restart
			b.effects(2, 1)
		})
	})
	t.Run("waits where the PMS does not say Charged any more", func(t *testing.T) {
		inBench(t, func(b *bench) {
			id := unknown(b, false)
			b.state(simulator.Pending, id)
			b.taken(b.retry(id, word))
			b.cyclesOver(time.Hour, 5*time.Minute)
			b.expect(id, plan.Created, "")
			b.sent(simulator.OpCapture, "", 1)
			b.charge(id)
			b.cycle()
			b.expect(id, plan.Captured, "")
		})
	})
}

func TestWhatAnOperatorLetsGoIsNotSentAgain(t *testing.T) {
	inBench(t, func(b *bench) {
		b.proven()
		id := b.hold("22.50")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindStatus, Status: 400, Body: `{"errors":[{"code":1,"message":"no"}]}`})
		b.cycle()
		b.expect(id, plan.None, plan.Rejected)
		b.taken(b.resolve(id, "released"))
		b.cyclesOver(day, time.Hour)
		b.expect(id, plan.Released, "")
		b.sent(simulator.OpCreate, id, 1)
		b.charge(id) // that is news
		b.cycle()
		b.expect(id, plan.Captured, "")
		b.effects(2, 1)
	})
}

func TestAHoldThatAnOperatorFoundIsCapturedUnderItsNumber(t *testing.T) {
	inBench(t, func(b *bench) {
		b.hold("10")
		b.settings(func(s *simulator.Settings) { s.TokenPolicy = simulator.TokenOverwrite })
		b.start()
		b.cycle()
		b.pass(proofWindow)
		b.cycle()
		id := b.hold("22.50")
		b.once(simulator.OpCreate, simulator.Fault{Kind: simulator.KindReset, After: true})
		b.cycle()
		b.cyclesOver(timeout+settle+time.Minute, time.Minute)
		b.expect(id, plan.Creating, plan.UnknownCreate)
		b.refused(b.resolve(id, "created=1"), "is that of preauthorization")
		b.refused(b.resolve(id, "created=9"), "v4 has no identity 9")
		b.taken(b.resolve(id, "created=2"))
		b.charge(id)
		b.cycle()
		rec := b.expect(id, plan.Captured, "")
		if rec.Identity != 2 || rec.Amount.String() != "22.50 EUR" {
			t.Errorf("%+v", rec)
		}
		if lines := b.journal(id); !slices.Contains(lines, telemetry.ParkedResolved) {
			t.Errorf("its journal is %v", lines)
		}
		b.effects(2, 1)
	})
}
