package state_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func kindOf(err error) state.Kind {
	if refused, ok := errors.AsType[*state.Error](err); ok {
		return refused.Kind
	}
	return 0
}

func TestAnAbsentFileStaysAbsentForReaders(t *testing.T) {
	dir := t.TempDir()
	if _, err := state.Open(state.Options{Path: filepath.Join(dir, "state.db")}); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("want fs.ErrNotExist, got %v", err)
	}
	if left := names(t, dir); len(left) != 0 {
		t.Fatalf("something was created: %v", left)
	}
}

func names(t *testing.T, dir string) (found []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		found = append(found, e.Name())
	}
	return found
}

func TestAFirstStartCreatesTheFileAndItsFolder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "new", "state.db")
	l, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite, Binding: addresses()})
	if err != nil {
		t.Fatal(err)
	}
	want := plan.File{New: true, ConnectorAddress: "https://pms.test", SinkAddress: "https://v4.test"}
	if diff := ledgertest.Diff(want, l.File()); diff != "" {
		t.Error(diff)
	}
	for name, mode := range map[string]fs.FileMode{filepath.Dir(path): 0o700 | fs.ModeDir, path: 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if left := names(t, filepath.Dir(path)); len(left) != 1 {
		t.Errorf("something was left beside the file: %v", left)
	}
	second := open(t, path)
	if f := second.File(); f.New || f.Older != "" {
		t.Errorf("the second start sees %+v", f)
	}
	if _, err := state.Open(state.Options{Path: filepath.Join(dir, "a", "b", "state.db"), Mode: state.ReadWrite}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("two missing folders: %v", err)
	}
	if _, err := state.Open(state.Options{Path: dir, Mode: state.ReadWrite}); err == nil {
		t.Error("a folder was opened as a state file")
	}
}

func TestAFileThatIsOpenIsLockedAgainstOthers(t *testing.T) {
	cases := []struct {
		first, second state.Mode
		locked        bool
	}{
		{state.ReadWrite, state.ReadWrite, true},
		{state.ReadWrite, state.ReadOnly, true},
		{state.ReadOnly, state.ReadWrite, true},
		{state.ReadOnly, state.ReadOnly, false},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%d then %d", c.first, c.second), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			sample(t, path, 1)
			first, err := state.Open(state.Options{Path: path, Mode: c.first})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = first.Close() }()
			second, err := state.Open(state.Options{Path: path, Mode: c.second, LockTimeout: 60 * time.Millisecond})
			if (kindOf(err) == state.Locked) != c.locked {
				t.Fatalf("%v", err)
			}
			if err == nil {
				_ = second.Close()
				return
			}
			if want := fmt.Sprintf(" (pid %d, state.test)", os.Getpid()); !strings.Contains(err.Error(), want) {
				t.Errorf("the holder is not named: %v", err)
			}
		})
	}
}

func TestEveryRefusalNamesTheFileAndWhatToDo(t *testing.T) {
	for kind := state.Corrupt; kind <= state.Failed; kind++ {
		text := (&state.Error{Kind: kind, Path: "/x/state.db", Detail: "what was seen", Err: errors.New("the cause")}).Error()
		for _, part := range []string{"/x/state.db", "what was seen", "the cause", "; "} {
			if !strings.Contains(text, part) {
				t.Errorf("%s: %q lacks %q", kind, text, part)
			}
		}
	}
}

func TestAReadOnlyLedgerChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	sample(t, path, 1)
	l, err := state.Open(state.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ctx := t.Context()
	_, advanced := l.Advance(ctx, true)
	_, compacted := l.Compact(ctx, state.CompactOptions{})
	for name, err := range map[string]error{
		"Commit":  l.Commit(ctx, plan.Batch{Records: []plan.Record{ledgertest.HeldRecord(77)}}),
		"Advance": advanced, "Compact": compacted, "Restored": l.Restored(ctx), "Rebind": l.Rebind(ctx, addresses()),
	} {
		if err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}

func TestAClosedLedgerSaysSo(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "state.db"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Record(t.Context(), ledgertest.ID(1)); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("Record: %v", err)
	}
	if err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{ledgertest.HeldRecord(1)}}); err == nil || kindOf(err) != 0 {
		t.Errorf("Commit: %v", err)
	}
	if _, err := l.Verify(t.Context()); err == nil {
		t.Error("Verify: want an error")
	}
}

