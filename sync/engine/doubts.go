package engine

import (
	"cmp"
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// doubt is an intent in flight whose request is over. Its times are on the
// monotonic clock: no change of the wall clock makes a verdict early.
type doubt struct {
	// due is when it may be looked up next.
	due time.Time
	// settled is when an effect of it must show: nothing is sent again before.
	settled time.Time
	// absent is when it was first looked up and not found.
	absent time.Time
}

func (s *sinkRuntime) doubt(id preauth.ID, due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubts[id] = &doubt{due: due, settled: due}
}

// doubtIfNew takes up an intent that nothing waits for, such as one whose
// outcome met a conflict.
func (s *sinkRuntime) doubtIfNew(id preauth.ID, due, settled time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.doubts[id] == nil {
		s.doubts[id] = &doubt{due: due, settled: settled}
	}
}

// justSent is when an effect must show of a request that may just have left.
func (s *sinkRuntime) justSent() time.Time { return time.Now().Add(s.opts.Timeout + s.opts.Settle) }

// forget gives up a doubt, and says when an effect of it must show.
func (s *sinkRuntime) forget(id preauth.ID) (settled time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.doubts[id]; d != nil {
		settled = d.settled
	}
	delete(s.doubts, id)
	return settled
}

func (s *sinkRuntime) hasDoubts() bool { return s.doubtCount() > 0 }

func (s *sinkRuntime) doubtCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.doubts)
}

// dueDoubts gives what may be looked up now, what has waited longest first.
func (s *sinkRuntime) dueDoubts() []preauth.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []preauth.ID
	for id, d := range s.doubts {
		if !time.Now().Before(d.due) {
			due = append(due, id)
		}
	}
	slices.SortFunc(due, func(a, b preauth.ID) int {
		return cmp.Or(s.doubts[a].due.Compare(s.doubts[b].due), cmp.Compare(a, b))
	})
	return due
}

func (s *sinkRuntime) postpone(id preauth.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.doubts[id]; d != nil {
		d.due = time.Now().Add(s.opts.Settle)
	}
}
