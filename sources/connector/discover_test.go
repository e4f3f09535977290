package connector

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// wanted is what a request asks customers/getAll for.
type wanted struct {
	start, end time.Time
	count      int
	cursor     string
}

func wantedBy(t *testing.T, r asked) wanted {
	t.Helper()
	var updated struct{ StartUtc, EndUtc time.Time }
	var limitation struct {
		Count  int
		Cursor *string
	}
	if err := errors.Join(
		json.Unmarshal(r.properties["UpdatedUtc"], &updated), json.Unmarshal(r.properties["Limitation"], &limitation),
	); err != nil {
		t.Fatal(err)
	}
	w := wanted{start: updated.StartUtc, end: updated.EndUtc, count: limitation.Count}
	if limitation.Cursor != nil {
		w.cursor = *limitation.Cursor
	}
	return w
}

// day is one of 2026, from 1 January on.
func day(n int) time.Time { return time.Date(2026, 1, 1+n, 0, 0, 0, 0, time.UTC) }

// discover looks for customers and gives the pages that were handed over.
func (b *bench) discover(from, to time.Time) ([][]preauth.ID, error) {
	b.Helper()
	var pages [][]preauth.ID
	err := b.client().Customers(b.Context(), from, to, func(page []Found) error {
		pages = append(pages, idsOf(page))
		return nil
	})
	return pages, err
}

func idsOf(page []Found) (ids []preauth.ID) {
	for _, each := range page {
		ids = append(ids, each.ID)
	}
	return ids
}

// pages answers the first request with the first page, whatever it asks for.
func pages(all ...string) answer {
	next := 0
	return func(w http.ResponseWriter, _ asked) {
		fmt.Fprint(w, all[next])
		next++
	}
}

// numbered has one customer on each of so many pages, whose cursors are their
// numbers, in every interval.
func numbered(t *testing.T, most int, instead func(w http.ResponseWriter, r asked, page int) bool) answer {
	t.Helper()
	return func(w http.ResponseWriter, r asked) {
		page := 1
		if at := wantedBy(t, r).cursor; at != "" {
			last, err := strconv.Atoi(at)
			if err != nil {
				t.Error(err)
			}
			page = last + 1
		}
		if instead != nil && instead(w, r, page) {
			return
		}
		cursor := "null"
		if page < most {
			cursor = fmt.Sprintf(`"%d"`, page)
		}
		fmt.Fprint(w, pageOf(cursor, guestOf(customer(page))))
	}
}

func TestWhatASearchForCustomersSends(t *testing.T) {
	const cursor = `"\"\\/<&>é\u2028\u0000\ud800 +=%"`
	inBubble(t, pages(pageOf(cursor, guestOf(customer(1))), pageOf("null", guestOf(customer(2)))), func(b *bench) {
		zone := time.FixedZone("far", 5*3600)
		got, err := b.discover(day(0).Add(time.Hour+999).In(zone), day(1).Add(1).In(zone))
		if diff := cmp.Diff([][]preauth.ID{{customer(1)}, {customer(2)}}, got); err != nil || diff != "" {
			b.Fatal(err, diff)
		}
		var spelled [2]string
		for i, r := range b.requests {
			if r.method != http.MethodPost || r.path != "/api/connector/v1/customers/getAll" || r.contentType != "application/json" {
				b.Errorf("%s %s as %s", r.method, r.path, r.contentType)
			}
			spelled[i] = string(r.properties["Limitation"])
			delete(r.properties, "Limitation")
			want := map[string]string{
				"ClientToken": `"` + clientToken + `"`, "AccessToken": `"` + accessToken + `"`, "Client": `"preauth-sync 1.0.0"`,
				"Extent": `{"Customers":true}`, "ActivityStates": `["Active","Deleted"]`,
				"UpdatedUtc": `{"StartUtc":"2026-01-01T01:00:00Z","EndUtc":"2026-01-02T00:00:01Z"}`,
			}
			got := map[string]string{}
			for name, value := range r.properties {
				got[name] = string(value)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				b.Error(diff)
			}
		}
		// The same string, down to the half of a pair that is no character: how < & > are
		// spelled is JSON's business.
		plain := strings.NewReplacer(`\u003c`, "<", `\u0026`, "&", `\u003e`, ">").Replace(spelled[1])
		if spelled[0] != `{"Count":1000}` || plain != `{"Count":1000,"Cursor":`+cursor+`}` {
			b.Errorf("limitations %s and %s", spelled[0], plain)
		}
		if e := b.events[0]; len(b.events) != 2 || e.API != API || e.Operation != "customers" || e.Status != 200 {
			b.Errorf("events %+v", b.events)
		}
	})
}

func TestNoIntervalIsLongerThanThreeMonths(t *testing.T) {
	for n := range 4 * 366 {
		end := time.Date(2024, 1, 1+n, 7, 0, 0, 0, time.UTC)
		all := intervals(end.AddDate(0, -7, 0), end)
		for i, each := range all {
			// Three months on, or the end of that month.
			latest := each.StartUTC.AddDate(0, 3, 0)
			if latest.Day() != each.StartUTC.Day() {
				latest = latest.AddDate(0, 0, -latest.Day())
			}
			if each.EndUTC.After(latest) || !each.StartUTC.Before(each.EndUTC) {
				t.Fatalf("%s to %s", each.StartUTC, each.EndUTC)
			}
			if i > 0 && !each.EndUTC.Equal(all[i-1].StartUTC) {
				t.Fatalf("between %s and %s there is a gap", each.EndUTC, all[i-1].StartUTC)
			}
		}
		if !all[0].EndUTC.Equal(end) || !all[len(all)-1].StartUTC.Equal(end.AddDate(0, -7, 0)) || len(all) > 3 {
			t.Fatalf("the span to %s is divided into %+v", end, all)
		}
	}
}

