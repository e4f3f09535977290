package state_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// story makes a record with a journal: an old intent, an old answer, an old line
// and a young one; the last is old where old says so.
func story(n int, phase plan.Phase, park *plan.Park, old bool) plan.Batch {
	r := ledgertest.HeldRecord(n)
	r.Phase, r.Park = phase, park
	line := func(event string, at int) plan.Entry {
		return plan.Entry{ID: r.ID, Event: event, At: ledgertest.At(at)}
	}
	lines := []plan.Entry{line("create.intent", 1), line("create.applied", 2), line("capture.intent", 3), line("capture.applied", 100)}
	if old {
		lines = lines[:3]
	}
	return plan.Batch{Records: []plan.Record{r}, Journal: lines}
}

func events(t *testing.T, l *state.Ledger, n int) (events []string) {
	t.Helper()
	lines, err := l.Journal(t.Context(), ledgertest.ID(n))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		events = append(events, line.Event)
	}
	return events
}

func now() time.Time { return ledgertest.At(1000) }

func TestACompactionLeavesOutOldJournalLinesThatAreOnlyHistory(t *testing.T) {
	cases := []struct {
		name  string
		phase plan.Phase
		park  *plan.Park
		old   bool
		want  string
	}{
		{"of what is captured", plan.Captured, nil, false, "create.intent capture.applied"},
		{"of what is released, but for the last line", plan.Released, nil, true, "create.intent capture.intent"},
		{"not of what is held", plan.Created, nil, false, "create.intent create.applied capture.intent capture.applied"},
		{"not of what is adopted", plan.Adopted, nil, true, "create.intent create.applied capture.intent"},
		{"not of what is in flight", plan.Capturing, nil, false, "create.intent create.applied capture.intent capture.applied"},
		{
			"not of what is parked", plan.Captured, &plan.Park{Reason: plan.AmountChanged, Since: ledgertest.At(9)}, false,
			"create.intent create.applied capture.intent capture.applied",
		},
	}
	path := filepath.Join(t.TempDir(), "state.db")
	l, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	for n, c := range cases {
		if err := l.Commit(t.Context(), story(n, c.phase, c.park, c.old)); err != nil {
			t.Fatal(err)
		}
	}
	// Of a long one, the same lines are left out of what stands apart.
	long := story(99, plan.Captured, nil, false)
	for n := range 20 {
		line := plan.Entry{ID: ledgertest.ID(99), Event: "x", At: ledgertest.At(40 + n), Note: strings.Repeat("n", 300)}
		long.Journal = slices.Insert(long.Journal, 3, line)
	}
	if err := l.Commit(t.Context(), long); err != nil {
		t.Fatal(err)
	}
	before := contents(t, l)
	for _, lines := range []int{3 + 12, 0} { // and again: what was left out is not missed
		report, err := l.Compact(t.Context(), state.CompactOptions{JournalBefore: ledgertest.At(50)})
		if err != nil || report.JournalLines != lines {
			t.Fatalf("%+v, %v; want %d lines left out", report, err, lines)
		}
		for n, c := range cases {
			if got := strings.Join(events(t, l, n), " "); got != c.want {
				t.Errorf("%s: %s; want %s", c.name, got, c.want)
			}
		}
		if got, want := strings.Join(events(t, l, 99), " "), "create.intent"+strings.Repeat(" x", 10)+" capture.applied"; got != want {
			t.Errorf("of a long journal: %s; want %s", got, want)
		}
		if verified, err := l.Verify(t.Context()); err != nil || verified.Pruned != 15 || verified.Journal != 31 {
			t.Errorf("%+v, %v", verified, err)
		}
	}
	after := contents(t, l)
	before.Journal, after.Journal = nil, nil
	if diff := ledgertest.Diff(before, after); diff != "" {
		t.Errorf("before -, after +\n%s", diff)
	}
	// New lines go on where the journal was, and the file goes on as a backup does.
	if err := l.Commit(t.Context(), plan.Batch{Journal: []plan.Entry{{ID: ledgertest.ID(99), Event: "new"}}}); err != nil {
		t.Fatal(err)
	}
	lines, err := l.Journal(t.Context(), ledgertest.ID(99))
	if err != nil || lines[12].Seq != lines[11].Seq+1 {
		t.Errorf("%+v, %v", lines, err)
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := errors.Join(l.Backup(t.Context(), copied), l.Close()); err != nil {
		t.Fatal(err)
	}
	for _, each := range []string{path, copied} {
		if report := ledgertest.Verify(t, each); report.Pruned != 15 || report.Journal != 32 {
			t.Errorf("%+v", report)
		}
	}
}

func TestACompactionKeepsEveryLineUnlessAsked(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "state.db"))
	if err := l.Commit(t.Context(), story(1, plan.Captured, nil, false)); err != nil {
		t.Fatal(err)
	}
	before := contents(t, l)
	if report, err := l.Compact(t.Context(), state.CompactOptions{}); err != nil || report.JournalLines != 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	if diff := ledgertest.Diff(before, contents(t, l)); diff != "" {
		t.Errorf("before -, after +\n%s", diff)
	}
}

