package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	connectorPrefix = "/api/connector/v1/"
	v4Prefix        = "/ResourceServer/api/v4/"
	loginPrefix     = "/AuthorizationServer/api/v4/"
	adminPrefix     = "/simulator/"
)

// mostBody is the largest request that either API takes; the next is 413 [D].
const mostBody = 8 << 20

// api is one of the two: how its addresses are told apart.
type api struct {
	name, prefix string
	route        func(*http.Request) operation
}

// operation is what an address does. authorize and run are called with the
// world's lock held; authorize gives a refusal, or nil. With commit false, run
// gives the reply that it would and changes nothing.
type operation struct {
	name      string
	write     bool
	authorize func(*call) *reply
	run       func(c *call, commit bool) reply
}

// call is one request on its way.
type call struct {
	api       *api
	op        operation
	entry     Request
	request   *http.Request
	body      []byte
	requestID string
	// enterprise is the one whose AccessToken was sent; throttled how long it has to wait.
	enterprise *enterprise
	throttled  time.Duration
	// tenant is the one whose bearer token was sent.
	tenant *tenant
	// occasion counts the requests of this operation and key, from 1.
	occasion int
}

// reply is what is answered when no fault comes between.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// handler runs one API's requests.
func (w *World) handler(a *api) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !w.enter() {
			cut(rw, true)
			return
		}
		defer w.handlers.Done()
		c := &call{api: a, op: a.route(r), request: r}
		w.begin(c)
		defer w.finish(c)
		w.serve(r.Context(), c, rw)
	})
}

// serve takes a request through the faults to its reply.
func (w *World) serve(ctx context.Context, c *call, rw http.ResponseWriter) {
	if f := w.pick(c, true); f != nil {
		cut(rw, true)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, c.request.Body, mostBody))
	if err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			w.send(c, rw, w.status(c, http.StatusRequestEntityTooLarge, "the request is too large"))
			return
		}
		cut(rw, true) // the client went away in the middle: nothing complete has arrived
		return
	}
	c.body = body
	w.learn(c)
	fault := w.pick(c, false)
	if !w.pause(ctx, w.Settings().Latency) {
		return
	}
	if fault != nil {
		w.spoil(ctx, c, fault, rw)
		return
	}
	w.send(c, rw, w.perform(c, true))
}

// perform does what the request asks for.
func (w *World) perform(c *call, commit bool) reply {
	w.mu.Lock()
	defer w.mu.Unlock()
	if refusal := c.op.authorize(c); refusal != nil {
		return *refusal
	}
	return c.op.run(c, commit)
}

func (w *World) begin(c *call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.requestID = newUUID(w.ids).String()
	c.entry = Request{
		API: c.api.name, Operation: c.op.name, Method: c.request.Method, Path: c.request.URL.EscapedPath(),
	}
	w.arrive(&c.entry, c.op.write)
	if c.op.write && c.request.Header.Get("Idempotency-Key") != "" {
		w.violation("a %s carries an Idempotency-Key, which makes net/http resend it and means nothing here", c.op.name)
	}
}

func (w *World) finish(c *call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.op.write {
		w.writes--
	}
	w.note(c.entry)
}

// learn reads from the body what the log, the faults and the rate limit need,
// however wrong the rest of it may be.
func (w *World) learn(c *call) {
	var body map[string]json.RawMessage
	if json.Unmarshal(c.body, &body) != nil {
		body = nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch c.op.name {
	case OpCreate:
		c.entry.Key = text(body["transactionToken"])
	case OpCapture:
		c.entry.Key = string(body[w.settings.CaptureField])
	default:
	}
	if token := text(body["AccessToken"]); c.api == w.connector && token != "" {
		w.meter(c, token)
	}
	if len(w.rules) > 0 || w.chaos != nil {
		occasion := c.op.name + " " + c.entry.Key
		w.occasions[occasion]++
		c.occasion = w.occasions[occasion]
	}
	w.note(c.entry)
	c.entry.Body = c.body
}

// meter counts a request of the Connector API against its token's limit.
func (w *World) meter(c *call, token string) {
	for _, e := range w.enterprises {
		if e.AccessToken != token {
			continue
		}
		c.enterprise, c.entry.Property = e, e.Name
		within, wait := e.window.take(w.now(), w.settings.RateLimit, w.settings.RateWindow)
		if !within {
			c.throttled = wait
			w.violation("%s is above %d requests in %s", e.Name, w.settings.RateLimit, w.settings.RateWindow)
		}
		return
	}
}

// send answers.
func (w *World) send(c *call, rw http.ResponseWriter, r reply) {
	w.head(c, rw, r)
	_, _ = rw.Write(r.body) // a client that went away is no concern of a server
}

// head answers without the body, but says how long it is.
func (w *World) head(c *call, rw http.ResponseWriter, r reply) {
	h := rw.Header()
	maps.Copy(h, r.header)
	if c.api == w.connector {
		h.Set("Request-Id", c.requestID) // [D] on every reply
	}
	if h.Get("Content-Type") == "" && len(r.body) > 0 {
		h.Set("Content-Type", contentTypeOf(r.body))
	}
	if h.Get("Content-Length") == "" && r.status != http.StatusNoContent && r.status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(len(r.body)))
	}
	w.answered(c, r.status)
	rw.WriteHeader(r.status)
}

// answered notes the status before the client can see it, so that who has the
// reply finds it in the log.
func (w *World) answered(c *call, status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.entry.Status = status
	w.note(c.entry)
}

func contentTypeOf(body []byte) string {
	if body[0] == '{' || body[0] == '[' {
		return "application/json; charset=utf-8"
	}
	return "text/html; charset=utf-8"
}

// status is the reply of either API to what it refuses before looking at it.
func (w *World) status(c *call, status int, message string) reply {
	if c.api == w.connector {
		return connectorRefusal(c, status, message)
	}
	return page(status)
}

// page is a reply that is no JSON, as servers give in front of an API [I].
func page(status int) reply {
	text := strconv.Itoa(status) + " " + http.StatusText(status)
	return reply{status: status, body: []byte("<html><head><title>" + text + "</title></head><body><h1>" + text +
		"</h1></body></html>\r\n")}
}

// text gives the string of a JSON string, else "".
func text(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// isJSON tells whether a request's body says that it is JSON, in UTF-8 if it says more.
func isJSON(r *http.Request) bool {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "application/json")
}
