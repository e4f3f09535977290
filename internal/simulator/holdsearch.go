package simulator

import (
	"iter"
	"slices"

	"github.com/shopspring/decimal"
)

// holdCompared says how the published properties of a pre-authorization are
// compared [S].
func holdCompared(name string) comparison {
	switch name {
	case "identity", "paymentMethodId", "amount", "createdByUserId":
		return asNumber
	case "paymentMethodName", "transactionToken", "created", "createdByUserName":
		return asText
	default:
		return asNothing
	}
}

// search finds pre-authorizations [S].
func (w *World) search(c *call, _ bool) reply {
	return search(w, c, holdCompared, func(filters []filter) iter.Seq[*hold] {
		return w.visible(c.tenant.narrow(filters))
	}, w.appendHold)
}

// visible leaves out what reads do not show yet.
func (w *World) visible(holds []*hold) iter.Seq[*hold] {
	now := w.now()
	return func(yield func(*hold) bool) {
		for _, h := range holds {
			if !now.Before(h.HiddenUntil) && !yield(h) {
				return
			}
		}
	}
}

// narrow does not look at every hold when an identity or a token narrows them down.
func (t *tenant) narrow(filters []filter) []*hold {
	if token, named := equal("transactionToken", filters); named {
		return t.byToken[token]
	}
	if identity, named := above(filters); named {
		from, _ := slices.BinarySearchFunc(t.holds, identity, byIdentity)
		return t.holds[from:]
	}
	return t.holds
}

func (h *hold) numberOf(name string) decimal.Decimal {
	switch name {
	case "identity":
		return decimal.NewFromInt(h.Identity)
	case "paymentMethodId":
		return decimal.NewFromInt(h.PaymentMethodID)
	case "createdByUserId":
		return decimal.NewFromInt(h.CreatedByUserID)
	default:
		return h.Amount
	}
}

func (h *hold) textOf(w *World, name string) string {
	switch name {
	case "paymentMethodName":
		return w.methodName(h.PaymentMethodID)
	case "transactionToken":
		return w.tokenShown(h)
	case "created":
		return stamp(h.Created)
	default:
		return h.tenant.Username
	}
}
