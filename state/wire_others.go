package state

import (
	"slices"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

type wireCycle struct {
	CycleID  string     `cbor:"1,keyasint,omitempty"`
	Started  int64      `cbor:"2,keyasint,omitempty"`
	Finished int64      `cbor:"3,keyasint,omitempty"`
	OK       bool       `cbor:"4,keyasint,omitempty"`
	Error    string     `cbor:"5,keyasint,omitempty"`
	Fuse     bool       `cbor:"6,keyasint,omitempty"`
	Counts   wireCounts `cbor:"7,keyasint"`
}

type wireCounts struct {
	Polled   int `cbor:"1,keyasint,omitempty"`
	Created  int `cbor:"2,keyasint,omitempty"`
	Captured int `cbor:"3,keyasint,omitempty"`
	Adopted  int `cbor:"4,keyasint,omitempty"`
	Parked   int `cbor:"5,keyasint,omitempty"`
	Released int `cbor:"6,keyasint,omitempty"`
	Skipped  int `cbor:"7,keyasint,omitempty"`
	Failed   int `cbor:"8,keyasint,omitempty"`
}

type wireProperty struct {
	Revision             uint64     `cbor:"1,keyasint"`
	Name                 string     `cbor:"2,keyasint,omitempty"`
	Sink                 string     `cbor:"3,keyasint,omitempty"`
	Cycle                uint64     `cbor:"4,keyasint,omitempty"`
	FirstRunDone         bool       `cbor:"5,keyasint,omitempty"`
	LastCycle            *wireCycle `cbor:"6,keyasint,omitempty"`
	ObservedSince        int64      `cbor:"7,keyasint,omitempty"`
	ObservedFirstRunDone bool       `cbor:"8,keyasint,omitempty"`
	HeldFrom             int64      `cbor:"9,keyasint,omitempty"`

	Unlisted *wireUnlisted `cbor:"10,keyasint,omitempty"`
}

type wireUnlisted struct {
	List      []byte `cbor:"1,keyasint"`
	Revision  uint64 `cbor:"2,keyasint,omitempty"`
	Customers []byte `cbor:"3,keyasint,omitempty"` // 16 bytes each
}

func toWireProperty(p plan.Property) (wireProperty, error) {
	w := wireProperty{
		Revision: p.Revision, Name: p.Name, Sink: p.Sink, Cycle: p.Cycle, FirstRunDone: p.FirstRunDone,
		ObservedSince: toMillis(p.ObservedSince), ObservedFirstRunDone: p.ObservedFirstRunDone,
		HeldFrom: toMillis(p.HeldFrom),
	}
	if c := p.LastCycle; c != nil {
		w.LastCycle = &wireCycle{
			CycleID: c.CycleID, Started: toMillis(c.Started), Finished: toMillis(c.Finished),
			OK: c.OK, Error: c.Error, Fuse: c.Fuse, Counts: wireCounts(c.Counts),
		}
	}
	if u := p.Unlisted; u != nil {
		w.Unlisted = &wireUnlisted{List: u.List[:], Revision: u.Revision}
		for _, each := range u.Customers {
			id, err := idKey(each)
			if err != nil {
				return w, err
			}
			w.Unlisted.Customers = append(w.Unlisted.Customers, id...)
		}
	}
	return w, nil
}

func fromWireProperty(enterprise preauth.ID, w wireProperty) (plan.Property, error) {
	var faults wireFaults
	p := plan.Property{
		Enterprise: enterprise, Revision: w.Revision, Name: w.Name, Sink: w.Sink, Cycle: w.Cycle,
		FirstRunDone: w.FirstRunDone, ObservedSince: fromMillis(w.ObservedSince), ObservedFirstRunDone: w.ObservedFirstRunDone,
		HeldFrom: fromMillis(w.HeldFrom),
	}
	if c := w.LastCycle; c != nil {
		p.LastCycle = &plan.CycleReport{
			CycleID: c.CycleID, Started: fromMillis(c.Started), Finished: fromMillis(c.Finished),
			OK: c.OK, Error: c.Error, Fuse: c.Fuse, Counts: plan.Counts(c.Counts),
		}
	}
	if u := w.Unlisted; u != nil {
		p.Unlisted = &plan.Unlisted{List: faults.sum(u.List), Revision: u.Revision}
		for id := range slices.Chunk(u.Customers, idLength) {
			p.Unlisted.Customers = append(p.Unlisted.Customers, faults.id(id))
		}
	}
	return p, faults.err
}

type wireCandidate struct {
	ID       []byte `cbor:"1,keyasint,omitempty"`
	Identity int64  `cbor:"2,keyasint,omitempty"`
	Token    string `cbor:"3,keyasint,omitempty"`
	Replied  int64  `cbor:"4,keyasint,omitempty"`
}

type wireSink struct {
	Revision         uint64         `cbor:"1,keyasint"`
	Listed           bool           `cbor:"2,keyasint,omitempty"`
	TokensAtCreation bool           `cbor:"3,keyasint,omitempty"`
	Proof            uint8          `cbor:"4,keyasint,omitempty"`
	Candidate        *wireCandidate `cbor:"5,keyasint,omitempty"`
	Outage           bool           `cbor:"6,keyasint,omitempty"`
	Address          string         `cbor:"7,keyasint,omitempty"`
}

func toWireSink(s plan.Sink) (wireSink, error) {
	w := wireSink{
		Revision: s.Revision, Listed: s.Listed, TokensAtCreation: s.TokensAtCreation,
		Proof: uint8(s.Proof), Outage: s.Outage, Address: s.Address,
	}
	if c := s.Candidate; c != nil {
		id, err := toWireID(c.ID)
		if err != nil {
			return wireSink{}, err
		}
		w.Candidate = &wireCandidate{ID: id, Identity: c.Identity, Token: c.Token, Replied: toMillis(c.Replied)}
	}
	return w, nil
}

func fromWireSink(name string, w wireSink) (plan.Sink, error) {
	var faults wireFaults
	s := plan.Sink{
		Name: name, Revision: w.Revision, Listed: w.Listed, TokensAtCreation: w.TokensAtCreation,
		Proof: plan.Proof(w.Proof), Outage: w.Outage, Address: w.Address,
	}
	if w.Proof > uint8(plan.ProofNotKept) {
		faults.fault("unknown proof %d", w.Proof)
	}
	if c := w.Candidate; c != nil {
		s.Candidate = &plan.Candidate{
			ID: faults.id(c.ID), Identity: c.Identity, Token: c.Token, Replied: fromMillis(c.Replied),
		}
	}
	return s, faults.err
}

type wireHold struct {
	Identity        int64  `cbor:"1,keyasint"`
	PaymentMethodID int64  `cbor:"2,keyasint,omitempty"`
	Amount          string `cbor:"3,keyasint"`
	Token           string `cbor:"4,keyasint,omitempty"`
	CreatedByUserID int64  `cbor:"5,keyasint,omitempty"`
}

type wireToken struct {
	// Token is set when the key does not hold it (longToken).
	Token   string     `cbor:"1,keyasint,omitempty"`
	Holds   []wireHold `cbor:"2,keyasint,omitempty"`
	Foreign bool       `cbor:"3,keyasint,omitempty"`
}

func toWireToken(t plan.Token) wireToken {
	w := wireToken{Foreign: t.Foreign}
	if len(t.Token) > longToken {
		w.Token = t.Token
	}
	for _, h := range t.Holds {
		each := wireHold{
			Identity: h.Identity, PaymentMethodID: h.PaymentMethodID, Amount: h.Amount.String(),
			CreatedByUserID: h.CreatedByUserID,
		}
		if h.Token != t.Token {
			each.Token = h.Token
		}
		w.Holds = append(w.Holds, each)
	}
	return w
}

func fromWireToken(sink, token string, w wireToken) (plan.Token, error) {
	var faults wireFaults
	if w.Token != "" {
		token = w.Token
	}
	t := plan.Token{Sink: sink, Token: token, Foreign: w.Foreign}
	for _, h := range w.Holds {
		each := preauth.Hold{
			Identity: h.Identity, PaymentMethodID: h.PaymentMethodID, Amount: faults.amount(h.Amount),
			Token: token, CreatedByUserID: h.CreatedByUserID,
		}
		if h.Token != "" {
			each.Token = h.Token
		}
		t.Holds = append(t.Holds, each)
	}
	return t, faults.err
}

// wireTally has nothing that is zero.
type wireTally struct {
	Phases        map[uint8]int     `cbor:"1,keyasint,omitempty"`
	Parked        map[string]int    `cbor:"2,keyasint,omitempty"`
	ParkedAmounts map[string]string `cbor:"3,keyasint,omitempty"`
	Held          map[string]string `cbor:"4,keyasint,omitempty"`
	Awaiting      map[string]string `cbor:"5,keyasint,omitempty"`
}

func toWireTally(t plan.Tally) wireTally {
	w := wireTally{
		Phases: make(map[uint8]int), Parked: make(map[string]int), ParkedAmounts: toWireAmounts(t.ParkedAmounts),
		Held: toWireAmounts(t.Held), Awaiting: toWireAmounts(t.Awaiting),
	}
	for phase, n := range t.Phases {
		w.Phases[uint8(phase)] = n
	}
	for reason, n := range t.Parked {
		w.Parked[string(reason)] = n
	}
	return w
}

func toWireAmounts(amounts map[string]decimal.Decimal) map[string]string {
	w := make(map[string]string, len(amounts))
	for currency, amount := range amounts {
		w[currency] = amount.String()
	}
	return w
}

func fromWireTally(w wireTally) (plan.Tally, error) {
	var faults wireFaults
	t := newTally()
	for phase, n := range w.Phases {
		t.Phases[faults.phase(phase)] = faults.count(n)
	}
	for reason, n := range w.Parked {
		t.Parked[plan.Reason(reason)] = faults.count(n)
	}
	faults.amounts(t.ParkedAmounts, w.ParkedAmounts)
	faults.amounts(t.Held, w.Held)
	faults.amounts(t.Awaiting, w.Awaiting)
	return t, faults.err
}

func (f *wireFaults) amounts(to map[string]decimal.Decimal, from map[string]string) {
	for currency, amount := range from {
		to[currency] = f.amount(amount)
	}
}

// wireFile is what the file says of itself, beside its application and schema.
type wireFile struct {
	ID               string `cbor:"1,keyasint"`
	Created          int64  `cbor:"2,keyasint"`
	Generation       uint64 `cbor:"3,keyasint,omitempty"`
	ConnectorAddress string `cbor:"4,keyasint,omitempty"`
	SinkAddress      string `cbor:"5,keyasint,omitempty"`
	// Older is a sentence: why the file may be older than the world.
	Older string `cbor:"6,keyasint,omitempty"`
	// Backup is when 'state backup' made this copy, 0 for a file that is none.
	Backup int64 `cbor:"7,keyasint,omitempty"`
	// Pruned is how many journal lines compactions have left out, since schema 3.
	Pruned uint64 `cbor:"8,keyasint,omitempty"`
}
