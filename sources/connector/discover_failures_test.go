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

func TestAPageThatFailsCostsTheRestOfItsInterval(t *testing.T) {
	text := func(body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { fmt.Fprint(w, body) }
	}
	for _, c := range []struct {
		name  string
		fault func(http.ResponseWriter)
		tries int
	}{
		{"500", func(w http.ResponseWriter) { fail(w, 500, "Later") }, 6},
		{"429", func(w http.ResponseWriter) { fail(w, 429, "Slow down") }, 6},
		{"400", func(w http.ResponseWriter) { fail(w, 400, "Invalid Cursor") }, 1},
		{"403", func(w http.ResponseWriter) { fail(w, 403, "No "+accessToken) }, 1},
		{"HTML", text("<html>"), 6},
		{"cut", text(pageOf("null", guestOf(customer(3)))[:70]), 6},
		{"a reset", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, 6},
		{"a cursor that is none", text(pageOf("7", guestOf(customer(3)))), 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			newest := day(111).Format(time.RFC3339) + " to " + day(200).Format(time.RFC3339)
			inBubble(t, numbered(t, 4, func(w http.ResponseWriter, r asked, page int) bool {
				if page != 3 || wantedBy(t, r).end != day(200) {
					return false
				}
				c.fault(w)
				return true
			}), func(b *bench) {
				got, err := b.discover(day(100), day(200))
				want := [][]preauth.ID{{customer(1)}, {customer(2)}, {customer(1)}, {customer(2)}, {customer(3)}, {customer(4)}}
				if diff := cmp.Diff(want, got); diff != "" {
					b.Error(diff)
				}
				if len(b.requests) != 2+c.tries+4 {
					b.Errorf("%d requests", len(b.requests))
				}
				if err == nil || !strings.Contains(err.Error(), newest) || strings.Contains(err.Error(), day(100).Format(time.RFC3339)) {
					b.Errorf("says %v", err)
				}
				if strings.Contains(fmt.Sprintf("%v %#v", err, err), "C4NARY") {
					b.Errorf("shows a token: %v", err)
				}
			})
		})
	}
}

func TestWhatPassesIsTriedAgain(t *testing.T) {
	failed := map[int]bool{}
	inBubble(t, numbered(t, 5, func(w http.ResponseWriter, _ asked, page int) bool {
		if failed[page] {
			return false
		}
		failed[page] = true
		if page == 2 {
			w.Header().Set("Retry-After", "17")
			fail(w, 429, "Slow down")
		} else {
			fail(w, 503, "Later")
		}
		return true
	}), func(b *bench) {
		got, err := b.discover(day(0), day(1))
		if err != nil || len(got) != 5 || len(b.requests) != 10 {
			b.Errorf("%d requests, %v, %v", len(b.requests), got, err)
		}
		if waited := b.requests[3].after - b.requests[2].after; waited < 17*time.Second {
			b.Errorf("waited %s after the 429", waited)
		}
	})
}

func TestEveryIntervalThatFailsIsSaid(t *testing.T) {
	inBubble(t, func(w http.ResponseWriter, _ asked) { fail(w, 401, "Invalid AccessToken") }, func(b *bench) {
		_, err := b.discover(day(0), day(200))
		refusal, is := errors.AsType[*Error](err)
		if !is || refusal.Status != 401 || refusal.Operation != "customers" || len(b.requests) != 3 {
			b.Fatalf("%d requests: %v", len(b.requests), err)
		}
		for _, must := range []int{0, 22, 111} {
			if !strings.Contains(err.Error(), "from "+day(must).Format(time.RFC3339)) {
				b.Errorf("nothing from %s: %v", day(must), err)
			}
		}
	})
}

func TestTooMuchIsAskedForInSmallerPages(t *testing.T) {
	for name, full := range map[string]func(http.ResponseWriter){
		"408":                    func(w http.ResponseWriter) { fail(w, 408, "Too much data") },
		"413":                    func(w http.ResponseWriter) { fail(w, 413, "Too large") },
		"a reply over the limit": func(w http.ResponseWriter) { fmt.Fprint(w, strings.Repeat(" ", 3000)) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, numbered(t, 3, func(w http.ResponseWriter, r asked, page int) bool {
				if page < 2 || wantedBy(t, r).count <= 250 {
					return false
				}
				full(w)
				return true
			}), func(b *bench) {
				b.cfg.MaxReplyBytes = 2000
				got, err := b.discover(day(0), day(100))
				if err != nil || len(got) != 6 {
					b.Errorf("%v, %v", got, err)
				}
				var counts []int
				for _, r := range b.requests {
					counts = append(counts, wantedBy(b.T, r).count)
					if r.after != 0 {
						b.Errorf("waited %s", r.after)
					}
				}
				if diff := cmp.Diff([]int{1000, 1000, 500, 250, 250, 250, 250, 250}, counts); diff != "" {
					b.Error(diff)
				}
			})
		})
	}
}

