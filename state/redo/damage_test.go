package redo_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/preauth-sync/preauth-sync/state/redo"
)

// sector is what a disk writes in one piece, in bytes.
const sector = 512

// before fills an epoch and begins the next one, so that what a torn write leaves is
// beside blocks of an earlier epoch, and beside zeros.
func before(t *testing.T) (*disk, *redo.Log, []string) {
	t.Helper()
	d := newDisk(size())
	mustAppend(t, redo.New(d, whole(), 1), long(1, 300), long(2, 5000), long(3, 3000))
	l := redo.New(d, whole(), 2)
	groups := []string{long(4, 1200), long(5, 40)}
	mustAppend(t, l, groups...)
	return d, l, groups
}

// changed gives where two contents differ, in sectors.
func changed(a, b []byte) (at []int) {
	for from := 0; from < len(a); from += sector {
		if !bytes.Equal(a[from:from+sector], b[from:from+sector]) {
			at = append(at, from)
		}
	}
	return at
}

// TestATornGroupCountsAsAbsent: a power failure leaves any of the sectors that were being
// written. Only with all of them the group is there.
func TestATornGroupCountsAsAbsent(t *testing.T) {
	for _, length := range []int{1, 488, 489, 3000, 3904, 4300} {
		d, l, groups := before(t)
		old := bytes.Clone(d.synced)
		group := long(6, length)
		mustAppend(t, l, group)
		at := changed(old, d.content)
		for subset := range 1 << len(at) {
			torn := bytes.Clone(old)
			for i, from := range at {
				if subset&(1<<i) != 0 {
					copy(torn[from:from+sector], d.content[from:])
				}
			}
			got, used, err := replay(torn, whole(), 2)
			if err != nil || !used {
				t.Fatalf("%d bytes, subset %b: used %v, %v", length, subset, used, err)
			}
			all := append(slices.Clone(groups), group)
			// Sectors of zeros at its end are no part of the group.
			if !slices.Equal(got, groups) && !slices.Equal(got, all) {
				t.Fatalf("%d bytes, subset %b: %d groups", length, subset, len(got))
			}
			whole := subset&(1<<blocksOf(length)-1) == 1<<blocksOf(length)-1
			if whole != (len(got) == len(all)) {
				t.Fatalf("%d bytes, subset %b: %d groups, and the write was whole: %v", length, subset, len(got), whole)
			}
		}
	}
}

// blocksOf is how many sectors a group fills.
func blocksOf(length int) int { return (length + 487) / 488 }

// TestATornFirstGroupUsesUpItsEpoch: otherwise another first group could be torn in its
// turn, and the two be taken for a whole one.
func TestATornFirstGroupUsesUpItsEpoch(t *testing.T) {
	d := newDisk(size())
	mustAppend(t, redo.New(d, whole(), 3), long(1, 2000))
	for block := range 5 {
		torn := make([]byte, size())
		from := int(whole().Offset) + block*sector
		copy(torn[from:from+sector], d.content[from:])
		groups, used, err := replay(torn, whole(), 3)
		if len(groups) != 0 || !used || err != nil {
			t.Errorf("block %d: %d groups, used %v, %v", block, len(groups), used, err)
		}
	}
}

// TestNoChangedByteIsBelieved changes every byte of a log in turn. Each change is found,
// or stands where nothing is kept, and then everything comes back.
func TestNoChangedByteIsBelieved(t *testing.T) {
	d, l, groups := before(t)
	groups = append(groups, long(6, 700), long(7, 5))
	mustAppend(t, l, groups[2:]...)
	// Where the groups stand: each on a page of its own, so many blocks of it.
	inUse := map[int]bool{}
	for page, each := range groups {
		for block := range blocksOf(len(each)) {
			inUse[(int(whole().Offset)+page*redo.Page)/sector+block] = true
		}
	}
	found := 0
	for at := range d.synced {
		content := bytes.Clone(d.synced)
		content[at] ^= 1 << (at % 8)
		got, _, err := replay(content, whole(), 2)
		if err != nil {
			found++
			continue
		}
		if inUse[at/sector] || !slices.Equal(got, groups) {
			t.Fatalf("byte %d was changed and believed", at)
		}
	}
	if found < len(inUse)*sector {
		t.Errorf("%d changes were found", found)
	}
}

