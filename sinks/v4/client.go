// Package v4 is the client of the billing platform's REST API v4: it logs in,
// creates and captures PaymentPreAuthorize objects, sending each write once and
// saying what is known of its outcome, and looks up and lists what is there.
//
// Where a fact comes from is said beside it: "seed" is the vendor's page on
// PaymentPreAuthorize, "vendor's docs" are its other pages, "inferred" is
// neither. What is inferred can be configured, or fails visibly.
package v4

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
)

// Config describes a Client. Zero values mean the defaults named at each field.
type Config struct {
	// Address is the resource server's, such as https://host/ResourceServer; the
	// client appends /api/v4/… (seed; the part before it is inferred).
	Address string
	Auth    Auth
	// Timeout limits one exchange; 0 means 60 seconds.
	Timeout time.Duration
	// Tries is the most that a read or a login is sent when it meets 429, 5xx, network
	// errors and unusable replies; 0 means 4 for a read and 3 for a login. A write is
	// sent once.
	Tries int
	// Limiter is waited for before every request: reads and logins by themselves,
	// writes in Admit.
	Limiter *httpx.Limiter
	// CaptureField names the field of a capture's body that holds the identity. It is
	// documented nowhere; "" means "identity".
	CaptureField string
	// CaptureEmptyReply says how to read a 2xx reply to a capture that has no body:
	// EmptyReplyUnknown, also meant by "", or EmptyReplySuccess.
	CaptureEmptyReply string
	// AlreadyCapturedCodes are the error codes with which this installation refuses
	// a second capture. A refusal of a capture that names such codes and no others
	// reads as applied.
	AlreadyCapturedCodes []int64
	// Transport is how to reach the server.
	Transport httpx.TransportConfig
	// Observer hears of every exchange.
	Observer httpx.Observer
	// Now is the wall clock, for Retry-After dates; nil means time.Now.
	Now func() time.Time
	// Random gives numbers in [0, 1) to spread waits; nil means no jitter.
	Random func() float64
}

// What a capture's 2xx reply without a body can be taken for.
const (
	EmptyReplyUnknown = "unknown"
	EmptyReplySuccess = "success"
)

// The operations, as events and errors name them.
const (
	opLogin   = "login"
	opCreate  = "create"
	opCapture = "capture"
	opSearch  = "search"
	opPaged   = "paged"
	opGet     = "get"
	opMethods = "methods_search"
)

const (
	apiName = "v4"
	// readTries keeps a failing read short: verification comes again anyway.
	readTries = 4
	// loginTries: a login has no effect, so trying it again is safe.
	loginTries = 3
	// maxReply limits the reply to a read. A page of 1000 objects is 300 KB (seed's example).
	maxReply = 32 << 20
)

// Client is one login of one billing platform. It is safe for concurrent use.
type Client struct {
	config Config
	// base is where PaymentPreAuthorize objects are, methods where PaymentMethod ones are.
	base, methods string
	session       *session
	writes        *httpx.WriteClient
	reads         *httpx.ReadClient
}

// New checks the configuration and builds a client. It opens no connection.
func New(config Config) (*Client, error) {
	base, err := parseAddress("address", config.Address)
	if err != nil {
		return nil, err
	}
	if err := config.Auth.check(); err != nil {
		return nil, err
	}
	switch config.CaptureEmptyReply {
	case "", EmptyReplyUnknown, EmptyReplySuccess:
	default:
		return nil, fmt.Errorf("v4 capture_empty_reply %q: use %s or %s",
			config.CaptureEmptyReply, EmptyReplyUnknown, EmptyReplySuccess)
	}
	if config.CaptureField == "" {
		config.CaptureField = "identity"
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	c := &Client{config: config, base: base + "/api/v4/PaymentPreAuthorize/", methods: base + "/api/v4/PaymentMethod/"}
	secrets := config.Auth.secrets()
	c.writes = httpx.NewWriteClient(httpx.WriteConfig{
		API: apiName, Transport: config.Transport, Timeout: config.Timeout, Observer: config.Observer,
	})
	reads := httpx.ReadConfig{
		API: apiName, Transport: httpx.NewTransport(config.Transport), Timeout: config.Timeout,
		Tries: cmp.Or(config.Tries, readTries), Backoff: httpx.Backoff{Random: config.Random},
		Limiter: config.Limiter, MaxReplyBytes: maxReply,
		Secrets: secrets, Observer: config.Observer, Now: config.Now,
	}
	c.reads = httpx.NewReadClient(reads)
	logins := reads
	logins.Tries, logins.MaxReplyBytes = cmp.Or(config.Tries, loginTries), maxLoginBody
	c.session = newSession(config.Auth, httpx.NewReadClient(logins), config.Timeout)
	return c, nil
}

// parseAddress gives an http or https address without its trailing slash.
func parseAddress(key, address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		// The parser's error quotes the address, which may hold a password.
		return "", fmt.Errorf("v4 %s cannot be parsed as an address: write it as https://host/path", key)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return "", fmt.Errorf("v4 %s %q: write it as https://host/path", key, u.Redacted())
	case u.User != nil, u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return "", fmt.Errorf("v4 %s %q: leave out user, query and fragment", key, u.Redacted())
	}
	return strings.TrimRight(address, "/"), nil
}

