package v4

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// pages answers Paged with these identities, one page after the other, then empty ones.
func pages(total int64, list ...[]int64) handler {
	return func(_ int, w http.ResponseWriter, r *http.Request, _ string) {
		var number, size int
		if _, err := fmt.Sscanf(r.Header.Get("Pagination"), `{"pageNumber":%d,"pageSize":%d}`, &number, &size); err != nil || size != pageSize {
			http.Error(w, "no pagination", http.StatusBadRequest)
			return
		}
		var items []string
		if number <= len(list) {
			for _, identity := range list[number-1] {
				items = append(items, holdJSON(identity, "t"))
			}
		}
		fmt.Fprintf(w, `{"pagination":{"pageNumber":%d},"pagedResults":{"totalCount":%d,"items":[%s]}}`,
			number, total, strings.Join(items, ","))
	}
}

// walked collects the identities that a List or ListAbove hands over.
func walked(list func(page func([]preauth.Hold) error) error) (found []int64, err error) {
	err = list(func(holds []preauth.Hold) error {
		for _, hold := range holds {
			found = append(found, hold.Identity)
		}
		return nil
	})
	return found, err
}

func TestEverythingIsListed(t *testing.T) {
	endless := make([][]int64, 6000)
	for i := range endless {
		endless[i] = []int64{int64(i%2)*2 + 1, int64(i%2)*2 + 2}
	}
	for _, each := range []struct {
		name   string
		answer handler
		want   []int64
		err    string
	}{
		{"nothing", pages(0), nil, ""},
		{"one page", pages(2, []int64{1, 2}), []int64{1, 2}, ""},
		{"pages that the sink made smaller", pages(3, []int64{1, 2}, []int64{3}), []int64{1, 2, 3}, ""},
		{"no total", pages(0, []int64{1, 2}, []int64{3}), []int64{1, 2, 3}, ""},
		{"objects pushed on to the next page", pages(3, []int64{1, 2, 3}, []int64{3, 4}), []int64{1, 2, 3, 3, 4}, ""},
		{"a page of nothing but one pushed on", pages(2, []int64{1, 2}, []int64{2}), []int64{1, 2, 2}, ""},
		{"a sink that repeats the page", pages(2, []int64{1, 2}, []int64{1, 2}), []int64{1, 2}, "does not page"},
		{"a sink that repeats it in another order", pages(2, []int64{1, 2}, []int64{2, 1}), []int64{1, 2}, "does not page"},
		{"a sink that gives everything each time", pages(2, []int64{1, 2}, []int64{1, 2, 3}), []int64{1, 2}, "does not page"},
		{"a sink that goes round in circles", pages(4, endless...), nil, "does not page"},
		{"a sink that stops early", pages(3, []int64{1, 2}), []int64{1, 2}, "not complete"},
		{"no items", says(200, `{"pagedResults":{"totalCount":0}}`), nil, "no items"},
		{"no results", says(200, `{"items":[]}`), nil, "no pagedResults"},
		{"an item without an identity", says(200, `{"pagedResults":{"items":[{}]}}`), nil, "no identity"},
		{"a total of another type", says(200, `{"pagedResults":{"totalCount":"x","items":[]}}`), nil, "totalCount"},
		{"HTML", says(200, `<html>`), nil, "JSON"},
		{"refused", says(400, declined), nil, "refused the paged: HTTP 400; 1017: Card declined"},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, each.answer, withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				got, err := walked(func(page func([]preauth.Hold) error) error { return b.List(t.Context(), page) })
				if (err != nil) != (each.err != "") || (err != nil && !strings.Contains(err.Error(), each.err)) {
					t.Errorf("got %v", err)
				}
				if each.want != nil || each.err == "" {
					if diff := cmp.Diff(each.want, got); diff != "" {
						t.Error(diff)
					}
				}
				if line := b.requests(false)[0].Line; line != "GET /ResourceServer/api/v4/PaymentPreAuthorize/Paged" {
					t.Error(line)
				}
			})
		})
	}
}

