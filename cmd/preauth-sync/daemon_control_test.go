package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// control switches the control socket on, and gives its path.
func (s *served) control(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "control") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "control.sock")
	s.edit(t, `socket: ""`, `socket: "`+path+`"`)
	return path
}

// answers gives the pid of the daemon that answers status, 0 when the file was read.
func (s *served) answers(t *testing.T) int {
	t.Helper()
	var status struct {
		Daemon *struct{ PID int }
	}
	p := s.run(t, 0, "status", "-o", "json")
	if err := json.Unmarshal([]byte(p.stdout.String()), &status); err != nil {
		t.Fatalf("%v: %s", err, &p.stdout)
	}
	if status.Daemon == nil {
		return 0
	}
	return status.Daemon.PID
}

func gone(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func TestCommandsAskTheDaemonWhileItRunsAndTheFileOtherwise(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: seldom})
	path := w.control(t)
	d := w.daemon(t)
	d.ready(t)
	if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Fatalf("the socket is %v, %v", info, err)
	}
	copied := filepath.Join(w.dir, "copy.db")
	questions := [][]string{
		{"show", w.ids[0], "-o", "json"},
		{"show", w.ids[1]},
		{"show", "00000000-0000-4000-8000-000000000000"},
		{"parked", "list", "-o", "json"},
		{"parked", "retry", w.ids[2]},
		{"plan", "-o", "json"},
		{"state", "export"},
		{"state", "backup", copied},
	}
	codes := []int{0, 0, 1, 0, 1, 0, 0, 0}
	ask := func() (said []string) {
		for i, question := range questions {
			p := w.run(t, codes[i], question...)
			said = append(said, p.stdout.String()+p.stderr.String())
		}
		return said
	}
	if pid := w.answers(t); pid != d.cmd.Process.Pid {
		t.Errorf("status is answered by %d, and the daemon is %d", pid, d.cmd.Process.Pid)
	}
	through := ask()
	if n := strings.Count(through[6], "\n"); n != 6 {
		t.Errorf("%d records were exported:\n%s", n, through[6])
	}
	d.stop(t)
	if !gone(path) {
		t.Error("the socket stays")
	}
	if err := os.Rename(copied, copied+".1"); err != nil {
		t.Fatal(err)
	}
	if pid := w.answers(t); pid != 0 {
		t.Errorf("a stopped daemon answers as %d", pid)
	}
	if diff := cmp.Diff(ask(), through); diff != "" {
		t.Errorf("the file says something else than the daemon did: %s", diff)
	}
	w.account(t, 6, 0)

	// What a daemon has copied is a whole state file, which knows that it is a copy.
	if err := os.Rename(copied+".1", w.state); err != nil {
		t.Fatal(err)
	}
	w.run(t, 0, "state", "verify")
	w.charge(t, 0)
	w.runUntilClean(t)
	w.account(t, 6, 0)
}

func TestCheckIsFineBesideADaemonThatIs(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: seldom})
	path := w.control(t)
	d := w.daemon(t)
	d.ready(t)
	for _, args := range [][]string{{"check"}, {"check", "--offline"}} {
		p := w.run(t, 0, args...)
		if want := fmt.Sprintf("%s, in use by the daemon, pid %d\n", w.state, d.cmd.Process.Pid); !strings.Contains(p.stdout.String(), want) {
			t.Errorf("%q does not say %q:\n%s", args, want, &p.stdout)
		}
	}

	// It is told of a token that the daemon would not take either.
	good := read(t, w.config)
	other, err := w.AddEnterprise(simulator.Enterprise{Name: "not in the configuration"})
	if err != nil {
		t.Fatal(err)
	}
	w.edit(t, w.Enterprises()[0].AccessToken, other.AccessToken)
	if p := w.run(t, 6, "check"); !strings.Contains(p.stdout.String(), "FAIL  enterprise") {
		t.Errorf("another enterprise's token:\n%s", &p.stdout)
	}
	write(t, w.config, good)

	// Where nobody answers, whoever has the file is in the way.
	w.edit(t, path, "")
	if p := w.run(t, 4, "check", "--offline"); !strings.Contains(p.stdout.String(), "FAIL  state") {
		t.Errorf("without a socket:\n%s", &p.stdout)
	}
	d.stop(t)
}

