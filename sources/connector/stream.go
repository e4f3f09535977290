package connector

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
)

// Limits that keep memory bounded while a reply of any size is read.
const (
	// maxValueBytes is the most that one value of a reply may have, an entry of its
	// list included. A real one has a few hundred bytes, or a few thousand.
	maxValueBytes = 1 << 20
	maxDepth      = 100
	maxProperties = 1000
)

// ration is a reader that gives out a limited number of bytes for each value, so
// that a single one cannot make the decoder buffer a whole hostile reply.
type ration struct {
	r    io.Reader
	left int
}

// Read passes on at most what is left of the ration.
func (r *ration) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, fmt.Errorf("%w: a single value has more than %d bytes", httpx.ErrBodyTooLarge, maxValueBytes)
	}
	n, err := r.r.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

// stream reads a reply token by token.
type stream struct {
	dec    *json.Decoder
	ration *ration
}

func newStream(r io.Reader) *stream {
	limited := &ration{r: r}
	return &stream{dec: json.NewDecoder(limited), ration: limited}
}

func (s *stream) token() (json.Token, error) {
	s.ration.left = maxValueBytes
	token, err := s.dec.Token()
	return token, whole(err)
}

func (s *stream) value() (json.RawMessage, error) {
	s.ration.left = maxValueBytes
	var raw json.RawMessage
	err := s.dec.Decode(&raw)
	return raw, whole(err)
}

// skip reads over one value, however large, and keeps nothing of it.
func (s *stream) skip() error {
	for depth := 0; ; {
		token, err := s.token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		if depth > maxDepth {
			return fmt.Errorf("nested more than %d deep", maxDepth)
		}
	}
}

// more looks ahead, within the ration, whether the object or array goes on.
func (s *stream) more() bool {
	s.ration.left = maxValueBytes
	return s.dec.More()
}

// readReply reads a reply: an object with a list, whose entries are handed over
// one after the other. Of its other properties it returns those wanted; unknown
// ones may come at any time (vendor's docs). An error means that the reply as a
// whole is unusable, and with it the entries that were handed over: cut short, no
// object, without the list, one property twice, or followed by something else. It
// wraps httpx.ErrBodyTooLarge when it is too large.
func readReply(r io.Reader, list string, entry func(json.RawMessage), wanted ...string) (map[string]json.RawMessage, error) {
	s := newStream(r)
	opening, err := s.token()
	if err != nil {
		return nil, fmt.Errorf("the reply is not JSON: %w", err)
	}
	if opening != json.Delim('{') {
		return nil, errors.New("the reply is not a JSON object")
	}
	found, err := s.properties(list, entry, wanted)
	if err != nil {
		return nil, fmt.Errorf("the reply cannot be used: %w", err)
	}
	s.ration.left = maxValueBytes
	if err := closeObject(s.dec); err != nil {
		return nil, fmt.Errorf("the reply cannot be used: %w", err)
	}
	return found, nil
}

func (s *stream) properties(list string, entry func(json.RawMessage), wanted []string) (map[string]json.RawMessage, error) {
	found, seen := map[string]json.RawMessage{}, map[string]bool{}
	for s.more() {
		token, err := s.token()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string)
		if seen[key] {
			return nil, fmt.Errorf("it has the property %q twice", httpx.OneLine(key, maxState))
		}
		if seen[key] = true; len(seen) > maxProperties {
			return nil, fmt.Errorf("it has more than %d properties", maxProperties)
		}
		switch {
		case key == list:
			err = s.entries(list, entry)
		case slices.Contains(wanted, key):
			found[key], err = s.value()
		default:
			err = s.skip()
		}
		if err != nil {
			return nil, err
		}
	}
	if !seen[list] {
		return nil, fmt.Errorf("it has no %s", list)
	}
	return found, nil
}

func (s *stream) entries(list string, entry func(json.RawMessage)) error {
	opening, err := s.token()
	if err != nil {
		return err
	}
	if opening != json.Delim('[') {
		return fmt.Errorf("its %s are not a list", list)
	}
	for s.more() {
		raw, err := s.value()
		if err != nil {
			return err
		}
		entry(raw)
	}
	_, err = s.token()
	return err
}
