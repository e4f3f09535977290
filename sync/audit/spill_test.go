package audit

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// drain gives everything that a spill has sorted.
func drain(s *spill) ([]string, error) {
	m, err := s.sorted()
	if err != nil {
		return nil, err
	}
	all := []string{}
	for {
		entry, err := m.next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, string(entry))
	}
}

func TestASpillGivesEveryEntryOnceAndInOrder(t *testing.T) {
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 0, 20)).Draw(t, "entries")
		s := newSpill(folder, rapid.IntRange(1, 100).Draw(t, "memory"))
		want := []string{}
		for _, entry := range entries {
			cut := rapid.IntRange(0, len(entry)).Draw(t, "cut")
			if err := s.add(entry[:cut], entry[cut:]); err != nil {
				t.Fatal(err)
			}
			want = append(want, string(entry))
		}
		got, err := drain(s)
		if err := errors.Join(err, s.close()); err != nil {
			t.Fatal(err)
		}
		slices.Sort(want)
		if diff := cmp.Diff(slices.Compact(want), got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestASpillOfMoreRunsThanAreMergedAtOnce(t *testing.T) {
	s := newSpill(t.TempDir(), 16)
	want := []string{}
	for n := range 3*spillRuns + 5 {
		entry := bytes.Repeat([]byte{byte(255 - n)}, 16)
		want = append(want, string(entry))
		if err := s.add(entry); err != nil {
			t.Fatal(err)
		}
		if len(s.runs) > spillRuns {
			t.Fatalf("there are %d runs", len(s.runs))
		}
	}
	got, err := drain(s)
	if err := errors.Join(err, s.close()); err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

func TestASpillLeavesNoFileBehind(t *testing.T) {
	folder := t.TempDir()
	s := newSpill(folder, 1)
	for range 3 {
		if err := s.add([]byte("entry")); err != nil {
			t.Fatal(err)
		}
	}
	if s.file == nil {
		t.Fatal("nothing was written to a file")
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
		t.Fatalf("%v, %v", entries, err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
}

func TestASpillWithoutAPlaceSaysWhereItWantedToBe(t *testing.T) {
	s := newSpill(t.TempDir()+"/absent", 1)
	err := errors.Join(s.add([]byte("a")), s.add([]byte("b")))
	if err == nil || !bytes.Contains([]byte(err.Error()), []byte("$TMPDIR")) {
		t.Fatalf("%v", err)
	}
}
