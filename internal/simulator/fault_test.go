package simulator_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// effectsNow needs no waiting: an effect comes before its connection is cut.
func effectsNow(b *bench) int { return len(b.world.Effects()) }

func TestEachKindOfFaultOverTCP(t *testing.T) {
	fails := func(t *testing.T, got answer) {
		t.Helper()
		if got.err == nil {
			t.Errorf("it was answered: %+v", got)
		}
	}
	resets := func(t *testing.T, got answer) {
		t.Helper()
		if !errors.Is(got.err, syscall.ECONNRESET) {
			t.Errorf("no reset: %+v", got)
		}
	}
	status := func(want int) func(*testing.T, answer) {
		return func(t *testing.T, got answer) {
			t.Helper()
			if got.err != nil || got.status != want {
				t.Errorf("want %d, got %+v", want, got)
			}
		}
	}
	body := func(good func(string) bool) func(*testing.T, answer) {
		return func(t *testing.T, got answer) {
			t.Helper()
			if got.err != nil || got.status != 200 || !good(got.body) {
				t.Errorf("%+v", got)
			}
		}
	}
	cases := []struct {
		name   string
		fault  simulator.Fault
		expect func(*testing.T, answer)
		effect bool
	}{
		{"a status", simulator.Fault{Kind: simulator.KindStatus, Status: 502}, status(502), false},
		{"a status after the effect", simulator.Fault{Kind: simulator.KindStatus, After: true}, status(503), true},
		{"no content after the effect", simulator.Fault{Kind: simulator.KindStatus, Status: 204, After: true}, status(204), true},
		{"a throttle", simulator.Fault{Kind: simulator.KindThrottle, RetryAfter: "1000000000000"}, func(t *testing.T, got answer) {
			t.Helper()
			if got.status != 429 || got.header.Get("Retry-After") != "1000000000000" {
				t.Errorf("%+v", got)
			}
		}, false},
		{"a redirect", simulator.Fault{Kind: simulator.KindRedirect, Status: 308}, func(t *testing.T, got answer) {
			t.Helper()
			if got.status != 308 || got.header.Get("Location") != createPath {
				t.Errorf("%+v", got)
			}
		}, false},
		{"a reset before the effect", simulator.Fault{Kind: simulator.KindReset}, resets, false},
		{"a reset after the effect", simulator.Fault{Kind: simulator.KindReset, After: true}, resets, true},
		{"a reset before the body is read", simulator.Fault{Kind: simulator.KindResetUnread}, resets, false},
		{"a delay", simulator.Fault{Kind: simulator.KindDelay, Delay: time.Millisecond}, status(200), true},
		{"a truncated body", simulator.Fault{Kind: simulator.KindTruncatedBody, Size: 10, After: true}, func(t *testing.T, got answer) {
			t.Helper()
			if !errors.Is(got.err, io.ErrUnexpectedEOF) || got.status != 200 || len(got.body) != 10 {
				t.Errorf("%+v", got)
			}
		}, true},
		{"headers only", simulator.Fault{Kind: simulator.KindHeadersOnly, After: true}, func(t *testing.T, got answer) {
			t.Helper()
			if got.err == nil || got.status != 200 || got.body != "" {
				t.Errorf("%+v", got)
			}
		}, true},
		{"an empty body", simulator.Fault{Kind: simulator.KindEmptyBody, After: true}, body(func(s string) bool { return s == "" }), true},
		{"an HTML body without effect", simulator.Fault{Kind: simulator.KindHTMLBody}, body(isHTML), false},
		{"garbage", simulator.Fault{Kind: simulator.KindGarbageJSON, After: true}, body(func(s string) bool {
			return strings.HasPrefix(s, "{") && !json.Valid([]byte(s))
		}), true},
		{"wrong types", simulator.Fault{Kind: simulator.KindWrongTypes, After: true}, body(func(s string) bool {
			return strings.Contains(s, `"identity":"1"`) && strings.Contains(s, `"amount":"22.5"`)
		}), true},
		{"errors beside success", simulator.Fault{Kind: simulator.KindErrorsBesideSuccess, After: true}, body(func(s string) bool {
			return json.Valid([]byte(s)) && strings.Contains(s, `"errors":[{`) && strings.Contains(s, `"identity":1`)
		}), true},
		{"a rewritten reply", simulator.Fault{Kind: simulator.KindRewrite, After: true, Rewrite: func(status int, body []byte) (int, []byte) {
			return status, []byte(strings.Replace(string(body), `"identity":1,`, `"identity":-1,`, 1))
		}}, body(func(s string) bool { return strings.Contains(s, `"identity":-1,`) }), true},
		{"a few informational replies", simulator.Fault{Kind: simulator.KindInformationalFlood, Size: 3}, status(200), true},
		{"a flood of informational replies", simulator.Fault{Kind: simulator.KindInformationalFlood, Size: 1 << 20}, fails, false},
		{"a slow body", simulator.Fault{Kind: simulator.KindSlowBody, Delay: time.Microsecond}, status(200), true},
		{"a huge body", simulator.Fault{Kind: simulator.KindHugeBody, After: true}, body(func(s string) bool { return len(s) == 4<<20 }), true},
		{"a gzip bomb", simulator.Fault{Kind: simulator.KindGzipBomb, Size: 1 << 20}, func(t *testing.T, got answer) {
			t.Helper()
			if got.header.Get("Content-Encoding") != "gzip" || len(got.body) > 1<<16 || got.body == "" {
				t.Errorf("%d bytes, %+v", len(got.body), got.header)
			}
		}, false},
		{"endless headers", simulator.Fault{Kind: simulator.KindEndlessHeaders, After: true}, fails, true},
	}
	covered := map[simulator.Kind]bool{simulator.KindHang: true, simulator.KindLateEffect: true} // in virtual time
	for _, c := range cases {
		covered[c.fault.Kind] = true
		t.Run(c.name, func(t *testing.T) {
			b := overTCP(t)
			c.fault.API, c.fault.Operation, c.fault.Times = simulator.APIV4, simulator.OpCreate, 1
			b.world.Inject(c.fault)
			c.expect(t, b.create("aa"))
			if c.fault.Kind == simulator.KindInformationalFlood && c.fault.Size > 1000 {
				return // whether the effect came depends on when the client gave up
			}
			if got := effectsNow(b) == 1; got != c.effect {
				t.Errorf("took effect: %v", got)
			}
			if got := b.world.Requests()[0].Fault; got != c.fault.Kind {
				t.Errorf("the log has the fault %q", got)
			}
			if got := b.create("bb"); got.status != http.StatusOK {
				t.Errorf("the fault goes on: %+v", got)
			}
		})
	}
	for _, kind := range simulator.Kinds() {
		if !covered[kind] {
			t.Errorf("the kind %s has no case", kind)
		}
	}
}