func TestALongSpanIsReadTheNewestIntervalFirst(t *testing.T) {
	inBubble(t, numbered(t, 2, nil), func(b *bench) {
		got, err := b.discover(day(0), day(200))
		if err != nil || len(got) != 6 {
			b.Errorf("%v, %v", got, err)
		}
		var read []wanted
		for _, r := range b.requests {
			read = append(read, wantedBy(b.T, r))
		}
		want := []wanted{
			{day(111), day(200), 1000, ""},
			{day(111), day(200), 1000, "1"},
			{day(22), day(111), 1000, ""},
			{day(22), day(111), 1000, "1"},
			{day(0), day(22), 1000, ""},
			{day(0), day(22), 1000, "1"},
		}
		if diff := cmp.Diff(want, read, cmp.AllowUnexported(wanted{})); diff != "" {
			b.Error(diff)
		}
	})
}

func TestASpanThatIsNoneSendsNothing(t *testing.T) {
	inBubble(t, numbered(t, 1, nil), func(b *bench) {
		for _, to := range []time.Time{day(5), day(4)} {
			if got, err := b.discover(day(5), to); err == nil || got != nil || len(b.requests) != 0 {
				b.Errorf("%d requests, %v, %v", len(b.requests), got, err)
			}
		}
	})
}

func TestWhatEndsTheWalk(t *testing.T) {
	one, two := guestOf(customer(1)), guestOf(customer(2))
	for _, c := range []struct {
		name  string
		pages []string
		say   string
	}{
		{"no cursor", []string{pageOf("null", one)}, ""},
		{"nobody at all", []string{pageOf("null")}, ""},
		{"an empty page with a new cursor does not", []string{pageOf(`"a"`), pageOf(`"b"`, one), pageOf("null", two)}, ""},
		{
			"nor do three in a row, again and again",
			[]string{pageOf(`"a"`), pageOf(`"b"`), pageOf(`"c"`), pageOf(`"d"`, one), pageOf(`"e"`), pageOf(`"f"`), pageOf(`"g"`), pageOf("null", two)},
			"",
		},
		{"nor three before the end", []string{pageOf(`"a"`), pageOf(`"b"`), pageOf(`"c"`), pageOf("null")}, ""},
		{"nor three before a cursor that leads nowhere new", []string{pageOf(`"a"`), pageOf(`"b"`), pageOf(`"c"`), pageOf(`"c"`)}, ""},
		{"four in a row", []string{pageOf(`"a"`, one), pageOf(`"b"`), pageOf(`"c"`), pageOf(`"d"`), pageOf(`"e"`)}, "4 empty pages in a row"},
		{"an unusable entry is no empty page", []string{pageOf(`"a"`), pageOf(`"b"`), pageOf(`"c"`), pageOf(`"d"`, "7"), pageOf(`"e"`), pageOf("null")}, "UUID: 1"},
		{"an empty page with the cursor it was asked by", []string{pageOf(`"a"`, one), pageOf(`"a"`)}, ""},
		{"a page with the cursor it was asked by", []string{pageOf(`"a"`, one), pageOf(`"a"`, two)}, "circles"},
		{"cursors in turn", []string{pageOf(`"a"`, one), pageOf(`"b"`, two), pageOf(`"a"`, one)}, "circles"},
		{"an unusable entry does not pass for an empty page", []string{pageOf(`"a"`, one), pageOf(`"a"`, "7")}, "circles"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, pages(c.pages...), func(b *bench) {
				got, err := b.discover(day(0), day(1))
				if (err == nil) != (c.say == "") || (err != nil && !strings.Contains(err.Error(), c.say)) {
					b.Error(err)
				}
				if len(b.requests) != len(c.pages) {
					b.Errorf("%d requests", len(b.requests))
				}
				for _, page := range got {
					if len(page) == 0 {
						b.Error("an empty page was handed over")
					}
				}
			})
		})
	}
}

func TestEmptyPagesWithoutEndCostOnlyTheirInterval(t *testing.T) {
	endless := 0
	older := numbered(t, 2, nil)
	inBubble(t, func(w http.ResponseWriter, r asked) {
		if wantedBy(t, r).end != day(200) {
			older(w, r)
			return
		}
		endless++
		fmt.Fprint(w, pageOf(fmt.Sprintf(`"%d"`, endless)))
	}, func(b *bench) {
		got, err := b.discover(day(100), day(200))
		if diff := cmp.Diff([][]preauth.ID{{customer(1)}, {customer(2)}}, got); diff != "" {
			b.Error(diff)
		}
		if endless != mostEmpty+1 || len(b.requests) != endless+2 {
			b.Errorf("%d requests, %d of them in vain", len(b.requests), endless)
		}
		newest := day(111).Format(time.RFC3339) + " to " + day(200).Format(time.RFC3339)
		if err == nil || !strings.Contains(err.Error(), newest) || strings.Count(err.Error(), "not known in full") != 1 {
			b.Errorf("says %v", err)
		}
	})
}

func TestAnAPIThatNeverEndsIsLeft(t *testing.T) {
	inBubble(t, numbered(t, 1<<30, nil), func(b *bench) {
		got, err := b.discover(day(0), day(1))
		if err == nil || !strings.Contains(err.Error(), "no end after 2000 pages") || len(b.requests) != mostPages || len(got) != mostPages {
			b.Errorf("%d requests, %d pages: %v", len(b.requests), len(got), err)
		}
	})
}
