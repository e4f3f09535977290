package connector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// MaxCustomers is the most that one Poll, and one request, may ask for (seed).
const MaxCustomers = 1000

// When single customers are refused one after the other, it is probably not
// about them: the request as such is refused, or the API is out of order. These
// are the numbers of refusals in a row after which a poll gives up: the first
// while nothing has been accepted yet, the second after something has.
// Parts take every second customer, not the first half, so that the refused
// come from all over the list and a block of bad ids does not end the poll.
const (
	mostRefusedAtFirst = 10
	mostRefusedInARow  = 50
)

// ErrRequestRefused is wrapped by a poll's error when customer after customer
// was refused, so that the fault must lie elsewhere.
var ErrRequestRefused = errors.New("the request itself seems to be refused, not single customers")

// Poll reads the preauthorizations of at most MaxCustomers distinct customers
// and hands over one Reply for each complete reply, from the calling goroutine.
//
// A request that is too large (408, 413, or a reply over the limit), that the
// API finds invalid (400), or whose reply has an entry that cannot be told
// whose it is, is divided until the customers at fault stand alone; those are
// returned as refused, with the reason, and all others go on. One bad customer
// among a thousand costs about twenty requests.
//
// An error means that the rest could not be read: a *Error when the API
// answered, wrapping ErrRequestRefused when it refuses everything. What was
// handed over before stands, and so do the refused. An error of reply ends the
// poll and is returned.
func (c *Client) Poll(ctx context.Context, customers []preauth.ID, reply func(preauth.Reply) error) ([]preauth.RefusedCustomer, error) {
	return c.poll(ctx, customers, &poll{client: c, hand: reply})
}

// Repoll is Poll where an earlier reply for the same customers may be known, by its
// fingerprint; a zero one is no reply's. A reply that says the same is handed over
// Unchanged, without having been looked into.
//
// A reply carries its Fingerprint when it is complete for all of the customers at once,
// shows no other customer's preauthorizations and none twice with different contents,
// and has at most 16 MiB. Its Entries are zero where it has anything unusual in it.
func (c *Client) Repoll(
	ctx context.Context, customers []preauth.ID, known preauth.Fingerprint, reply func(preauth.Reply) error,
) ([]preauth.RefusedCustomer, error) {
	return c.poll(ctx, customers, &poll{client: c, hand: reply, known: &known})
}

func (c *Client) poll(ctx context.Context, customers []preauth.ID, p *poll) ([]preauth.RefusedCustomer, error) {
	asked := p.distinct(customers)
	if len(asked) > MaxCustomers {
		return nil, fmt.Errorf("cannot poll %d customers at once: the Connector API takes at most %d", len(asked), MaxCustomers)
	}
	err := p.run(ctx, asked)
	slices.SortFunc(p.refused, func(a, b preauth.RefusedCustomer) int { return cmp.Compare(a.CustomerID, b.CustomerID) })
	return p.refused, err
}

// poll is one Poll under way.
type poll struct {
	client *Client
	hand   func(preauth.Reply) error
	// known is the earlier reply's for all of the customers, nil where none is to be told.
	known    *preauth.Fingerprint
	refused  []preauth.RefusedCustomer
	accepted bool
	// suspects are the customers refused one after the other since the last
	// acceptance. They count as refused once it is clear that it is about them.
	suspects []preauth.RefusedCustomer
}

// distinct leaves out repetitions, and what no request could contain.
func (p *poll) distinct(customers []preauth.ID) []preauth.ID {
	if areDistinct(customers) {
		return customers
	}
	asked, seen := make([]preauth.ID, 0, len(customers)), make(map[preauth.ID]bool, len(customers))
	for _, each := range customers {
		id, err := preauth.ParseID(string(each))
		if err != nil {
			id = each
		}
		if seen[id] {
			continue
		}
		seen[id] = true
		if err != nil {
			p.refused = append(p.refused, preauth.RefusedCustomer{CustomerID: id, Reason: err.Error()})
			continue
		}
		asked = append(asked, id)
	}
	return asked
}

// areDistinct tells whether all are spelled as they should be, and each comes after the
// one before: a list that is in order takes no detour.
func areDistinct(customers []preauth.ID) bool {
	for i, each := range customers {
		if !isID(each) || i > 0 && each <= customers[i-1] {
			return false
		}
	}
	return true
}

func (p *poll) run(ctx context.Context, asked []preauth.ID) error {
	if len(p.refused) > 0 {
		p.known = nil // it was for others too
	}
	pending := [][]preauth.ID{asked}
	for len(pending) > 0 {
		part := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if len(part) == 0 {
			continue
		}
		d, err := p.ask(ctx, part)
		p.known = nil // what follows is for parts
		switch {
		case err == nil:
			if err := p.accept(d); err != nil {
				return err
			}
		case !aboutCustomers(err):
			p.settle() // whatever this is about, they could not be read either
			return err
		case len(part) > 1:
			first, second := halves(part)
			pending = append(pending, second, first)
		default:
			if err := p.suspect(part[0], err); err != nil {
				return err
			}
		}
	}
	p.settle()
	return nil
}

// ask sends one request.
func (p *poll) ask(ctx context.Context, part []preauth.ID) (*decoded, error) {
	var d *decoded
	header, err := p.client.call(ctx, request{
		operation: "poll", resource: "preauthorizations/getAllByCustomers",
		parameters: parameters{CustomerIDs: part}, divisible: len(part) > 1,
		use: func(body io.Reader) (err error) {
			d, err = readPoll(body, part, p.known)
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	if d.lost != "" {
		return nil, &incompleteError{why: d.lost}
	}
	d.requestID = p.client.quoted(header.Get("Request-Id"), maxRequestID)
	return d, nil
}

// incompleteError is a reply that is not complete for a customer it cannot name.
type incompleteError struct{ why string }

// Error says what is wrong with the reply.
func (e *incompleteError) Error() string { return "the reply is not complete: " + e.why }

// aboutCustomers tells whether asking for fewer customers may help.
func aboutCustomers(err error) bool {
	if _, incomplete := errors.AsType[*incompleteError](err); incomplete || tooMuch(err) {
		return true
	}
	refusal, answered := errors.AsType[*Error](err)
	return answered && refusal.Status == http.StatusBadRequest
}

// halves deals the customers out in turn.
func halves(part []preauth.ID) (first, second []preauth.ID) {
	for i, each := range part {
		if i%2 == 0 {
			first = append(first, each)
		} else {
			second = append(second, each)
		}
	}
	return first, second
}

func (p *poll) accept(d *decoded) error {
	p.accepted = true
	p.settle()
	reply, refused := d.reply()
	p.refused = append(p.refused, refused...)
	if len(reply.Customers) == 0 {
		return nil
	}
	return p.hand(reply)
}

// suspect notes a refused customer, and gives up when there are too many in a row.
func (p *poll) suspect(customer preauth.ID, why error) error {
	reason := why.Error()
	if refusal, answered := errors.AsType[*Error](why); answered {
		reason = refusal.brief()
	}
	p.suspects = append(p.suspects, preauth.RefusedCustomer{CustomerID: customer, Reason: reason})
	limit := mostRefusedAtFirst
	if p.accepted {
		limit = mostRefusedInARow
	}
	if len(p.suspects) < limit {
		return nil
	}
	return fmt.Errorf("%w: %d customers in a row were refused on their own; check connector.client and the list of customers: %w",
		ErrRequestRefused, len(p.suspects), why)
}

// settle makes the suspects refused.
func (p *poll) settle() {
	p.refused = append(p.refused, p.suspects...)
	p.suspects = nil
}
