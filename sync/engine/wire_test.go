package engine_test

import (
	"bytes"
	"context"
	"net"
	"sync"
	"syscall"
)

// buffer is where the program logs.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// wire is one process's way to the network.
type wire struct {
	to func(ctx context.Context, network, address string) (net.Conn, error)

	mu    sync.Mutex
	conns []net.Conn
	// refuse is how many of the next dials are refused; all of them when negative.
	refuse int
	// only limits that to the dials of one address, such as 127.0.0.1:2, and because is
	// what they end with; "" and nil mean any, and that nobody listens there.
	only    string
	because error
	dead    bool
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if err := w.refused(address); err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	conn, err := w.to(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	w.conns = append(w.conns, conn)
	return conn, nil
}

func (w *wire) refused(address string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.dead && (w.refuse == 0 || (w.only != "" && w.only != address)) {
		return nil
	}
	if w.refuse > 0 {
		w.refuse--
	}
	if w.because != nil {
		return w.because
	}
	return syscall.ECONNREFUSED
}

func (w *wire) refuseNext(dials int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = dials
}

// hangUp closes every connection; new ones may be made.
func (w *wire) hangUp() {
	w.mu.Lock()
	conns := w.conns
	w.conns = nil
	w.mu.Unlock()
	for _, conn := range conns {
		_ = conn.Close()
	}
}

// kill is what the kernel does to a killed process's connections.
func (w *wire) kill() {
	w.mu.Lock()
	w.dead = true
	w.mu.Unlock()
	w.hangUp()
}
