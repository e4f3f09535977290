package v4

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
)

// maxRetryAfter is the longest that a 429 can make writes wait.
const maxRetryAfter = 10 * time.Minute

// reply is a reply to a write, and what it takes to judge it.
type reply struct {
	operation string
	result    httpx.WriteResult
	now       time.Time
	secrets   []httpx.Secret
}

// classify judges a reply to a write; applied judges the body of a 2xx reply,
// which is one complete JSON object without errors.
//
//	status               body                         outcome
//	2xx                  complete object, no errors   applied, or what applied says
//	401                  any                          unauthorized
//	429                  any                          throttled
//	408, 425             any                          unknown
//	other 4xx            complete object with errors  refused
//	everything else                                   unknown
//
// `type: "create"` stands in failures too (vendor's docs), so it says nothing.
func classify(r reply, applied func(object) (preauth.Hold, error)) preauth.Outcome {
	status := r.result.Status
	body, bodyErr := r.object()
	out := preauth.Outcome{Status: status, TrackingID: trackingID(r.result.Header, body, r.secrets)}
	var errs []preauth.APIError
	if body.hasErrors() {
		var err error
		if errs, err = body.apiErrors(r.secrets); err != nil && bodyErr == nil {
			bodyErr = err
		}
		out.Errors = few(errs)
	}
	switch {
	case status == http.StatusUnauthorized:
		out.Kind = preauth.OutcomeUnauthorized
		out.Err = r.errorf("the login is not accepted: HTTP 401")
	case status == http.StatusTooManyRequests:
		out.Kind, out.RetryAfter = preauth.OutcomeThrottled, r.retryAfter()
		out.Err = r.errorf("too many requests: HTTP 429")
	case status >= 200 && status <= 299:
		return r.success(out, body, bodyErr, applied)
	case refusable(status) && bodyErr == nil && len(errs) > 0:
		out.Kind = preauth.OutcomeRefused
		out.Err = &preauth.SinkRefusal{
			Operation: r.operation, Status: status, TrackingID: out.TrackingID, Errors: out.Errors,
		}
	case bodyErr != nil:
		out.Err = r.errorf("the outcome is unknown: HTTP %d, and %w", status, bodyErr)
	default:
		out.Err = r.errorf("the outcome is unknown: HTTP %d", status)
	}
	return out
}

// success judges a 2xx reply.
func (r reply) success(out preauth.Outcome, body object, bodyErr error,
	applied func(object) (preauth.Hold, error),
) preauth.Outcome {
	var err error
	switch {
	case body.hasErrors():
		err = errors.New("errors stand beside the success")
	case bodyErr != nil:
		err = bodyErr
	default:
		if out.Hold, err = applied(body); err == nil {
			out.Kind = preauth.OutcomeApplied
			return out
		}
	}
	out.Hold = preauth.Hold{}
	out.Err = r.errorf("the outcome is unknown: HTTP %d, but %w", out.Status, err)
	return out
}

// refusable tells whether a status can carry a refusal.
func refusable(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	default:
		return status >= 400 && status <= 499
	}
}

// object gives the body of a complete reply.
func (r reply) object() (object, error) {
	if !r.result.BodyComplete {
		return nil, fmt.Errorf("the reply is not complete: %w", r.result.BodyErr)
	}
	return parseObject(r.result.Body)
}

// empty tells whether the reply is complete and has no body.
func (r reply) empty() bool {
	return r.result.BodyComplete && len(bytes.TrimSpace(r.result.Body)) == 0
}

func (r reply) errorf(format string, args ...any) error {
	return httpx.RedactError(fmt.Errorf("v4 "+r.operation+": "+format, args...), r.secrets...)
}

// retryAfter is 0 when the reply does not say. A date counts from the reply's
// own Date, so that a wrong clock here does no harm.
func (r reply) retryAfter() time.Duration {
	now := r.now
	if date, err := http.ParseTime(r.result.Header.Get("Date")); err == nil {
		now = date
	}
	wait, ok := httpx.ParseRetryAfter(r.result.Header.Get("Retry-After"), now)
	if !ok {
		return 0
	}
	return min(wait, maxRetryAfter)
}

// classifyCreate judges a reply to a create of the given amount.
func classifyCreate(r reply, amount decimal.Decimal) preauth.Outcome {
	return classify(r, func(body object) (preauth.Hold, error) { return createdHold(body, amount) })
}

