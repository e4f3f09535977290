package connector

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"io"
	"slices"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// listName is the list of a reply of getAllByCustomers.
const listName = "Preauthorizations"

// decoded is what a reply says about the customers that were asked for.
type decoded struct {
	asked []preauth.ID
	texts *texts
	// shown are the entries with an Id, in their order.
	shown []preauth.Preauthorization
	// contradicting are the Ids of those that say two different things of themselves.
	contradicting map[preauth.ID]bool
	// incomplete says of customers why the reply is not complete for them.
	incomplete map[preauth.ID]string
	// lost says why it is not complete for some customer, and which one cannot be
	// told; it is empty otherwise.
	lost string
	// requestID is the API's name for the exchange.
	requestID string
	// fingerprint is the reply's, zero where none was wanted or none can be given;
	// unchanged is set when it is known. Then nothing has been decoded.
	fingerprint preauth.Fingerprint
	unchanged   bool
}

func newDecoded(asked []preauth.ID) *decoded {
	return &decoded{
		asked: asked, texts: newTexts(asked),
		contradicting: map[preauth.ID]bool{}, incomplete: map[preauth.ID]string{},
	}
}

// decodeReply reads a reply of getAllByCustomers: {"Preauthorizations": [...]}
// (seed). An error means that the reply as a whole is unusable, see readReply. The
// customers are distinct, and spelled as preauth.ParseID spells them.
func decodeReply(text []byte, asked []preauth.ID) (*decoded, error) {
	if d, isPlain := decodePlain(text, asked); isPlain {
		return d, nil
	}
	return decodeStream(bytes.NewReader(text), asked)
}

// decodeStream is decodeReply for a reply that need not be in memory.
func decodeStream(r io.Reader, asked []preauth.ID) (*decoded, error) {
	d := newDecoded(asked)
	if _, err := readReply(r, listName, func(raw json.RawMessage) { d.add(parseItem(raw, d.texts)) }); err != nil {
		return nil, err
	}
	return d, nil
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
	if it.contradicts {
		d.contradicting[it.ID] = true
	}
	d.shown = append(d.shown, it.Preauthorization)
}

// refuse finds out whose reply an unusable entry makes incomplete.
func (d *decoded) refuse(it item) {
	customer := it.CustomerID
	if len(d.asked) == 1 {
		customer = d.asked[0]
	}
	if !d.texts.isAsked(customer) {
		d.lost = it.unusable + ", and does not say whose it is"
		return
	}
	d.incomplete[customer] = it.unusable
}

// reply gives what the reply says about the customers it is complete for, and
// the others. Nothing of the others is in it. It is called once.
func (d *decoded) reply() (preauth.Reply, []preauth.RefusedCustomer) {
	reply := preauth.Reply{RequestID: d.requestID}
	var refused []preauth.RefusedCustomer
	if len(d.incomplete) == 0 {
		reply.Customers = d.asked
	}
	for _, customer := range d.asked[len(reply.Customers):] {
		if why, isIncomplete := d.incomplete[customer]; isIncomplete {
			refused = append(refused, preauth.RefusedCustomer{CustomerID: customer, Reason: "the reply is not complete: " + why})
			continue
		}
		reply.Customers = append(reply.Customers, customer)
	}
	d.judge(&reply)
	if len(refused)+len(reply.Conflicting) == 0 && d.isOfTheAsked(reply.Preauthorizations) {
		reply.Fingerprint, reply.Unchanged = d.fingerprint, d.unchanged
	}
	return reply, refused
}

// judge compares the entries that have one Id.
func (d *decoded) judge(reply *preauth.Reply) {
	sorted := byID(d.shown)
	distinct := sorted[:0]
	for rest := sorted; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].ID == rest[0].ID {
			n++
		}
		switch e := rest[:n]; {
		case d.onlyOfIncomplete(e):
		case d.conflicting(e):
			reply.Conflicting = append(reply.Conflicting, e[0].ID)
		default:
			distinct = append(distinct, e[0])
		}
		rest = rest[n:]
	}
	if len(distinct) > 0 {
		reply.Preauthorizations = distinct
	}
}

// byID sorts entries into a slice of its own. Most Ids differ in their first bytes, and
// those are smaller to move and to compare.
func byID(entries []preauth.Preauthorization) []preauth.Preauthorization {
	type place struct {
		beginning uint64
		at        int
	}
	places := make([]place, len(entries))
	for i, each := range entries {
		places[i] = place{beginning: binary.BigEndian.Uint64([]byte(each.ID)), at: i}
	}
	slices.SortFunc(places, func(a, b place) int {
		if a.beginning != b.beginning {
			return cmp.Compare(a.beginning, b.beginning)
		}
		return cmp.Compare(entries[a.at].ID, entries[b.at].ID)
	})
	sorted := make([]preauth.Preauthorization, len(entries))
	for i, each := range places {
		sorted[i] = entries[each.at]
	}
	return sorted
}

// conflicting tells whether entries of one Id differ, or one contradicts itself.
func (d *decoded) conflicting(entries []preauth.Preauthorization) bool {
	differs := func(p preauth.Preauthorization) bool { return !same(p, entries[0]) }
	return d.contradicting[entries[0].ID] || slices.ContainsFunc(entries[1:], differs)
}

func (d *decoded) onlyOfIncomplete(entries []preauth.Preauthorization) bool {
	if len(d.incomplete) == 0 {
		return false
	}
	return !slices.ContainsFunc(entries, func(p preauth.Preauthorization) bool { return d.incomplete[p.CustomerID] == "" })
}

// isOfTheAsked tells whether all of them are customers' who were asked for.
func (d *decoded) isOfTheAsked(all []preauth.Preauthorization) bool {
	return !slices.ContainsFunc(all, func(p preauth.Preauthorization) bool { return !d.texts.isAsked(p.CustomerID) })
}
