package app

import (
	"strings"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func (r *rig) audited() (control.Audited, []control.Finding) {
	r.t.Helper()
	var found []control.Finding
	out, err := r.operator().Audit(r.t.Context(), control.Audit{}, func(f control.Finding) error {
		found = append(found, f)
		return nil
	})
	r.must(err)
	return out, found
}

func TestAnAuditSaysWhatTheShadowWouldHaveSent(t *testing.T) {
	inRig(t, func(r *rig) {
		id := r.hold("hotel-1")
		r.begin(r.config(func(cfg *config.Config) { cfg.Mirror.Mode = config.ModeObserve }))
		r.pass(time.Minute)
		r.must(r.world.SetState(id, simulator.Charged))
		r.pass(5 * time.Minute)
		out, found := r.audited()
		if len(found) != 1 || out.Due != 0 || len(r.world.Holds()) > 0 {
			t.Fatalf("%+v, %+v", out, found)
		}
		const says = "mirror.mode is observe; in the shadow it would have been created on 2000-01-01T00:00:00Z with 20.00 EUR on payment method 101, " +
			"and it would have been captured on 2000-01-01T00:05:00Z"
		if !strings.HasSuffix(found[0].Detail, says) {
			t.Errorf("%q does not end with %q", found[0].Detail, says)
		}
	})
}

func TestWithCaptureOnlyWhatIsHeldIsFinished(t *testing.T) {
	inRig(t, func(r *rig) {
		held := r.hold("hotel-1")
		r.begin(r.config())
		r.pass(time.Minute)
		added := r.hold("hotel-1")
		r.must(r.world.SetState(held, simulator.Charged))
		r.hangUp(func() (*config.Config, error) {
			return r.config(func(cfg *config.Config) { cfg.Mirror.Mode = config.ModeCaptureOnly }), nil
		})
		r.pass(10 * time.Minute)
		r.expect(plan.Captured, held)
		r.expect(plan.None, added)
		out, found := r.audited()
		if len(found) != 1 || out.Due != 0 || found[0].ID != added || !strings.Contains(found[0].Detail, "capture_only") {
			t.Errorf("%+v, %+v", out, found)
		}
	})
}

func TestACardIsLookedUpOnItsOwnPropertysV4(t *testing.T) {
	inRig(t, func(r *rig) {
		r.apart()
		methods := map[string]int64{}
		for _, property := range []string{"hotel-1", "apart"} {
			id := r.hold(property)
			p, _ := r.world.Preauthorization(id)
			method, err := r.world.AddCard(property, p.CardID)
			r.must(err)
			methods[id] = method
		}
		unknown := r.hold("apart")
		r.begin(r.config(func(cfg *config.Config) {
			for i := range cfg.Properties {
				cfg.Properties[i].PaymentMethods = config.PaymentMethods{Lookup: "paymentMethodIdentifier", Default: config.DefaultMethod{Autopay: true}}
			}
		}))
		r.pass(time.Minute)
		for _, hold := range r.world.Holds() {
			if methods[hold.Token] != hold.PaymentMethodID {
				t.Errorf("%+v is on another method than %d", hold, methods[hold.Token])
			}
		}
		r.expect(plan.None, unknown)
		if out, found := r.audited(); len(found) != 1 || out.Due != 0 || !strings.Contains(found[0].Detail, "no_payment_method") {
			t.Errorf("%+v, %+v", out, found)
		}
	})
}
