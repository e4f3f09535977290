package state

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/bits"
)

// maxDepth is far above any real tree's: with 16 byte keys five levels hold
// more than 10^9 records.
const maxDepth = 32

// pageFile reads the pages of one snapshot. Their elements must lie back to back as
// bbolt writes them: so a changed count, offset or length shows even where it would stay
// within bounds.
type pageFile struct {
	path string
	file io.ReaderAt
	head head
}

// pages walks the pages of one snapshot. Each page may be reached once, and must not be
// free.
type pages struct {
	pageFile
	seen    bitset
	free    bitset
	windows [maxDepth]window
}

// window is a part of the file as it was read, at one depth of a walk.
type window struct {
	bytes []byte
	// from is where it begins in the file, and ahead is how much is read beyond what was
	// asked for: pages often follow each other, and then more at a time is less work.
	from  int64
	ahead int64
}

// mostAhead is how much is read ahead at the most, in bytes.
const mostAhead = 128 << 10

type bitset []uint64

func newBitset(n uint64) bitset          { return make(bitset, n/64+1) }
func (b bitset) has(i uint64) bool       { return b[i/64]&(1<<(i%64)) != 0 }
func (b bitset) set(i uint64)            { b[i/64] |= 1 << (i % 64) }
func (b bitset) setRange(from, n uint64) { eachUpTo(from, n, b.set) }
func eachUpTo(from, n uint64, f func(uint64)) {
	for i := from; i < from+n; i++ {
		f(i)
	}
}

// newPages reads the free list of the snapshot that h describes.
func newPages(path string, file io.ReaderAt, h head) (*pages, error) {
	p := &pages{pageFile: pageFile{path: path, file: file, head: h}, seen: newBitset(h.high), free: newBitset(h.high)}
	p.seen.setRange(0, 2)
	if h.freelist == noFreelist {
		return p, nil
	}
	page, header, err := p.read(h.freelist, 0, freelistFlag)
	if err != nil {
		return nil, err
	}
	ids, count := page[pageHeaderLength:], uint64(header.count)
	if count == 0xFFFF {
		count = binary.NativeEndian.Uint64(ids)
		ids = ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return nil, corrupt(path, "its list of free pages is longer than its page")
	}
	for i := range count {
		id := binary.NativeEndian.Uint64(ids[i*8:])
		if id < 2 || id >= h.high || p.free.has(id) || p.seen.has(id) {
			return nil, corrupt(path, "its list of free pages names page %d wrongly", id)
		}
		p.free.set(id)
	}
	return p, nil
}

// read gives a whole page with its overflow. It is valid until the next read at
// the same depth.
func (p *pages) read(id uint64, depth int, flags uint16) ([]byte, pageHeader, error) {
	page, header, err := p.reach(id, depth, flags)
	if err == nil && header.overflow > 0 {
		page, err = p.fill(depth, int64(id)*p.head.pageSize, int64(header.overflow+1)*p.head.pageSize)
	}
	return page, header, err
}

// reach marks a page and its overflow as in use, and gives it without the overflow.
func (p *pages) reach(id uint64, depth int, flags uint16) ([]byte, pageHeader, error) {
	if err := p.within(id, depth); err != nil {
		return nil, pageHeader{}, err
	}
	page, err := p.fill(depth, int64(id)*p.head.pageSize, p.head.pageSize)
	if err != nil {
		return nil, pageHeader{}, err
	}
	header, err := p.header(page, id, flags)
	if err != nil {
		return nil, pageHeader{}, err
	}
	for i := id; i < id+header.overflow+1; i++ {
		if p.seen.has(i) || p.free.has(i) {
			return nil, pageHeader{}, corrupt(p.path, "page %d is in use twice, or in use and free", i)
		}
		p.seen.set(i)
	}
	return page, header, nil
}

// within tells whether a reference at some depth can lead to a page.
func (f pageFile) within(id uint64, depth int) error {
	if id < 2 || id >= f.head.high {
		return corrupt(f.path, "a reference leads to page %d of %d", id, f.head.high)
	}
	if depth >= maxDepth {
		return corrupt(f.path, "its pages are nested too deeply")
	}
	return nil
}

