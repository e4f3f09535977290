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
	// lacking is set when v4 does not hold the record's identity, stranger when that
	// hold carries the token of another record.
	lacking, stranger bool
}

// compareSink compares the ledger with v4.
func (s subject) compareSink() []Finding {
	var found []Finding
	add := func(kind Kind, identity int64, format string, args ...any) {
		found = append(found, Finding{Kind: kind, Identity: identity, Detail: fmt.Sprintf(format, args...) + s.parked()})
	}
	rec, own := s.record, s.own()
	if s.lacking {
		add(Missing, rec.Identity, "the ledger has identity %d, %s, as %s, and v4 does not have it", rec.Identity, rec.Amount, rec.Phase)
	}
	if own != nil {
		if !own.Amount.Equal(rec.Amount.Amount) {
			add(AmountDiffers, own.Identity, "the ledger says that v4 holds %s under identity %d, and v4 says %s",
				rec.Amount, own.Identity, own.in(rec.Amount.Currency))
		}
		if rec.PaymentMethodID != 0 && own.Method != 0 && own.Method != rec.PaymentMethodID {
			add(MethodDiffers, own.Identity, "the ledger says that identity %d is on payment method %d, and v4 says %d",
				own.Identity, rec.PaymentMethodID, own.Method)
		}
		if s.stranger {
			add(TokenDiffers, own.Identity, "identity %d, %s, carries the token of preauthorization %s",
				own.Identity, own.in(rec.Amount.Currency), own.Token)
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
func (s subject) compareSource(p property) (found []Finding, answered bool) {
	shown := s.polled.preauthorization(s.id)
	rec := s.record
	if !s.known {
		rec = plan.Record{ID: s.id, Enterprise: p.enterprise, CustomerID: shown.CustomerID}
	}
	around := plan.Context{ReadBefore: s.polled.ReadBefore, FirstRun: p.firstRun, Method: p.Methods.Find(shown)}
	d := plan.Decide(shown, rec, around, p.Policy)
	kind, detail := s.differs(shown, d)
	if kind == "" {
		return nil, false
	}
	if s.isAnswered(plan.Observe(shown)) && len(d.Actions) == 0 {
		return nil, true
	}
	return []Finding{{Kind: kind, Identity: rec.Identity, Detail: detail + s.next(d)}}, false
}

// differs says in what the PMS and v4, as the ledger knows it, differ.
func (s subject) differs(p preauth.Preauthorization, d plan.Decision) (Kind, string) {
	rec, said := s.record, says(p)
	live := p.State == preauth.Charged || p.State == preauth.Chargeable && p.Active
	nothing := rec.Identity == 0 && rec.Phase != plan.Captured
	switch {
	case d.Why == plan.IsBaseline, p.State == preauth.Pending, p.State == preauth.Failed:
		return "", ""
	case p.State == preauth.Unknown && d.Why == plan.IsCaptured:
		return "", ""
	case p.State == preauth.Unknown:
		return Undecided, fmt.Sprintf("%s, a state that this version does not know", said)
	case nothing && (!live || len(s.holds) > 0):
		return "", "" // nobody wants it, or v4 has it and that is told
	case nothing:
		return Missing, fmt.Sprintf("%s, and no hold on v4 is known for it", said)
	case !live:
		return Orphaned, fmt.Sprintf("%s, and v4 %s", said, s.has())
	case p.State == preauth.Chargeable && rec.Phase == plan.Captured:
		return Orphaned, fmt.Sprintf("%s, and v4 %s", said, s.has())
	case p.AmountFault != "" || !p.Amount.Equal(rec.Amount):
		return AmountDiffers, fmt.Sprintf("%s, and v4 %s", said, s.has())
	case p.State == preauth.Charged && rec.Phase != plan.Captured:
		return Uncaptured, fmt.Sprintf("%s, and v4 %s", said, s.has())
	default:
		return "", ""
	}
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

// next says what the next cycle makes of it.
func (s subject) next(d plan.Decision) string {
	switch {
	case d.Park != "" && s.record.Park == nil:
		return fmt.Sprintf("; the next cycle parks it as %s: %s", d.Park, d.Detail)
	case s.record.Park != nil:
		return s.parked()
	case d.Why == plan.CreatesStopped:
		return "; creates are stopped, because a file of its property cannot be used"
	case len(d.Actions) == 2:
		return "; the next cycle creates and captures it"
	case len(d.Actions) == 1 && d.Actions[0] == plan.Create:
		return "; the next cycle creates it"
	case len(d.Actions) == 1:
		return "; the next cycle captures it"
	default:
		return ""
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

// has says what v4 has by the ledger.
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
	return fmt.Sprintf("holds %s under identity %d and %s", rec.Amount, rec.Identity, captured)
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

// says gives what the PMS says.
func says(p preauth.Preauthorization) string {
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
