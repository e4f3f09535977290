package connector

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// guests looks for guests and gives the pages that were handed over.
func (b *bench) guests(from, to, updatedSince time.Time) ([][]preauth.ID, error) {
	b.Helper()
	var pages [][]preauth.ID
	err := b.client().Guests(b.Context(), from, to, updatedSince, func(page []Found) error {
		pages = append(pages, idsOf(page))
		return nil
	})
	return pages, err
}

func TestWhatASearchForGuestsSends(t *testing.T) {
	for _, c := range []struct {
		name    string
		since   time.Duration // before now; 0 asks for all
		updated bool
	}{
		{"all of them", 0, false},
		{"what was updated of late", 20 * time.Minute, true},
		{"what was updated within three months", 88 * 24 * time.Hour, true},
		{"more than there may be asked for, so all of them", 89 * 24 * time.Hour, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, pages(staysOf(`"\ud800"`, stayOf(customer(1), "Customer", "")), staysOf("null", stayOf(customer(2), "Customer", ""))), func(b *bench) {
				since := time.Time{}
				if c.since > 0 {
					since = time.Now().Add(-c.since)
				}
				got, err := b.guests(day(0).Add(time.Second/2), day(10).Add(time.Second/2), since)
				if diff := cmp.Diff([][]preauth.ID{{customer(1)}, {customer(2)}}, got); err != nil || diff != "" {
					b.Fatal(err, diff)
				}
				for i, limitation := range []string{`{"Count":1000}`, `{"Count":1000,"Cursor":"\ud800"}`} {
					r := b.requests[i]
					if r.method != http.MethodPost || r.path != "/api/connector/v1/reservations/getAll/2023-06-06" {
						b.Errorf("%s %s", r.method, r.path)
					}
					want := map[string]string{
						"ClientToken": `"` + clientToken + `"`, "AccessToken": `"` + accessToken + `"`, "Client": `"preauth-sync 1.0.0"`,
						"CollidingUtc": `{"StartUtc":"2026-01-01T00:00:00Z","EndUtc":"2026-01-11T00:00:01Z"}`, "Limitation": limitation,
					}
					if c.updated {
						want["UpdatedUtc"] = fmt.Sprintf(`{"StartUtc":%q,"EndUtc":%q}`,
							since.UTC().Format(time.RFC3339), since.UTC().Add(longestInterval).Format(time.RFC3339))
					}
					if diff := cmp.Diff(want, spelled(r.properties)); diff != "" {
						b.Error(diff)
					}
				}
				if e := b.events[0]; len(b.events) != 2 || e.Operation != "reservations" || e.Status != 200 {
					b.Errorf("events %+v", b.events)
				}
			})
		})
	}
}

func spelled(properties map[string]json.RawMessage) map[string]string {
	out := map[string]string{}
	for name, value := range properties {
		out[name] = string(value)
	}
	return out
}

func TestGuestsAreLookedForIntervalByInterval(t *testing.T) {
	inBubble(t, func(w http.ResponseWriter, r asked) {
		var colliding struct{ StartUtc, EndUtc time.Time }
		if err := json.Unmarshal(r.properties["CollidingUtc"], &colliding); err != nil {
			t.Error(err)
		}
		switch colliding.EndUtc {
		case day(200):
			fmt.Fprint(w, staysOf(`"a"`, stayOf(customer(1), "Customer", ""), "7"))
			if colliding.StartUtc != day(111) {
				t.Errorf("the newest begins at %s", colliding.StartUtc)
			}
		case day(111):
			fail(w, 403, "No")
		default:
			fmt.Fprint(w, staysOf("null", stayOf(customer(2), "Company", ""), stayOf(customer(3), "Customer", "")))
		}
	}, func(b *bench) {
		got, err := b.guests(day(0), day(200), time.Time{})
		if diff := cmp.Diff([][]preauth.ID{{customer(1)}, {customer(1)}, {customer(3)}}, got); diff != "" {
			b.Error(diff)
		}
		if err == nil || strings.Count(err.Error(), "not known in full") != 2 {
			b.Fatal(err)
		}
		for _, must := range []string{
			"reservations from " + day(111).Format(time.RFC3339), "circles", "AccountId is no UUID: 2",
			"reservations from " + day(22).Format(time.RFC3339), "reservations request with HTTP 403",
		} {
			if !strings.Contains(err.Error(), must) {
				b.Errorf("does not say %q: %v", must, err)
			}
		}
	})
}

