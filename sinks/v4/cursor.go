package v4

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// cursor takes a JSON text apart that json.Valid has found to be one. So it looks for
// no more than where each part ends, and never runs past the end of the text.
type cursor struct {
	text []byte
	at   int
}

// past skips white space, and what is given where that comes next; it tells whether it did.
func (c *cursor) past(mark byte) bool {
	c.space()
	if c.text[c.at] != mark {
		return false
	}
	c.at++
	return true
}

// value takes the next value as it stands. It is part of the text, and no copy.
func (c *cursor) value() json.RawMessage {
	c.space()
	from := c.at
	switch c.text[c.at] {
	case '"':
		c.quoted()
	case '{', '[':
		c.nested()
	default:
		c.scalar()
	}
	return c.text[from:c.at]
}

func (c *cursor) space() {
	for isSpace(c.text[c.at]) {
		c.at++
	}
}

func isSpace(b byte) bool { return b == ' ' || b == '\n' || b == '\r' || b == '\t' }

func (c *cursor) quoted() {
	for c.at++; c.text[c.at] != '"'; c.at++ {
		if c.text[c.at] == '\\' {
			c.at++
		}
	}
	c.at++
}

func (c *cursor) nested() {
	for depth := 0; ; {
		switch c.text[c.at] {
		case '"':
			c.quoted()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if c.at++; depth == 0 {
			return
		}
	}
}

// scalar takes a number, true, false or null, which has a mark or white space behind it.
func (c *cursor) scalar() {
	for b := c.text[c.at]; b != ',' && b != '}' && b != ']' && !isSpace(b); b = c.text[c.at] {
		c.at++
	}
}

// unquote gives the text of a valid string literal, as encoding/json does. It may be a
// part of the literal.
func unquote(literal json.RawMessage) ([]byte, error) {
	if literal[0] == '"' && bytes.IndexByte(literal, '\\') < 0 && utf8.Valid(literal) {
		return literal[1 : len(literal)-1], nil
	}
	var text string
	err := json.Unmarshal(literal, &text)
	return []byte(text), err
}

// isLower tells whether a text is ASCII without capitals.
func isLower(text []byte) bool {
	for _, c := range text {
		if c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// appendLower appends a text as strings.ToLower gives it, without garbage where it is ASCII.
func appendLower[T string | []byte](to []byte, text T) []byte {
	begun := len(to)
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= utf8.RuneSelf:
			return append(to[:begun], strings.ToLower(string(text))...)
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		to = append(to, c)
	}
	return to
}
