package connector

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

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
// their first line. Bad lines do not stop the others. The error is the reader's own.
func ParseCustomers(r io.Reader) (ids []preauth.ID, bad []BadLine, err error) {
	const most = 64
	lines := bufio.NewReaderSize(r, maxLine)
	seen := map[preauth.ID]bool{}
	for number := 1; ; number++ {
		line, err := nextLine(lines)
		if number == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		text, _, _ := strings.Cut(line, "#")
		if text = strings.TrimSpace(text); text != "" {
			id, badID := preauth.ParseID(text)
			switch {
			case badID != nil:
				bad = append(bad, BadLine{Number: number, Text: httpx.OneLine(text, most)})
			case !seen[id]:
				seen[id] = true
				ids = append(ids, id)
			}
		}
		if errors.Is(err, io.EOF) {
			return ids, bad, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("cannot read the list of customers at line %d: %w", number, err)
		}
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
