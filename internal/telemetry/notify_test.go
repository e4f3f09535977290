package telemetry_test

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
)

// systemd listens as the service manager does, and gives what it is told.
func systemd(t *testing.T) *net.UnixConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return conn
}

// watchdog sets the watchdog's interval, as systemd does for this process.
func watchdog(t *testing.T, interval time.Duration) {
	t.Helper()
	t.Setenv("WATCHDOG_USEC", strconv.FormatInt(interval.Microseconds(), 10))
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
}

// told gives what has been sent since the last call. It does not wait: a datagram
// on one machine has arrived when the call that sends it returns.
func told(t *testing.T, conn *net.UnixConn) []string {
	t.Helper()
	socket, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var messages []string
	buffer := make([]byte, 4096)
	if err := socket.Read(func(fd uintptr) bool {
		for {
			n, _, err := syscall.Recvfrom(int(fd), buffer, syscall.MSG_DONTWAIT)
			if err != nil {
				return true
			}
			messages = append(messages, string(buffer[:n]))
		}
	}); err != nil {
		t.Fatal(err)
	}
	return messages
}

func unexpected(t *testing.T) func(error) {
	t.Helper()
	return func(err error) { t.Errorf("unexpected: %v", err) }
}

func TestSystemdIsToldHowTheServiceIs(t *testing.T) {
	manager := systemd(t)
	n := telemetry.NewNotifier(unexpected(t))
	n.Ready()
	n.Status("2 properties\nREADY=0\tand \x1b[31mé\xff")
	n.Status(strings.Repeat("é", 1000))
	n.Reloading()
	n.Stopping()
	n.Alive() // no watchdog waits
	want := []string{
		"READY=1", "STATUS=2 properties READY=0 and  [31mé\uFFFD", "STATUS=" + strings.Repeat("é", 200),
		"RELOADING=1", "STOPPING=1",
	}
	if diff := cmp.Diff(want, told(t, manager)); diff != "" {
		t.Error(diff)
	}
	if _, set := os.LookupEnv("NOTIFY_SOCKET"); !set {
		t.Error("the environment was changed")
	}
}

func TestTheWatchdogIsFedByBeatsAndOnlyWhenItIsDue(t *testing.T) {
	manager := systemd(t)
	const half = 5 * time.Minute
	watchdog(t, 2*half)
	synctest.Test(t, func(t *testing.T) {
		pulse := telemetry.NewPulse(telemetry.NewNotifier(unexpected(t)).Alive)
		for _, c := range []struct {
			name string
			wait time.Duration
			beat bool
			want []string
		}{
			{"nothing before the first beat", time.Hour, false, nil},
			{"the first beat", 0, true, []string{"WATCHDOG=1"}},
			{"a beat too early", half - 1, true, nil},
			{"a beat that is due", 1, true, []string{"WATCHDOG=1"}},
			{"no beat for long", time.Hour, false, nil},
			{"the beat after that", 0, true, []string{"WATCHDOG=1"}},
			{"one more at the same time", 0, true, nil},
		} {
			<-time.After(c.wait)
			if c.beat {
				pulse.Beat()
			}
			if diff := cmp.Diff(c.want, told(t, manager)); diff != "" {
				t.Errorf("%s: %s", c.name, diff)
			}
		}
	})
}

func TestAWatchdogForAnotherProcessIsNotFed(t *testing.T) {
	manager := systemd(t)
	watchdog(t, time.Minute)
	t.Setenv("WATCHDOG_PID", "1")
	telemetry.NewNotifier(unexpected(t)).Alive()
	if got := told(t, manager); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func TestOutsideOfSystemdNothingIsToldAndNothingFails(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "")
	n := telemetry.NewNotifier(unexpected(t))
	n.Ready()
	n.Reloading()
	n.Stopping()
	n.Status("s")
	n.Alive()
}

func TestWhatGoesWrongIsSaidOnceAndTriedAgain(t *testing.T) {
	manager := systemd(t)
	watchdog(t, time.Hour)
	path := os.Getenv("NOTIFY_SOCKET")
	away := path + ".away"
	if err := os.Rename(path, away); err != nil {
		t.Fatal(err)
	}
	var failures []error
	n := telemetry.NewNotifier(func(err error) { failures = append(failures, err) })
	n.Alive()
	n.Alive()
	n.Ready()
	if len(failures) != 1 || !strings.Contains(failures[0].Error(), "WATCHDOG=1") {
		t.Errorf("%v", failures)
	}
	if err := os.Rename(away, path); err != nil {
		t.Fatal(err)
	}
	n.Alive()
	n.Alive()
	if diff := cmp.Diff([]string{"WATCHDOG=1"}, told(t, manager)); diff != "" {
		t.Error(diff)
	}
}

func TestAWatchdogThatCannotBeReadIsSaid(t *testing.T) {
	manager := systemd(t)
	t.Setenv("WATCHDOG_USEC", "soon")
	var failures []error
	n := telemetry.NewNotifier(func(err error) { failures = append(failures, err) })
	n.Alive()
	n.Ready()
	if len(failures) != 1 || !strings.Contains(failures[0].Error(), "WATCHDOG_USEC") {
		t.Errorf("%v", failures)
	}
	if diff := cmp.Diff([]string{"READY=1"}, told(t, manager)); diff != "" {
		t.Error(diff)
	}
}
