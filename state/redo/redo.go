// Package redo is a log in a run of a file's bytes: groups, each of which is durable
// once Append has returned, with one write and one sync.
//
// # Layout
//
// The run is used from its beginning in each epoch, a number that whoever owns the file
// stores elsewhere, durably, once what the log says has been taken over. So nothing has
// to be wiped: what another epoch has left is passed over, as the zeros of a new run are.
//
// A group begins at a page of 4096 bytes and is divided into blocks of 512, the least
// that a disk writes in one piece. Each block has a head:
//
//	offset  bytes
//	     0      4  CRC32C of the owner's name, the block's number in the run, and what follows
//	     4      8  epoch
//	    12      4  the group's number in the epoch, from 0
//	    16      4  the group's length in bytes, without the heads
//	    20      4  the block's number in the group, from 0
//
// Numbers are big endian. The rest of a group's last page is zeros, so that no page that
// has been synced is ever written again in its epoch. A group is written only after the
// one before it is durable, and each group of an epoch is written once: a log with
// anything of its epoch in it, a whole group or not, is not written to again before
// there is a new epoch.
//
// # What is believed
//
// A power failure leaves of the group being written any of its blocks, and of every
// other one what it held before: zeros, or a block of an earlier epoch. Such a torn group
// was never reported durable, and counts as absent. What no power failure can leave is
// damage, and then nothing is believed:
//
//   - a block that is neither sound nor zeros, where the next group begins or within it
//   - a block of a later group, or of a later epoch, than the ones that are there
//
// So a changed byte in a durable group is never taken for a torn write, the last group
// included. What remains is a disk that reports a block as synced and then gives back
// what the block held before: for the last group of the log this looks like a write that
// was torn. For any other group it is found.
package redo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Page is what a run's offset and size are multiples of, and what a group takes up, in
// bytes.
const Page = 4096

const (
	blockLength = 512
	headLength  = 24
	// room is what a block holds of its group.
	room = blockLength - headLength
)

// Run is where a log stands, and whose it is.
type Run struct {
	// Offset and Size are in bytes, and multiples of Page; see Within.
	Offset, Size int64
	// Owner names the file, so that a block of another one is not taken for its own.
	Owner string
}

// Within gives the largest run within length bytes at offset of the owner's file.
func Within(offset, length int64, owner string) Run {
	from := (offset + Page - 1) / Page * Page
	return Run{Offset: from, Size: max(offset+length-from, 0) / Page * Page, Owner: owner}
}

// checksum is that of a block at its place, by number, in the run.
func (r Run) checksum(block []byte, place int64) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], uint64(place))
	sum := crc32.Update(0, table, []byte(r.Owner))
	sum = crc32.Update(sum, table, number[:])
	return crc32.Update(sum, table, block[4:])
}

// head is what a block says of itself.
type head struct {
	epoch  uint64
	group  uint32
	length uint32
	nth    uint32
}

func (h head) put(block []byte) {
	order := binary.BigEndian
	order.PutUint64(block[4:], h.epoch)
	order.PutUint32(block[12:], h.group)
	order.PutUint32(block[16:], h.length)
	order.PutUint32(block[20:], h.nth)
}

func parseHead(block []byte) head {
	order := binary.BigEndian
	return head{
		epoch: order.Uint64(block[4:]), group: order.Uint32(block[12:]),
		length: order.Uint32(block[16:]), nth: order.Uint32(block[20:]),
	}
}

// blocks is how many a group of so many bytes has.
func blocks(length int64) int64 { return (length + room - 1) / room }

// pages gives the bytes that a group of so many bytes takes up.
func pages(length int64) int64 { return (blocks(length)*blockLength + Page - 1) / Page * Page }

// File is where the run is. Sync makes what has been written durable.
type File interface {
	io.WriterAt
	Sync() error
}

// Log takes the groups of one epoch. It is for one goroutine at a time.
type Log struct {
	file   File
	run    Run
	epoch  uint64
	groups uint32
	// end is where the next group begins, in bytes from the run's beginning.
	end    int64
	buffer []byte
	failed error
}

// New begins an epoch of which the run must hold nothing; see Replay.
func New(file File, run Run, epoch uint64) *Log {
	return &Log{file: file, run: run, epoch: epoch}
}

// Fits tells whether there is room for a group of so many bytes.
func (l *Log) Fits(length int) bool {
	return pages(int64(length)) <= l.run.Size-l.end
}

// errSize is for a group that its caller should not have asked for.
var errSize = errors.New("a group that is empty, or does not fit into the log")