// merging answers a request for customers with what each was merged into.
func merging(t *testing.T, into map[preauth.ID]preauth.ID) answer {
	t.Helper()
	return func(w http.ResponseWriter, r asked) {
		if string(r.properties["Extent"]) != `{"Customers":true}` || string(r.properties["ActivityStates"]) != `["Active","Deleted"]` ||
			r.properties["UpdatedUtc"] != nil || string(r.properties["Limitation"]) != `{"Count":1000}` || len(r.customers) > 1000 {
			t.Errorf("asked for %d with %v", len(r.customers), spelled(r.properties)["Limitation"])
		}
		var entries []string
		for _, each := range r.customers {
			target := "null"
			if id, merged := into[each]; merged {
				target = `"` + string(id) + `"`
			}
			entries = append(entries, `{"Id":"`+string(each)+`","MergeTargetId":`+target+`}`)
		}
		fmt.Fprint(w, pageOf("null", entries...))
	}
}

// merged asks for the targets of customers and gives all that were handed over.
func (b *bench) merged(of ...Found) (all []Found, err error) {
	b.Helper()
	err = b.client().Merged(b.Context(), of, func(page []Found) error {
		all = append(all, page...)
		return nil
	})
	return all, err
}

func TestMergesAreFollowedToTheirEnd(t *testing.T) {
	one, two, three, four := customer(1), customer(2), customer(3), customer(4)
	for _, c := range []struct {
		name     string
		into     map[preauth.ID]preauth.ID
		of, want []Found
		requests int
	}{
		{"nobody is asked for", nil, nil, nil, 0},
		{"nobody was merged", nil, []Found{{one, day(1)}, {two, day(2)}}, nil, 1},
		{"one was, and brings its time", map[preauth.ID]preauth.ID{one: three}, []Found{{one, day(1)}, {two, day(2)}}, []Found{{three, day(1)}}, 2},
		{"two into one", map[preauth.ID]preauth.ID{one: three, two: three}, []Found{{one, day(1)}, {two, day(2)}}, []Found{{three, day(2)}}, 2},
		{"one after the other", map[preauth.ID]preauth.ID{one: two, two: three, three: four}, []Found{{one, day(1)}}, []Found{{two, day(1)}, {three, day(1)}, {four, day(1)}}, 4},
		{"into one who was asked for too", map[preauth.ID]preauth.ID{one: two}, []Found{{one, day(1)}, {two, day(2)}}, []Found{{two, day(1)}}, 1},
		{"into each other", map[preauth.ID]preauth.ID{one: two, two: one}, []Found{{one, day(1)}}, []Found{{two, day(1)}, {one, day(1)}}, 2},
		{"into itself", map[preauth.ID]preauth.ID{one: one}, []Found{{one, day(1)}}, []Found{{one, day(1)}}, 1},
		{"one who is asked for twice", map[preauth.ID]preauth.ID{one: three}, []Found{{one, day(2)}, {one, day(1)}}, []Found{{three, day(2)}}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, merging(t, c.into), func(b *bench) {
				got, err := b.merged(c.of...)
				if diff := cmp.Diff(c.want, got); err != nil || diff != "" || len(b.requests) != c.requests {
					b.Error(len(b.requests), err, diff)
				}
			})
		})
	}
}

func TestMergesAreAskedForAThousandAtATime(t *testing.T) {
	into := map[preauth.ID]preauth.ID{customer(0): customer(5000), customer(2499): customer(5001)}
	inBubble(t, merging(t, into), func(b *bench) {
		var of []Found
		for _, each := range customers(2500) {
			of = append(of, Found{ID: each})
		}
		got, err := b.merged(of...)
		if diff := cmp.Diff([]Found{{ID: customer(5000)}, {ID: customer(5001)}}, got); err != nil || diff != "" || len(b.requests) != 4 {
			b.Error(len(b.requests), err, diff)
		}
	})
}

func TestMergesThatAreNotKnownInFull(t *testing.T) {
	one, two, three := customer(1), customer(2), customer(3)
	entry := func(id preauth.ID, target string) string {
		return `{"Id":"` + string(id) + `","MergeTargetId":` + target + `}`
	}
	chain := map[preauth.ID]preauth.ID{}
	for n := range 50 {
		chain[customer(n)] = customer(n + 1)
	}
	for _, c := range []struct {
		name     string
		answer   answer
		say      string
		want     []preauth.ID
		requests int
	}{
		{"a target that is no UUID", pages(pageOf("null", entry(one, `"x"`), entry(two, `"`+string(one)+`"`))), "MergeTargetId is no UUID: 1", []preauth.ID{one}, 1},
		{"one who was not asked for", pages(pageOf("null", entry(three, `"`+string(one)+`"`))), "Id was not asked for", nil, 1},
		{"a server that ignores the ids", pages(pageOf(`"a"`, entry(three, "null"), entry(one, "null"), entry(two, "null"))), "more than the 2", nil, 1},
		{"a refusal", func(w http.ResponseWriter, _ asked) { fail(w, 400, "Invalid CustomerIds") }, "Invalid CustomerIds", nil, 3},
		{"merges without end", merging(t, chain), "more than 10 times", customers(13)[2:], 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, c.answer, func(b *bench) {
				got, err := b.merged(Found{ID: one}, Found{ID: two})
				if err == nil || !strings.Contains(err.Error(), c.say) || len(b.requests) != c.requests {
					b.Errorf("%d requests: %v", len(b.requests), err)
				}
				if diff := cmp.Diff(c.want, idsOf(distinctly(got))); diff != "" {
					b.Error(diff)
				}
			})
		})
	}
}