func isHTML(s string) bool { return strings.HasPrefix(s, "<html>") }

func TestFaultsChooseTheirRequests(t *testing.T) {
	b := overTCP(t)
	statuses := func(tokens ...string) string {
		var all []string
		for _, token := range tokens {
			all = append(all, http.StatusText(b.create(token).status)[:2])
		}
		return strings.Join(all, " ")
	}
	check := func(name, want, got string) {
		t.Helper()
		b.world.ClearFaults()
		if got != want {
			t.Errorf("%s: want %s, got %s", name, want, got)
		}
	}
	const teapot = 418 // "I'm a teapot"
	b.world.Inject(simulator.Fault{Operation: simulator.OpCreate, Nth: 2, Kind: simulator.KindStatus, Status: teapot})
	check("the second only", "OK I' OK", statuses("a", "b", "c"))
	b.world.Inject(simulator.Fault{Nth: 2, Times: 2, Kind: simulator.KindStatus, Status: teapot})
	check("the second and the third", "OK I' I' OK", statuses("a", "b", "c", "d"))
	b.world.Inject(simulator.Fault{Kind: simulator.KindStatus, Status: teapot, Match: func(r simulator.Request) bool {
		return r.Key == "b" && len(b.world.Effects()) >= 0 && strings.Contains(string(r.Body), `"amount"`)
	}})
	check("those that match", "OK I' OK I'", statuses("a", "b", "c", "b"))
	b.world.Inject(simulator.Fault{Operation: simulator.OpCapture, Kind: simulator.KindStatus, Status: teapot})
	b.world.Inject(simulator.Fault{API: simulator.APIConnector, Kind: simulator.KindStatus, Status: teapot})
	check("those of other operations", "OK OK", statuses("a", "b"))
	cancel := b.world.Inject(simulator.Fault{Kind: simulator.KindStatus, Status: teapot})
	first := statuses("a")
	cancel()
	check("a rule until it is cancelled", "I' OK", first+" "+statuses("a"))
	b.world.Inject(simulator.Fault{Kind: simulator.KindStatus, Status: teapot, Probability: 0.5})
	some := statuses(strings.Split("a b c d e f g h i j k l m n o p q r s t", " ")...)
	if hits := strings.Count(some, "I'"); hits == 0 || hits == 20 {
		t.Errorf("%d of 20 at a probability of a half", hits)
	}
}

