package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// pollOf is a poll's body.
func pollOf(t *testing.T, customers []ID) []byte {
	t.Helper()
	texts := make([]string, 0, len(customers))
	for _, id := range customers {
		texts = append(texts, id.String())
	}
	body, err := json.Marshal(map[string]any{"Client": "bench", "CustomerIds": texts})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// shown gives the entries of a reply, each in the same spelling whatever its order.
func shown(t *testing.T, reply []byte, err error) []string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := bytes.Cut(reply, []byte("\r\n\r\n"))
	var list struct{ Preauthorizations []map[string]any }
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatal(err)
	}
	entries := make([]string, 0, len(list.Preauthorizations))
	for _, each := range list.Preauthorizations {
		entries = append(entries, fmt.Sprint(each))
	}
	return entries
}

func TestAPollShowsWhomItAsksFor(t *testing.T) {
	world := NewWorld(1, 2*PageSize)
	r := newReplies(world)
	everybody := world.Customers()
	page, err := r.poll(pollOf(t, everybody[PageSize:]))
	whole := shown(t, page, err)
	if len(whole) != PageSize*PerCustomer {
		t.Fatalf("a page shows %d entries", len(whole))
	}
	if &page[0] != &r.pages[1][0] {
		t.Error("a whole page is rendered again")
	}
	stranger := NewWorld(2, 1).Customers()[0]
	some, err := r.poll(pollOf(t, []ID{everybody[PageSize+1], stranger, everybody[PageSize]}))
	want := slices.Concat(whole[PerCustomer:2*PerCustomer], whole[:PerCustomer])
	if got := shown(t, some, err); !slices.Equal(got, want) {
		t.Errorf("two customers have %v, not %v", got, want)
	}
}

func TestAShuffledReplySaysTheSameInAnotherOrder(t *testing.T) {
	world := NewWorld(1, 3)
	r := newReplies(world)
	poll := pollOf(t, world.Customers())
	first, err := r.poll(poll)
	before := shown(t, first, err)
	r.shuffle()
	second, err := r.poll(poll)
	after := shown(t, second, err)
	if slices.Equal(before, after) || len(first) != len(second) {
		t.Error("the order is the same, or the length is another")
	}
	slices.Sort(before)
	slices.Sort(after)
	if !slices.Equal(before, after) {
		t.Errorf("%v has become %v", before, after)
	}
	r.charge(2)
	charged, err := r.poll(poll)
	if got := strings.Count(strings.Join(shown(t, charged, err), ""), "State:Charged]"); got != 2 {
		t.Errorf("%d are charged, not 2", got)
	}
}

func TestHoldsAreShownAsTheyWereMade(t *testing.T) {
	h := newHolds(0)
	for n := range 5 {
		if _, err := h.create(nil, fmt.Appendf(nil, `{"paymentMethodId":7,"amount": %d.50,"transactionToken":"t-%d"}`, n, n)); err != nil {
			t.Fatal(err)
		}
	}
	search := func(conditions string) ([]byte, error) {
		return h.search([]byte(`{"query":{"top":2,"search":[` + conditions + `]}}`))
	}
	for _, c := range []struct {
		asked, conditions string
		want              []int64
	}{
		{"a token", `{"name":"transactionToken","operator":"eq","value":"t-3"}`, []int64{4}},
		{"a token that nothing has", `{"name":"transactionToken","operator":"eq","value":"t-9"}`, nil},
		{"what lies above", `{"name":"identity","operator":"gt","value":1}`, []int64{2, 3}},
		{"what lies between", `{"name":"identity","operator":"gt","value":3},{"name":"identity","operator":"lt","value":5}`, []int64{4}},
		{"what lies above the last", `{"name":"identity","operator":"gt","value":5}`, nil},
	} {
		t.Run(c.asked, func(t *testing.T) {
			reply, err := search(c.conditions)
			if got := identities(t, reply, err); !slices.Equal(got, c.want) {
				t.Errorf("it shows %v, not %v", got, c.want)
			}
		})
	}
	if _, err := search(`{"name":"amount","operator":"eq","value":1}`); err == nil {
		t.Error("a search by what is not looked at is answered")
	}
	reply := h.paged(pagination{number: 3, size: 2})
	if got := identities(t, reply, nil); !slices.Equal(got, []int64{5}) {
		t.Errorf("the third page shows %v", got)
	}
}

// identities gives those that a search or a page shows.
func identities(t *testing.T, reply []byte, err error) []int64 {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	type items []struct{ Identity int64 }
	var list struct {
		Items        items
		PagedResults struct{ Items items }
	}
	if err := json.Unmarshal(reply, &list); err != nil {
		t.Fatalf("%s: %v", reply, err)
	}
	var got []int64
	for _, each := range slices.Concat(list.Items, list.PagedResults.Items) {
		got = append(got, each.Identity)
	}
	return got
}