func distinctly(all []Found) (out []Found) {
	seen := map[preauth.ID]bool{}
	for _, each := range all {
		if !seen[each.ID] {
			seen[each.ID] = true
			out = append(out, each)
		}
	}
	return out
}

func TestAnErrorOfWhoTakesTheTargetsEndsIt(t *testing.T) {
	into := map[preauth.ID]preauth.ID{customer(1): customer(2), customer(2): customer(3)}
	inBubble(t, merging(t, into), func(b *bench) {
		full := errors.New("the disk is full")
		err := b.client().Merged(b.Context(), []Found{{ID: customer(1)}}, func([]Found) error { return full })
		if !errors.Is(err, full) || len(b.requests) != 1 {
			b.Errorf("%d requests: %v", len(b.requests), err)
		}
	})
}

func TestACustomerThatTheAPIRefusesHidesNobodysTarget(t *testing.T) {
	answer := merging(t, map[preauth.ID]preauth.ID{customer(3): customer(50), customer(12): customer(51)})
	without := func(w http.ResponseWriter, r asked) {
		if slices.Contains(r.customers, customer(7)) {
			fail(w, 400, "an unknown customer")
			return
		}
		answer(w, r)
	}
	inBubble(t, without, func(b *bench) {
		var of []Found
		for _, each := range customers(16) {
			of = append(of, Found{ID: each})
		}
		got, err := b.merged(of...)
		if diff := cmp.Diff([]Found{{ID: customer(50)}, {ID: customer(51)}}, got); diff != "" || err != nil {
			b.Errorf("%v %s", err, diff)
		}
	})
}

func TestWhenEveryCustomerIsRefusedItIsAboutSomethingElse(t *testing.T) {
	inBubble(t, func(w http.ResponseWriter, _ asked) { fail(w, 400, "no") }, func(b *bench) {
		var of []Found
		for _, each := range customers(1000) {
			of = append(of, Found{ID: each})
		}
		if _, err := b.merged(of...); err == nil || len(b.requests) > 50 {
			b.Errorf("%v after %d requests", err, len(b.requests))
		}
	})
}

func TestAnOddEntryBesideARefusedCustomerHidesNobodysTarget(t *testing.T) {
	answer := merging(t, map[preauth.ID]preauth.ID{customer(15): customer(51)})
	odd := func(w http.ResponseWriter, r asked) {
		switch {
		case slices.Contains(r.customers, customer(7)):
			fail(w, 400, "an unknown customer")
		case slices.Contains(r.customers, customer(0)):
			fmt.Fprint(w, pageOf("null", `{"Id":"`+string(customer(0))+`","MergeTargetId":"x"}`))
		default:
			answer(w, r)
		}
	}
	inBubble(t, odd, func(b *bench) {
		var of []Found
		for _, each := range customers(16) {
			of = append(of, Found{ID: each})
		}
		got, err := b.merged(of...)
		if diff := cmp.Diff([]Found{{ID: customer(51)}}, got); diff != "" || err == nil || errors.Is(err, preauth.ErrOddEntries) {
			b.Errorf("%v %s", err, diff)
		}
	})
}

func TestOnlyEntriesThatNameNobodyLeaveAListComplete(t *testing.T) {
	guest := `{"AccountId":"` + string(customer(1)) + `","AccountType":"Customer"}`
	for _, c := range []struct {
		name, entries string
		complete      bool
	}{
		{"one without an account", guest + `,{"AccountId":null,"AccountType":"Customer"}`, true},
		{"one without an account or its type", guest + `,{"AccountId":null}`, true},
		{"one whose account may be a customer's", guest + `,{"AccountId":"` + string(customer(2)) + `"}`, false},
		{"one that is no object", guest + `,7`, false},
		{"all without an account", `{"AccountId":null,"AccountType":"Customer"}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(w http.ResponseWriter, _ asked) { fmt.Fprint(w, `{"Reservations":[`+c.entries+`],"Cursor":null}`) }, func(b *bench) {
				err := b.client().Guests(b.Context(), day(1), day(2), time.Time{}, func([]Found) error { return nil })
				if err == nil || errors.Is(err, preauth.ErrOddEntries) != c.complete {
					b.Error(err)
				}
			})
		})
	}
}
