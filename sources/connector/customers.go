package connector

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

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

// maxLine is the most that is read of one line; real ones have 36 characters and a comment.
const maxLine = 64 << 10

// ParseCustomers reads a list of customers: one id a line, in any letter case;
// blank lines and what follows a # are left out. The ids come in the order of
// their first line. Bad lines do not stop the others.
//
// The error is the reader's own, or says that this is no such list, or only the
// beginning of one: it is empty, it is not text, none of its lines is an id, or
// it breaks off in the middle of one.
func ParseCustomers(r io.Reader) (ids []preauth.ID, bad []BadLine, err error) {
	seen := map[preauth.ID]bool{}
	bad, err = EachCustomer(r, func(id preauth.ID) error {
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return ids, bad, nil
}

// EachCustomer is ParseCustomers for a list that need not be in memory: it hands
// the ids over as they come, with their repetitions, before it is known whether the
// list can be used. An error of visit ends it and is returned.
func EachCustomer(r io.Reader, visit func(preauth.ID) error) (bad []BadLine, err error) {
	l := list{visit: visit}
	lines := bufio.NewReaderSize(r, maxLine)
	for number := 1; ; number++ {
		line, err := nextLine(lines)
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return nil, fmt.Errorf("cannot read the list of customers at line %d: %w", number, err)
		}
		if number == 1 {
			if line = strings.TrimPrefix(line, "\ufeff"); line == "" && ended {
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
	visit func(preauth.ID) error
	// any is set once there has been an id.
	any bool
	bad []BadLine
}

// add takes a line. The last one has no line end.
func (l *list) add(number int, line string, last bool) error {
	const most = 64
	if !utf8.ValidString(line) || strings.ContainsRune(line, 0) {
		return fmt.Errorf("line %d is not text", number)
	}
	text, _, _ := strings.Cut(line, "#")
	if text = strings.TrimSpace(text); text == "" {
		return nil
	}
	id, err := preauth.ParseID(text)
	switch {
	case err != nil && last:
		return fmt.Errorf("line %d breaks off after %q: is it still being written?", number, httpx.OneLine(text, most))
	case err != nil:
		l.bad = append(l.bad, BadLine{Number: number, Text: httpx.OneLine(text, most)})
		return nil //nolint:nilerr // a bad line does not stop the others
	default:
		l.any = true
		return l.visit(id)
	}
}

// nextLine gives a line without its end. Of one that is too long it gives the
// beginning, which is no id, and reads over the rest.
func nextLine(lines *bufio.Reader) (string, error) {
	line, err := lines.ReadSlice('\n')
	text := string(bytes.TrimRight(line, "\r\n"))
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = lines.ReadSlice('\n')
	}
	return text, err
}