// Close closes the connections that are not in use.
func (c *Client) Close() {
	c.writes.CloseIdleConnections()
	c.reads.CloseIdleConnections()
}

// Ready makes sure that there is a login that lasts for a while. An error means
// that nothing can be sent now; when it wraps a *preauth.SinkRefusal, trying again
// will not help.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.session.ensure(ctx)
	return err
}

// Admit waits until the rate limit lets one more write through. The caller
// calls done once the write is over, or will not be sent.
func (c *Client) Admit(ctx context.Context) (done func(), err error) {
	return c.config.Limiter.Start(ctx)
}

// Relogin forgets the login, because a write was answered 401: the next Ready
// logs in again. When several writes were answered 401, a login made since the
// last of them was sent stays. A static token stays too: there is no other.
func (c *Client) Relogin() { c.session.forget() }

// Create sends one create (seed). It takes at most until ctx's deadline.
func (c *Client) Create(ctx context.Context, req preauth.CreateRequest) preauth.Outcome {
	body, err := createBody(req)
	if err != nil {
		return notSent(opCreate, err)
	}
	return c.write(ctx, opCreate, c.base, body, func(r reply) preauth.Outcome {
		return classifyCreate(r, req.Amount)
	})
}

// Capture sends one full capture (seed; its body and reply are documented
// nowhere). It takes at most until ctx's deadline.
func (c *Client) Capture(ctx context.Context, identity int64) preauth.Outcome {
	body, err := captureBody(c.config.CaptureField, identity)
	if err != nil {
		return notSent(opCapture, err)
	}
	return c.write(ctx, opCapture, c.base+"Capture", body, func(r reply) preauth.Outcome {
		return classifyCapture(r, captureRules{
			emptySucceeds: c.config.CaptureEmptyReply == EmptyReplySuccess,
			alreadyCodes:  c.config.AlreadyCapturedCodes,
		})
	})
}

func (c *Client) write(ctx context.Context, operation, address string, body []byte,
	classify func(reply) preauth.Outcome,
) preauth.Outcome {
	login, ok := c.session.current()
	if !ok {
		return notSent(operation, errors.New("there is no login: call Ready first"))
	}
	var outcome preauth.Outcome
	write := httpx.Write{
		Operation: operation, URL: address, Header: *login.header, Body: body, Secrets: login.secrets,
		Use: func(result httpx.WriteResult) string {
			outcome = classify(reply{operation: operation, result: result, now: c.config.Now(), secrets: login.secrets})
			return outcome.TrackingID
		},
	}
	result, err := c.writes.Do(ctx, write)
	if err != nil {
		if result.Sent == httpx.NotSent {
			return notSent(operation, err)
		}
		return preauth.Outcome{Kind: preauth.OutcomeUnknown, Err: fmt.Errorf("v4 %s: the outcome is unknown: %w", operation, err)}
	}
	showForm(ctx, operation, result)
	if outcome.Kind == preauth.OutcomeUnauthorized {
		c.session.reject(login)
	}
	return outcome
}

func notSent(operation string, err error) preauth.Outcome {
	return preauth.Outcome{Kind: preauth.OutcomeNotSent, Err: fmt.Errorf("v4 %s: nothing was sent: %w", operation, err)}
}

// objectAddress is that of one object (seed: GET api/v4/PaymentPreAuthorize/{id}).
func (c *Client) objectAddress(identity int64) string {
	return c.base + strconv.FormatInt(identity, 10)
}
