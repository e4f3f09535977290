package preauth

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Hold is a PaymentPreAuthorize of the v4 API: what the billing platform says
// it holds on a card. It has no status, no captured flag and no currency.
type Hold struct {
	// Identity is v4's number for it, always positive.
	Identity int64
	// PaymentMethodID is 0 when the reply names none.
	PaymentMethodID int64
	// Amount carries no currency: v4 has none.
	Amount decimal.Decimal
	// Token is the transactionToken; a UUID-form one is given in lower case.
	Token string
	// CreatedByUserID is 0 when the reply names none.
	CreatedByUserID int64
}

// CreateRequest is everything a create sends. It is built from a durable intent.
type CreateRequest struct {
	// PaymentMethodID of 0 leaves the field out: v4 then uses the AutoPay method.
	PaymentMethodID int64
	Amount          decimal.Decimal
	// Token is left out when empty.
	Token string
	// CreatedByUserID is left out when 0.
	CreatedByUserID int64
}

// OutcomeKind says what is known about a write after it was tried.
type OutcomeKind uint8

// The kinds of outcome. Only Applied and Refused settle a write; NotSent,
// Throttled and Unauthorized allow it to be sent again; Unknown never does.
const (
	// OutcomeUnknown is everything not proven to be something else: time-out,
	// reset, 5xx, 408, 425, 4xx without errors, garbage.
	OutcomeUnknown OutcomeKind = iota
	// OutcomeApplied is a 2xx with the expected object and no errors.
	OutcomeApplied
	// OutcomeRefused is a 4xx with v4 errors, except 401, 408, 425 and 429.
	OutcomeRefused
	// OutcomeNotSent means it is proven that no complete request left.
	OutcomeNotSent
	// OutcomeThrottled is a 429.
	OutcomeThrottled
	// OutcomeUnauthorized is a 401.
	OutcomeUnauthorized
)

var outcomeNames = [...]string{"unknown", "applied", "refused", "not_sent", "throttled", "unauthorized"} //nolint:gochecknoglobals // a constant table

// String gives the word used in logs, metrics and the journal.
func (k OutcomeKind) String() string {
	if int(k) < len(outcomeNames) {
		return outcomeNames[k]
	}
	return outcomeNames[OutcomeUnknown]
}

// Outcome is what one send of a write came to.
type Outcome struct {
	Kind OutcomeKind
	// Hold is set for an applied create. For an applied capture it is empty.
	Hold Hold
	// Errors are v4's own, all of them, when it refused.
	Errors []APIError
	// TrackingID keys v4's request log; empty when the reply had none.
	TrackingID string
	// Status is the HTTP status, 0 without a reply.
	Status int
	// RetryAfter is how long a 429 asked to wait, capped; 0 when it did not say.
	RetryAfter time.Duration
	// Err says in words what happened, unless the kind is Applied. It never
	// contains a credential or a body.
	Err error
}

// APIError is one entry of a v4 error reply.
type APIError struct {
	Code    int64
	Message string
}

// String gives "code: message".
func (e APIError) String() string { return fmt.Sprintf("%d: %s", e.Code, e.Message) }

// ListErrors gives "; code: message" for each.
func ListErrors(errors []APIError) string {
	var text strings.Builder
	for _, each := range errors {
		text.WriteString("; " + each.String())
	}
	return text.String()
}

// SinkRefusal is returned by reads of the sink and by its login when the sink
// answered and the answer was no. Retrying at once cannot help.
//
//nolint:errname // the noun is the refusal
type SinkRefusal struct {
	// Operation is what was asked, such as "login" or "search".
	Operation string
	// Status is the HTTP status.
	Status     int
	TrackingID string
	Errors     []APIError
}

// Error says which call was refused, with what status and which v4 errors.
func (e *SinkRefusal) Error() string {
	text := fmt.Sprintf("v4 refused the %s: HTTP %d%s", e.Operation, e.Status, ListErrors(e.Errors))
	if e.TrackingID != "" {
		text += " (trackingId " + e.TrackingID + ")"
	}
	return text
}

// CardMethods is a sink's answer to which of its payment methods a card is.
type CardMethods struct {
	// Methods carry the card's Id, active or not; they are distinct.
	Methods []PaymentMethod
	// Fault says why the answer cannot be used, though there was one: v4 refused the
	// question, or what it says of a method is not clear. Methods are then empty.
	Fault string
}

// ErrUnanswered is wrapped where a sink gave no answer that could be used, for now: none
// at all, a temporary refusal, or one that is no JSON.
var ErrUnanswered = errors.New("it did not answer")

// ErrNoLookUps is wrapped where a sink cannot be asked for payment methods, whatever the
// card: it does not take the login or the question.
var ErrNoLookUps = errors.New("payment methods cannot be asked for")

// PaymentMethod is what a sink says of one of its payment methods.
type PaymentMethod struct {
	// ID is v4's identity of it, above zero.
	ID int64
	// AccountID is whose it is there; 0 when the reply does not say.
	AccountID int64
	// Active is false where v4 takes no payments with it any more.
	Active bool
}
