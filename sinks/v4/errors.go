package v4

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
)

// Limits on what is kept of a server's own words.
const (
	maxErrors   = 20
	maxMessage  = 500
	maxTracking = 128
)

// hasErrors tells whether the reply claims errors of any form: everything but
// an absent one, null and an empty array does.
func (o object) hasErrors() bool {
	raw, ok := o.get("errors")
	if !ok {
		return false
	}
	c := cursor{text: raw}
	return !c.past('[') || !c.past(']')
}

var errNoErrors = errors.New("its errors are not in v4's form")

// apiErrors gives v4's errors (vendor's docs: code, a number, and message; all that
// apply are listed). An entry of any other form makes the whole list unusable:
// it may not have been v4 that said no, but something in front of it.
func (o object) apiErrors(secrets []httpx.Secret) ([]preauth.APIError, error) {
	list, err := o.array("errors")
	if err != nil || len(list) == 0 {
		return nil, errNoErrors
	}
	found := make([]preauth.APIError, 0, len(list))
	for _, raw := range list {
		each, err := parseAPIError(raw, secrets)
		if err != nil {
			return nil, errNoErrors
		}
		found = append(found, each)
	}
	return found, nil
}

func parseAPIError(raw json.RawMessage, secrets []httpx.Secret) (preauth.APIError, error) {
	entry, err := split(raw)
	if err != nil {
		return preauth.APIError{}, err
	}
	number, ok := entry.get("code")
	if !ok {
		return preauth.APIError{}, errNoErrors
	}
	digits := string(number)
	if strings.HasPrefix(digits, `"`) { // a string of digits, which the docs do not promise
		if digits, err = entry.text("code"); err != nil {
			return preauth.APIError{}, err
		}
	}
	code, err := parseInteger(digits)
	if err != nil {
		return preauth.APIError{}, err
	}
	message, err := entry.text("message")
	if err != nil {
		return preauth.APIError{}, err
	}
	return preauth.APIError{Code: code, Message: tidy(message, maxMessage, secrets)}, nil
}

// explain adds what to look at to a refused read or login; the refusal stays what it
// wraps.
func explain(refusal *preauth.SinkRefusal) error {
	if hint := hintFor(refusal); hint != "" {
		return fmt.Errorf("%w; %s", refusal, hint)
	}
	return refusal
}

// hintFor goes by the status alone (RFC 9110): what answers may not be v4, but
// something in front of it.
func hintFor(refusal *preauth.SinkRefusal) string {
	const auth = "check v4.auth: something in it is wrong or disabled"
	key, otherwise := "v4.address", ""
	if refusal.Operation == opLogin { // OAuth refuses a password with 400 (RFC 6749, section 5.2)
		key, otherwise = "v4.auth.login_address", auth
	}
	switch status := refusal.Status; {
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return "check " + key + ": nothing there takes this request"
	case status >= 300 && status <= 399:
		return "redirects are not followed: check " + key
	case status == http.StatusUnauthorized:
		return auth
	case status == http.StatusForbidden:
		return "the login of v4.auth is known but may not do this: ask for it to be allowed in v4"
	case status == http.StatusProxyAuthRequired:
		return "check the proxy in the environment (HTTPS_PROXY)"
	default:
		return otherwise
	}
}

// few keeps what a journal line can hold.
func few(errs []preauth.APIError) []preauth.APIError { return errs[:min(len(errs), maxErrors)] }

// tidy makes a server's text fit for one line. Secrets go first: cutting could
// leave half of one, which nobody would recognise.
func tidy(text string, most int, secrets []httpx.Secret) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, httpx.Redact(text, secrets...))
	return httpx.OneLine(strings.TrimSpace(text), most)
}

// trackingID gives v4's name for the exchange, under which its request log has it
// (seed: in the body). The headers are looked at for replies without a usable body (inferred).
func trackingID(header http.Header, body object, secrets []httpx.Secret) string {
	text, err := body.text("trackingId")
	if err != nil || text == "" {
		for _, name := range []string{"Trackingid", "Tracking-Id", "X-Tracking-Id"} {
			if text = header.Get(name); text != "" {
				break
			}
		}
	}
	return tidy(text, maxTracking, secrets)
}
