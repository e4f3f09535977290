package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// largestFile bounds a configuration file, in bytes: long lists have files of
// their own.
const largestFile = 1 << 20

// Options are what Load takes from the process's surroundings.
type Options struct {
	// LookupEnv answers ${env:NAME}; nil means that no variable is set.
	LookupEnv func(name string) (string, bool)
	// CredentialsDir answers ${credential:NAME}: systemd's $CREDENTIALS_DIRECTORY, or
	// the folder that its copies are made of, or "" for none.
	CredentialsDir string
}

// Load reads a configuration file strictly. Its error is an *Error that lists
// every problem at once. The files that it names for customers and payment methods are not read.
func Load(path string, opts Options) (*Config, error) {
	content, err := read(path)
	if err != nil {
		return nil, &Error{Path: path, Problems: []Problem{{Message: err.Error()}}, cause: errors.Unwrap(err)}
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, &Error{Path: path, Problems: []Problem{{Message: "its folder cannot be found: " + err.Error()}}, cause: err}
	}
	lookup := opts.LookupEnv
	if lookup == nil {
		lookup = func(string) (string, bool) { return "", false }
	}
	c, problems := decode(content, references{lookup, folder, opts.CredentialsDir})
	if len(problems) > 0 {
		sortProblems(problems)
		return nil, &Error{Path: path, Problems: problems}
	}
	return c, nil
}

func read(path string) ([]byte, error) {
	if path == "" {
		return nil, errors.New("no file is named")
	}
	// A pipe that nobody writes to must not hold up the daemon: this reads it as empty.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no such file: %w", err)
	case err != nil:
		return nil, fmt.Errorf("it cannot be opened: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.New("it is a folder: name the file in it")
	}
	content, err := io.ReadAll(io.LimitReader(f, largestFile+1))
	if err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	if len(content) > largestFile {
		return nil, fmt.Errorf("it is larger than %d KiB: long lists of customers belong into a customers file", largestFile>>10)
	}
	return content, nil
}

func decode(content []byte, refs references) (*Config, []Problem) {
	root, problems := parse(content)
	if root == nil {
		return nil, problems
	}
	c := Default()
	l := &loader{references: refs, problems: problems, places: map[string]position{"": {1, 1}}}
	l.section("", keys(c), root)
	l.whole(c)
	c.Schedule.location = c.Timezone
	c.State.Path = absolute(refs.folder, c.State.Path)
	c.Control.Socket = absolute(refs.folder, c.Control.Socket)
	for i := range c.Properties {
		p := &c.Properties[i]
		p.Customers.File = absolute(refs.folder, p.Customers.File)
		p.PaymentMethods.File = absolute(refs.folder, p.PaymentMethods.File)
		if !p.OwnV4 {
			p.V4 = c.V4
		}
	}
	return c, l.problems
}

// loader walks a file along the table of keys.
type loader struct {
	references

	problems []Problem
	// places says where each key that was found stands.
	places map[string]position
}

// report adds a problem where a key stands, or else where the section stands
// that should hold it.
func (l *loader) report(key, message string) {
	at, found := l.places[key]
	for above := key; !found; at, found = l.places[above] {
		above = above[:max(strings.LastIndexAny(above, ".["), 0)]
	}
	l.problems = append(l.problems, Problem{Line: at.line, Column: at.column, Key: key, Message: message})
}

// failed tells whether something is wrong with a key, with a part of it, or with
// a section that it is in.
func (l *loader) failed(key string) bool {
	return slices.ContainsFunc(l.problems, func(p Problem) bool { return p.Key == key || within(p.Key, key) || within(key, p.Key) })
}

// broken leaves the key's parts out of that.
func (l *loader) broken(key string) bool {
	return slices.ContainsFunc(l.problems, func(p Problem) bool { return p.Key == key || within(key, p.Key) })
}

func within(key, section string) bool {
	rest, inside := strings.CutPrefix(key, section)
	return inside && section != "" && rest != "" && (rest[0] == '.' || rest[0] == '[')
}

// section reads the keys of a mapping; a nil one has none.
func (l *loader) section(path string, fields []field, from *node) {
	if from != nil && from.form != isNothing && from.form != isMapping {
		l.report(path, "must be a mapping of keys, not "+formNames[from.form])
		return
	}
	var known []string
	for _, f := range fields {
		known = append(known, f.key)
		at := join(path, f.key)
		e, given := from.entry(f.key)
		switch {
		case given:
			l.places[at] = e.position
			l.field(at, f, e.value)
		case f.required:
			l.report(at, "is required")
		case f.items == nil && f.fields != nil:
			l.section(at, f.fields, nil)
		}
	}
	if from == nil {
		return
	}
	for _, e := range from.entries {
		if !slices.Contains(known, e.key) {
			l.places[join(path, e.key)] = e.position
			l.report(join(path, e.key), "is not a known key; known here: "+strings.Join(known, ", "))
		}
	}
}

// field reads the value of a key. A nil value has been reported already.
func (l *loader) field(path string, f field, from *node) {
	switch {
	case from == nil:
	case f.scalar != nil:
		l.item(path, f, from)
	case f.items != nil:
		l.several(path, f, from, isList, f.items)
	case f.table != nil:
		l.several(path, f, from, isMapping, f.table)
	default:
		l.section(path, f.fields, from)
	}
}

func (l *loader) several(path string, f field, from *node, want form, read func(*loader, string, *node)) {
	switch {
	case from.form == want || (from.form == isNothing && !f.required):
		read(l, path, from)
	case from.form == isNothing:
		l.report(path, "is required")
	default:
		l.report(path, fmt.Sprintf("must be %s, not %s", formNames[want], formNames[from.form]))
	}
}

// item reads a single value and stores it. It gives the value, with its
// references replaced, and whether it was accepted.
func (l *loader) item(path string, f field, from *node) (value string, ok bool) {
	if from == nil {
		return "", false
	}
	if _, placed := l.places[path]; !placed {
		l.places[path] = from.position
	}
	value, found, ok := l.value(path, f, from)
	if !ok {
		return "", false
	}
	if err := f.scalar.set(value); err != nil {
		l.report(path, err.Error()+instead(f, from, found))
		return "", false
	}
	return value, true
}

func (l *loader) value(path string, f field, from *node) (value string, found []string, ok bool) {
	switch {
	case from.form == isText:
		value, found, failed := l.resolve(from.text)
		for _, err := range failed {
			l.report(path, err.Error())
		}
		if len(found) == 0 && len(failed) == 0 && !f.scalar.texts {
			l.report(path, "must be "+f.takes+instead(f, from, nil))
			return "", nil, false
		}
		return value, found, len(failed) == 0
	case from.form == isNumber && f.scalar.numbers:
		return from.text, nil, true
	case from.form == isNothing && f.required:
		l.report(path, "is required")
	case from.form == isNothing:
		l.report(path, "has no value: write one, or leave the key out")
	case from.form == isNumber && f.scalar.texts:
		l.report(path, "must be "+f.takes+", not a number: put it in quotes if it is meant")
	default:
		l.report(path, "must be "+f.takes+", not "+formNames[from.form])
	}
	return "", nil, false
}

// instead ends a message with what was found. Of a value that came from outside
// the file only the references are shown, of a hidden one nothing.
func instead(f field, from *node, found []string) string {
	const most = 64
	switch {
	case len(found) > 0:
		return " (the value comes from " + strings.Join(found, " and ") + ")"
	case f.hidden:
		return ""
	default:
		shown := []rune(from.text)
		if len(shown) > most {
			shown = append(shown[:most], '…')
		}
		return ", not " + strconv.Quote(string(shown))
	}
}
