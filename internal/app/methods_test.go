package app_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

const card = "e417dfe8-c813-4938-837b-36081199ce88"

func methodsFile(tb testing.TB, content string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "methods.csv")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func find(t *testing.T, cfg config.PaymentMethods, card, customer string) plan.Method {
	t.Helper()
	m, err := app.Methods(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m.Find(preauth.Preauthorization{CardID: card, CustomerID: preauth.ID(customer)})
}

func TestMethodsAreLookedForInTheirOrder(t *testing.T) {
	all := config.PaymentMethods{
		CreditCards: map[string]int64{card: 1, "odd-card": 2},
		Customers:   map[string]int64{first: 3},
		File:        methodsFile(t, "in-file,5\n"),
		Default:     config.DefaultMethod{ID: 4},
	}
	asking := all
	asking.Lookup = "paymentMethodIdentifier"
	for name, c := range map[string]struct {
		cfg            config.PaymentMethods
		card, customer string
		want           plan.Method
	}{
		"the card's own entry comes first":                 {all, card, first, plan.Method{ID: 1}},
		"a UUID in another letter case is the same card":   {all, strings.ToUpper(card), first, plan.Method{ID: 1}},
		"a card that is no UUID":                           {all, "odd-card", first, plan.Method{ID: 2}},
		"another letter case of it is another card":        {all, "Odd-Card", first, plan.Method{ID: 3}},
		"the card's own entry in the file comes first too": {all, "in-file", first, plan.Method{ID: 5}},
		"then the customer's":                              {all, "another", first, plan.Method{ID: 3}},
		"then the default":                                 {all, "another", second, plan.Method{ID: 4}},
		"no card at all is no entry":                       {all, "", second, plan.Method{ID: 4}},
		"with lookup the card's own entry comes first":     {asking, card, first, plan.Method{ID: 1}},
		"and the customer's":                               {asking, "another", first, plan.Method{ID: 3}},
		"then the sink is asked, and never the default":    {asking, "another", second, plan.Method{Ask: true}},
		"autopay names none":                               {config.PaymentMethods{Default: config.DefaultMethod{Autopay: true}}, "x", first, plan.Method{Autopay: true}},
		"without any of them there is no way on": {config.PaymentMethods{}, "x", first, plan.Method{
			Missing: "neither card x nor its customer has an entry under payment_methods, and default is none",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, find(t, c.cfg, c.card, c.customer)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPaymentMethodsFileIsRead(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		want    int64 // the method of card, 0 for none
	}{
		"without a header":                {card + ",101\n", 101},
		"with a header":                   {"credit_card_id,payment_method_id\n" + card + ",101\n", 101},
		"a header in any letter case":     {"Credit_Card_ID , PAYMENT_METHOD_ID\n" + card + ",101\n", 101},
		"a header behind comments":        {"\n# cards\n  \ncredit_card_id,payment_method_id\n" + card + ",101\n", 101},
		"a byte order mark and a header":  {"\ufeffcredit_card_id,payment_method_id\n" + card + ",101\n", 101},
		"a byte order mark and an entry":  {"\ufeff" + card + ",101\n", 101},
		"a byte order mark and a comment": {"\ufeff# \"cards\n" + card + ",101\n", 101},
		"Windows line ends":               {"credit_card_id,payment_method_id\r\n\r\n" + card + ",101\r\n", 101},
		"spaces around fields":            {"\t" + card + " ,\t101 \n", 101},
		"fields in quotes":                {`"` + card + `", "101"` + "\n", 101},
		"upper case":                      {strings.ToUpper(card) + ",101\n", 101},
		"the same pair twice":             {card + ",101\n" + strings.ToUpper(card) + ",101\n", 101},
		"the largest number":              {card + ",9223372036854775807\n", 9223372036854775807},
		"a header alone":                  {"credit_card_id,payment_method_id\n", 0},
		"a comment alone":                 {"# none yet\n", 0},
		"blank lines among others":        {"\n \t\r\n\u00a0\n" + card + ",101\n\n  \n", 101},
		"spaces of other kinds around":    {"\u00a0" + card + "\u3000,\u2009101\u00a0\n", 101},
		"an entry in a comment is none":   {"#" + card + ",101\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := find(t, config.PaymentMethods{File: methodsFile(t, c.content)}, card, first)
			if got.ID != c.want || (c.want == 0) != (got.Missing != "") {
				t.Errorf("the card's method is %+v, want %d", got, c.want)
			}
		})
	}
}

func TestAPaymentMethodsFileThatCannotBeUsedNamesLineAndRemedy(t *testing.T) {
	const two = "must have 2 fields divided by a comma, credit_card_id,payment_method_id, not "
	const number = "payment_method_id must be a whole number above zero, in plain digits, not "
	const empty = "it is empty: is it still being written? To name no card, give it the line credit_card_id,payment_method_id"
	const spelling = "line 1: credit_card_id must be in the PMS's own spelling: write " + card
	const ascii = "credit_card_id must be printable ASCII without spaces, braces and quotes, not "
	const quote = "has a stray quotation mark: an Id needs none"
	for name, c := range map[string]struct{ content, want string }{
		"an empty file":                     {"", empty},
		"a byte order mark alone":           {"\ufeff", empty},
		"a line end alone":                  {"\n", empty},
		"blank lines alone":                 {"\ufeff\r\n \t\n\u00a0\n", empty},
		"an export of nothing":              {"\n\"\"\n", "line 2: " + two + "1"},
		"quotes around a line end":          {"\"\n\"\n", "line 1: " + two + "1"},
		"a last line without its end":       {"a,1017\nb,101", "line 2: has no line end: is it still being written? If not, end it with one"},
		"a comment without its end":         {"a,1017\n# the", "line 2: has no line end: is it still being written? If not, end it with one"},
		"old line ends":                     {"a,1\rb,2\r", "line 1: has no line end: is it still being written? If not, end it with one"},
		"zeros of a crash":                  {"a,1\nb,\x00\x00", "line 2: has a NUL byte: save the file as CSV in UTF-8"},
		"UTF-16":                            {"\xff\xfea\x00,\x001\x00\n\x00", "line 1: has a NUL byte: save the file as CSV in UTF-8"},
		"Latin-1":                           {"\ufffd,1\n\n# caf\xe9\n", "line 3: is not valid UTF-8: save the file as CSV in UTF-8"},
		"semicolons":                        {"a;1\n", "line 1: " + two + "1"},
		"a field too many":                  {"a,1,x\n", "line 1: " + two + "3"},
		"a comma at the end":                {"# x\n\na,1,\n", "line 3: " + two + "3"},
		"no card":                           {" ,1\n", "line 1: credit_card_id must not be empty"},
		"a line break within a card":        {"a,1\n\"b\nc\",2\n", "line 2: " + ascii + `"b\nc"`},
		"a UUID in braces":                  {"{" + card + "},1\n", spelling},
		"in parentheses":                    {"(" + card + "),1\n", spelling},
		"in quotes that are not CSV's":      {"'" + card + "',1\n", spelling},
		"without hyphens":                   {strings.ReplaceAll(card, "-", "") + ",1\n", spelling},
		"without hyphens in upper case":     {strings.ToUpper(strings.ReplaceAll(card, "-", "")) + ",1\n", spelling},
		"a URN":                             {"urn:uuid:" + card + ",1\n", spelling},
		"a zero-width space":                {"a\u200b,1\n", "line 1: " + ascii + `"a\u200b"`},
		"a second byte order mark":          {"\ufeff\ufeffa,1\n", "line 1: " + ascii + `"\ufeffa"`},
		"a hyphen that is none":             {"a\u2010b,1\n", "line 1: " + ascii + `"a\u2010b"`},
		"a letter that only looks like it":  {"\u0430,1\n", "line 1: " + ascii + `"\u0430"`},
		"a space within":                    {"a b,1\n", "line 1: " + ascii + `"a b"`},
		"a control character":               {"a\x7f,1\n", "line 1: " + ascii + `"a\x7f"`},
		"braces":                            {"{a},1\n", "line 1: " + ascii + `"{a}"`},
		"quotes of a shell":                 {"'a',1\n", "line 1: " + ascii + `"'a'"`},
		"quotes of Markdown":                {"`a`,1\n", "line 1: " + ascii + "\"`a`\""},
		"quotes within CSV's":               {`"""a""",1` + "\n", "line 1: " + ascii + `"\"a\""`},
		"a long card is cut":                {strings.Repeat("ä", 100) + ",1\n", "line 1: " + ascii + `"` + strings.Repeat(`\u00e4`, 10) + `\u0…`},
		"a UUID that lacks a digit":         {card[:35] + ",1\n", "line 1: " + mistyped(card[:35])},
		"a UUID with a digit too many":      {"a,1\n" + card + "0,1\n", "line 2: " + mistyped(card+"0")},
		"a UUID with the letter O for zero": {"o" + card[1:] + ",1\n", "line 1: " + mistyped("o"+card[1:])},
		"a UUID that lacks a hyphen":        {strings.Replace(card, "-", "", 1) + ",1\n", "line 1: " + mistyped(strings.Replace(card, "-", "", 1))},
		"no method":                         {"a,\n", "line 1: " + number + `""`},
		"zero":                              {"a,0\n", "line 1: " + number + `"0"`},
		"below zero":                        {"a,-1\n", "line 1: " + number + `"-1"`},
		"a fraction":                        {"a,1.0\n", "line 1: " + number + `"1.0"`},
		"a spreadsheet's number":            {"a,1.01E+3\n", "line 1: " + number + `"1.01E+3"`},
		"leading zeros":                     {"a,0101\n", "line 1: " + number + `"0101"`},
		"a number too large":                {"a,9223372036854775808\n", "line 1: " + number + `"9223372036854775808"`},
		"columns the other way":             {"payment_method_id,credit_card_id\n101,a\n", "line 1: " + number + `"credit_card_id"; line 2: ` + number + `"a"`},
		"a header further down":             {"a,1\ncredit_card_id,payment_method_id\n", "line 2: " + number + `"payment_method_id"`},
		"a quotation mark in a field":       {"a\"b,1\nb,x\n", "line 1: " + quote + "; line 2: " + number + `"x"`},
		"a quotation mark left open":        {"a,1\n\"b,2\nc,3\n", "line 2: " + quote},
		"text behind a quotation mark":      {"\"a\"b,1\n", "line 1: " + quote},
		"a long field is cut":               {"a," + strings.Repeat("9", 100) + "\n", "line 1: " + number + `"` + strings.Repeat("9", 64) + `…"`},
		"two methods of one card":           {"a,1\nb,1\na,2\n", `line 3: card "a" is mapped to 2 here and to 1 in line 1: leave one of them`},
		"of one UUID in two letter cases":   {card + ",1\n" + strings.ToUpper(card) + ",2\n", `line 2: card "` + card + `" is mapped to 2 here and to 1 in line 1: leave one of them`},
		"another than in the configuration": {"listed,8\n", `line 1: card "listed" is mapped to 8 here and to 7 under payment_methods.credit_cards: leave one of them`},
		"more problems than are told":       {strings.Repeat("a,x\n", 8), strings.Join(numbered(5, number+`"x"`), "; ") + "; and 3 more"},
	} {
		t.Run(name, func(t *testing.T) {
			path := methodsFile(t, c.content)
			m, err := app.Methods(config.PaymentMethods{
				CreditCards: map[string]int64{"listed": 7}, File: path, Default: config.DefaultMethod{ID: 9},
			})
			if m != nil || err == nil {
				t.Fatalf("the file is used: %v, %v", m, err)
			}
			want := "the payment methods file " + path + " cannot be used, so nothing is created for this property until it is mended: " + c.want
			if diff := cmp.Diff(want, err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func mistyped(card string) string {
	return fmt.Sprintf("credit_card_id %q looks like a mistyped UUID: copy it from the PMS again", card)
}

func TestCardsThatAreNoUUIDsAreCountedApart(t *testing.T) {
	cfg := config.PaymentMethods{CreditCards: map[string]int64{"listed": 7}, File: methodsFile(t, "x,1\n"+card+",2\n")}
	got, err := app.CountCards(cfg)
	if diff := cmp.Diff(app.Cards{Named: 3, Odd: []string{"listed", "x"}}, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	if _, err := app.CountCards(config.PaymentMethods{File: cfg.File + "x"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func numbered(count int, problem string) []string {
	var all []string
	for line := range count {
		all = append(all, fmt.Sprintf("line %d: %s", line+1, problem))
	}
	return all
}

func TestThePairsOfTheConfigurationMayStandInTheFileToo(t *testing.T) {
	listed := map[string]int64{card: 7}
	cfg := config.PaymentMethods{CreditCards: listed, File: methodsFile(t, strings.ToUpper(card)+",7\nb,8\n")}
	if got := find(t, cfg, card, first); got.ID != 7 {
		t.Errorf("the card's method is %+v", got)
	}
	if diff := cmp.Diff(map[string]int64{card: 7}, listed); diff != "" {
		t.Errorf("the configuration has changed (-want +got):\n%s", diff)
	}
}

func TestAPaymentMethodsFileIsReadAgain(t *testing.T) {
	cfg := config.PaymentMethods{File: methodsFile(t, "a,1\n"), Default: config.DefaultMethod{ID: 9}}
	before, err := app.Methods(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cfg.File, []byte("a,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := preauth.Preauthorization{CardID: "a"}
	if got, now := before.Find(p).ID, find(t, cfg, "a", first).ID; got != 1 || now != 2 {
		t.Errorf("the method was %d and is %d", got, now)
	}
}

func TestOnlyARegularPaymentMethodsFileIsRead(t *testing.T) {
	folder := t.TempDir()
	pipe, huge, link := filepath.Join(folder, "pipe"), filepath.Join(folder, "huge"), filepath.Join(folder, "link")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(huge, nil, 0o600), os.Truncate(huge, 64<<20+1)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		folder: "it is a folder: name the file in it", pipe: "it is not a regular file", huge: "it is larger than 64 MiB",
	} {
		if _, err := app.Methods(config.PaymentMethods{File: path}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if _, err := app.Methods(config.PaymentMethods{File: filepath.Join(folder, "absent")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("not a missing file: %v", err)
	}
	if err := os.Symlink(methodsFile(t, "a,1\n"), link); err != nil {
		t.Fatal(err)
	}
	if got := find(t, config.PaymentMethods{File: link}, "a", first); got.ID != 1 {
		t.Errorf("through a link the method is %+v", got)
	}
}

func TestAFileCutAnywhereNeverGivesAnotherMethod(t *testing.T) {
	ids := map[string]int64{}
	text := "credit_card_id,payment_method_id\n# cards\n"
	for i, name := range []string{card, "odd-card", "~", `"x"`} {
		ids[strings.Trim(name, `"`)] = int64(1017 + i)
		text += fmt.Sprintf("%s,%d\n", name, 1017+i)
	}
	path := methodsFile(t, text)
	rapid.Check(t, func(rt *rapid.T) {
		cut := text[:rapid.IntRange(0, len(text)).Draw(rt, "cut")]
		if err := os.WriteFile(path, []byte(cut), 0o600); err != nil {
			rt.Fatal(err)
		}
		m, err := app.Methods(config.PaymentMethods{File: path})
		if (err == nil) != strings.HasSuffix(cut, "\n") {
			rt.Fatalf("%q: %v", cut, err)
		}
		for card, id := range ids {
			if err == nil && m.Find(preauth.Preauthorization{CardID: card}).ID == id != strings.Contains(cut, fmt.Sprint(id)) {
				rt.Errorf("%q: %s", cut, card)
			}
		}
	})
}

func FuzzMethods(f *testing.F) {
	f.Add("credit_card_id,payment_method_id\n" + card + ",101\n")
	f.Add("\"a\n#\",1\r\n\r\n , \n")
	f.Fuzz(func(t *testing.T, content string) {
		path := methodsFile(t, content)
		m, err := app.Methods(config.PaymentMethods{File: path})
		switch {
		case (m == nil) == (err == nil):
			t.Fatalf("%v, %v", m, err)
		case err == nil && strings.TrimSpace(strings.TrimPrefix(content, "\ufeff")) == "":
			t.Fatalf("nothing at all was read as no cards: %q", content)
		case err != nil && strings.ContainsAny(strings.ReplaceAll(err.Error(), path, ""), "\n\r\x00"):
			t.Fatalf("the error is more than a line: %q", err)
		}
	})
}

func BenchmarkMethods(b *testing.B) {
	var text strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&text, "%08x-c813-4938-837b-36081199ce88,%d\n", i, i+1)
	}
	cfg := config.PaymentMethods{File: methodsFile(b, text.String())}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := app.Methods(cfg); err != nil {
			b.Fatal(err)
		}
	}
}
