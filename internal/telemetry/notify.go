package telemetry

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/coreos/go-systemd/v22/daemon"
)

// longestStatus bounds the status text, in runes: it is one line in systemctl.
const longestStatus = 200

// Notifier tells systemd how the service is. Where no NOTIFY_SOCKET is set it does
// nothing. What it tells is a courtesy: when systemd cannot be reached the program
// goes on, and says so once.
type Notifier struct {
	failed func(error)
	once   sync.Once

	born time.Time
	// half is half of WATCHDOG_USEC, 0 when no watchdog waits.
	half time.Duration
	// owed is when the next WATCHDOG=1 is due, in nanoseconds after born.
	owed atomic.Int64
}

// NewNotifier reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID from the
// environment and leaves them there. failed hears of the first thing that goes wrong.
func NewNotifier(failed func(error)) *Notifier {
	n := &Notifier{failed: failed, born: time.Now()}
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		n.report(fmt.Errorf("the watchdog is not fed, because systemd's settings for it cannot be read: %w", err))
	}
	n.half = interval / 2
	return n
}

// Ready says that the service has started, or that it has reloaded.
func (n *Notifier) Ready() { n.send(daemon.SdNotifyReady) }

// Reloading says that the configuration is being read again. Ready must follow.
func (n *Notifier) Reloading() { n.send(daemon.SdNotifyReloading) }

// Stopping says that the service is on its way out.
func (n *Notifier) Stopping() { n.send(daemon.SdNotifyStopping) }

// Status shows a text in systemctl status. Control characters become spaces, and
// what is longer than 200 characters is cut.
func (n *Notifier) Status(text string) {
	line := []rune(strings.Map(printable, text))
	n.send("STATUS=" + string(line[:min(len(line), longestStatus)]))
}

// printable keeps a status one line: a line feed would begin another message.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}

// Alive feeds the watchdog when at least half of its interval has passed since it was
// last fed. It is made to be called by every beat of a Pulse, and by nothing else: the
// watchdog is to bite when the program hangs. So what is silent on purpose must be
// silent for less than half of the interval.
func (n *Notifier) Alive() {
	if n.half == 0 {
		return
	}
	now := time.Since(n.born)
	owed := n.owed.Load()
	if int64(now) < owed || !n.owed.CompareAndSwap(owed, int64(now+n.half)) {
		return
	}
	if !n.send(daemon.SdNotifyWatchdog) {
		n.owed.Store(owed) // the next beat tries again
	}
}

// send reports whether nothing went wrong.
func (n *Notifier) send(state string) bool {
	// The variables stay set: this program starts no others.
	if _, err := daemon.SdNotify(false, state); err != nil {
		n.report(fmt.Errorf("systemd could not be told %q: is NOTIFY_SOCKET right? It is tried again, and not said again: %w", state, err))
		return false
	}
	return true
}

func (n *Notifier) report(err error) { n.once.Do(func() { n.failed(err) }) }
