package redo_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/preauth-sync/preauth-sync/state/redo"
)

// disk is a file in memory that can fail.
type disk struct {
	content []byte
	// synced is what would be there after a power failure that leaves nothing of what
	// is being written.
	synced          []byte
	writes, syncs   int
	failing, rotten error
}

func newDisk(size int) *disk { return &disk{content: make([]byte, size), synced: make([]byte, size)} }

func (d *disk) WriteAt(b []byte, at int64) (int, error) {
	if d.failing != nil {
		return 0, d.failing
	}
	d.writes++
	return copy(d.content[at:], b), nil
}

func (d *disk) Sync() error {
	d.syncs++
	d.synced = bytes.Clone(d.content)
	return d.rotten
}

// whole is the run that most tests use: 8 pages behind one that is not its own.
func whole() redo.Run { return redo.Within(1, 9*redo.Page, "file") }

func size() int { return int(whole().Offset+whole().Size) + redo.Page }

// replay gives the groups of an epoch.
func replay(content []byte, run redo.Run, epoch uint64) (groups []string, used bool, err error) {
	used, err = redo.Replay(bytes.NewReader(content), run, epoch, func(group []byte) error {
		groups = append(groups, string(group))
		return nil
	})
	return groups, used, err
}

func mustAppend(t *testing.T, l *redo.Log, groups ...string) {
	t.Helper()
	for _, each := range groups {
		if err := l.Append([]byte(each)); err != nil {
			t.Fatal(err)
		}
	}
}

// want checks what a replay finds.
func want(t *testing.T, content []byte, epoch uint64, groups ...string) {
	t.Helper()
	got, used, err := replay(content, whole(), epoch)
	if err != nil || !slices.Equal(got, groups) || used != (len(groups) > 0) {
		t.Fatalf("epoch %d: %d groups, used %v, %v; want %d groups", epoch, len(got), used, err, len(groups))
	}
}

// long is a group of so many bytes that differ from those of other numbers.
func long(n, length int) string {
	b := make([]byte, length)
	for i := range b {
		b[i] = byte(n + i + i/251)
	}
	return string(b)
}

func TestWhatIsAppendedIsDurableAndComesBackInOrder(t *testing.T) {
	d := newDisk(size())
	l := redo.New(d, whole(), 7)
	var groups []string
	for i, length := range []int{1, 487, 488, 489, 3904, 3905, 1} {
		groups = append(groups, long(i, length))
		mustAppend(t, l, groups[i])
		want(t, d.synced, 7, groups...)
	}
	if d.writes != len(groups) || d.syncs != len(groups) {
		t.Errorf("%d groups took %d writes and %d syncs", len(groups), d.writes, d.syncs)
	}
	if before := d.content[:whole().Offset]; !bytes.Equal(before, make([]byte, len(before))) {
		t.Error("something was written before the run")
	}
	want(t, d.synced, 8)
}

func TestARunLiesOnWholePages(t *testing.T) {
	for _, c := range []struct{ offset, length, from, size int64 }{
		{0, 8192, 0, 8192},
		{1, 8192, 4096, 4096},
		{4096, 4095, 4096, 0},
		{4095, 4097, 4096, 4096},
		{4097, 100, 8192, 0},
	} {
		if r := redo.Within(c.offset, c.length, ""); r.Offset != c.from || r.Size != c.size {
			t.Errorf("within %d bytes at %d: %d at %d", c.length, c.offset, r.Size, r.Offset)
		}
	}
}

func TestAFullLogTakesNoGroupThatDoesNotFit(t *testing.T) {
	d := newDisk(size())
	l := redo.New(d, whole(), 1)
	largest := 8 * 8 * 488
	if !l.Fits(largest) || l.Fits(largest+1) {
		t.Fatal("the largest group is another one")
	}
	for _, group := range [][]byte{nil, make([]byte, largest+1)} {
		if err := l.Append(group); err == nil {
			t.Errorf("a group of %d bytes was taken", len(group))
		}
	}
	var groups []string
	for n := 0; l.Fits(1); n++ {
		groups = append(groups, long(n, 500))
		mustAppend(t, l, groups[n])
	}
	if err := l.Append([]byte("x")); err == nil || len(groups) != 8 {
		t.Fatalf("the log took %d groups, then: %v", len(groups), err)
	}
	want(t, d.synced, 1, groups...)
	if behind := d.content[size()-redo.Page:]; !bytes.Equal(behind, make([]byte, redo.Page)) {
		t.Error("something was written behind the run")
	}
	d = newDisk(size())
	mustAppend(t, redo.New(d, whole(), 1), long(1, largest))
	want(t, d.synced, 1, long(1, largest))
}

