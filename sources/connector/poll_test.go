package connector

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
)

func TestWhatAPollSends(t *testing.T) {
	inBubble(t, everyone, func(b *bench) {
		b.cfg.Address += "/"
		upper := preauth.ID(strings.ToUpper(string(customer(0xab))))
		refused, err := b.poll(upper, customer(1), customer(0xab), "no-uuid", customer(1), "no-uuid")
		if err != nil {
			b.Fatal(err)
		}
		if len(refused) != 1 || refused[0].CustomerID != "no-uuid" || !strings.Contains(refused[0].Reason, "UUID") {
			b.Errorf("refused %v", refused)
		}
		if len(b.requests) != 1 {
			b.Fatalf("%d requests", len(b.requests))
		}
		r := b.requests[0]
		if r.method != http.MethodPost || r.path != "/api/connector/v1/preauthorizations/getAllByCustomers" || r.contentType != "application/json" {
			b.Errorf("%s %s as %s", r.method, r.path, r.contentType)
		}
		want := map[string]string{
			"ClientToken": `"` + clientToken + `"`, "AccessToken": `"` + accessToken + `"`, "Client": `"preauth-sync 1.0.0"`,
			"CustomerIds": `["` + string(customer(0xab)) + `","` + string(customer(1)) + `"]`,
		}
		got := map[string]string{}
		for name, value := range r.properties {
			got[name] = string(value)
		}
		if diff := cmp.Diff(want, got) + cmp.Diff([]preauth.ID{customer(1), customer(0xab)}, b.read()); diff != "" {
			b.Error(diff)
		}
	})
}

func TestAPollOfTooManyOrOfNobodySendsNothing(t *testing.T) {
	inBubble(t, everyone, func(b *bench) {
		if _, err := b.poll(customers(1001)...); err == nil {
			b.Error("1001 customers pass")
		}
		if refused, err := b.poll(); err != nil || refused != nil {
			b.Errorf("nobody: %v %v", refused, err)
		}
		if len(b.requests) != 0 {
			b.Errorf("%d requests", len(b.requests))
		}
		if _, err := b.poll(append(customers(1000), customers(500)...)...); err != nil || len(b.requests) != 1 || len(b.read()) != 1000 {
			b.Errorf("1000 distinct customers: %d requests, %d read: %v", len(b.requests), len(b.read()), err)
		}
	})
}

// without answers properly unless a bad customer is among those asked for.
func without(status int, bad ...preauth.ID) answer {
	return func(w http.ResponseWriter, r asked) {
		if slices.ContainsFunc(r.customers, func(c preauth.ID) bool { return slices.Contains(bad, c) }) {
			fail(w, status, "Invalid CustomerIds")
			return
		}
		everyone(w, r)
	}
}

func TestBadCustomersAreFoundAndTheOthersGoOn(t *testing.T) {
	for _, each := range []struct {
		name string
		all  int
		bad  []preauth.ID
		most int
	}{
		{"one of a thousand", 1000, []preauth.ID{customer(617)}, 21},
		{"the first of a thousand", 1000, []preauth.ID{customer(0)}, 21},
		{"the last of a thousand", 1000, []preauth.ID{customer(999)}, 21},
		{"the first of three", 3, []preauth.ID{customer(0)}, 5},
		{"the only one", 1, []preauth.ID{customer(0)}, 1},
		{"a block of twenty at the front", 1000, customers(20), 300},
		{"a block of twenty at the end", 1000, customers(1000)[980:], 300},
		{"a tenth, all over", 300, func() (some []preauth.ID) {
			for i := 3; i < 300; i += 10 {
				some = append(some, customer(i))
			}
			return some
		}(), 300},
		{"nine of ten", 10, customers(9), 19},
		{"all but the first of forty", 40, customers(40)[1:], 79},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, without(http.StatusBadRequest, each.bad...), func(b *bench) {
				refused, err := b.poll(customers(each.all)...)
				if err != nil {
					b.Fatal(err)
				}
				var got []preauth.ID
				for _, r := range refused {
					got = append(got, r.CustomerID)
					if r.Reason != "HTTP 400: Invalid CustomerIds (Request-Id req-1)" {
						b.Errorf("reason %q", r.Reason)
					}
				}
				if diff := cmp.Diff(each.bad, got); diff != "" {
					b.Errorf("refused (-want +got):\n%s", diff)
				}
				if read := b.read(); len(read) != each.all-len(each.bad) || len(slices.Compact(read)) != len(b.seen()) {
					b.Errorf("%d read, %d seen", len(read), len(b.seen()))
				}
				if len(b.requests) > each.most {
					b.Errorf("%d requests, more than %d", len(b.requests), each.most)
				}
				b.Logf("%d requests", len(b.requests))
			})
		})
	}
}