// Append stores a group, which must not be empty and must fit. It is durable when there
// is no error. After an error of the file nothing can be appended any more: the group
// may be found by a Replay, or not.
func (l *Log) Append(group []byte) error {
	if l.failed != nil {
		return l.failed
	}
	if len(group) == 0 || !l.Fits(len(group)) {
		return errSize
	}
	pages := l.encode(group)
	if _, err := l.file.WriteAt(pages, l.run.Offset+l.end); err != nil {
		l.failed = err
		return err
	}
	if err := l.file.Sync(); err != nil {
		l.failed = err
		return err
	}
	l.end += int64(len(pages))
	l.groups++
	return nil
}

// encode gives a group's pages, which are valid until the next call.
func (l *Log) encode(group []byte) []byte {
	size := int(pages(int64(len(group))))
	if cap(l.buffer) < size {
		l.buffer = make([]byte, size)
	}
	encoded := l.buffer[:size]
	clear(encoded)
	h := head{epoch: l.epoch, group: l.groups, length: uint32(len(group))}
	for rest := group; len(rest) > 0; h.nth++ {
		from := int(h.nth) * blockLength
		block := encoded[from : from+blockLength]
		h.put(block)
		rest = rest[copy(block[headLength:], rest):]
		place := l.end/blockLength + int64(h.nth)
		binary.BigEndian.PutUint32(block, l.run.checksum(block, place))
	}
	return encoded
}

// Replay hands over the groups of an epoch, in order; what it hands over is valid until
// visit returns. used tells that anything of the epoch is there, be it a torn group: the
// run is then not to be written to before there is a new epoch. An error that is not
// visit's tells what is damaged or could not be read.
func Replay(file io.ReaderAt, run Run, epoch uint64, visit func(group []byte) error) (used bool, err error) {
	content := make([]byte, run.Size)
	if _, err := file.ReadAt(content, run.Offset); err != nil {
		return false, fmt.Errorf("the log cannot be read: %w", err)
	}
	r := replay{run: run, epoch: epoch, content: content}
	for {
		group, err := r.group()
		if err != nil {
			return false, err
		}
		if group == nil {
			return r.rest()
		}
		if err := visit(group); err != nil {
			return false, err
		}
	}
}

type replay struct {
	run     Run
	epoch   uint64
	content []byte
	// groups is how many have been found, and next the number of the block after them.
	groups uint32
	next   int64
}

// kind is what a block is to a replay.
type kind uint8

const (
	// damaged blocks are neither zeros nor sound.
	damaged kind = iota
	// left blocks are zeros, or were written in an earlier epoch.
	left
	// present blocks belong to the epoch.
	present
	// ahead blocks belong to a later epoch.
	ahead
)

func (r *replay) block(place int64) []byte {
	return r.content[place*blockLength : (place+1)*blockLength]
}

func (r *replay) total() int64 { return int64(len(r.content)) / blockLength }

func (r *replay) look(place int64) (kind, head) {
	block := r.block(place)
	h := parseHead(block)
	switch {
	case binary.BigEndian.Uint32(block) != r.run.checksum(block, place):
		if bytes.Equal(block, make([]byte, blockLength)) {
			return left, head{}
		}
		return damaged, head{}
	case h.epoch < r.epoch:
		return left, h
	case h.epoch > r.epoch:
		return ahead, h
	default:
		return present, h
	}
}

// group gives the next group, or nil where there is none or it is torn.
func (r *replay) group() ([]byte, error) {
	if r.next == r.total() {
		return nil, nil
	}
	found, first := r.look(r.next)
	if found == damaged {
		return nil, fmt.Errorf("group %d of the log is damaged", r.groups)
	}
	if found != present || first != (head{epoch: r.epoch, group: r.groups, length: first.length}) {
		return nil, nil
	}
	count := blocks(int64(first.length))
	if count == 0 || count > r.total()-r.next {
		return nil, fmt.Errorf("group %d of the log has %d bytes, which cannot be", r.groups, first.length)
	}
	group := make([]byte, 0, count*room)
	torn := false
	for nth := range count {
		found, h := r.look(r.next + nth)
		if found == damaged {
			return nil, fmt.Errorf("group %d of the log is damaged", r.groups)
		}
		want := first
		want.nth = uint32(nth)
		torn = torn || found != present || h != want
		group = append(group, r.block(r.next + nth)[headLength:]...)
	}
	if torn {
		return nil, nil
	}
	r.groups++
	r.next += pages(int64(first.length)) / blockLength
	return group[:first.length], nil
}

// rest looks at what lies behind the last group. A torn one may be there, and nothing
// newer: that would have been written only after it was durable.
func (r *replay) rest() (used bool, err error) {
	for place := r.next; place < r.total(); place++ {
		found, h := r.look(place)
		if found == ahead || found == present && h.group != r.groups {
			return false, fmt.Errorf("the log has a block of group %d of epoch %d and lacks group %d of epoch %d before it",
				h.group, h.epoch, r.groups, r.epoch)
		}
		used = used || found == present
	}
	return used || r.groups > 0, nil
}
