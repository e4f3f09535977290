package state

import (
	"encoding/binary"
	"hash/fnv"
	"io"
	"math/bits"
)

// bbolt trusts what it maps: a page number or a length that points elsewhere
// crashes the process, or loops. So a file is read here first, with bounds, and
// only a sound one is given to bbolt. This file and pages.go follow bbolt's
// format version 2 (internal/common: Meta, Page, leafPageElement).

const (
	pageHeaderLength = 16
	elementLength    = 16
	bucketHeadLength = 16
	headLength       = 64
	headMagic        = 0xED0CDAED
	headVersion      = 2
	smallestPage     = 1 << 10
	largestPage      = 1 << 16
	noFreelist       = ^uint64(0)

	branchFlag   = 0x01
	leafFlag     = 0x02
	metaFlag     = 0x04
	freelistFlag = 0x10
)

// head is one of the file's two heads (bbolt: meta pages).
type head struct {
	pageSize int64
	root     uint64
	freelist uint64
	// high is the number of pages in use.
	high uint64
	txid uint64
}

// pageHeader is what every page begins with.
type pageHeader struct {
	id       uint64
	flags    uint16
	count    int
	overflow uint64
}

func parsePageHeader(b []byte) pageHeader {
	order := binary.NativeEndian
	return pageHeader{
		id: order.Uint64(b), flags: order.Uint16(b[8:]), count: int(order.Uint16(b[10:])),
		overflow: uint64(order.Uint32(b[12:])),
	}
}

// newestHead reads both heads and gives the one that counts. bbolt goes on
// silently with the older one when the newer one is damaged, which would forget
// the last transaction; here both must be sound. They are written with one write
// of less than a sector, so that a crash cannot tear one.
func newestHead(path string, file io.ReaderAt, size int64) (head, error) {
	if size == 0 {
		return head{}, corrupt(path, "it is empty (0 bytes)")
	}
	first, err := readHead(path, file, size, 0, 0)
	if err != nil {
		return head{}, err
	}
	second, err := readHead(path, file, size, first.pageSize, 1)
	if err != nil {
		return head{}, err
	}
	if first.pageSize != second.pageSize {
		return head{}, corrupt(path, "its two heads name different page sizes")
	}
	newest := first
	if second.txid > first.txid {
		newest = second
	}
	if size%newest.pageSize != 0 {
		return head{}, corrupt(path, "its size of %d bytes is not a whole number of pages", size)
	}
	if newest.high < 4 || newest.high > uint64(size/newest.pageSize) {
		return head{}, corrupt(path, "it has %d bytes and should have %d pages of %d: it has been truncated",
			size, newest.high, newest.pageSize)
	}
	return newest, nil
}

func readHead(path string, file io.ReaderAt, size, offset int64, id uint64) (head, error) {
	b := make([]byte, pageHeaderLength+headLength)
	if size < offset+int64(len(b)) {
		return head{}, corrupt(path, "it ends after %d bytes, within its heads", size)
	}
	if _, err := file.ReadAt(b, offset); err != nil {
		return head{}, &Error{Kind: Corrupt, Path: path, Detail: "its heads cannot be read", Err: err}
	}
	order := binary.NativeEndian
	page, body := parsePageHeader(b), b[pageHeaderLength:]
	if order.Uint32(body) != headMagic {
		return head{}, corrupt(path, "head %d has not the mark of a state file", id)
	}
	if order.Uint32(body[4:]) != headVersion {
		return head{}, corrupt(path, "head %d has format version %d instead of %d", id, order.Uint32(body[4:]), headVersion)
	}
	sum := fnv.New64a()
	if _, err := sum.Write(body[:56]); err != nil || order.Uint64(body[56:]) != sum.Sum64() {
		return head{}, corrupt(path, "the checksum of head %d does not match", id)
	}
	if page.id != id || page.flags != metaFlag {
		return head{}, corrupt(path, "head %d stands on a page that is none", id)
	}
	h := head{
		pageSize: int64(order.Uint32(body[8:])),
		root:     order.Uint64(body[16:]),
		freelist: order.Uint64(body[32:]),
		high:     order.Uint64(body[40:]),
		txid:     order.Uint64(body[48:]),
	}
	if h.pageSize < smallestPage || h.pageSize > largestPage || bits.OnesCount64(uint64(h.pageSize)) != 1 {
		return head{}, corrupt(path, "head %d names a page size of %d", id, h.pageSize)
	}
	return h, nil
}
