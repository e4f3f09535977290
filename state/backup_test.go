package state_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
)

func TestABackupIsReceivedWholeOrNotAtAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	sample(t, path, 200)
	l := open(t, path)
	var sent bytes.Buffer
	if err := l.CopyTo(t.Context(), &sent); err != nil {
		t.Fatal(err)
	}
	whole, page := sent.Bytes(), os.Getpagesize()
	brokenOff := errors.New("the daemon went away")
	sends := func(content []byte, err error) func(io.Writer) error {
		return func(to io.Writer) error {
			_, writeErr := to.Write(content)
			return errors.Join(writeErr, err)
		}
	}
	second := bytes.Clone(whole)
	clear(second[len(second)/2/page*page:][:page])
	cases := []struct {
		name string
		from func(io.Writer) error
		says string
	}{
		{"nothing", sends(nil, nil), "no whole and sound state file"},
		{"a part that ends with a page", sends(whole[:len(whole)/2/page*page], nil), "no whole and sound state file"},
		{"all but the last page", sends(whole[:len(whole)-page], nil), "no whole and sound state file"},
		{"all but the last byte", sends(whole[:len(whole)-1], nil), "no whole and sound state file"},
		{"a page of zeros among the others", sends(second, nil), "no whole and sound state file"},
		{"something else", sends([]byte("{}\n"), nil), "no whole and sound state file"},
		{"all of it, and then an error", sends(whole, brokenOff), "the daemon went away"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			err := state.Receive(t.Context(), filepath.Join(dir, "copy.db"), now(), c.from)
			if err == nil || !strings.Contains(err.Error(), c.says) || kindOf(err) != 0 {
				t.Errorf("%v", err)
			}
			if left := names(t, dir); len(left) != 0 {
				t.Errorf("something was left: %v", left)
			}
		})
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := state.Receive(t.Context(), copied, now(), sends(whole, nil)); err != nil {
		t.Fatal(err)
	}
	if diff := ledgertest.Diff(contents(t, l), dump(t, copied)); diff != "" {
		t.Errorf("original -, copy +\n%s", diff)
	}
	received, err := state.Open(state.Options{Path: copied})
	if err != nil {
		t.Fatal(err)
	}
	says(t, "the copy", received, "made at 2026-03-01 12:16:40Z")
	_ = received.Close()
}

func TestANameThatIsTakenIsRefusedBeforeAnythingIsAsked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "copy.db")
	write(t, path, []byte("precious"))
	err := state.Receive(t.Context(), path, now(), func(io.Writer) error {
		t.Error("the copy was asked for")
		return nil
	})
	if !errors.Is(err, fs.ErrExist) || string(read(t, path)) != "precious" {
		t.Errorf("%v", err)
	}
	err = state.Receive(t.Context(), filepath.Join(t.TempDir(), "no", "copy.db"), now(), func(io.Writer) error {
		t.Error("the copy was asked for")
		return nil
	})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

func TestACopyEndsWithItsContext(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "state.db"))
	ctx, cancel := context.WithCancel(t.Context())
	err := l.CopyTo(ctx, writerFunc(func(b []byte) (int, error) {
		cancel()
		return len(b), nil
	}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(b []byte) (int, error) { return w(b) }
