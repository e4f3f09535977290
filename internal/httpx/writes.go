package httpx

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"slices"
	"time"
)

// WriteConfig describes a WriteClient. Zero values mean the defaults named at each field.
type WriteConfig struct {
	// API is the name that events carry, such as "v4".
	API string
	// Transport is how to reach the server. HeaderTimeout and MaxIdle are not used, and
	// unused connections are kept for 20 seconds at most: as many as there were writes
	// under way at once.
	Transport TransportConfig
	// Timeout limits one exchange from its dial to the end of the reply's body, on
	// top of the context's deadline, and is the connections' TCP_USER_TIMEOUT; 0
	// means 60 seconds.
	Timeout time.Duration
	// MaxReplyBytes limits what is read of a reply's body; 0 means 1 MiB.
	MaxReplyBytes int64
	// Limiter is waited for before each write; nil means no limit.
	Limiter *Limiter
	// Observer hears of each exchange. What is not sent at all is no exchange,
	// unless a connection was tried.
	Observer Observer
}

// Write is one request that must not take effect twice. It is always a POST.
type Write struct {
	// Operation is the name that events carry, such as "create".
	Operation string
	URL       string
	// Header must not be nil. It has its names in their canonical form, is only read, and may serve many
	// writes at once.
	Header http.Header
	// Body must not be empty.
	Body []byte
	// Use is shown the reply, if there is one, before the observer hears of it. It gives
	// the server's own name of the exchange, for the event. Nil gives none.
	Use func(WriteResult) (trackingID string)
	// Secrets are taken out of the text of every error and event.
	Secrets []Secret
}

// WriteResult is what came of a write.
type WriteResult struct {
	// Sent is NotSent only beside an error.
	Sent Proof
	// Status is the HTTP status, 0 without a reply.
	Status int
	Header http.Header
	// Body is what was read of the reply's body; the whole only when BodyComplete.
	Body []byte
	// BodyComplete is set when the body was read to an end that is proven to be its
	// end. An empty body that merely ends with its connection is not complete:
	// nothing shows that it was meant to be empty.
	BodyComplete bool
	// BodyErr says why the body is not complete.
	BodyErr error
}

// WriteClient sends writes once each. It is safe for concurrent use.
//
// What in net/http could send a request a second time, and why it cannot here
// (transport.go, shouldRetryRequest and rewindBody; client.go, redirectBehavior):
//   - after a failure on a reused connection a "replayable" request is sent again.
//     A POST is one only with an Idempotency-Key header, which Do refuses, and
//     without a body or with GetBody, which Do never gives it;
//   - when not one byte had been written, it is sent again if it has no body or
//     GetBody can give it anew: Do refuses an empty body;
//   - HTTP/2 repeats streams that the server says it has not looked at: the
//     transport speaks HTTP/1.1 only;
//   - redirects are followed by http.Client, 307 and 308 with the body: there is none
//     here, and a RoundTrip ends with a reply of whatever status.
type WriteClient struct {
	cfg       WriteConfig
	transport *http.Transport
}

const (
	defaultMaxWriteReply = 1 << 20
	// idleWrites is shorter than what servers commonly grant: a write that meets a
	// closing connection has an unknown outcome.
	idleWrites = 20 * time.Second
)

// NewWriteClient builds a client with connections of its own; it opens none yet.
func NewWriteClient(cfg WriteConfig) *WriteClient {
	cfg.Timeout = orDefault(cfg.Timeout, defaultTimeout)
	cfg.MaxReplyBytes = orDefault(cfg.MaxReplyBytes, defaultMaxWriteReply)
	dial := cfg.Transport.DialContext
	if dial == nil {
		dialer := net.Dialer{Timeout: orDefault(cfg.Transport.DialTimeout, defaultConnectTimeout)}
		dial = dialer.DialContext
	}
	cfg.Transport.DialContext = gatedDial(dial, cfg.Timeout)
	cfg.Transport.HeaderTimeout = 0
	cfg.Transport.IdleTimeout = min(orDefault(cfg.Transport.IdleTimeout, idleWrites), idleWrites)
	cfg.Transport.MaxIdle = math.MaxInt
	return &WriteClient{cfg: cfg, transport: NewTransport(cfg.Transport)}
}

// CloseIdleConnections closes the connections that nobody uses at the moment.
func (w *WriteClient) CloseIdleConnections() { w.transport.CloseIdleConnections() }

// Do sends the write once, after waiting for the limiter. A reply of any status
// is no error: the caller judges it. An error means that there is no reply; Sent
// then says what is proven. When Do returns, the exchange is over: nothing of it
// is sent later.
func (w *WriteClient) Do(ctx context.Context, write Write) (WriteResult, error) {
	result, err := w.do(ctx, write)
	return result, RedactError(err, write.Secrets...)
}

func (w *WriteClient) do(ctx context.Context, write Write) (WriteResult, error) {
	done, err := w.cfg.Limiter.Start(ctx)
	if err != nil {
		return WriteResult{Sent: NotSent}, err
	}
	defer done()
	// A deadline of the caller's that comes first is enough: another context would only cost.
	if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > w.cfg.Timeout {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.cfg.Timeout)
		defer cancel()
	}
	watch := &writeWatch{}
	req, err := watch.request(ctx, write)
	if err != nil {
		return WriteResult{Sent: NotSent}, err
	}
	// The context's own timer may not have fired yet: see gatedConn.
	if deadline, _ := ctx.Deadline(); !time.Now().Before(deadline) {
		return WriteResult{Sent: NotSent}, fmt.Errorf("the write was not begun: %w", errLate)
	}
	started := time.Now()
	result, err := w.exchange(req, watch)
	result.BodyErr = RedactError(result.BodyErr, write.Secrets...)
	event := w.event(write, started, result, err)
	if err == nil && write.Use != nil {
		event.TrackingID = clean(Redact(write.Use(result), write.Secrets...))
	}
	w.cfg.Observer.Observe(event)
	return result, err
}

func (w *WriteClient) exchange(req *http.Request, watch *writeWatch) (WriteResult, error) {
	resp, err := w.transport.RoundTrip(req)
	if err != nil {
		return WriteResult{Sent: watch.proof()}, fmt.Errorf("there is no reply from %s: %w", req.URL.Redacted(), err)
	}
	defer resp.Body.Close()
	result := WriteResult{Status: resp.StatusCode, Header: resp.Header}
	result.Body, result.BodyErr = ReadBody(resp.Body, w.cfg.MaxReplyBytes)
	if result.BodyErr == nil {
		result.BodyErr = CheckEncoding(resp.Header)
	}
	if result.BodyErr == nil && len(result.Body) == 0 && !delimited(resp) {
		result.BodyErr = errors.New("the connection ended where the reply's body would have begun")
	}
	result.BodyComplete = result.BodyErr == nil
	return result, nil
}

// delimited tells whether the reply's header says where its body ends.
func delimited(resp *http.Response) bool {
	return resp.ContentLength >= 0 || slices.Contains(resp.TransferEncoding, "chunked")
}

// event tells of an exchange, which is over now.
func (w *WriteClient) event(write Write, started time.Time, result WriteResult, err error) Event {
	if err == nil {
		err = result.BodyErr
	}
	return Event{
		API: w.cfg.API, Operation: write.Operation, Attempt: 1,
		Status: result.Status, Duration: time.Since(started),
		Throttled: result.Status == http.StatusTooManyRequests,
		RequestID: clean(Redact(result.Header.Get("Request-Id"), write.Secrets...)),
		Err:       RedactError(err, write.Secrets...),
	}
}
