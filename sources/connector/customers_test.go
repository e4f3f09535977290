package connector

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/preauth"
)

func TestParseCustomers(t *testing.T) {
	one, two := string(customer(0xa1)), string(customer(0xb2))
	both := []preauth.ID{customer(0xa1), customer(0xb2)}
	for _, each := range []struct {
		name, text string
		ids        []preauth.ID
		bad        []BadLine
	}{
		{"one a line", one + "\n" + two + "\n", both, nil},
		{"no end of the last line", one + "\n" + two, both, nil},
		{"in any order", two + "\n" + one + "\n", both, nil},
		{"lines of other systems", one + "\r\n" + two + "\r\n", both, nil},
		{"a byte order mark", "\ufeff" + one + "\n" + two, both, nil},
		{"comments and blank lines", "# head\n\n" + one + " # the first\n \t\n  # more\n\t" + two + "#x", both, nil},
		{"any letter case, duplicates united", one + "\n" + strings.ToUpper(two) + "\n" + strings.ToUpper(one) + "\n" + two, both, nil},
		{"only comments", "# a\n#b", nil, nil},
		{"bad lines are named", one + "\nnonsense\n" + two + ", " + one + "\n" + two + "\n{" + one + "}\n", both, []BadLine{
			{Number: 2, Text: "nonsense"}, {Number: 3, Text: (two + ", " + one)[:64] + "…"}, {Number: 5, Text: "{" + one + "}"},
		}},
		{"a line without end is one bad line", one + "\n" + strings.Repeat("x", 3*maxLine) + "\n" + two, both, []BadLine{{Number: 2, Text: strings.Repeat("x", 64) + "…"}}},
		{"an id far out in a long comment is none", "#" + strings.Repeat("-", maxLine-1) + one + "\n" + two, both[1:], nil},
	} {
		t.Run(each.name, func(t *testing.T) {
			ids, bad, err := ParseCustomers(strings.NewReader(each.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(each.ids, ids) + cmp.Diff(each.bad, bad); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsNoListOrOnlyTheBeginningOfOne(t *testing.T) {
	one, two := string(customer(0xa1)), string(customer(0xb2))
	for name, each := range map[string]struct{ text, says string }{
		"nothing":                {"", "empty"},
		"a byte order mark":      {"\ufeff", "empty"},
		"cut in an id":           {one + "\n" + two[:20], "line 2 breaks off"},
		"zeros":                  {one + "\n\x00\x00\n", "line 2 is not text"},
		"another encoding":       {"\xff\xfe2\x000\x00", "line 1 is not text"},
		"a page in HTML":         {"<html>\n<body>Sign in</body>\n</html>\n", "none of its lines"},
		"two columns":            {one + "," + two + "\n", "none of its lines"},
		"cut in the first id":    {one[:7], "line 1 breaks off"},
		"a comment, then broken": {"# guests\n" + one[:7] + "\n", "none of its lines"},
	} {
		t.Run(name, func(t *testing.T) {
			ids, bad, err := ParseCustomers(strings.NewReader(each.text))
			if err == nil || !strings.Contains(err.Error(), each.says) || ids != nil || bad != nil {
				t.Errorf("gives %v, %v, %v; want an error that says %q", ids, bad, err, each.says)
			}
		})
	}
}

func TestAListThatCannotBeReadGivesNothing(t *testing.T) {
	broken := errors.New("disk on fire")
	ids, _, err := ParseCustomers(iotest.ErrReader(broken))
	if !errors.Is(err, broken) || ids != nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("got %v, %v", ids, err)
	}
	if got := (BadLine{Number: 3, Text: "x"}).String(); !strings.Contains(got, "line 3") || !strings.Contains(got, `"x"`) {
		t.Errorf("reads %q", got)
	}
}

func TestManyCustomersComeSortedAndEachOnce(t *testing.T) {
	const many = 5000
	var text strings.Builder
	var want []preauth.ID
	for n := range many {
		id := fmt.Sprintf("%08x-0000-4000-8000-%012x", n*2654435761%(1<<32), n) // far from any order
		fmt.Fprintf(&text, "%s # guest %d\n%s\n", id, n, strings.ToUpper(id))
		want = append(want, preauth.ID(id))
	}
	slices.Sort(want)
	ids, bad, err := ParseCustomers(strings.NewReader(text.String()))
	if err != nil || len(bad) > 0 || !slices.Equal(ids, want) {
		t.Errorf("%d ids, %v, %v", len(ids), bad, err)
	}
}

// BenchmarkParseCustomers reads a list of 250,000, as it comes and when it is sorted.
func BenchmarkParseCustomers(b *testing.B) {
	const many = 250_000
	lines := make([]string, many)
	for n := range lines {
		lines[n] = fmt.Sprintf("%08x-0000-4000-8000-%012x", n*2654435761%(1<<32), n)
	}
	for _, order := range []string{"unsorted", "sorted"} {
		if order == "sorted" {
			slices.Sort(lines)
		}
		text := strings.Join(lines, "\n") + "\n"
		b.Run(order, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if ids, _, err := ParseCustomers(strings.NewReader(text)); err != nil || len(ids) != many {
					b.Fatal(len(ids), err)
				}
			}
		})
	}
}