func TestRebindIsRememberedAndThenCompared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	sample(t, path, 1)
	l, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite, Binding: addresses()})
	if err != nil {
		t.Fatal(err)
	}
	moved := state.Binding{ConnectorAddress: "https://pms2.test", SinkAddress: "https://v42.test"}
	err = l.Rebind(t.Context(), moved)
	if own, _, _ := l.Sink(t.Context(), "v4"); own.Address != "" || own.Revision != 2 || !own.Listed {
		t.Errorf("a sink that a property has for itself is still bound: %+v", own)
	}
	_, compacted := l.Compact(t.Context(), state.CompactOptions{})
	if err := errors.Join(err, compacted, l.Close()); err != nil {
		t.Fatal(err)
	}
	if got := refusal(t, path, moved); got != 0 {
		t.Errorf("the new addresses: %s", got)
	}
	if got := refusal(t, path, addresses()); got != state.OtherAddresses {
		t.Errorf("the old addresses: %s", got)
	}
}

func TestAFileWithoutAddressesTakesThoseOfItsFirstUser(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	_ = open(t, path).Close()
	l, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite, Binding: addresses()})
	if err != nil {
		t.Fatal(err)
	}
	if f := l.File(); f.ConnectorAddress != addresses().ConnectorAddress {
		t.Errorf("%+v", f)
	}
	_, advanced := l.Advance(t.Context(), false)
	if err := errors.Join(advanced, l.Close()); err != nil {
		t.Fatal(err)
	}
	if got := refusal(t, path, state.Binding{SinkAddress: "https://other.test"}); got != state.OtherAddresses {
		t.Errorf("another sink: %s", got)
	}
}

func TestOnlyAFileThatHasNeverBeenOfUseTakesOtherAddresses(t *testing.T) {
	other := state.Binding{ConnectorAddress: "https://right.test", SinkAddress: "https://right4.test"}
	for name, c := range map[string]struct {
		use  func(ctx context.Context, l *state.Ledger) error
		want state.Kind // of what comes when it is opened for other addresses
	}{
		"nothing was stored": {func(context.Context, *state.Ledger) error { return nil }, 0},
		"something may have been sent": {func(ctx context.Context, l *state.Ledger) error {
			_, err := l.Advance(ctx, false)
			return err
		}, state.OtherAddresses},
		"it knows a property": {func(ctx context.Context, l *state.Ledger) error {
			return l.Commit(ctx, plan.Batch{Property: &plan.Property{Enterprise: ledgertest.ID(9), Name: "prague"}})
		}, state.OtherAddresses},
		"writes are paused": {func(ctx context.Context, l *state.Ledger) error {
			return l.Commit(ctx, plan.Batch{Pauses: []plan.Pause{{Since: ledgertest.At(1)}}})
		}, state.OtherAddresses},
		"it is older than the world": {func(ctx context.Context, l *state.Ledger) error { return l.Restored(ctx) }, state.OtherAddresses},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			l, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite, Binding: addresses()})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(c.use(t.Context(), l), l.Close()); err != nil {
				t.Fatal(err)
			}
			if read, err := state.Open(state.Options{Path: path, Binding: other}); kindOf(err) != c.want {
				t.Errorf("opened for reading it is %s, want %s", kindOf(err), c.want)
			} else if err == nil {
				_ = read.Close()
			}
			l, err = state.Open(state.Options{Path: path, Mode: state.ReadWrite, Binding: other})
			if kindOf(err) != c.want {
				t.Fatalf("it is %s, want %s", kindOf(err), c.want)
			}
			if err != nil {
				return
			}
			if _, err := l.Advance(t.Context(), false); err != nil {
				t.Error(err)
			}
			if f := l.File(); f.ConnectorAddress != other.ConnectorAddress || f.SinkAddress != other.SinkAddress || f.New || f.Older != "" {
				t.Errorf("%+v", f)
			}
			_ = l.Close()
			if got := refusal(t, path, addresses()); got != state.OtherAddresses {
				t.Errorf("the first addresses are %s", got)
			}
		})
	}
}

func TestAnAbsentFileIsToldFromALostOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	absent := state.Find(path)
	if kindOf(absent) != state.Absent || !errors.Is(absent, fs.ErrNotExist) {
		t.Errorf("a file that has never been: %v", absent)
	}
	advanced(t, path)
	if err := state.Find(path); err != nil {
		t.Errorf("a file that is there: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	lost := state.Find(path)
	if kindOf(lost) != state.Lost || errors.Is(lost, fs.ErrNotExist) {
		t.Errorf("a file that has been there: %v", lost)
	}
	_, err := state.Open(state.Options{Path: path})
	want := "the state file " + path + " is missing: " + path + ".gen beside it says that it has been there; put it back, or a backup of it"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
