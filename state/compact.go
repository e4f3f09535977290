package state

import (
	"context"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"
)

// compactStep is how many bytes one transaction of a compaction copies.
const compactStep = 4 << 20

// Compact rewrites the file without its free pages and goes on with the new one.
// Commits wait meanwhile; reads do not, except at the end. It gives the sizes in
// bytes. After an error that is not Failed the old file is as it was.
func (l *Ledger) Compact(ctx context.Context) (before, after int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, fmt.Errorf("the compaction was not begun: %w", err)
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.checkPath(); err != nil {
		return 0, 0, err
	}
	path := l.options.Path
	temp := asideName(path)
	defer func() { _ = os.Remove(temp) }()
	if err := l.buildCompact(temp); err != nil {
		return 0, 0, fmt.Errorf("the state file %s cannot be compacted: %w", path, err)
	}
	check := Options{Path: temp, Mode: ReadOnly, LockTimeout: l.options.LockTimeout, Now: l.options.Now}
	if err := verifyFile(ctx, check); err != nil {
		return 0, 0, fmt.Errorf("the state file %s cannot be compacted: %w", path, err)
	}
	return l.exchange(temp)
}

func (l *Ledger) buildCompact(temp string) error {
	return guard(temp, func() error {
		into, err := bolt.Open(temp, fileMode, &bolt.Options{Timeout: l.options.LockTimeout, NoStatistics: true})
		if err != nil {
			return err
		}
		err = bolt.Compact(into, l.db, compactStep)
		if closeErr := into.Close(); err == nil {
			err = closeErr
		}
		return err
	})
}

// exchange puts the compacted file in the place of the open one. The new file is
// open and locked before it gets the name, so that no other process comes between.
func (l *Ledger) exchange(temp string) (before, after int64, err error) {
	l.swap.Lock()
	defer l.swap.Unlock()
	if l.closed {
		return 0, 0, fmt.Errorf("%s: %w", l.options.Path, errClosed)
	}
	old, oldHandle := l.db, l.handle
	if before, err = size(oldHandle); err != nil {
		return 0, 0, err
	}
	if _, err := l.open(temp); err != nil {
		return 0, 0, err
	}
	if after, err = size(l.handle); err == nil {
		err = os.Rename(temp, l.options.Path)
	}
	if err != nil {
		_ = guard(temp, l.db.Close)
		l.db, l.handle = old, oldHandle
		return 0, 0, err
	}
	_ = guard(l.options.Path, old.Close)
	if err := syncFolder(l.options.Path); err != nil {
		// The old file may come back after a crash: nothing more may be stored.
		return 0, 0, l.fail(err)
	}
	return before, after, nil
}

func size(file *os.File) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
