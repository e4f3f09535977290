package v4

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
)

// readRequest is one read; parse is called with each reply that is a complete
// object without errors, and its error makes the reply unusable.
type readRequest struct {
	operation, method, address string
	header                     http.Header
	body                       []byte
	parse                      func(object) error
}

// read asks until there is a usable reply, with a fresh login when it was answered
// 401. The error wraps a *preauth.SinkRefusal when the sink said no.
func (c *Client) read(ctx context.Context, req readRequest) (http.Header, error) {
	for try := 1; ; try++ {
		login, err := c.session.ensure(ctx)
		if err != nil {
			return nil, err
		}
		answer, err := c.readOnce(ctx, req, login)
		if err != nil {
			return nil, err
		}
		if answer.Status != http.StatusUnauthorized {
			return answer.Header, c.readRefusal(req.operation, answer, login)
		}
		c.session.reject(login)
		c.session.forget()
		if try > 1 || c.session.static() {
			return nil, c.readRefusal(req.operation, answer, login)
		}
	}
}

func (c *Client) readOnce(ctx context.Context, req readRequest, login login) (*httpx.ReadReply, error) {
	header := maps.Clone(*login.header)
	maps.Copy(header, req.header)
	var refused *preauth.SinkRefusal
	answer, err := c.reads.Do(ctx, httpx.ReadRequest{
		Operation: req.operation, Method: req.method, URL: req.address,
		Header: header, Body: req.body, Secrets: login.secrets,
		Use: func(r io.Reader) error {
			refused = nil
			raw, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			body, err := parseObject(raw)
			if err != nil {
				return err
			}
			if body.hasErrors() { // it was understood; asking again would change nothing
				refused = refusalOf(req.operation, http.StatusOK, nil, body, login.secrets)
				return nil
			}
			return req.parse(body)
		},
	})
	if err != nil {
		return nil, err
	}
	if refused != nil {
		return nil, refused
	}
	return answer, nil
}

// readRefusal turns a reply's status into an error, or nil for 2xx.
func (c *Client) readRefusal(operation string, answer *httpx.ReadReply, login login) error {
	switch {
	case answer.Status >= 200 && answer.Status <= 299:
		return nil
	case temporary(answer.Status):
		return fmt.Errorf("v4 %s: HTTP %d (tries: %d); the next cycle tries again",
			operation, answer.Status, answer.Attempts)
	}
	body, err := parseObject(answer.Body)
	if err != nil {
		body = nil
	}
	return explain(refusalOf(operation, answer.Status, answer.Header, body, login.secrets))
}

func refusalOf(operation string, status int, header http.Header, body object, secrets []httpx.Secret) *preauth.SinkRefusal {
	refusal := &preauth.SinkRefusal{
		Operation: operation, Status: status, TrackingID: trackingID(header, body, secrets),
	}
	if errs, err := body.apiErrors(secrets); err == nil {
		refusal.Errors = few(errs)
	}
	return refusal
}

// temporary tells which statuses may change by themselves.
func temporary(status int) bool { return httpx.RetryStatus(status) }

// Get gives one object by its identity (seed), and whether there is one. How v4 says
// that there is none is documented nowhere, so whatever is neither the object nor
// clearly something else is put to a Search, whose form is: that alone says "none".
func (c *Client) Get(ctx context.Context, identity int64) (preauth.Hold, bool, error) {
	var hold preauth.Hold
	shown := false
	_, err := c.read(ctx, readRequest{
		operation: opGet, method: http.MethodGet, address: c.objectAddress(identity),
		parse: func(body object) error {
			raw, ok := body.get("instance")
			if !ok {
				return nil
			}
			var err error
			if hold, err = parseHold(raw); err != nil {
				return err
			}
			if hold.Identity != identity {
				return fmt.Errorf("the reply shows identity %d and not the %d asked for", hold.Identity, identity)
			}
			shown = true
			return nil
		},
	})
	if err == nil && shown {
		return hold, true, nil
	}
	if err != nil && !mayMeanAbsent(err) {
		return preauth.Hold{}, false, err
	}
	return c.findByIdentity(ctx, identity)
}

// mayMeanAbsent tells whether a Get that failed may have failed because there is no
// such object: by a 404 of whatever form, or by v4's own errors. 401 and 403 are about
// the login, whatever they carry.
func mayMeanAbsent(err error) bool {
	refusal, ok := errors.AsType[*preauth.SinkRefusal](err)
	if !ok {
		return false
	}
	switch refusal.Status {
	case http.StatusNotFound:
		return true
	case http.StatusUnauthorized, http.StatusForbidden:
		return false
	default:
		return len(refusal.Errors) > 0
	}
}

// Reach logs in and asks for one object, to show that the sink can be used. It
// gives the time of the reply's Date header, which has whole seconds.
func (c *Client) Reach(ctx context.Context) (time.Time, error) {
	header, err := c.search(ctx, query{
		Top: 1, Search: []condition{{Name: "identity", Operator: "gt", Value: 0}},
	}, func([]preauth.Hold) error { return nil })
	if err != nil {
		return time.Time{}, err
	}
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return time.Time{}, errors.New("v4 search: the reply has no usable Date header")
	}
	return date, nil
}
