package control

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestTheSocketIsItsOwnersFromTheFirstMoment(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	path := filepath.Join(folder(t), "control.sock")
	done, seen := make(chan struct{}), make(chan string, 1)
	go func() { // whoever looks at the path all the time
		defer close(seen)
		for {
			select {
			case <-done:
				return
			default:
			}
			if info, err := os.Lstat(path); err == nil && info.Mode() != fs.ModeSocket|0o600 {
				seen <- info.Mode().String()
				return
			}
		}
	}()
	for range 50 {
		socket, err := Listen(t.Context(), path)
		must(t, err)
		must(t, socket.Close())
	}
	close(done)
	if mode := <-seen; mode != "" {
		t.Errorf("it was seen as %s", mode)
	}
}

func TestADeadSocketIsReplaced(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, "control.sock")
	must(t, listenRaw(t, path).Close())
	socket, err := Listen(t.Context(), path)
	must(t, err)
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) != 1 {
		t.Errorf("something is left beside it: %v", entries)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("it is %v, %v", info, err)
	}
	conn, err := net.Dial("unix", path)
	must(t, err)
	must(t, conn.Close())
	must(t, socket.Close())
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it stays: %v", err)
	}
}

func TestWhatIsNotDeadIsLeftAlone(t *testing.T) {
	dir := folder(t)
	for name, c := range map[string]struct {
		path string
		make func(path string)
		want string
	}{
		"a socket that is answered": {
			"a", func(path string) { listenRaw(t, path) }, "another process answers there: end it, or change control.socket",
		},
		"a file": {
			"b", func(path string) { must(t, os.WriteFile(path, []byte("x"), 0o600)) },
			"something that is no socket has that name; it is left alone: remove it, or change control.socket",
		},
		"a symbolic link": {
			"c", func(path string) { must(t, os.Symlink("elsewhere", path)) },
			"something that is no socket has that name; it is left alone: remove it, or change control.socket",
		},
		"a folder that is absent": {
			"d/e/f", func(string) {}, "its folder has to exist and to be writable for this process, or change control.socket (\"\" is off): ",
		},
		"a long path": {
			strings.Repeat("x", 100), func(string) {}, "bytes, and 90 are the most; change control.socket",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, c.path)
			c.make(path)
			before, _ := os.Lstat(path)
			_, err := Listen(t.Context(), path)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "the control socket "+path+" cannot be made: ") {
				t.Errorf("got %v", err)
			}
			if after, _ := os.Lstat(path); before != nil && !os.SameFile(before, after) {
				t.Error("it was replaced")
			}
		})
	}
}

func TestAPathAsLongAsAllowedWorks(t *testing.T) {
	dir := folder(t)
	for _, base := range []string{"s", strings.Repeat("s", longestPath-len(dir)-1)} {
		path := filepath.Join(dir, base)
		if pad := longestPath - len(path) - 1; pad > 0 {
			deep := filepath.Join(dir, strings.Repeat("d", pad))
			must(t, os.MkdirAll(deep, 0o700))
			path = filepath.Join(deep, base)
		}
		if len(path) != longestPath {
			t.Fatalf("%s has %d bytes", path, len(path))
		}
		socket, err := Listen(t.Context(), path)
		must(t, err)
		must(t, socket.Close())
	}
}

func TestASocketThatAnotherHasTakenOverStays(t *testing.T) {
	path := filepath.Join(folder(t), "control.sock")
	first, err := Listen(t.Context(), path)
	must(t, err)
	must(t, os.Remove(path))
	second, err := Listen(t.Context(), path)
	must(t, err)
	must(t, first.Close())
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the second is gone: %v", err)
	}
	must(t, conn.Close())
	must(t, second.Close())
}

func TestOnlyRootAndTheDaemonsOwnUserAreAnswered(t *testing.T) {
	own := os.Geteuid()
	for name, c := range map[string]struct {
		uid     int
		err     error
		refused bool
	}{
		"root":                  {uid: 0},
		"the same user":         {uid: own},
		"another user":          {uid: own + 1, refused: true},
		"nobody can tell whose": {uid: 0, err: errors.New("no credentials"), refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			d := serve(t, func(o *Options) {
				o.PeerUID = func(*net.UnixConn) (int, error) { return c.uid, c.err }
			})
			client, err := Dial(t.Context(), d.path, d.state)
			refused := d.logs.FilterField(zapEvent("control.refused")).Len()
			if !c.refused {
				must(t, err)
				client.Close()
				if refused != 0 {
					t.Errorf("it was told as refused: %v", d.told())
				}
				return
			}
			if !errors.Is(err, ErrNobody) || !strings.Contains(err.Error(), "answers root and its own user only") {
				t.Errorf("got %v", err)
			}
			if refused == 0 || len(d.operator.asked) > 0 {
				t.Errorf("told %v, asked %v", d.told(), d.operator.asked)
			}
		})
	}
}

