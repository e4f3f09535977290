package connector

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
)

func euros(t *testing.T, amount string) preauth.Money {
	t.Helper()
	money, err := preauth.NewMoney(amount, "EUR")
	if err != nil {
		t.Fatal(err)
	}
	return money
}

// decode gives what a reply says about some customers, however it is chopped.
func decode(t *testing.T, text string, asked ...preauth.ID) (*decoded, error) {
	t.Helper()
	d, err := decodeReply([]byte(text), asked)
	streamed, again := decodeStream(iotest.OneByteReader(strings.NewReader(text)), asked)
	if (again == nil) != (err == nil) {
		t.Errorf("read at once: %v; read byte by byte: %v", err, again)
	}
	if err == nil {
		alike(t, streamed, d)
	}
	return d, err
}

func TestTheVendorsExamplesDecodeExactly(t *testing.T) {
	const asked = preauth.ID("20725048-b6ec-40f0-9d0a-7e5273d8b861")
	want := preauth.Reply{
		Customers: []preauth.ID{asked},
		Preauthorizations: []preauth.Preauthorization{
			{
				ID: "2d93962f-067f-45a6-b7c4-bc4b9d899456", CustomerID: asked, CardID: "e417dfe8-c813-4938-837b-36081199ce88",
				Amount: euros(t, "10"), State: preauth.Cancelled, StateText: "Cancelled", Active: false,
			},
			{
				ID: "ad44411a-1efc-46b6-b903-ec5fa7842000", CustomerID: asked, CardID: "41fa39ab-4b12-4816-95a3-d06cdbbdcb69",
				Amount: euros(t, "22"), State: preauth.Charged, StateText: "Charged", Active: true,
			},
		},
	}
	for _, name := range []string{"reply-current.json", "reply-older.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		d, err := decode(t, string(text), asked)
		if err != nil {
			t.Fatal(err)
		}
		got, refused := d.reply()
		if diff := cmp.Diff(want, got); diff != "" || len(refused) != 0 || d.lost != "" {
			t.Errorf("%s: refused %v, lost %q (-want +got):\n%s", name, refused, d.lost, diff)
		}
	}
}

func TestRepliesThatCannotBeUsed(t *testing.T) {
	good := entryOf(hold(1), customer(1))
	for name, text := range map[string]string{
		"empty":                      "",
		"white space":                " \n",
		"HTML":                       "<html><body>Sorry</body></html>",
		"null":                       "null",
		"a string":                   `"Preauthorizations"`,
		"a list":                     "[" + good + "]",
		"no list":                    `{"Customers": []}`,
		"an empty object":            `{}`,
		"the list is null":           `{"Preauthorizations": null}`,
		"the list is an object":      `{"Preauthorizations": {}}`,
		"the list's name in lower":   `{"preauthorizations": []}`,
		"cut in an entry":            listOf(good)[:80],
		"cut after an entry":         `{"Preauthorizations":[` + good,
		"cut after a comma":          `{"Preauthorizations":[` + good + ",",
		"cut before the last brace":  `{"Preauthorizations":[` + good + "]",
		"cut in a later property":    `{"Preauthorizations":[` + good + `],"Next":"`,
		"the list is there twice":    `{"Preauthorizations":[],"Preauthorizations":[` + good + `]}`,
		"another property is twice":  `{"A":1,"Preauthorizations":[],"\u0041":2}`,
		"garbage follows":            listOf(good) + "x",
		"another reply follows":      listOf(good) + listOf(),
		"a closing bracket too many": listOf(good) + "]",
		"brackets that do not match": `{"Preauthorizations":[` + good + "}}",
		"no comma between entries":   listOf(good + good),
		"a comma too many":           listOf(good, ""),
		"nested without end":         `{"A":` + strings.Repeat("[", 5000),
		"nested too deep":            `{"A":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `,"Preauthorizations":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			if d, err := decode(t, text, customer(1)); err == nil {
				t.Errorf("decoded to %+v", d)
			} else if errors.Is(err, httpx.ErrBodyTooLarge) {
				t.Errorf("counts as too large: %v", err)
			}
		})
	}
}