func TestImpossibleFaultsPanic(t *testing.T) {
	w := simulator.New(simulator.Options{})
	defer w.Close()
	for name, f := range map[string]simulator.Fault{
		"no kind": {}, "an unknown operation": {Kind: simulator.KindReset, Operation: "void"},
		"an unknown API": {Kind: simulator.KindReset, API: "v5"}, "a rewrite of nothing": {Kind: simulator.KindRewrite},
		"a status of 100": {Kind: simulator.KindStatus, Status: 100}, "a probability of 2": {Kind: simulator.KindReset, Probability: 2},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error(name, "is accepted")
				}
			}()
			w.Inject(f)
		}()
	}
}

func TestConnectorFaults(t *testing.T) {
	b := overTCP(t)
	b.add(simulator.Preauthorization{CustomerID: customer, Amount: dec("5")})
	b.world.Inject(simulator.Fault{Operation: simulator.OpPoll, Kind: simulator.KindStatus, Status: 408, Times: 1})
	if got := b.poll(customer); got.status != 408 || !strings.Contains(got.body, `"RequestId"`) || got.header.Get("Request-Id") == "" {
		t.Errorf("%+v", got)
	}
	b.world.Inject(simulator.Fault{Operation: simulator.OpPoll, Kind: simulator.KindWrongTypes, Times: 1})
	if got := b.poll(customer); !strings.Contains(got.body, `"GrossValue":"5"`) {
		t.Errorf("%+v", got)
	}
	b.world.Inject(simulator.Fault{
		Kind: simulator.KindStatus, Status: 500, Body: `{"x":1}`, Header: http.Header{"X-Y": {"z"}}, Times: 1,
	})
	if got := b.poll(customer); got.body != `{"x":1}` || got.header.Get("X-Y") != "z" {
		t.Errorf("%+v", got)
	}
}

func TestChaosDependsOnTheSeedAndTheKeyAlone(t *testing.T) {
	run := func(seed uint64, tokens []string) map[string]bool {
		w := simulator.New(simulator.Options{Seed: seed})
		s, err := simulator.Listen("127.0.0.1:0", w)
		if err != nil {
			t.Fatal(err)
		}
		b := newBench(t, w, s.URL(), nil, s.Close)
		w.Chaos(simulator.ChaosOptions{Rate: 0.5, Kinds: []simulator.Kind{simulator.KindReset}})
		failed := map[string]bool{}
		for _, token := range tokens {
			failed[token] = b.create(token).err != nil
		}
		return failed
	}
	tokens := strings.Split("a b c d e f g h i j k l m n o p q r s t", " ")
	backwards := strings.Split("t s r q p o n m l k j i h g f e d c b a", " ")
	one, other, another := run(1, tokens), run(1, backwards), run(2, tokens)
	differs, hits := false, 0
	for _, token := range tokens {
		if one[token] != other[token] {
			t.Errorf("%s depends on the order", token)
		}
		differs = differs || one[token] != another[token]
		if one[token] {
			hits++
		}
	}
	if !differs || hits < 3 || hits > 17 {
		t.Errorf("differs by seed: %v, hits: %d of 20", differs, hits)
	}
}

func TestARequestThatBreaksOffTakesNoEffect(t *testing.T) {
	b := overTCP(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	// All of the JSON, and one byte less than announced.
	const body = `{"paymentMethodId":101,"amount":1}`
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\n"+
		"Content-Length: %d\r\n\r\n%s", createPath, b.token, len(body)+1, body)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if reply, err := io.ReadAll(conn); err == nil && len(reply) > 0 {
		t.Errorf("it was answered: %s", reply)
	}
	_ = conn.Close()
	if n := effectsNow(b); n != 0 || b.world.Count("v4", "create") != 1 {
		t.Errorf("%d effects of %d requests", n, b.world.Count("v4", "create"))
	}
}
