package audit

import (
	"fmt"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// subject is one preauthorization and everything that is known of it.
type subject struct {
	shown

	// record is the ledger's; known tells whether there is one.
	record plan.Record
	known  bool
	// lacking is set when v4 does not hold the record's identity.
	lacking bool
	// stranger says whose token that hold carries, when it is not its own.
	stranger string
	// said is what the PMS says, nil when that is not known.
	said *said
	// observed is the report's entry, which says nothing unless the program observes.
	observed plan.Observed
}

// said is what the PMS says, and what the next cycle makes of it.
type said struct {
	preauth.Preauthorization

	decided plan.Decision
	// halted is the property's, older the ledger's, observing the program's.
	halted           string
	older, observing bool
}

// compareSink compares the ledger with v4.
func (s subject) compareSink() []Finding {
	var found []Finding
	add := func(kind Kind, identity int64, format string, args ...any) {
		found = append(found, Finding{Kind: kind, Identity: identity, Detail: fmt.Sprintf(format, args...) + s.parked()})
	}
	rec, own := s.record, s.own()
	if s.lacking && !s.letGo() {
		add(Missing, rec.Identity, "the ledger has identity %d, %s, as %s, and v4 does not have it%s",
			rec.Identity, rec.Amount, rec.Phase, s.alsoSaid())
	}
	if own != nil {
		if s.ownDiffers() {
			add(AmountDiffers, own.Identity, "the ledger says that v4 holds %s under identity %d, and v4 says %s%s",
				rec.Amount, own.Identity, own.in(rec.Amount.Currency), s.alsoSaid())
		}
		if rec.PaymentMethodID != 0 && own.Method != 0 && own.Method != rec.PaymentMethodID {
			add(MethodDiffers, own.Identity, "the ledger says that identity %d is on payment method %d, and v4 says %d",
				own.Identity, rec.PaymentMethodID, own.Method)
		}
		if s.stranger != "" {
			add(TokenDiffers, own.Identity, "identity %d, %s, carries %s", own.Identity, own.in(rec.Amount.Currency), s.stranger)
		}
	}
	first := rec.Identity
	for _, hold := range s.holds {
		switch {
		case own != nil && hold.Identity == own.Identity:
		case first == 0:
			first = hold.Identity
			add(Unknown, hold.Identity, "v4 holds %s under identity %d with its Id as the token, and %s",
				s.money(hold), hold.Identity, s.ledgerSays())
		case !s.known && s.polled == nil: // whose token that is nobody knows
			add(Unknown, hold.Identity, "v4 holds %s under identity %d with the same token as identity %d, and %s",
				s.money(hold), hold.Identity, first, s.ledgerSays())
		default:
			add(Duplicate, hold.Identity, "v4 holds %s under identity %d with the same token as identity %d",
				s.money(hold), hold.Identity, first)
		}
	}
	if s.count > len(s.holds) {
		add(Duplicate, 0, "its token is on %d more identities", s.count-len(s.holds))
	}
	return found
}

// compareSource compares the ledger with what the PMS says. It tells whether they
// differ in what an operator has answered.
func (s subject) compareSource() (found []Finding, answered bool) {
	kind, detail := s.differs()
	if kind == "" {
		return nil, false
	}
	if s.isAnswered(plan.Observe(s.said.Preauthorization)) && len(s.said.decided.Actions) == 0 {
		return nil, true
	}
	return []Finding{{Kind: kind, Identity: s.record.Identity, Detail: detail + s.next(), Due: s.due()}}, false
}

// differs says in what the PMS and v4 differ. What v4 does not show is as the ledger
// knows it; what v4 shows otherwise than the ledger knows it has been told.
func (s subject) differs() (Kind, string) {
	p, rec, why, says := s.said, s.record, s.said.decided.Why, s.said.says()
	live := p.live()
	nothing := rec.Identity == 0 && rec.Phase != plan.Captured
	switch {
	case why == plan.IsBaseline, p.State == preauth.Pending, p.State == preauth.Failed:
		return "", ""
	case p.State == preauth.Unknown && why == plan.IsCaptured:
		return "", ""
	case p.State == preauth.Unknown:
		return Undecided, fmt.Sprintf("%s, a state that this version does not know", says)
	case nothing && (!live || len(s.holds) > 0):
		return "", "" // nobody wants it, or v4 has it and that is told
	case nothing:
		return Missing, fmt.Sprintf("%s, and no hold on v4 is known for it", says)
	case s.lacking:
		return "", ""
	case !live:
		return Orphaned, fmt.Sprintf("%s, and v4 %s", says, s.has())
	case p.State == preauth.Chargeable && rec.Phase == plan.Captured:
		return Orphaned, fmt.Sprintf("%s, and v4 %s", says, s.has())
	case p.AmountFault != "" || !p.Amount.Equal(rec.Amount):
		if s.ownDiffers() {
			return "", ""
		}
		return AmountDiffers, fmt.Sprintf("%s, and v4 %s", says, s.has())
	case p.State == preauth.Charged && rec.Phase != plan.Captured:
		return Uncaptured, fmt.Sprintf("%s, and v4 %s", says, s.has())
	default:
		return "", ""
	}
}

// ownDiffers tells whether v4 shows another amount than the ledger says it holds.
func (s subject) ownDiffers() bool {
	own := s.own()
	return own != nil && !own.Amount.Equal(s.record.Amount.Amount)
}

// letGo tells whether v4 need not hold it any longer: the PMS has released it, or an
// operator has answered that it is to be let go.
func (s subject) letGo() bool {
	return s.record.Phase == plan.Released &&
		(s.said == nil || !s.said.live() || s.isAnswered(plan.Observe(s.said.Preauthorization)))
}

// unseen is a hold whose customer's complete reply does not show it.
func (s subject) unseen() Finding {
	return Finding{
		Kind: Orphaned, Identity: s.record.Identity,
		Detail: fmt.Sprintf("v4 %s, and the PMS does not show it among its customer's", s.has()) + s.parked(),
	}
}

// isAnswered tells whether an operator has answered this very observation.
func (s subject) isAnswered(seen plan.Observation) bool {
	return s.record.Answered != nil && s.record.Answered.Equal(seen)
}

// due tells whether the next cycle sends something for it.
func (s subject) due() bool {
	return len(s.said.decided.Actions) > 0 && s.said.halted == "" && !s.said.older
}

// next says what the next cycle makes of it, and nothing that is not known.
func (s subject) next() string {
	d := s.said.decided
	switch {
	case s.record.Park != nil && len(d.Actions) == 0:
		return s.parked()
	case s.said.older && (d.Park != "" || len(d.Actions) > 0):
		return s.parked() + "; the state file is older than the world: `preauth-sync plan` says what the next cycle makes of it"
	case s.said.observing:
		return s.parked() + "; " + s.said.halted
	case d.Park != "":
		return fmt.Sprintf("; the next cycle parks it as %s: %s", d.Park, d.Detail)
	case d.Why == plan.CreatesStopped:
		return "; creates are stopped, because a file of its property cannot be used"
	case d.Why == plan.IsCaptureOnly:
		return "; mirror.mode is capture_only, so nothing is created"
	case len(d.Actions) == 0:
		return ""
	case s.said.halted != "":
		return s.parked() + "; " + s.said.halted
	case len(d.Actions) == 2:
		return s.parked() + "; the next cycle creates and captures it"
	case d.Actions[0] == plan.Create:
		return s.parked() + "; the next cycle creates it"
	default:
		return s.parked() + "; the next cycle captures it"
	}
}

// parked says why the record is, or gives "".
func (s subject) parked() string {
	park := s.record.Park
	if park == nil {
		return ""
	}
	return fmt.Sprintf("; parked as %s since %s: %s", park.Reason, park.Since.UTC().Format(time.RFC3339), park.Detail)
}

// has says what v4 has, by its own word where that was heard. What is captured is the
// ledger's word.
func (s subject) has() string {
	rec, captured := s.record, "has not captured it"
	switch {
	case rec.Phase == plan.Captured:
		captured = "has captured it"
	case rec.Unsure, rec.Phase == plan.Capturing, rec.Sends > 0:
		captured = "may have captured it"
	}
	if rec.Identity == 0 {
		return fmt.Sprintf("or somebody else has collected %s, as an operator has said", rec.Amount)
	}
	amount := rec.Amount
	if own := s.own(); own != nil {
		amount = own.in(amount.Currency)
	}
	return fmt.Sprintf("holds %s under identity %d and %s", amount, rec.Identity, captured)
}

func (s subject) ledgerSays() string {
	switch {
	case !s.known && s.polled == nil:
		return "neither the ledger nor the PMS knows of it"
	case !s.known:
		return "the ledger knows nothing of it"
	default:
		return fmt.Sprintf("the ledger, where it is %s, does not know", s.record.Phase)
	}
}

// money gives a hold's amount, in the currency of what the PMS says where it does: v4
// has none.
func (s subject) money(h held) preauth.Money {
	currency := s.record.AtStake().Currency
	if s.polled != nil {
		currency = s.polled.Currency
	}
	return h.in(currency)
}

func (h held) in(currency string) preauth.Money {
	return preauth.Money{Amount: h.Amount, Currency: currency}
}

// alsoSaid adds what the PMS says to what the ledger and v4 do.
func (s subject) alsoSaid() string {
	if s.said == nil {
		return ""
	}
	return "; " + s.said.says()
}

// live tells whether v4 must hold it, or have captured it.
func (p said) live() bool {
	return p.State == preauth.Charged || p.State == preauth.Chargeable && p.Active
}

// says gives what the PMS says.
func (p said) says() string {
	state := p.State.String()
	if p.State == preauth.Unknown {
		state = fmt.Sprintf("%.64q", p.StateText)
	}
	if !p.Active {
		state += " (not active)"
	}
	if p.AmountFault != "" {
		return fmt.Sprintf("the PMS says %s, %s", state, p.AmountFault)
	}
	return fmt.Sprintf("the PMS says %s, %s", state, p.Amount)
}
