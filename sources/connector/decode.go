package connector

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
)

// Limits that keep memory bounded while a reply of any size is read.
const (
	// maxValueBytes is the most that one value of a reply may have, an entry of
	// Preauthorizations included. A real one has a few hundred bytes.
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

// decoded is what a reply says about the customers that were asked for.
type decoded struct {
	asked   []preauth.ID
	entries map[preauth.ID]*entry
	// incomplete says of customers why the reply is not complete for them.
	incomplete map[preauth.ID]string
	// lost says why it is not complete for some customer, and which one cannot be
	// told; it is empty otherwise.
	lost string
}

// entry is what a reply says under one Id.
type entry struct {
	preauth.Preauthorization
	conflicting bool
	// customers are all that it was shown under.
	customers []preauth.ID
}

// decodeReply reads a reply of getAllByCustomers: {"Preauthorizations": [...]}
// (seed), where unknown properties may come at any time (vendor's docs). An error
// means that the reply as a whole is unusable: cut short, no object, without
// the list, one property twice, or followed by something else. It wraps
// httpx.ErrBodyTooLarge when it is too large.
func decodeReply(r io.Reader, asked []preauth.ID) (*decoded, error) {
	s := newStream(r)
	opening, err := s.token()
	if err != nil {
		return nil, fmt.Errorf("the reply is not JSON: %w", err)
	}
	if opening != json.Delim('{') {
		return nil, errors.New("the reply is not a JSON object")
	}
	d := &decoded{asked: asked, entries: map[preauth.ID]*entry{}, incomplete: map[preauth.ID]string{}}
	if err := d.readProperties(s); err != nil {
		return nil, fmt.Errorf("the reply cannot be used: %w", err)
	}
	s.ration.left = maxValueBytes
	if err := closeObject(s.dec); err != nil {
		return nil, fmt.Errorf("the reply cannot be used: %w", err)
	}
	return d, nil
}

func (d *decoded) readProperties(s *stream) error {
	const list = "Preauthorizations"
	seen := map[string]bool{}
	for s.more() {
		token, err := s.token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		if seen[key] {
			return fmt.Errorf("it has the property %q twice", httpx.OneLine(key, maxState))
		}
		if seen[key] = true; len(seen) > maxProperties {
			return fmt.Errorf("it has more than %d properties", maxProperties)
		}
		if key == list {
			err = d.readList(s)
		} else {
			err = s.skip()
		}
		if err != nil {
			return err
		}
	}
	if !seen[list] {
		return fmt.Errorf("it has no %s", list)
	}
	return nil
}

// more looks ahead, within the ration, whether the object or array goes on.
func (s *stream) more() bool {
	s.ration.left = maxValueBytes
	return s.dec.More()
}

func (d *decoded) readList(s *stream) error {
	opening, err := s.token()
	if err != nil {
		return err
	}
	if opening != json.Delim('[') {
		return errors.New("its Preauthorizations are not a list")
	}
	for s.more() {
		raw, err := s.value()
		if err != nil {
			return err
		}
		d.add(parseItem(raw))
	}
	_, err = s.token()
	return err
}

// add takes up one entry. Where the reply names no customer and only one was
// asked for, it is that one's.
func (d *decoded) add(it item) {
	if it.unusable != "" {
		d.refuse(it)
		return
	}
	if it.CustomerID == "" && len(d.asked) == 1 {
		it.CustomerID = d.asked[0]
	}
	known, seen := d.entries[it.ID]
	if !seen {
		known = &entry{Preauthorization: it.Preauthorization}
		d.entries[it.ID] = known
	}
	known.conflicting = known.conflicting || it.contradicts || !same(known.Preauthorization, it.Preauthorization)
	if !slices.Contains(known.customers, it.CustomerID) {
		known.customers = append(known.customers, it.CustomerID)
	}
}

// refuse finds out whose reply an unusable entry makes incomplete.
func (d *decoded) refuse(it item) {
	customer := it.CustomerID
	if len(d.asked) == 1 {
		customer = d.asked[0]
	}
	if !slices.Contains(d.asked, customer) {
		d.lost = it.unusable + ", and does not say whose it is"
		return
	}
	d.incomplete[customer] = it.unusable
}

// reply gives what the reply says about the customers it is complete for, and
// the others. Nothing of the others is in it.
func (d *decoded) reply() (preauth.Reply, []preauth.RefusedCustomer) {
	var reply preauth.Reply
	var refused []preauth.RefusedCustomer
	for _, customer := range d.asked {
		if why, isIncomplete := d.incomplete[customer]; isIncomplete {
			refused = append(refused, preauth.RefusedCustomer{CustomerID: customer, Reason: "the reply is not complete: " + why})
			continue
		}
		reply.Customers = append(reply.Customers, customer)
	}
	for id, e := range d.entries {
		switch {
		case d.onlyOfIncomplete(e):
		case e.conflicting:
			reply.Conflicting = append(reply.Conflicting, id)
		default:
			reply.Preauthorizations = append(reply.Preauthorizations, e.Preauthorization)
		}
	}
	slices.Sort(reply.Conflicting)
	slices.SortFunc(reply.Preauthorizations, byID)
	return reply, refused
}

func (d *decoded) onlyOfIncomplete(e *entry) bool {
	for _, customer := range e.customers {
		if _, isIncomplete := d.incomplete[customer]; !isIncomplete {
			return false
		}
	}
	return true
}
