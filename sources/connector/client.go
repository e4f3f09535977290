// Package connector reads preauthorizations from the Connector API. Everything
// it sends asks; nothing it sends changes anything there.
package connector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
)

// Config describes a Client. Zero values mean the defaults named at each field.
type Config struct {
	// Address is the platform's, such as https://api.mews.com. Required.
	Address string
	// Client is the name and version of this program, which every request carries
	// (seed). Required.
	Client string
	// ClientToken names this program, AccessToken the property. Both are required,
	// and travel in the body of every request (seed).
	ClientToken, AccessToken httpx.Secret
	// Timeout limits one try of a request; 0 means 60 seconds.
	Timeout time.Duration
	// Tries is the most that a request is sent when it meets 429, 5xx, network errors
	// and unusable replies; 0 means 6. Backoff says how long to wait in between.
	Tries   int
	Backoff httpx.Backoff
	// Limiter is the access token's; every try waits for it. Nil means no limit. The
	// vendor allows 200 requests in 30 seconds for each access token (vendor's docs).
	Limiter *httpx.Limiter
	// Slots bounds how many requests are under way at once, in all the clients that
	// share it; nil means no bound.
	Slots chan struct{}
	// Transport sends; nil means httpx.NewTransport with its defaults.
	Transport http.RoundTripper
	// Observer hears of every try. Its operations are "poll", "customers",
	// "reservations" and "configuration".
	Observer httpx.Observer
	// Now is the wall clock; nil means time.Now.
	Now func() time.Time
	// MaxReplyBytes limits a reply; 0 means 256 MiB. A poll whose reply is larger is
	// divided, and a page of a list asked for in a smaller size.
	MaxReplyBytes int64
}

const defaultMaxReply = 256 << 20

// API is the name that this client's events and errors carry.
const API = "connector"

// Client reads one property, which is to say with one access token. It is safe
// for concurrent use.
type Client struct {
	reads    *httpx.ReadClient
	base     string
	envelope envelope
	secrets  []httpx.Secret
	now      func() time.Time
}

// envelope is what every request's body carries. The vendor refuses unknown
// properties (vendor's docs), so there is nothing else in it.
type envelope struct {
	client                   string
	clientToken, accessToken httpx.Secret
}

// New checks a configuration, all of it, and builds a client. It sends nothing.
func New(cfg Config) (*Client, error) {
	base, err := baseOf(cfg.Address)
	problems := []error{err}
	if cfg.Client == "" {
		problems = append(problems, errors.New("the Connector API needs a client name"))
	}
	if cfg.ClientToken.Empty() {
		problems = append(problems, errors.New("the Connector API needs a client token"))
	}
	if cfg.AccessToken.Empty() {
		problems = append(problems, errors.New("the Connector API needs an access token"))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	if cfg.MaxReplyBytes <= 0 {
		cfg.MaxReplyBytes = defaultMaxReply
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	secrets := []httpx.Secret{cfg.ClientToken, cfg.AccessToken}
	return &Client{
		base:     base,
		envelope: envelope{client: cfg.Client, clientToken: cfg.ClientToken, accessToken: cfg.AccessToken},
		secrets:  secrets,
		now:      cfg.Now,
		reads: httpx.NewReadClient(httpx.ReadConfig{
			API: API, Transport: cfg.Transport, Timeout: cfg.Timeout, Tries: cfg.Tries, Backoff: cfg.Backoff,
			Limiter: cfg.Limiter, Slots: cfg.Slots, MaxReplyBytes: cfg.MaxReplyBytes,
			Secrets: secrets, Observer: cfg.Observer, Now: cfg.Now,
		}),
	}, nil
}

// CloseIdleConnections closes the transport's connections that nobody uses.
func (c *Client) CloseIdleConnections() { c.reads.CloseIdleConnections() }

// baseOf gives the address that resources are appended to. The API answers 404
// to a double or trailing slash (vendor's docs).
func baseOf(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return "", errors.New("the Connector API's address must look like https://api.example.com")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("the Connector API's address must have no user, query or fragment")
	}
	return strings.TrimRight(address, "/") + "/api/connector/v1/", nil
}

// parameters are what a request's body carries beside the envelope. Those that
// are left empty are left out.
type parameters struct {
	// CustomerIDs are UUIDs, as preauth.ParseID spells them.
	CustomerIDs    []preauth.ID `json:"-"`
	Extent         *extent      `json:",omitempty"`
	ActivityStates []string     `json:",omitempty"`
	UpdatedUTC     *interval    `json:"UpdatedUtc,omitempty"`
	CollidingUTC   *interval    `json:"CollidingUtc,omitempty"`
	Limitation     *limitation  `json:",omitempty"`
}

// body gives a request's JSON.
func (e envelope) body(p parameters) ([]byte, error) {
	text, err := json.Marshal(struct { //nolint:gosec // the API wants its tokens in the body
		ClientToken string
		AccessToken string
		Client      string
		parameters
	}{e.clientToken.Reveal(), e.accessToken.Reveal(), e.client, p})
	if err != nil {
		return nil, fmt.Errorf("cannot build the request: %w", err)
	}
	return withCustomers(text, p.CustomerIDs), nil
}

// withCustomers adds the property CustomerIds to a JSON object that has others. There are
// a thousand Ids in most polls, and nothing in a UUID is to be escaped.
func withCustomers(object []byte, ids []preauth.ID) []byte {
	if len(ids) == 0 {
		return object
	}
	const name, each = `,"CustomerIds":`, len(`"",`) + idLength
	text := make([]byte, 0, len(object)+len(name)+len("[]")+len(ids)*each)
	text = append(append(text, object[:len(object)-1]...), name...)
	before := byte('[')
	for _, id := range ids {
		text = append(append(append(text, before, '"'), id...), '"')
		before = ','
	}
	return append(text, "]}"...)
}

// request is one call of the API.
type request struct {
	operation, resource string
	parameters          parameters
	// divisible is set when the same can be asked in smaller parts, which a 408
	// then calls for.
	divisible bool
	use       func(body io.Reader) error
}

// call sends a request and judges the reply's status. An error is a *Error when
// the API answered, and wraps httpx.ErrBodyTooLarge when it answered too much.
func (c *Client) call(ctx context.Context, r request) (http.Header, error) {
	body, err := c.envelope.body(r.parameters)
	if err != nil {
		return nil, err
	}
	reply, err := c.reads.Do(ctx, httpx.ReadRequest{
		Operation: r.operation, Method: http.MethodPost, URL: c.base + r.resource, Body: body,
		Header: http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}},
		Retry:  func(status int) bool { return worthAnotherTry(status, r.divisible) },
		Use:    r.use,
	})
	if err != nil {
		return nil, err
	}
	if reply.Status < 200 || reply.Status > 299 {
		return nil, c.refusal(r.operation, reply)
	}
	return reply.Header, nil
}

// worthAnotherTry follows the vendor's docs: 408 means "too much data", so it is
// answered by asking for less where that can be done, and 409 "read again".
func worthAnotherTry(status int, divisible bool) bool {
	switch status {
	case http.StatusRequestTimeout:
		return !divisible
	case http.StatusConflict:
		return true
	default:
		return httpx.RetryStatus(status)
	}
}
