package simulator_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// within sends a create that is given up after so long, in virtual time.
func (b *bench) within(limit time.Duration, token string) answer {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), limit)
	defer cancel()
	return b.send(ctx, http.MethodPost, createPath, `{"paymentMethodId":101,"amount":22.5,"transactionToken":"`+token+`"}`,
		"Content-Type", "application/json", "Authorization", "Bearer "+b.token)
}

func TestFaultsThatTakeTime(t *testing.T) {
	const limit = 30 * time.Second
	cases := []struct {
		name    string
		fault   simulator.Fault
		failure error
		took    time.Duration
		// now and later are the effects at the reply, and an hour after it.
		now, later int
	}{
		{"a delay within the limit", simulator.Fault{Kind: simulator.KindDelay, Delay: 20 * time.Second}, nil, 20 * time.Second, 1, 1},
		{
			"a delay beyond the limit, before the effect",
			simulator.Fault{Kind: simulator.KindDelay, Delay: time.Minute},
			context.DeadlineExceeded, limit, 0, 0,
		},
		{
			"a delay beyond the limit, after the effect",
			simulator.Fault{Kind: simulator.KindDelay, Delay: time.Minute, After: true},
			context.DeadlineExceeded, limit, 1, 1,
		},
		{"a hang", simulator.Fault{Kind: simulator.KindHang}, context.DeadlineExceeded, limit, 0, 0},
		{"a hang after the effect", simulator.Fault{Kind: simulator.KindHang, After: true}, context.DeadlineExceeded, limit, 1, 1},
		{"a reset after a delay", simulator.Fault{Kind: simulator.KindReset, Delay: 5 * time.Second, After: true}, io.EOF, 5 * time.Second, 1, 1},
		{"a late effect", simulator.Fault{Kind: simulator.KindLateEffect, Delay: time.Minute}, io.EOF, 0, 0, 1},
		{"a late effect behind a 504", simulator.Fault{Kind: simulator.KindLateEffect, Delay: time.Minute, Status: 504}, nil, 0, 0, 1},
		{"a slow body", simulator.Fault{Kind: simulator.KindSlowBody}, context.DeadlineExceeded, limit, 1, 1},
		{
			"a 503 after a delay",
			simulator.Fault{Kind: simulator.KindStatus, Status: 503, Delay: 3 * time.Second},
			nil, 3 * time.Second, 0, 0,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := inMemory(t)
				b.world.Inject(c.fault)
				start := time.Now()
				got := b.within(limit, "aa")
				if !errors.Is(got.err, c.failure) || time.Since(start) != c.took {
					t.Errorf("after %s: %+v", time.Since(start), got)
				}
				synctest.Wait()
				if n := len(b.world.Effects()); n != c.now {
					t.Errorf("%d effects at the reply", n)
				}
				<-time.After(time.Hour)
				synctest.Wait()
				if n := len(b.world.Effects()); n != c.later {
					t.Errorf("%d effects an hour later", n)
				}
			})
		})
	}
}

func TestCloseEndsLateEffectsAndHangingHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := inMemory(t)
		b.world.Inject(simulator.Fault{Kind: simulator.KindLateEffect, Delay: time.Minute, Times: 1})
		b.world.Inject(simulator.Fault{Kind: simulator.KindHang})
		b.within(time.Hour, "aa")
		hung := make(chan answer)
		go func() { hung <- b.within(time.Hour, "bb") }()
		synctest.Wait()
		b.world.Close()
		if got := <-hung; got.err == nil {
			t.Errorf("%+v", got)
		}
		<-time.After(time.Hour)
		if n := len(b.world.Effects()); n != 0 {
			t.Errorf("%d effects after Close", n)
		}
		if got := b.within(time.Minute, "cc"); got.err == nil {
			t.Errorf("a closed world answers %+v", got)
		}
	})
}

func TestTheRateLimitIsASlidingWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := inMemory(t)
		burst := func(n, want int) answer {
			t.Helper()
			var got answer
			for range n {
				if got = b.poll(customer); got.status != want {
					t.Fatalf("after %s: %+v", time.Now(), got)
				}
			}
			return got
		}
		burst(100, 200)
		<-time.After(20 * time.Second)
		burst(100, 200)
		if got := burst(1, 429); got.header.Get("Retry-After") != "10" {
			t.Errorf("%+v", got)
		}
		<-time.After(10*time.Second - time.Nanosecond)
		burst(1, 429)
		<-time.After(time.Nanosecond)
		burst(100, 200) // the first hundred have left the window, the second have not
		burst(1, 429)
		if n := len(b.world.Account().Violations); n != 3 {
			t.Errorf("%d violations", n)
		}
		if n := b.world.MostInWindow(simulator.APIConnector, "hotel-1", 30*time.Second); n != 203 {
			t.Errorf("%d requests in the fullest window", n)
		}
		if n := b.world.MostInWindow(simulator.APIConnector, "hotel-1", time.Second); n != 102 {
			t.Errorf("%d requests in the fullest second", n)
		}
	})
}

func TestBearerTokensExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := inMemory(t)
		u := b.world.Tenants()[0]
		got := b.login(url.Values{"client_id": {u.ClientID}, "client_secret": {u.ClientSecret}, "grant_type": {"password"}})
		var reply struct {
			AccessToken string `json:"access_token"`
		}
		decode(t, got.body, &reply)
		b.token = reply.AccessToken
		<-time.After(30*time.Minute - time.Nanosecond)
		if got := b.create("aa"); got.status != http.StatusOK {
			t.Errorf("just before: %+v", got)
		}
		<-time.After(time.Nanosecond)
		if got := b.create("bb"); got.status != http.StatusUnauthorized {
			t.Errorf("at its end: %+v", got)
		}
	})
}

func TestLateTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := inMemory(t)
		search := func(query string) string { return identities(t, b.v4(http.MethodPost, searchPath, query).body) }
		b.configure(func(s *simulator.Settings) { s.TokenPolicy, s.TokenDelay = simulator.TokenLate, time.Minute })
		b.create("aa")
		b.configure(func(s *simulator.Settings) { s.TokenPolicy = simulator.TokenLateToken })
		b.create("bb")
		see := func(when, list, aa, bb string) {
			t.Helper()
			if got := search(`{"query":{}}`); got != list {
				t.Errorf("%s the search shows %q", when, got)
			}
			if got := identities(t, b.v4(http.MethodGet, pagedPath, "").body); got != list {
				t.Errorf("%s the page shows %q", when, got)
			}
			if got := search(find("transactionToken", "eq", `"aa"`)); got != aa {
				t.Errorf("%s aa is %q", when, got)
			}
			if got := search(find("transactionToken", "eq", `"bb"`)); got != bb {
				t.Errorf("%s bb is %q", when, got)
			}
		}
		see("at once", "2", "", "")
		<-time.After(time.Minute)
		see("a minute later", "1 2", "1", "2")
	})
}

func TestLatencyDelaysEveryReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := inMemory(t)
		b.configure(func(s *simulator.Settings) { s.Latency = time.Second })
		start := time.Now()
		done := make(chan answer)
		for range 3 {
			go func() { done <- b.create("aa") }()
		}
		for range 3 {
			if got := <-done; got.status != http.StatusOK {
				t.Errorf("%+v", got)
			}
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("three at once took %s", took)
		}
		if n := b.world.MostWrites(); n != 3 {
			t.Errorf("%d writes at the same time", n)
		}
	})
}
