package state_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// linked puts a file that others of its group may read in a folder of its own, and gives a
// link to it and where it is.
func linked(t *testing.T, content []byte) (link, home string) {
	t.Helper()
	home, link = filepath.Join(t.TempDir(), "home.db"), filepath.Join(t.TempDir(), "state.db")
	write(t, home, content)
	if err := os.Chmod(home, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(home, link); err != nil {
		t.Fatal(err)
	}
	return link, home
}

// stays checks that a link and what it leads to are still what they were.
func stays(t *testing.T, link, home string, besideLink ...string) {
	t.Helper()
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link has become %v, %v", info.Mode(), err)
	}
	if info, err := os.Lstat(home); err != nil || info.Mode() != 0o640 {
		t.Errorf("the file has become %v, %v", info.Mode(), err)
	}
	got := [][]string{names(t, filepath.Dir(home)), names(t, filepath.Dir(link))}
	want := [][]string{{"home.db"}, append([]string{"state.db"}, besideLink...)}
	if diff := ledgertest.Diff(want, got); diff != "" {
		t.Errorf("beside the file and beside its link, want -, got +\n%s", diff)
	}
}

func TestACompactionLeavesALinkToTheFileAsItIs(t *testing.T) {
	link, home := linked(t, sample(t, filepath.Join(t.TempDir(), "state.db"), 500))
	l := open(t, link)
	if _, err := l.Advance(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	before, want := read(t, home), contents(t, l)
	report, err := l.Compact(t.Context(), state.CompactOptions{})
	after := read(t, home)
	if err != nil || report.Before < int64(len(before)) || report.After != int64(len(after)) {
		t.Errorf("%+v, %v; the file had %d bytes and has %d", report, err, len(before), len(after))
	}
	stays(t, link, home, "state.db.gen")
	if err := l.Commit(t.Context(), plan.Batch{}); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := ledgertest.Diff(want, dump(t, home)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

func TestAMigrationLeavesALinkToTheFileAsItIs(t *testing.T) {
	link, home := linked(t, earlier(t, "4"))
	want := dump(t, link)
	l := open(t, link)
	if diff := ledgertest.Diff(want, contents(t, l)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	stays(t, link, home)
	if version := schemaOf(t, home); version != "5" {
		t.Errorf("the file has schema %s", version)
	}
}

func TestABackupOfAnEarlierSchemaIsOfThatSchema(t *testing.T) {
	for _, version := range earlierSchemas() {
		path, copied := earlierFile(t, version), filepath.Join(t.TempDir(), "copy.db")
		l, err := state.Open(state.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		want := contents(t, l)
		if err := l.Backup(t.Context(), copied); err != nil {
			t.Fatal(err)
		}
		if got := schemaOf(t, copied); got != version {
			t.Errorf("the copy of a file of schema %s has schema %s", version, got)
		}
		if diff := ledgertest.Diff(want, dump(t, copied)); diff != "" {
			t.Errorf("schema %s: want -, got +\n%s", version, diff)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAReaderOfAnEarlierSchemaLeavesNothingWhenItIsKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("a file that is open needs its name here")
	}
	room := t.TempDir()
	t.Setenv("TMPDIR", room)
	l, err := state.Open(state.Options{Path: earlierFile(t, "4")})
	if err != nil {
		t.Fatal(err)
	}
	if left := names(t, room); len(left) != 0 {
		t.Errorf("a kill would leave %v", left)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestAReaderOfAnEarlierSchemaSaysWhatIsToBeSet(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "absent"))
	_, err := state.Open(state.Options{Path: earlierFile(t, "4")})
	if err == nil || !strings.Contains(err.Error(), "set TMPDIR to a folder with room") {
		t.Errorf("got %v", err)
	}
}
