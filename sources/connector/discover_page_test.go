package connector

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
)

// guestOf is a proper entry of customers/getAll.
func guestOf(id preauth.ID) string {
	return `{"Id":"` + string(id) + `","LastName":"Guest","Address":{"Id":"x"},"MergeTargetId":null,"IsActive":true}`
}

// pageOf is a proper reply of customers/getAll; the cursor is put in as it is.
func pageOf(cursor string, entries ...string) string {
	return `{"Customers":[` + strings.Join(entries, ",") + `],"Documents":null,"Cursor":` + cursor + `}`
}

func decodePage(t *testing.T, of listing, text string) (*foundPage, error) {
	t.Helper()
	p, err := of.decode(strings.NewReader(text))
	if _, again := of.decode(iotest.OneByteReader(strings.NewReader(text))); (again == nil) != (err == nil) {
		t.Errorf("read at once: %v; read byte by byte: %v", err, again)
	}
	return p, err
}

func TestWhatAPageOfCustomersSays(t *testing.T) {
	one, two, seven := string(customer(1)), string(customer(2)), string(customer(7))
	for _, c := range []struct {
		name, text        string
		ids               []preauth.ID
		entries, unusable int
		cursor            string
	}{
		{"two customers", pageOf(`"c"`, guestOf(customer(2)), guestOf(customer(1))), []preauth.ID{customer(2), customer(1)}, 2, 0, `"c"`},
		{"nobody, and no more", pageOf("null"), nil, 0, 0, ""},
		{"no cursor is no more", `{"Customers":[]}`, nil, 0, 0, ""},
		{"an empty cursor is no more", pageOf(`""`), nil, 0, 0, ""},
		{"a cursor is kept as it is spelled", pageOf(`"\u0041\/\ud800"`), nil, 0, 0, `"\u0041\/\ud800"`},
		{"the cursor comes first", `{"Cursor":"c","Customers":[{"Id":"` + one + `"}]}`, []preauth.ID{customer(1)}, 1, 0, `"c"`},
		{"a merged one brings its target", pageOf("null", `{"Id":"`+one+`","MergeTargetId":"`+seven+`"}`), []preauth.ID{customer(1), customer(7)}, 1, 0, ""},
		{"upper case is the same", pageOf("null", guestOf(customer(0xab)), `{"Id":"`+strings.ToUpper(string(customer(0xab)))+`"}`), []preauth.ID{customer(0xab)}, 2, 0, ""},
		{
			"each comes once", pageOf("null", guestOf(customer(1)), `{"Id":"`+two+`","MergeTargetId":"`+strings.ToUpper(one)+`"}`, guestOf(customer(1))),
			[]preauth.ID{customer(1), customer(2)},
			3, 0, "",
		},
		{"no Id", pageOf("null", guestOf(customer(1)), `{}`, guestOf(customer(2))), []preauth.ID{customer(1), customer(2)}, 3, 1, ""},
		{"no Id but a target", pageOf("null", `{"Id":null,"MergeTargetId":"`+seven+`"}`), []preauth.ID{customer(7)}, 1, 1, ""},
		{"an Id that is no UUID", pageOf("null", `{"Id":"1"}`), nil, 1, 1, ""},
		{"an Id that is a number", pageOf("null", `{"Id":1}`), nil, 1, 1, ""},
		{"two Ids", pageOf("null", `{"Id":"`+one+`","Id":"`+two+`"}`), nil, 1, 1, ""},
		{"the name in lower case", pageOf("null", `{"id":"`+one+`"}`), nil, 1, 1, ""},
		{"a target that is no UUID", pageOf("null", `{"Id":"`+one+`","MergeTargetId":"?"}`), []preauth.ID{customer(1)}, 1, 1, ""},
		{"two targets", pageOf("null", `{"Id":"`+one+`","MergeTargetId":null,"MergeTargetId":"`+two+`"}`), []preauth.ID{customer(1)}, 1, 1, ""},
		{"entries that are no objects", pageOf("null", "null", "7", `"`+one+`"`, "[]"), nil, 4, 4, ""},
		{"unknown properties", `{"A":{"Customers":[1]},` + pageOf(`"c"`, guestOf(customer(1)))[1:], []preauth.ID{customer(1)}, 1, 0, `"c"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := decodePage(t, customerListing(), c.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.ids, idsOf(p.found)); diff != "" {
				t.Error(diff)
			}
			if p.entries != c.entries || p.unusable != c.unusable || string(p.cursor) != c.cursor {
				t.Errorf("%d entries, %d unusable, cursor %s", p.entries, p.unusable, p.cursor)
			}
		})
	}
}

func TestPagesThatCannotBeUsed(t *testing.T) {
	good := guestOf(customer(1))
	for name, text := range map[string]string{
		"empty":                   "",
		"HTML":                    "<html><body>Sorry</body></html>",
		"a list":                  "[" + good + "]",
		"no list":                 `{"Preauthorizations":[],"Cursor":null}`,
		"the list is null":        `{"Customers":null,"Cursor":"c"}`,
		"cut in an entry":         pageOf("null", good)[:60],
		"cut before the cursor":   `{"Customers":[` + good + `],`,
		"cut in the cursor":       `{"Customers":[` + good + `],"Cursor":"ab`,
		"the cursor is a number":  pageOf("7", good),
		"the cursor is false":     pageOf("false", good),
		"the cursor is an object": pageOf(`{"Id":"x"}`, good),
		"two cursors":             `{"Cursor":"a",` + pageOf(`"b"`, good)[1:],
		"a very long cursor":      pageOf(`"`+strings.Repeat("c", maxCursor)+`"`, good),
		"something follows":       pageOf("null", good) + "{}",
	} {
		if p, err := decodePage(t, customerListing(), text); err == nil || errors.Is(err, httpx.ErrBodyTooLarge) {
			t.Errorf("%s: decoded to %+v, %v", name, p, err)
		}
	}
	if _, err := decodePage(t, customerListing(), pageOf(`"`+strings.Repeat("c", 2*maxValueBytes)+`"`)); !errors.Is(err, httpx.ErrBodyTooLarge) {
		t.Errorf("a huge cursor: %v", err)
	}
}

func FuzzDecodeCustomers(f *testing.F) {
	f.Add(pageOf(`"\ud800"`, guestOf(customer(1)), `{"Id":"`+string(customer(2))+`","MergeTargetId":"`+string(customer(1))+`"}`, "7", "{}"))
	f.Add(`{"Cursor":"","Customers":[{"Id":"` + string(customer(1)) + `","UpdatedUtc":"2026-03-04T12:00:00+05:00"}]}`)
	f.Fuzz(func(t *testing.T, text string) { checkPage(t, customerListing(), text) })
}

func FuzzDecodeReservations(f *testing.F) {
	f.Add(stayOf(customer(1), "Customer", `"EndUtc":"2026-03-04T12:00:00Z"`))
	f.Add(staysOf(`"c"`, stayOf(customer(1), "Customer", `"ActualEndUtc":"9999-12-31T23:59:60Z"`), stayOf(customer(2), "Company", ""), "7"))
	f.Fuzz(func(t *testing.T, text string) { checkPage(t, reservationListing(), text) })
}

// checkPage wants of any reply that can be used what its readers rely on.
func checkPage(t *testing.T, of listing, text string) {
	t.Helper()
	p, err := of.decode(strings.NewReader(text))
	if err != nil {
		return
	}
	seen := map[preauth.ID]bool{}
	for _, each := range p.found {
		if parsed, err := preauth.ParseID(string(each.ID)); err != nil || parsed != each.ID || seen[each.ID] {
			t.Errorf("Id %q, seen before: %v", each.ID, seen[each.ID])
		}
		if seen[each.ID] = true; each.At.Location() != time.UTC {
			t.Errorf("%v is not in UTC", each.At)
		}
	}
	if p.unusable > p.entries || len(p.found) > 2*p.entries {
		t.Errorf("%d entries, %d unusable, %d found", p.entries, p.unusable, len(p.found))
	}
	if text, isText := textOf(p.cursor); p.cursor != nil && (!isText || text == "") {
		t.Errorf("cursor %s", p.cursor)
	}
}