func TestUnknownPropertiesAreIgnoredEverywhere(t *testing.T) {
	entry := strings.Replace(entryOf(hold(1), customer(1)), `"TaxValues":[]`, `"Breakdown":{"Items":[{"GrossValue":3}]},"GROSSVALUE":99`, 1)
	entry = strings.TrimSuffix(entry, "}") + `,"id":"x","ID":7,"state":"Expired","Nested":{"Id":"y","State":"Expired"},"isActive":false}`
	text := `{"Before":{"Preauthorizations":[1,2,{"a":[]}]},"A":null,"B":"\"}]","C":-1.5e3,"Preauthorizations":[` + entry + `],"After":[[],{}]}` + " \r\n"
	d, err := decode(t, text, customer(1))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := d.reply()
	want := preauth.Reply{Customers: []preauth.ID{customer(1)}, Preauthorizations: []preauth.Preauthorization{{
		ID: hold(1), CustomerID: customer(1), CardID: "e417dfe8-c813-4938-837b-36081199ce88",
		Amount: euros(t, "10"), State: preauth.Chargeable, StateText: "Chargeable", Active: true,
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestASingleHugeValueIsTooLarge(t *testing.T) {
	huge := strings.Repeat("x", 2*maxValueBytes)
	for name, text := range map[string]string{
		"in an entry":            listOf(`{"Code":"` + huge + `"}`),
		"in an unknown property": `{"A":"` + huge + `","Preauthorizations":[]}`,
		"as a name":              `{"` + huge + `":1}`,
		"of white space":         `{"A":` + strings.Repeat(" ", 2*maxValueBytes) + `1}`,
	} {
		if _, err := decodeReply([]byte(text), customers(1)); !errors.Is(err, httpx.ErrBodyTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	long := `{"A":[` + strings.Repeat(`"0123456789",`, maxValueBytes/5) + `1],"Preauthorizations":[]}`
	if _, err := decodeReply([]byte(long), customers(1)); err != nil {
		t.Errorf("a long list of small values is skipped, not kept: %v", err)
	}
}

func TestEntriesOfOneIdAreComparedInFull(t *testing.T) {
	base := entryOf(hold(1), customer(1))
	change := func(from, to string) string { return strings.Replace(base, from, to, 1) }
	for _, each := range []struct {
		name, second string
		conflicting  bool
	}{
		{"the same twice counts once", base, false},
		{"an Id in upper case is the same", change(string(hold(1)), strings.ToUpper(string(hold(1)))), false},
		{"trailing zeros are the same", change(`"GrossValue":10`, `"GrossValue":10.00`), false},
		{"unknown properties don't count", change(`"TaxValues":[]`, `"TaxValues":[1]`), false},
		{"another amount", change(`"GrossValue":10`, `"GrossValue":10.01`), true},
		{"another currency", change("EUR", "USD"), true},
		{"another state", change("Chargeable", "Charged"), true},
		{"another unknown state", change("Chargeable", "chargeable"), true},
		{"no longer active", change(`"IsActive":true`, `"IsActive":false`), true},
		{"another card", change("e417dfe8", "e417dfe9"), true},
		{"another code", change(`"Code":null`, `"Code":"1"`), true},
		{"another customer", entryOf(hold(1), customer(2)), true},
		{"an unusable amount", change(`"GrossValue":10`, `"GrossValue":null`), true},
	} {
		t.Run(each.name, func(t *testing.T) {
			for _, text := range []string{listOf(base, each.second), listOf(each.second, base), listOf(base, base, each.second)} {
				d, err := decode(t, text, customer(1), customer(2))
				if err != nil {
					t.Fatal(err)
				}
				got, refused := d.reply()
				if len(refused) != 0 || len(got.Customers) != 2 {
					t.Errorf("refused %v", refused)
				}
				if isConflicting := len(got.Conflicting) == 1 && len(got.Preauthorizations) == 0; isConflicting != each.conflicting {
					t.Errorf("got %+v", got)
				}
				if !each.conflicting && (len(got.Preauthorizations) != 1 || len(got.Conflicting) != 0) {
					t.Errorf("got %+v", got)
				}
			}
		})
	}
}

func TestAnUnusableEntryCostsOnlyItsCustomer(t *testing.T) {
	one, two := entryOf(hold(1), customer(1)), entryOf(hold(2), customer(2))
	shared := entryOf(hold(3), customer(1))
	without := func(id string) string {
		return `{"Id":` + id + `,"CustomerId":"` + strings.ToUpper(string(customer(1))) + `","State":"Charged"}`
	}
	for _, each := range []struct {
		name, text string
		asked      []preauth.ID
		read       []preauth.ID
		seen       []preauth.ID
		lost       bool
	}{
		{"no Id", listOf(one, without("null"), two, shared), customers(3)[1:], []preauth.ID{customer(2)}, []preauth.ID{hold(2)}, false},
		{"an Id that is no UUID", listOf(two, without(`"1"`), one), customers(3)[1:], []preauth.ID{customer(2)}, []preauth.ID{hold(2)}, false},
		{"an Id that is a number", listOf(without(`1`), one, two), customers(3)[1:], []preauth.ID{customer(2)}, []preauth.ID{hold(2)}, false},
		{"two Ids", listOf(without(`"`+string(hold(8))+`","Id":"`+string(hold(9))+`"`), two), customers(3)[1:], []preauth.ID{customer(2)}, []preauth.ID{hold(2)}, false},
		{"of the only customer", listOf(one, without("null")), customers(2)[1:], nil, nil, false},
		{"not an object, of the only customer", listOf(one, "7"), customers(2)[1:], nil, nil, false},
		{"not an object, of several", listOf(one, "null", two), customers(3)[1:], nil, nil, true},
		{"no Id and no customer", listOf(one, "{}", two), customers(3)[1:], nil, nil, true},
		{"no Id and a customer not asked for", listOf(without("null")), []preauth.ID{customer(5), customer(6)}, nil, nil, true},
	} {
		t.Run(each.name, func(t *testing.T) {
			d, err := decode(t, each.text, each.asked...)
			if err != nil {
				t.Fatal(err)
			}
			if (d.lost != "") != each.lost {
				t.Fatalf("lost: %q", d.lost)
			}
			if each.lost {
				return
			}
			got, refused := d.reply()
			var seen []preauth.ID
			for _, p := range got.Preauthorizations {
				seen = append(seen, p.ID)
			}
			if diff := cmp.Diff(each.read, got.Customers) + cmp.Diff(each.seen, seen); diff != "" {
				t.Error(diff)
			}
			if len(refused) != 1 || refused[0].CustomerID != customer(1) || refused[0].Reason == "" {
				t.Errorf("refused %v", refused)
			}
		})
	}
}

func TestAConflictIsDroppedOnlyWithAllItsCustomers(t *testing.T) {
	bad := `{"CustomerId":"` + string(customer(1)) + `"}`
	changed := func(n int) string { return strings.Replace(entryOf(hold(1), customer(n)), "EUR", "USD", 1) }
	for name, each := range map[string]struct {
		text string
		want []preauth.ID
	}{
		"both of the refused":     {listOf(entryOf(hold(1), customer(1)), changed(1), bad), nil},
		"one of them of another":  {listOf(entryOf(hold(1), customer(1)), changed(2), bad), []preauth.ID{hold(1)}},
		"none of them of refused": {listOf(entryOf(hold(1), customer(2)), changed(2), bad), []preauth.ID{hold(1)}},
	} {
		d, err := decode(t, each.text, customer(1), customer(2))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := d.reply()
		if diff := cmp.Diff(each.want, got.Conflicting); diff != "" || len(got.Preauthorizations) != 0 {
			t.Errorf("%s: %v\n%s", name, got.Preauthorizations, diff)
		}
	}
}

func TestAnEntryWithoutCustomer(t *testing.T) {
	text := listOf(strings.Replace(entryOf(hold(1), "x"), `"CustomerId":"x",`, "", 1))
	for _, each := range []struct {
		asked []preauth.ID
		want  preauth.ID
	}{{customers(1), customer(0)}, {customers(2), ""}} {
		d, err := decode(t, text, each.asked...)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := d.reply(); len(got.Preauthorizations) != 1 || got.Preauthorizations[0].CustomerID != each.want {
			t.Errorf("asked for %d: %+v", len(each.asked), got.Preauthorizations)
		}
	}
}

func FuzzDecodeReply(f *testing.F) {
	for _, name := range []string{"reply-current.json", "reply-older.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(listOf(entryOf(hold(1), customer(1)), entryOf(hold(1), customer(0)), "7", "{}"))
	f.Add(`{"Preauthorizations":[{"Id":"` + string(hold(1)) + `","Amount":{"Currency":"EUR","GrossValue":1e999999999}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		asked := []preauth.ID{customer(0), customer(1)}
		d, err := decodeReply([]byte(text), asked)
		if err != nil {
			return
		}
		got, refused := d.reply()
		if len(got.Customers)+len(refused) != len(asked) {
			t.Errorf("of %d customers %d were read and %d refused", len(asked), len(got.Customers), len(refused))
		}
		for i, p := range got.Preauthorizations {
			if parsed, err := preauth.ParseID(string(p.ID)); err != nil || parsed != p.ID {
				t.Errorf("Id %q", p.ID)
			}
			if i > 0 && got.Preauthorizations[i-1].ID >= p.ID {
				t.Error("not distinct and sorted")
			}
			if (p.AmountFault == "") == (p.Amount.Currency == "") {
				t.Errorf("amount %v, fault %q", p.Amount, p.AmountFault)
			}
		}
	})
}
