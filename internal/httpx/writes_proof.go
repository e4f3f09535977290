package httpx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// Proof says what is known about whether a write left. Its zero value claims nothing.
type Proof uint8

const (
	// MaybeSent means that a complete request may have left, or did.
	MaybeSent Proof = iota
	// NotSent means that it is proven that no complete request left, nor ever will.
	NotSent
)

// String gives the word for logs.
func (p Proof) String() string {
	if p == NotSent {
		return "not sent"
	}
	return "maybe sent"
}

// errLate is why a gate lets nothing through any more.
var errLate = fmt.Errorf("its deadline had passed: %w", context.DeadlineExceeded)

// writeWatch watches one write go out.
type writeWatch struct {
	trace          httptrace.ClientTrace
	headersWritten atomic.Bool
	gate           atomic.Pointer[gatedConn]
}

// request builds the request that is watched. ctx has a deadline.
func (w *writeWatch) request(ctx context.Context, write Write) (*http.Request, error) {
	if len(write.Body) == 0 {
		return nil, errors.New("a write needs a body: net/http may send a request without one again")
	}
	for name := range write.Header {
		switch name = http.CanonicalHeaderKey(name); name {
		case "Idempotency-Key", "X-Idempotency-Key":
			return nil, fmt.Errorf("the header %s makes net/http send a request again: leave it out", name)
		}
	}
	deadline, _ := ctx.Deadline()
	w.trace = httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			gate := gateOf(info.Conn)
			gate.arm(deadline)
			w.gate.Store(gate)
		},
		WroteHeaders: func() { w.headersWritten.Store(true) },
	}
	// Of a body that it is told of it would make a GetBody.
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, &w.trace), http.MethodPost, write.URL, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("cannot build the request: %w", err)
	}
	req.Header = write.Header
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(write.Body)), int64(len(write.Body))
	return req, nil
}

// proof says what is known once the request has failed. There are two proofs
// that no complete request left; either is enough.
//
// WroteHeaders never fired. net/http calls it when the end of the header has gone
// into the connection's buffer, and before the first byte of the body (request.go,
// write). A write has a body: without that call none of the body was ever handed to
// the connection, and what may have left is a part of the header.
//
// The connection took no byte since this request was given it. The gate counts
// them below net/http's buffer and below TLS, where all of them have to pass.
//
// Neither can change afterwards: RoundTrip fails only when it has got no connection,
// or after the write loop of the one it got has ended (transport.go, mapRoundTripError).
func (w *writeWatch) proof() Proof {
	if !w.headersWritten.Load() {
		return NotSent
	}
	if gate := w.gate.Load(); gate != nil && !gate.passed() {
		return NotSent
	}
	return MaybeSent
}

// gatedConn is a connection that lets nothing through after the deadline of the
// write it serves. The context's deadline alone would not do: a process that was
// stopped (SIGSTOP, a machine asleep) past it goes on where it was, and may get to
// write before the timer that would stop it has fired.
type gatedConn struct {
	net.Conn

	mu       sync.Mutex
	deadline time.Time
	took     bool
}

// Write fails with an error that wraps context.DeadlineExceeded when it is too late.
func (c *gatedConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	deadline := c.deadline
	c.mu.Unlock()
	if !deadline.IsZero() && !time.Now().Before(deadline) {
		return 0, errLate
	}
	n, err := c.Conn.Write(p)
	if n > 0 {
		c.mu.Lock()
		c.took = true
		c.mu.Unlock()
	}
	return n, err
}

// arm starts the count for a write that has just been given this connection.
func (c *gatedConn) arm(deadline time.Time) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline, c.took = deadline, false
}

// passed tells whether any byte got through since arm.
func (c *gatedConn) passed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.took
}

// gateOf finds the gate beneath TLS, or nil.
func gateOf(conn net.Conn) *gatedConn {
	for {
		switch c := conn.(type) {
		case *gatedConn:
			return c
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}

// gatedDial puts a gate in front of each connection, and makes it end hard:
// closing it throws away what is still unsent (SO_LINGER 0), and the kernel gives
// up on what is not acknowledged within the time-out, so that nothing arrives
// long after we gave up.
func gatedDial(dial DialFunc, timeout time.Duration) DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			if err := harden(tcp, timeout); err != nil {
				_ = conn.Close() // the first error is the one that tells
				return nil, err
			}
		}
		return &gatedConn{Conn: conn}, nil
	}
}

func harden(conn *net.TCPConn, timeout time.Duration) error {
	if err := conn.SetLinger(0); err != nil {
		return fmt.Errorf("cannot set SO_LINGER: %w", err)
	}
	return setUserTimeout(conn, timeout)
}
