package telemetry

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"

	"go.uber.org/zap/zapcore"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
)

// shortestSecret is the length in bytes below which a secret is not searched
// for: a password of "1" would make every line unreadable.
const shortestSecret = 4

// Redact replaces the secrets wherever they stand in a line's strings, nested
// ones and errors included. It is the last defence: no line should contain one
// in the first place. Secrets shorter than 4 bytes are not searched for.
func Redact(secrets ...httpx.Secret) Option {
	return func(s *settings) {
		for _, secret := range secrets {
			if len(secret.Reveal()) >= shortestSecret {
				s.secrets = append(s.secrets, secret.Spellings()...)
			}
		}
	}
}

// spellings are those of all secrets.
type spellings struct {
	// forms begin with the longest: where one secret begins with another, both go.
	forms    []string
	replacer *strings.Replacer
	// begins has a bit for each form's first bytes, so that what holds none of them is
	// soon done with. Where short is set there is a form that has not enough of them.
	begins [1 << slotBits / 64]uint64
	short  bool
}

const (
	// firstBytes are looked at together.
	firstBytes = 4
	slotBits   = 16
)

func newSpellings(forms []string) *spellings {
	slices.SortStableFunc(forms, func(a, b string) int { return len(b) - len(a) })
	s := &spellings{forms: forms}
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range forms {
		pairs = append(pairs, form, httpx.Redacted)
		if len(form) < firstBytes {
			s.short = true
			continue
		}
		slot := slotOf([]byte(form))
		s.begins[slot/64] |= 1 << (slot % 64)
	}
	s.replacer = strings.NewReplacer(pairs...)
	return s
}

// slotOf spreads texts over the bits by their first bytes (Knuth's multiplicative hash).
func slotOf(text []byte) uint32 {
	const spread = 2654435761
	return binary.LittleEndian.Uint32(text) * spread >> (32 - slotBits)
}

// in tells whether a text holds one of them, as it stands.
func (s *spellings) in(text []byte) bool {
	if s.short {
		return true // to be on the safe side
	}
	for ; len(text) >= firstBytes; text = text[1:] {
		slot := slotOf(text)
		if s.begins[slot/64]&(1<<(slot%64)) != 0 && slices.ContainsFunc(s.forms, func(form string) bool {
			return len(text) >= len(form) && string(text[:len(form)]) == form
		}) {
			return true
		}
	}
	return false
}

// redactor sees every finished line before it is written.
type redactor struct {
	out     zapcore.WriteSyncer
	secrets *spellings
	redact  func(line []byte, secrets *spellings) []byte
}

// Write writes the redacted line and reports the length of the given one.
func (r *redactor) Write(line []byte) (int, error) {
	if _, err := r.out.Write(r.redact(line, r.secrets)); err != nil {
		return 0, err
	}
	return len(line), nil
}

// Sync is handed on.
func (r *redactor) Sync() error { return r.out.Sync() }

// redactLine treats the line as plain text.
func redactLine(line []byte, secrets *spellings) []byte {
	if !secrets.in(line) {
		return line
	}
	return []byte(secrets.replacer.Replace(string(line)))
}

// redactJSON treats the line's string values one by one, so that it stays the
// JSON object that it was: keys, numbers and the escapes within strings are safe
// from a secret that looks like them.
func redactJSON(line []byte, secrets *spellings) []byte {
	if bytes.IndexByte(line, '\\') < 0 && !secrets.in(line) {
		return line // without escapes each value stands there as it is
	}
	var fresh []byte // stays nil until something has to change
	var key string
	written, depth := 0, 0
	for at := 0; at < len(line); {
		if line[at] != '"' {
			depth += nesting(line[at])
			at++
			continue
		}
		end := stringEnd(line, at)
		if end < len(line) && line[end] == ':' {
			key = string(line[at:end])
			at = end
			continue
		}
		if clean, changed := redactLiteral(line[at:end], secrets.replacer); changed && (depth > 1 || !ours(key)) {
			fresh = append(append(fresh, line[written:at]...), clean...)
			written = end
		}
		at = end
	}
	if fresh == nil {
		return line
	}
	return append(fresh, line[written:]...)
}

// nesting tells how many levels deeper a character outside of strings leads.
func nesting(c byte) int {
	switch c {
	case '{', '[':
		return 1
	case '}', ']':
		return -1
	default:
		return 0
	}
}

// ours tells whether the values of a line's own key are this program's own words, which a
// password chosen from a dictionary must not spoil.
func ours(key string) bool { return key == `"ts"` || key == `"level"` || key == `"event"` }

// stringEnd gives the index behind the string literal that begins at from.
func stringEnd(line []byte, from int) int {
	for at := from + 1; at < len(line); at++ {
		switch line[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(line)
}

func redactLiteral(literal []byte, secrets *strings.Replacer) (clean []byte, changed bool) {
	var text string
	if bytes.IndexByte(literal, '\\') < 0 && len(literal) >= 2 {
		text = string(literal[1 : len(literal)-1])
	} else if err := json.Unmarshal(literal, &text); err != nil {
		return literal, false
	}
	replaced := secrets.Replace(text)
	if replaced == text {
		return literal, false
	}
	encoded, err := json.Marshal(replaced)
	if err != nil {
		encoded = []byte(`"` + httpx.Redacted + `"`)
	}
	return encoded, true
}
