package connector

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// stayOf is an entry of reservations/getAll; further properties are put in as they are.
func stayOf(account preauth.ID, kind, further string) string {
	if further != "" {
		further = "," + further
	}
	return `{"Id":"` + string(id(0xe, 1)) + `","AccountId":"` + string(account) + `","AccountType":"` + kind + `","State":"Confirmed"` + further + `}`
}

// staysOf is a proper reply of reservations/getAll; the cursor is put in as it is.
func staysOf(cursor string, entries ...string) string {
	return `{"Reservations":[` + strings.Join(entries, ",") + `],"Cursor":` + cursor + `}`
}

// ends are the properties that name the end of a stay.
func ends(scheduled, actual, old string) string {
	return `"ScheduledEndUtc":` + scheduled + `,"ActualEndUtc":` + actual + `,"EndUtc":` + old
}

func TestWhatAPageOfReservationsSays(t *testing.T) {
	const early, late = `"2026-03-04T10:00:00Z"`, `"2026-03-05T12:30:00Z"`
	at := time.Date(2026, 3, 5, 12, 30, 0, 0, time.UTC)
	one, two := customer(1), customer(2)
	for _, c := range []struct {
		name, text        string
		found             []Found
		entries, unusable int
	}{
		{"a scheduled end", staysOf("null", stayOf(one, "Customer", ends(late, "null", "null"))), []Found{{one, at}}, 1, 0},
		{"the name that is about to go", staysOf("null", stayOf(one, "Customer", `"EndUtc":`+late)), []Found{{one, at}}, 1, 0},
		{"who stays longer", staysOf("null", stayOf(one, "Customer", ends(early, late, early))), []Found{{one, at}}, 1, 0},
		{"who leaves early", staysOf("null", stayOf(one, "Customer", ends(late, early, early))), []Found{{one, at}}, 1, 0},
		{"an end in another zone", staysOf("null", stayOf(one, "Customer", `"EndUtc":"2026-03-05T17:30:00+05:00"`)), []Found{{one, at}}, 1, 0},
		{"no end", staysOf("null", stayOf(one, "Customer", "")), []Found{{ID: one}}, 1, 0},
		{"ends that are none", staysOf("null", stayOf(one, "Customer", ends(`"2026-03-05"`, "7", `{}`))), []Found{{ID: one}}, 1, 0},
		{
			"two stays of one", staysOf("null", stayOf(one, "Customer", `"EndUtc":`+late), stayOf(two, "Customer", ""), stayOf(one, "Customer", `"EndUtc":`+early)),
			[]Found{{one, at}, {ID: two}},
			3, 0,
		},
		{"a company", staysOf("null", stayOf(one, "Company", "")), nil, 1, 0},
		{"a kind that is still to come", staysOf("null", stayOf(one, "Household", "")), nil, 1, 0},
		{"a company without an AccountId", staysOf("null", `{"AccountType":"Company"}`), nil, 1, 0},
		{"no AccountType", staysOf("null", `{"AccountId":"`+string(one)+`"}`), nil, 1, 1},
		{"two AccountTypes", staysOf("null", stayOf(one, "Company", `"AccountType":"Customer"`)), nil, 1, 1},
		{"no AccountId", staysOf("null", `{"AccountType":"Customer"}`), nil, 1, 1},
		{"an AccountId that is no UUID", staysOf("null", stayOf("1", "Customer", "")), nil, 1, 1},
		{"two AccountIds", staysOf("null", stayOf(one, "Customer", `"AccountId":"`+string(two)+`"`)), nil, 1, 1},
		{"entries that are no objects", staysOf("null", "null", "7", `"x"`), nil, 3, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := decodePage(t, reservationListing(), c.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.found, p.found); diff != "" {
				t.Error(diff)
			}
			if p.entries != c.entries || p.unusable != c.unusable {
				t.Errorf("%d entries, %d unusable", p.entries, p.unusable)
			}
		})
	}
	if _, err := decodePage(t, reservationListing(), pageOf("null")); err == nil || !strings.Contains(err.Error(), "no Reservations") {
		t.Errorf("a reply about customers: %v", err)
	}
}

func TestWhenACustomerWasUpdated(t *testing.T) {
	at := time.Date(2026, 3, 5, 12, 30, 0, 0, time.UTC)
	entry := func(n int, further string) string { return `{"Id":"` + string(customer(n)) + `",` + further + `}` }
	p, err := decodePage(t, customerListing(), pageOf("null",
		entry(1, `"UpdatedUtc":"2026-03-05T12:30:00Z","MergeTargetId":"`+string(customer(7))+`"`),
		entry(2, `"UpdatedUtc":"yesterday"`),
		entry(3, `"MergeTargetId":null`),
		entry(7, `"UpdatedUtc":"2026-03-01T00:00:00Z"`),
	))
	if err != nil {
		t.Fatal(err)
	}
	want := []Found{{customer(1), at}, {customer(7), at}, {ID: customer(2)}, {ID: customer(3)}}
	if diff := cmp.Diff(want, p.found); diff != "" {
		t.Error(diff)
	}
}
