package v4

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
)

func TestACreateIsSentExactly(t *testing.T) {
	for _, each := range []struct {
		name string
		req  preauth.CreateRequest
		body string
	}{
		{"everything", aCreate(), `{"paymentMethodId":9,"amount":200.5,"transactionToken":"` + ownToken + `","createdByUserId":2}`},
		{"the amount alone", preauth.CreateRequest{Amount: amount("10.00")}, `{"amount":10}`},
		{"three decimals", preauth.CreateRequest{Amount: amount("0.001")}, `{"amount":0.001}`},
		{"more digits than a float has", preauth.CreateRequest{Amount: amount("12345678901234567.89")}, `{"amount":12345678901234567.89}`},
		{"no exponent", preauth.CreateRequest{Amount: amount("1.5e6")}, `{"amount":1500000}`},
		{"a token with quotes", preauth.CreateRequest{Amount: amount("1"), Token: `a"b`}, `{"amount":1,"transactionToken":"a\"b"}`},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, says(200, created(`{"identity":7}`)), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				out := b.Create(t.Context(), each.req)
				if out.Kind != applied || out.Hold.Identity != 7 || out.TrackingID != "tr-1" {
					t.Errorf("got %+v", out)
				}
				got := b.requests(false)
				if len(got) != 1 || got[0].Line != "POST /ResourceServer/api/v4/PaymentPreAuthorize/" || got[0].Body != each.body {
					t.Fatalf("sent %+v", got)
				}
				header := map[string][]string{
					"Authorization": {"Bearer " + canaryToken}, "Content-Type": {"application/json"}, "Accept": {"application/json"},
					"Content-Length": {fmt.Sprint(len(each.body))}, "User-Agent": {"Go-http-client/1.1"},
				}
				if diff := cmp.Diff(header, map[string][]string(got[0].header)); diff != "" {
					t.Error(diff)
				}
				want := httpx.Event{API: "v4", Operation: "create", Status: 200, Attempt: 1, TrackingID: "tr-1"}
				b.events[0].Duration = 0
				if diff := cmp.Diff([]httpx.Event{want}, b.events); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestACaptureNamesTheIdentity(t *testing.T) {
	for field, want := range map[string]string{"": `{"identity":9007199254740993}`, "id": `{"id":9007199254740993}`} {
		inBubble(t, says(200, `{}`), func(c *Config) { withToken(c); c.CaptureField = field }, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
			if out := b.Capture(t.Context(), 9007199254740993); out.Kind != applied {
				t.Errorf("got %+v", out)
			}
			got := b.requests(false)
			if len(got) != 1 || got[0].Line != "POST /ResourceServer/api/v4/PaymentPreAuthorize/Capture" || got[0].Body != want {
				t.Errorf("sent %+v", got)
			}
		})
	}
}

func TestTheCaptureConfigurationIsUsed(t *testing.T) {
	for _, each := range []struct {
		name   string
		answer handler
		change func(*Config)
		want   preauth.OutcomeKind
	}{
		{"an empty reply", says(200, ""), func(*Config) {}, unknown},
		{"an empty reply that succeeds", says(200, ""), func(c *Config) { c.CaptureEmptyReply = EmptyReplySuccess }, applied},
		{
			"a header cut off where empty replies succeed", breaks("HTTP/1.1 200 OK\r\n\r\n"),
			func(c *Config) { c.CaptureEmptyReply = EmptyReplySuccess }, unknown,
		},
		{"captured before", says(400, `{"errors":[{"code":7}]}`), func(c *Config) { c.AlreadyCapturedCodes = []int64{7} }, applied},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, each.answer, func(c *Config) { withToken(c); each.change(c) }, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				if out := b.Capture(t.Context(), 5); out.Kind != each.want {
					t.Errorf("got %+v", out)
				}
			})
		})
	}
}

func TestAWriteThatMakesNoSenseIsNotSent(t *testing.T) {
	inBubble(t, says(200, created(`{"identity":7}`)), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
		for _, out := range []preauth.Outcome{
			b.Create(t.Context(), preauth.CreateRequest{Amount: amount("0"), Token: ownToken}),
			b.Create(t.Context(), preauth.CreateRequest{Amount: amount("-1")}),
			b.Create(t.Context(), preauth.CreateRequest{Amount: amount("1"), PaymentMethodID: -1}),
			b.Capture(t.Context(), 0),
			b.Capture(t.Context(), -5),
		} {
			if out.Kind != preauth.OutcomeNotSent || out.Err == nil {
				t.Errorf("got %+v", out)
			}
		}
		if len(b.requests(false)) != 0 {
			t.Error("something was sent")
		}
	})
}

