package state

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
)

// panicked marks an error that was a panic inside bbolt, or of a lookup.
type panicked struct{ reason any }

func (p *panicked) Error() string { return fmt.Sprintf("reading it failed with: %v", p.reason) }

// guard runs f and turns a panic of bbolt or of a lookup, and a fault in the mapped file
// (which would otherwise end the process), into an error.
func guard(path string, f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		reason := recover()
		if unsound, ok := reason.(*Error); ok { // what a lookup has come to
			reason = unsound.found()
		}
		if reason != nil {
			err = &Error{Kind: Corrupt, Path: path, Err: &panicked{reason: reason}}
		}
	}()
	return f()
}

// view runs f in a read transaction. What it is given dies with it.
func (l *Ledger) view(f func(s snapshot) error) error {
	l.swap.RLock()
	defer l.swap.RUnlock()
	if err := l.readable(); err != nil {
		return err
	}
	return guard(l.options.Path, func() error {
		s, err := l.begin()
		if err != nil {
			return err
		}
		defer func() {
			_ = s.tx.Rollback()
			l.leaves.Put(s.last)
		}()
		return f(s)
	})
}

// begin starts a read transaction, with what the log holds besides.
func (l *Ledger) begin() (snapshot, error) {
	tx, recent, err := pair(&l.recent, func() (*bolt.Tx, error) { return l.db.Begin(false) })
	if err != nil {
		return snapshot{}, err
	}
	last, ok := l.leaves.Get().(*leafPage)
	if !ok {
		last = new(leafPage)
	}
	last.header = pageHeader{} // it was read in another transaction
	return snapshot{l: l, tx: tx, recent: recent, enterprises: l.enterprises.Load(), trees: l.treesOf(tx), last: last}, nil
}

// Who walks a bucket, or writes, leaves the pages it has touched mapped, and their
// neighbours with them, until in the end the whole file counts as memory of this process.
// So after so many documents it is looked how much is mapped, and all of it let go where
// that is too much. To begin a walk, and to end a transaction, weighs as much as several.
// What is let go stays in the page cache.
const (
	touchLimit = 256
	walkWeight = 16
	putWeight  = 8 // it reads several pages, and no two puts of a fold are near each other
	// mostMapped is how much of all files may have been mapped since the ledger was opened,
	// in bytes.
	mostMapped = 8 << 20
	letGoEvery = time.Millisecond / 2
)

// touched counts what has been read, inside a transaction, which keeps the mapping
// where it is.
func (l *Ledger) touched(tx *bolt.Tx, weight int64) {
	if l.touches.Add(weight) < touchLimit {
		return
	}
	l.touches.Store(0)
	if l.overmapped() {
		unmap(tx.DB().Info().Data, tx.Size())
	}
}

func (l *Ledger) overmapped() bool {
	mapped, told := mappedFiles()
	return !told || mapped-l.mapped > mostMapped
}

// letGo looks now and then how much is mapped, until it is stopped: bbolt reads the head of
// each page that a transaction gives up, wherever it stands.
func (l *Ledger) letGo() (stop func()) {
	stopping, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(letGoEvery)
		defer tick.Stop()
		for {
			select {
			case <-stopping:
				return
			case <-tick.C:
			}
			_ = guard(l.options.Path, func() error { // who writes meets the same error
				return l.db.View(func(tx *bolt.Tx) error {
					l.touched(tx, touchLimit)
					return nil
				})
			})
		}
	}()
	return func() {
		close(stopping)
		<-stopped
	}
}

func (l *Ledger) readable() error {
	switch {
	case l.closed:
		return fmt.Errorf("%s: %w", l.options.Path, errClosed)
	case l.broken.Load():
		return l.failed.Load()
	default:
		return nil
	}
}

// update runs f in a transaction that writes to the trees, once they are up to date, and
// makes it durable. An error of f leaves no trace and changes nothing else, unless it is
// a Failed one. When the commit itself fails the ledger is final: a failed commit may be
// visible or not, so nothing decided after it can be trusted.
func (l *Ledger) update(f func(s snapshot) error) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.fold(); err != nil {
		return err
	}
	return l.transact(f)
}

// transact is update for who holds writing and has folded.
func (l *Ledger) transact(f func(s snapshot) error) error {
	l.swap.RLock()
	defer l.swap.RUnlock()
	if err := l.writable(); err != nil {
		return err
	}
	committing := false
	defer l.letGo()()
	err := guard(l.options.Path, func() error {
		return l.db.Update(func(tx *bolt.Tx) error {
			if err := f(snapshot{l: l, tx: tx, enterprises: l.enterprises.Load()}); err != nil {
				return err
			}
			l.touched(tx, walkWeight)
			committing = true
			return nil
		})
	})
	if err == nil {
		l.recent.Store(newRecent())
		return l.findLog()
	}
	if _, ok := errors.AsType[*panicked](err); ok {
		l.broken.Store(true)
		return l.fail(err)
	}
	if refusal, ok := errors.AsType[*Error](err); committing || ok && refusal.Kind == Failed {
		return l.fail(err)
	}
	return err
}

// fail makes the ledger final.
func (l *Ledger) fail(cause error) error {
	refusal, ok := errors.AsType[*Error](cause)
	if !ok || refusal.Kind != Failed {
		refusal = &Error{Kind: Failed, Path: l.options.Path, Err: cause}
	}
	l.failed.CompareAndSwap(nil, refusal)
	return l.failed.Load()
}

func (l *Ledger) writable() error {
	if l.options.Mode != ReadWrite {
		return fmt.Errorf("%s: %w", l.options.Path, errReadOnly)
	}
	if failed := l.failed.Load(); failed != nil {
		return failed
	}
	return l.readable()
}
