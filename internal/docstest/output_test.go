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
	compare(t, readme, "demo", got)
}

func TestTheFirstStepsInTheReadmeAreWhatTheCommandsPrint(t *testing.T) {
	compare(t, readme, "first steps", simulate(t).replay(t, readme, "first steps"))
}

func TestTheDaemonInTheReadmeAnswersAsItDoes(t *testing.T) {
	s := simulate(t)
	s.daemon(t)
	compare(t, readme, "daemon", s.replay(t, readme, "daemon"))
}

func TestTheAnswersInTheReadmeAreWhatTheCommandsPrint(t *testing.T) {
	s := simulate(t)
	s.enter(t, "preauth-sync run --once")
	compare(t, readme, "answers", s.replay(t, readme, "answers"))
}

func TestTheOrdersInTheReadmeAreCarriedOutAsItSays(t *testing.T) {
	s := simulate(t)
	s.enter(t, "preauth-sync run --once")
	compare(t, readme, "orders", s.replay(t, readme, "orders"))
}

func TestTheRestoredFileInItsDocumentIsWhatTheCommandsPrint(t *testing.T) {
	s := simulate(t)
	s.enter(t, "preauth-sync run --once")
	compare(t, "docs/restoring.md", "restoring", s.replay(t, "docs/restoring.md", "restoring"))
}

func TestTheMissingFilesInTheDocumentOfAMoveAreWhatTheCommandsPrint(t *testing.T) {
	s := simulate(t)
	s.enter(t, "preauth-sync run --once")
	for _, name := range []string{"no generation", "no state file"} {
		compare(t, "docs/moving.md", name, s.replay(t, "docs/moving.md", name))
	}
}

func TestGoingLiveIsWhatTheCommandsPrint(t *testing.T) {
	const document = "docs/going-live.md"
	s := simulate(t, "--stays", "72h", "--lookup")
	for _, step := range []string{"check", "observe", "probe", "baseline", "full", "by hand"} {
		compare(t, document, "going live "+step, s.replay(t, document, "going live "+step))
	}
}

// compare holds a document's block against what it should be.
func compare(t *testing.T, path, name, got string) {
	t.Helper()
	if *update {
		replace(t, path, name, block(t, path, name), got)
	}
	if diff := cmp.Diff(shape(got), shape(block(t, path, name))); diff != "" {
		t.Errorf("the output has changed; -update writes it (-program +%s):\n%s", path, diff)
	}
}

var uuid = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// varying is what differs from run to run, and what stands for it.
var varying = []struct {
	what *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`the outcome is unknown: .*`), "the outcome is unknown: WHY"},
	{regexp.MustCompile(`from \S+Z on, `), ""}, // until what was sent must show
	{uuid, "ID"},
	{regexp.MustCompile(`probe-[0-9a-f]+`), "probe-ID"},
	{regexp.MustCompile(`\b[0-9.]+(ms|s) after`), "N after"},
	{regexp.MustCompile(`(in|after) [0-9.]+m?s\b`), "$1 N"},
	{regexp.MustCompile(`\b[0-9a-f]{8}…`), "ID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ][0-9:.]+Z`), "TIME"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`\d+ ms`), "N ms"},
	{regexp.MustCompile(`trackingId \S+`), "trackingId N"},
	{regexp.MustCompile(`\S+ apart`), "N apart"},
	{regexp.MustCompile(`[0-9.]+ EUR`), "AMOUNT"},
	{regexp.MustCompile(`identity \d+`), "identity N"},
	{regexp.MustCompile(`created=\d+`), "created=N"},
	{regexp.MustCompile(`,EUR,\d+,`), ",EUR,N,"},
	{regexp.MustCompile(`(AMOUNT|ID) +\d+ `), "$1 N "},
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