func TestOtherEpochsAndOwnersCountAsNothing(t *testing.T) {
	d := newDisk(size())
	for epoch := range uint64(20) {
		l := redo.New(d, whole(), epoch)
		want(t, d.synced, epoch)
		var groups []string
		// Each epoch leaves something else of the ones before it.
		for n := range int(7*epoch%5) + 1 {
			groups = append(groups, long(int(epoch), 1+int(epoch*977+uint64(n)*431)%4500))
			if !l.Fits(len(groups[n])) {
				groups = groups[:n]
				break
			}
			mustAppend(t, l, groups[n])
		}
		want(t, d.synced, epoch, groups...)
		want(t, d.synced, epoch+1)
	}
	stranger := whole()
	stranger.Owner = "another file"
	if groups, _, err := replay(d.synced, stranger, 19); err == nil {
		t.Errorf("another file's log was taken for an own one: %d groups", len(groups))
	}
}

// TestALogAheadOfItsEpochIsDamage: the epoch was stored before the first of its groups.
func TestALogAheadOfItsEpochIsDamage(t *testing.T) {
	d := newDisk(size())
	mustAppend(t, redo.New(d, whole(), 4), "a", "b")
	mustAppend(t, redo.New(d, whole(), 5), "c")
	for epoch := range uint64(5) {
		if groups, _, err := replay(d.synced, whole(), epoch); err == nil {
			t.Errorf("epoch %d was believed, with %q", epoch, groups)
		}
	}
	want(t, d.synced, 5, "c")
}

func TestAFileThatFailsEndsTheLog(t *testing.T) {
	broken := errors.New("broken")
	for name, fail := range map[string]func(d *disk){
		"in its write": func(d *disk) { d.failing = broken },
		"in its sync":  func(d *disk) { d.rotten = broken },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(size())
			l := redo.New(d, whole(), 1)
			mustAppend(t, l, "a")
			fail(d)
			if err := l.Append([]byte("b")); !errors.Is(err, broken) {
				t.Fatalf("the failure is told as: %v", err)
			}
			d.failing, d.rotten = nil, nil
			if err := l.Append([]byte("c")); !errors.Is(err, broken) {
				t.Fatalf("after a failure: %v", err)
			}
			groups, _, err := replay(d.content, whole(), 1)
			if err != nil || groups[0] != "a" || slices.Contains(groups, "c") {
				t.Errorf("%q, %v", groups, err)
			}
		})
	}
}

func TestAFileThatCannotBeReadIsAnError(t *testing.T) {
	_, _, err := replay(make([]byte, redo.Page), whole(), 1)
	if !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
	d := newDisk(size())
	mustAppend(t, redo.New(d, whole(), 1), "a")
	stop := errors.New("stop")
	if _, err := redo.Replay(bytes.NewReader(d.content), whole(), 1, func([]byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}

// BenchmarkAppend costs no disk: it is what encoding a group takes.
func BenchmarkAppend(b *testing.B) {
	for _, length := range []int{300, 16 << 10} {
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			run := redo.Within(0, 1<<20, "file")
			group := bytes.Repeat([]byte("x"), length)
			b.SetBytes(int64(length))
			l := redo.New(discard{}, run, 1)
			for b.Loop() {
				if !l.Fits(length) {
					l = redo.New(discard{}, run, 1)
				}
				if err := l.Append(group); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type discard struct{}

func (discard) WriteAt(b []byte, _ int64) (int, error) { return len(b), nil }
func (discard) Sync() error                            { return nil }
