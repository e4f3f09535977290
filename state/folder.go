package state

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	fileMode   = 0o600
	folderMode = 0o700
)

// placeByLink gives a file a second name that must be free, and takes the first.
func placeByLink(from, to string) error {
	if err := os.Link(from, to); err != nil {
		return err
	}
	return os.Remove(from)
}

// asideLength is that of the random part of a name aside.
const asideLength = 12

// asideName is a free name in the folder of path, for what will be renamed to it.
func asideName(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()[:asideLength]+".tmp")
}

// clearAside removes what killed processes have left aside of path, as far as it
// can be removed. It is for whoever has the file at path alone.
func clearAside(path string) {
	entries, _ := os.ReadDir(filepath.Dir(path)) // what cannot be listed stays
	for _, each := range entries {
		rest, ours := strings.CutPrefix(each.Name(), "."+filepath.Base(path)+".")
		random, aside := strings.CutSuffix(rest, ".tmp")
		if ours && aside && len(random) == asideLength {
			_ = os.Remove(filepath.Join(filepath.Dir(path), each.Name()))
		}
	}
}

// resemble gives a file the owner of another where that is allowed, and its mode. A group
// that cannot be kept loses what the mode allows it.
func resemble(file, other *os.File) error {
	info, err := other.Stat()
	if err != nil {
		return err
	}
	mode := info.Mode().Perm()
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || file.Chown(int(owner.Uid), int(owner.Gid)) != nil {
		mode &^= 0o070
	}
	if err := file.Chmod(mode); err != nil {
		return err
	}
	return file.Sync()
}

// syncFolder makes the names in the folder of path durable.
func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("the folder of %s cannot be synced: %w", path, err)
	}
	defer func() { _ = folder.Close() }()
	if err := folder.Sync(); err != nil {
		return fmt.Errorf("the folder of %s cannot be synced: %w", path, err)
	}
	return nil
}

// ensureFolder creates the folder of path when only that one is missing.
func ensureFolder(path string) error {
	folder := filepath.Dir(path)
	err := os.Mkdir(folder, folderMode)
	switch {
	case err == nil:
		return syncFolder(folder)
	case errors.Is(err, fs.ErrExist):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the folder of the state file %s does not exist, nor does the one above it: create it: %w", path, err)
	default:
		if _, statErr := os.Stat(folder); statErr == nil {
			return nil // such as a read-only file system: opening will tell
		}
		return fmt.Errorf("the folder of the state file %s cannot be created: %w", path, err)
	}
}

// writeAside stores a small file durably: aside, synced, renamed over the name.
func writeAside(path string, content []byte) (err error) {
	temp := asideName(path)
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp)
		}
	}()
	if _, err = file.Write(content); err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err = os.Rename(temp, path); err != nil {
		return err
	}
	return syncFolder(path)
}