// header gives what a page begins with, which must be what a reference to it expects.
func (f pageFile) header(page []byte, id uint64, flags uint16) (pageHeader, error) {
	header := parsePageHeader(page)
	if header.id != id || header.flags&flags == 0 || header.flags&(header.flags-1) != 0 {
		return pageHeader{}, corrupt(f.path, "page %d is not what a reference to it expects", id)
	}
	if header.overflow+1 > f.head.high-id {
		return pageHeader{}, corrupt(f.path, "page %d reaches beyond the end of the file", id)
	}
	return header, nil
}

// unreadable is what becomes of an error of the disk.
func (f pageFile) unreadable(err error) error {
	return &Error{Kind: Corrupt, Path: f.path, Detail: "its pages cannot be read", Err: err}
}

func (p *pages) fill(depth int, offset, length int64) ([]byte, error) {
	w := &p.windows[depth]
	end := w.from + int64(len(w.bytes))
	if offset >= w.from && offset+length <= end {
		return w.bytes[offset-w.from:][:length], nil
	}
	if offset == end && len(w.bytes) > 0 {
		w.ahead = min(2*w.ahead+p.head.pageSize, mostAhead)
	} else {
		w.ahead = 0
	}
	size := length + min(w.ahead, int64(p.head.high)*p.head.pageSize-offset-length)
	if int64(cap(w.bytes)) < size {
		w.bytes = make([]byte, size)
	}
	w.bytes, w.from = w.bytes[:size], offset
	if _, err := p.file.ReadAt(w.bytes, offset); err != nil {
		w.bytes = nil
		return nil, p.unreadable(err)
	}
	return w.bytes[:length], nil
}

// element is one entry of a branch or leaf page. It shares the page's memory.
type element struct {
	key, value []byte
	// both are key and value, which lie next to each other.
	both []byte
	// child is a branch element's page.
	child uint64
	// bucket tells that a leaf element's value is a nested bucket.
	bucket bool
}

// tree hands over the leaf elements below page id, whose keys must lie from low
// up to but without high; nil means no limit.
func (p *pages) tree(id uint64, depth int, low, high []byte, leaf func(element) error) error {
	children, err := p.children(id, depth, low, high, leaf)
	if err != nil {
		return err
	}
	for i, each := range children {
		next := high
		if i+1 < len(children) {
			next = children[i+1].key
		}
		if err := p.tree(each.child, depth+1, each.key, next, leaf); err != nil {
			return err
		}
	}
	return nil
}

// children gives the elements of a branch page, which are valid until the next read at
// the same depth, or hands over those of a leaf page.
func (p *pages) children(id uint64, depth int, low, high []byte, leaf func(element) error) ([]element, error) {
	page, header, err := p.read(id, depth, branchFlag|leafFlag)
	if err != nil {
		return nil, err
	}
	// An emptied bucket becomes a small one, and an emptied page is taken out.
	// Only the root bucket's page may be empty.
	if header.count == 0 && id != p.head.root {
		return nil, corrupt(p.path, "page %d is empty", id)
	}
	if header.flags == leafFlag {
		return nil, p.elements(page, header, low, high, leaf)
	}
	children := make([]element, 0, header.count)
	err = p.elements(page, header, low, high, func(e element) error {
		children = append(children, e)
		return nil
	})
	return children, err
}

// apart gives a walk of other pages of the same snapshot, which may go on at the same
// time; join takes what it has seen.
func (p *pages) apart() *pages {
	return &pages{pageFile: p.pageFile, seen: newBitset(p.head.high), free: p.free}
}

func (p *pages) join(other *pages) error {
	for i, seen := range other.seen {
		if twice := p.seen[i] & seen; twice != 0 {
			return corrupt(p.path, "page %d is in use twice", i*64+bits.TrailingZeros64(twice))
		}
		p.seen[i] |= seen
	}
	return nil
}

