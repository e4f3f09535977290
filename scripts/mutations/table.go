package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// document is where the table stands, between its begin and its end.
	document = "docs/mutations.md"
	begin    = "<!-- mutations -->\n"
	end      = "<!-- end of mutations -->\n"
)

// table is the list as the document shows it.
func table(root string) (string, error) {
	var text strings.Builder
	text.WriteString("| mutation | without | where | red |\n|---|---|---|---|\n")
	for _, m := range all() {
		places, err := m.places(root)
		if err != nil {
			return "", err
		}
		var where, red []string
		for i, e := range m.edits {
			where = append(where, fmt.Sprintf("`%s` in [%s](../%s)", places[i], e.file, e.file))
		}
		for _, t := range m.red {
			red = append(red, fmt.Sprintf("`%s`", t))
		}
		name := "`" + m.name + "`"
		if m.money {
			name = "**" + name + "**"
		}
		fmt.Fprintf(&text, "| %s | %s | %s | %s |\n", name, m.takes, strings.Join(slices.Compact(where), ", "), strings.Join(red, ", "))
	}
	return text.String(), nil
}

// writeTable puts the table into the document.
func writeTable(root string) error {
	path := filepath.Join(root, document)
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := bytes.Cut(content, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !found || !closed {
		return errors.New(document + " has lost the comments around its table")
	}
	fresh, err := table(root)
	if err != nil {
		return err
	}
	content = slices.Concat(before, []byte(begin+fresh+end), after)
	return os.WriteFile(path, content, 0o600) //nolint:gosec // the path is this module's own
}
