package main

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// manager is what systemd is to a service: a socket that is told things.
type manager struct {
	conn *net.UnixConn
	env  []string
}

// manage listens as systemd does, with a watchdog.
func manage(t *testing.T, watchdog string) *manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		_ = os.RemoveAll(dir)
	})
	return &manager{conn, []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=" + watchdog}}
}

// hears reads until a message begins with want, and gives all that came before it,
// without the watchdog's.
func (m *manager) hears(t *testing.T, want string) (before []string) {
	t.Helper()
	if err := m.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	for {
		n, err := m.conn.Read(buffer)
		if err != nil {
			t.Fatalf("%s was not said: %v; but %q", want, err, before)
		}
		message := string(buffer[:n])
		if strings.HasPrefix(message, want) {
			return before
		}
		if message != "WATCHDOG=1" {
			before = append(before, message)
		}
	}
}

func TestSystemdIsToldHowTheDaemonFares(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: always})
	systemd := manage(t, "2000000")
	d := w.daemon(t, systemd.env...)
	if before := systemd.hears(t, "READY=1"); len(before) > 0 {
		t.Errorf("before it was ready it said %q", before)
	}
	systemd.hears(t, "STATUS=the first cycle is under way")
	systemd.hears(t, "STATUS=last cycle ended ")
	for range 3 { // half a watchdog apart, by cycles and the waits between them
		systemd.hears(t, "WATCHDOG=1")
	}
	good := read(t, w.config)
	w.edit(t, always, "every now and then")
	for _, event := range []string{"config.refused", "config.reloaded"} {
		d.reload(t, event)
		systemd.hears(t, "RELOADING=1")
		if before := systemd.hears(t, "READY=1"); len(before) > 0 {
			t.Errorf("while it was reloading it said %q", before)
		}
		write(t, w.config, good)
	}
	d.kick(t, syscall.SIGTERM)
	before := systemd.hears(t, "STOPPING=1")
	if slices.ContainsFunc(before, func(m string) bool { return !strings.HasPrefix(m, "STATUS=") }) {
		t.Errorf("before the end it said %q", before)
	}
	d.stopped(t, 0)
}
