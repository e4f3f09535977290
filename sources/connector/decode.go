package connector

import (
	"encoding/json"
	"io"
	"slices"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// decoded is what a reply says about the customers that were asked for.
type decoded struct {
	asked   []preauth.ID
	entries map[preauth.ID]*entry
	// incomplete says of customers why the reply is not complete for them.
	incomplete map[preauth.ID]string
	// lost says why it is not complete for some customer, and which one cannot be
	// told; it is empty otherwise.
	lost string
	// requestID is the API's name for the exchange.
	requestID string
}

// entry is what a reply says under one Id.
type entry struct {
	preauth.Preauthorization
	conflicting bool
	// customers are all that it was shown under.
	customers []preauth.ID
}

// decodeReply reads a reply of getAllByCustomers: {"Preauthorizations": [...]}
// (seed). An error means that the reply as a whole is unusable, see readReply.
func decodeReply(r io.Reader, asked []preauth.ID) (*decoded, error) {
	d := &decoded{asked: asked, entries: map[preauth.ID]*entry{}, incomplete: map[preauth.ID]string{}}
	if _, err := readReply(r, "Preauthorizations", func(raw json.RawMessage) { d.add(parseItem(raw)) }); err != nil {
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
	reply := preauth.Reply{RequestID: d.requestID}
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
