package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// wanted is a create's request.
type wanted struct {
	method *PaymentMethod
	amount decimal.Decimal
	token  string
	user   int64
}

// create holds an amount on a card [S]. Nothing here looks for a duplicate: v4
// documents no such thing.
func (w *World) create(c *call, commit bool) reply {
	body, err := members(c.body, "paymentMethodId", "amount", "transactionToken", "createdByUserId")
	if err != nil {
		w.violation("create: %s", err)
		return v4Refusal(c, http.StatusBadRequest, trouble{codeInvalidBody, err.Error()})
	}
	want, troubles := w.wants(c, body)
	if len(troubles) > 0 {
		return v4Refusal(c, http.StatusBadRequest, troubles...)
	}
	h := Hold{
		Identity: w.highest + 1, PaymentMethodID: want.method.Identity, Amount: want.amount,
		SentToken: want.token, Created: w.now().UTC(), CreatedByUserID: want.user,
	}
	w.tokenOf(&h)
	if !commit {
		return w.created(c, &hold{Hold: h, tenant: c.tenant})
	}
	added := w.addHold(c.tenant, h)
	w.took(EffectCreate, added)
	return w.created(c, added)
}

// wants reads a create's properties and lists everything that is wrong [D].
func (w *World) wants(c *call, body map[string]json.RawMessage) (wanted, []trouble) {
	var want wanted
	var wrong []trouble
	var ok bool
	if want.amount, ok = number(body["amount"]); !ok || !want.amount.IsPositive() {
		if !ok {
			w.violation("create: the amount is no JSON number")
		}
		wrong = append(wrong, trouble{codeInvalidValue, "the amount must be a number above zero"})
	}
	if raw := body["transactionToken"]; present(raw) {
		if want.token = text(raw); want.token == "" {
			w.violation("create: the transactionToken is empty or no string")
			wrong = append(wrong, trouble{codeInvalidValue, "the transactionToken must be a string"})
		}
	}
	want.user = c.tenant.UserID
	if raw := body["createdByUserId"]; present(raw) {
		if want.user, ok = whole(raw); !ok || want.user != c.tenant.UserID {
			wrong = append(wrong, trouble{codeInvalidValue, "the createdByUserId is no user's"})
		}
	}
	method, trouble := w.methodFor(c, body["paymentMethodId"])
	if trouble != nil {
		wrong = append(wrong, *trouble)
	}
	want.method = method
	return want, wrong
}

// methodFor gives the method named, or the AutoPay method when none is [S].
func (w *World) methodFor(c *call, raw json.RawMessage) (*PaymentMethod, *trouble) {
	if !present(raw) {
		var found *PaymentMethod
		for _, m := range w.methods {
			if m.Tenant == c.tenant.Name && m.AutoPay && !m.Inactive && (found == nil || m.Identity < found.Identity) {
				found = m
			}
		}
		if found == nil {
			return nil, &trouble{codeNoAutoPay, "no paymentMethodId, and no AutoPay payment method"}
		}
		return accepting(found)
	}
	identity, ok := whole(raw)
	if !ok {
		w.violation("create: the paymentMethodId is no whole number")
		return nil, &trouble{codeInvalidValue, "the paymentMethodId must be a whole number"}
	}
	m := w.methods[identity]
	if m == nil || m.Tenant != c.tenant.Name {
		return nil, &trouble{codeNoMethod, "the payment method does not exist"}
	}
	return accepting(m)
}

func accepting(m *PaymentMethod) (*PaymentMethod, *trouble) {
	if m.Inactive {
		return nil, &trouble{codeInactiveMethod, "the payment method is not active"}
	}
	if m.Declines {
		return nil, &trouble{codeDeclined, "the gateway declined the pre-authorization"}
	}
	return m, nil
}

// tokenOf gives a new hold the token that the policy says.
func (w *World) tokenOf(h *Hold) {
	h.Token = h.SentToken
	if w.settings.UpperCaseTokens {
		h.Token = strings.ToUpper(h.Token)
	}
	switch w.settings.TokenPolicy {
	case TokenOverwrite:
		h.Token = fmt.Sprintf("gw_%012x", random(w.seed, "gateway", strconv.FormatInt(h.Identity, 10)).Uint64()>>16)
	case TokenLate:
		h.HiddenUntil = h.Created.Add(w.settings.TokenDelay)
	case TokenLateToken:
		h.TokenHiddenUntil = h.Created.Add(w.settings.TokenDelay)
	default:
	}
}

