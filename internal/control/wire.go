package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// The protocol is HTTP/1.1, one path an operation. The request's body is the
// operation's argument as JSON. A reply is lines of JSON, see frame.
const (
	pathPrefix  = "/v1/"
	contentType = "application/x-ndjson"
	// longestRequest is the most that a request may have, in bytes: a backfill names
	// its customers, and half a million of them are below it.
	longestRequest = 32 << 20
)

// nothing is the argument of what takes none, and the result of what gives none.
type nothing struct{}

// frame is one line of a reply: any number of items, then one with the result, the
// error, or an error and what had been done until then.
type frame[T any] struct {
	Item   T      `json:"item,omitempty"`
	Result T      `json:"result,omitempty"`
	Error  *Error `json:"error,omitempty"`
}

// Error is what an operation ended with at the daemon.
type Error struct {
	Message string `json:"message"`
	// Code is what the command that asked has to end with.
	Code int `json:"code"`
}

// Error says it as the daemon does.
func (e *Error) Error() string { return e.Message }

// errCut says that a reply ended before its result.
var errCut = errors.New("the reply broke off")

// readReply hands over a reply's items and gives its result, which an *Error may come
// with. What item returns ends it; a nil one takes none.
func readReply(from io.Reader, item func(json.RawMessage) error) (json.RawMessage, error) {
	lines := json.NewDecoder(from)
	for {
		var next frame[json.RawMessage]
		if err := lines.Decode(&next); err != nil {
			return nil, fmt.Errorf("%w: %w", errCut, err)
		}
		isItem, isResult, isError := next.Item != nil, next.Result != nil, next.Error != nil
		switch {
		case isItem && item != nil && !isResult && !isError:
			if err := item(next.Item); err != nil {
				return nil, err
			}
		case isItem, !isResult && !isError:
			return nil, fmt.Errorf("%w: a line of it makes no sense", errCut)
		default:
			if _, err := lines.Token(); !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("%w: its end is missing after the result", errCut)
			}
			if isError {
				return next.Result, next.Error
			}
			return next.Result, nil
		}
	}
}

// Hello is how a daemon introduces itself.
type Hello struct {
	PID     int       `json:"pid"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	State   StateFile `json:"state"`
}

// StateFile says which file a state file is, whatever path leads to it.
type StateFile struct {
	Path   string `json:"path"`
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
}

// Identify looks at the state file at path. With an error, its path is all that
// is known of it.
func Identify(path string) (StateFile, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return StateFile{Path: path}, err
	}
	file := StateFile{Path: absolute}
	info, err := os.Stat(absolute)
	if err != nil {
		return file, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return file, fmt.Errorf("%s: this system does not number its files", absolute)
	}
	file.Device, file.Inode = uint64(stat.Dev), uint64(stat.Ino) //nolint:unconvert // other systems have other types
	return file, nil
}
