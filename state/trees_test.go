package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// forest is a database with a bucket for each shape that a tree can have, of pages that are
// small, so that a few thousand keys make a deep one.
type forest struct {
	db      *bolt.DB
	random  *rand.Rand
	buckets map[string]shape
}

// shape is how many keys a bucket may have, how long their values may be, in bytes, and how
// many of ten changes delete.
type shape struct{ keys, value, deleted int }

func newForest(t *testing.T) *forest {
	t.Helper()
	f := &forest{random: rand.New(rand.NewPCG(1, 2)), buckets: map[string]shape{
		"empty": {}, "inline": {3, 8, 3}, "one leaf": {10, 40, 3}, "deep": {30_000, 16, 1}, "overflow": {40, 5000, 3},
		"thinned": {3000, 60, 6}, "comes and goes": {6, 100, 8},
	}}
	db, err := bolt.Open(filepath.Join(t.TempDir(), "forest.db"), fileMode, &bolt.Options{PageSize: smallestPage, NoSync: true, InitialMmapSize: 256 << 20})
	if err != nil {
		t.Fatal(err)
	}
	f.db = db
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *forest) names() []string { return slices.Sorted(maps.Keys(f.buckets)) }

// key gives one of a bucket's keys. They differ in length, and half of them begin alike.
func (f *forest) key(s shape) []byte {
	n := f.random.IntN(s.keys + 1)
	if n%2 == 0 {
		return fmt.Appendf(nil, "a key that begins like others %d", n)
	}
	return fmt.Appendf(nil, "%d", n*7919)
}

