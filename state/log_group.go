package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// A group of the log is one commit's writes: the sequence of the records after it, then
// for each bucket its name, the number of its writes, and the writes. A write is a key
// and a value. Names, keys and values have their length before them; a value has 1 more,
// and 0 means that the key has been deleted.

// encodeGroup appends a group to b.
func encodeGroup(b []byte, group overlay, sequence uint64) []byte {
	b = binary.AppendUvarint(b, sequence)
	for bucket, values := range group {
		b = binary.AppendUvarint(b, uint64(len(bucket)))
		b = append(b, bucket...)
		b = binary.AppendUvarint(b, uint64(len(values)))
		for key, value := range values {
			b = binary.AppendUvarint(b, uint64(len(key)))
			b = append(b, key...)
			if value == nil {
				b = append(b, 0)
				continue
			}
			b = binary.AppendUvarint(b, uint64(len(value))+1)
			b = append(b, value...)
		}
	}
	return b
}

var errGroup = errors.New("a group of the log cannot be decoded")

// decodeGroup is the reverse. It checks every document, and shares b's memory.
func decodeGroup(b []byte) (group overlay, sequence uint64, err error) {
	r := groupReader{rest: b}
	group, sequence = make(overlay), r.number()
	for len(r.rest) > 0 && r.err == nil {
		bucket := string(r.bytes(r.number()))
		if bucket == bucketMeta || bucket == bucketLog || !slices.Contains(buckets(), bucket) {
			r.fail(errGroup)
		}
		for n := r.number(); n > 0 && r.err == nil; n-- {
			r.write(group, bucket)
		}
	}
	return group, sequence, r.err
}

// groupReader reads a group, up to the first thing that is wrong.
type groupReader struct {
	rest []byte
	err  error
}

func (r *groupReader) fail(err error) {
	if r.err == nil {
		r.err, r.rest = err, nil
	}
}

func (r *groupReader) number() uint64 {
	n, length := binary.Uvarint(r.rest)
	if length <= 0 {
		r.fail(errGroup)
		return 0
	}
	r.rest = r.rest[length:]
	return n
}

func (r *groupReader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail(errGroup)
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *groupReader) write(to overlay, bucket string) {
	key := r.bytes(r.number())
	length := r.number()
	if _, known := to.get(bucket, key); known || len(key) == 0 {
		r.fail(errGroup)
	}
	if r.err != nil || length == 0 {
		to.put(bucket, key, nil)
		return
	}
	value := r.bytes(length - 1)
	if _, err := unseal(bucket, key, value); err != nil {
		r.fail(fmt.Errorf("%s in a group of the log: %w", describe(bucket, key), err))
	}
	to.put(bucket, key, value)
}
