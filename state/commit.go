package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// The bounds of what shares one transaction: so many batches, and so many
// documents, since a transaction has every page it changes in memory. A batch is
// never divided, however large.
const (
	groupSize      = 64
	groupDocuments = 1024
)

// request is one Commit under way.
type request struct {
	batch plan.Batch
	// turn says that the request must lead the next group (true) or is done (false).
	turn chan bool
	// refused is what is wrong with this batch alone, or with a placed one before it.
	refused error
	// err is what Commit returns: errNotStored until the request's group has come to an
	// end, so that nobody takes a group that broke off for a durable one.
	err error
}

var errNotStored = errors.New("the commit was not stored: storing its group broke off")

// group lets Commits that come while one is being synced share the next
// transaction. Nobody waits for company: a Commit that finds nobody at work
// begins at once. Whoever leads stores one group, its own batch first, and hands
// the lead to the first of those that came meanwhile.
type group struct {
	mu      sync.Mutex
	waiting []*request
	led     bool
}

// join queues r and tells whether it leads.
func (g *group) join(r *request) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, r)
	if g.led {
		return false
	}
	g.led = true
	return true
}

func (g *group) take() []*request {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, documents := 0, 0
	for n < min(len(g.waiting), groupSize) && (n == 0 || documents < groupDocuments) {
		documents += len(g.waiting[n].batch.Records) + len(g.waiting[n].batch.Journal)
		n++
	}
	taken := append([]*request(nil), g.waiting[:n]...)
	g.waiting = append([]*request(nil), g.waiting[n:]...)
	return taken
}

// done releases those who followed, and passes the lead on.
func (g *group) done(taken []*request) {
	for _, r := range taken[1:] {
		r.turn <- false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) > 0 {
		g.waiting[0].turn <- true
		return
	}
	g.led = false
}

// Commit stores a batch, all or nothing, and returns when it is durable. It may
// share its transaction with others that came at the same time; each has its own
// result. plan.ErrConflict means that a stored revision is another one, and that
// nothing of this batch has been stored. After a batch with Placed that cannot be stored
// for another reason nothing is. A cancelled ctx is heeded before the batch joins a
// group, not after. Failed and Replaced are final.
func (l *Ledger) Commit(ctx context.Context, batch plan.Batch) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("the commit was not begun: %w", err)
	}
	r := &request{batch: batch, turn: make(chan bool, 1), err: errNotStored}
	leads := l.group.join(r)
	if batch.Placed != nil {
		batch.Placed()
	}
	if !leads && !<-r.turn {
		return r.err
	}
	taken := l.group.take()
	defer func() {
		l.mindPlaced(taken)
		l.group.done(taken)
	}()
	l.store(taken)
	return r.err
}

// mindPlaced ends the ledger where a batch was placed and then not stored: others count on
// it, and come next.
func (l *Ledger) mindPlaced(taken []*request) {
	for _, r := range taken {
		if r.batch.Placed != nil && r.err != nil && !plan.IsRefusal(r.err) {
			_ = l.fail(r.err) // whoever committed it is told by its own error
		}
	}
}

func (l *Ledger) store(taken []*request) {
	l.refuseIntents(taken)
	l.writing.Lock()
	defer l.writing.Unlock()
	group, err := l.stageAll(taken)
	if err == nil && len(group.writes) > 0 {
		err = l.storeGroup(group)
	}
	// A conflict found in a group that came to nothing says nothing.
	for _, r := range taken {
		if r.err = err; err == nil {
			r.err = r.refused
		}
	}
}

// stageAll works out what the batches write together that are not refused.
func (l *Ledger) stageAll(taken []*request) (group *staging, err error) {
	err = l.view(func(s snapshot) error {
		if err := l.writable(); err != nil {
			return err
		}
		group = l.stage(s)
		var broken error
		for _, r := range taken {
			switch {
			case broken != nil:
				r.refused = broken
			case r.refused == nil:
				r.refused = group.add(r.batch)
			}
			if r.batch.Placed != nil && r.refused != nil && !plan.IsRefusal(r.refused) {
				broken = r.refused
			}
		}
		if len(group.writes) == 0 {
			return nil
		}
		return group.finish()
	})
	if _, ok := errors.AsType[*panicked](err); ok {
		return nil, l.fail(err)
	}
	return group, err
}

// storeGroup makes a group durable, in the log or, where it is too large for that, in the
// trees. What the ledger keeps in memory cannot be trusted after a panic.
func (l *Ledger) storeGroup(group *staging) error {
	err := guard(l.options.Path, func() error {
		logged, err := l.append(group)
		if err == nil && !logged {
			err = l.storeInTrees(group)
		}
		if err == nil {
			l.settleKnown(group.known)
		}
		return err
	})
	if _, ok := errors.AsType[*panicked](err); ok {
		return l.fail(err)
	}
	return err
}

func (l *Ledger) storeInTrees(group *staging) error {
	if err := l.fold(); err != nil {
		return err
	}
	return l.transact(func(s snapshot) error {
		if err := group.apply(s.tx); err != nil {
			return &Error{Kind: Failed, Path: l.options.Path, Err: err}
		}
		return nil
	})
}

// refuseIntents makes sure that the path still leads to the open file before an
// intent is stored: one stored in a file that nobody will open again would be no
// intent. Outcomes are stored all the same, as the best account there is.
func (l *Ledger) refuseIntents(taken []*request) {
	var err error
	checked := false
	for _, r := range taken {
		if r.batch.Placed != nil || !hasIntent(r.batch) {
			continue // an outcome that is not known still has its intent
		}
		if !checked {
			err, checked = l.checkPath(), true
		}
		r.refused = err
	}
}

func hasIntent(batch plan.Batch) bool {
	for _, each := range batch.Records {
		if each.Intent != nil {
			return true
		}
	}
	return false
}

// checkPath tells whether the path still leads to the open file. Once it does
// not, it never does again.
func (l *Ledger) checkPath() error {
	if replaced := l.replaced.Load(); replaced != nil {
		return replaced
	}
	l.swap.RLock()
	defer l.swap.RUnlock()
	if err := l.writable(); err != nil {
		return err
	}
	path := l.options.Path
	refusal := &Error{Kind: Replaced, Path: path}
	now, err := os.Stat(path)
	if err != nil {
		refusal.Err = err
	} else if open, err := l.handle.Stat(); err != nil {
		refusal.Err = err
	} else if os.SameFile(now, open) {
		return nil
	}
	l.replaced.CompareAndSwap(nil, refusal)
	return l.replaced.Load()
}