func TestAJournalIsNotCutInTheFuture(t *testing.T) {
	l, err := state.Open(state.Options{Path: filepath.Join(t.TempDir(), "state.db"), Mode: state.ReadWrite, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	future := state.CompactOptions{JournalBefore: now().Add(time.Second)}
	if _, err := l.Compact(t.Context(), future); err == nil || !strings.Contains(err.Error(), "still to come") {
		t.Errorf("%v", err)
	}
}

func TestVerifyMissesALineThatNoCompactionHasLeftOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	l := open(t, path)
	long := story(1, plan.Captured, nil, false)
	for n := range long.Journal {
		long.Journal[n].Note = strings.Repeat("n", 400)
	}
	if err := l.Commit(t.Context(), long); err != nil {
		t.Fatal(err)
	}
	_, err := l.Compact(t.Context(), state.CompactOptions{JournalBefore: ledgertest.At(50)})
	if err := errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	whole := read(t, path)
	tamper(t, path, dropFirst("journal"))
	lost, err := state.Open(state.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lost.Verify(t.Context()); kindOf(err) != state.Corrupt {
		t.Errorf("want corrupt, got %v", err)
	}
	_ = lost.Close()
	write(t, path, whole)
}

// compactingPath names the environment variable that makes this test's binary a
// process that compacts, and dies with the new file complete and not yet named.
const compactingPath = "STATE_TEST_COMPACTING_PATH"

func compacting(path string) error {
	l, err := state.Open(state.Options{
		Path: path, Mode: state.ReadWrite,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			if name != path {
				os.Exit(9) //nolint:forbidigo // a process that is killed has no last words
			}
			return os.OpenFile(name, flag, mode)
		},
	})
	if err != nil {
		return err
	}
	_, err = l.Compact(context.Background(), state.CompactOptions{JournalBefore: ledgertest.At(50)})
	return err
}

func TestACompactionThatIsKilledLeavesTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	l := open(t, path)
	err := l.Commit(t.Context(), story(1, plan.Captured, nil, false))
	want := contents(t, l)
	if err := errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	before := read(t, path)
	process := exec.CommandContext(t.Context(), os.Args[0])
	process.Env = append(os.Environ(), compactingPath+"="+path)
	output, err := process.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 9 {
		t.Fatalf("%v %s", err, output)
	}
	if !slices.Equal(before, read(t, path)) {
		t.Error("the file has been changed")
	}
	if diff := ledgertest.Diff(want, dump(t, path)); diff != "" {
		t.Errorf("before -, after +\n%s", diff)
	}
	if left := names(t, filepath.Dir(path)); len(left) != 2 {
		t.Errorf("the process was to die with its new file complete: %v", left)
	}
	// The next one takes away what that one left, and nothing else.
	others := []string{".state.db.gen.ABCDEFGHIJKL.tmp", ".other.db.ABCDEFGHIJKL.tmp", ".state.db.notes.tmp"}
	for _, name := range others {
		write(t, filepath.Join(filepath.Dir(path), name), nil)
	}
	if _, err := open(t, path).Compact(t.Context(), state.CompactOptions{}); err != nil {
		t.Fatal(err)
	}
	if left := names(t, filepath.Dir(path)); !slices.Equal(left, append(slices.Sorted(slices.Values(others)), "state.db")) {
		t.Errorf("beside the file there are %v", left)
	}
}
