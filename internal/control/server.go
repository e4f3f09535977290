package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
)

const (
	headerTimeout = 10 * time.Second
	// readerPatience is how long a command may take nothing of a reply.
	readerPatience = 5 * time.Minute
	// backupPatience is the same for a backup: it keeps the pages of the moment it
	// began at, and a commit for which the file has to grow may wait for it.
	backupPatience = 20 * time.Second
	// lastWords is how long it may take nothing once its request is cancelled.
	lastWords = 2 * time.Second
)

// errClosing is why requests are cancelled when a server is closed.
var errClosing = errors.New("the daemon stops, or moves its control socket: it has broken this off, and what had been begun is in the state file")

// Options are what a Server answers with.
type Options struct {
	// Hello introduces the daemon.
	Hello Hello
	// Operator gives the one that answers, for each request.
	Operator func() Operator
	// ExitCode gives what a command ends with that failed with an error.
	ExitCode func(error) int
	Log      func() *zap.Logger
	// PeerUID gives the user at the other end; nil asks the system.
	PeerUID func(*net.UnixConn) (int, error)
}

// Server takes operators' requests on a socket until it is closed.
type Server struct {
	Options

	socket *Socket
	server *http.Server
	stop   context.CancelCauseFunc
	// ended is closed once the socket is no longer served.
	ended chan struct{}
}

// Serve begins to answer on the socket, which is the server's from now on. Root and
// the process's own user are answered; others' connections are closed. Only Close
// ends it, and not the end of ctx.
func Serve(ctx context.Context, socket *Socket, options Options) *Server {
	if options.PeerUID == nil {
		options.PeerUID = peerUID
	}
	s := &Server{Options: options, socket: socket, ended: make(chan struct{})}
	ctx, s.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	s.server = &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: headerTimeout,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	go func() {
		defer close(s.ended)
		err := s.server.Serve(&guarded{Socket: socket, admit: s.admit})
		if !errors.Is(err, http.ErrServerClosed) {
			s.Log().Error("operators are no longer answered on the control socket; restart the daemon",
				telemetry.Event(telemetry.ControlFailed), zap.String("path", socket.path), telemetry.Err(err))
		}
	}()
	return s
}

// Stands tells whether the socket can still be reached by its path.
func (s *Server) Stands() bool { return s.socket.stands() }

// Close ends the socket, cancels the requests under way and waits for them until
// ctx ends. An error says that some are still under way.
func (s *Server) Close(ctx context.Context) error {
	s.stop(errClosing)
	err := s.server.Shutdown(ctx)
	if err != nil {
		_ = s.server.Close() // it can only say again what Shutdown said
		err = fmt.Errorf("operators' requests are still under way: %w", err)
	}
	<-s.ended
	return err
}

// guarded accepts only those who are admitted.
type guarded struct {
	*Socket

	admit func(*net.UnixConn) bool
}

// Accept waits for the next one who is admitted.
func (g *guarded) Accept() (net.Conn, error) {
	for {
		conn, err := g.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if g.admit(conn) {
			return conn, nil
		}
		_ = conn.Close()
	}
}

func (s *Server) admit(conn *net.UnixConn) bool {
	uid, err := s.PeerUID(conn)
	if err == nil && (uid == 0 || uid == os.Geteuid()) {
		return true
	}
	s.Log().Warn("a process of another user was turned away from the control socket",
		telemetry.Event(telemetry.ControlRefused), zap.Int("uid", uid), telemetry.Err(err))
	return false
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	handle := func(name string, do operation) {
		mux.HandleFunc(http.MethodPost+" "+pathPrefix+name, func(w http.ResponseWriter, r *http.Request) {
			s.answer(name, do, w, r)
		})
	}
	for name, do := range operations() {
		handle(name, do)
	}
	handle(opHello, func(context.Context, Operator, *exchange) (any, error) { return s.Hello, nil })
	return mux
}

// answer does an operation, and ends its reply with the result or the error.
func (s *Server) answer(name string, do operation, w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	w.Header().Set("Content-Type", contentType)
	ctx := r.Context()
	x := &exchange{
		body: http.MaxBytesReader(w, r.Body, longestRequest), reply: w, control: http.NewResponseController(w), slow: readerPatience,
		over: func() bool { return ctx.Err() != nil },
	}
	defer context.AfterFunc(ctx, func() { _ = x.patience(lastWords) })()
	result, err := s.contained(ctx, name, do, x)
	last := frame[any]{Result: result}
	if err != nil {
		if errors.Is(err, context.Canceled) && errors.Is(context.Cause(ctx), errClosing) {
			err = errClosing
		}
		last.Error = &Error{Message: err.Error(), Code: s.ExitCode(err)}
	}
	unsent := x.send(last)
	s.Log().Debug("an operator was answered", telemetry.Event(telemetry.ControlAnswered),
		zap.String("operation", name), telemetry.Duration(time.Since(began)), telemetry.Err(errors.Join(err, unsent)))
}

// contained does an operation. A panic ends it and nothing else.
func (s *Server) contained(ctx context.Context, name string, do operation, x *exchange) (result any, err error) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		err = fmt.Errorf("a defect of this program ended it: %v; please report the daemon's log line %s with its stack",
			value, telemetry.ControlPanicked)
		s.Log().Error("please report this with the stack; the daemon goes on", telemetry.Event(telemetry.ControlPanicked),
			zap.String("operation", name), telemetry.Err(err), zap.ByteString("stack", debug.Stack()))
	}()
	return do(ctx, s.Operator(), x)
}

// exchange is one request and its reply.
type exchange struct {
	body    io.Reader
	reply   io.Writer
	control *http.ResponseController
	// over tells whether the request is cancelled.
	over func() bool
	// bulk is set for replies of many items, which leave when a buffer is full.
	bulk bool
	// slow is how long the reader may take nothing.
	slow time.Duration
}

// patience is how long the reader may take nothing from now on.
func (x *exchange) patience(d time.Duration) error {
	return x.control.SetWriteDeadline(time.Now().Add(d))
}

// read takes the argument. What this version does not know is refused: a newer
// command may mean by it that less be done.
func (x *exchange) read(argument any) error {
	decoder := json.NewDecoder(x.body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(argument)
	if err == nil {
		_, err = io.Copy(io.Discard, io.MultiReader(decoder.Buffered(), x.body)) // its end, from where on a hang-up is noticed
	}
	if err != nil {
		return fmt.Errorf("the daemon does not understand the request; if its version is another one, restart it: %w", err)
	}
	return nil
}

func (x *exchange) item(value any) error { return x.send(frame[any]{Item: value}) }

// newest gives a function that hands an item over without ever waiting for the
// reader, who is sent the newest whenever there is time; end waits for the last.
func (x *exchange) newest() (hand func(item any), end func()) {
	box, done := make(chan any, 1), make(chan struct{})
	go func() {
		defer close(done)
		for item := range box {
			_ = x.item(item) // a reader that is gone has cancelled the request
		}
	}()
	hand = func(item any) {
		for {
			select {
			case box <- item:
				return
			default:
			}
			select {
			case <-box:
			default:
			}
		}
	}
	return hand, func() { close(box); <-done }
}

// Write sends bytes as an item.
func (x *exchange) Write(p []byte) (int, error) {
	if err := x.item(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (x *exchange) send(line frame[any]) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	err = x.patience(x.slow)
	if x.over() {
		err = x.patience(lastWords)
	}
	if err != nil {
		return err
	}
	if _, err := x.reply.Write(append(text, '\n')); err != nil {
		return err
	}
	if x.bulk {
		return nil
	}
	return x.control.Flush()
}
