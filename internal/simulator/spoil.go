package simulator

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// spoil answers a request that meets a fault.
func (w *World) spoil(ctx context.Context, c *call, f *Fault, rw http.ResponseWriter) {
	if f.Kind == KindLateEffect {
		w.spoilLate(c, f, rw)
		return
	}
	var right reply
	if f.After {
		right = w.perform(c, true)
	}
	if f.Kind != KindSlowBody && !w.pause(ctx, f.Delay) {
		cut(rw, true)
		return
	}
	switch f.Kind {
	case KindReset, KindResetUnread:
		cut(rw, true)
		return
	case KindHang:
		w.pause(ctx, -1)
		cut(rw, true)
		return
	case KindStatus, KindThrottle, KindRedirect:
		w.send(c, rw, w.instead(c, f))
		return
	default:
	}
	if !f.After {
		right = w.perform(c, !c.op.write || f.Kind == KindDelay || f.Kind == KindInformationalFlood || f.Kind == KindSlowBody)
	}
	w.spoilReply(ctx, c, f, rw, right)
}

// spoilLate answers at once and lets the request take effect later.
func (w *World) spoilLate(c *call, f *Fault, rw http.ResponseWriter) {
	w.mu.Lock()
	refusal := c.op.authorize(c)
	w.mu.Unlock()
	if refusal != nil {
		w.send(c, rw, *refusal)
		return
	}
	w.later(f.Delay, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		c.op.run(c, true)
	})
	if f.Status == 0 {
		cut(rw, true)
		return
	}
	w.send(c, rw, w.instead(c, f))
}

// instead is the reply of the kinds that have nothing to do with the right one.
func (w *World) instead(c *call, f *Fault) reply {
	status := f.Status
	header := f.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	switch f.Kind {
	case KindThrottle:
		status = http.StatusTooManyRequests
		if f.RetryAfter != "" {
			header.Set("Retry-After", f.RetryAfter)
		}
	case KindRedirect:
		if status == 0 {
			status = http.StatusTemporaryRedirect
		}
		header.Set("Location", orText(f.Location, c.entry.Path))
	default:
		if status == 0 {
			status = http.StatusServiceUnavailable
		}
	}
	r := w.status(c, status, "simulated "+http.StatusText(status))
	if f.Body != "" {
		r.body = []byte(f.Body)
	}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		r.body = nil
	}
	r.header = header
	return r
}

func orText(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// spoilReply sends the right reply wrongly.
func (w *World) spoilReply(ctx context.Context, c *call, f *Fault, rw http.ResponseWriter, right reply) {
	switch f.Kind {
	case KindTruncatedBody, KindHeadersOnly:
		w.sendPart(c, f, rw, right)
	case KindSlowBody:
		w.sendSlowly(ctx, c, f, rw, right)
	case KindInformationalFlood:
		for range orSize(f.Size, 1000) {
			if ctx.Err() != nil {
				return
			}
			rw.WriteHeader(http.StatusEarlyHints)
		}
		w.send(c, rw, right)
	case KindHugeBody:
		right.header = http.Header{"Content-Length": {fmt.Sprint(orSize(f.Size, 10<<30))}}
		w.head(c, rw, right)
		w.pour(ctx, rw, `{"trackingId": "`, "a", orSize(f.Size, 10<<30))
	case KindGzipBomb:
		rw.Header().Set("Content-Encoding", "gzip")
		rw.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.answered(c, right.status)
		rw.WriteHeader(right.status)
		packed := gzip.NewWriter(rw)
		w.pour(ctx, packed, "{", " ", orSize(f.Size, 1<<30))
		_ = packed.Close() // it only fails when the client has gone
	case KindEndlessHeaders:
		w.pourHeaders(ctx, c, rw, orSize(f.Size, 1<<30))
	default:
		w.send(c, rw, spoilBody(f, right))
	}
}

func orSize(size, other int64) int64 {
	if size == 0 {
		return other
	}
	return size
}

// spoilBody changes what the body says; KindDelay leaves it as it is.
func spoilBody(f *Fault, right reply) reply {
	switch f.Kind {
	case KindEmptyBody:
		right.body = nil
	case KindHTMLBody:
		right.body = page(right.status).body
	case KindGarbageJSON:
		right.body = right.body[:len(right.body)*2/3]
	case KindWrongTypes:
		right.body = quoteNumbers(right.body)
	case KindErrorsBesideSuccess:
		inside, _ := strings.CutPrefix(string(right.body), "{")
		right.body = []byte(`{"errors":[{"code":1,"message":"simulated error beside success"}],` + inside)
	case KindRewrite:
		right.status, right.body = f.Rewrite(right.status, right.body)
	default:
	}
	return right
}

// quoteNumbers makes every number of a JSON text a string.
func quoteNumbers(body []byte) []byte {
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return []byte(`"wrong"`)
	}
	changed, err := json.Marshal(quoted(value))
	if err != nil {
		return []byte(`"wrong"`)
	}
	return changed
}

func quoted(value any) any {
	switch v := value.(type) {
	case json.Number:
		return v.String()
	case map[string]any:
		for name := range v {
			v[name] = quoted(v[name])
		}
	case []any:
		for i := range v {
			v[i] = quoted(v[i])
		}
	}
	return value
}

// sendPart announces the whole body, sends a part and hangs up. It hangs up
// softly: a reset could overtake the part.
func (w *World) sendPart(c *call, f *Fault, rw http.ResponseWriter, right reply) {
	w.head(c, rw, right)
	size := 0
	if f.Kind == KindTruncatedBody {
		size = min(int(orSize(f.Size, int64(len(right.body)/2))), max(len(right.body)-1, 0))
	}
	_, _ = rw.Write(right.body[:size])
	_ = http.NewResponseController(rw).Flush()
	cut(rw, false)
}

func (w *World) sendSlowly(ctx context.Context, c *call, f *Fault, rw http.ResponseWriter, right reply) {
	each := f.Delay
	if each == 0 {
		each = time.Second
	}
	w.head(c, rw, right)
	flush := http.NewResponseController(rw).Flush
	for i := range right.body {
		if flush() != nil || !w.pause(ctx, each) {
			cut(rw, true)
			return
		}
		if _, err := rw.Write(right.body[i : i+1]); err != nil {
			return
		}
	}
}

// pour writes so many bytes, until the client has had enough.
func (w *World) pour(ctx context.Context, to io.Writer, first, then string, size int64) {
	block := []byte(strings.Repeat(then, max(1, 64<<10/len(then))))
	written, err := io.WriteString(to, first[:min(int64(len(first)), size)])
	for left := size - int64(written); left > 0 && err == nil && ctx.Err() == nil && w.pause(ctx, 0); {
		n, failure := to.Write(block[:min(left, int64(len(block)))])
		left, err = left-int64(n), failure
	}
}

func (w *World) pourHeaders(ctx context.Context, c *call, rw http.ResponseWriter, size int64) {
	const patience = 30 * time.Second // the server no longer looks after a hijacked connection
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = conn.Close() }()
	w.answered(c, http.StatusOK)
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n"); err != nil {
		return
	}
	line := "X-Endless: " + strings.Repeat("a", 4000) + "\r\n"
	w.pour(ctx, conn, line, line, size)
}

// cut closes the connection without another word; hard with a reset, so that
// nothing that is still unsent arrives. It needs HTTP/1.
func cut(rw http.ResponseWriter, hard bool) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // net/http's own way to hang up
	}
	inner := conn
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok {
		inner = wrapped.NetConn()
	}
	if tcp, ok := inner.(*net.TCPConn); ok && hard {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