// searches answers Search over these identities, as far as it does what is asked.
type searches struct {
	identities             []int64
	ignoreFilter, newFirst bool
	// ignoreBelow leaves out the conditions with lt.
	ignoreBelow bool
	// refuseBelow refuses them.
	refuseBelow bool
	limit       int
	// choose, if given, replaces order and limit; it gets what there is in order.
	choose func([]int64) []int64
}

func (s searches) answer(t *testing.T) handler {
	t.Helper()
	list := pages(int64(len(s.identities)), s.identities)
	return func(n int, w http.ResponseWriter, r *http.Request, body string) {
		if r.Method == http.MethodGet {
			list(n, w, r, body)
			return
		}
		q := asked(t, body)
		if s.refuseBelow && len(q.Search) > 1 {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"errors":[{"code":1,"message":"bad op"}]}`)
			return
		}
		if diff := cmp.Diff([]order{{Name: "identity", Direction: "asc"}}, q.OrderBy); diff != "" {
			t.Error(diff)
		}
		found := slices.Sorted(slices.Values(s.identities))
		found = slices.DeleteFunc(found, func(identity int64) bool {
			return slices.ContainsFunc(q.Search, func(each condition) bool {
				bound, _ := each.Value.(float64)
				ignored := s.ignoreFilter || (s.ignoreBelow && each.Operator == "lt")
				return !ignored && !condition{each.Name, each.Operator, int64(bound)}.holds(identity)
			})
		})
		if s.newFirst {
			slices.Reverse(found)
		}
		most := min(len(found), q.Top)
		if s.limit > 0 {
			most = min(most, s.limit)
		}
		if s.choose != nil {
			found = s.choose(found)
		} else {
			found = found[:most]
		}
		var items []string
		for _, identity := range found {
			items = append(items, holdJSON(identity, "t"))
		}
		fmt.Fprint(w, foundJSON(items...))
	}
}

func upTo(n int64) []int64 { return every(1, n) }

// every gives n identities, each step above the one before.
func every(step, n int64) []int64 {
	var all []int64
	for i := range n {
		all = append(all, (i+1)*step)
	}
	return all
}

// newest shows the last few of them in order.
func newest(few int) func([]int64) []int64 {
	return func(found []int64) []int64 { return found[max(0, len(found)-few):] }
}

// lowestAndOthers shows the lowest and a few others, at random.
func lowestAndOthers(few int, seed uint64) func([]int64) []int64 {
	random := rand.New(rand.NewPCG(seed, 0))
	shuffle := func(list []int64) {
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	return func(found []int64) []int64 {
		if len(found) > 1 {
			shuffle(found[1:])
		}
		found = found[:min(few, len(found))]
		shuffle(found)
		return found
	}
}

// swapped exchanges the first and the third of every ten.
func swapped(found []int64) []int64 {
	found = found[:min(10, len(found))]
	if len(found) > 2 {
		found[0], found[2] = found[2], found[0]
	}
	return found
}

// repeating shows ten, and the last of them twice.
func repeating(found []int64) []int64 {
	found = found[:min(10, len(found))]
	if len(found) > 0 {
		found = append(found, found[len(found)-1])
	}
	return found
}

func TestEverythingAboveIsListed(t *testing.T) {
	sparse := every(7, 45)
	for _, each := range []struct {
		name string
		sink searches
		from int64
		// requests is how many it takes; 0 is not looked at.
		requests int
		err      string
	}{
		{"nothing", searches{identities: upTo(5)}, 5, 1, ""},
		{"the rest", searches{identities: upTo(5)}, 3, 3, ""},
		{"more than one reply holds", searches{identities: upTo(2500)}, 0, 7, ""},
		{"a sink that shows fewer than asked for", searches{identities: every(7, 25), limit: 10}, 0, 7, ""},
		{"a sink that repeats", searches{identities: every(7, 25), choose: repeating}, 0, 7, ""},
		{"a sink that swaps", searches{identities: upTo(25), choose: swapped}, 0, 7, ""},
		{"a sink that swaps, with gaps", searches{identities: every(7, 25), choose: swapped}, 0, 0, ""},
		{"newest first, few", searches{identities: upTo(5), newFirst: true}, 2, 3, ""},
		{"newest first, many", searches{identities: upTo(1500), newFirst: true}, 2, 0, ""},
		{"newest first, ten at a time", searches{identities: upTo(45), newFirst: true, limit: 10}, 2, 0, ""},
		{"newest first, ten at a time, with gaps", searches{identities: sparse, newFirst: true, limit: 10}, 20, 0, ""},
		{"the newest ten in order", searches{identities: upTo(45), choose: newest(10)}, 0, 0, ""},
		{"the newest ten in order, with gaps", searches{identities: sparse, choose: newest(10)}, 0, 0, ""},
		{"the lowest and nine others", searches{identities: upTo(45), choose: lowestAndOthers(10, 1)}, 0, 0, ""},
		{"the lowest and nine others, with gaps", searches{identities: sparse, choose: lowestAndOthers(10, 2)}, 0, 0, ""},
		{"a sink that ignores the condition", searches{identities: upTo(5), ignoreFilter: true}, 5, 1, "above 5, the sink showed 5"},
		{"the newest ten in order, whatever is asked below", searches{identities: upTo(45), choose: newest(10), ignoreBelow: true}, 0, 4, ""},
		{"a sink that ignores what is asked below", searches{identities: every(7, 25), ignoreBelow: true}, 20, 4, ""},
		{"a sink that does not know lt", searches{identities: every(7, 25), refuseBelow: true}, 20, 4, ""},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, each.sink.answer(t), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				got, err := walked(func(page func([]preauth.Hold) error) error { return b.ListAbove(t.Context(), each.from, page) })
				if (err != nil) != (each.err != "") || (err != nil && !strings.Contains(err.Error(), each.err)) {
					t.Fatalf("got %v", err)
				}
				// At every moment there is no gap below what was handed over.
				want := slices.DeleteFunc(slices.Clone(each.sink.identities), func(identity int64) bool { return identity <= each.from })
				got = slices.Compact(got)
				if err != nil {
					want = want[:min(len(got), len(want))]
				}
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Error(diff)
				}
				if sent := len(b.requests(false)); each.requests != 0 && sent != each.requests {
					t.Errorf("%d requests, want %d", sent, each.requests)
				}
			})
		})
	}
}

func TestAWalkEndsWhenTheSinkNeedsTooManyRequests(t *testing.T) {
	sink := searches{identities: every(7, 300), newFirst: true, limit: 10}
	inBubble(t, sink.answer(t), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
		_, err := walked(func(page func([]preauth.Hold) error) error { return b.ListAbove(t.Context(), 0, page) })
		sent := len(b.requests(false))
		if err == nil || !strings.Contains(err.Error(), "does not honour orderBy") || sent < maxExtra || sent > maxExtra+100 {
			t.Errorf("%d requests, %v", sent, err)
		}
	})
}

func TestAnOrderThatWasChanceIsNotBelieved(t *testing.T) {
	replies := 0
	sink := searches{identities: every(3, 20), choose: func(found []int64) []int64 {
		if replies++; len(found) < 2 {
			return found
		}
		few := []int64{found[0], found[len(found)/2]}
		if replies > 1 {
			slices.Reverse(few)
		}
		return few
	}}
	inBubble(t, sink.answer(t), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
		got, err := walked(func(page func([]preauth.Hold) error) error { return b.ListAbove(t.Context(), 0, page) })
		slices.Sort(got)
		if diff := cmp.Diff(sink.identities, slices.Compact(got)); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
	})
}

func TestAListEndsWithItsCallbacksError(t *testing.T) {
	enough := errors.New("enough")
	stop := func([]preauth.Hold) error { return enough }
	for name, each := range map[string]struct {
		answer handler
		list   func(context.Context, *bench) error
		sent   int
	}{
		"List":      {pages(2, []int64{1}, []int64{2}), func(ctx context.Context, b *bench) error { return b.List(ctx, stop) }, 1},
		"ListAbove": {searches{identities: upTo(5)}.answer(t), func(ctx context.Context, b *bench) error { return b.ListAbove(ctx, 0, stop) }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, each.answer, withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				if err := each.list(t.Context(), b); !errors.Is(err, enough) || len(b.requests(false)) != each.sent {
					t.Errorf("got %v after %d requests", err, len(b.requests(false)))
				}
			})
		})
	}
}
