package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// diskCalls are the system calls that change what is on the disk, in as far as
// the state file and the generation beside it need them. What goes through
// write(2) cannot be told from a log line or a request; the generation's one line
// is written so, aside, and comes to count by the fsync and the rename after it.
var diskCalls = map[uint64]string{
	unix.SYS_PWRITE64: "pwrite", unix.SYS_FDATASYNC: "fdatasync", unix.SYS_FSYNC: "fsync",
	unix.SYS_FTRUNCATE: "ftruncate", unix.SYS_RENAMEAT: "rename", unix.SYS_RENAMEAT2: "rename",
}

// traced is a command of this test's binary: `traced END POINT COMMAND...` runs a
// command, counts its disk calls over all threads, and at the one that POINT names
// ends it or lets the call fail. strace could do it but for its count, which is one
// for each thread: in a Go program the N-th call of a thread is a different one in
// each run. END gets a line when the command has ended: whether the point was
// reached, and the exit code, -1 for a process that was killed.
func traced() {
	if err := trace(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "traced:", err)
	}
}

// point is a moment in the run of a program.
type point struct {
	// at counts from 1 the disk calls that are called call, or all when it is empty.
	at   int
	call string
	// what happens: before, half or after end the process there, half in the middle
	// of a pwrite; EIO or ENOSPC let the call fail, with a + every later one too.
	what string
}

// String is what parsePoint reads.
func (p point) String() string { return fmt.Sprintf("%d:%s:%s", p.at, p.call, p.what) }

func parsePoint(text string) (p point, err error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return p, fmt.Errorf("%q is not a point", text)
	}
	p.at, err = strconv.Atoi(parts[0])
	p.call, p.what = parts[1], parts[2]
	return p, err
}

// errnos are the errors that a point may name.
var errnos = map[string]syscall.Errno{"EIO": unix.EIO, "ENOSPC": unix.ENOSPC}

// tracer follows one process and its threads.
type tracer struct {
	point point
	pid   int
	// calls counts those that the point counts; hit is set once it has been reached.
	calls int
	hit   bool
	// begun is set when something has been written since the last sync.
	begun bool
	// leaving has what is to be done at a thread's return from its call.
	leaving map[int]func(tid int) error
}

func trace(end, at string, command []string) (err error) {
	// A tracer is a thread, not a process.
	runtime.LockOSThread()
	tr := tracer{leaving: map[int]func(int) error{}}
	if tr.point, err = parsePoint(at); err != nil {
		return err
	}
	if err := tr.start(command); err != nil {
		return err
	}
	for {
		var status unix.WaitStatus
		tid, err := unix.Wait4(-1, &status, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case status.Stopped():
			if err := tr.stopped(tid, status); err != nil && !errors.Is(err, unix.ESRCH) { // it is being killed
				return err
			}
		case tid == tr.pid:
			return os.WriteFile(end, fmt.Appendln(nil, tr.hit, status.ExitStatus()), 0o600)
		}
	}
}

// start starts the command so that it stops at its disk calls, and only there: the
// filter is this thread's, which the child inherits.
func (tr *tracer) start(command []string) error {
	if err := stopAtDiskCalls(); err != nil {
		return fmt.Errorf("the filter of system calls: %w", err)
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	tr.pid, err = syscall.ForkExec(path, command, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		return err
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(tr.pid, &status, unix.WALL, nil); err != nil {
		return err
	}
	const follow = unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_TRACESYSGOOD
	if err := unix.PtraceSetOptions(tr.pid, follow); err != nil {
		return err
	}
	return unix.PtraceCont(tr.pid, 0)
}

// stopAtDiskCalls installs a filter on this thread (seccomp(2), SECCOMP_RET_TRACE).
func stopAtDiskCalls() error {
	const load, equal, give = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	filter := []unix.SockFilter{{Code: load, K: 0}} // the number of the call
	for number := range diskCalls {
		filter = append(filter, unix.SockFilter{Code: equal, Jf: 1, K: uint32(number)},
			unix.SockFilter{Code: give, K: unix.SECCOMP_RET_TRACE})
	}
	filter = append(filter, unix.SockFilter{Code: give, K: unix.SECCOMP_RET_ALLOW})
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}

// stopped lets a thread go on that has stopped, in the way that the stop calls for.
func (tr *tracer) stopped(tid int, status unix.WaitStatus) error {
	const syscallStop = unix.SIGTRAP | 0x80
	switch sig := status.StopSignal(); {
	case sig == unix.SIGTRAP && status.TrapCause() == unix.PTRACE_EVENT_SECCOMP:
		return tr.called(tid)
	case sig == syscallStop:
		leave := tr.leaving[tid]
		delete(tr.leaving, tid)
		if err := leave(tid); err != nil {
			return err
		}
		return unix.PtraceCont(tid, 0)
	case sig == unix.SIGTRAP || sig == unix.SIGSTOP: // a thread begins, or has begun another
		return unix.PtraceCont(tid, 0)
	default:
		return unix.PtraceCont(tid, int(sig))
	}
}

// called is at the beginning of a disk call.
func (tr *tracer) called(tid int) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	name := diskCalls[regs.Orig_rax]
	begins := name == "pwrite" && !tr.begun
	tr.begun = name == "pwrite" || tr.begun && name != "fdatasync"
	if tr.point.call == "" || tr.point.call == name || tr.point.call == begin && begins {
		tr.calls++
	}
	what, forGood := strings.CutSuffix(tr.point.what, "+")
	if tr.calls < tr.point.at || !forGood && tr.hit {
		return unix.PtraceCont(tid, 0)
	}
	tr.hit = true
	switch what {
	case "before":
		return tr.kill(tid)
	case "half":
		if name == "pwrite" {
			regs.Rdx /= 2
		}
		tr.leaving[tid] = tr.kill
	case "after":
		tr.leaving[tid] = tr.kill
	default:
		regs.Orig_rax = ^uint64(0) // no call at all
		tr.leaving[tid] = func(tid int) error { return fail(tid, errnos[what]) }
	}
	if err := unix.PtraceSetRegs(tid, &regs); err != nil {
		return err
	}
	return unix.PtraceSyscall(tid, 0)
}

// kill ends the whole process: a call that has not begun does not begin any more.
func (tr *tracer) kill(int) error { return unix.Kill(tr.pid, unix.SIGKILL) }

// fail gives a call that was left out its result.
func fail(tid int, errno syscall.Errno) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	regs.Rax = -uint64(errno)
	return unix.PtraceSetRegs(tid, &regs)
}
