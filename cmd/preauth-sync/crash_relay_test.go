package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// extent says how much of a message gets through.
type extent int

const (
	nothing extent = iota
	halfTheHead
	theHead
	halfTheBody
	everything
)

// message is an HTTP request or reply as its bytes.
type message struct{ head, body []byte }

// readMessage reads one that says how long it is.
func readMessage(r *bufio.Reader) (m message, err error) {
	length := 0
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return m, err
		}
		m.head = append(m.head, line...)
		name, value, _ := strings.Cut(strings.TrimSpace(string(line)), ":")
		if name == "" {
			break
		}
		if strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return m, err
			}
		}
	}
	m.body = make([]byte, length)
	_, err = io.ReadFull(r, m.body)
	return m, err
}

func (m message) first(e extent) []byte {
	switch e {
	case nothing:
		return nil
	case halfTheHead:
		return m.head[:len(m.head)/2]
	case theHead:
		return m.head
	case halfTheBody:
		return slices.Concat(m.head, m.body[:len(m.body)/2])
	case everything:
	}
	return slices.Concat(m.head, m.body)
}

// cut is a place in an exchange.
type cut struct {
	name           string
	request, reply extent
}

// relay stands between the program and v4, and cuts one exchange.
type relay struct {
	listener net.Listener
	v4       string
	open     sync.WaitGroup

	mu sync.Mutex
	// line begins the request line of what is cut, after so many of its kind; an empty
	// one cuts nothing.
	line  string
	after int
	cut   cut
	// reached is called at the cut, before any connection ends.
	reached func()
}

// relayed puts a relay before the world's v4, and tells the configuration.
func (s *served) relayed(t *testing.T) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, v4: s.server.Addr()}
	before, v4, _ := strings.Cut(read(t, s.config), "v4:\n")
	write(t, s.config, before+"v4:\n"+strings.ReplaceAll(v4, s.url, "http://"+listener.Addr().String()))
	r.open.Go(r.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		r.open.Wait()
	})
	return r
}

// at cuts the request whose line begins so, after others of its kind.
func (r *relay) at(line string, after int, where cut, reached func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.line, r.after, r.cut, r.reached = line, after, where, reached
}

// next gives the cut for a request, once.
func (r *relay) next(request message) (where cut, reached func(), cuts bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.line == "" || !strings.HasPrefix(string(request.head), r.line) {
		return cut{}, nil, false
	}
	if r.after > 0 {
		r.after--
		return cut{}, nil, false
	}
	r.line = ""
	return r.cut, r.reached, true
}

func (r *relay) accept() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.open.Go(func() {
			defer func() { _ = near.Close() }()
			far, err := net.Dial("tcp", r.v4)
			if err != nil {
				return
			}
			defer func() { _ = far.Close() }()
			requests, replies := bufio.NewReader(near), bufio.NewReader(far)
			for err == nil {
				err = r.exchange(near, far, requests, replies)
			}
		})
	}
}

var errCut = errors.New("the exchange was cut")

func (r *relay) exchange(near, far io.Writer, requests, replies *bufio.Reader) error {
	request, err := readMessage(requests)
	if err != nil {
		return err
	}
	where, reached, cuts := r.next(request)
	if !cuts {
		where = cut{request: everything, reply: everything}
	}
	if _, err := far.Write(request.first(where.request)); err != nil {
		return err
	}
	if where.request == everything {
		reply, err := readMessage(replies)
		if err != nil {
			return err
		}
		if _, err := near.Write(reply.first(where.reply)); err != nil {
			return err
		}
	}
	if !cuts {
		return nil
	}
	reached()
	return errCut
}
