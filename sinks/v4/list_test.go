package v4

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	limit                  int
	shuffle                bool
}

func (s searches) answer(t *testing.T) handler {
	t.Helper()
	return func(_ int, w http.ResponseWriter, _ *http.Request, body string) {
		q := asked(t, body)
		found := slices.Clone(s.identities)
		slices.Sort(found)
		if s.newFirst {
			slices.Reverse(found)
		} else if diff := cmp.Diff([]order{{Name: "identity", Direction: "asc"}}, q.OrderBy); diff != "" {
			t.Error(diff)
		}
		if !s.ignoreFilter {
			found = slices.DeleteFunc(found, func(identity int64) bool {
				return slices.ContainsFunc(q.Search, func(each condition) bool {
					bound, _ := each.Value.(float64)
					return !condition{each.Name, each.Operator, int64(bound)}.holds(identity)
				})
			})
		}
		most := q.Top
		if s.limit > 0 {
			most = min(most, s.limit)
		}
		found = found[:min(len(found), most)]
		if s.shuffle && len(found) > 2 {
			found[0], found[2] = found[2], found[0]
		}
		var items []string
		for _, identity := range found {
			items = append(items, holdJSON(identity, "t"))
		}
		fmt.Fprint(w, foundJSON(items...))
	}
}

func upTo(n int64) []int64 {
	var all []int64
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

func TestEverythingAboveIsListed(t *testing.T) {
	for _, each := range []struct {
		name string
		sink searches
		from int64
		want []int64
		err  string
	}{
		{"nothing", searches{identities: upTo(5)}, 5, nil, ""},
		{"the rest", searches{identities: upTo(5)}, 3, []int64{4, 5}, ""},
		{"more than one reply holds", searches{identities: upTo(2500)}, 0, upTo(2500), ""},
		{"a sink that shows fewer than asked for", searches{identities: upTo(25), limit: 10}, 0, upTo(25), ""},
		{"a sink that shuffles", searches{identities: upTo(25), limit: 10, shuffle: true}, 0, nil, ""},
		{"a sink that ignores the order, with few objects", searches{identities: upTo(5), newFirst: true}, 2, []int64{5, 4, 3}, ""},
		{"a sink that ignores the order, with many", searches{identities: upTo(1500), newFirst: true}, 2, nil, "and has more than"},
		{"a sink that ignores the order and shows few", searches{identities: upTo(50), newFirst: true, limit: 10}, 2, nil, "did not show"},
		{"a sink that ignores the condition", searches{identities: upTo(5), ignoreFilter: true}, 2, nil, "none of them above"},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, each.sink.answer(t), withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				got, err := walked(func(page func([]preauth.Hold) error) error { return b.ListAbove(t.Context(), each.from, page) })
				if (err != nil) != (each.err != "") || (err != nil && !strings.Contains(err.Error(), each.err)) {
					t.Fatalf("got %v", err)
				}
				if each.want != nil {
					if diff := cmp.Diff(each.want, got); diff != "" {
						t.Error(diff)
					}
				}
				slices.Sort(got)
				if each.err == "" && int64(len(slices.Compact(got))) != int64(len(each.sink.identities))-each.from {
					t.Errorf("%d objects", len(got))
				}
			})
		})
	}
}

func TestAListEndsWithItsCallbacksError(t *testing.T) {
	enough := errors.New("enough")
	stop := func([]preauth.Hold) error { return enough }
	for name, each := range map[string]struct {
		answer handler
		list   func(context.Context, *bench) error
	}{
		"List":      {pages(2, []int64{1}, []int64{2}), func(ctx context.Context, b *bench) error { return b.List(ctx, stop) }},
		"ListAbove": {searches{identities: upTo(5)}.answer(t), func(ctx context.Context, b *bench) error { return b.ListAbove(ctx, 0, stop) }},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, each.answer, withToken, func(t *testing.T, b *bench) { //nolint:thelper // the test itself
				if err := each.list(t.Context(), b); !errors.Is(err, enough) || len(b.requests(false)) != 1 {
					t.Errorf("got %v after %d requests", err, len(b.requests(false)))
				}
			})
		})
	}
}
