package httpx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestWhichRepliesAreTriedAgain(t *testing.T) {
	for code, again := range map[int]bool{
		200: false, 204: false, 301: false, 307: false, 308: false, 400: false, 401: false, 403: false, 404: false,
		408: true, 409: false, 413: false, 425: true, 429: true, 500: true, 501: false, 502: true, 503: true, 504: true, 505: false,
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			inBubble(t, func(n int, w http.ResponseWriter, _ *http.Request) {
				if n == 0 {
					status(code, "Location", "http://elsewhere.test/")(w)
				}
			}, func(b *bench) {
				t := b.t
				reply, err := b.do(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				want, tries := code, 1
				if again {
					want, tries = 200, 2
				}
				if reply.Status != want || reply.Attempts != tries || len(b.at) != tries {
					t.Errorf("status %d after %d tries, %d requests; want %d after %d",
						reply.Status, reply.Attempts, len(b.at), want, tries)
				}
				for _, body := range b.bodies {
					if body != b.bodies[0] || body == "" {
						t.Errorf("tries send different bodies: %q", b.bodies)
					}
				}
			})
		})
	}
}

func TestTheLastReplyIsHandedOverWhenTheTriesAreUsedUp(t *testing.T) {
	inBubble(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Request-Id", fmt.Sprintf("r%d %s", n, strings.ToLower(canary)))
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(w, "out of order, %s", canary)
	}, func(b *bench) {
		t := b.t
		reply, err := b.do(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if reply.Status != 503 || string(reply.Body) != "out of order, "+Redacted || reply.Attempts != 4 {
			t.Errorf("got %d %q after %d", reply.Status, reply.Body, reply.Attempts)
		}
		want := []Event{
			{Attempt: 1, Wait: time.Second, RequestID: "r0 " + Redacted},
			{Attempt: 2, Wait: 2 * time.Second, RequestID: "r1 " + Redacted},
			{Attempt: 3, Wait: 4 * time.Second, RequestID: "r2 " + Redacted},
			{Attempt: 4, RequestID: "r3 " + Redacted},
		}
		for i := range want {
			want[i].API, want[i].Operation, want[i].Status = "connector", operation, 503
		}
		if diff := cmp.Diff(want, b.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestThrottlingIsWaitedFor(t *testing.T) {
	for _, each := range []struct {
		name, header string
		second       time.Duration
	}{
		{"without Retry-After it backs off", "", time.Second},
		{"seconds are honoured", "17", 17 * time.Second},
		{"zero still backs off", "0", time.Second},
		{"negative counts for nothing", "-3", time.Second},
		{"fractions are rounded up", "2.1", 3 * time.Second},
		{"a past date still backs off", "Sat, 01 Jan 2000 00:00:00 GMT", time.Second},
		{"a date ahead is waited for", "Sat, 01 Jan 2000 00:00:40 GMT", 40 * time.Second},
		{"a million million seconds are capped", "1000000000000", 2 * time.Minute},
		{"garbage counts for nothing", "when pigs fly", time.Second},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, func(n int, w http.ResponseWriter, _ *http.Request) {
				if n == 0 {
					status(429, "Retry-After", each.header)(w)
				}
			}, func(b *bench) {
				t := b.t
				reply, err := b.do(t.Context())
				if err != nil || reply.Status != 200 {
					t.Fatalf("%v %v", reply, err)
				}
				if b.at[1] != each.second {
					t.Errorf("second try after %s, want %s", b.at[1], each.second)
				}
				if e := b.events[0]; !e.Throttled || e.Wait != each.second || e.Status != 429 {
					t.Errorf("event %+v", e)
				}
				if e := b.events[1]; e.Throttled || e.Wait != 0 {
					t.Errorf("event %+v", e)
				}
			})
		})
	}
}

func TestTheCallersContextEndsEverything(t *testing.T) {
	for _, each := range []struct {
		name    string
		handler func(w http.ResponseWriter, r *http.Request)
		want    string
	}{
		{"in a wait between tries", func(w http.ResponseWriter, _ *http.Request) { status(429, "Retry-After", "100")(w) }, "after HTTP 429"},
		{"while a reply is awaited", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, ""},
		{"in the middle of a body", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "x")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, ""},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, func(_ int, w http.ResponseWriter, r *http.Request) { each.handler(w, r) }, func(b *bench) {
				t := b.t
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				start := time.Now()
				_, err := b.do(ctx)
				if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), each.want) {
					t.Errorf("got %v", err)
				}
				if len(b.at) != 1 || len(b.events) != 1 || time.Since(start) != 5*time.Second {
					t.Errorf("%d requests, %d events, over after %s", len(b.at), len(b.events), time.Since(start))
				}
			})
		})
	}
}