func TestARequestThatIsRefusedAsSuchEndsThePollSoon(t *testing.T) {
	for name, status := range map[string]int{"invalid": 400, "too large": 413} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w http.ResponseWriter, _ asked) { fail(w, status, "Invalid Client") }, func(b *bench) {
				refused, err := b.poll(customers(1000)...)
				if !errors.Is(err, ErrRequestRefused) || !strings.Contains(err.Error(), "Invalid Client") {
					b.Errorf("got %v", err)
				}
				if len(refused) != 0 || len(b.requests) > 40 {
					b.Errorf("%d customers refused after %d requests", len(refused), len(b.requests))
				}
			})
		})
	}
}

func TestAnAPIThatTurnsAgainstEverybodyEndsThePoll(t *testing.T) {
	count := 0
	inBubble(t, func(w http.ResponseWriter, r asked) {
		if count++; count == 2 {
			everyone(w, r)
			return
		}
		fail(w, 400, "Go away")
	}, func(b *bench) {
		refused, err := b.poll(customers(1000)...)
		if !errors.Is(err, ErrRequestRefused) || len(refused) != 0 || len(b.read()) != 500 || len(b.requests) > 150 {
			b.Errorf("%d requests, %d read, %d refused: %v", len(b.requests), len(b.read()), len(refused), err)
		}
	})
}

func TestTooMuchDataIsAskedForInParts(t *testing.T) {
	for _, each := range []struct {
		name string
		full answer
	}{
		{"408", func(w http.ResponseWriter, _ asked) { fail(w, 408, "Too much data") }},
		{"413", func(w http.ResponseWriter, _ asked) { fail(w, 413, "Too large") }},
		{"a reply over the limit", func(w http.ResponseWriter, r asked) {
			everyone(w, r)
			fmt.Fprint(w, strings.Repeat(" ", 100_000))
		}},
		{"an entry of nobody", func(w http.ResponseWriter, r asked) {
			fmt.Fprint(w, listOf(entryOf(hold(1), r.customers[0]), "7"))
		}},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, func(w http.ResponseWriter, r asked) {
				if len(r.customers) > 250 {
					each.full(w, r)
					return
				}
				everyone(w, r)
			}, func(b *bench) {
				b.cfg.MaxReplyBytes = 100_000
				refused, err := b.poll(customers(1000)...)
				if err != nil || len(refused) != 0 {
					b.Fatalf("%v %v", refused, err)
				}
				if diff := cmp.Diff(customers(1000), b.read()); diff != "" {
					b.Error(diff)
				}
				if len(b.requests) != 7 || len(b.replies) != 4 || len(b.seen()) != 1000 {
					b.Errorf("%d requests, %d replies, %d seen", len(b.requests), len(b.replies), len(b.seen()))
				}
				if waited := b.requests[6].after; waited != 0 {
					b.Errorf("waited %s before asking for less", waited)
				}
			})
		})
	}
}