// createdHold finds the object that a create made, in either of the envelopes:
// results.items[0] is the object itself (seed) or {identity, action, instance}
// (vendor's newer docs).
func createdHold(body object, amount decimal.Decimal) (preauth.Hold, error) {
	item, err := onlyItem(body)
	if err != nil {
		return preauth.Hold{}, err
	}
	if item.wraps() {
		if item, err = unwrap(item); err != nil {
			return preauth.Hold{}, err
		}
	}
	return createdItem(item, amount)
}

// onlyItem gives results.items[0], of which there must be no other.
func onlyItem(body object) (object, error) {
	results, err := body.object("results")
	if err != nil {
		return nil, err
	}
	items, err := results.array("items")
	if err != nil {
		return nil, err
	}
	if len(items) != 1 {
		return nil, fmt.Errorf("the reply has %d items, not one", len(items))
	}
	item, err := split(items[0])
	if err != nil {
		return nil, errors.New("its item is not a usable object")
	}
	return item, nil
}

// wraps tells whether an item is an envelope.
func (o object) wraps() bool {
	_, wrapped := o.get("instance")
	return wrapped
}

// unwrap gives an envelope's instance, with the identity that both must agree on.
func unwrap(envelope object) (object, error) {
	instance, err := envelope.object("instance")
	if err != nil {
		return nil, err
	}
	outer, hasOuter, err := envelope.integer("identity")
	if err != nil {
		return nil, err
	}
	inner, hasInner, err := instance.integer("identity")
	if err != nil {
		return nil, err
	}
	if hasOuter && hasInner && outer != inner {
		return nil, errors.New("its item has two identities")
	}
	if hasOuter && !hasInner {
		identity := envelope[envelope.index([]byte("identity"))]
		return append(object{identity}, instance...), nil // before one that is null
	}
	return instance, nil
}

// createdItem reads what a create made. The identity proves it; another amount
// would mean that the reply tells of something else. Another token does not: v4
// may put the gateway's in its place. What else is there does not matter here, and
// need not be usable.
func createdItem(item object, amount decimal.Decimal) (preauth.Hold, error) {
	identity, err := item.identity()
	if err != nil {
		return preauth.Hold{}, err
	}
	found, there, err := item.amount("amount")
	if err != nil {
		return preauth.Hold{}, err
	}
	if there && !found.Equal(amount) {
		return preauth.Hold{}, fmt.Errorf("its amount is %s and not the %s asked for", found, amount)
	}
	hold := preauth.Hold{Identity: identity, Amount: found}
	if method, _, err := item.integer("paymentMethodId"); err == nil {
		hold.PaymentMethodID = method
	}
	if user, _, err := item.integer("createdByUserId"); err == nil {
		hold.CreatedByUserID = user
	}
	if token, err := item.text("transactionToken"); err == nil {
		hold.Token = normalizeToken(token)
	}
	return hold, nil
}

// captureRules is what the configuration says about replies to captures.
type captureRules struct {
	emptySucceeds bool
	alreadyCodes  []int64
}

// classifyCapture judges a reply to a capture, whose form is documented nowhere:
// any complete object without errors will do.
func classifyCapture(r reply, rules captureRules) preauth.Outcome {
	status := r.result.Status
	if rules.emptySucceeds && status >= 200 && status <= 299 && r.empty() {
		return preauth.Outcome{
			Kind: preauth.OutcomeApplied, Status: status,
			TrackingID: trackingID(r.result.Header, nil, r.secrets),
		}
	}
	out := classify(r, func(object) (preauth.Hold, error) { return preauth.Hold{}, nil })
	if out.Kind == preauth.OutcomeRefused && r.alreadyCaptured(rules.alreadyCodes) {
		out.Kind, out.Err = preauth.OutcomeApplied, nil
	}
	return out
}

// alreadyCaptured tells whether a refusal names only codes that the operator has
// listed as "captured before", and at least one.
func (r reply) alreadyCaptured(codes []int64) bool {
	body, err := r.object()
	if err != nil {
		return false
	}
	errs, err := body.apiErrors(nil) // all of them, not the few that are kept
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(errs, func(e preauth.APIError) bool { return !slices.Contains(codes, e.Code) })
}
