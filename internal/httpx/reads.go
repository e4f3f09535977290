package httpx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// ErrTimeout is wrapped when one try was not over in time. It stands in for
// context.DeadlineExceeded, which would read as if the caller's own time were up.
var ErrTimeout = errors.New("no complete reply in time")

// ReadConfig describes a ReadClient. Zero values mean the defaults named at each field.
type ReadConfig struct {
	// API is the name that events and errors carry, such as "connector".
	API string
	// Transport sends; nil means NewTransport with its defaults.
	Transport http.RoundTripper
	// Timeout limits one try, from its send to the end of its body; 0 means 60 seconds.
	Timeout time.Duration
	// Tries is the most that one call sends; 0 means 6.
	Tries int
	// Backoff says how long to wait between tries.
	Backoff Backoff
	// Limiter is waited for before every try; nil means no limit.
	Limiter *Limiter
	// Slots, when not nil, bounds how many tries are under way at once, in all the
	// clients that share it: a try puts a value in and takes one out when it is over.
	Slots chan struct{}
	// MaxReplyBytes limits the body of a 2xx reply; 0 means 64 MiB.
	MaxReplyBytes int64
	// Secrets are taken out of the text of every error and event.
	Secrets []Secret
	// Observer hears of every try.
	Observer Observer
	// Now is the wall clock, for Retry-After dates in replies that have no Date; nil
	// means time.Now. Waiting is done on the monotonic clock.
	Now func() time.Time
}

// The defaults of a ReadConfig, and the limit on the body of other replies than 2xx.
const (
	defaultTimeout  = 60 * time.Second
	defaultTries    = 6
	defaultMaxReply = 64 << 20
	maxErrorBody    = 64 << 10
)

// ReadRequest is one call. It may be sent several times, so it must be one that
// changes nothing.
type ReadRequest struct {
	// Operation is the name that events and errors carry, such as "poll".
	Operation   string
	Method, URL string
	Header      http.Header
	// Body is sent with each try; nil for none.
	Body []byte
	// Retry tells which statuses are worth another try; nil means RetryStatus.
	Retry func(status int) bool
	// Use reads the body of a 2xx reply as it comes in; it is called for each try
	// that gets one, and starts afresh each time. Its error makes the reply
	// unusable, which is tried again like a network error, unless it wraps
	// ErrBodyTooLarge. When nil, the body is returned in the ReadReply.
	Use func(body io.Reader) error
	// Secrets add to the client's own.
	Secrets []Secret
}

// ReadReply is what the last try was answered with.
type ReadReply struct {
	Status int
	Header http.Header
	// Body is the whole body of a 2xx reply, unless ReadRequest.Use has read it. Of
	// any other reply it is at most the first 64 KiB, without the secrets.
	Body []byte
	// Attempts is the number of tries.
	Attempts int
}

// RetryStatus is the usual answer to which statuses are worth another try: 408,
// 425, 429 and 5xx, except 501 and 505, which no waiting changes.
func RetryStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	default:
		return status >= http.StatusInternalServerError
	}
}

// ReadClient sends requests that change nothing, again if need be: with growing
// waits after 429, 5xx, network errors and unusable replies, never after the
// end of the caller's context, a redirect (which is just a reply) or a
// certificate that does not verify. It is safe for concurrent use.
type ReadClient struct {
	cfg ReadConfig
}

// NewReadClient builds a client; it opens no connection.
func NewReadClient(cfg ReadConfig) *ReadClient {
	if cfg.Transport == nil {
		cfg.Transport = NewTransport(TransportConfig{})
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Tries <= 0 {
		cfg.Tries = defaultTries
	}
	cfg.Timeout = orDefault(cfg.Timeout, defaultTimeout)
	cfg.MaxReplyBytes = orDefault(cfg.MaxReplyBytes, defaultMaxReply)
	return &ReadClient{cfg: cfg}
}

// CloseIdleConnections closes the connections that nobody uses at the moment.
func (c *ReadClient) CloseIdleConnections() {
	(&http.Client{Transport: c.cfg.Transport}).CloseIdleConnections()
}

// Do sends the request until it gets a reply that is not worth another try, or
// has no tries left. A reply of any status is no error: the caller judges it.
// An error means that no usable reply came; it names the API, the operation and
// the number of tries, and wraps ErrBodyTooLarge, ErrTimeout or the context's
// error where that is the cause. It contains the URL, never the body.
func (c *ReadClient) Do(ctx context.Context, req ReadRequest) (*ReadReply, error) {
	call := &readCall{cfg: c.cfg, req: req}
	reply, err := call.run(ctx)
	call.flush()
	if err != nil {
		err = fmt.Errorf("%s %s got no usable reply (tries: %d): %w", c.cfg.API, req.Operation, call.attempt, err)
		return nil, RedactError(err, call.secrets()...)
	}
	return reply, nil
}

// readCall is one Do. It is the RoundTripper, the retry policy and the backoff
// of a go-retryablehttp client of its own, so they share what they know.
type readCall struct {
	cfg     ReadConfig
	req     ReadRequest
	attempt int
	// event tells of the last try; it is handed out once the wait after it is known.
	event *Event
	reply *ReadReply
}

func (c *readCall) run(ctx context.Context) (*ReadReply, error) {
	var body any
	if c.req.Body != nil {
		body = c.req.Body
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, c.req.Method, c.req.URL, body)
	if err != nil {
		return nil, fmt.Errorf("cannot build the request: %w", err)
	}
	maps.Copy(req.Header, c.req.Header)
	req.SetResponseHandler(c.use)
	client := &retryablehttp.Client{
		HTTPClient: &http.Client{Transport: c, CheckRedirect: keepRedirect},
		Logger:     nil, // its own would print to stderr
		RetryMax:   c.cfg.Tries - 1,
		CheckRetry: c.checkRetry,
		Backoff:    c.backoff,
		// Without it the last reply would be thrown away.
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	resp, err := client.Do(req)
	if resp != nil {
		defer resp.Body.Close()
	}
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	if c.reply == nil {
		c.reply = c.refusal(resp) // tries are used up, so nobody has read it
	}
	return c.reply, nil
}

func keepRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// explain adds what the last reply was when the caller's time ran out in a wait.
func (c *readCall) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil && c.event != nil && c.event.Status != 0 {
		return fmt.Errorf("stopped after HTTP %d: %w", c.event.Status, err)
	}
	return err
}

// RoundTrip is one try: it waits for the limiter and a slot, sends, and gives
// the slot back when the body is closed.
func (c *readCall) RoundTrip(req *http.Request) (*http.Response, error) {
	c.flush()
	try, err := c.start(req)
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // a RoundTripper's duty, also when it sends nothing
		}
		return nil, err
	}
	ctx, cancel := context.WithTimeout(req.Context(), c.cfg.Timeout)
	try.cancel = cancel
	try.expired = func() bool { return ctx.Err() != nil && req.Context().Err() == nil }
	resp, err := c.cfg.Transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		err = try.translate(err)
		try.end(err)
		return nil, err
	}
	c.event.Status = resp.StatusCode
	c.event.RequestID = clean(Redact(resp.Header.Get("Request-Id"), c.secrets()...))
	c.event.Throttled = resp.StatusCode == http.StatusTooManyRequests
	try.body, resp.Body = resp.Body, try
	return resp, nil
}

