package connector

import (
	"bufio"
	"bytes"
	"encoding/hex"
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
)

// ParseCustomers reads a list of customers: one id a line, in any letter case;
// blank lines and what follows a # are left out. The ids come sorted, each once.
// They share one text, so that a list of 250,000 takes 13 MiB. Bad lines do not
// stop the others.
//
// The error is the reader's own, or says that this is no such list, or only the
// beginning of one: it is empty, it is not text, none of its lines is an id, or
// it breaks off in the middle of one.
func ParseCustomers(r io.Reader) (ids []preauth.ID, bad []BadLine, err error) {
	var found []uuid.UUID
	bad, err = eachUUID(r, func(id uuid.UUID) error {
		if len(found) == cap(found) { // append would go by quarters, and copy a long list many times
			found = slices.Grow(found, len(found)+1)
		}
		found = append(found, id)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(found, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return spell(slices.Compact(found)), bad, nil
}

// EachCustomer is ParseCustomers for a list that need not be in memory: it hands
// the ids over as they come, with their repetitions, before it is known whether the
// list can be used. An error of visit ends it and is returned.
func EachCustomer(r io.Reader, visit func(preauth.ID) error) (bad []BadLine, err error) {
	return eachUUID(r, func(id uuid.UUID) error { return visit(preauth.ID(id.String())) })
}

// spell gives ids their text: parts of one, since each on its own would take more
// memory, and time to be let go.
func spell(uuids []uuid.UUID) []preauth.ID {
	if len(uuids) == 0 {
		return nil
	}
	var text strings.Builder
	text.Grow(len(uuids) * idLength)
	one := make([]byte, 0, idLength)
	for _, id := range uuids {
		one = hex.AppendEncode(one[:0], id[:4])
		for _, part := range [][]byte{id[4:6], id[6:8], id[8:10], id[10:]} {
			one = hex.AppendEncode(append(one, '-'), part)
		}
		text.Write(one)
	}
	all, ids := preauth.ID(text.String()), make([]preauth.ID, len(uuids))
	for i := range ids {
		ids[i], all = all[:idLength], all[idLength:]
	}
	return ids
}

func eachUUID(r io.Reader, visit func(uuid.UUID) error) (bad []BadLine, err error) {
	l := list{visit: visit}
	lines := bufio.NewReaderSize(r, maxLine)
	for number := 1; ; number++ {
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
	visit func(uuid.UUID) error
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
		l.any = true
		return l.visit(id)
	}
	if last {
		return fmt.Errorf("line %d breaks off after %q: is it still being written?", number, httpx.OneLine(string(text), most))
	}
	l.bad = append(l.bad, BadLine{Number: number, Text: httpx.OneLine(string(text), most)})
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