// created is the reply of a create, in either of its documented forms.
func (w *World) created(c *call, h *hold) reply {
	return reply{status: http.StatusOK, body: w.resultsOf(c, h, w.settings.CreateReply)}
}

func (w *World) resultsOf(c *call, h *hold, form string) []byte {
	b := appendText([]byte(`{"trackingId":`), c.requestID)
	b = appendText(append(b, `,"type":`...), c.op.name)
	b = append(b, `,"results":{"totalCount":1,"items":[`...)
	if form == ReplyInstance {
		b = strconv.AppendInt(append(b, `{"identity":`...), h.Identity, 10)
		b = appendText(append(b, `,"action":`...), c.op.name)
		b = append(w.appendHold(append(b, `,"instance":`...), h), '}')
	} else {
		b = w.appendHold(b, h)
	}
	return append(b, "]}}"...)
}

// capture makes the payment of a hold. Neither its body nor its reply is
// documented [I]; a second one is refused unless the settings let it charge twice.
func (w *World) capture(c *call, commit bool) reply {
	field := w.settings.CaptureField
	body, err := members(c.body, field)
	if err != nil {
		w.violation("capture: %s", err)
		return v4Refusal(c, http.StatusBadRequest, trouble{codeInvalidBody, err.Error()})
	}
	identity, ok := whole(body[field])
	if !ok {
		w.violation("capture: the %s is no whole number", field)
		return v4Refusal(c, http.StatusBadRequest, trouble{codeInvalidValue, "the " + field + " must be a whole number"})
	}
	h := w.holds[identity]
	if h == nil || h.tenant != c.tenant {
		return v4Refusal(c, http.StatusBadRequest, trouble{codeNotFound, "the pre-authorization does not exist"})
	}
	if h.Captures > 0 && !w.settings.AllowDoubleCapture {
		refusal := trouble{w.settings.AlreadyCapturedCode, "the pre-authorization has already been captured"}
		return v4Refusal(c, http.StatusBadRequest, refusal)
	}
	if commit {
		h.Captures++
		w.took(EffectCapture, h)
	}
	switch w.settings.CaptureReply {
	case ReplyEmpty:
		return reply{status: http.StatusOK}
	case ReplyObject:
		return reply{status: http.StatusOK, body: w.resultsOf(c, h, ReplyObject)}
	default:
		return w.instance(c, h)
	}
}

// instance is the reply that shows one object [S].
func (w *World) instance(c *call, h *hold) reply {
	b := appendText([]byte(`{"trackingId":`), c.requestID)
	b = w.appendHold(append(b, `,"instance":`...), h)
	return reply{status: http.StatusOK, body: append(b, '}')}
}

// appendHold appends the object in the order of the published example [S].
func (w *World) appendHold(b []byte, h *hold) []byte {
	b = strconv.AppendInt(append(b, `{"identity":`...), h.Identity, 10)
	b = strconv.AppendInt(append(b, `,"paymentMethodId":`...), h.PaymentMethodID, 10)
	b = appendTextOrNull(append(b, `,"paymentMethodName":`...), w.methodName(h.PaymentMethodID))
	b = append(append(b, `,"amount":`...), h.Amount.String()...)
	b = appendTextOrNull(append(b, `,"transactionToken":`...), w.tokenShown(h))
	b = appendText(append(b, `,"created":`...), stamp(h.Created))
	b = strconv.AppendInt(append(b, `,"createdByUserId":`...), h.CreatedByUserID, 10)
	return append(appendText(append(b, `,"createdByUserName":`...), h.tenant.Username), '}')
}

func (w *World) methodName(identity int64) string {
	if m := w.methods[identity]; m != nil {
		return m.Name
	}
	return ""
}

// tokenShown is the token as of now.
func (w *World) tokenShown(h *hold) string {
	if w.now().Before(h.TokenHiddenUntil) {
		return ""
	}
	return h.Token
}

// stamp is v4's form of a time [S].
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
