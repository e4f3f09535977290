package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// licences are ours and, since they ask for it, those of every module in the binary
// and of Go, whose library is in it too. A module without one is an error.
func licences(ctx context.Context, modules []*debug.Module) ([]byte, error) {
	ours, err := os.ReadFile("LICENSE")
	if err != nil {
		return nil, err
	}
	var all bytes.Buffer
	fmt.Fprintf(&all, "preauth-sync: https://github.com/preauth-sync/preauth-sync\n\n%s", ours)
	goroot, err := goList(ctx, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	if err := licence(&all, "Go: https://go.dev", goroot); err != nil {
		return nil, err
	}
	for _, m := range modules {
		dir, err := goList(ctx, "list", "-m", "-f", "{{.Dir}}", m.Path)
		if err != nil {
			return nil, err
		}
		if err := licence(&all, m.Path+" "+m.Version, dir); err != nil {
			return nil, err
		}
	}
	return all.Bytes(), nil
}

// licence adds the licence and the notice of what lies in a folder.
func licence(to *bytes.Buffer, what, dir string) error {
	none := true
	for _, pattern := range []string{"LICEN[CS]E*", "COPYING*", "NOTICE*"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			none = false
			fmt.Fprintf(to, "\n%s\n%s (%s)\n\n%s", strings.Repeat("-", 78), what, filepath.Base(path), content)
		}
	}
	if none {
		return errors.New(what + " has no licence in " + dir)
	}
	return nil
}

// goList runs the go command for one line.
func goList(ctx context.Context, args ...string) (string, error) {
	said, err := exec.CommandContext(ctx, "go", args...).Output() //nolint:gosec // the arguments are this package's
	if err != nil {
		return "", fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(said)), nil
}
