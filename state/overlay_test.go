package state

import (
	"bytes"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// plain is a bucket as a map, and walk its cursor: the oracle of what lies over another.
type plain map[string]string

type walk struct {
	of   plain
	keys []string
	at   int
}

func (p plain) cursor() *walk { return &walk{of: p, keys: slices.Sorted(maps.Keys(p))} }

func (w *walk) First() (key, value []byte) {
	w.at = 0
	return w.Next()
}

func (w *walk) Seek(key []byte) (at, value []byte) {
	w.at, _ = slices.BinarySearch(w.keys, string(key))
	return w.Next()
}

func (w *walk) Next() (key, value []byte) {
	if w.at == len(w.keys) {
		return nil, nil
	}
	w.at++
	return []byte(w.keys[w.at-1]), []byte(w.of[w.keys[w.at-1]])
}

func (p plain) put(key string, value []byte) {
	if value == nil {
		delete(p, key)
	} else {
		p[key] = string(value)
	}
}

const anyBucket = "any"

func anyKey() *rapid.Generator[string] { return rapid.StringMatching(`[a-d]{1,2}`) }

func anyValue() *rapid.Generator[[]byte] {
	return rapid.OneOf(rapid.Just([]byte(nil)), rapid.Map(rapid.StringMatching(`[x-z]{0,2}`), func(s string) []byte {
		return []byte(s)
	}))
}

// anyGroup draws some writes, which into gets as well.
func anyGroup(t *rapid.T, into plain) overlay {
	group := make(overlay)
	for range rapid.IntRange(0, 6).Draw(t, "writes") {
		key, value := anyKey().Draw(t, "key"), anyValue().Draw(t, "value")
		group.put(anyBucket, []byte(key), value)
		into.put(key, value)
	}
	return group
}

// same wants layers over a bucket to say what is in a map.
func same(t *rapid.T, under, want plain, layers ...layer) {
	t.Helper()
	get := func(key string) []byte {
		for _, each := range slices.Backward(layers) {
			if value, known := each.get(anyBucket, []byte(key)); known {
				return value
			}
		}
		if value, ok := under[key]; ok {
			return []byte(value)
		}
		return nil
	}
	begin := func() cursor {
		var c cursor = under.cursor()
		for _, each := range layers {
			c = each.cursor(anyBucket, c)
		}
		return c
	}
	walks := func(c cursor, key, value []byte, w *walk, wantKey, wantValue []byte) {
		for {
			if !bytes.Equal(key, wantKey) || (key == nil) != (wantKey == nil) || !bytes.Equal(value, wantValue) {
				t.Fatalf("the walk is at %q = %q, not at %q = %q", key, value, wantKey, wantValue)
			}
			if key == nil {
				return
			}
			if value := get(string(key)); value == nil || string(value) != want[string(key)] {
				t.Fatalf("%q is %q", key, value)
			}
			key, value = c.Next()
			wantKey, wantValue = w.Next()
		}
	}
	c, w := begin(), want.cursor()
	key, value := c.First()
	wantKey, wantValue := w.First()
	walks(c, key, value, w, wantKey, wantValue)
	at := []byte(anyKey().Draw(t, "sought"))
	key, value = c.Seek(at)
	wantKey, wantValue = w.Seek(at)
	walks(c, key, value, w, wantKey, wantValue)
	if _, ok := want[string(at)]; !ok && get(string(at)) != nil {
		t.Fatalf("%q is there", at)
	}
}

func TestLayersOverABucketAreThatBucketWithTheirWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		under := plain{}
		anyGroup(t, under)
		want := maps.Clone(under)
		lower := anyGroup(t, want)
		without := maps.Clone(want)
		upper := anyGroup(t, want)
		same(t, under, want, lower, upper)
		for key := range maps.Clone(upper[anyBucket]) {
			upper.drop(anyBucket, []byte(key))
		}
		same(t, under, without, lower, upper)
		if len(upper) != 0 {
			t.Fatalf("what is left of an overlay of nothing is %v", upper)
		}
	})
}

// TestAReaderOfWhatIsRecentStaysWhereItBegan: the groups that come later change nothing.
func TestAReaderOfWhatIsRecentStaysWhereItBegan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		under := plain{}
		anyGroup(t, under)
		r := newRecent()
		states, wants := []recentAt{r.now()}, []plain{maps.Clone(under)}
		for n := range rapid.IntRange(0, 5).Draw(t, "groups") {
			want := maps.Clone(wants[n])
			r.add(anyGroup(t, want), uint64(10+n))
			states, wants = append(states, r.now()), append(wants, want)
			if n%2 == 0 {
				states[n].cursor(anyBucket, under.cursor())
			}
		}
		for n, each := range states {
			same(t, under, wants[n], each)
			same(t, under, wants[n], each.overlay())
			if sequence, known := each.sequence(); known != (n > 0) || known && sequence != uint64(9+n) {
				t.Fatalf("after %d groups the sequence is %d, known %v", n, sequence, known)
			}
		}
	})
}

// TestALayerIsPairedWithItsTrees has a fold, and more, between a reader's look at the
// layer and the beginning of its transaction.
func TestALayerIsPairedWithItsTrees(t *testing.T) {
	l, err := Open(Options{Path: filepath.Join(t.TempDir(), "state.db"), Mode: ReadWrite})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	at := int64(0)
	commit := func() {
		at++
		pause := plan.Pause{Since: time.UnixMilli(at)}
		if err := l.Commit(t.Context(), plan.Batch{Pauses: []plan.Pause{pause}}); err != nil {
			t.Fatal(err)
		}
	}
	fold := func() {
		if err := l.MarkOlder(t.Context(), "this folds the log"); err != nil {
			t.Fatal(err)
		}
	}
	commit()
	begun := 0
	tx, recent, err := pair(&l.recent, func() (*bolt.Tx, error) {
		if begun++; begun == 1 {
			for range 2 {
				commit()
				fold()
			}
		}
		return l.db.Begin(false)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	value := snapshot{l: l, tx: tx, recent: recent}.get(bucketPauses, make([]byte, idLength))
	pause, err := decodePause(make([]byte, idLength), value)
	if err != nil || pause.Since.UnixMilli() != at || begun != 2 {
		t.Errorf("the pause is of %v after %d, %v; begun %d times", pause.Since.UnixMilli(), at, err, begun)
	}
}
