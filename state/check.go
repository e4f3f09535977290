package state

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"runtime"
	"sync"
	"sync/atomic"
)

// bucketCheck checks every document of a bucket, or of a part of one.
type bucketCheck struct {
	path    string
	name    string
	version int
	// begun is the checksum of the bucket's name, with which each document's begins.
	begun uint32
	table *crc32.Table

	// stored is set when there are any, and newest is their newest journal line's number.
	stored bool
	newest uint64
}

func newBucketCheck(path, name string, version int) *bucketCheck {
	table := crc32.MakeTable(crc32.Castagnoli)
	return &bucketCheck{path: path, name: name, version: version, begun: crc32.Checksum([]byte(name), table), table: table}
}

func (c *bucketCheck) document(e element) error {
	c.stored = true
	if e.bucket {
		return corrupt(c.path, "%s %x is a bucket", c.name, e.key)
	}
	end := len(e.both) - checksumLength
	if len(e.value) < checksumLength || crc32.Update(c.begun, c.table, e.both[:end]) != binary.BigEndian.Uint32(e.both[end:]) {
		return corrupt(c.path, "%s: %v", describe(c.name, e.key), errChecksum)
	}
	switch {
	case c.version == schema && (c.name == bucketRecords || c.name == bucketJournal):
		newest, _ := binary.Uvarint(e.value[:len(e.value)-checksumLength])
		c.newest = max(c.newest, newest)
	case c.version < schema && c.name == bucketJournal && len(e.key) == idLength+seqLength:
		c.newest = max(c.newest, binary.BigEndian.Uint64(e.key[idLength:]))
	}
	return nil
}

// subtree is a part of a bucket that is still to be checked.
type subtree struct {
	check     *bucketCheck
	page      uint64
	depth     int
	low, high []byte
}

// checkBuckets checks the documents of the buckets with as many workers as there are
// processors: a file of a million records is read in a fraction of a second.
func checkBuckets(p *pages, roots map[string]bucketRoot, checks map[string]*bucketCheck) error {
	var parts []subtree
	for name, check := range checks {
		root := roots[name]
		if root.inline != nil {
			if err := p.bucket(root, check.document); err != nil {
				return err
			}
			continue
		}
		parts = append(parts, subtree{check: check, page: root.page, depth: 1})
	}
	const enough = 64
	for level := 0; level < 2 && len(parts) < enough; level++ {
		var err error
		if parts, err = divide(p, parts); err != nil {
			return err
		}
	}
	return checkParts(p, parts)
}

// divide gives the parts of parts; those that have none are checked.
func divide(p *pages, parts []subtree) (divided []subtree, err error) {
	for _, each := range parts {
		children, err := p.children(each.page, each.depth, each.low, each.high, each.check.document)
		if err != nil {
			return nil, err
		}
		for i, child := range children {
			high := each.high
			if i+1 < len(children) {
				high = children[i+1].key
			}
			divided = append(divided, subtree{each.check, child.child, each.depth + 1, bytes.Clone(child.key), bytes.Clone(high)})
		}
	}
	return divided, nil
}

// checkParts shares the parts among workers. Each notes for itself what it has seen.
func checkParts(p *pages, parts []subtree) error {
	var next atomic.Int64
	var failed atomic.Bool
	var wg sync.WaitGroup
	workers := make([]worker, min(runtime.GOMAXPROCS(0), len(parts)))
	for n := range workers {
		w := &workers[n]
		w.pages = p.apart()
		w.checks = make(map[string]*bucketCheck)
		wg.Go(func() {
			// A panic here would end the process: nobody above could recover it.
			w.err = guard(p.path, func() error {
				for at := next.Add(1) - 1; at < int64(len(parts)) && !failed.Load(); at = next.Add(1) - 1 {
					if err := w.part(parts[at]); err != nil {
						return err
					}
				}
				return nil
			})
			if w.err != nil {
				failed.Store(true)
			}
		})
	}
	wg.Wait()
	for _, w := range workers {
		if w.err != nil {
			return w.err
		}
	}
	for _, each := range parts {
		for _, w := range workers {
			if own, ok := w.checks[each.check.name]; ok {
				each.check.stored = each.check.stored || own.stored
				each.check.newest = max(each.check.newest, own.newest)
			}
		}
	}
	for _, w := range workers {
		if err := p.join(w.pages); err != nil {
			return err
		}
	}
	return nil
}

type worker struct {
	pages  *pages
	checks map[string]*bucketCheck
	err    error
}

func (w *worker) part(part subtree) error {
	own, ok := w.checks[part.check.name]
	if !ok {
		copied := *part.check
		own = &copied
		w.checks[part.check.name] = own
	}
	return w.pages.tree(part.page, part.depth, part.low, part.high, own.document)
}
