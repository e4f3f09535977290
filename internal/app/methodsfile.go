package app

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/httpx"
)

const (
	// largestMethods bounds a payment methods file, in bytes: about a million lines.
	largestMethods = 64 << 20
	// mostTold is how many of a file's problems one error describes.
	mostTold = 5

	cardColumn   = "credit_card_id"
	methodColumn = "payment_method_id"
)

// readMethods adds a file's entries to those of the configuration.
func readMethods(path string, listed map[string]int64) (map[string]cardMethod, error) {
	content, err := readRegular(path)
	if err != nil {
		return nil, err
	}
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	if err := whole(content); err != nil {
		return nil, err
	}
	file := methodsFile{cards: cardsOf(listed, bytes.Count(content, []byte("\n")))}
	if err := file.parse(content); err != nil {
		return nil, err
	}
	return file.cards, nil
}

// readRegular reads a regular file only: a named pipe would hold up the cycle for ever.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("it is a folder: name the file in it")
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // opened for reading
	var content bytes.Buffer
	content.Grow(int(min(info.Size(), largestMethods)) + bytes.MinRead)
	if _, err := content.ReadFrom(io.LimitReader(file, largestMethods+1)); err != nil {
		return nil, err
	}
	if content.Len() > largestMethods {
		return nil, fmt.Errorf("it is larger than %d MiB", largestMethods>>20)
	}
	return content.Bytes(), nil
}

// whole refuses what looks like a part of a file, or like no text at all. A last
// line without its end can be the beginning of a longer one, which names another
// method: 101 of 1017. A file that was cut between two lines cannot be told from
// a whole one, so whoever writes it should write it aside and rename it.
func whole(content []byte) error {
	if len(bytes.TrimSpace(content)) == 0 {
		return errors.New("it is empty: is it still being written? To name no card, give it the line " + cardColumn + "," + methodColumn)
	}
	number := 0
	for line := range bytes.Lines(content) {
		number++
		switch {
		case bytes.IndexByte(line, 0) >= 0:
			return fmt.Errorf("line %d: has a NUL byte: save the file as CSV in UTF-8", number)
		case !utf8.Valid(line):
			return fmt.Errorf("line %d: is not valid UTF-8: save the file as CSV in UTF-8", number)
		case line[len(line)-1] != '\n':
			return fmt.Errorf("line %d: has no line end: is it still being written? If not, end it with one", number)
		}
	}
	return nil
}

// methodsFile is a payment methods file while it is read.
type methodsFile struct {
	cards map[string]cardMethod
	// told are the first problems; more counts the others.
	told []string
	more int
}

// parse reads every line, so that its error tells of several problems at once.
func (f *methodsFile) parse(content []byte) error {
	lines := csv.NewReader(bytes.NewReader(content))
	lines.Comment, lines.FieldsPerRecord, lines.TrimLeadingSpace, lines.ReuseRecord = '#', -1, true, true
	for first := true; ; {
		fields, err := lines.Read()
		var syntax *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return f.problems()
		case errors.As(err, &syntax):
			f.report(syntax.StartLine, "has a stray quotation mark: an Id needs none")
			first = false
			continue
		case err != nil:
			return err
		}
		if len(fields) == 1 && fields[0] == "" && blank(content[:lines.InputOffset()]) {
			continue
		}
		for i, field := range fields {
			fields[i] = strings.TrimSpace(field)
		}
		if !first || !header(fields) {
			line, _ := lines.FieldPos(0)
			f.entry(line, fields)
		}
		first = false
	}
}

// blank tells whether a text's last line has nothing but spaces. Two quotation marks
// read as the same empty field, but are how some exports write that they had nothing.
func blank(text []byte) bool {
	begin := bytes.LastIndexByte(text[:len(text)-1], '\n') + 1
	return len(bytes.TrimSpace(text[begin:])) == 0
}

func header(fields []string) bool {
	return len(fields) == 2 && strings.EqualFold(fields[0], cardColumn) && strings.EqualFold(fields[1], methodColumn)
}

// entry takes one line's fields, or reports what is wrong with them.
func (f *methodsFile) entry(line int, fields []string) {
	if len(fields) != 2 {
		f.report(line, fmt.Sprintf("must have 2 fields divided by a comma, %s,%s, not %d", cardColumn, methodColumn, len(fields)))
		return
	}
	card := config.MethodKey(fields[0])
	if problem := unfit(card); problem != "" {
		f.report(line, cardColumn+" "+problem)
		return
	}
	id, err := config.ParseMethodID(fields[1])
	if err != nil {
		f.report(line, fmt.Sprintf("%s must be a whole number above zero, in plain digits, not %q", methodColumn, shown(fields[1])))
		return
	}
	before, twice := f.cards[card]
	switch {
	case !twice:
		f.cards[card] = cardMethod{id, line}
	case before.id == id:
	case before.line == 0:
		f.report(line, fmt.Sprintf("card %q is mapped to %d here and to %d under payment_methods.credit_cards: leave one of them", shown(card), id, before.id))
	default:
		f.report(line, fmt.Sprintf("card %q is mapped to %d here and to %d in line %d: leave one of them", shown(card), id, before.id, before.line))
	}
}

// unfit tells what is wrong with a card's id that no card of the PMS's can have:
// its entry would never be found, and default would step in for the card that was
// meant. It is "" when nothing is wrong.
func unfit(card string) string {
	if card == "" {
		return "must not be empty"
	}
	if id, err := uuid.Parse(card); err == nil {
		if id.String() != card {
			return "must be in the PMS's own spelling: write " + id.String()
		}
		return ""
	}
	if almostUUID(card) {
		return fmt.Sprintf("%q looks like a mistyped UUID: copy it from the PMS again", shown(card))
	}
	if strings.ContainsFunc(card, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("{}\"'`", r) }) {
		const most = 64
		return "must be printable ASCII without spaces, braces and quotes, not " + httpx.OneLine(strconv.QuoteToASCII(card), most)
	}
	return ""
}

// almostUUID tells what has the hyphens of a UUID, or about as many digits. That a
// PMS's cards are UUIDs is inferred, so that what is nothing like one is let be.
func almostUUID(card string) bool {
	const hyphens, fewest, most = 4, 30, 34
	digits := 0
	for _, r := range card {
		if strings.ContainsRune("0123456789abcdefABCDEF", r) {
			digits++
		}
	}
	between := strings.Count(card, "-")
	return between == hyphens || digits+between == len(card) && digits >= fewest && digits <= most
}

func (f *methodsFile) report(line int, problem string) {
	if len(f.told) == mostTold {
		f.more++
		return
	}
	f.told = append(f.told, fmt.Sprintf("line %d: %s", line, problem))
}

// problems gives everything reported as one error, nil when there is nothing.
func (f *methodsFile) problems() error {
	if len(f.told) == 0 {
		return nil
	}
	text := strings.Join(f.told, "; ")
	if f.more > 0 {
		text += fmt.Sprintf("; and %d more", f.more)
	}
	return errors.New(text)
}

// shown keeps a field readable in an error, whatever it is.
func shown(field string) string {
	const most = 64
	return httpx.OneLine(field, most)
}