func TestALockedFileWithoutASocketSaysWhoHasItAndWhereNobodyAnswered(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: seldom})
	path := w.control(t)
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := w.daemon(t)
	d.says(t, "control.failed", 1)
	d.ready(t)
	w.account(t, 6, 0) // it mirrors all the same
	p := w.run(t, 4, "status")
	for _, want := range []string{
		fmt.Sprintf("is in use by another process (pid %d", d.cmd.Process.Pid),
		"no daemon answers for it at the control socket " + path + ": connection refused",
	} {
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("it does not say %q: %s", want, &p.stderr)
		}
	}
	if content := read(t, path); content != "mine" {
		t.Errorf("what was there is %q now", content)
	}

	// It is tried again by a reload, once what was in its way is gone.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	d.reload(t, "config.reloaded")
	if pid := w.answers(t); pid != d.cmd.Process.Pid {
		t.Errorf("status is answered by %d", pid)
	}
	d.stop(t)
}

func TestTheControlSocketMovesWithAReload(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: seldom})
	was := w.control(t)
	is, taken := filepath.Join(filepath.Dir(was), "other.sock"), filepath.Join(filepath.Dir(was), "taken.sock")
	if err := os.WriteFile(taken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := w.daemon(t)
	d.ready(t)
	w.edit(t, was, taken)
	d.reload(t, "config.refused")
	w.edit(t, taken, was)
	if pid := w.answers(t); pid != d.cmd.Process.Pid {
		t.Errorf("after a reload that was refused status is answered by %d", pid)
	}
	w.edit(t, was, is)
	d.reload(t, "config.reloaded")
	if pid := w.answers(t); pid != d.cmd.Process.Pid || !gone(was) {
		t.Errorf("after a reload status is answered by %d; the old socket is gone: %t", pid, gone(was))
	}
	w.edit(t, is, "")
	d.reload(t, "config.reloaded")
	if !gone(is) {
		t.Error("the socket stays when it is switched off")
	}
	w.run(t, 4, "status")
	d.stop(t)
}

func TestAKilledDaemonsSocketIsInNobodysWay(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: seldom})
	path := w.control(t)
	d := w.daemon(t)
	d.ready(t)
	d.kill()
	if gone(path) {
		t.Fatal("there is no socket left to stumble over")
	}
	if pid := w.answers(t); pid != 0 {
		t.Errorf("a killed daemon answers as %d", pid)
	}
	w.edit(t, strings.TrimPrefix(d.url, "http://"), "")
	d = w.daemon(t)
	if pid := w.answers(t); pid != d.cmd.Process.Pid {
		t.Errorf("status is answered by %d", pid)
	}
	d.stop(t)
}

func TestADaemonThatHangsIsNamed(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: seldom})
	path := w.control(t)
	d := w.daemon(t)
	d.ready(t)
	d.kick(t, syscall.SIGSTOP)
	p := w.run(t, 4, "status")
	for _, want := range []string{
		fmt.Sprintf("(pid %d", d.cmd.Process.Pid), path + ": who has it said nothing for 5s",
	} {
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("it does not say %q: %s", want, &p.stderr)
		}
	}
	d.kick(t, syscall.SIGCONT)
	d.stop(t)
}

func TestTwoDaemonsWithTheSameSocketAreToldApart(t *testing.T) {
	t.Parallel()
	first := six(t, simulator.ConfigOptions{Schedule: seldom})
	second := six(t, simulator.ConfigOptions{Schedule: seldom})
	path := first.control(t)
	second.edit(t, `socket: ""`, `socket: "`+path+`"`)
	d := first.daemon(t)
	d.ready(t)
	if pid := second.answers(t); pid != 0 {
		t.Errorf("the other daemon's state file is taken for this one, by %d", pid)
	}
	e := second.daemon(t)
	e.says(t, "control.failed", 1)
	e.ready(t)
	p := second.run(t, 4, "status")
	if want := fmt.Sprintf("the daemon there (pid %d) has another state file, %s", d.cmd.Process.Pid, first.state); !strings.Contains(p.stderr.String(), want) {
		t.Errorf("it does not say %q: %s", want, &p.stderr)
	}
	e.stop(t)
	if pid := first.answers(t); pid != d.cmd.Process.Pid {
		t.Errorf("the first one's status is answered by %d", pid)
	}
	d.stop(t)
}

func TestAControlSocketWhoseFileIsGoneIsMadeAgainByAReload(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: seldom})
	path := w.control(t)
	d := w.daemon(t)
	d.ready(t)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	d.reload(t, "config.reloaded")
	if pid := w.answers(t); pid != d.cmd.Process.Pid {
		t.Errorf("status is answered by %d", pid)
	}
	d.stop(t)
}
