package connector

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// alike holds what was decoded against what encoding/json makes of the same reply.
func alike(t rapid.TB, want, got *decoded) {
	t.Helper()
	exactly := cmp.Comparer(func(a, b decimal.Decimal) bool {
		return a.Coefficient().Cmp(b.Coefficient()) == 0 && a.Exponent() == b.Exponent()
	})
	if diff := cmp.Diff(want.shown, got.shown, exactly, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if !maps.Equal(want.incomplete, got.incomplete) || !maps.Equal(want.contradicting, got.contradicting) || want.lost != got.lost {
		t.Errorf("incomplete %v, contradicting %v, lost %q; want %v, %v, %q",
			got.incomplete, got.contradicting, got.lost, want.incomplete, want.contradicting, want.lost)
	}
}

// holdAgainstStream makes sure that a reply which reads as plain reads alike as a stream,
// and that one which is no reply is not plain.
func holdAgainstStream(t rapid.TB, text string) (isPlain bool) {
	t.Helper()
	asked := customers(3)
	plain, isPlain := decodePlain([]byte(text), asked)
	streamed, err := decodeStream(strings.NewReader(text), asked)
	if (entriesPrint([]byte(text), preauth.Fingerprint{}) != [32]byte{}) && err != nil {
		t.Errorf("%q has a fingerprint, and is unusable: %v", text, err)
	}
	switch {
	case !isPlain:
	case err != nil:
		t.Errorf("%q is plain, and unusable: %v", text, err)
	default:
		alike(t, streamed, plain)
	}
	return isPlain
}

// vendors gives the vendor's examples.
func vendors(tb testing.TB) (texts []string) {
	tb.Helper()
	for _, name := range []string{"reply-current.json", "reply-older.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			tb.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

func TestUsualRepliesArePlain(t *testing.T) {
	good := entryOf(hold(1), customer(1))
	full, _ := fullReply(0)
	for _, text := range append(vendors(t), string(full), listOf(), listOf(good),
		`{"Cursor":null,"Preauthorizations":[`+good+`],"Next":"a","More":false}`+"\r\n",
		" { \"Preauthorizations\"\t:\r\n[ "+good+" , "+good+" ] } ",
		listOf(strings.Replace(good, `"TaxValues":[]`, `"TaxValues":[{"Code":"A","Value":-1.5e-3,"X":[true,false,{}]}]`, 1)),
		listOf(strings.Replace(good, `"Code":null`, `"Code":"Žluťoučký \"kůň\" \u00e9\n"`, 1)),
		listOf(strings.Replace(good, `"GrossValue":10`, `"GrossValue":null`, 1)),
		listOf(strings.Replace(good, string(hold(1)), strings.ToUpper(string(hold(1))), 1)),
	) {
		if !holdAgainstStream(t, text) {
			t.Errorf("%.300q is not plain", text)
		}
	}
}

func TestWhatIsUnusualIsLeftToTheStream(t *testing.T) {
	good := entryOf(hold(1), customer(1))
	for name, text := range map[string]string{
		"a property twice":             listOf(strings.Replace(good, `"Code":null`, `"Code":null,"Code":null`, 1)),
		"a gross value twice":          listOf(strings.Replace(good, `"GrossValue":10`, `"GrossValue":10,"GrossValue":10`, 1)),
		"an escaped name":              listOf(strings.Replace(good, `"Code"`, `"Cod\u0065"`, 1)),
		"a name beyond ASCII":          listOf(strings.Replace(good, `"Code"`, `"Kód"`, 1)),
		"an entry that is no object":   listOf(good, "7"),
		"an object beside the list":    `{"A":{},"Preauthorizations":[]}`,
		"a number beside the list":     `{"A":1e999,"Preauthorizations":[]}`,
		"names that read as one":       "{\"\xff\":null,\"\xfe\":null,\"Preauthorizations\":[]}",
		"a name beside the list twice": `{"A":null,"A":null,"Preauthorizations":[]}`,
		"the list twice":               `{"Preauthorizations":[],"Preauthorizations":[]}`,
		"many properties":              "{" + strings.Repeat(`"A":null,`, 20) + `"Preauthorizations":[]}`,
		"nested too deep":              listOf(`{"A":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`),
		"much white space":             listOf(strings.Repeat(" ", 10_000) + good),
		"a long value":                 listOf(`{"A":"` + strings.Repeat("x", maxPlainValue) + `"}`),
		"a long name":                  listOf(`{"` + strings.Repeat("x", 1000) + `":1}`),
		"a byte order mark":            "\ufeff" + listOf(),
	} {
		if holdAgainstStream(t, text) {
			t.Errorf("%s is plain", name)
		}
	}
}

// A text is looked at eight bytes at a time: here each byte comes at each place of the
// eight, and before and after others that are odd.
func TestEachByteInAStringReadsAlikeOnBothWays(t *testing.T) {
	good, plain := entryOf(hold(1), customer(1)), 0
	for c := range 256 {
		for at := range 9 {
			text := strings.Repeat("x", at) + string([]byte{byte(c)}) + strings.Repeat("y", 8-at)
			for _, each := range []string{text, text + `\"`, "é" + text} {
				for _, entry := range []string{
					strings.Replace(good, `"Code":null`, `"Code":"`+each+`"`, 1),
					strings.Replace(good, `"Code":null`, `"`+each+`":null`, 1),
				} {
					if holdAgainstStream(t, listOf(entry)) {
						plain++
					}
				}
			}
		}
	}
	if t.Log(plain, "were plain"); plain == 0 {
		t.Error("nothing was compared")
	}
}

// What entries are made of here: values, broken ones, names and white space.
var (
	values = []string{
		`"` + string(hold(1)) + `"`, `"` + strings.ToUpper(string(hold(2))) + `"`, `"` + string(customer(1)) + `"`, `"` + string(customer(9)) + `"`,
		`"EUR"`, `"Charged"`, `"charged"`, `"\u0043harged"`, `"a\\b"`, `"a\b"`, `"E\u0000"`, "\"\xff\xfe\"", "\"\x7f\"", `"\ud800"`,
		`{"Currency":"EUR","GrossValue":22.50}`, `{"Currency":"EUR","GrossValue":1,"GrossValue":1}`, `{"GrossValue":0.00000000001,"Currency":"EUR"}`,
		`{"Currency":"\u0045UR","GrossValue":1e2}`, `{"GrossValue":"1"}`, `{"Currency":"EUR","GrossValue":-0.0}`, `{"Currency":"E\tR","GrossValue":1}`,
		`{"Currency":"EUR","GrossValue":1234567890123456}`, `{"Currency":"EUR","GrossValue":0.10000000000000}`, `{"Currency":"EUR","GrossValue":12345678901234567.89}`,
		`null`, `true`, `false`, `0`, `-0`, `1E-7`, `1e999`, `123456789012345678901`, `{}`, `[]`, `[[1],{"a":[]}]`,
	}
	brokenValues = []string{
		"\"\x01\"", `"\x"`, `"\u12"`, `"\u123g"`, `"`, `nul`, `truee`, `01`, `-`, `1.`, `.5`, `1e`, `1e+`, `+1`, `[1,]`, `{"a":1,}`, `{"a"}`, `{,}`, `[`, `]`, `}`, ``,
	}
	oddNames  = []string{`"Id"`, `"Code"`, `"GrossValue"`, `"id"`, `"Stat\u0065"`, "\"\xff\"", `"X"`, `X`, `7`, ``}
	oddSpaces = []string{" ", "\n\t\r", "\v", "\u00a0"}
)

func TestOddRepliesReadAlikeOnBothWays(t *testing.T) {
	plain := 0
	rapid.Check(t, func(t *rapid.T) {
		// Most of it is as it should be: otherwise nothing would ever be a reply.
		mostly := func(usual string, odd []string) string {
			if rapid.IntRange(0, 49).Draw(t, "is odd") < 49 {
				return usual
			}
			return rapid.SampledFrom(odd).Draw(t, "odd")
		}
		entry := func() string {
			properties := []string{`"X":1`}
			for _, name := range []string{`"Id"`, `"CustomerId"`, `"CreditCardId"`, `"Amount"`, `"State"`, `"IsActive"`, `"Code"`} {
				space, value := mostly("", oddSpaces), mostly(rapid.SampledFrom(values).Draw(t, "value"), brokenValues)
				if name == `"Id"` {
					value = mostly(values[rapid.IntRange(0, 1).Draw(t, "id")], values)
				}
				properties = append(properties, space+mostly(name, oddNames)+space+mostly(":", []string{"", "::", ","})+space+value)
			}
			return mostly("{"+strings.Join(rapid.Permutation(properties).Draw(t, "properties"), ",")+"}", values)
		}
		var entries []string
		for range rapid.IntRange(0, 3).Draw(t, "entries") {
			entries = append(entries, entry())
		}
		if holdAgainstStream(t, mostly("", []string{" ", "x", "\ufeff"})+listOf(entries...)+mostly("", []string{"\n", "x", "}"})) && len(entries) > 0 {
			plain++
		}
	})
	if t.Log(plain, "with entries were plain"); plain == 0 {
		t.Error("nothing was compared")
	}
}

func FuzzPlainReadsAsStream(f *testing.F) {
	for _, text := range vendors(f) {
		f.Add(text)
	}
	f.Add(listOf(entryOf(hold(1), customer(1)), entryOf(hold(1), customer(0)), "7", "{}"))
	for _, value := range slices.Concat(values, brokenValues) {
		f.Add(listOf(`{"Id":"` + string(hold(1)) + `","CustomerId":"` + string(customer(0)) + `","Code":` + value + `,"Amount":` + value + `}`))
	}
	f.Add(`{"Cursor":"a\u00e9","Preauthorizations":[ ] , "A" : false}`)
	f.Fuzz(func(t *testing.T, text string) { holdAgainstStream(t, text) })
}

func TestTheSameInAnyOrderIsTheSameReply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			return entryOf(hold(rapid.IntRange(0, 3).Draw(t, "id")), customer(rapid.IntRange(0, 3).Draw(t, "customer")))
		}), 0, 6).Draw(t, "entries")
		shuffled := rapid.Permutation(entries).Draw(t, "shuffled")
		one := entriesPrint([]byte(listOf(entries...)), preauth.Fingerprint{})
		if other := entriesPrint([]byte(listOf(shuffled...)), preauth.Fingerprint{Entries: one}); one != other || one == [32]byte{} {
			t.Fatalf("another order is another reply: %x, %x", one, other)
		}
		asked := []preauth.ID{customer(0), customer(1)}
		first, err := decodeReply([]byte(listOf(entries...)), asked)
		second, err2 := decodeReply([]byte(listOf(shuffled...)), asked)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		want, wantRefused := first.reply()
		got, gotRefused := second.reply()
		if diff := cmp.Diff(want, got) + cmp.Diff(wantRefused, gotRefused); diff != "" {
			t.Fatal(diff)
		}
	})
}
