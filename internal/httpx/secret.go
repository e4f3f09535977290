package httpx

import (
	"cmp"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Redacted is what stands in every output where a secret would have stood.
const Redacted = "[redacted]"

// Secret is a token or a password. Only Reveal gives its text: every way of
// formatting or encoding one gives Redacted, or nothing when it is empty. The
// zero value is the empty secret.
type Secret struct {
	// Pointers, because fmt prints unexported fields of a surrounding struct by
	// reflection, past all methods: of these it prints the address.
	text *string
	// spellings works them out once: every reply is searched for them.
	spellings *func() []string
}

// NewSecret wraps a text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	spellings := sync.OnceValue(func() []string { return spell(text) })
	return Secret{text: &text, spellings: &spellings}
}

// Reveal gives the text itself. It is for building requests, nothing else.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty tells whether there is no text.
func (s Secret) Empty() bool { return s.text == nil }

// Equal compares two secrets in constant time for a given length.
func (s Secret) Equal(o Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(o.Reveal())) == 1
}

// String gives Redacted, or "" for the empty secret.
func (s Secret) String() string {
	if s.Empty() {
		return ""
	}
	return Redacted
}

// GoString gives what String gives, for %#v.
func (s Secret) GoString() string { return s.String() }

// Format gives what String gives, whatever the verb and its flags.
func (s Secret) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, s.String()) // fmt offers no way to hand the error on
}

// MarshalText gives what String gives. It never fails.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON gives what String gives, as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// MarshalYAML gives what String gives. It never fails.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// Redact replaces every occurrence of the secrets in a text, in all of their
// Spellings. It is for texts that a server wrote: some echo what they were sent.
func Redact(text string, secrets ...Secret) string {
	for _, secret := range secrets {
		for _, spelling := range secret.Spellings() {
			text = strings.ReplaceAll(text, spelling, Redacted)
		}
	}
	return text
}

// Spellings lists the forms that the secret may take in a text: plain, in lower and
// in upper case, and as it stands inside JSON, Go quotes, form values, addresses and
// HTML, or by itself in base64 of either alphabet, padded or not. None is twice in it,
// and the longest come first, so that one which is part of another does not hide it. The
// empty secret has none. The caller changes nothing in it.
func (s Secret) Spellings() []string {
	if s.Empty() {
		return nil
	}
	return (*s.spellings)()
}

func spell(plain string) []string {
	quoted := strconv.Quote(plain)
	forms := []string{
		plain, strings.ToLower(plain), strings.ToUpper(plain),
		quoted[1 : len(quoted)-1], url.QueryEscape(plain), url.PathEscape(plain),
	}
	if encoded, err := json.Marshal(plain); err == nil {
		forms = append(forms, string(encoded[1:len(encoded)-1]))
	}
	forms = append(forms, htmlSpellings(plain)...)
	for _, encoding := range []*base64.Encoding{
		base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding,
	} {
		forms = append(forms, encoding.EncodeToString([]byte(plain)))
	}
	slices.SortFunc(forms, func(a, b string) int {
		return cmp.Or(len(b)-len(a), strings.Compare(a, b))
	})
	return slices.Compact(forms)
}

// htmlSpellings lists what HTML makes of a text. All write &amp;, &lt; and &gt;, but
// each has its own way with quotes, which need no escape between tags, and with what
// is not ASCII.
func htmlSpellings(plain string) []string {
	var forms []string
	for _, double := range []string{`"`, "&#34;", "&quot;", "&#x22;"} {
		for _, single := range []string{"'", "&#39;", "&apos;", "&#x27;"} {
			escaped := strings.NewReplacer("&#34;", double, "&#39;", single).Replace(html.EscapeString(plain))
			forms = append(forms, escaped,
				numbered(escaped, "&#%d;"), numbered(escaped, "&#x%X;"), numbered(escaped, "&#x%x;"))
		}
	}
	return forms
}

// numbered writes what is not ASCII as a character reference of the given format.
func numbered(text, format string) string {
	var out strings.Builder
	for _, r := range text {
		if r < utf8.RuneSelf {
			out.WriteRune(r)
		} else {
			fmt.Fprintf(&out, format, r)
		}
	}
	return out.String()
}

// OneLine makes a text from outside fit for one line of a log: printable runes
// only, and at most so many bytes of them, with a mark where it was cut.
func OneLine(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(text, ""))
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// redactedError hides secrets in an error's text and keeps its chain.
type redactedError struct {
	err     error
	secrets []Secret
}

// Error gives the wrapped error's text without the secrets.
func (e *redactedError) Error() string { return Redact(e.err.Error(), e.secrets...) }

// Unwrap gives the original, so that errors.Is and errors.As go on working.
func (e *redactedError) Unwrap() error { return e.err }

// RedactError gives an error whose text has every occurrence of the secrets
// replaced; nil stays nil. net/http quotes malformed replies in its errors, and
// a malformed reply may be an echo of the request.
func RedactError(err error, secrets ...Secret) error {
	if err == nil || Redact(err.Error(), secrets...) == err.Error() {
		return err
	}
	return &redactedError{err: err, secrets: secrets}
}