func TestASingleCustomerThatIsTooMuch(t *testing.T) {
	for _, each := range []struct {
		name  string
		api   answer
		tries int
		say   string
	}{
		{"408 is tried again", func(w http.ResponseWriter, _ asked) { fail(w, 408, "Too much") }, 3, "HTTP 408"},
		{"413 is not", func(w http.ResponseWriter, _ asked) { fail(w, 413, "Too large") }, 1, "HTTP 413"},
		{"nor is a reply over the limit", func(w http.ResponseWriter, _ asked) { fmt.Fprint(w, strings.Repeat(" ", 2000)) }, 1, "too large"},
		{"nor one with an unusable entry", func(w http.ResponseWriter, _ asked) { fmt.Fprint(w, listOf("{}")) }, 1, "not complete"},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, func(w http.ResponseWriter, r asked) {
				if slices.Contains(r.customers, customer(1)) {
					each.api(w, r)
					return
				}
				everyone(w, r)
			}, func(b *bench) {
				b.cfg.Tries, b.cfg.MaxReplyBytes = 3, 1000
				refused, err := b.poll(customer(0), customer(1))
				if err != nil || len(refused) != 1 || refused[0].CustomerID != customer(1) || !strings.Contains(refused[0].Reason, each.say) {
					b.Errorf("%v %v", refused, err)
				}
				if len(b.requests) != 2+each.tries || len(b.read()) != 1 {
					b.Errorf("%d requests, read %v", len(b.requests), b.read())
				}
			})
		})
	}
}

func TestRefusalsThatNoDivisionHelps(t *testing.T) {
	for status, hint := range map[int]string{
		401: "access_token", 403: "allow it", 404: "connector.address", 308: "redirects", 407: "proxy", 418: "HTTP 418",
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			inBubble(t, func(w http.ResponseWriter, r asked) {
				w.Header().Set("Location", "http://elsewhere.test/")
				fail(w, status, "No: "+clientToken+" "+strings.ToLower(accessToken)+strings.Repeat("!", 1000))
			}, func(b *bench) {
				refused, err := b.poll(customers(10)...)
				answer, is := errors.AsType[*Error](err)
				if !is || len(refused) != 0 || len(b.requests) != 1 {
					b.Fatalf("%d requests: %v %v", len(b.requests), refused, err)
				}
				if answer.Status != status || answer.Operation != "poll" || answer.RequestID != "req-1" || len(answer.Message) > maxMessage+3 {
					b.Errorf("got %+v", answer)
				}
				for _, must := range []string{hint, fmt.Sprint(status), "No: " + httpx.Redacted, "req-1"} {
					if !strings.Contains(err.Error(), must) {
						b.Errorf("does not say %q: %v", must, err)
					}
				}
				if text := fmt.Sprintf("%v %+v %#v", err, answer, answer); strings.Contains(strings.ToUpper(text), "C4NARY") {
					b.Errorf("shows a token: %s", text)
				}
			})
		})
	}
}

func TestWhatIsTriedAgainUntilItWorks(t *testing.T) {
	status := func(code int) answer { return func(w http.ResponseWriter, _ asked) { fail(w, code, "Later") } }
	text := func(body string) answer { return func(w http.ResponseWriter, _ asked) { fmt.Fprint(w, body) } }
	for name, fault := range map[string]answer{
		"409": status(409), "429": status(429), "500": status(500), "502": status(502), "503": status(503), "504": status(504),
		"HTML with 200": text("<html>"), "an empty body": text(""), "half a reply": text(listOf(entryOf(hold(1), customer(1)))[:50]),
		"no list": text(`{"Customers":[]}`), "a null list": text(`{"Preauthorizations":null}`),
		"204":            func(w http.ResponseWriter, _ asked) { w.WriteHeader(204) },
		"gzip":           func(w http.ResponseWriter, r asked) { w.Header().Set("Content-Encoding", "gzip"); everyone(w, r) },
		"a reset":        func(http.ResponseWriter, asked) { panic(http.ErrAbortHandler) },
		"a cut-off body": func(w http.ResponseWriter, r asked) { w.Header().Set("Content-Length", "99999"); everyone(w, r) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, failures := range []int{2, 1000} {
				count := 0
				inBubble(t, func(w http.ResponseWriter, r asked) {
					if count++; count <= failures {
						fault(w, r)
						return
					}
					everyone(w, r)
				}, func(b *bench) {
					refused, err := b.poll(customers(5)...)
					tries := min(failures+1, 6)
					if worked := failures < 6; worked != (err == nil) || len(refused) != 0 || len(b.requests) != tries || len(b.events) != tries {
						b.Errorf("%d requests, %d events: %v %v", len(b.requests), len(b.events), refused, err)
					}
					if err != nil && (strings.Contains(err.Error(), "C4NARY") || !strings.Contains(err.Error(), "poll")) {
						b.Errorf("reads %v", err)
					}
					if err == nil && len(b.replies) != 1 {
						b.Errorf("%d replies", len(b.replies))
					}
					if b.requests[1].after < time.Second || b.requests[tries-1].after > 2*time.Minute {
						b.Errorf("tried at %s and last at %s", b.requests[1].after, b.requests[tries-1].after)
					}
				})
			}
		})
	}
}

