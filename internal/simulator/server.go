package simulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// slowHeaders is how long a client may take to send its headers.
const slowHeaders = 10 * time.Second

// Server serves a World, over TCP on loopback or in memory.
type Server struct {
	listener net.Listener
	server   *http.Server
	done     chan struct{}
}

// Listen serves the world's Handler at an address such as 127.0.0.1:0, and
// gives an error for any that is not a loopback one: a simulator is nobody
// else's business. Localhost means 127.0.0.1. Close ends it.
func Listen(addr string, w *World) (*Server, error) {
	return ListenHandler(addr, w.Handler())
}

// ListenHandler serves a part of a world, such as its V4, in the same way.
func ListenHandler(addr string, handler http.Handler) (*Server, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("the simulator's address %q must be HOST:PORT: %w", addr, err)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("the simulator listens only on loopback, such as 127.0.0.1:0, not on %q", addr)
	}
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("the simulator cannot listen on %s: %w", addr, err)
	}
	return serve(listener, handler), nil
}

func serve(listener net.Listener, handler http.Handler) *Server {
	s := &Server{
		listener: listener, done: make(chan struct{}),
		server: &http.Server{Handler: handler, ReadHeaderTimeout: slowHeaders},
	}
	go func() {
		defer close(s.done)
		_ = s.server.Serve(listener) // it always ends with an error: the listener was closed
	}()
	return s
}

// Addr is the host and port that it listens on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// URL is http://, and the host and port that it listens on.
func (s *Server) URL() string { return "http://" + s.Addr() }

// Close closes the listener and every connection. It does not close the world.
func (s *Server) Close() error {
	err := s.server.Close()
	<-s.done
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Memory serves a world over net.Pipe, for tests in virtual time: real sockets
// do not work in a testing/synctest bubble.
type Memory struct {
	*Server
	pipes *pipes
}

// Memory begins to serve the world's Handler in memory. Close ends it, and has
// to be called before the bubble's end.
func (w *World) Memory() *Memory {
	p := &pipes{incoming: make(chan net.Conn), closed: make(chan struct{})}
	return &Memory{Server: serve(p, w.Handler()), pipes: p}
}

// DialContext connects to the world, whatever the address. It is for
// http.Transport.
func (m *Memory) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case m.pipes.incoming <- far:
		return near, nil
	case <-m.pipes.closed:
		return nil, fmt.Errorf("the simulator in memory: %w", net.ErrClosed)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// URL is an address that DialContext leads to this world.
func (m *Memory) URL() string { return "http://" + memoryHost }

// memoryHost counts as loopback for who asks, and never leaves the process.
const memoryHost = "127.0.0.1:1"

// pipes is a listener whose connections are the far ends of net.Pipe.
type pipes struct {
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

// Accept gives the next far end.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.incoming:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close refuses every later connection.
func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr is the made-up address.
func (p *pipes) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

// Network says that it is no real one.
func (pipeAddr) Network() string { return "pipe" }

// String is the made-up address.
func (pipeAddr) String() string { return memoryHost }
