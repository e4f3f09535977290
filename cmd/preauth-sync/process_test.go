package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"testing"
	"time"
)

// process is preauth-sync under way.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr output
	done           chan struct{}
}

// output collects what a process writes, and tells who waits for it.
type output struct {
	mu      sync.Mutex
	buffer  bytes.Buffer
	changed chan struct{}
}

// Write appends.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
	return o.buffer.Write(b)
}

// String is everything so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}

// await waits for a match.
func (o *output) await(ctx context.Context, pattern *regexp.Regexp) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		o.mu.Lock()
		found := pattern.Match(o.buffer.Bytes())
		if o.changed == nil {
			o.changed = make(chan struct{})
		}
		changed := o.changed
		o.mu.Unlock()
		if found {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s was not said: %w; but:\n%s", pattern, ctx.Err(), o)
		}
	}
}

// startProcess starts a command with additions to the environment. Who starts it
// calls wait or kill.
func startProcess(dir string, env []string, name string, args ...string) (*process, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = dir, append(append(os.Environ(), "GORACE="+raceOptions), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // what it says is in ProcessState
	}()
	return p, nil
}

// wait gives the exit code, -1 for a process that a signal has ended.
func (p *process) wait(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		p.kill()
		return 0, fmt.Errorf("%q did not end: %w; it said:\n%s", p.cmd.Args, ctx.Err(), &p.stderr)
	}
}

// kill ends it at once, and returns when it has ended.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
}

// signal sends a signal, and gives an error when there is no process any more.
func (p *process) signal(s os.Signal) error {
	err := p.cmd.Process.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%q ended before the signal came; it said:\n%s", p.cmd.Args, &p.stderr)
	}
	return err
}

// begin starts preauth-sync with the world's configuration.
func (s *served) begin(t *testing.T, args ...string) *process {
	t.Helper()
	return s.beginIn(t, nil, args...)
}

// beginIn starts it with additions to the environment.
func (s *served) beginIn(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p, err := startProcess(s.dir, env, "preauth-sync", append([]string{"-c", s.config}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

// ended waits for a process and compares its exit code.
func ended(t *testing.T, p *process, want int) {
	t.Helper()
	got, err := p.wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Fatalf("%q ended with %d, not %d; it said:\n%s%s", p.cmd.Args[1:], got, want, &p.stdout, &p.stderr)
	}
}

// run runs preauth-sync to its end and compares its exit code.
func (s *served) run(t *testing.T, want int, args ...string) *process {
	t.Helper()
	p := s.begin(t, args...)
	ended(t, p, want)
	return p
}

// after is closed once d has gone by or p has ended.
func (p *process) after(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.done:
	}
}
