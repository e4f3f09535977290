package telemetry

import (
	"bytes"
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

// replacer looks for all spellings of all secrets in one pass.
func replacer(forms []string) *strings.Replacer {
	// The longest first: where one secret begins with another, both go.
	slices.SortStableFunc(forms, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range forms {
		pairs = append(pairs, form, httpx.Redacted)
	}
	return strings.NewReplacer(pairs...)
}

// redactor sees every finished line before it is written.
type redactor struct {
	out     zapcore.WriteSyncer
	secrets *strings.Replacer
	redact  func(line []byte, secrets *strings.Replacer) []byte
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
func redactLine(line []byte, secrets *strings.Replacer) []byte {
	return []byte(secrets.Replace(string(line)))
}

// redactJSON treats the line's string values one by one, so that it stays the
// JSON object that it was: keys, numbers and the escapes within strings are safe
// from a secret that looks like them.
func redactJSON(line []byte, secrets *strings.Replacer) []byte {
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
		if clean, changed := redactLiteral(line[at:end], secrets); changed && (depth > 1 || !ours(key)) {
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
