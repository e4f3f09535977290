package connector

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// Most replies are plain: an object with the list, whose entries have every property
// once and in its usual spelling. Those are read here, in one pass over their bytes.
// All others are left to decodeStream, and so is every error: where this way and that
// one both give a result, it is the same.

// maxOthers is the most properties that a plain reply has beside its list, and
// usualEntry a little less than what an entry has in bytes.
const (
	maxOthers  = 8
	usualEntry = 300
)

// decodePlain is decodeStream for a plain reply, and tells whether it is one.
func decodePlain(text []byte, asked []preauth.ID) (*decoded, bool) {
	r := plainReader{scanner: scanner{text: text}, decoded: newDecoded(asked)}
	r.shown = make([]preauth.Preauthorization, 0, len(text)/usualEntry)
	r.list(listName, r.entry)
	return r.decoded, !r.odd
}

// list goes over a plain reply and has entry read over each entry. It gives what is
// before the first and after the last of them, with the brackets.
func (s *scanner) list(name string, entry func()) (before, after []byte) {
	var others [][]byte
	s.open('{')
	for s.more('}') {
		if got := s.name(); string(got) != name {
			s.other(got, others)
			others = append(others, got)
			continue
		}
		if before != nil {
			s.giveUp() // it is there twice
		}
		s.open('[')
		before = s.text[:s.at]
		for s.more(']') {
			from := s.at
			if entry(); s.at-from > maxPlainValue {
				s.giveUp()
			}
		}
		after = s.text[s.at-1:]
	}
	if s.peek(); before == nil || s.at < len(s.text) {
		s.giveUp()
	}
	return before, after
}

// other reads over a property beside the list. A plain one has a name that no earlier
// one has, and is a string, true, false or null.
func (s *scanner) other(name []byte, earlier [][]byte) {
	again := func(each []byte) bool { return bytes.Equal(each, name) }
	if len(earlier) == maxOthers || slices.ContainsFunc(earlier, again) || bytes.IndexByte([]byte(`"tfn`), s.peek()) < 0 {
		s.giveUp()
	}
	if len(s.value()) > maxPlainValue {
		s.giveUp()
	}
}

// plainReader reads the entries of a plain reply.
type plainReader struct {
	scanner
	*decoded
}

// entry reads one entry.
func (r *plainReader) entry() {
	var e rawEntry
	r.open('{')
	for r.more('}') {
		switch string(r.name()) {
		case "Id":
			r.once(&e.id)
		case "CustomerId":
			r.once(&e.customer)
		case "CreditCardId":
			r.once(&e.card)
		case "Code":
			r.once(&e.code)
		case "State":
			r.once(&e.state)
		case "IsActive":
			r.once(&e.active)
		case "Amount":
			r.amount(&e)
		default:
			r.skip(0)
		}
	}
	if !r.odd {
		r.add(e.item(r.texts))
	}
}

// once reads a property. Whether two of one name contradict is no plain matter.
func (s *scanner) once(into *json.RawMessage) {
	if *into != nil {
		s.giveUp()
	}
	*into = s.value()
}

// amount reads the Amount, and what is wanted of it.
func (r *plainReader) amount(e *rawEntry) {
	if e.amount != nil {
		r.giveUp()
	}
	if r.peek() != '{' {
		e.amount = r.value()
		return
	}
	from := r.at
	r.open('{')
	for r.more('}') {
		switch string(r.name()) {
		case "Currency":
			r.once(&e.currency)
		case "GrossValue":
			r.once(&e.gross)
		default:
			r.skip(0)
		}
	}
	e.amount = r.text[from:r.at]
}
