package month_test

import (
	"time"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// answer is an operator's.
type answer struct {
	reason plan.Reason
	as     string
}

// resend is the answer that nothing was found, so that it is to be sent again.
const resend = "sent again"

// patience is how long a charge in part waits until somebody has collected it by hand.
const patience = day

// operator opens what commands use while no daemon runs.
func (m *month) operator() *app.Operator {
	m.t.Helper()
	o, err := app.OpenOperator(m.cfg, state.ReadWrite, m.outside())
	m.must(err)
	return o
}

// answer answers what waits for a person, as the runbook says. What v4 has done the
// operator sees in v4 itself.
func (m *month) answer() {
	m.t.Helper()
	o := m.operator()
	defer func() { m.must(o.Close()) }()
	parked, err := o.Parked(m.t.Context(), control.Selection{})
	m.must(err)
	captured := map[int64]bool{}
	for _, hold := range m.world.Holds() {
		captured[hold.Identity] = hold.Captures > 0
	}
	for _, row := range parked.Rows {
		switch row.Reason {
		case plan.UnknownCapture:
			if captured[*row.Identity] {
				m.resolve(o, row, "captured", "v4 has a payment for it")
			} else {
				m.resend(o, row)
			}
		case plan.AmountChanged:
			if row.Seen.State == preauth.Charged.String() && time.Since(row.Since) >= patience {
				m.resolve(o, row, "released", "a part of the hold was captured at the gateway")
			}
		case plan.Rejected:
			m.resolve(o, row, "released", "the bank declines the card: the guest pays at the desk")
		case plan.FirstSeenCharged:
			m.resolve(o, row, "captured", "collected at the desk")
		default: // lifts by itself, once the hotel or v4 has mended it
		}
	}
}

func (m *month) resolve(o *app.Operator, row control.Parked, as, note string) {
	m.t.Helper()
	out, err := o.Resolve(m.t.Context(), control.Resolve{Of: only(row), As: as, Note: note})
	m.accepted(row, as, out, err)
}

func (m *month) resend(o *app.Operator, row control.Parked) {
	m.t.Helper()
	out, err := o.Retry(m.t.Context(), control.Retry{Of: only(row), ResendCapture: true, Note: "v4 has no payment for it"})
	m.accepted(row, resend, out, err)
}

func only(row control.Parked) control.Selection {
	return control.Selection{IDs: []preauth.ID{preauth.ID(row.ID)}}
}

func (m *month) accepted(row control.Parked, as string, out control.Answers, err error) {
	m.t.Helper()
	m.must(err)
	if len(out.Done) != 1 || len(out.Refused) > 0 {
		m.t.Errorf("the answer %s to %s of %s is refused: %q", as, row.Reason, row.ID, out.Refused)
		return
	}
	m.answers[row.ID] = answer{reason: row.Reason, as: as}
	m.script.told["answers to "+string(row.Reason)+": "+as]++
}

// shadow is what the day in mirror.mode: observe has come to.
type shadow struct {
	created, captured map[string]bool
	writes            int
	statuses          []control.PropertyStatus
}

// endShadow ends the day of observing, with what it has reported, and begins to mirror.
func (m *month) endShadow() {
	m.t.Helper()
	m.until(time.Now().Add(2 * time.Minute))
	m.stop()
	ledger, err := state.Open(state.Options{Path: m.path(), Mode: state.ReadOnly})
	m.must(err)
	m.shadow = shadow{created: map[string]bool{}, captured: map[string]bool{}}
	m.must(ledger.EachObserved(m.t.Context(), "", func(o plan.Observed) error {
		if !o.Created.IsZero() {
			m.shadow.created[string(o.ID)] = true
		}
		if !o.Captured.IsZero() {
			m.shadow.captured[string(o.ID)] = true
		}
		return nil
	}))
	m.must(ledger.Close())
	o := m.operator()
	status, err := o.Status(m.t.Context())
	m.must(err)
	m.must(o.Close())
	m.shadow.statuses = status.Properties
	m.shadow.writes = len(m.world.Effects())
	m.mode = config.ModeFull
	m.start()
}