func TestWritesAreSentOnceWhateverBreaks(t *testing.T) {
	hang := func(_ int, _ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() }
	late := func(_ int, w http.ResponseWriter, r *http.Request, _ string) {
		timer := time.NewTimer(31 * time.Second)
		defer timer.Stop()
		select {
		case <-timer.C:
			_, _ = io.WriteString(w, created(`{"identity":7}`))
		case <-r.Context().Done():
		}
	}
	trickle := func(_ int, w http.ResponseWriter, r *http.Request, _ string) {
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, " ")
			_ = http.NewResponseController(w).Flush()
			timer := time.NewTimer(time.Second)
			select {
			case <-timer.C:
			case <-r.Context().Done():
				timer.Stop()
			}
		}
	}
	redirect := func(n int, w http.ResponseWriter, _ *http.Request, _ string) {
		if n > 1 {
			_, _ = io.WriteString(w, created(`{"identity":7}`)) // would pass for a success
			return
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusFound)
	}
	for _, each := range []struct {
		name   string
		answer handler
	}{
		{"a reset before the header", breaks("")},
		{"a reset within the header", breaks("HTTP/1.1 200 OK\r\nContent-Type: app")},
		{"a reset within the body", breaks("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"trackingId\":")},
		{"a reset between chunks", breaks("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")},
		{"no reply", hang},
		{"a reply too late", late},
		{"a reply that trickles in", trickle},
		{"10 MB", says(200, created(`{"identity":7,"x":"`+strings.Repeat("y", 10<<20)+`"}`))},
		{"a redirect", redirect},
		{"an unparsable redirect", breaks("HTTP/1.1 307 X\r\nLocation: ://" + canaryToken + "\r\nContent-Length: 0\r\n\r\n")},
		{"an echo of the request", breaks("Bearer " + canaryToken + "\r\n\r\n")},
		{"503", says(503, "")},
		{"425", says(425, declined)},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, each.answer, withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				begun := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				out := b.Create(ctx, aCreate())
				if out.Kind != unknown || out.Err == nil {
					t.Errorf("got %+v", out)
				}
				noSecret(t, fmt.Sprintf("%+v %v", out, out.Err))
				if took := time.Since(begun); took > 30*time.Second {
					t.Errorf("took %s", took)
				}
				wait(t, time.Minute)
				if got := len(b.requests(false)); got != 1 || b.net.Dials() != 1 {
					t.Errorf("%d requests on %d connections", got, b.net.Dials())
				}
			})
		})
	}
}

func TestWhatNeverLeavesIsNotSent(t *testing.T) {
	for _, each := range []struct {
		name  string
		spoil func(*testing.T, *bench) context.Context
	}{
		{"the network is down", func(t *testing.T, b *bench) context.Context {
			t.Helper()
			_ = b.net.Close()
			return t.Context()
		}},
		{"the context has ended", func(t *testing.T, _ *bench) context.Context {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return ctx
		}},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, says(200, created(`{"identity":7}`)), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				ctx := each.spoil(t, b)
				if out := b.Create(ctx, aCreate()); out.Kind != preauth.OutcomeNotSent || out.Err == nil {
					t.Errorf("got %+v", out)
				}
				if len(b.requests(false)) != 0 {
					t.Error("something was sent")
				}
			})
		})
	}
}

func TestEveryRequestWaitsForTheLimiter(t *testing.T) {
	limited := func(c *Config) {
		withLogin(c)
		c.Limiter = httpx.NewLimiter(1, 10*time.Second)
	}
	inBubble(t, issues("1800"), limited, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
		if err := b.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		admit := func(write func()) {
			done, err := b.Admit(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			write()
			done()
		}
		admit(func() { _ = b.Create(t.Context(), aCreate()) })
		if _, err := b.FindByToken(t.Context(), ownToken); err != nil {
			t.Fatal(err)
		}
		admit(func() { _ = b.Capture(t.Context(), 5) })
		if len(b.seen) != 4 {
			t.Fatalf("%d requests", len(b.seen))
		}
		for i := 1; i < len(b.seen); i++ {
			if gap := b.seen[i].at.Sub(b.seen[i-1].at); gap < 10*time.Second {
				t.Errorf("request %d came %s after the one before", i+1, gap)
			}
		}
	})
}
