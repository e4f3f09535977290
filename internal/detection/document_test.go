package detection_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// document has the table in its block of the name detection.
const document = "../../docs/performance.md"

func heading() []string {
	return []string{"properties", "customers", "interval", "concurrency", "fuse", "polls", "cycle", "mean", "worst"}
}

func (s scenario) row(m measured) []string {
	return append(s.cells(), fmt.Sprint(m.polls), seconds(m.cycle), seconds(m.mean), seconds(m.worst))
}

func (s scenario) cells() []string {
	customers, fuse := 0, "none"
	for _, size := range s.sizes {
		customers += size
	}
	if s.fuse > 0 {
		fuse = fmt.Sprint(s.fuse)
	}
	return []string{
		fmt.Sprint(len(s.sizes)), fmt.Sprint(customers), seconds(s.every), fmt.Sprint(s.concurrency), fuse,
	}
}

// String names a scenario by what it has in the table.
func (s scenario) String() string {
	var parts []string
	for i, cell := range s.cells() {
		parts = append(parts, heading()[i]+" "+cell)
	}
	return strings.Join(parts, ", ")
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }

func block() *regexp.Regexp {
	return regexp.MustCompile("(?s)(<!-- detection -->\n```text\n)(.*?)(```)")
}

func read(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// write puts the whole table into the document.
func write(t *testing.T, rows map[int][]string) {
	t.Helper()
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, strings.Join(heading(), "\t")+"\t")
	for _, i := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintln(w, strings.Join(rows[i], "\t")+"\t")
	}
	_ = w.Flush() // a Builder takes everything
	text := block().ReplaceAllString(read(t), "${1}"+table.String()+"${3}")
	if err := os.WriteFile(document, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// compare holds rows against those of the document, which has one for each scenario.
func compare(t *testing.T, rows map[int][]string) {
	t.Helper()
	found := block().FindStringSubmatch(read(t))
	if found == nil {
		t.Fatalf("%s has no table of detection", document)
	}
	lines := strings.Split(strings.TrimSpace(found[2]), "\n")[1:]
	if len(lines) != len(scenarios()) {
		t.Fatalf("%s has %d rows for %d scenarios", document, len(lines), len(scenarios()))
	}
	for i, row := range rows {
		if !slices.EqualFunc(row, strings.Fields(lines[i]), alike) {
			t.Errorf("%s says %q and it is %q; %s=1 writes it", document, lines[i], row, writeVariable)
		}
	}
}

// alike tells whether two cells say the same, times within a second: who gets a turn first
// is not promised.
func alike(a, b string) bool {
	one, err := time.ParseDuration(a)
	if err != nil {
		return a == b
	}
	other, err := time.ParseDuration(b)
	return err == nil && (one-other).Abs() <= time.Second
}