// start waits until the try may be sent. The limiter comes first: waiting for it
// in a slot would keep out those that have a limiter of their own.
func (c *readCall) start(req *http.Request) (*try, error) {
	done, err := c.cfg.Limiter.Start(req.Context())
	if err != nil {
		return nil, err
	}
	if c.cfg.Slots != nil {
		select {
		case c.cfg.Slots <- struct{}{}:
		case <-req.Context().Done():
			done()
			return nil, contextError(req.Context())
		}
	}
	c.attempt++
	c.event = &Event{API: c.cfg.API, Operation: c.req.Operation, Attempt: c.attempt}
	return &try{call: c, done: done, started: time.Now()}, nil
}

// checkRetry is called with the reply or the error of each try, and once more
// after use has read the body.
func (c *readCall) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	switch {
	case ctx.Err() != nil:
		if err == nil && resp != nil && c.reply != nil {
			return false, nil // it came just in time
		}
		return false, c.stopped(ctx, resp)
	case err != nil:
		return worthAnotherTry(err), nil
	case c.reply != nil:
		return false, nil
	case c.req.Retry != nil:
		return c.req.Retry(resp.StatusCode), nil
	default:
		return RetryStatus(resp.StatusCode), nil
	}
}

// stopped closes what will not be read any more: go-retryablehttp leaves that
// to a policy that ends the call.
func (c *readCall) stopped(ctx context.Context, resp *http.Response) error {
	if resp != nil {
		_ = resp.Body.Close()
	}
	return contextError(ctx)
}

// backoff is called when there will be another try. Its first two arguments are
// the library's own configuration, which is not used.
func (c *readCall) backoff(_, _ time.Duration, _ int, resp *http.Response) time.Duration {
	wait := c.cfg.Backoff.Next(c.attempt)
	if resp != nil {
		wait = c.cfg.Backoff.After(c.attempt, resp.Header, c.cfg.Now())
	}
	if c.event != nil {
		c.event.Wait = wait
	}
	return wait
}

// use reads the body of a reply that is not tried again for its status.
func (c *readCall) use(resp *http.Response) error {
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		c.reply = c.refusal(resp)
		return nil
	}
	body, err := c.consume(resp)
	if err != nil {
		c.event.Err = RedactError(err, c.secrets()...)
		return err
	}
	c.reply = &ReadReply{Status: resp.StatusCode, Header: resp.Header, Body: body, Attempts: c.attempt}
	return nil
}

func (c *readCall) consume(resp *http.Response) ([]byte, error) {
	if err := CheckEncoding(resp.Header); err != nil {
		return nil, err
	}
	if resp.ContentLength > c.cfg.MaxReplyBytes {
		return nil, fmt.Errorf("%w: it announces %d bytes, the limit is %d",
			ErrBodyTooLarge, resp.ContentLength, c.cfg.MaxReplyBytes)
	}
	if c.req.Use == nil {
		return ReadBody(resp.Body, c.cfg.MaxReplyBytes)
	}
	return nil, c.req.Use(LimitBody(resp.Body, c.cfg.MaxReplyBytes))
}

// refusal keeps the beginning of a body that says why there is nothing else. It
// is for people, so a part of it is better than nothing.
func (c *readCall) refusal(resp *http.Response) *ReadReply {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if CheckEncoding(resp.Header) != nil {
		body = nil
	}
	body = bytes.Clone([]byte(Redact(string(body), c.secrets()...)))
	return &ReadReply{Status: resp.StatusCode, Header: resp.Header, Body: body, Attempts: c.attempt}
}

// flush hands the last try's event to the observer.
func (c *readCall) flush() {
	if c.event != nil {
		c.cfg.Observer.Observe(*c.event)
		c.event = nil
	}
}

func (c *readCall) secrets() []Secret {
	return append(append([]Secret(nil), c.cfg.Secrets...), c.req.Secrets...)
}
