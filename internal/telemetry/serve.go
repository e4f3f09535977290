package telemetry

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// The limits of the server: it answers short questions of a few clients.
const (
	headerTimeout  = 5 * time.Second
	exchangeLimit  = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	longestHeaders = 16 << 10
)

// Listen opens the address for metrics and health, host:port. Its error names the
// address and says what to do.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf(
			"metrics and health cannot be served on %s: end what else listens there, or change metrics.listen (\"\" is off): %w",
			address, err)
	}
	return listener, nil
}

// Server serves HTTP until it is closed.
type Server struct {
	server *http.Server
	// ended is closed once the listener is no longer served.
	ended chan struct{}
}

// Serve begins to answer on the listener, which is the server's from now on. What
// net/http has to complain of goes to the standard logger.
func Serve(listener net.Listener, handler http.Handler) *Server {
	s := &Server{
		server: &http.Server{
			Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: exchangeLimit, WriteTimeout: exchangeLimit,
			IdleTimeout: idleTimeout, MaxHeaderBytes: longestHeaders,
		},
		ended: make(chan struct{}),
	}
	go func() {
		defer close(s.ended)
		_ = s.server.Serve(listener) // it ends with an error always: the listener was closed
	}()
	return s
}

// Close lets the exchanges under way finish until ctx ends, then cuts them. The
// error says that it had to.
func (s *Server) Close(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if err != nil {
		_ = s.server.Close() // it can only say again what Shutdown said
		err = fmt.Errorf("the server of metrics and health was cut off: %w", err)
	}
	<-s.ended
	return err
}
