package state

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
)

// recent holds what the log holds and the trees do not yet: every group that has been
// durable since the trees were last brought up to date. Readers go on with the state
// that they began with while groups are added, so each value stays as long as the log
// does; its size bounds theirs.
type recent struct {
	mu sync.RWMutex
	// buckets have what was written last of each key, and behind it what was before.
	buckets map[string]map[string]*written
	// sorted are the keys of a bucket in order, as long as none is added.
	sorted map[string][]string
	// sequences has that of the records after each group.
	sequences []uint64
}

// written is a value, nil for a deleted key, and since which group it is so.
type written struct {
	group  int
	value  []byte
	before *written
}

func newRecent() *recent {
	return &recent{buckets: make(map[string]map[string]*written), sorted: make(map[string][]string)}
}

// add puts a durable group on top. Whoever reads at an earlier state goes on seeing that.
func (r *recent) add(group overlay, sequence uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sequences = append(r.sequences, sequence)
	for bucket, values := range group {
		of, ok := r.buckets[bucket]
		if !ok {
			of = make(map[string]*written, len(values))
			r.buckets[bucket] = of
		}
		added := make([]written, 0, len(values)) // what is added together goes together
		for key, value := range values {
			added = append(added, written{group: len(r.sequences), value: value, before: of[key]})
			of[key] = &added[len(added)-1]
		}
	}
}

// size is how many keys the groups speak of.
func (r *recent) size() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	n := 0
	for _, of := range r.buckets {
		n += len(of)
	}
	return n
}

// now is the present state.
func (r *recent) now() recentAt {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return recentAt{recent: r, groups: len(r.sequences)}
}

// keys gives the keys of a bucket in order, those of later groups among them.
func (r *recent) keys(bucket string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if of := r.buckets[bucket]; len(r.sorted[bucket]) < len(of) {
		r.sorted[bucket] = slices.Sorted(maps.Keys(of))
	}
	return r.sorted[bucket]
}

// recentAt is a layer: recent with its first groups, and without those that came later.
// Its zero value says nothing.
type recentAt struct {
	recent *recent
	groups int
}

// get gives what the groups say of a key.
func (s recentAt) get(bucket string, key []byte) (value []byte, known bool) {
	if s.groups == 0 {
		return nil, false
	}
	s.recent.mu.RLock()
	defer s.recent.mu.RUnlock()
	if w := s.newest(s.recent.buckets[bucket][string(key)]); w != nil {
		return w.value, true
	}
	return nil, false
}

// newest gives what the groups say of a key that was written last in w, nil for nothing.
func (s recentAt) newest(w *written) *written {
	for ; w != nil; w = w.before {
		if w.group <= s.groups {
			return w
		}
	}
	return nil
}

func (s recentAt) cursor(bucket string, under cursor) cursor {
	if s.groups == 0 {
		return under
	}
	return &merged{under: under, over: s, bucket: bucket, keys: s.recent.keys(bucket)}
}

// sequence gives that of the records, and whether the groups say it.
func (s recentAt) sequence() (n uint64, known bool) {
	if s.groups == 0 {
		return 0, false
	}
	s.recent.mu.RLock()
	defer s.recent.mu.RUnlock()
	return s.recent.sequences[s.groups-1], true
}

// overlay gives what the groups come to, without what came before of each key.
func (s recentAt) overlay() overlay {
	all := make(overlay)
	if s.groups == 0 {
		return all
	}
	s.recent.mu.RLock()
	defer s.recent.mu.RUnlock()
	for bucket, of := range s.recent.buckets {
		values := make(map[string][]byte, len(of))
		for key, last := range of {
			if w := s.newest(last); w != nil {
				values[key] = w.value
			}
		}
		all[bucket] = values
	}
	return all
}

// pair begins a transaction, and gives what lies over the trees that it sees. Each
// transaction that writes leaves a new layer behind it, to which the next groups are
// added: whoever finds the same layer before and after beginning has the one that belongs
// to the trees.
func pair(layer *atomic.Pointer[recent], begin func() (*bolt.Tx, error)) (*bolt.Tx, recentAt, error) {
	for {
		before := layer.Load()
		tx, err := begin()
		if err != nil {
			return nil, recentAt{}, err
		}
		if layer.Load() == before {
			return tx, before.now(), nil
		}
		_ = tx.Rollback()
	}
}