// elements hands over what stands on one page, in order.
func (f pageFile) elements(page []byte, header pageHeader, low, high []byte, visit func(element) error) error {
	order, length := binary.NativeEndian, uint64(len(page))
	expected := uint64(pageHeaderLength + elementLength*header.count)
	if expected > length {
		return corrupt(f.path, "page %d has more elements than room", header.id)
	}
	var last []byte
	for i := range header.count {
		base := uint64(pageHeaderLength + elementLength*i)
		raw := page[base:]
		var e element
		var start, keyLength, valueLength uint64
		if header.flags == branchFlag {
			start, keyLength = uint64(order.Uint32(raw)), uint64(order.Uint32(raw[4:]))
			e.child = order.Uint64(raw[8:])
		} else {
			if flags := order.Uint32(raw); flags > 1 {
				return corrupt(f.path, "page %d holds an element of unknown kind %d", header.id, flags)
			}
			e.bucket = order.Uint32(raw) == 1
			start, keyLength = uint64(order.Uint32(raw[4:])), uint64(order.Uint32(raw[8:]))
			valueLength = uint64(order.Uint32(raw[12:]))
		}
		if keyLength == 0 || base+start != expected || expected+keyLength+valueLength > length {
			return corrupt(f.path, "element %d of page %d is not where it should be", i, header.id)
		}
		e.key = page[expected : expected+keyLength]
		e.both = page[expected : expected+keyLength+valueLength]
		e.value = e.both[keyLength:]
		expected += keyLength + valueLength
		if i == 0 && low != nil && bytes.Compare(e.key, low) < 0 ||
			i > 0 && bytes.Compare(e.key, last) <= 0 || high != nil && bytes.Compare(e.key, high) >= 0 {
			return corrupt(f.path, "element %d of page %d is out of order", i, header.id)
		}
		last = e.key
		if err := visit(e); err != nil {
			return err
		}
	}
	return nil
}

// bucketRoot is where the contents of a bucket stand.
type bucketRoot struct {
	page     uint64
	sequence uint64
	// inline is the only page of a small bucket: it is a value of its parent.
	inline []byte
}

func (f pageFile) parseBucket(value []byte) (bucketRoot, error) {
	if len(value) < bucketHeadLength {
		return bucketRoot{}, corrupt(f.path, "a bucket of %d bytes is too short", len(value))
	}
	order := binary.NativeEndian
	b := bucketRoot{page: order.Uint64(value), sequence: order.Uint64(value[8:])}
	if b.page == 0 {
		b.inline = bytes.Clone(value[bucketHeadLength:])
		if len(b.inline) < pageHeaderLength {
			return bucketRoot{}, corrupt(f.path, "a bucket of %d bytes is too short", len(value))
		}
	}
	return b, nil
}

// bucket hands over the elements of a bucket that lies in the root bucket.
func (p *pages) bucket(b bucketRoot, visit func(element) error) error {
	if b.inline == nil {
		return p.tree(b.page, 1, nil, nil, visit)
	}
	return p.small(b.inline, visit)
}

// small hands over the elements of a bucket that is a value of its parent.
func (f pageFile) small(page []byte, visit func(element) error) error {
	header := parsePageHeader(page)
	if header.flags != leafFlag || header.overflow != 0 || header.id != 0 {
		return corrupt(f.path, "a small bucket is not what it should be")
	}
	// A small bucket is as long as its elements, which shows a changed count.
	length := pageHeaderLength + elementLength*header.count
	err := f.elements(page, header, nil, nil, func(e element) error {
		length += len(e.key) + len(e.value)
		return visit(e)
	})
	if err == nil && length != len(page) {
		return corrupt(f.path, "a small bucket has %d bytes instead of %d", len(page), length)
	}
	return err
}

// lost gives a page that is neither reached nor free, if there is one. A sound
// file has none: a reference that skips a level of a tree, and with it most of a
// bucket, shows only here. The free list's own pages count as reached; without a
// free list, which this program always writes, everything may be lost.
func (p *pages) lost() (uint64, bool) {
	for id := range p.head.high {
		if !p.seen.has(id) && !p.free.has(id) {
			return id, true
		}
	}
	return 0, p.head.freelist == noFreelist
}
