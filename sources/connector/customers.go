package connector

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
)

// BadLine is a line of a customer list that holds no customer.
type BadLine struct {
	// Number counts from 1.
	Number int
	// Text is the line's, shortened, without its comment.
	Text string
}

// String says where the line is and what it should have been.
func (b BadLine) String() string {
	return fmt.Sprintf("line %d: %q is not a customer's id (a UUID)", b.Number, b.Text)
}

const (
	// maxLine is the most that is read of one line; real ones have 36 characters and a comment.
	maxLine = 64 << 10
	// idLength is that of an id's text.
	idLength = 36
	// plainLength is that of a line with an id, and nothing else but its end.
	plainLength = idLength + 1
)

// ParseCustomers reads a list of customers: one id a line, in any letter case;
// blank lines and what follows a # are left out. The ids come sorted, each once.
// Many share one text, so that a list of 250,000 takes 13 MiB; one that is in order
// already takes the least time. Bad lines do not stop the others.
//
// The error is the reader's own, or says that this is no such list, or only the
// beginning of one: it is empty, it is not text, none of its lines is an id, or
// it breaks off in the middle of one.
func ParseCustomers(r io.Reader) (ids []preauth.ID, bad []BadLine, err error) {
	var texts idTexts
	bad, err = eachID(r, func(id []byte) error {
		texts.add(id)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return preauth.Distinct(texts.ids()), bad, nil
}

// idTexts gathers ids whose number is not known. They are parts of texts of many, since
// each on its own would take more memory, and time to be let go; and they become ids when
// all are there, since a slice that grows is copied over and over.
type idTexts struct {
	full   []string
	last   strings.Builder
	number int
}

func (t *idTexts) add(id []byte) {
	if t.last.Cap()-t.last.Len() < idLength {
		t.full = append(t.full, t.last.String())
		t.last.Reset()
		t.last.Grow(MaxCustomers * idLength)
	}
	_, _ = t.last.Write(id) // it never fails
	t.number++
}

func (t *idTexts) ids() []preauth.ID {
	ids := slices.Grow([]preauth.ID(nil), t.number)
	for _, text := range append(t.full, t.last.String()) {
		for rest := preauth.ID(text); len(rest) > 0; rest = rest[idLength:] {
			ids = append(ids, rest[:idLength])
		}
	}
	return ids
}

// EachCustomer is ParseCustomers for a list that need not be in memory: it hands
// the ids over as they come, with their repetitions, before it is known whether the
// list can be used. An error of visit ends it and is returned.
func EachCustomer(r io.Reader, visit func(preauth.ID) error) (bad []BadLine, err error) {
	return eachID(r, func(id []byte) error { return visit(preauth.ID(id)) })
}

// eachID hands over the text of each id, in lower case and valid until the next one.
func eachID(r io.Reader, visit func(id []byte) error) (bad []BadLine, err error) {
	l := list{visit: visit}
	lines := bufio.NewReaderSize(r, maxLine)
	for number := 1; ; number++ {
		if id := plainLine(lines); id != nil {
			if err := l.take(id); err != nil {
				return nil, err
			}
			_, _ = lines.Discard(plainLength) // it is in the buffer
			continue
		}
		line, err := nextLine(lines)
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return nil, fmt.Errorf("cannot read the list of customers at line %d: %w", number, err)
		}
		if number == 1 {
			if line = bytes.TrimPrefix(line, []byte("\ufeff")); len(line) == 0 && ended {
				return nil, errors.New("it is empty: is it still being written? A comment is enough for a list of nobody")
			}
		}
		if err := l.add(number, line, ended); err != nil {
			return nil, err
		}
		if ended {
			break
		}
	}
	if !l.any && len(l.bad) > 0 {
		return nil, fmt.Errorf("none of its lines is a customer's id (a UUID); %s", l.bad[0])
	}
	return l.bad, nil
}

// list is a list of customers as far as it has been read.
type list struct {
	visit func(id []byte) error
	// any is set once there has been an id.
	any bool
	bad []BadLine
}

// add takes a line. The last one has no line end.
func (l *list) add(number int, line []byte, last bool) error {
	const most = 64
	if !utf8.Valid(line) || bytes.IndexByte(line, 0) >= 0 {
		return fmt.Errorf("line %d is not text", number)
	}
	text, _, _ := bytes.Cut(line, []byte("#"))
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return nil
	}
	if id, err := uuid.ParseBytes(text); err == nil && len(text) == idLength {
		return l.take([]byte(id.String()))
	}
	if last {
		return fmt.Errorf("line %d breaks off after %q: is it still being written?", number, httpx.OneLine(string(text), most))
	}
	l.bad = append(l.bad, BadLine{Number: number, Text: httpx.OneLine(string(text), most)})
	return nil
}

func (l *list) take(id []byte) error {
	l.any = true
	return l.visit(id)
}

// plainLine gives the next line, which stays the next one, where it is nothing but an
// id as preauth.ParseID spells it. Most are, and take no detour.
func plainLine(lines *bufio.Reader) []byte {
	if lines.Buffered() < plainLength {
		return nil
	}
	line, _ := lines.Peek(plainLength) // it is in the buffer
	if id := line[:idLength]; line[idLength] == '\n' && isID(id) {
		return id
	}
	return nil
}

// nextLine gives a line without its end, valid until the next one. Of one that is
// too long it gives the beginning, which is no id, and reads over the rest.
func nextLine(lines *bufio.Reader) ([]byte, error) {
	line, err := lines.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line = bytes.Clone(line)
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = lines.ReadSlice('\n')
	}
	return bytes.TrimRight(line, "\r\n"), err
}