func TestTheSystemKnowsWhoConnects(t *testing.T) {
	path := filepath.Join(folder(t), "s")
	listener := listenRaw(t, path)
	conn, err := net.Dial("unix", path)
	must(t, err)
	defer func() { _ = conn.Close() }()
	accepted, err := listener.AcceptUnix()
	must(t, err)
	defer func() { _ = accepted.Close() }()
	if uid, err := peerUID(accepted); err != nil || uid != os.Geteuid() {
		t.Errorf("got %d, %v", uid, err)
	}
}

func TestAServerThatClosesBreaksOffWhatIsUnderWayAndWaitsForIt(t *testing.T) {
	d := serve(t)
	begun, finish := make(chan struct{}), make(chan struct{})
	d.operator.before = func(ctx context.Context) error {
		close(begun)
		<-ctx.Done()
		<-finish
		return ctx.Err()
	}
	client := d.dial(t)
	answered := make(chan error, 1)
	go func() {
		_, err := client.Plan(context.Background())
		answered <- err
	}()
	<-begun
	short, cancel := context.WithCancel(t.Context())
	cancel()
	closed := make(chan error, 1)
	go func() { closed <- d.Close(t.Context()) }()
	close(finish)
	must(t, <-closed)
	if err := <-answered; err == nil || err.Error() != errClosing.Error() {
		t.Errorf("the command got %v", err)
	}
	if err := d.Close(short); err != nil {
		t.Errorf("closed again: %v", err)
	}
	if _, err := Dial(t.Context(), d.path, d.state); !errors.Is(err, ErrNobody) {
		t.Errorf("afterwards: %v", err)
	}
}

func TestAnOperationThatDoesNotEndIsSaidSo(t *testing.T) {
	d := serve(t)
	begun, finish := make(chan struct{}), make(chan struct{})
	d.operator.before = func(context.Context) error {
		close(begun)
		<-finish
		return nil
	}
	client := d.dial(t)
	answered := make(chan error, 1)
	go func() {
		_, err := client.Plan(context.Background())
		answered <- err
	}()
	<-begun
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Close(over); err == nil || !strings.HasPrefix(err.Error(), "operators' requests are still under way: ") {
		t.Errorf("got %v", err)
	}
	if err := <-answered; err == nil || !strings.HasPrefix(err.Error(), `the daemon (pid 17) went away during "plan"; what it had begun is in the state file: `) {
		t.Errorf("the command got %v", err)
	}
	close(finish)
}

func TestAReaderThatHasStoppedReadingKeepsNoServerFromClosing(t *testing.T) {
	d := serve(t)
	d.operator.items = 1 << 30
	conn, err := net.Dial("unix", d.path)
	must(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "POST /v1/export HTTP/1.1\r\nHost: daemon\r\nContent-Length: 2\r\n\r\n{}")
	must(t, err)
	_, err = conn.Read(make([]byte, 1)) // the reply has begun, and nobody reads on
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), lastWords+10*time.Second)
	defer cancel()
	must(t, d.Close(ctx))
}

func TestABackfillNeverWaitsForATerminalThatStandsStill(t *testing.T) {
	d := serve(t)
	d.operator.items = 100_000 // more than any buffer takes
	told := make(chan struct{})
	d.operator.before = func(context.Context) error {
		close(told)
		return nil
	}
	conn, err := net.Dial("unix", d.path)
	must(t, err)
	_, err = io.WriteString(conn, "POST /v1/backfill HTTP/1.1\r\nHost: daemon\r\nContent-Length: 2\r\n\r\n{}")
	must(t, err)
	select {
	case <-told:
	case <-time.After(readerPatience / 5):
		t.Error("it waits for a reader who does not read")
	}
	must(t, conn.Close())
}
