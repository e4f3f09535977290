package connector

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
)

// Error is an answer of the Connector API that is none: any status but 2xx,
// after all the tries it was worth.
type Error struct {
	// Operation is what was asked: "poll", "customers", "reservations" or
	// "configuration".
	Operation string
	// Status is the HTTP status.
	Status int
	// Message is the API's own, in one line, shortened and without tokens; it may be empty.
	Message string
	// RequestID is what the vendor's support asks for (vendor's docs); it may be empty.
	RequestID string
	// Tries is how often the request was sent.
	Tries int
}

// Error says what was refused, how, and what to do about it.
func (e *Error) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "the Connector API answered the %s request with %s", e.Operation, e.brief())
	if e.Tries > 1 {
		fmt.Fprintf(&text, ", tries: %d", e.Tries)
	}
	if hint := hintFor(e.Status); hint != "" {
		text.WriteString("; " + hint)
	}
	return text.String()
}

// brief is the part that also explains why a single customer was refused.
func (e *Error) brief() string {
	text := fmt.Sprintf("HTTP %d", e.Status)
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.RequestID != "" {
		text += " (Request-Id " + e.RequestID + ")"
	}
	return text
}

// hintFor follows the vendor's table of statuses (vendor's docs).
func hintFor(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "check connector.client_token and the property's access_token: one of them is wrong, disabled or lacks the permission"
	case http.StatusForbidden:
		return "the tokens are known but may not do this: ask the property to allow it in the PMS"
	case http.StatusNotFound:
		return "check connector.address: there is no such resource under it"
	case http.StatusTooManyRequests:
		return "lower connector.rate_limit, or find out who else uses this access token"
	case http.StatusProxyAuthRequired:
		return "check the proxy in the environment (HTTPS_PROXY)"
	}
	switch {
	case status >= 300 && status <= 399:
		return "redirects are not followed: check connector.address"
	case status >= 500:
		return "the fault is at the vendor's: it will be tried again"
	default:
		return ""
	}
}

// tooMuch tells whether asking for less at a time may help (vendor's docs).
func tooMuch(err error) bool {
	if errors.Is(err, httpx.ErrBodyTooLarge) {
		return true
	}
	refusal, answered := errors.AsType[*Error](err)
	return answered && (refusal.Status == http.StatusRequestTimeout || refusal.Status == http.StatusRequestEntityTooLarge)
}

// Limits on what is quoted from a reply.
const (
	maxMessage   = 300
	maxRequestID = 128
)

// refusal reads an error reply: {"Message", "RequestId", "Details"} (vendor's
// docs). A body of any other form gives no message.
func (c *Client) refusal(operation string, reply *httpx.ReadReply) *Error {
	e := &Error{Operation: operation, Status: reply.Status, Tries: reply.Attempts, RequestID: reply.Header.Get("Request-Id")}
	if found, _, err := fields(reply.Body, "Message", "RequestId"); err == nil {
		e.Message, _ = textOf(found["Message"])
		if e.RequestID == "" {
			e.RequestID, _ = textOf(found["RequestId"])
		}
	}
	e.Message, e.RequestID = c.quoted(e.Message, maxMessage), c.quoted(e.RequestID, maxRequestID)
	return e
}

// quoted is a text of the API's as it may be shown.
func (c *Client) quoted(text string, most int) string {
	return httpx.OneLine(httpx.Redact(text, c.secrets...), most)
}
