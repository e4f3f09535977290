// Package state is the ledger on bbolt: what this program has done and seen,
// durable before anything is sent. One process at a time has the file open for
// writing. Every byte in use is checked when the file is opened, every document
// again when it is read, and what is unsound becomes an error, never a crash and
// never a decision.
package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Mode says what a ledger is opened for.
type Mode uint8

// The modes.
const (
	// ReadOnly shares the file with other readers. An absent file stays absent.
	ReadOnly Mode = iota
	// ReadWrite has the file alone and creates it when it is absent.
	ReadWrite
)

// defaultLockTimeout is how long Open waits for another process by default.
const defaultLockTimeout = time.Second

// Binding is the addresses that a file belongs to. An empty one is not compared.
type Binding struct {
	ConnectorAddress string
	SinkAddress      string
}

// Options say how a ledger is opened.
type Options struct {
	// Path of the state file; its generation stands in Path + ".gen".
	Path string
	Mode Mode
	// LockTimeout is how long to wait for another process; 1 s when 0.
	LockTimeout time.Duration
	// Now is the wall clock; time.Now when nil.
	Now func() time.Time
	// Binding is compared with the file's, and stored when the file is created.
	Binding Binding
	// OpenFile opens the database; os.OpenFile when nil. It is for fault injection.
	OpenFile func(name string, flag int, perm os.FileMode) (*os.File, error)

	// logSize is that of the redo log of a file that is made, in bytes.
	logSize int
}

func (o Options) withDefaults() (Options, error) {
	if o.Path == "" {
		return o, fmt.Errorf("no path of a state file was given: set state.path")
	}
	absolute, err := filepath.Abs(o.Path)
	if err != nil {
		return o, fmt.Errorf("the path of the state file %q: %w", o.Path, err)
	}
	o.Path = absolute
	if o.LockTimeout <= 0 {
		o.LockTimeout = defaultLockTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OpenFile == nil {
		o.OpenFile = os.OpenFile
	}
	if o.logSize == 0 {
		o.logSize = logSize
	}
	return o, nil
}

// Ledger is an open state file. Its methods may be called from many goroutines.
type Ledger struct {
	options Options
	codec   codec
	group   group

	// writing serializes transactions that write.
	writing sync.Mutex
	// swap guards db and handle: compaction changes them.
	swap   sync.RWMutex
	db     *bolt.DB
	handle *os.File
	// log belongs to who holds writing; recent is what it holds.
	log    fileLog
	recent atomic.Pointer[recent]
	// trees are the buckets as the last transaction that read has seen them.
	trees atomic.Pointer[trees]
	// leaves are *leafPage that no snapshot uses, for their memory.
	leaves sync.Pool
	// earlier is the file itself where db is a copy of it that was migrated to be read.
	earlier *bolt.DB
	closed  bool
	// broken is set when a write panicked: locks inside bbolt may still be held.
	broken atomic.Bool
	// failed and replaced are final: see Failed and Replaced.
	failed   atomic.Pointer[Error]
	replaced atomic.Pointer[Error]

	// mapped is how much was mapped of other files when this one was opened, such as the
	// program itself, in bytes. touches counts what has been read since the mapped pages
	// were let go.
	mapped  int64
	touches atomic.Int64

	// known belongs to whoever writes; about guards what others read of it. enterprises
	// are those of what is stored, or is just being stored.
	known       *known
	enterprises atomic.Pointer[enterprises]

	about sync.Mutex
	file  plan.File
	// beside is the generation found beside the file at this start.
	beside uint64
}

// File gives what the ledger knows of itself. Its Generation is that of this
// start: Advance does not change it.
func (l *Ledger) File() plan.File {
	l.about.Lock()
	defer l.about.Unlock()
	return l.file
}

// Close releases the file. It waits for what is being read and written.
func (l *Ledger) Close() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	folded := l.foldLast()
	l.swap.Lock()
	defer l.swap.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	if l.broken.Load() {
		// bbolt's own Close could wait for ever. This releases the lock on the file.
		return errors.Join(folded, l.handle.Close())
	}
	err := guard(l.options.Path, l.db.Close)
	if l.earlier != nil {
		err = errors.Join(err, guard(l.options.Path, l.earlier.Close))
	}
	if err != nil {
		err = fmt.Errorf("closing the state file %s: %w", l.options.Path, err)
	}
	return errors.Join(folded, err)
}

// foldLast folds if that can be done: what cannot be folded stays in the log, and the
// next start finds it there.
func (l *Ledger) foldLast() error {
	l.swap.RLock()
	writable := l.writable()
	l.swap.RUnlock()
	if writable != nil {
		return nil //nolint:nilerr // whoever was refused knows
	}
	return l.fold()
}
