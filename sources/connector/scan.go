package connector

import (
	"math/bits"
	"slices"
)

// Limits of what is plain, beside maxDepth. They keep it far below maxValueBytes.
const (
	maxPlainSpace = 4 << 10
	maxPlainName  = 256
	maxPlainValue = maxValueBytes / 2
)

// scanner goes over a JSON text in memory, once. It takes what is plain, and gives up
// on the rest, for encoding/json to judge: so it accepts nothing that encoding/json
// refuses, and need not know why.
type scanner struct {
	text []byte
	at   int
	// fresh is set at the beginning of an object or a list, before any comma.
	fresh bool
	// odd is set once the scanner has given up. It then stands at the end.
	odd bool
}

func (s *scanner) giveUp() {
	s.odd, s.at = true, len(s.text)
}

// peek gives the next byte that is no white space, and 0 at the end.
func (s *scanner) peek() byte {
	if s.at < len(s.text) && s.text[s.at] > ' ' {
		return s.text[s.at]
	}
	return s.peekFurther()
}

func (s *scanner) peekFurther() byte {
	for from := s.at; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c != ' ' && c != '\t' && c != '\r' && c != '\n':
			return c
		case s.at-from == maxPlainSpace:
			s.giveUp()
		}
	}
	return 0
}

// open enters an object or a list, by its bracket.
func (s *scanner) open(bracket byte) {
	if s.peek() != bracket {
		s.giveUp()
		return
	}
	s.at++
	s.fresh = true
}

// more tells whether the object or list goes on, and leaves it if it does not.
func (s *scanner) more(bracket byte) bool {
	c := s.peek()
	fresh := s.fresh
	s.fresh = false
	switch {
	case s.odd:
		return false
	case c == bracket:
		s.at++
		return false
	case fresh:
		return true
	case c == ',':
		s.at++
		return true
	default:
		s.giveUp()
		return false
	}
}

// name reads a property's name and the colon. A name with an escape or beyond ASCII is
// not plain: it may be another spelling of one that is.
func (s *scanner) name() []byte {
	if s.peek() != '"' {
		s.giveUp()
		return nil
	}
	from, end := s.at+1, s.ordinaryEnd(s.at+1)
	for end < len(s.text) && kinds[s.text[end]] == ordinary {
		end++
	}
	if s.at = end; s.next() != '"' || end-from > maxPlainName {
		s.giveUp()
		return nil
	}
	s.at++
	if s.peek() != ':' {
		s.giveUp()
		return nil
	}
	s.at++
	return s.text[from:end]
}

// value reads over one value and gives it as it is spelled.
func (s *scanner) value() []byte {
	s.peek()
	from := s.at
	s.skip(0)
	return s.text[from:s.at]
}

// skip reads over one value.
func (s *scanner) skip(depth int) {
	switch c := s.peek(); c {
	case '"':
		s.skipString()
	case '{', '[':
		if depth >= maxDepth {
			s.giveUp()
			return
		}
		s.open(c)
		for s.more(c + 2) { // in ASCII a closing bracket is two after its opening one
			if c == '{' {
				s.name()
			}
			s.skip(depth + 1)
		}
	case 't':
		s.skipWord("true")
	case 'f':
		s.skipWord("false")
	case 'n':
		s.skipWord("null")
	default:
		s.skipNumber()
	}
}

func (s *scanner) skipWord(word string) {
	if end := s.at + len(word); end <= len(s.text) && string(s.text[s.at:end]) == word {
		s.at = end
		return
	}
	s.giveUp()
}

// kind is what a byte is within a string.
type kind byte

const (
	ordinary kind = iota
	beyondASCII
	quote
	escape
	control
)

//nolint:gochecknoglobals // a constant table
var kinds = func() (table [256]kind) {
	for c := range table {
		switch {
		case c < ' ':
			table[c] = control
		case c == '"':
			table[c] = quote
		case c == '\\':
			table[c] = escape
		case c > '~':
			table[c] = beyondASCII
		}
	}
	return table
}()

func isNotOrdinary(c byte) bool { return kinds[c] != ordinary }

// skipString reads over a string. What it would be as text is not looked into.
func (s *scanner) skipString() {
	for i := s.ordinaryEnd(s.at + 1); i < len(s.text); i = s.ordinaryEnd(i + 1) {
		switch kinds[s.text[i]] {
		case ordinary, beyondASCII:
		case quote:
			s.at = i + 1
			return
		case escape:
			n := escaped(s.text[i+1:])
			if n == 0 {
				s.giveUp()
				return
			}
			i += n
		case control:
			s.giveUp()
			return
		}
	}
	s.giveUp()
}

// ordinaryEnd gives the first place from i on whose byte is not ordinary. The last bytes
// of the text, fewer than wordSize, are left to be looked at one by one.
func (s *scanner) ordinaryEnd(i int) int {
	for ; i+wordSize <= len(s.text); i += wordSize {
		text := word(s.text, i)
		odd := below(text, ' ') | below(text^'"'*everyByte, 1) | below(text^'\\'*everyByte, 1) |
			(text|(text+everyByte))&(highest*everyByte)
		if odd != 0 {
			return i + bits.TrailingZeros64(odd)/wordSize
		}
	}
	return i
}

// escaped gives the length of an escape after its backslash, 0 where it is none.
func escaped(rest []byte) int {
	if len(rest) == 0 {
		return 0
	}
	switch rest[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 1
	case 'u':
		const digits = 4
		if len(rest) > digits && !slices.ContainsFunc(rest[1:1+digits], isNoHexDigit) {
			return 1 + digits
		}
	}
	return 0
}

func isNoHexDigit(c byte) bool {
	return !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f')
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// skipNumber reads over a number.
func (s *scanner) skipNumber() {
	if s.next() == '-' {
		s.at++
	}
	if s.next() == '0' {
		s.at++
	} else {
		s.skipDigits()
	}
	if s.next() == '.' {
		s.at++
		s.skipDigits()
	}
	if s.next()|0x20 == 'e' {
		s.at++
		if c := s.next(); c == '+' || c == '-' {
			s.at++
		}
		s.skipDigits()
	}
}

// next gives the next byte, and 0 at the end.
func (s *scanner) next() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

// skipDigits reads over digits, of which there must be one.
func (s *scanner) skipDigits() {
	from := s.at
	for isDigit(s.next()) {
		s.at++
	}
	if s.at == from {
		s.giveUp()
	}
}
