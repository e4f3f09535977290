package plan

import (
	"fmt"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// Why says in a word why nothing is sent for a preauthorization. The set is
// closed: plan counts by it.
type Why string

// The reasons for sending nothing.
const (
	// InStep is a hold that is as the PMS says.
	InStep Why = "in_step"
	// Waiting is a state from which the PMS will move on (Pending, Failed).
	Waiting Why = "waiting"
	// IsReleased was released by the PMS.
	IsReleased Why = "released"
	// IsCaptured has been captured, as the PMS says.
	IsCaptured Why = "captured"
	// IsBaseline was charged before this program came.
	IsBaseline Why = "baseline"
	// InDoubt has an intent whose outcome is not known yet.
	InDoubt Why = "in_doubt"
	// IsParked waits for its cause to go or for an operator.
	IsParked Why = "parked"
	// IsAnswered would park, but an operator has answered this very observation.
	IsAnswered Why = "answered"
	// CreatesStopped cannot be created while one of the property's files cannot be read.
	CreatesStopped Why = "creates_stopped"
	// MethodUnread cannot be created while its payment method cannot be looked up.
	MethodUnread Why = "method_unread"
	// IsCaptureOnly is not created while mirror.mode is capture_only.
	IsCaptureOnly Why = "capture_only"
	// IsPaused is not sent while an operator has paused writes.
	IsPaused Why = "paused"
	// BeyondLimit is left for another backfill, by this one's limit.
	BeyondLimit Why = "beyond_limit"
	// Conflicting was shown twice in one reply with different contents.
	Conflicting Why = "conflicting"
)

// ChargedHistory says what becomes of a preauthorization that was already
// charged when its customer was first read.
type ChargedHistory string

// The policies for charged history.
const (
	ParkHistory     ChargedHistory = "park"
	BaselineHistory ChargedHistory = "baseline"
	MirrorHistory   ChargedHistory = "mirror"
)

// Policy is what the operator has configured, as far as decisions go.
type Policy struct {
	// Currency is the one the property's tenant bills in: v4 has none.
	Currency string
	// StopCreates is set while a customers or payment-methods file cannot be used:
	// what it says is not known, and nothing falls back to a default.
	StopCreates bool
	// CaptureOnly is mirror.mode: capture_only. What is held is finished, and nothing
	// is created.
	CaptureOnly bool
	// MirrorFirstRun is mirror.first_run: mirror. Charged history is created and
	// captured, and NewCustomers does not apply.
	MirrorFirstRun bool
	// BackfillCharged is backfill --charged: the same, and for what was baselined or
	// parked as first_seen_charged too.
	BackfillCharged bool
	// NewCustomers is mirror.new_customers.
	NewCustomers ChargedHistory
}

// Context is what is known around one record when it is decided.
type Context struct {
	// ReadBefore tells whether the customer was read in an earlier cycle.
	ReadBefore bool
	// FirstRun tells whether this is the property's first run in a file that at its
	// creation found no UUID-form token on the sink.
	FirstRun bool
	// Method is the payment method of the card.
	Method Method
}

// Decision is what is to be done about one preauthorization.
type Decision struct {
	// Actions are the requests to send, in order; a create may bring its capture.
	Actions []ActionKind
	// Next is the phase the record takes on without a request.
	Next Phase
	// Ordered is set when the actions follow from a backfill of charged history alone.
	// Whoever sends them stores the order with them, see Settled.Order.
	Ordered bool
	// Park is why the record is parked, empty when it is not.
	Park   Reason
	Detail string
	// Kept is set when Park is the record's own mark, which stays as it is.
	Kept bool
	// Why says why nothing is sent; empty when something is.
	Why Why
	// Orphaned is set when the PMS releases what v4 holds: v4 cannot void it.
	Orphaned bool
	// History is what the first sight of a charge meant, to be stored.
	History History
}

// Decide compares what the PMS says of a preauthorization with what the ledger
// says, and is the whole of the contract's decision table:
//
//	PMS says ↓ / ledger reads →  none               created             captured            baseline            adopted
//	Chargeable, active           create             nothing (a)         park                park                → created (a)
//	                                                                    state_regressed     state_regressed
//	Charged                      first seen         capture (a)         nothing (a)         nothing             park unknown_capture
//	                             charged (b)
//	Pending, Failed              wait               wait                nothing             nothing             wait
//	Cancelled, Expired, or       → released         → released,         park                nothing             → released,
//	Chargeable and not active                       hold.orphaned       state_regressed                         hold.orphaned
//	any other                    park               park                nothing             nothing             park
//	                             unknown_state      unknown_state                                               unknown_state
//
//	(a) another amount than v4 holds parks amount_changed instead
//	(b) create and capture when the charge is news (an earlier complete reply did not show it) or the
//	    policy mirrors history; else baseline or park first_seen_charged
//
// A create is preceded by its preconditions: bad_amount, currency_mismatch,
// no_payment_method, in this order. It is put off, and a mark stays, while
// mirror.mode is capture_only, and while a file or a look-up cannot be used.
// Creating and capturing are only ever verified. What is parked for an outcome or
// as first_seen_charged waits for an operator, who answers the latter also by a
// backfill of charged history. An observation that an operator has answered never
// parks again.
func Decide(p preauth.Preauthorization, rec Record, around Context, policy Policy) Decision {
	if rec.Park != nil && rec.Park.Reason.WaitsForOperator() && !answers(policy, rec.Park.Reason) {
		return Decision{
			Next: rec.Phase, History: rec.History, Park: rec.Park.Reason, Detail: rec.Park.Detail, Why: IsParked,
		}
	}
	d := decide(p, rec, around, policy)
	answered := rec.Answered != nil && rec.Answered.Equal(Observe(p))
	if answered && rec.Phase == Released && (len(d.Actions) > 0 || d.Next == Baseline || d.heldUp()) {
		// The operator was shown this and chose to let it go.
		return Decision{Next: rec.Phase, History: d.History, Why: IsAnswered}
	}
	if d.heldUp() && rec.Park != nil {
		// It has not been looked at whether it would park still. Without its mark, whoever
		// has left the list would not be polled any more.
		d.Park, d.Detail, d.Kept = rec.Park.Reason, rec.Park.Detail, true
		return d
	}
	if answered && d.Park != "" {
		return Decision{Next: rec.Phase, History: d.History, Why: IsAnswered}
	}
	return d
}

// heldUp tells whether a create is only put off: for its mode, for a file or a
// look-up that cannot be used.
func (d Decision) heldUp() bool {
	return d.Why == IsCaptureOnly || d.Why == CreatesStopped || d.Why == MethodUnread
}

// answers tells whether a backfill of charged history, which an operator has
// ordered, is the answer that a mark waits for.
func answers(policy Policy, why Reason) bool {
	return policy.BackfillCharged && why == FirstSeenCharged
}

func decide(p preauth.Preauthorization, rec Record, around Context, policy Policy) Decision {
	same := Decision{Next: rec.Phase, History: rec.History}
	switch rec.Reads() {
	case Creating, Capturing:
		return same.skip(InDoubt)
	case None:
		return same.none(p, around, policy)
	case Created:
		return same.created(p, rec)
	case Captured:
		return same.captured(p, rec)
	case Baseline:
		return same.baseline(p, around.Method, policy)
	case Adopted:
		return same.adopted(p, rec)
	default: // Reads never gives Released.
		return same.park(UnknownState, "the ledger's phase is "+rec.Phase.String())
	}
}

func (d Decision) none(p preauth.Preauthorization, around Context, policy Policy) Decision {
	switch p.State {
	case preauth.Chargeable:
		if !p.Active {
			return d.release(false)
		}
		return d.create(p, around.Method, policy, Create)
	case preauth.Charged:
		return d.firstSeenCharged(p, around, policy)
	case preauth.Pending, preauth.Failed:
		return d.skip(Waiting)
	case preauth.Cancelled, preauth.Expired:
		return d.release(false)
	default:
		return d.unknownState(p)
	}
}

// firstSeenCharged is remembered at the first sight: in the next cycle the last
// complete reply will have shown the charge, and it must not turn into history.
func (d Decision) firstSeenCharged(p preauth.Preauthorization, around Context, policy Policy) Decision {
	if d.History == HistoryUnset {
		d.History = HistoryOld
		if around.ReadBefore {
			d.History = HistoryFresh
		}
	}
	if policy.MirrorFirstRun || d.History == HistoryFresh {
		return d.create(p, around.Method, policy, Create, Capture)
	}
	if policy.BackfillCharged {
		return d.order(p, around.Method, policy)
	}
	what := policy.NewCustomers
	if around.FirstRun {
		what = BaselineHistory
	}
	switch what {
	case MirrorHistory:
		return d.create(p, around.Method, policy, Create, Capture)
	case BaselineHistory:
		d.Next = Baseline
		return d.skip(IsBaseline)
	default:
		return d.park(FirstSeenCharged, "it was already Charged when its customer was first read")
	}
}

func (d Decision) created(p preauth.Preauthorization, rec Record) Decision {
	switch p.State {
	case preauth.Chargeable:
		if !p.Active {
			return d.release(rec.Phase != Released)
		}
		d.Next = Created
		if differs(p, rec) {
			return d.amountChanged(p, rec)
		}
		return d.skip(InStep)
	case preauth.Charged:
		d.Next = Created
		if differs(p, rec) {
			return d.amountChanged(p, rec)
		}
		d.Actions = []ActionKind{Capture}
		return d
	case preauth.Pending, preauth.Failed:
		return d.skip(Waiting)
	case preauth.Cancelled, preauth.Expired:
		return d.release(rec.Phase != Released)
	default:
		return d.unknownState(p)
	}
}

func (d Decision) captured(p preauth.Preauthorization, rec Record) Decision {
	switch p.State {
	case preauth.Charged:
		if differs(p, rec) {
			return d.amountChanged(p, rec)
		}
		return d.skip(IsCaptured)
	case preauth.Chargeable, preauth.Cancelled, preauth.Expired:
		return d.park(StateRegressed, "v4 has captured it and the PMS now says "+describe(p))
	default:
		return d.skip(IsCaptured)
	}
}

func (d Decision) baseline(p preauth.Preauthorization, m Method, policy Policy) Decision {
	switch p.State {
	case preauth.Chargeable:
		if !p.Active {
			return d.skip(IsBaseline)
		}
		return d.park(StateRegressed, "it was Charged before the first run and the PMS now says "+describe(p))
	case preauth.Charged:
		if policy.BackfillCharged {
			return d.order(p, m, policy)
		}
		return d.skip(IsBaseline)
	default:
		return d.skip(IsBaseline)
	}
}

// adopted differs from created in one cell: what is charged may have been
// captured already.
func (d Decision) adopted(p preauth.Preauthorization, rec Record) Decision {
	if p.State == preauth.Charged {
		return d.park(UnknownCapture, fmt.Sprintf(
			"identity %d was found on v4 without its history here: look there whether it has been captured", rec.Identity))
	}
	return d.created(p, rec)
}

// order creates and captures what an operator has ordered to be mirrored.
func (d Decision) order(p preauth.Preauthorization, m Method, policy Policy) Decision {
	d = d.create(p, m, policy, Create, Capture)
	d.Ordered = len(d.Actions) > 0
	return d
}

// create checks the preconditions of a create, in the contract's order.
func (d Decision) create(p preauth.Preauthorization, m Method, policy Policy, actions ...ActionKind) Decision {
	if policy.CaptureOnly {
		return d.skip(IsCaptureOnly)
	}
	if policy.StopCreates {
		return d.skip(CreatesStopped)
	}
	if fault := amountFault(p); fault != "" {
		return d.park(BadAmount, fault)
	}
	if p.Amount.Currency != policy.Currency {
		return d.park(CurrencyMismatch, fmt.Sprintf(
			"the amount is in %s and the property's tenant bills in %s", p.Amount.Currency, policy.Currency))
	}
	if m.Ask || m.Unread {
		return d.skip(MethodUnread) // nobody has been asked yet: no method is not autopay
	}
	if m.Missing != "" {
		return d.park(NoPaymentMethod, m.Missing)
	}
	if d.Next == Released {
		d.Next = None
	}
	d.Actions = actions
	return d
}

// amountFault says why an amount cannot be held, or gives "".
func amountFault(p preauth.Preauthorization) string {
	if p.AmountFault != "" {
		return p.AmountFault
	}
	if !p.Amount.Amount.IsPositive() {
		return fmt.Sprintf("the amount is %s, which is not above zero", p.Amount)
	}
	most, known := preauth.MinorUnits(p.Amount.Currency)
	if known && p.Amount.Decimals() > most {
		return fmt.Sprintf("the amount is %s, and %s has %d decimals", p.Amount, p.Amount.Currency, most)
	}
	return ""
}

func differs(p preauth.Preauthorization, rec Record) bool {
	return p.AmountFault != "" || !p.Amount.Equal(rec.Amount)
}

func (d Decision) amountChanged(p preauth.Preauthorization, rec Record) Decision {
	now := p.Amount.String()
	if p.AmountFault != "" {
		now = "an amount that cannot be used (" + p.AmountFault + ")"
	}
	return d.park(AmountChanged, fmt.Sprintf("v4 holds %s and the PMS now says %s", rec.Amount, now))
}

func (d Decision) unknownState(p preauth.Preauthorization) Decision {
	return d.park(UnknownState, fmt.Sprintf("the PMS says %q, a state this version does not know", p.StateText))
}

func (d Decision) park(why Reason, detail string) Decision {
	d.Park, d.Detail, d.Why = why, detail, IsParked
	return d
}

func (d Decision) skip(why Why) Decision {
	d.Why = why
	return d
}

func (d Decision) release(orphaned bool) Decision {
	d.Next, d.Orphaned, d.Why = Released, orphaned, IsReleased
	return d
}

func describe(p preauth.Preauthorization) string {
	if p.State == preauth.Chargeable && !p.Active {
		return "Chargeable and not active"
	}
	return p.State.String()
}
