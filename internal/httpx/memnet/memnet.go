// Package memnet is a network in memory for tests: real HTTP clients and servers
// talk over net.Pipe, so they also run in a testing/synctest bubble, where
// sockets would stop virtual time.
package memnet

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Net is a listener, and the dialer that reaches it under every address.
type Net struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	dials  atomic.Int64
}

// New gives a network on which nobody accepts yet.
func New() *Net {
	return &Net{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// ErrRefused is what DialContext returns once the network is closed.
var ErrRefused = errors.New("memnet: connection refused")

// DialContext waits until the listener accepts.
func (n *Net) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	n.dials.Add(1)
	here, there := net.Pipe()
	select {
	case n.conns <- there:
		return here, nil
	case <-n.closed:
		return nil, ErrRefused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Dials counts the connections asked for.
func (n *Net) Dials() int { return int(n.dials.Load()) }

// Accept gives the other end of the next connection.
func (n *Net) Accept() (net.Conn, error) {
	select {
	case conn := <-n.conns:
		return conn, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

// Close refuses connections from now on.
func (n *Net) Close() error {
	n.once.Do(func() { close(n.closed) })
	return nil
}

// Addr is a name only.
func (n *Net) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "memory"} }

// Serve answers with the handler until stop is called, which also closes every
// connection and waits for the server to be over.
func (n *Net) Serve(handler http.Handler) (stop func()) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Hour}
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = server.Serve(n) // http.ErrServerClosed, once stopped
	}()
	return func() {
		_ = server.Close()
		<-over
	}
}
