package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// The generation is a number that grows with every start that writes. It is
// committed in the file and then stored beside it, so that a file put back from
// an earlier day is behind the one beside it. What stands beside it is one line:
// the generation, a space, and the Id of the file it belongs to.

const (
	// maxGeneration keeps a damaged number beside the file from ending the count.
	maxGeneration = 1 << 62
	// maxGenerationFile bounds what is read, in bytes.
	maxGenerationFile = 256
)

func generationPath(path string) string { return path + ".gen" }

// readGeneration gives the generation beside the file, 0 when there is none, and
// why the file may be older than the world, or nothing.
func readGeneration(path string, about wireFile) (beside uint64, why string) {
	name := generationPath(path)
	beside, owner, err := parseGeneration(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && about.Generation == 0:
		return 0, ""
	case errors.Is(err, fs.ErrNotExist):
		return 0, fmt.Sprintf("its generation is %d and %s is missing", about.Generation, name)
	case err != nil:
		return 0, fmt.Sprintf("its generation is %d and %s cannot be read: %v", about.Generation, name, err)
	case beside == 0 && (about.Generation == 0 || owner == about.ID):
		return 0, "" // nothing was ever sent: every start so far died before it could say more
	case beside == 0:
		return 0, fmt.Sprintf("its generation is %d and %s says that there never was one", about.Generation, name)
	case beside > about.Generation:
		return beside, fmt.Sprintf("its generation is %d and %s says %d", about.Generation, name, beside)
	case owner != "" && owner != about.ID:
		return beside, fmt.Sprintf("%s belongs to another state file", name)
	default:
		return beside, ""
	}
}

func parseGeneration(name string) (generation uint64, owner string, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxGenerationFile {
		return 0, "", errors.New("it is not a generation")
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return 0, "", err
	}
	line, whole := strings.CutSuffix(string(content), "\n")
	number, owner, _ := strings.Cut(line, " ")
	generation, err = strconv.ParseUint(number, 10, 64)
	if err != nil || !whole || generation > maxGeneration || strings.ContainsAny(owner, " \n") {
		return 0, "", errors.New("it is not a generation")
	}
	return generation, owner, nil
}

// Advance starts a new generation, durably, in the file and then beside it.
// adopted says that what an older file calls for has been done: it clears the
// mark. An error means that nothing may be sent.
func (l *Ledger) Advance(ctx context.Context, adopted bool) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("the new generation was not begun: %w", err)
	}
	if err := l.checkPath(); err != nil {
		return 0, err
	}
	if err := l.firstGeneration(); err != nil {
		return 0, err
	}
	var stored wireFile
	err := l.updateFile(func(about *wireFile) {
		about.Generation = max(about.Generation, l.beside) + 1
		if adopted {
			about.Older, about.Backup = "", 0
		}
		stored = *about
	})
	if err != nil {
		return 0, err
	}
	if err := l.putBeside(stored.Generation, stored.ID); err != nil {
		return 0, err
	}
	l.about.Lock()
	defer l.about.Unlock()
	l.file.Older = stored.Older
	return stored.Generation, nil
}

// firstGeneration puts a 0 beside a file that has never had a generation. Without
// it a crash right after the first one was committed would look as if the
// generation beside the file had been lost.
func (l *Ledger) firstGeneration() error {
	if _, err := os.Stat(generationPath(l.options.Path)); !errors.Is(err, fs.ErrNotExist) {
		return nil // what is there, or cannot be looked at, has been judged at the start
	}
	var about wireFile
	if err := l.view(func(s snapshot) error { return l.getFile(s.tx, &about) }); err != nil || about.Generation > 0 {
		return err
	}
	return l.putBeside(0, about.ID)
}

func (l *Ledger) putBeside(generation uint64, id string) error {
	line := fmt.Sprintf("%d %s\n", generation, id)
	if err := writeAside(generationPath(l.options.Path), []byte(line)); err != nil {
		return l.fail(fmt.Errorf("the generation beside the state file, %s, cannot be written: %w",
			generationPath(l.options.Path), err))
	}
	return nil
}

// MarkOlder stores that the file may be older than the world, and why, until
// Advance is called with adopted true. An earlier reason stays.
func (l *Ledger) MarkOlder(ctx context.Context, why string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("the state file was not marked as older: %w", err)
	}
	if why == "" {
		why = "it was found to be older than the sink"
	}
	var stored string
	err := l.updateFile(func(about *wireFile) {
		if about.Older == "" {
			about.Older = why
		}
		stored = about.Older
	})
	if err != nil {
		return err
	}
	l.about.Lock()
	defer l.about.Unlock()
	l.file.Older = stored
	return nil
}

// Restored stores that an operator has put an older copy back.
func (l *Ledger) Restored(ctx context.Context) error {
	return l.MarkOlder(ctx, "an operator said with 'state restored' that it is an older copy")
}

// Find tells whether there is a state file at path: when there is none, by an *Error
// that is Absent or Lost.
func Find(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil // there, or not to be seen: opening will tell
	}
	beside := generationPath(path)
	if _, err := os.Lstat(beside); errors.Is(err, fs.ErrNotExist) {
		return &Error{Kind: Absent, Path: path}
	}
	return &Error{Kind: Lost, Path: path, Detail: beside + " beside it says that it has been there"}
}
