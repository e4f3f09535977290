package state

import (
	"errors"
	"fmt"
	"io/fs"
)

// Kind says why a state file was refused or can no longer be used.
type Kind uint8

// The kinds of refusal. A refused file has not been changed, except by what was
// committed before it Failed.
const (
	// Corrupt: the file's own bytes contradict each other.
	Corrupt Kind = iota + 1
	// Foreign: a database of another program.
	Foreign
	// NewerSchema: written by a later version of this program.
	NewerSchema
	// OtherAddresses: it belongs to another source or sink.
	OtherAddresses
	// Locked: another process has it open.
	Locked
	// Replaced: the path no longer leads to the open file.
	Replaced
	// Failed: a transaction could not be made durable.
	Failed
	// Absent: there is no file, and nothing says that there has been one. It is fs.ErrNotExist.
	Absent
	// Lost: there is no file, and a generation beside its place says that it has been there.
	Lost
)

// String gives the kind as one word.
func (k Kind) String() string {
	switch k {
	case Corrupt:
		return "corrupt"
	case Foreign:
		return "foreign"
	case NewerSchema:
		return "newer_schema"
	case OtherAddresses:
		return "other_addresses"
	case Locked:
		return "locked"
	case Replaced:
		return "replaced"
	case Failed:
		return "failed"
	case Absent:
		return "absent"
	case Lost:
		return "lost"
	default:
		return "invalid"
	}
}

// Error is a refusal of the state file. Find it with errors.As.
type Error struct {
	Kind Kind
	// Path is the state file's.
	Path string
	// Detail says in words what was found.
	Detail string
	// Holder is the process that holds a Locked file, and Command the name of its
	// program; 0 and empty when they are not known.
	Holder  int
	Command string
	// Err is the cause, or nil.
	Err error
}

// Error says what is wrong, with which file, and what to do about it.
func (e *Error) Error() string {
	text := e.sentence()
	if found := e.found(); found != "" {
		text += ": " + found
	}
	return text + "; " + e.advice()
}

// found says what was found, and its cause.
func (e *Error) found() string {
	switch {
	case e.Err == nil:
		return e.Detail
	case e.Detail == "":
		return e.Err.Error()
	default:
		return e.Detail + ": " + e.Err.Error()
	}
}

// IsFailed tells whether an error says that the file can no longer be written.
func IsFailed(err error) bool {
	refused, ok := errors.AsType[*Error](err)
	return ok && (refused.Kind == Failed || refused.Kind == Replaced)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is tells that an Absent file is fs.ErrNotExist. A Lost one is not: whoever goes on
// without a file must not go on without that one.
func (e *Error) Is(target error) bool { return e.Kind == Absent && target == fs.ErrNotExist }

func (e *Error) sentence() string {
	switch e.Kind {
	case Corrupt:
		return fmt.Sprintf("the state file %s is corrupt", e.Path)
	case Foreign:
		return fmt.Sprintf("%s is not a state file of preauth-sync", e.Path)
	case NewerSchema:
		return fmt.Sprintf("the state file %s was written by a newer version of preauth-sync", e.Path)
	case OtherAddresses:
		return fmt.Sprintf("the state file %s belongs to other addresses", e.Path)
	case Locked:
		return fmt.Sprintf("the state file %s is in use by another process%s", e.Path, e.who())
	case Replaced:
		return fmt.Sprintf("the state file %s is no longer the one that was opened", e.Path)
	case Failed:
		return fmt.Sprintf("the state file %s could not be written", e.Path)
	case Absent:
		return fmt.Sprintf("the state file %s is not there yet", e.Path)
	case Lost:
		return fmt.Sprintf("the state file %s is missing", e.Path)
	default:
		return fmt.Sprintf("the state file %s cannot be used", e.Path)
	}
}

// who names the process that holds the file, as far as it is known.
func (e *Error) who() string {
	switch {
	case e.Holder == 0:
		return ""
	case e.Command == "":
		return fmt.Sprintf(" (pid %d)", e.Holder)
	default:
		return fmt.Sprintf(" (pid %d, %s)", e.Holder, e.Command)
	}
}

func (e *Error) advice() string {
	switch e.Kind {
	case Corrupt:
		return "it has been left as it is: put a copy made by 'state backup' in its place"
	case Foreign:
		return "it has been left as it is: set state.path to another file"
	case NewerSchema:
		return "it has been left as it is: run that version again"
	case OtherAddresses:
		return "mend the address if it is mistyped; if the same system has moved there, run 'state rebind'; " +
			"for another system set state.path to another file"
	case Locked:
		return "only one process at a time may have it open: stop that one first, or wait for its end"
	case Replaced:
		return "nothing more is sent: stop this instance and put the file back, or start again on the new one"
	case Failed:
		return "nothing more is sent: see that the disk is writable and has room, then start again"
	case Absent:
		return "the first run creates it"
	case Lost:
		return "put it back, or a backup of it"
	default:
		return "see the cause"
	}
}

// errReadOnly is returned by every change to a ledger opened ReadOnly.
var errReadOnly = errors.New("the state file was opened for reading only")

// errClosed is returned by every use of a closed ledger.
var errClosed = errors.New("the state file has been closed")

func corrupt(path, format string, args ...any) *Error {
	return &Error{Kind: Corrupt, Path: path, Detail: fmt.Sprintf(format, args...)}
}