func TestAPageThatIsTooMuchInAnySize(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		counts []int
	}{
		{"408 is tried again in the smallest", 408, []int{1000, 500, 250, 125, 125, 125}},
		{"413 is not", 413, []int{1000, 500, 250, 125}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(w http.ResponseWriter, _ asked) { fail(w, c.status, "Too much") }, func(b *bench) {
				b.cfg.Tries = 3
				_, err := b.discover(day(0), day(1))
				if refusal, is := errors.AsType[*Error](err); !is || refusal.Status != c.status {
					b.Error(err)
				}
				var counts []int
				for _, r := range b.requests {
					counts = append(counts, wantedBy(b.T, r).count)
				}
				if diff := cmp.Diff(c.counts, counts); diff != "" {
					b.Error(diff)
				}
			})
		})
	}
}

func TestUnusableEntriesAreCountedAndTheOthersHandedOver(t *testing.T) {
	bad := `{"Id":"not a UUID","LastName":"Private"}`
	for _, c := range []struct {
		name, last string
		say        []string
	}{
		{"to the end", pageOf("null", guestOf(customer(3)), bad), []string{"UUID: 3"}},
		{"up to a page that fails", `{`, []string{"UUID: 2", "cannot be used"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			replies := []string{pageOf(`"a"`, bad, guestOf(customer(1)), "7"), pageOf(`"b"`, guestOf(customer(2))), c.last}
			inBubble(t, pages(replies...), func(b *bench) {
				b.cfg.Tries = 1
				got, err := b.discover(day(0), day(1))
				if len(got) < 2 || !slices.Equal(got[0], customers(2)[1:]) || !slices.Equal(got[1], customers(3)[2:]) {
					b.Errorf("handed over %v", got)
				}
				if err == nil || strings.Contains(err.Error(), "Private") {
					b.Fatal(err)
				}
				for _, must := range append(c.say, day(0).Format(time.RFC3339)) {
					if !strings.Contains(err.Error(), must) {
						b.Errorf("does not say %q: %v", must, err)
					}
				}
			})
		})
	}
}

func TestUnusableEntriesAreSaidOfTheirOwnInterval(t *testing.T) {
	inBubble(t, pages(pageOf("null", "7"), pageOf("null", guestOf(customer(1)))), func(b *bench) {
		got, err := b.discover(day(0), day(100))
		if err == nil || len(got) != 1 || strings.Count(err.Error(), "not known in full") != 1 ||
			!strings.Contains(err.Error(), "to "+day(100).Format(time.RFC3339)) {
			b.Errorf("%v, %v", got, err)
		}
	})
}

func TestAnErrorOfWhoTakesThePagesEndsTheWalk(t *testing.T) {
	inBubble(t, numbered(t, 3, nil), func(b *bench) {
		full, calls := errors.New("the disk is full"), 0
		err := b.client().Customers(b.Context(), day(0), day(200), func([]Found) error {
			calls++
			return full
		})
		if !errors.Is(err, full) || calls != 1 || len(b.requests) != 1 {
			b.Errorf("%d calls, %d requests: %v", calls, len(b.requests), err)
		}
	})
}

func TestTheWalkEndsWithItsContext(t *testing.T) {
	inBubble(t, numbered(t, 3, func(w http.ResponseWriter, _ asked, page int) bool {
		if page == 2 {
			w.Header().Set("Retry-After", "60")
			fail(w, 429, "Slow down")
		}
		return page == 2
	}), func(b *bench) {
		ctx, cancel := context.WithTimeout(b.Context(), 90*time.Second)
		defer cancel()
		calls := 0
		err := b.client().Customers(ctx, day(0), day(200), func([]Found) error {
			calls++
			return nil
		})
		if !errors.Is(err, context.DeadlineExceeded) || calls != 1 || len(b.requests) != 3 {
			b.Errorf("%d calls, %d requests: %v", calls, len(b.requests), err)
		}
		if strings.Count(err.Error(), "not known in full") != 1 {
			b.Errorf("the other intervals were begun: %v", err)
		}
	})
}

func TestTheRateLimitHoldsFromPageToPage(t *testing.T) {
	const limit, window = 5, 30 * time.Second
	inBubble(t, numbered(t, 12, nil), func(b *bench) {
		b.cfg.Limiter, b.cfg.Slots = httpx.NewLimiter(limit, window), make(chan struct{}, 1)
		if got, err := b.discover(day(0), day(1)); err != nil || len(got) != 12 {
			b.Errorf("%v, %v", got, err)
		}
		for i := limit; i < len(b.requests); i++ {
			if between := b.requests[i].after - b.requests[i-limit].after; between <= window {
				b.Errorf("requests %d to %d within %s", i-limit, i, between)
			}
		}
	})
}
