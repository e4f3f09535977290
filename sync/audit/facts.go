package audit

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// What v4 and the PMS show is written down as facts, one entry of a spill each:
// the preauthorization's Id, the kind of fact, and what it says. So they come in
// the order in which the ledger hands over its records.

const idLength = 16

// The kinds of facts.
const (
	// isAbsent: no complete reply for the record's customer shows it.
	isAbsent byte = iota
	// isConflicting: one reply says two things of it.
	isConflicting
	// isHeld: v4 shows a hold for it.
	isHeld
	// isPolled: the PMS shows it.
	isPolled
)

// held is a hold that v4 shows.
type held struct {
	Identity int64           `json:"-"`
	Method   int64           `json:"m,omitempty"`
	Amount   decimal.Decimal `json:"a"`
	// Token is its transactionToken where that has the form of an Id.
	Token preauth.ID `json:"t,omitempty"`
}

func heldOf(h preauth.Hold) held {
	out := held{Identity: h.Identity, Method: h.PaymentMethodID, Amount: h.Amount}
	if preauth.IsUUIDForm(h.Token) {
		out.Token = preauth.ID(h.Token) // the sink's client gives such a one in lower case
	}
	return out
}

// polled is what the PMS shows of a preauthorization.
type polled struct {
	// Property is the index of the one that was asked.
	Property int             `json:"p"`
	Customer preauth.ID      `json:"c,omitempty"`
	Card     string          `json:"k,omitempty"`
	Amount   decimal.Decimal `json:"a"`
	Currency string          `json:"e,omitempty"`
	Fault    string          `json:"f,omitempty"`
	State    preauth.State   `json:"s"`
	Text     string          `json:"x,omitempty"`
	Inactive bool            `json:"i,omitempty"`
	// ReadBefore is set when an earlier cycle has read its customer.
	ReadBefore bool `json:"r,omitempty"`
}

func polledOf(p preauth.Preauthorization, property int, readBefore bool) polled {
	return polled{
		Property: property, Customer: p.CustomerID, Card: p.CardID, Amount: p.Amount.Amount, Currency: p.Amount.Currency,
		Fault: p.AmountFault, State: p.State, Text: p.StateText, Inactive: !p.Active, ReadBefore: readBefore,
	}
}

func (p polled) preauthorization(id preauth.ID) preauth.Preauthorization {
	return preauth.Preauthorization{
		ID: id, CustomerID: p.Customer, CardID: p.Card, Amount: preauth.Money{Amount: p.Amount, Currency: p.Currency},
		AmountFault: p.Fault, State: p.State, StateText: p.Text, Active: !p.Inactive,
	}
}

// same tells whether two replies say the same.
func (p polled) same(other polled) bool {
	amounts := p.Amount.Equal(other.Amount)
	p.Amount, p.ReadBefore = other.Amount, other.ReadBefore
	return amounts && p == other
}

// facts are all that v4 and the PMS show, to be sorted by Id.
type facts struct{ *spill }

// absent notes that the PMS does not show a preauthorization, conflicting that it
// says two things of it.
func (f facts) absent(id preauth.ID) error      { return f.put(id, isAbsent, nil, nil) }
func (f facts) conflicting(id preauth.ID) error { return f.put(id, isConflicting, nil, nil) }

func (f facts) polled(id preauth.ID, p polled) error { return f.put(id, isPolled, nil, p) }

// held notes a hold for a preauthorization, in the order of the identities.
func (f facts) held(id preauth.ID, h held) error {
	return f.put(id, isHeld, binary.BigEndian.AppendUint64(nil, uint64(h.Identity)), h)
}

func (f facts) put(id preauth.ID, kind byte, order []byte, says any) error {
	key, err := idBytes(id)
	if err != nil {
		return err
	}
	if says == nil {
		return f.add(key, []byte{kind})
	}
	text, err := json.Marshal(says)
	if err != nil {
		return fmt.Errorf("writing down what is known of preauthorization %s: %w", id, err)
	}
	return f.add(key, []byte{kind}, order, text)
}

// mostHolds is how many holds of one preauthorization are looked at singly; the
// others are counted.
const mostHolds = 100

// shown is everything v4 and the PMS show of one preauthorization.
type shown struct {
	id preauth.ID
	// holds have distinct identities and are in their order; count counts all of them.
	holds []held
	count int
	// polled is nil when the PMS was not asked, or does not show it.
	polled *polled
	// absent, conflicting and moving say that no complete reply shows it, that one
	// contradicts itself, and that two replies differ.
	absent, conflicting, moving bool
}

// shownReader gives what is shown, by Id.
type shownReader struct {
	facts *merge
	// ahead is the next Id's first fact, nil at the end; id is that Id.
	ahead []byte
	id    preauth.ID
}

func newShownReader(f facts) (*shownReader, error) {
	m, err := f.sorted()
	if err != nil {
		return nil, err
	}
	r := &shownReader{facts: m}
	return r, r.advance()
}

func (r *shownReader) advance() error {
	entry, err := r.facts.next()
	if errors.Is(err, io.EOF) {
		r.ahead, r.id = nil, ""
		return nil
	}
	if err != nil {
		return err
	}
	r.ahead, r.id = entry, idOf(entry)
	return nil
}

// isBefore tells whether something is shown of an Id before the given one; "" comes
// after all.
func (r *shownReader) isBefore(id preauth.ID) bool {
	return r.id != "" && (id == "" || r.id < id)
}

// of gives what is shown of an Id, when it is the next.
func (r *shownReader) of(id preauth.ID) (shown, error) {
	out := shown{id: id}
	var last int64
	for r.id == id {
		kind, says := r.ahead[idLength], r.ahead[idLength+1:]
		var err error
		switch kind {
		case isAbsent:
			out.absent = true
		case isConflicting:
			out.conflicting = true
		case isHeld:
			last, err = out.hold(says, last)
		case isPolled:
			err = out.poll(says)
		}
		if err != nil {
			return out, fmt.Errorf("reading what was written down of preauthorization %s: %w", id, err)
		}
		if err := r.advance(); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (s *shown) poll(says []byte) error {
	var p polled
	if err := json.Unmarshal(says, &p); err != nil {
		return err
	}
	s.moving = s.moving || s.polled != nil && !s.polled.same(p)
	s.polled = &p
	return nil
}

// hold adds one, unless it is the last one again, and gives its identity.
func (s *shown) hold(says []byte, last int64) (int64, error) {
	identity := int64(binary.BigEndian.Uint64(says))
	if identity == last {
		return last, nil
	}
	s.count++
	if len(s.holds) == mostHolds {
		return identity, nil
	}
	h := held{Identity: identity}
	err := json.Unmarshal(says[8:], &h)
	s.holds = append(s.holds, h)
	return identity, err
}

// idBytes gives an Id's 16 bytes, which are in the order of the Ids.
func idBytes(id preauth.ID) ([]byte, error) {
	u, err := uuid.Parse(string(id))
	if err != nil || u.String() != string(id) {
		return nil, fmt.Errorf("%.64q: %w", string(id), preauth.ErrNotUUID)
	}
	return u[:], nil
}

func idOf(bytes []byte) preauth.ID { return preauth.ID(uuid.UUID(bytes[:idLength]).String()) }