// TestALostSectorOfAnEarlierGroupIsFound: what a disk gives back is sound, but is what it
// held before. Behind the group there is one that was written only once it was durable.
func TestALostSectorOfAnEarlierGroupIsFound(t *testing.T) {
	d := newDisk(size())
	mustAppend(t, redo.New(d, whole(), 1), long(1, 3000), long(2, 5000))
	old := bytes.Clone(d.synced)
	l := redo.New(d, whole(), 2)
	groups := []string{long(3, 1200), long(4, 600), long(5, 600)}
	mustAppend(t, l, groups...)
	for page, group := range groups {
		for block := range blocksOf(len(group)) {
			from := int(whole().Offset) + page*redo.Page + block*sector
			for _, holds := range [][]byte{old[from : from+sector], make([]byte, sector)} {
				content := bytes.Clone(d.synced)
				copy(content[from:], holds)
				got, _, err := replay(content, whole(), 2)
				if last := page == len(groups)-1; last {
					// This is what cannot be told from a torn write.
					if err != nil || !slices.Equal(got, groups[:page]) {
						t.Errorf("the last group: %d groups, %v", len(got), err)
					}
				} else if err == nil {
					t.Errorf("group %d lost block %d, and %d groups were believed", page, block, len(got))
				}
			}
		}
	}
}

// TestABlockElsewhereIsNotBelieved: a sound block is one at its own place only.
func TestABlockElsewhereIsNotBelieved(t *testing.T) {
	d, l, groups := before(t)
	groups = append(groups, long(6, 900))
	mustAppend(t, l, groups[2])
	block := func(content []byte, n int) []byte {
		return content[int(whole().Offset)+n*sector:][:sector]
	}
	moved := 0
	for from := range 64 {
		for to := range 64 {
			if from == to || bytes.Equal(block(d.synced, from), make([]byte, sector)) {
				continue // zeros are a lost sector
			}
			content := bytes.Clone(d.synced)
			copy(block(content, to), block(d.synced, from))
			if got, _, err := replay(content, whole(), 2); err == nil && !slices.Equal(got, groups) {
				t.Errorf("block %d in the place of %d: %d groups were believed", from, to, len(got))
			}
			moved++
		}
	}
	if moved == 0 {
		t.Error("nothing was moved")
	}
}

// FuzzReplay gives a replay a log with anything in it. What it believes is a beginning of
// what was appended; it never asks for more memory than the run has.
func FuzzReplay(f *testing.F) {
	f.Add(uint64(2), uint16(4096), []byte{1}, uint16(3))
	f.Add(uint64(1), uint16(5000), make([]byte, 600), uint16(0))
	f.Add(uint64(3), uint16(12), []byte{0xff, 0xff, 0xff, 0xff}, uint16(9))
	f.Fuzz(func(t *testing.T, epoch uint64, at uint16, over []byte, seed uint16) {
		d := newDisk(size())
		dice := rand.New(rand.NewPCG(uint64(seed), 0))
		history := map[uint64][]string{}
		for e := range uint64(3) {
			l := redo.New(d, whole(), e)
			for range 1 + dice.IntN(3) {
				group := long(dice.Int(), 1+dice.IntN(6000))
				mustAppend(t, l, group)
				history[e] = append(history[e], group)
			}
		}
		content := d.synced
		copy(content[min(int(at), len(content)):], over)
		got, _, err := replay(content, whole(), epoch)
		if wrote := history[epoch]; err == nil && (len(got) > len(wrote) || !slices.Equal(got, wrote[:len(got)])) {
			t.Fatalf("epoch %d: %d groups that were never appended", epoch, len(got))
		}
	})
}
