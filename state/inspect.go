package state

import (
	"encoding/binary"
	"io"
	"strconv"
)

const (
	// application marks a file as this program's.
	application = "preauth-sync state"
	// schema is the version of the buckets, keys and documents. A file of an earlier
	// one is migrated when it is opened ReadWrite.
	schema = 4

	keyApplication = "application"
	keySchema      = "schema"
	keyFile        = "file"
)

// inspection is what a look at every byte in use has shown.
type inspection struct {
	file   wireFile
	schema int
	// pages is the number in use.
	pages uint64
	// stored is set when there is anything but what the file says of itself.
	stored bool
}

// blank tells whether a file has never been of use: nothing was ever sent by it, and
// it remembers nothing. It is as good as a new one.
func (i inspection) blank() bool {
	return !i.stored && i.file.Generation == 0 && i.file.Older == "" && i.file.Backup == 0
}

// inspect reads one snapshot of a file without bbolt and without changing
// anything: pages, then whose file it is, then the checksum of every document.
// The time it takes is that of reading the file once.
func inspect(path string, file io.ReaderAt, h head, c codec) (inspection, error) {
	p, err := newPages(path, file, h)
	if err != nil {
		return inspection{}, err
	}
	roots := make(map[string]bucketRoot)
	nested := true
	err = p.tree(h.root, 0, nil, nil, func(e element) error {
		nested = nested && e.bucket
		if !e.bucket {
			return nil
		}
		root, err := p.parseBucket(e.value)
		roots[string(e.key)] = root
		return err
	})
	if err != nil {
		return inspection{}, err
	}
	found, err := identify(p, roots, c)
	if err != nil {
		return inspection{}, err
	}
	names := buckets(found.schema)
	if !nested || len(roots) != len(names) {
		return inspection{}, corrupt(path, "it has %d buckets instead of %d, or something beside them", len(roots), len(names))
	}
	for _, name := range names {
		root, ok := roots[name]
		if !ok {
			return inspection{}, corrupt(path, "the bucket %q is missing", name)
		}
		if name == bucketMeta {
			continue // identify has read it
		}
		stored, err := checkBucket(p, name, root)
		if err != nil {
			return inspection{}, err
		}
		found.stored = found.stored || stored
	}
	if id, lost := p.lost(); lost {
		return inspection{}, corrupt(path, "page %d is neither in use nor free", id)
	}
	found.pages = h.high
	return found, nil
}

// identify tells whose file it is, and of which schema.
func identify(p *pages, roots map[string]bucketRoot, c codec) (inspection, error) {
	foreign := &Error{Kind: Foreign, Path: p.path, Detail: "it is a bbolt database without this program's mark"}
	root, ok := roots[bucketMeta]
	if !ok {
		return inspection{}, foreign
	}
	values := make(map[string][]byte)
	err := p.bucket(root, func(e element) error {
		values[string(e.key)] = append([]byte(nil), e.value...)
		return nil
	})
	if err != nil {
		return inspection{}, err
	}
	mark, ok := values[keyApplication]
	if !ok {
		return inspection{}, foreign
	}
	body, err := unseal(bucketMeta, []byte(keyApplication), mark)
	if err != nil {
		return inspection{}, corrupt(p.path, "its application mark: %v", err)
	}
	if string(body) != application {
		return inspection{}, foreign
	}
	body, err = unseal(bucketMeta, []byte(keySchema), values[keySchema])
	if err != nil {
		return inspection{}, corrupt(p.path, "its schema version: %v", err)
	}
	version, err := strconv.ParseUint(string(body), 10, 32)
	if err != nil || version < 1 {
		return inspection{}, corrupt(p.path, "its schema version is %.20q", body)
	}
	if version > schema {
		return inspection{}, &Error{
			Kind: NewerSchema, Path: p.path,
			Detail: "its schema version is " + strconv.FormatUint(version, 10) + ", this program knows " + strconv.Itoa(schema),
		}
	}
	var w wireFile
	if err := c.get(bucketMeta, []byte(keyFile), values[keyFile], &w); err != nil {
		return inspection{}, corrupt(p.path, "what it says of itself: %v", err)
	}
	if len(values) != 3 || root.sequence != 0 {
		return inspection{}, corrupt(p.path, "it says more of itself than it should")
	}
	return inspection{file: w, schema: int(version)}, nil
}

// checkBucket checks every document of a bucket, and the bucket's sequence: the
// journal's is that of its highest line, every other bucket has none. It tells
// whether there are any.
func checkBucket(p *pages, name string, root bucketRoot) (stored bool, err error) {
	var highest uint64
	err = p.bucket(root, func(e element) error {
		stored = true
		if e.bucket {
			return corrupt(p.path, "%s %x is a bucket", name, e.key)
		}
		if _, err := unseal(name, e.key, e.value); err != nil {
			return corrupt(p.path, "%s: %v", describe(name, e.key), err)
		}
		if name == bucketJournal && len(e.key) == idLength+seqLength {
			highest = max(highest, binary.BigEndian.Uint64(e.key[idLength:]))
		}
		return nil
	})
	if err != nil {
		return stored, err
	}
	if root.sequence != highest {
		return stored, corrupt(p.path, "the sequence of %s is %d and should be %d", name, root.sequence, highest)
	}
	return stored, nil
}

// describe names a document for people.
func describe(bucket string, key []byte) string {
	switch bucket {
	case bucketRecords, bucketProperties, bucketTallies, bucketPauses:
		if len(key) == idLength {
			names := map[string]string{
				bucketRecords: "record ", bucketProperties: "property ",
				bucketTallies: "the tally of ", bucketPauses: "the pause of ",
			}
			return names[bucket] + string(keyID(key))
		}
	case bucketJournal:
		if len(key) == idLength+seqLength {
			return "journal line " + strconv.FormatUint(binary.BigEndian.Uint64(key[idLength:]), 10) + " of " + string(keyID(key[:idLength]))
		}
	case bucketUnfinished, bucketParked, bucketCustomers, bucketDiscovered, bucketObserved, bucketObservedReads:
		if len(key) >= 2*idLength {
			return bucket + " " + string(keyID(key[:idLength])) + " " + string(keyID(key[len(key)-idLength:]))
		}
	}
	return bucket + " " + strconv.Quote(string(key))
}
