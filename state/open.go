package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

const (
	// mapSize is what is mapped at once, so that growing the file needs no new
	// mapping, which would wait for a backup to finish. It costs addresses only.
	mapSize = 1 << 30
	// growth is the step in which the file grows, in bytes.
	growth = 1 << 20
	// openAttempts bounds how often Open follows a path that is being replaced.
	openAttempts = 3
)

// errMoved says that the path led elsewhere once the lock was held.
var errMoved = errors.New("it was replaced while it was being opened")

// Open opens the state file. In mode ReadWrite it creates it when it is absent,
// and rewrites a file of an earlier schema as one of this; in mode ReadOnly it reads a
// rewritten copy.
// Refusals are an *Error, and so is an absent file in mode ReadOnly.
// Nothing that is refused is changed.
func Open(options Options) (*Ledger, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	codec, err := newCodec()
	if err != nil {
		return nil, err
	}
	created := false
	if options.Mode == ReadWrite {
		if created, err = createAbsent(options, codec); err != nil {
			return nil, err
		}
	}
	l := &Ledger{options: options, codec: codec}
	l.mapped, _ = mappedFiles()
	for range openAttempts {
		var found inspection
		if found, err = l.open(options.Path); err == nil {
			l.introduce(found.file, created)
			if err = l.migrate(found); err == nil {
				err = l.catchUp()
			}
			if err == nil {
				err = l.learn()
			}
			if err == nil {
				err = l.settle(found.file)
			}
			if err != nil {
				_ = l.Close()
				return nil, err
			}
			return l, nil
		}
		if !errors.Is(err, errMoved) {
			break
		}
	}
	return nil, err
}

// open opens the database at path, which is the ledger's own or stands aside.
func (l *Ledger) open(path string) (inspection, error) {
	if err := Find(path); err != nil {
		return inspection{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return inspection{}, fmt.Errorf("the state file %s cannot be looked at: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return inspection{}, fmt.Errorf("the state file %s is not a regular file: set state.path to one", path)
	}
	var found inspection
	var handle *os.File
	options := &bolt.Options{
		ReadOnly: l.options.Mode != ReadWrite, Timeout: l.options.LockTimeout, NoStatistics: true,
		FreelistType: bolt.FreelistMapType,
		// Everything is refused in here, before bbolt has touched anything.
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			file, err := l.options.OpenFile(name, flag&^os.O_CREATE, mode)
			if err != nil {
				return nil, fmt.Errorf("the state file %s cannot be opened; see its owner and mode: %w", path, err)
			}
			if found, err = l.examine(path, file); err != nil {
				_ = file.Close()
				return nil, err
			}
			handle = file
			return file, nil
		},
	}
	if strconv.IntSize == 64 {
		options.InitialMmapSize = mapSize
	}
	var db *bolt.DB
	err = guard(path, func() (err error) {
		db, err = bolt.Open(path, fileMode, options)
		return err
	})
	if err != nil {
		if handle != nil {
			_ = handle.Close()
		}
		return inspection{}, openError(path, err)
	}
	db.AllocSize = growth
	l.db, l.handle = db, handle
	l.startLog(found)
	return found, nil
}

// catchUp folds what an earlier process has left in the log, before anything else is
// stored.
func (l *Ledger) catchUp() error {
	if l.options.Mode != ReadWrite {
		return nil
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	return l.fold()
}

// openError makes bbolt's own words a sentence.
func openError(path string, err error) error {
	var refusal *Error
	var pathError *fs.PathError
	if errors.As(err, &refusal) || errors.As(err, &pathError) || errors.Is(err, errMoved) {
		return err
	}
	return fmt.Errorf("the state file %s cannot be opened: %w", path, err)
}

// examine locks a file and looks at all of it.
func (l *Ledger) examine(path string, file *os.File) (inspection, error) {
	if err := lock(path, file, l.options.Mode == ReadWrite, l.options.LockTimeout); err != nil {
		return inspection{}, err
	}
	info, err := file.Stat()
	if err != nil {
		return inspection{}, fmt.Errorf("the state file %s cannot be looked at: %w", path, err)
	}
	if now, err := os.Stat(path); err != nil || !os.SameFile(info, now) {
		return inspection{}, fmt.Errorf("the state file %s: %w", path, errMoved)
	}
	h, err := newestHead(path, file, info.Size())
	if err != nil {
		return inspection{}, err
	}
	readAhead(file, info.Size())
	found, err := inspect(path, file, h, l.codec)
	if err != nil {
		return inspection{}, err
	}
	if found.recent, found.used, err = readLog(path, file, found.log, found.epoch); err != nil {
		return inspection{}, err
	}
	found.stored = found.stored || found.used
	err = compareBinding(path, found.file, l.options.Binding)
	if err != nil && found.blank() {
		// It was made before the configuration was right. Settle binds it anew.
		found.file.ConnectorAddress, found.file.SinkAddress = "", ""
		return found, nil
	}
	return found, err
}

func compareBinding(path string, file wireFile, asked Binding) error {
	differs := func(stored, asked string) bool {
		return stored != "" && asked != "" && strings.TrimRight(stored, "/") != strings.TrimRight(asked, "/")
	}
	if differs(file.ConnectorAddress, asked.ConnectorAddress) {
		return &Error{Kind: OtherAddresses, Path: path, Detail: fmt.Sprintf(
			"its connector.address is %s, the configuration's is %s", file.ConnectorAddress, asked.ConnectorAddress)}
	}
	if differs(file.SinkAddress, asked.SinkAddress) {
		return &Error{Kind: OtherAddresses, Path: path, Detail: fmt.Sprintf(
			"its v4.address is %s, the configuration's is %s", file.SinkAddress, asked.SinkAddress)}
	}
	return nil
}

// introduce sets what File answers with.
func (l *Ledger) introduce(file wireFile, created bool) {
	beside, why := readGeneration(l.options.Path, file)
	if file.Backup != 0 {
		why = fmt.Sprintf("it is the copy that 'state backup' made at %s", fromMillis(file.Backup).Format("2006-01-02 15:04:05Z"))
	}
	if file.Older != "" {
		why = file.Older
	}
	l.beside = beside
	l.file = plan.File{
		New: created, Older: why, Generation: file.Generation,
		ConnectorAddress: file.ConnectorAddress, SinkAddress: file.SinkAddress,
	}
}

// settle stores what this start has found out: that the file is older, before
// anything can hide it again, and the addresses of a file that had none.
func (l *Ledger) settle(file wireFile) error {
	if l.options.Mode != ReadWrite {
		return nil
	}
	settled := file
	settled.Older = l.file.Older
	if settled.ConnectorAddress == "" {
		settled.ConnectorAddress = l.options.Binding.ConnectorAddress
	}
	if settled.SinkAddress == "" {
		settled.SinkAddress = l.options.Binding.SinkAddress
	}
	if settled == file {
		return nil
	}
	l.file.ConnectorAddress, l.file.SinkAddress = settled.ConnectorAddress, settled.SinkAddress
	return l.updateFile(func(stored *wireFile) { *stored = settled })
}
