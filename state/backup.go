package state

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// Backup writes a consistent copy of the file to path while others go on reading
// and writing. The copy is marked as one, checked in full, durable, and only then
// given its name; a file that has that name already is left alone (fs.ErrExist).
func (l *Ledger) Backup(ctx context.Context, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("the backup's path: %w", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the backup %s was not made, that name is taken: choose another: %w", path, fs.ErrExist)
	}
	temp := asideName(path)
	defer func() { _ = os.Remove(temp) }()
	if err := l.copyTo(ctx, temp); err != nil {
		return fmt.Errorf("the backup %s was not made: %w", path, err)
	}
	if err := l.finishCopy(ctx, temp); err != nil {
		return fmt.Errorf("the backup %s was not made: %w", path, err)
	}
	if err := place(temp, path); err != nil {
		return fmt.Errorf("the backup %s was not made: %w", path, err)
	}
	return syncFolder(path)
}

// copyTo writes what a read transaction sees to a new file.
func (l *Ledger) copyTo(ctx context.Context, path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	err = l.viewNow(ctx, func(tx *bolt.Tx) error {
		_, err := tx.WriteTo(&cancelled{ctx: ctx, to: file})
		return err
	})
	if err != nil {
		return err
	}
	return file.Sync()
}

// finishCopy marks a copy, and checks it.
func (l *Ledger) finishCopy(ctx context.Context, path string) error {
	options := Options{Path: path, Mode: ReadOnly, LockTimeout: l.options.LockTimeout, Now: l.options.Now}
	// It is looked at before it is opened for writing, as every file is.
	copied, err := Open(options)
	if err != nil {
		return err
	}
	if err := copied.Close(); err != nil {
		return err
	}
	err = guard(path, func() error {
		db, err := bolt.Open(path, fileMode, &bolt.Options{Timeout: l.options.LockTimeout, NoStatistics: true})
		if err != nil {
			return err
		}
		err = db.Update(func(tx *bolt.Tx) error {
			var about wireFile
			if err := l.getFile(tx, &about); err != nil {
				return err
			}
			about.Backup = max(toMillis(l.options.Now()), 1)
			return putFile(tx, about, l.codec)
		})
		if closeErr := db.Close(); err == nil {
			err = closeErr
		}
		return err
	})
	if err != nil {
		return err
	}
	return verifyFile(ctx, options)
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
