package state

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"sort"
	"sync"

	bolt "go.etcd.io/bbolt"
)

// trees are the buckets as one transaction sees them, for whoever looks up single keys.
// The pages on the way to a key are read from the file and not through bbolt's mapping:
// there each page brings its neighbours with it, all of them count as memory of this
// process, and once they are let go it costs more to map a page again than to read it.
// While the transaction is open nobody writes to a page that it sees.
type trees struct {
	pageFile
	db *bolt.DB
	id int // of the transaction
	// roots tells where each bucket stands. It looks when it is first asked.
	roots func() (map[string]bucketRoot, error)

	mu sync.RWMutex
	// kept are branches, and the roots of buckets, by their page. They never change.
	kept map[uint64]treePage
}

// mostKept is how many pages are kept at the most. Those of a million records have some
// 800 branches.
const mostKept = 1024

// treePage is a page as it was read, with its overflow.
type treePage struct {
	header pageHeader
	bytes  []byte
	// Its keys lie from low up to but without high, as the way to it says; nil means no
	// limit.
	low, high []byte
}

// leafPage is the last leaf that a snapshot has read: what is looked up next may stand
// there too.
type leafPage struct{ treePage }

// treesOf gives the buckets as an open transaction sees them, which must be one that
// only reads.
func (l *Ledger) treesOf(tx *bolt.Tx) *trees {
	if known := l.trees.Load(); known != nil && known.db == tx.DB() && known.id == tx.ID() {
		return known
	}
	t := newTrees(l.options.Path, l.handle, tx)
	l.trees.Store(t)
	return t
}

// newTrees is for a transaction of that file.
func newTrees(path string, file io.ReaderAt, tx *bolt.Tx) *trees {
	h := head{pageSize: int64(tx.DB().Info().PageSize), root: uint64(tx.Cursor().Bucket().RootPage())}
	h.high = uint64(tx.Size() / h.pageSize)
	t := &trees{
		pageFile: pageFile{path: path, file: file, head: h}, db: tx.DB(), id: tx.ID(), kept: make(map[uint64]treePage),
	}
	t.roots = sync.OnceValues(t.findRoots)
	return t
}

// size is that of the pages in use, in bytes.
func (t *trees) size() int64 { return int64(t.head.high) * t.head.pageSize }

// findRoots tells where each bucket stands.
func (t *trees) findRoots() (map[string]bucketRoot, error) {
	roots := make(map[string]bucketRoot)
	walk := &pages{pageFile: t.pageFile, seen: newBitset(t.head.high), free: newBitset(t.head.high)}
	return roots, walk.tree(t.head.root, 0, nil, nil, func(e element) error {
		root, err := t.parseBucket(e.value)
		roots[string(e.key)] = root
		return err
	})
}

// get gives the value of a key, nil for none. Of every page on the way is checked where it
// stands, that its elements lie back to back, and that its keys are in order and between
// those that led to it: what breaks any of that is an error, and never a key that is not
// there.
func (t *trees) get(bucket string, key []byte, last *leafPage) ([]byte, error) {
	roots, err := t.roots()
	if err != nil {
		return nil, err
	}
	root, ok := roots[bucket]
	if !ok {
		return nil, corrupt(t.path, "the bucket %q is missing", bucket)
	}
	wanted := sought{key: key}
	if root.inline != nil {
		err := t.small(root.inline, wanted.visit)
		return wanted.value, err
	}
	for id, low, high, depth := root.page, []byte(nil), []byte(nil), 1; ; depth++ {
		page, err := t.page(id, depth, low, high, last)
		if err != nil {
			return nil, err
		}
		if page.header.flags == leafFlag {
			err := t.elements(page.bytes, page.header, low, high, wanted.visit)
			return bytes.Clone(wanted.value), err
		}
		// The child whose keys begin with the last one that is not behind the key. A key before
		// all of them is looked for in the first: what that says of its keys must be so.
		n := max(1, sort.Search(page.header.count, func(n int) bool { return bytes.Compare(page.key(n), key) > 0 }))
		if n < page.header.count {
			high = page.key(n)
		}
		id, low = page.child(n-1), page.key(n-1)
	}
}

// page gives a page below a bucket's root, which is at depth 1. The elements of a leaf are
// still to be checked. It is valid until the next one is read.
func (t *trees) page(id uint64, depth int, low, high []byte, last *leafPage) (treePage, error) {
	if err := t.within(id, depth); err != nil {
		return treePage{}, err
	}
	t.mu.RLock()
	page, known := t.kept[id]
	t.mu.RUnlock()
	switch {
	case known && bytes.Equal(page.low, low) && bytes.Equal(page.high, high):
		return page, nil
	case known:
		return treePage{}, corrupt(t.path, "page %d is in use twice", id)
	case last.header.id == id:
		return last.treePage, nil
	}
	if err := t.readLeaf(id, last); err != nil {
		return treePage{}, err
	}
	if last.header.flags == leafFlag && depth > 1 {
		return last.treePage, nil
	}
	page = treePage{header: last.header, bytes: bytes.Clone(last.bytes), low: low, high: high}
	last.header = pageHeader{}
	if page.header.flags == branchFlag {
		if err := t.elements(page.bytes, page.header, low, high, func(element) error { return nil }); err != nil {
			return treePage{}, err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.kept) < mostKept {
		t.kept[id] = page
	}
	return page, nil
}

// readLeaf reads a page with its overflow into the place of the last one.
func (t *trees) readLeaf(id uint64, last *leafPage) error {
	last.header = pageHeader{}
	b := slices.Grow(last.bytes[:0], int(t.head.pageSize))[:t.head.pageSize]
	if _, err := t.file.ReadAt(b, int64(id)*t.head.pageSize); err != nil {
		return t.unreadable(err)
	}
	header, err := t.header(b, id, branchFlag|leafFlag)
	if err != nil {
		return err
	}
	if header.overflow > 0 {
		b = slices.Grow(b, int(header.overflow)*int(t.head.pageSize))[:int(header.overflow+1)*int(t.head.pageSize)]
		if _, err := t.file.ReadAt(b, int64(id)*t.head.pageSize); err != nil {
			return t.unreadable(err)
		}
	}
	if header.count == 0 {
		return corrupt(t.path, "page %d is empty", id)
	}
	last.header, last.bytes = header, b
	return nil
}

// sought is a key and the value that was found with it.
type sought struct{ key, value []byte }

func (s *sought) visit(e element) error {
	if bytes.Equal(e.key, s.key) {
		s.value = e.value
	}
	return nil
}

// key and child are those of a branch's element, which has been checked.
func (p treePage) key(n int) []byte {
	at := pageHeaderLength + elementLength*n
	from := at + int(binary.NativeEndian.Uint32(p.bytes[at:]))
	return p.bytes[from:][:binary.NativeEndian.Uint32(p.bytes[at+4:])]
}

func (p treePage) child(n int) uint64 {
	return binary.NativeEndian.Uint64(p.bytes[pageHeaderLength+elementLength*n+8:])
}
