package state_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
)

// advanced makes a file of generation 3.
func advanced(t *testing.T, path string) {
	t.Helper()
	l, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := l.Advance(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWhatStandsBesideTheFileTellsItsAge(t *testing.T) {
	owner := func(line string) string { return strings.TrimSpace(line[strings.Index(line, " "):]) }
	cases := []struct {
		name   string
		change func(line string) string // what is written beside; "-" for nothing
		older  string
		next   uint64 // the generation after the next Advance
	}{
		{"as it was left", func(line string) string { return line }, "", 4},
		{"behind the file, as after a crash", func(line string) string { return "2 " + owner(line) + "\n" }, "", 4},
		{"without an owner", func(string) string { return "3\n" }, "", 4},
		{"at 0, as after crashes of the first starts", func(line string) string { return "0 " + owner(line) + "\n" }, "", 4},
		{"at 0, and of another file", func(string) string { return "0 another\n" }, "never was one", 4},
		{"at 0, without an owner", func(string) string { return "0\n" }, "never was one", 4},
		{"missing", func(string) string { return "-" }, "missing", 4},
		{"ahead", func(line string) string { return "9 " + owner(line) + "\n" }, "says 9", 10},
		{"of another file", func(string) string { return "3 another\n" }, "another", 4},
		{"empty", func(string) string { return "" }, "cannot be read", 4},
		{"garbage", func(string) string { return "\x00\x00\n" }, "cannot be read", 4},
		{"cut off", func(string) string { return "1" }, "cannot be read", 4},
		{"negative", func(string) string { return "-3\n" }, "cannot be read", 4},
		{"beyond all counting", func(string) string { return "18446744073709551615\n" }, "cannot be read", 4},
		{"much too long", func(string) string { return "3\n" + strings.Repeat(" ", 1000) }, "cannot be read", 4},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			advanced(t, path)
			line, err := os.ReadFile(path + ".gen")
			if err != nil {
				t.Fatal(err)
			}
			if text := c.change(string(line)); text == "-" {
				if err := os.Remove(path + ".gen"); err != nil {
					t.Fatal(err)
				}
			} else {
				write(t, path+".gen", []byte(text))
			}
			reader, err := state.Open(state.Options{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			says(t, "a reader", reader, c.older)
			_ = reader.Close()
			l := open(t, path)
			says(t, "this start", l, c.older)
			if l.File().Generation != 3 {
				t.Errorf("generation %d", l.File().Generation)
			}
			if next, err := l.Advance(t.Context(), false); err != nil || next != c.next {
				t.Errorf("Advance: %d, %v; want %d", next, err, c.next)
			}
			// What stands beside it is right again; the finding must outlive that.
			_ = l.Close()
			l = open(t, path)
			says(t, "the next start", l, c.older)
			if next, err := l.Advance(t.Context(), true); err != nil || next != c.next+1 {
				t.Errorf("Advance: %d, %v", next, err)
			}
			says(t, "after the adoption", l, "")
			_ = l.Close()
			says(t, "the start after the adoption", open(t, path), "")
		})
	}
}

func says(t *testing.T, who string, l *state.Ledger, older string) {
	t.Helper()
	got := l.File().Older
	if older == "" && got != "" || !strings.Contains(got, older) {
		t.Errorf("%s says %q, want %q", who, got, older)
	}
}

func TestAnOldCopyPutBackIsOlder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	old := sample(t, path, 3)
	advanced(t, path)
	write(t, path, old)
	says(t, "the old copy", open(t, path), "says 4")
}

func TestANewFileBesideAnOldGenerationIsOlder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	advanced(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l := open(t, path)
	says(t, "the new file", l, "says 3")
	if !l.File().New {
		t.Error("it is not new")
	}
	if next, err := l.Advance(t.Context(), true); err != nil || next != 4 {
		t.Errorf("Advance: %d, %v", next, err)
	}
}

func TestAnOperatorsWordIsRemembered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	l := open(t, path)
	if err := errors.Join(l.Restored(t.Context()), l.Close()); err != nil {
		t.Fatal(err)
	}
	says(t, "the next start", open(t, path), "operator")
}

func TestAGenerationThatCannotBeWrittenEndsTheLedger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	l := open(t, path)
	// A folder of that name cannot be renamed over.
	if err := os.MkdirAll(filepath.Join(path+".gen", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Advance(t.Context(), false); kindOf(err) != state.Failed {
		t.Fatalf("want failed, got %v", err)
	}
	if err := l.Commit(t.Context(), batchOf(1)); kindOf(err) != state.Failed {
		t.Fatalf("want failed, got %v", err)
	}
}

// announcing is a writer that says when the first bytes come.
type announcing struct {
	to    io.Writer
	begun chan struct{}
	once  sync.Once
}

func (a *announcing) Write(p []byte) (int, error) {
	a.once.Do(func() { close(a.begun) })
	return a.to.Write(p)
}

func TestABackupIsACompleteMarkedCopy(t *testing.T) {
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "state.db"), filepath.Join(dir, "copies", "backup.db")
	if err := os.Mkdir(filepath.Dir(copied), 0o700); err != nil {
		t.Fatal(err)
	}
	sample(t, path, 200)
	want := dump(t, path)
	l := open(t, path)
	ctx := t.Context()
	stop, begun := make(chan struct{}), make(chan struct{})
	stopped := make(chan error)
	go func() {
		<-begun // what is committed from here on is not in the copy
		for n := 10000; ; n++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if err := l.Commit(ctx, batchOf(n)); err != nil {
				stopped <- err
				return
			}
		}
	}()
	err := state.Receive(ctx, copied, time.Now(), func(to io.Writer) error {
		return l.CopyTo(ctx, &announcing{to: to, begun: begun})
	})
	close(stop)
	if err := errors.Join(err, <-stopped); err != nil {
		t.Fatal(err)
	}
	ledgertest.Verify(t, copied)
	if diff := ledgertest.Diff(want, dump(t, copied)); diff != "" {
		t.Error(diff)
	}
	if left := names(t, filepath.Dir(copied)); len(left) != 1 {
		t.Errorf("something was left beside the copy: %v", left)
	}
	if err := l.Backup(ctx, copied); !errors.Is(err, os.ErrExist) {
		t.Errorf("a name that is taken: %v", err)
	}
	restored := open(t, copied)
	says(t, "the copy, opened for writing", restored, "backup")
	if _, err := restored.Advance(ctx, true); err != nil {
		t.Fatal(err)
	}
	_ = restored.Close()
	says(t, "the copy, after its adoption", open(t, copied), "")
}

// A crash between the two halves of the first generation leaves the file at 1 and
// a 0 beside it, which is no lost generation.
func TestTheFirstGenerationIsAnnounced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	l := open(t, path)
	if _, err := l.Advance(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	content, err := os.ReadFile(path + ".gen")
	if err != nil {
		t.Fatal(err)
	}
	// As it was right before the second half.
	write(t, path+".gen", []byte("0"+strings.TrimPrefix(string(content), "1")))
	l = open(t, path)
	says(t, "after the crash", l, "")
	if got, err := l.Advance(t.Context(), false); err != nil || got != 2 {
		t.Errorf("the next generation is %d, %v", got, err)
	}
	_ = l.Close()
}

func TestAFileThatCannotAnnounceItsFirstGenerationHasNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	l := open(t, path)
	if err := os.Mkdir(path+".gen", 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Advance(t.Context(), false); err == nil {
		t.Error("a generation began that nothing beside the file can tell of")
	}
	_ = l.Close()
}