// change puts and deletes in all buckets.
func (f *forest) change(t *testing.T) {
	t.Helper()
	err := f.db.Update(func(tx *bolt.Tx) error {
		for _, name := range f.names() {
			s := f.buckets[name]
			bucket, err := tx.CreateBucketIfNotExists([]byte(name))
			for range min(s.keys, 2000) {
				if err != nil {
					return err
				}
				if key := f.key(s); f.random.IntN(10) < s.deleted {
					err = bucket.Delete(key)
				} else {
					err = bucket.Put(key, bytes.Repeat(key[:1], f.random.IntN(s.value)))
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (f *forest) begin(t *testing.T) *bolt.Tx {
	t.Helper()
	tx, err := f.db.Begin(false)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// agree compares what a lookup finds with what bbolt does.
func (f *forest) agree(t *testing.T, tx *bolt.Tx, trees *trees, last *leafPage) {
	t.Helper()
	for _, name := range f.names() {
		s := f.buckets[name]
		for range 500 {
			key := f.key(s)
			want := tx.Bucket([]byte(name)).Get(key)
			if got, err := trees.get(name, key, last); err != nil || !bytes.Equal(got, want) || (got == nil) != (want == nil) {
				t.Fatalf("%s: %q is %q instead of %q, %v", name, key, got, want, err)
			}
		}
	}
}

func openFile(t *testing.T, path string) *os.File {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

// TestALookupFindsWhatBboltFinds: in trees of every shape, in the newest state and in one
// that others have gone on from.
func TestALookupFindsWhatBboltFinds(t *testing.T) {
	f := newForest(t)
	file := openFile(t, f.db.Path())
	for range 30 {
		f.change(t)
		tx := f.begin(t)
		trees := newTrees("state.db", file, tx)
		var last leafPage
		f.agree(t, tx, trees, &last)
		f.change(t)
		f.change(t)
		f.agree(t, tx, trees, &last)
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestADamagedPageIsNoMissingKey: whatever byte of a page's head or of its elements is
// another one, a lookup finds the value or says that the file is corrupt. Two things it
// cannot see: how long the last element is shows in its document's checksum, and a branch
// that leads to a page as it was earlier shows when the file is opened.
func TestADamagedPageIsNoMissingKey(t *testing.T) {
	f := newForest(t)
	for range 10 {
		f.change(t)
	}
	tx := f.begin(t)
	defer func() { _ = tx.Rollback() }()
	sound, err := os.ReadFile(f.db.Path())
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for range 20_000 {
		page := 2 + f.random.IntN(int(tx.Size())/smallestPage-2)
		header := parsePageHeader(sound[page*smallestPage:])
		if header.flags != leafFlag && header.flags != branchFlag || header.count == 0 || header.id != uint64(page) {
			continue
		}
		at := page*smallestPage + f.random.IntN(min(pageHeaderLength+elementLength*(header.count-1), smallestPage))
		was := sound[at]
		sound[at] ^= byte(1 + f.random.IntN(255))
		if header.flags == branchFlag && leadsToAPage(sound, page, (at-page*smallestPage-pageHeaderLength)/elementLength) {
			sound[at] = was
			continue
		}
		if f.refused(t, tx, sound) {
			refused++
		}
		sound[at] = was
	}
	if refused < 20 {
		t.Errorf("only %d damages were refused", refused)
	}
}

// leadsToAPage tells whether an element of a branch leads to what may be a page of a tree.
func leadsToAPage(file []byte, branch, element int) bool {
	at := branch*smallestPage + pageHeaderLength + elementLength*element
	child := binary.NativeEndian.Uint64(file[at+elementLength/2:])
	if child < 2 || child >= uint64(len(file)/smallestPage) {
		return false
	}
	header := parsePageHeader(file[child*smallestPage:])
	return header.id == child && (header.flags == leafFlag || header.flags == branchFlag)
}

// TestAChangedBranchIsNoMissingKey: one bit makes the first key of a branch a later one, its
// first two references have changed places, or the first leads nowhere.
func TestAChangedBranchIsNoMissingKey(t *testing.T) {
	f := newForest(t)
	for range 6 {
		f.change(t)
	}
	tx := f.begin(t)
	defer func() { _ = tx.Rollback() }()
	sound, err := os.ReadFile(f.db.Path())
	if err != nil {
		t.Fatal(err)
	}
	leadTo := func(page uint64) func(branch, firstKey []byte) {
		return func(branch, _ []byte) {
			binary.NativeEndian.PutUint64(branch[pageHeaderLength+elementLength/2:], page)
		}
	}
	changes := map[string]func(branch, firstKey []byte){
		"a key":       func(_, firstKey []byte) { firstKey[len(firstKey)-1] |= 0x40 },
		"to page 0":   leadTo(0),
		"to page 1":   leadTo(1),
		"to the end":  leadTo(uint64(tx.Size() / smallestPage)),
		"far outside": leadTo(1 << 63),
		"references": func(branch, _ []byte) {
			one := branch[pageHeaderLength+elementLength/2:][:elementLength/2]
			other := branch[pageHeaderLength+elementLength+elementLength/2:][:elementLength/2]
			was := bytes.Clone(one)
			copy(one, other)
			copy(other, was)
		},
	}
	for what, change := range changes {
		damaged, refused := bytes.Clone(sound), 0
		for page := 2; page < int(tx.Size())/smallestPage; page++ {
			branch := damaged[page*smallestPage:][:smallestPage]
			header := parsePageHeader(branch)
			if header.flags != branchFlag || header.id != uint64(page) || header.count < 2 {
				continue
			}
			from := pageHeaderLength + binary.NativeEndian.Uint32(branch[pageHeaderLength:])
			first := branch[from:][:binary.NativeEndian.Uint32(branch[pageHeaderLength+4:])]
			key := bytes.Clone(first)
			change(branch, first)
			if f.refusedKey(t, tx, damaged, key) {
				refused++
			}
			copy(branch, sound[page*smallestPage:])
		}
		if refused < 5 {
			t.Errorf("%s of a branch: refused %d times", what, refused)
		}
	}
}

// refusedKey looks a key up in every bucket of a damaged file.
func (f *forest) refusedKey(t *testing.T, tx *bolt.Tx, damaged, key []byte) (refused bool) {
	t.Helper()
	trees := newTrees("state.db", bytes.NewReader(damaged), tx)
	for _, name := range f.names() {
		got, err := trees.get(name, key, new(leafPage))
		if want := tx.Bucket([]byte(name)).Get(key); err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%s: %q is %q instead of %q", name, key, got, want)
		}
		refused = refused || err != nil
	}
	return refused
}

// refused looks keys up in a damaged file, and tells whether that was found out.
func (f *forest) refused(t *testing.T, tx *bolt.Tx, damaged []byte) bool {
	t.Helper()
	trees := newTrees("state.db", bytes.NewReader(damaged), tx)
	var last leafPage
	var err error
	for _, name := range f.names() {
		s := f.buckets[name]
		for n := 0; n < 3 && err == nil; n++ {
			key := f.key(s)
			want := tx.Bucket([]byte(name)).Get(key)
			var got []byte
			if got, err = trees.get(name, key, &last); err == nil && !bytes.Equal(got, want) {
				t.Fatalf("%s: %q is %q instead of %q", name, key, got, want)
			}
		}
	}
	if refusal, ok := errors.AsType[*Error](err); err != nil && (!ok || refusal.Kind != Corrupt) {
		t.Fatalf("the refusal is %v", err)
	}
	return err != nil
}
