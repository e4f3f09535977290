package state

import (
	"encoding/binary"
	"io"
	"strconv"

	"github.com/preauth-sync/preauth-sync/state/redo"
)

const (
	// application marks a file as this program's.
	application = "preauth-sync state"
	// schema is the version of the buckets, keys and documents. A file of an earlier
	// one is migrated when it is opened.
	schema = 5

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
	// log is where the redo log stands, logSize the length of its value in bytes, and epoch
	// the one that counts.
	log     redo.Run
	logSize uint64
	epoch   uint64
	// recent is what the log holds of the epoch; used tells that there is anything of it.
	recent *recent
	used   bool
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
	names := buckets()
	if found.schema < schema {
		names = earlierBuckets(found.schema)
	}
	if !nested || len(roots) != len(names) {
		return inspection{}, corrupt(path, "it has %d buckets instead of %d, or something beside them", len(roots), len(names))
	}
	checks := make(map[string]*bucketCheck, len(names))
	for _, name := range names {
		if _, ok := roots[name]; !ok {
			return inspection{}, corrupt(path, "the bucket %q is missing", name)
		}
		switch name {
		case bucketMeta: // identify has read it
		case bucketLog:
			if found.log, err = checkLog(p, roots[name], found.logSize, found.file.ID); err != nil {
				return inspection{}, err
			}
		default:
			checks[name] = newBucketCheck(path, name, found.schema)
		}
	}
	if err := checkBuckets(p, roots, checks); err != nil {
		return inspection{}, err
	}
	for name, check := range checks {
		found.stored = found.stored || check.stored
		if want := sequenceOf(name, found.schema, checks); roots[name].sequence != want {
			return inspection{}, corrupt(path, "the sequence of %s is %d and should be %d", name, roots[name].sequence, want)
		}
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
	found := inspection{file: w, schema: int(version)}
	expected := 3
	if found.schema == schema {
		expected = 5
		if found.epoch, err = unsealNumber(bucketMeta, []byte(keyEpoch), values[keyEpoch]); err != nil {
			return inspection{}, corrupt(p.path, "the epoch of its log: %v", err)
		}
		if found.logSize, err = unsealNumber(bucketMeta, []byte(keySize), values[keySize]); err != nil {
			return inspection{}, corrupt(p.path, "the size of its log: %v", err)
		}
	}
	if len(values) != expected || root.sequence != 0 {
		return inspection{}, corrupt(p.path, "it says more of itself than it should")
	}
	return found, nil
}

// checkLog gives where the log stands. What the log holds is not looked at: while the
// file is open it is being written.
func checkLog(p *pages, root bucketRoot, size uint64, owner string) (redo.Run, error) {
	if root.inline != nil || root.sequence != 0 {
		return redo.Run{}, corrupt(p.path, "its log is not what it should be")
	}
	if _, _, err := p.reach(root.page, 1, leafFlag); err != nil {
		return redo.Run{}, err
	}
	return runOf(p.path, p.file, p.head.pageSize, root.page, size, owner)
}

// sequenceOf gives what a bucket's sequence should be: where the newest journal lines
// are, the number of the newest; every other bucket has none.
func sequenceOf(bucket string, version int, checks map[string]*bucketCheck) uint64 {
	switch {
	case version == schema && bucket == bucketRecords:
		return max(checks[bucketRecords].newest, checks[bucketJournal].newest)
	case version < schema && bucket == bucketJournal:
		return checks[bucketJournal].newest
	default:
		return 0
	}
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
			return "journal lines from " + strconv.FormatUint(binary.BigEndian.Uint64(key[idLength:]), 10) + " of " + string(keyID(key[:idLength]))
		}
	case bucketCustomers, bucketPasses:
		if len(key) == numberLength+idLength {
			return bucket + " " + strconv.Itoa(int(keyNumber(key))) + " " + string(keyID(key[numberLength:]))
		}
	case bucketUnfinished, bucketParked, bucketDiscovered, bucketObserved, bucketObservedReads:
		if len(key) >= 2*idLength {
			return bucket + " " + string(keyID(key[:idLength])) + " " + string(keyID(key[len(key)-idLength:]))
		}
	}
	return bucket + " " + strconv.Quote(string(key))
}
