package app

import (
	"fmt"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// byHand are the steps, in their order, of what only a person can do about another
// amount than v4 holds: v4 changes no hold, and captures it in full or not at all.
func byHand(rec plan.Record) []string {
	if rec.Park == nil || rec.Park.Reason != plan.AmountChanged {
		return nil
	}
	held, says := rec.Amount.String(), rec.Seen.Amount.String()
	switch {
	case rec.Seen.AmountFault != "":
		return []string{fmt.Sprintf("the PMS names no amount that can be used (%s): have it corrected there, and the mark lifts by itself", rec.Seen.AmountFault)}
	case rec.Phase == plan.Captured:
		return []string{
			fmt.Sprintf("v4 has captured %s, and the PMS now says %s: have it corrected there if the PMS is wrong, and the mark lifts by itself", held, says),
			settling(rec),
			answering(rec),
		}
	case rec.Seen.State != preauth.Charged:
		return []string{
			fmt.Sprintf("nothing is due yet: the PMS has not charged it. If %s is wrong, have it corrected there: at %s the mark lifts by itself", says, held),
			fmt.Sprintf("if it is right, wait for the charge: one of %s is captured by itself, and for any other this page then says what to do", held),
		}
	}
	return []string{
		fmt.Sprintf("ask the hotel whether %s is what it charged. If not, have it corrected in the PMS: at %s the hold is captured by itself", says, held),
		collecting(rec),
		fmt.Sprintf("book the payment of %s on the guest's account in v4, where that has not been done by itself", says),
		answering(rec),
		"where nothing is to be collected after all, let the hold go at the gateway, and say --as released in its place",
	}
}

// settling is about what v4 has captured at another amount.
func settling(rec plan.Record) string {
	difference, known := difference(rec)
	switch {
	case !known:
		return "if the PMS is right, settle the difference with the guest, and book that"
	case difference.Amount.IsNegative():
		difference.Amount = difference.Amount.Neg()
		return fmt.Sprintf("if the PMS is right, refund %s to the guest at the gateway or in v4, and book that", difference)
	default:
		return fmt.Sprintf("if the PMS is right, collect the missing %s by a payment of its own, and book that", difference)
	}
}

// collecting is about what the PMS has charged at another amount than v4 holds.
func collecting(rec plan.Record) string {
	difference, known := difference(rec)
	anew := fmt.Sprintf("else let the hold go there, and charge the card %s anew", rec.Seen.Amount)
	switch {
	case !known:
		return fmt.Sprintf("identity %d holds another currency: let it go at the gateway, and charge the card %s anew", rec.Identity, rec.Seen.Amount)
	case difference.Amount.IsNegative():
		return fmt.Sprintf("v4 would capture all %s of identity %d: capture %s of it at the gateway, if that can capture a part; %s",
			rec.Amount, rec.Identity, rec.Seen.Amount, anew)
	default:
		return fmt.Sprintf("v4 would capture no more than the %s of identity %d: capture that at the gateway, and collect the missing %s by a payment of its own; %s",
			rec.Amount, rec.Identity, difference, anew)
	}
}

func answering(rec plan.Record) string {
	return fmt.Sprintf("say so, with where the payment is to be found: preauth-sync parked resolve %s --as captured --note TEXT", rec.ID)
}

// difference is what the PMS says now less what v4 holds, or false where the two
// cannot be compared.
func difference(rec plan.Record) (preauth.Money, bool) {
	if rec.Identity == 0 || rec.Seen.AmountFault != "" || rec.Seen.Amount.Currency != rec.Amount.Currency {
		return preauth.Money{}, false
	}
	return preauth.Money{Amount: rec.Seen.Amount.Amount.Sub(rec.Amount.Amount), Currency: rec.Amount.Currency}, true
}
