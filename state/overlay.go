package state

import (
	"bytes"
	"maps"
	"slices"
)

// layer is what lies over the buckets of a file's trees.
type layer interface {
	// get gives what the layer says of a key, nil for one that has been deleted, and
	// whether it says anything.
	get(bucket string, key []byte) (value []byte, known bool)
	// cursor walks a bucket as it is with the layer on top of what under walks.
	cursor(bucket string, under cursor) cursor
}

// overlay is a layer of writes, by bucket and key. A value of nil says that the key has
// been deleted.
type overlay map[string]map[string][]byte

func (o overlay) get(bucket string, key []byte) (value []byte, known bool) {
	value, known = o[bucket][string(key)]
	return value, known
}

// put stores a value; nil deletes the key.
func (o overlay) put(bucket string, key, value []byte) {
	of, ok := o[bucket]
	if !ok {
		of = make(map[string][]byte)
		o[bucket] = of
	}
	of[string(key)] = value
}

// drop makes the overlay say nothing of a key.
func (o overlay) drop(bucket string, key []byte) {
	if delete(o[bucket], string(key)); len(o[bucket]) == 0 {
		delete(o, bucket)
	}
}

func (o overlay) cursor(bucket string, under cursor) cursor {
	of := o[bucket]
	if len(of) == 0 {
		return under
	}
	return &merged{under: under, over: o, bucket: bucket, keys: slices.Sorted(maps.Keys(of))}
}

// cursor walks the keys of a bucket in their order; a *bolt.Cursor is one. What it gives
// dies with the transaction, and a key of nil ends the walk.
type cursor interface {
	First() (key, value []byte)
	// Seek moves to a key, or to the next one where it is missing.
	Seek(key []byte) (at, value []byte)
	Next() (key, value []byte)
}

// merged is the cursor of a layer over another cursor.
type merged struct {
	under  cursor
	over   layer
	bucket string
	// keys are those of which the layer may say something, in order.
	keys []string

	// next is the first of keys that is still to come; key and value are what is to come
	// of under.
	next       int
	key, value []byte
}

// First gives the first key.
func (m *merged) First() (key, value []byte) {
	m.next = 0
	m.key, m.value = m.under.First()
	return m.Next()
}

// Seek gives a key, or the next one.
func (m *merged) Seek(key []byte) (at, value []byte) {
	m.next, _ = slices.BinarySearch(m.keys, string(key))
	m.key, m.value = m.under.Seek(key)
	return m.Next()
}

// Next gives the key after the one given last.
func (m *merged) Next() (key, value []byte) {
	for m.next < len(m.keys) {
		own := []byte(m.keys[m.next])
		if m.key != nil && bytes.Compare(m.key, own) < 0 {
			break
		}
		m.next++
		value, known := m.over.get(m.bucket, own)
		if !known {
			continue
		}
		if bytes.Equal(m.key, own) {
			m.key, m.value = m.under.Next()
		}
		if value != nil {
			return own, value
		}
	}
	key, value = m.key, m.value
	if key != nil {
		m.key, m.value = m.under.Next()
	}
	return key, value
}
