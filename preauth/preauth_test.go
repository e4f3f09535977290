package preauth_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/preauth-sync/preauth-sync/preauth"
)

func TestParseIDTakesOneSpellingOfAUUID(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"lower case stays":          {"2d93962f-067f-45a6-b7c4-bc4b9d899456", "2d93962f-067f-45a6-b7c4-bc4b9d899456"},
		"upper case is lowered":     {"2D93962F-067F-45A6-B7C4-BC4B9D899456", "2d93962f-067f-45a6-b7c4-bc4b9d899456"},
		"braces are refused":        {"{2d93962f-067f-45a6-b7c4-bc4b9d899456}", ""},
		"no dashes are refused":     {"2d93962f067f45a6b7c4bc4b9d899456", ""},
		"urn is refused":            {"urn:uuid:2d93962f-067f-45a6-b7c4-bc4b9d899456", ""},
		"a dash elsewhere":          {"2d93962f0-67f-45a6-b7c4-bc4b9d899456", ""},
		"a letter that is no digit": {"2d93962g-067f-45a6-b7c4-bc4b9d899456", ""},
		"zeros, which name nobody":  {"00000000-0000-0000-0000-000000000000", ""},
		"nothing":                   {"", ""},
		"a gateway's token":         {"123kjsf90832fwf", ""},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := preauth.ParseID(c.in)
			if string(id) != c.want || (err == nil) != (c.want != "") {
				t.Errorf("got %q, %v; want %q", id, err, c.want)
			}
			if err != nil && !errors.Is(err, preauth.ErrNotUUID) {
				t.Errorf("the error is %v", err)
			}
			if preauth.IsUUIDForm(c.in) != (c.want != "") {
				t.Errorf("IsUUIDForm disagrees with ParseID")
			}
		})
	}
}

func TestParseAmountIsExactAndBounded(t *testing.T) {
	for in, want := range map[string]string{
		"22":                      "22",
		"22.50":                   "22.5",
		"1e2":                     "100",
		"1.5E1":                   "15",
		"0.1":                     "0.1",
		"-3":                      "-3",
		"9007199254740993":        "9007199254740993",
		"90071992547409.93":       "90071992547409.93",
		"12345678901234567890":    "12345678901234567890",
		"0.0000000001":            "0.0000000001",
		"1e-10":                   "0.0000000001",
		"123456789012345678901":   "",
		"0.00000000001":           "",
		"1e999999999":             "",
		"1e-999999999":            "",
		"":                        "",
		"NaN":                     "",
		"Infinity":                "",
		"0x10":                    "",
		"1_000":                   "",
		" 1":                      "",
		"1,5":                     "",
		"--1":                     "",
		"1" + string(rune(0x660)): "",
	} {
		t.Run(in, func(t *testing.T) {
			got, err := preauth.ParseAmount(in)
			if want == "" {
				if !errors.Is(err, preauth.ErrAmount) {
					t.Errorf("got %s, %v; want it refused", got, err)
				}
				return
			}
			if err != nil || got.String() != want {
				t.Errorf("got %s, %v; want %s", got, err, want)
			}
		})
	}
}

func TestMoneyComparesByValueAndCurrency(t *testing.T) {
	money := func(amount, currency string) preauth.Money {
		t.Helper()
		m, err := preauth.NewMoney(amount, currency)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if !money("22.50", "EUR").Equal(money("22.5", "EUR")) {
		t.Error("trailing zeros count")
	}
	if money("22.5", "EUR").Equal(money("22.5", "USD")) {
		t.Error("the currency does not count")
	}
	if money("22.5", "EUR").Equal(money("22.51", "EUR")) {
		t.Error("a cent does not count")
	}
	if money("90071992547409.93", "EUR").Equal(money("90071992547409.935", "EUR")) {
		t.Error("what no float can tell apart does not count")
	}
	for want, m := range map[string]preauth.Money{
		"22.50 EUR": money("22.5", "EUR"), "22 JPY": money("22", "JPY"), "1.250 KWD": money("1.25", "KWD"),
		"1.005 EUR": money("1.005", "EUR"), "5 ???": money("5", "???"), "0": {},
	} {
		if m.String() != want {
			t.Errorf("got %q, want %q", m, want)
		}
	}
}

func TestMinorUnits(t *testing.T) {
	for currency, want := range map[string]int{"EUR": 2, "JPY": 0, "KWD": 3, "CLF": 4, "HUF": 2, "ISK": 0} {
		if got, ok := preauth.MinorUnits(currency); got != want || !ok {
			t.Errorf("%s: %d, %t; want %d", currency, got, ok, want)
		}
	}
	for _, currency := range []string{"", "eur", "EU", "EURO", "XXX", " EU", "R G"} {
		if _, ok := preauth.MinorUnits(currency); ok {
			t.Errorf("%q is a currency", currency)
		}
	}
}

func TestEveryStateReadsAsItIsSpelled(t *testing.T) {
	for _, s := range preauth.States() {
		if preauth.ParseState(s.String()) != s {
			t.Errorf("%s reads as %s", s, preauth.ParseState(s.String()))
		}
	}
	for _, text := range []string{"", "charged", "Unknown", "CHARGED", "Chargeable "} {
		if got := preauth.ParseState(text); got != preauth.Unknown {
			t.Errorf("%q reads as %s", text, got)
		}
	}
}

func TestAnAmountSurvivesItsOwnSpelling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`-?[0-9]{1,18}(\.[0-9]{1,10})?`).Draw(t, "amount")
		first, err := preauth.ParseAmount(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		second, err := preauth.ParseAmount(first.String())
		if err != nil || !second.Equal(first) || second.String() != first.String() {
			t.Fatalf("%q reads as %s and then as %s, %v", text, first, second, err)
		}
	})
}

func TestAnAmountReadsTheSameWithoutADetour(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[0-9]{0,20}(\.[0-9]{0,12})?`).Draw(t, "amount")
		want, wantErr := preauth.ParseAmount(text + "e0") // no usual amount has an exponent
		got, err := preauth.ParseAmount([]byte(text))
		if (err == nil) != (wantErr == nil) || got.String() != want.String() || got.Exponent() != want.Exponent() {
			t.Fatalf("%q reads as %s, %v; want %s, %v", text, got, err, want, wantErr)
		}
	})
}

func TestAnAmountIsSpelledTheSameWithoutADetour(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := decimal.New(rapid.Int64().Draw(t, "coefficient")/rapid.Int64Range(1, 1e18).Draw(t, "less"), rapid.Int32Range(-14, 2).Draw(t, "exponent"))
		if got := preauth.AmountText(amount); got != amount.String() {
			t.Fatalf("%s is spelled %s", amount, got)
		}
		_, fraction, _ := strings.Cut(amount.String(), ".")
		if got := (preauth.Money{Amount: amount}).Decimals(); got != len(fraction) {
			t.Fatalf("%s has %d decimals", amount, got)
		}
	})
}

func TestDistinctPutsIdsInOrderEachOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		given := rapid.SliceOfN(rapid.SampledFrom([]preauth.ID{"a", "b", "c", "d"}), 0, 6).Draw(t, "given")
		want := slices.Compact(slices.Sorted(slices.Values(given)))
		for range 2 { // the second time it is in order already
			if given = preauth.Distinct(given); !slices.Equal(given, want) {
				t.Fatalf("gives %v, want %v", given, want)
			}
		}
	})
}
