package server

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strconv"
)

// PerCustomer is how many preauthorizations each customer has.
const PerCustomer = 4

// PageSize is the most customers that one poll may ask for (vendor's docs).
const PageSize = 1000

// ID is a UUID, spelled in lower case.
type ID [36]byte

// String spells it.
func (id ID) String() string { return string(id[:]) }

// World is a hotel's customers and their preauthorizations, all of them worked out from
// a seed. It does not change.
type World struct {
	seed uint64
	// customers are in order; places are their indexes.
	customers []ID
	places    map[ID]int
}

// What Ids are worked out for.
const (
	aCustomer uint64 = iota
	aPreauthorization
	aCard
	aReservation
	anAmount
)

// NewWorld gives the world of a seed with so many customers.
func NewWorld(seed uint64, customers int) *World {
	w := &World{seed: seed, customers: make([]ID, customers), places: make(map[ID]int, customers)}
	for i := range w.customers {
		w.customers[i] = w.id(aCustomer, i)
	}
	slices.SortFunc(w.customers, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	for i, customer := range w.customers {
		w.places[customer] = i
	}
	return w
}

// Customers are the customers' Ids, in order. They must not be changed.
func (w *World) Customers() []ID { return w.customers }

// Preauthorizations is how many there are.
func (w *World) Preauthorizations() int { return len(w.customers) * PerCustomer }

// Preauthorization gives the Id of the n-th, in the order of their customers.
func (w *World) Preauthorization(n int) ID { return w.id(aPreauthorization, n) }

// Amount gives that of the n-th: a JSON number with cents, from 10.01 to 2009.99.
func (w *World) Amount(n int) string {
	const least, range_, tens = 10, 2000, 10
	draw := w.draw(anAmount, n, 0)
	euros := least + draw%range_
	dimes, pennies := draw>>16%tens, 1+draw>>32%(tens-1)
	return string(append(strconv.AppendUint(nil, euros, 10), '.', '0'+byte(dimes), '0'+byte(pennies)))
}

// id gives a UUID of version 4.
func (w *World) id(kind uint64, n int) ID {
	var raw [16]byte
	for i := range raw {
		raw[i] = byte(w.draw(kind, n, uint64(i)/8) >> (i % 8 * 8))
	}
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	var id ID
	at := 0
	for _, part := range [][]byte{raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:]} {
		if at > 0 {
			id[at] = '-'
			at++
		}
		at += hex.Encode(id[at:], part)
	}
	return id
}

// draw hashes what is drawn and for whom, by the finalizer of SplitMix64.
func (w *World) draw(kind uint64, n int, part uint64) uint64 {
	return mix(mix(w.seed+kind<<1+part) + uint64(n))
}

func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
