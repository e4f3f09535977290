package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

func TestCommandsBesideADaemonNameTheProcessThatHasTheFile(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: seldom})
	d := w.daemon(t)
	d.ready(t)
	commands := [][]string{
		{"run", "--once"},
		{"run"},
		{"plan"},
		{"status"},
		{"show", w.ids[0]},
		{"parked", "list"},
		{"state", "backup", filepath.Join(w.dir, "copy.db")},
	}
	begun := make([]*process, len(commands))
	for i, command := range commands {
		begun[i] = w.begin(t, command...)
	}
	holder := fmt.Sprintf("is in use by another process (pid %d", d.cmd.Process.Pid)
	for _, p := range begun {
		ended(t, p, 4)
		if !strings.Contains(p.stderr.String(), holder) {
			t.Errorf("%q does not say that the file %s: %s", p.cmd.Args[3:], holder, &p.stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(w.dir, "copy.db")); err == nil {
		t.Error("a backup was begun")
	}
	d.stop(t)
	for _, command := range commands[2:] {
		w.run(t, 0, command...)
	}
	w.account(t, 6, 0)
}