func TestEveryTryWaitsForTheLimiter(t *testing.T) {
	inBubble(t, func(_ int, w http.ResponseWriter, _ *http.Request) { status(500)(w) }, func(b *bench) {
		t := b.t
		b.cfg.Limiter = NewLimiter(2, time.Minute)
		b.cfg.Tries = 6
		if _, err := b.do(t.Context()); err != nil {
			t.Fatal(err)
		}
		seen := arrivals{}
		for _, at := range b.at {
			seen.times = append(seen.times, time.Time{}.Add(at))
		}
		if got := seen.most(time.Minute); got != 2 || len(b.at) != 6 {
			t.Errorf("%d of %d requests within a minute: %v", got, len(b.at), b.at)
		}
	})
}

func TestSlotsBoundWhatIsUnderWayAndAllComeBack(t *testing.T) {
	inBubble(t, func(n int, w http.ResponseWriter, r *http.Request) {
		nap(r.Context(), time.Second)
		switch n % 4 {
		case 0:
			status(503)(w)
		case 1:
			panic(http.ErrAbortHandler)
		case 2:
			fmt.Fprint(w, strings.Repeat("x", 2000))
		default:
			fmt.Fprint(w, "fine")
		}
	}, func(b *bench) {
		t := b.t
		b.cfg.Slots = make(chan struct{}, 3)
		// Counted where the slot is held: a server notices later that a client has gone.
		count := &counting{next: b.cfg.Transport}
		b.cfg.Transport = count
		client := NewReadClient(b.cfg)
		var group sync.WaitGroup
		for i := range 20 {
			group.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i+1)*700*time.Millisecond)
				defer cancel()
				_, _ = client.Do(ctx, ReadRequest{Operation: operation, Method: http.MethodGet, URL: "http://api.test/"})
			})
		}
		group.Wait()
		if count.most != 3 {
			t.Errorf("%d at once, want 3", count.most)
		}
		if len(b.cfg.Slots) != 0 {
			t.Errorf("%d slots never came back", len(b.cfg.Slots))
		}
	})
}

// counting notes how many requests were under way at once.
type counting struct {
	next      http.RoundTripper
	mu        sync.Mutex
	now, most int
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.now++
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.now--
	}()
	return c.next.RoundTrip(r)
}

func TestUseStartsAfreshWithEachTry(t *testing.T) {
	inBubble(t, func(n int, w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "reply %d", n) }, func(b *bench) {
		t := b.t
		var got []string
		reply, err := b.do(t.Context(), func(r *ReadRequest) {
			r.Use = func(body io.Reader) error {
				text, err := io.ReadAll(body)
				if err != nil {
					return err
				}
				if got = append(got, string(text)); len(got) < 3 {
					return errors.New("not good enough, " + canary)
				}
				return nil
			}
		})
		if err != nil || reply.Attempts != 3 || reply.Status != 200 || reply.Body != nil {
			t.Errorf("%+v %v", reply, err)
		}
		if diff := cmp.Diff([]string{"reply 0", "reply 1", "reply 2"}, got); diff != "" {
			t.Error(diff)
		}
		want := []Event{
			{API: "connector", Operation: operation, Status: 200, Attempt: 1, Wait: time.Second},
			{API: "connector", Operation: operation, Status: 200, Attempt: 2, Wait: 2 * time.Second},
			{API: "connector", Operation: operation, Status: 200, Attempt: 3},
		}
		if diff := cmp.Diff(want, b.events, cmpopts.IgnoreFields(Event{}, "Err")); diff != "" {
			t.Error(diff)
		}
		if e := b.events[0].Err; e == nil || strings.Contains(e.Error(), "C4NARY") || b.events[2].Err != nil {
			t.Errorf("errors of the events: %v, %v", e, b.events[2].Err)
		}
	})
}

func TestTheDurationOfAnExchangeExcludesItsWaits(t *testing.T) {
	inBubble(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		nap(r.Context(), 3*time.Second)
		fmt.Fprint(w, "x")
		_ = http.NewResponseController(w).Flush()
		nap(r.Context(), 4*time.Second)
	}, func(b *bench) {
		t := b.t
		b.cfg.Limiter = NewLimiter(1, time.Minute)
		client := NewReadClient(b.cfg)
		for range 2 {
			if _, err := client.Do(t.Context(), ReadRequest{Operation: operation, Method: http.MethodGet, URL: "http://api.test/"}); err != nil {
				t.Fatal(err)
			}
		}
		if first, second := b.events[0].Duration, b.events[1].Duration; first != 7*time.Second || second != 7*time.Second {
			t.Errorf("durations %s and %s, want 7s", first, second)
		}
	})
}
