package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// largestSecret bounds what a referred file may hold, in bytes.
const largestSecret = 64 << 10

const referenceForms = "${env:NAME}, ${file:PATH} or ${credential:NAME}"

// references replaces ${…} by what it refers to. It works on values that have
// been parsed already, so what comes in can neither add a key nor end a string,
// and it does not look at what it has put in: that may contain ${ as it likes.
type references struct {
	lookupEnv func(string) (string, bool)
	// folder is the configuration file's.
	folder string
	// credentials is the folder of credentials, or empty.
	credentials string
}

// resolve gives the text with every reference replaced, and the references as
// they are spelled. The errors, one for each that cannot be replaced, contain
// nothing of the text but these spellings.
func (r references) resolve(text string) (resolved string, found []string, failed []error) {
	var out strings.Builder
	for {
		before, rest, more := strings.Cut(text, "${")
		out.WriteString(before)
		if !more {
			return out.String(), found, failed
		}
		inner, behind, closed := strings.Cut(rest, "}")
		form, name, colon := strings.Cut(inner, ":")
		lookup, known := r.lookup(form)
		if !closed || !colon || !known {
			return out.String(), found, append(failed, errors.New("${ must begin "+referenceForms+
				"; to have it in a value, put the value into a file or a variable"))
		}
		spelled := "${" + inner + "}"
		found = append(found, spelled)
		if value, err := lookup(name); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", spelled, err))
		} else {
			out.WriteString(value)
		}
		text = behind
	}
}

func (r references) lookup(form string) (func(string) (string, error), bool) {
	switch form {
	case "env":
		return r.env, true
	case "file":
		return r.file, true
	case "credential":
		return r.credential, true
	default:
		return nil, false
	}
}

func (r references) env(name string) (string, error) {
	if name == "" {
		return "", errors.New("the variable's name is missing")
	}
	value, set := r.lookupEnv(name)
	if !set {
		return "", fmt.Errorf("the environment variable %s is not set", name)
	}
	return value, nil
}

func (r references) file(path string) (string, error) {
	if path == "" {
		return "", errors.New("the file's path is missing")
	}
	return readValue(absolute(r.folder, path))
}

func (r references) credential(name string) (string, error) {
	switch {
	case name == "" || name == "." || name == ".." || strings.ContainsAny(name, `/\`):
		return "", errors.New("a credential's name is a file name without a path")
	case r.credentials == "":
		return "", errors.New("there is no credentials directory: $CREDENTIALS_DIRECTORY is not set; " +
			"systemd sets it for a unit with LoadCredential=")
	}
	value, err := readValue(filepath.Join(r.credentials, name))
	if errors.Is(err, fs.ErrPermission) {
		return "", fmt.Errorf("%w: a service is given it by LoadCredential=, and any other command has to be root's", err)
	}
	return value, err
}

// readValue reads a file less one trailing newline. Only regular files are read:
// a named pipe would hold up the start for ever.
func readValue(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("cannot be read: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("cannot be read: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(f, largestSecret+1))
	if err != nil {
		return "", fmt.Errorf("cannot be read: %w", err)
	}
	if len(content) > largestSecret {
		return "", fmt.Errorf("%s holds more than %d KiB", path, largestSecret>>10)
	}
	value, cut := strings.CutSuffix(string(content), "\r\n")
	if !cut {
		value = strings.TrimSuffix(value, "\n")
	}
	return value, nil
}

func absolute(folder, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}
