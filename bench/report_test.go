package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestATargetIsOfTheRatioWhereThereIsAYardstick(t *testing.T) {
	for _, c := range []struct {
		name string
		row  row
		want string
	}{
		{
			"at most, reached",
			row{what: "cycle", value: 0.125, unit: seconds, against: 0.1, yardstick: "bare reader", target: atMost(1.3)},
			"  cycle  0.125 s  1.25 × bare reader  at most 1.3 ×  reached",
		},
		{
			"at least, missed",
			row{what: "creates", value: 5000, unit: rate, against: 10_000, yardstick: "bare writer", target: atLeast(0.6)},
			"  creates  5000 a second  0.5 × bare writer  at least 0.6 ×  MISSED",
		},
		{
			"the value itself, missed",
			row{what: "peak", value: 65, unit: mebi, target: atMost(64)},
			"  peak  65 MiB    at most 64 MiB  MISSED",
		},
		{"no target", row{what: "polls", value: 250}, "  polls  250"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			if err := printRows(&out, "title", []row{c.row}); err != nil {
				t.Fatal(err)
			}
			if want := "\ntitle\n" + c.want + "\n"; out.String() != want {
				t.Errorf("it is printed as %q, not %q", out.String(), want)
			}
		})
	}
}

func TestADocumentGetsWhatIsPrinted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "performance.md")
	const before, after = "# Title\n\n<!-- bench -->\n```text\n", "```\n\nThe end, and ```code```.\n"
	if err := os.WriteFile(path, []byte(before+"old\n"+after), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeInto(path, "new\n"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if want := before + "new\n" + after; err != nil || string(got) != want {
		t.Errorf("the document is %q, not %q: %v", got, want, err)
	}
	if err := os.WriteFile(path, []byte(after), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeInto(path, "new\n"); err == nil {
		t.Error("a document without the block is taken")
	}
}
