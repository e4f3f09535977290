package audit

import (
	"bufio"
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

const (
	// spillMemory is how many bytes of entries are sorted in memory.
	spillMemory = 4 << 20
	// spillRuns is how many sorted runs are merged at once; more are merged into one first.
	spillRuns = 64
	// spillBuffer is what each run is read and written through.
	spillBuffer = 16 << 10
)

// spill sorts more byte strings than memory should hold: what does not fit is
// written to a file in sorted runs, which are merged at the end. The file has no
// name from the moment it is there, so that nothing of it outlives the process.
type spill struct {
	folder string
	memory int
	// arena holds the entries that are in memory, back to back; entries says where.
	arena   []byte
	entries []section
	file    *os.File
	runs    []section
	end     int64
}

// section is a part of the arena, or of the file.
type section struct{ from, length int64 }

// newSpill sorts in a folder; "" means the system's for temporary files. memory is
// how many bytes of entries are sorted at once.
func newSpill(folder string, memory int) *spill { return &spill{folder: folder, memory: memory} }

// add takes an entry, given in parts.
func (s *spill) add(parts ...[]byte) error {
	length := 0
	for _, part := range parts {
		length += len(part)
	}
	if len(s.entries) > 0 && len(s.arena)+length > s.memory {
		if err := s.flush(); err != nil {
			return fmt.Errorf("sorting in a temporary file ($TMPDIR says where): %w", err)
		}
	}
	if s.arena == nil {
		s.arena = make([]byte, 0, s.memory)
	}
	s.entries = append(s.entries, section{int64(len(s.arena)), int64(length)})
	for _, part := range parts {
		s.arena = append(s.arena, part...)
	}
	return nil
}

func (s *spill) entry(at section) []byte { return s.arena[at.from : at.from+at.length] }

func (s *spill) sort() {
	slices.SortFunc(s.entries, func(a, b section) int { return bytes.Compare(s.entry(a), s.entry(b)) })
}

// flush makes a run of what is in memory.
func (s *spill) flush() error {
	s.sort()
	if len(s.runs) == spillRuns {
		if err := s.compact(); err != nil {
			return err
		}
	}
	if s.file == nil {
		var err error
		if s.file, err = unnamed(s.folder); err != nil {
			return err
		}
	}
	at := 0
	run, err := writeRun(s.file, s.end, func() ([]byte, error) {
		if at == len(s.entries) {
			return nil, io.EOF
		}
		at++
		return s.entry(s.entries[at-1]), nil
	})
	if err != nil {
		return err
	}
	s.runs, s.end = append(s.runs, run), run.from+run.length
	s.arena, s.entries = s.arena[:0], s.entries[:0]
	return nil
}

// compact merges all runs into one, in a file of its own.
func (s *spill) compact() error {
	file, err := unnamed(s.folder)
	if err != nil {
		return err
	}
	var m merge
	for _, run := range s.runs {
		if err := m.take(newRunReader(s.file, run)); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	run, err := writeRun(file, 0, m.next)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	err = s.file.Close()
	s.file, s.runs, s.end = file, []section{run}, run.length
	return err
}

// sorted gives the entries in their order, each once. Nothing is added any more.
func (s *spill) sorted() (*merge, error) {
	s.sort()
	m := &merge{}
	for _, run := range s.runs {
		if err := m.take(newRunReader(s.file, run)); err != nil {
			return nil, err
		}
	}
	at := 0
	return m, m.take(func() ([]byte, error) {
		if at == len(s.entries) {
			return nil, io.EOF
		}
		at++
		return s.entry(s.entries[at-1]), nil
	})
}

func (s *spill) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// unnamed makes a file that only this process can reach (0600 until then).
func unnamed(folder string) (*os.File, error) {
	file, err := os.CreateTemp(folder, "preauth-sync-audit-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// writeRun writes entries, each with its length before it.
func writeRun(file *os.File, from int64, next func() ([]byte, error)) (section, error) {
	run := section{from: from}
	out := bufio.NewWriterSize(io.NewOffsetWriter(file, from), spillBuffer)
	var length [binary.MaxVarintLen64]byte
	for {
		entry, err := next()
		if errors.Is(err, io.EOF) {
			return run, out.Flush()
		}
		if err != nil {
			return run, err
		}
		n := binary.PutUvarint(length[:], uint64(len(entry)))
		run.length += int64(n + len(entry))
		if _, err := out.Write(length[:n]); err != nil {
			return run, err
		}
		if _, err := out.Write(entry); err != nil {
			return run, err
		}
	}
}

// newRunReader reads a run. An entry is valid until the next one.
func newRunReader(file *os.File, run section) func() ([]byte, error) {
	in := bufio.NewReaderSize(io.NewSectionReader(file, run.from, run.length), spillBuffer)
	var entry []byte
	return func() ([]byte, error) {
		length, err := binary.ReadUvarint(in)
		if err != nil {
			return nil, err
		}
		entry = slices.Grow(entry[:0], int(length))[:length]
		if _, err := io.ReadFull(in, entry); err != nil {
			return nil, fmt.Errorf("a temporary file is shorter than what was written to it: %w", err)
		}
		return entry, nil
	}
}

// merge gives the entries of several sorted runs in one order. It is a heap of
// runs, by their next entries.
type merge struct {
	runs []run
	// last is what was given last, which is not given again.
	last  []byte
	given bool
}

// run is a run and its next entry.
type run struct {
	head []byte
	next func() ([]byte, error)
}

// take adds a run, unless it is empty.
func (m *merge) take(next func() ([]byte, error)) error {
	head, err := next()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		heap.Push(m, run{head: head, next: next})
	}
	return err
}

// next gives an entry, valid until the next call, and io.EOF after the last one.
func (m *merge) next() ([]byte, error) {
	for len(m.runs) > 0 {
		first := &m.runs[0]
		repeated := m.given && bytes.Equal(first.head, m.last)
		m.last, m.given = append(m.last[:0], first.head...), true
		head, err := first.next()
		switch {
		case errors.Is(err, io.EOF):
			heap.Pop(m)
		case err != nil:
			return nil, err
		default:
			first.head = head
			heap.Fix(m, 0)
		}
		if !repeated {
			return m.last, nil
		}
	}
	return nil, io.EOF
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (m *merge) Len() int           { return len(m.runs) }
func (m *merge) Less(i, j int) bool { return bytes.Compare(m.runs[i].head, m.runs[j].head) < 0 }
func (m *merge) Swap(i, j int)      { m.runs[i], m.runs[j] = m.runs[j], m.runs[i] }

// Push appends a run.
func (m *merge) Push(x any) { m.runs = append(m.runs, x.(run)) }

// Pop takes the last run.
func (m *merge) Pop() any {
	last := m.runs[len(m.runs)-1]
	m.runs = m.runs[:len(m.runs)-1]
	return last
}
