// Package server is the other side of a benchmark: the Connector API and v4 on loopback,
// as little work as possible for each request, so that it never is what is measured.
// Polls are answered with bytes that were rendered before, and there is no net/http.
//
// It answers truthfully, so that token proof, start-up questions and audit find what
// was created. It refuses nothing that could be refused: that is the simulator's.
package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// Server serves one World. Serve may be called once.
type Server struct {
	mu      sync.RWMutex
	replies *replies
	holds   *holds
	counts  counts
	// latency is how long v4 takes for a create or a capture.
	latency time.Duration
}

// New makes a server whose v4 holds nothing, and takes so long for each write.
func New(world *World, latency time.Duration) *Server {
	return &Server{replies: newReplies(world), holds: newHolds(world.Preauthorizations()), latency: latency}
}

// Serve answers until ctx ends or the listener fails.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the server takes no more connections: %w", err)
		}
		go s.converse(ctx, conn)
	}
}

// mostRequest bounds a request's body: a poll of 1000 customers has 40 KB.
const mostRequest = 128 << 10

// conversation is one connection.
type conversation struct {
	in *bufio.Reader
	// body and out are a reply to a write, and the reply being sent.
	body, out []byte
	timer     *timer
}

// converse answers one request after the other, each with one write.
func (s *Server) converse(ctx context.Context, conn net.Conn) {
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() { _ = conn.Close() }()
	timer, err := newTimer()
	if err != nil {
		return // no more of them are to be had; the client is told by the end
	}
	defer timer.close()
	c := &conversation{in: bufio.NewReaderSize(conn, mostRequest), timer: timer}
	for {
		r, err := c.read()
		if err != nil {
			return // the other side has gone, or talks of something else
		}
		answer := s.answer(c, r)
		if _, err := conn.Write(answer); err != nil {
			return
		}
		if _, err := c.in.Discard(len(r.body)); err != nil {
			return
		}
	}
}

// request is one of a client's. Its body is gone with the next.
type request struct {
	route route
	// rest is what follows upon the route in the path.
	rest string
	page pagination
	body []byte
}

// pagination is what v4's header of that name asks for.
type pagination struct{ number, size int }

// read reads a request: its route, the two headers that matter, and its body, which
// stays in the buffer.
func (c *conversation) read() (request, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return request{}, err
	}
	_, line, _ = bytes.Cut(line, []byte(" "))
	path, _, found := bytes.Cut(line, []byte(" "))
	if !found {
		return request{}, errNoRequest
	}
	r := routed(path)
	size := 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return request{}, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if err := r.header(line, &size); err != nil {
			return request{}, err
		}
	}
	r.body, err = c.in.Peek(size)
	return r, err
}

var errNoRequest = errors.New("this is no request")

func (r *request) header(line []byte, size *int) (err error) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	switch {
	case bytes.EqualFold(name, []byte("Content-Length")):
		*size, err = strconv.Atoi(string(bytes.TrimSpace(value)))
	case bytes.EqualFold(name, []byte("Pagination")):
		r.page, err = paginationOf(value)
	}
	return err
}

// answer gives a whole reply. It is gone with the conversation's next.
func (s *Server) answer(c *conversation, r request) []byte {
	s.counts.begin(r.route)
	switch r.route {
	case toPoll:
		return s.poll(r.body)
	case toConfiguration:
		return c.reply(s.configuration())
	case toLogin:
		return c.reply([]byte(`{"access_token":"token-of-the-login","token_type":"bearer","expires_in":1800}`))
	case toCreate:
		return c.write(s, s.holds.create, r.body)
	case toCapture:
		return c.write(s, s.holds.capture, r.body)
	case toSearch:
		return c.tell(s.holds.search(r.body))
	case toPaged:
		return c.tell(s.holds.paged(r.page), nil)
	case toControl:
		return c.tell(s.control(r.rest))
	default:
		return appendReply(c.out[:0], statusNotFound, nil)
	}
}

func (s *Server) poll(body []byte) []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	answer, err := s.replies.poll(body)
	if err != nil {
		return appendReply(nil, statusRefused, refusal(err))
	}
	return answer
}

// configuration names the enterprise, and the time.
func (*Server) configuration() []byte {
	return fmt.Appendf(nil, `{"NowUtc":%q,"Enterprise":{"Id":"0e000000-0000-4000-8000-000000000000","Name":"bench"}}`,
		time.Now().UTC().Format(time.RFC3339))
}

// write answers a create or a capture once its time is over.
func (c *conversation) write(s *Server, do func(into, body []byte) ([]byte, error), body []byte) []byte {
	defer s.counts.write()()
	var err error
	if s.latency > 0 {
		err = c.timer.wait(s.latency)
	}
	if err == nil {
		c.body, err = do(c.body[:0], body)
	}
	return c.tell(c.body, err)
}

func (c *conversation) reply(body []byte) []byte { return c.tell(body, nil) }

// tell gives the reply with a body, or with an error.
func (c *conversation) tell(body []byte, err error) []byte {
	status := statusOK
	if err != nil {
		status, body = statusRefused, refusal(err)
	}
	c.out = appendReply(c.out[:0], status, body)
	return c.out
}

func refusal(err error) []byte {
	return fmt.Appendf(nil, `{"Message":%q,"errors":[{"code":1,"message":%q}]}`, err, err)
}
