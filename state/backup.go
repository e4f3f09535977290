package state

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/state/redo"
)

// CopyTo writes a consistent copy of the file's bytes, which are not marked as a
// copy. Others go on reading and writing, but pages they give up are not used again
// before it ends: a writer that may block for long should not be given.
func (l *Ledger) CopyTo(ctx context.Context, to io.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	tx, run, err := l.beginFolded()
	if err != nil {
		return err
	}
	defer l.swap.RUnlock()
	defer func() { _ = tx.Rollback() }()
	err = guard(l.options.Path, func() error {
		_, err := tx.WriteTo(&blanked{to: &cancelled{ctx: ctx, to: to}, run: run})
		return err
	})
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // bbolt keeps no more of it than its words
	}
	return err
}

// beginFolded starts a read transaction that sees everything in the trees, and tells
// which part of the file is not to be copied. A file that is read only has its log as it
// is, and one of an earlier schema is the file itself. Without an error it holds swap for
// reading.
func (l *Ledger) beginFolded() (tx *bolt.Tx, run redo.Run, err error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.options.Mode == ReadWrite {
		if err := l.fold(); err != nil {
			return nil, run, err
		}
		run = l.log.run
	}
	l.swap.RLock()
	if err = l.readable(); err == nil {
		db := cmp.Or(l.earlier, l.db)
		err = guard(l.options.Path, func() (err error) {
			tx, err = db.Begin(false)
			return err
		})
	}
	if err != nil {
		l.swap.RUnlock()
	}
	return tx, run, err
}

// blanked is a writer of a file's bytes that puts zeros in the place of its log: others
// append to that meanwhile, and what they append is no part of the copy.
type blanked struct {
	to  io.Writer
	run redo.Run
	at  int64
}

// Write writes what comes after what has been written.
func (b *blanked) Write(content []byte) (int, error) {
	from := max(b.run.Offset-b.at, 0)
	until := min(b.run.Offset+b.run.Size-b.at, int64(len(content)))
	if from < until {
		content = bytes.Clone(content)
		clear(content[from:until])
	}
	n, err := b.to.Write(content)
	b.at += int64(n)
	return n, err
}

// Receive makes a backup at path of what from writes, the bytes of CopyTo. They are
// written aside, marked as the copy made at now, checked in full, durable, and only
// then given their name; so what breaks off becomes no backup. A name that is taken
// (fs.ErrExist) is refused, and its file left alone, before from is called.
func Receive(ctx context.Context, path string, now time.Time, from func(to io.Writer) error) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("the backup's path: %w", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the backup %s was not made, that name is taken: choose another: %w", path, fs.ErrExist)
	}
	temp := asideName(path)
	defer func() { _ = os.Remove(temp) }()
	err = writeNew(temp, from)
	if err == nil {
		err = finishCopy(ctx, temp, now)
	}
	if err == nil {
		err = place(temp, path)
	}
	if err != nil {
		return fmt.Errorf("the backup %s was not made: %w", path, err)
	}
	return syncFolder(path)
}

// finishCopy marks a copy, and checks it.
func finishCopy(ctx context.Context, path string, now time.Time) error {
	err := markCopy(path, now)
	if err == nil {
		err = verifyFile(ctx, Options{Path: path})
	}
	if unsound, ok := errors.AsType[*Error](err); ok {
		// Its words are about a state file to be mended, and this one is thrown away.
		return fmt.Errorf("what was copied is no whole and sound state file: %s", cmp.Or(unsound.Detail, fmt.Sprint(unsound.Err)))
	}
	return err
}

// writeNew fills a new file, durably.
func writeNew(path string, from func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return fmt.Errorf("its folder takes no file: %w", errors.Unwrap(err))
	}
	err = from(file)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}

// markCopy stores in a copy that it is one. It is looked at first, as every file
// is before bbolt gets it.
func markCopy(path string, now time.Time) error {
	looked, err := Open(Options{Path: path})
	if err != nil {
		return err
	}
	if err := looked.Close(); err != nil {
		return err
	}
	return guard(path, func() error {
		db, err := bolt.Open(path, fileMode, &bolt.Options{Timeout: defaultLockTimeout, NoStatistics: true})
		if err != nil {
			return err
		}
		err = db.Update(func(tx *bolt.Tx) error {
			var about wireFile
			if err := looked.getFile(tx, &about); err != nil {
				return err
			}
			about.Backup = max(toMillis(now), 1)
			return putFile(tx, about, looked.codec)
		})
		if closeErr := db.Close(); err == nil {
			err = closeErr
		}
		return err
	})
}

func verifyFile(ctx context.Context, options Options) error {
	copied, err := Open(options)
	if err != nil {
		return err
	}
	_, err = copied.Verify(ctx)
	if closeErr := copied.Close(); err == nil {
		err = closeErr
	}
	return err
}

// cancelled is a writer that stops when its context ends.
type cancelled struct {
	ctx context.Context //nolint:containedctx // it lives as long as one call that has this context
	to  io.Writer
}

// Write writes, unless the context has ended.
func (c *cancelled) Write(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.to.Write(b)
}
