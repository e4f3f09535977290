package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// mutation takes one protection out of the program.
type mutation struct {
	name string
	// takes says what is taken out, for people.
	takes string
	// money marks what stands between a defect and a guest's or the hotel's money.
	money bool
	edits []edit
	// red are the tests that must fail without it, each of them.
	red []test
}

// edit replaces a text that stands exactly once in a file.
type edit struct{ file, old, new string }

// test is a test function, by the folder of its package.
type test struct{ folder, name string }

func (t test) String() string { return t.folder + "." + t.name }

// all lists every mutation, in the order of the document's table.
func all() []mutation {
	var list []mutation
	for _, part := range [][]mutation{journal, lookups, starting, deciding, ordering, sending, reading, passing, modes, storing, logging} {
		list = append(list, part...)
	}
	return list
}

// mutated gives the changed contents of the files that a mutation touches. The
// error says that it does not fit the code any more.
func (m mutation) mutated(root string) (map[string][]byte, error) {
	changed := map[string][]byte{}
	for _, e := range m.edits {
		content, ok := changed[e.file]
		if !ok {
			var err error
			if content, err = os.ReadFile(filepath.Join(root, e.file)); err != nil {
				return nil, err
			}
		}
		if n := bytes.Count(content, []byte(e.old)); n != 1 {
			return nil, fmt.Errorf("%s has this %d times instead of once; let the mutation follow the code:\n%s", e.file, n, e.old)
		}
		changed[e.file] = bytes.Replace(content, []byte(e.old), []byte(e.new), 1)
	}
	return changed, nil
}

// places names what each edit changes: the function, or the constant.
func (m mutation) places(root string) ([]string, error) {
	var found []string
	for _, e := range m.edits {
		content, err := os.ReadFile(filepath.Join(root, e.file))
		if err != nil {
			return nil, err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, e.file, content, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		at := files.File(file.Pos()).Pos(bytes.Index(content, []byte(e.old)) + len(e.old) - len(strings.TrimLeft(e.old, "\n\t")))
		found = append(found, declared(file, at))
	}
	return found, nil
}

// declared names the declaration around a position.
func declared(file *ast.File, at token.Pos) string {
	for _, decl := range file.Decls {
		if at < decl.Pos() || at >= decl.End() {
			continue
		}
		switch d := decl.(type) {
		case *ast.FuncDecl:
			return d.Name.Name
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if value, ok := spec.(*ast.ValueSpec); ok && at < spec.End() {
					return value.Names[0].Name
				}
			}
		}
	}
	return ""
}
