package server

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strconv"
)

// replies are the Connector API's, rendered before anybody asks.
type replies struct {
	world *World
	// charged is set for each preauthorization that is Charged; the others are Chargeable.
	charged []bool
	// turn is how often everything has been put into another order.
	turn int
	// pages are the whole replies, header and all, to the polls of PageSize customers in
	// their order.
	pages [][]byte
}

func newReplies(world *World) *replies {
	r := &replies{world: world, charged: make([]bool, world.Preauthorizations())}
	r.render()
	return r
}

// shuffle puts the entries of every reply into another order.
func (r *replies) shuffle() {
	r.turn++
	r.render()
}

// charge makes n preauthorizations Charged, at the same distance from each other.
func (r *replies) charge(n int) {
	for i := range n {
		r.charged[i*len(r.charged)/n] = true
	}
	r.render()
}

func (r *replies) render() {
	customers := len(r.world.customers)
	r.pages = make([][]byte, 0, customers/PageSize+1)
	for from := 0; from < customers; from += PageSize {
		to := min(from+PageSize, customers)
		asked := make([]int, 0, PageSize)
		for i := from; i < to; i++ {
			asked = append(asked, i)
		}
		r.pages = append(r.pages, r.compose(asked))
	}
}

// entrySize is a little more than the longest entry.
const entrySize = 400

// compose gives the reply to a poll of those customers.
func (r *replies) compose(asked []int) []byte {
	entries := make([]int, 0, len(asked)*PerCustomer)
	for _, customer := range asked {
		for i := range PerCustomer {
			entries = append(entries, customer*PerCustomer+i)
		}
	}
	if r.turn > 0 {
		slices.SortFunc(entries, func(a, b int) int {
			return cmp.Compare(r.place(a), r.place(b))
		})
	}
	body := make([]byte, 0, len(entries)*entrySize)
	body = append(body, `{"Preauthorizations":[`...)
	for i, n := range entries {
		if i > 0 {
			body = append(body, ',')
		}
		body = r.appendEntry(body, n)
	}
	return reply(append(body, "]}"...))
}

// place is where an entry stands in the present order.
func (r *replies) place(n int) uint64 { return mix(uint64(n)<<8 + uint64(r.turn)) }

// properties is how many each entry has.
const properties = 10

func (r *replies) appendEntry(b []byte, n int) []byte {
	b = append(b, '{')
	for i := range properties {
		if i > 0 {
			b = append(b, ',')
		}
		b = r.appendProperty(b, n, i)
	}
	return append(b, '}')
}

// appendProperty appends a property by its place in the published example.
func (r *replies) appendProperty(b []byte, n, place int) []byte {
	switch place {
	case 0:
		b = append(b, `"Amount":{"Currency":"EUR","NetValue":null,"GrossValue":`...)
		return append(append(b, r.world.Amount(n)...), `,"TaxValues":[]}`...)
	case 1:
		return append(b, `"Code":null`...)
	case 2:
		return appendID(b, "CreditCardId", r.world.id(aCard, n))
	case 3:
		return appendID(b, "CustomerId", r.world.customers[n/PerCustomer])
	case 4:
		return appendID(b, "Id", r.world.Preauthorization(n))
	case 5:
		return appendID(b, "ReservationId", r.world.id(aReservation, n))
	case 6:
		return append(b, `"IsActive":true`...)
	case 7:
		return append(b, `"ReceiptIdentifier":null`...)
	case 8:
		return append(b, `"SequenceCode":null`...)
	default:
		if r.charged[n] {
			return append(b, `"State":"Charged"`...)
		}
		return append(b, `"State":"Chargeable"`...)
	}
}

func appendID(b []byte, name string, id ID) []byte {
	b = append(append(append(b, '"'), name...), `":"`...)
	return append(append(b, id[:]...), '"')
}

// poll gives the reply to a poll. Customers that nobody knows have nothing.
func (r *replies) poll(body []byte) ([]byte, error) {
	asked, err := r.asked(body)
	if err != nil {
		return nil, err
	}
	if page, ok := r.page(asked); ok {
		return page, nil
	}
	return r.compose(asked), nil
}

// page gives the page of exactly those customers.
func (r *replies) page(asked []int) ([]byte, bool) {
	if len(asked) == 0 || asked[0]%PageSize != 0 {
		return nil, false
	}
	for i, customer := range asked {
		if customer != asked[0]+i {
			return nil, false
		}
	}
	return r.pages[asked[0]/PageSize], len(asked) == min(PageSize, len(r.world.customers)-asked[0])
}

var errNoPoll = errors.New("this is no poll")

// asked reads CustomerIds.
func (r *replies) asked(body []byte) ([]int, error) {
	_, list, found := bytes.Cut(body, []byte(`"CustomerIds"`))
	if !found {
		return nil, errNoPoll
	}
	list, _, _ = bytes.Cut(list, []byte("]"))
	customers := r.world.customers
	asked := make([]int, 0, PageSize)
	for next := 0; ; next++ {
		open := bytes.IndexByte(list, '"')
		if open < 0 {
			return asked, nil
		}
		if list = list[open+1:]; len(list) <= len(ID{}) {
			return nil, errNoPoll
		}
		id := ID(list)
		list = list[len(id)+1:]
		if next >= len(customers) || customers[next] != id { // most polls name one after the other
			at, known := r.world.places[id]
			if !known {
				continue
			}
			next = at
		}
		asked = append(asked, next)
	}
}

const (
	statusOK       = "HTTP/1.1 200 OK\r\n"
	statusRefused  = "HTTP/1.1 400 Bad Request\r\n"
	statusNotFound = "HTTP/1.1 404 Not Found\r\n"
)

// reply gives a whole reply.
func reply(body []byte) []byte { return appendReply(nil, statusOK, body) }

func appendReply(b []byte, status string, body []byte) []byte {
	b = slices.Grow(b, len(status)+len(body)+128)
	b = append(append(b, status...), "Content-Type: application/json\r\nContent-Length: "...)
	b = append(strconv.AppendInt(b, int64(len(body)), 10), "\r\n\r\n"...)
	return append(b, body...)
}
