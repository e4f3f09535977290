package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

const (
	socketMode = 0o600
	// longestPath is the most that a socket's path may have, in bytes. Systems take 103
	// and more; the rest is for the name that it has while it is made.
	longestPath = 90
)

// Socket listens on a Unix socket that only its owner and root can reach.
type Socket struct {
	*net.UnixListener

	path string
	// file is what path led to when it was made.
	file os.FileInfo
}

// Listen makes the socket at path. One that nobody answers on is a dead process's
// and replaced; one that is answered, and a file that is no socket, are left alone.
// An error names the path and says what to do.
func Listen(ctx context.Context, path string) (*Socket, error) {
	if len(path) > longestPath {
		return nil, fmt.Errorf("the control socket %s cannot be made: its path has %d bytes, and %d are the most; change control.socket",
			path, len(path), longestPath)
	}
	if err := vacant(ctx, path); err != nil {
		return nil, fmt.Errorf("the control socket %s cannot be made: %w", path, err)
	}
	socket, err := listen(ctx, path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("the control socket %s cannot be made: its folder has to exist and to be writable for this process, "+
			"or change control.socket (\"\" is off): %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("the control socket %s cannot be made: %w", path, err)
	}
	return socket, nil
}

// vacant tells whether a socket may be put at path.
func vacant(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("something that is no socket has that name; it is left alone: remove it, or change control.socket")
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err == nil {
		_ = conn.Close()
		return errors.New("another process answers there: end it, or change control.socket")
	}
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// listen makes the socket in a folder that nobody else can enter, and moves it
// to path once it has its mode and is listened on: it is never seen without.
func listen(ctx context.Context, path string) (*Socket, error) {
	folder, err := os.MkdirTemp(filepath.Dir(path), ".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	aside := filepath.Join(folder, "s")
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "unix", aside)
	if err != nil {
		return nil, err
	}
	unixListener := listener.(*net.UnixListener) //nolint:forcetypeassert // what "unix" gives
	unixListener.SetUnlinkOnClose(false)
	file, err := reveal(aside, path)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return &Socket{UnixListener: unixListener, path: path, file: file}, nil
}

func reveal(aside, path string) (os.FileInfo, error) {
	if err := os.Chmod(aside, socketMode); err != nil {
		return nil, err
	}
	file, err := os.Lstat(aside)
	if err != nil {
		return nil, err
	}
	return file, os.Rename(aside, path)
}

// Close takes the socket's name away, unless another has it now, and ends it.
func (s *Socket) Close() error {
	if s.stands() {
		_ = os.Remove(s.path) // what stays is replaced by the next start
	}
	return s.UnixListener.Close()
}

// stands tells whether the path still leads here.
func (s *Socket) stands() bool {
	now, err := os.Lstat(s.path)
	return err == nil && os.SameFile(now, s.file)
}
