package docstest

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheDemoInTheReadmeIsWhatItPrints(t *testing.T) {
	code, got, stderr := program(t.Context(), nil, "demo")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	compare(t, "demo", got)
}

func TestTheFirstStepsInTheReadmeAreWhatTheCommandsPrint(t *testing.T) {
	compare(t, "first steps", simulate(t).replay(t, "first steps"))
}

func TestTheDaemonInTheReadmeAnswersAsItDoes(t *testing.T) {
	s := simulate(t)
	s.daemon(t)
	compare(t, "daemon", s.replay(t, "daemon"))
}

func TestTheAnswersInTheReadmeAreWhatTheCommandsPrint(t *testing.T) {
	s := simulate(t)
	s.enter(t, "preauth-sync run --once")
	compare(t, "answers", s.replay(t, "answers"))
}

// compare holds a block of the README against what it should be.
func compare(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		replace(t, name, got)
	}
	if diff := cmp.Diff(shape(got), shape(block(t, name))); diff != "" {
		t.Errorf("the output has changed; -update writes it (-program +README):\n%s", diff)
	}
}

var uuid = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// varying is what differs from run to run, and what stands for it.
var varying = []struct {
	what *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`the outcome is unknown: .*`), "the outcome is unknown: WHY"},
	{uuid, "ID"},
	{regexp.MustCompile(`\b[0-9a-f]{8}…`), "ID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:]+Z`), "TIME"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`\d+ ms`), "N ms"},
	{regexp.MustCompile(`\S+ apart`), "N apart"},
	{regexp.MustCompile(`[0-9.]+ EUR`), "AMOUNT"},
	{regexp.MustCompile(`identity \d+`), "identity N"},
	{regexp.MustCompile(`AMOUNT +\d+ `), "AMOUNT N "},
	{regexp.MustCompile(` +`), " "},
	{regexp.MustCompile(` *\n`), "\n"},
}

// shape is a text without what differs from run to run. The lines between two
// that stand at the margin are sorted: their order is not promised.
func shape(text string) []string {
	for _, v := range varying {
		text = v.what.ReplaceAllString(text, v.as)
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	from := 0
	for i := range len(lines) + 1 {
		if i == len(lines) || !strings.HasPrefix(lines[i], " ") {
			slices.Sort(lines[from:i])
			from = i + 1
		}
	}
	return lines
}