func TestWhatWasHandedOverBeforeAnErrorStands(t *testing.T) {
	inBubble(t, func(w http.ResponseWriter, r asked) {
		switch {
		case len(r.customers) == 4:
			fail(w, 413, "Too large")
		case slices.Contains(r.customers, customer(1)):
			fail(w, 401, "Disabled")
		default:
			everyone(w, r)
		}
	}, func(b *bench) {
		if _, err := b.poll(customers(4)...); err == nil {
			b.Error("no error")
		}
		if diff := cmp.Diff([]preauth.ID{customer(0), customer(2)}, b.read()); diff != "" {
			b.Error(diff)
		}
	})
}

func TestAnErrorOfTheReceiverEndsThePoll(t *testing.T) {
	inBubble(t, func(w http.ResponseWriter, r asked) {
		if len(r.customers) > 1 {
			fail(w, 413, "Too large")
			return
		}
		everyone(w, r)
	}, func(b *bench) {
		full, calls := errors.New("the disk is full"), 0
		_, err := b.client().Poll(b.Context(), customers(4), func(preauth.Reply) error {
			calls++
			return full
		})
		if !errors.Is(err, full) || calls != 1 || len(b.requests) != 3 {
			b.Errorf("%d calls, %d requests: %v", calls, len(b.requests), err)
		}
	})
}

func TestAPollEndsWithItsContext(t *testing.T) {
	inBubble(t, func(w http.ResponseWriter, _ asked) {
		w.Header().Set("Retry-After", "60")
		fail(w, 429, "Slow down")
	}, func(b *bench) {
		ctx, cancel := context.WithTimeout(b.Context(), 90*time.Second)
		defer cancel()
		_, err := b.client().Poll(ctx, customers(2), func(preauth.Reply) error { return nil })
		if !errors.Is(err, context.DeadlineExceeded) || len(b.requests) != 2 || b.requests[1].after != time.Minute {
			b.Errorf("%d requests: %v", len(b.requests), err)
		}
	})
}

func TestTheRateLimitHoldsThroughDivisionsAndTries(t *testing.T) {
	const limit, window = 5, 30 * time.Second
	count := 0
	inBubble(t, func(w http.ResponseWriter, r asked) {
		if count++; count%3 == 0 {
			fail(w, 503, "Later")
			return
		}
		without(400, customer(3), customer(60))(w, r)
	}, func(b *bench) {
		b.cfg.Limiter = httpx.NewLimiter(limit, window)
		if refused, err := b.poll(customers(100)...); err != nil || len(refused) != 2 {
			b.Fatalf("%v %v", refused, err)
		}
		for i := limit; i < len(b.requests); i++ {
			if between := b.requests[i].after - b.requests[i-limit].after; between <= window {
				b.Errorf("requests %d to %d within %s", i-limit, i, between)
			}
		}
		if len(b.requests) < 20 {
			b.Errorf("only %d requests", len(b.requests))
		}
	})
}
