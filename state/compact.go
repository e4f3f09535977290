package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
)

// CompactOptions say what a compaction leaves out.
type CompactOptions struct {
	// JournalBefore leaves out the journal lines from before it, but for what has to
	// be kept; see prune. Zero keeps them all.
	JournalBefore time.Time
}

// CompactReport says what a compaction has done.
type CompactReport struct {
	// Before and After are the file's sizes in bytes.
	Before, After int64
	// JournalLines is how many lines have been left out.
	JournalLines int
}

// Compact rewrites the file without its free pages, and without old journal lines
// where that is asked for, and goes on with the new one. Commits wait meanwhile;
// reads do not, except at the end. After an error that is not Failed, and after a
// crash, the old file is as it was.
func (l *Ledger) Compact(ctx context.Context, options CompactOptions) (report CompactReport, err error) {
	if err := ctx.Err(); err != nil {
		return report, fmt.Errorf("the compaction was not begun: %w", err)
	}
	if options.JournalBefore.After(l.options.Now()) {
		return report, errors.New("journal lines cannot be left out up to a time that is still to come")
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.checkPath(); err != nil {
		return report, err
	}
	if err := l.fold(); err != nil {
		return report, err
	}
	if report, err = l.compact(ctx, options); err != nil {
		return CompactReport{}, fmt.Errorf("the state file %s cannot be compacted: %w", l.options.Path, err)
	}
	return report, nil
}

func (l *Ledger) compact(ctx context.Context, options CompactOptions) (report CompactReport, err error) {
	path, err := l.home()
	if err != nil {
		return report, err
	}
	clearAside(path)
	temp := asideName(path)
	defer func() { _ = os.Remove(temp) }()
	if report.JournalLines, err = l.buildCompact(ctx, temp, options); err != nil {
		return report, err
	}
	check := Options{Path: temp, Mode: ReadOnly, LockTimeout: l.options.LockTimeout, Now: l.options.Now}
	if err = verifyFile(ctx, check); err != nil {
		return report, err
	}
	report.Before, report.After, err = l.exchange(temp, path)
	return report, err
}

func (l *Ledger) buildCompact(ctx context.Context, temp string, options CompactOptions) (pruned int, err error) {
	err = guard(l.options.Path, func() error {
		into, err := bolt.Open(temp, fileMode, &bolt.Options{Timeout: l.options.LockTimeout, NoStatistics: true})
		if err != nil {
			return err
		}
		into.AllocSize = into.Info().PageSize // no room for growing is reserved
		err = l.db.View(func(from *bolt.Tx) error {
			w := &rewriter{ctx: ctx, from: from, into: into}
			edit := editor(asItIs)
			if !options.JournalBefore.IsZero() {
				edit = l.prune(snapshot{l: l, tx: from, enterprises: l.enterprises.Load()}, options.JournalBefore, &pruned)
			}
			if err := w.copy(edit); err != nil {
				return err
			}
			return l.countPruned(into, pruned)
		})
		if closeErr := into.Close(); err == nil {
			err = closeErr
		}
		return err
	})
	return pruned, err
}

// countPruned stores that so many more journal lines have been left out, which
// Verify then does not miss.
func (l *Ledger) countPruned(into *bolt.DB, lines int) error {
	if lines == 0 {
		return nil
	}
	return into.Update(func(tx *bolt.Tx) error {
		var about wireFile
		if err := l.getFile(tx, &about); err != nil {
			return err
		}
		about.Pruned += uint64(lines)
		return putFile(tx, about, l.codec)
	})
}

// home gives where the open file itself stands: its path may be a link that leads there.
// What is put in its place is made beside it, so that both are on one file system.
func (l *Ledger) home() (string, error) {
	path, err := filepath.EvalSymlinks(l.options.Path)
	if err != nil {
		return "", err
	}
	found, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if open, err := l.handle.Stat(); err != nil || !os.SameFile(found, open) {
		return "", &Error{Kind: Replaced, Path: l.options.Path, Err: err}
	}
	return path, nil
}

// exchange puts a new file in the place of the open one, which is at path. The new file
// is open and locked before it gets the name, so that no other process comes between.
func (l *Ledger) exchange(temp, path string) (before, after int64, err error) {
	l.swap.Lock()
	defer l.swap.Unlock()
	if l.closed {
		return 0, 0, fmt.Errorf("%s: %w", l.options.Path, errClosed)
	}
	old, oldHandle, oldLog := l.db, l.handle, l.log
	if before, err = size(oldHandle); err != nil {
		return 0, 0, err
	}
	if _, err := l.open(temp); err != nil {
		return 0, 0, err
	}
	if after, err = size(l.handle); err == nil {
		err = resemble(l.handle, oldHandle)
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = guard(temp, l.db.Close)
		l.db, l.handle, l.log = old, oldHandle, oldLog
		return 0, 0, err
	}
	_ = guard(l.options.Path, old.Close)
	if err := syncFolder(path); err != nil {
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
