package audit

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// readSink notes every hold that v4 shows, under the preauthorization whose
// identity it is in the ledger, else under the one whose token it carries. What is
// neither is not ours.
func (a *audit) readSink(ctx context.Context) error {
	var broken error
	err := a.Sink.ListAbove(ctx, 0, func(page []preauth.Hold) error {
		broken = a.readHolds(ctx, page)
		return broken
	})
	switch {
	case broken != nil:
		return broken
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		a.unread.add("not everything v4 holds could be read, so nothing is said to be missing there: %v", err)
	default:
		a.listed = true
	}
	return nil
}

func (a *audit) readHolds(ctx context.Context, page []preauth.Hold) error {
	for _, hold := range page {
		a.summary.Holds++
		h := heldOf(hold)
		owner, owned, err := a.Ledger.Owner(ctx, a.SinkName, hold.Identity)
		if err != nil {
			return err
		}
		switch {
		case owned:
			err = a.facts.held(owner, h)
		case h.Token != "":
			err = a.facts.held(h.Token, h)
		default:
			a.summary.Foreign++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A customer to ask for is an entry of a spill: the property's index, the
// customer, and a record that a complete reply must show or 16 zero bytes; then
// whether the customer is to be polled for it.

const (
	notForIt byte = iota
	forIt
)

// readSource notes what the PMS shows of the customers that a cycle would poll.
// Discovery is not asked anew: whom it finds next, the next cycle reads first.
func (a *audit) readSource(ctx context.Context) (err error) {
	customers := a.spill()
	defer func() { err = errors.Join(err, customers.close()) }()
	if err := a.enlist(ctx, customers); err != nil {
		return err
	}
	if err := a.enlistRecords(ctx, customers); err != nil {
		return err
	}
	sorted, err := customers.sorted()
	if err != nil {
		return err
	}
	return a.pollAll(ctx, sorted)
}

// enlist notes whom the configuration lists and discovery has found.
func (a *audit) enlist(ctx context.Context, customers *spill) error {
	none := make([]byte, idLength)
	for i, p := range a.properties {
		if !p.asked {
			continue
		}
		var broken error
		visit := func(id preauth.ID) error {
			key, err := idBytes(id)
			if err == nil {
				err = customers.add(propertyKey(i), key, none, []byte{forIt})
			}
			broken = err
			return err
		}
		left, err := p.Customers(ctx, visit)
		if broken != nil {
			return broken
		}
		for _, each := range left {
			a.unread.add("property %s: %s", p.Name, each)
		}
		if err != nil {
			a.unread.add("property %s: not all of its customers are known: %v", p.Name, err)
			a.properties[i].Policy.StopCreates = true
		}
		if !p.Discovers {
			continue
		}
		err = a.Ledger.Discovered(ctx, p.enterprise, func(d plan.Discovered) error { return visit(d.CustomerID) })
		if err != nil {
			return err
		}
	}
	return nil
}

// enlistRecords notes which records a reply must show, and whom to poll for them.
func (a *audit) enlistRecords(ctx context.Context, customers *spill) error {
	strangers := map[preauth.ID]int{}
	err := a.Ledger.Each(ctx, func(rec plan.Record) error {
		i := a.of(rec.Enterprise)
		if i < 0 && rec.Unfinished() && !a.Partial && !a.Elsewhere[rec.Enterprise] {
			strangers[rec.Enterprise]++
		}
		if i < 0 || !a.properties[i].asked || rec.CustomerID == "" || !rec.Unfinished() && rec.Identity == 0 {
			return nil
		}
		customer, err := idBytes(rec.CustomerID)
		if err != nil {
			return err
		}
		id, err := idBytes(rec.ID)
		if err != nil {
			return err
		}
		why := notForIt
		if rec.Unfinished() {
			why = forIt
		}
		return customers.add(propertyKey(i), customer, id, []byte{why})
	})
	for enterprise, n := range strangers {
		a.unread.add("%d unfinished preauthorizations of enterprise %s (%s) were not compared with the PMS: no property of the configuration is it",
			n, enterprise, a.names[enterprise])
	}
	return err
}

func propertyKey(i int) []byte { return []byte{byte(i >> 8), byte(i)} }

// mostCustomers is the most customers that one poll may ask for (vendor's limit).
const mostCustomers = 1000

// question is one poll: some customers of one property, and for each the records
// that a complete reply must show.
type question struct {
	property  int
	customers []preauth.ID
	expected  map[preauth.ID][]preauth.ID
}

// pollAll asks for the customers in their order.
func (a *audit) pollAll(ctx context.Context, customers *merge) error {
	failed := make([]int, len(a.properties))
	var q question
	ask := func() error {
		if len(q.customers) == 0 {
			return nil
		}
		return a.poll(ctx, q, &failed[q.property])
	}
	for r := (customerReader{entries: customers}); ; {
		next, err := r.next()
		if errors.Is(err, io.EOF) {
			return ask()
		}
		if err != nil {
			return err
		}
		if !next.polled {
			continue
		}
		if len(q.customers) == mostCustomers || q.property != next.property || q.expected == nil {
			if err := ask(); err != nil {
				return err
			}
			q = question{property: next.property, expected: map[preauth.ID][]preauth.ID{}}
		}
		q.customers = append(q.customers, next.id)
		q.expected[next.id] = next.records
	}
}

// customer is a customer, whether to poll it, and the records that are expected of
// a reply.
type customer struct {
	property int
	id       preauth.ID
	records  []preauth.ID
	polled   bool
}

// customerReader puts the entries of one customer together.
type customerReader struct {
	entries *merge
	ahead   *customer
}

// next gives a customer, and io.EOF after the last one.
func (r *customerReader) next() (customer, error) {
	var out customer
	if r.ahead != nil {
		out, r.ahead = *r.ahead, nil
	}
	for {
		entry, err := r.entries.next()
		if errors.Is(err, io.EOF) && out.id != "" {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		each := customerOf(entry)
		if out.id != "" && (each.id != out.id || each.property != out.property) {
			r.ahead = &each
			return out, nil
		}
		each.records, each.polled = append(out.records, each.records...), out.polled || each.polled
		out = each
	}
}

func customerOf(entry []byte) customer {
	out := customer{property: int(entry[0])<<8 | int(entry[1]), id: idOf(entry[2:]), polled: entry[len(entry)-1] == forIt}
	if record := entry[2+idLength:]; [idLength]byte(record) != [idLength]byte{} {
		out.records = []preauth.ID{idOf(record)}
	}
	return out
}

// sourceOutAfter is how many polls of a property in a row may fail: then the rest
// of it is not asked for.
const sourceOutAfter = 3

// poll asks one question, and notes what the replies show.
func (a *audit) poll(ctx context.Context, q question, failed *int) error {
	p := a.properties[q.property]
	if *failed == sourceOutAfter {
		return nil
	}
	var broken error
	refused, err := p.Source.Poll(ctx, q.customers, func(reply preauth.Reply) error {
		broken = a.readReply(ctx, q, reply)
		return broken
	})
	if broken != nil {
		return broken
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, r := range refused {
		a.unread.add("property %s: customer %s could not be read: %s", p.Name, r.CustomerID, r.Reason)
	}
	if err == nil {
		*failed = 0
		return nil
	}
	*failed++
	a.unread.add("property %s: not all of %d customers from %s on could be read: %v", p.Name, len(q.customers), q.customers[0], err)
	if *failed == sourceOutAfter {
		a.unread.add("property %s: nobody after %s was asked for: %d polls in a row failed",
			p.Name, q.customers[len(q.customers)-1], sourceOutAfter)
	}
	return nil
}

// readBefore gives those of some customers whom a cycle has read, or observed.
func (a *audit) readBefore(ctx context.Context, enterprise preauth.ID, customers []preauth.ID) (map[preauth.ID]bool, error) {
	known, err := a.Ledger.Customers(ctx, enterprise, customers)
	if err != nil {
		return nil, err
	}
	read := make(map[preauth.ID]bool, len(customers))
	for id, customer := range known {
		if customer.Read > 0 {
			read[id] = true
		}
	}
	if !a.Observing {
		return read, nil
	}
	observed, err := a.Ledger.ObservedReads(ctx, enterprise, customers)
	for id := range observed {
		read[id] = true
	}
	return read, err
}

func (a *audit) readReply(ctx context.Context, q question, reply preauth.Reply) error {
	read, err := a.readBefore(ctx, a.properties[q.property].enterprise, reply.Customers)
	if err != nil {
		return err
	}
	asked := make(map[preauth.ID]bool, len(reply.Customers))
	for _, id := range reply.Customers {
		asked[id] = true
	}
	shown := make(map[preauth.ID]bool, len(reply.Preauthorizations))
	for _, id := range reply.Conflicting {
		shown[id] = true
		if err := a.facts.conflicting(id); err != nil {
			return err
		}
	}
	for _, p := range reply.Preauthorizations {
		shown[p.ID] = true
		before := read[p.CustomerID]
		if !asked[p.CustomerID] {
			before = len(read) == len(reply.Customers) // a merged customer: all who were asked for must have been
		}
		if err := a.facts.polled(p.ID, polledOf(p, q.property, before)); err != nil {
			return fmt.Errorf("property %s: %w", a.properties[q.property].Name, err)
		}
	}
	for _, customer := range reply.Customers {
		for _, id := range q.expected[customer] {
			if shown[id] {
				continue
			}
			if err := a.facts.absent(id); err != nil {
				return err
			}
		}
	}
	return nil
}
