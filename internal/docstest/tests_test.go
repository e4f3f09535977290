package docstest

import (
	"go/ast"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var testName = regexp.MustCompile(`\b(?:Test|Benchmark)[A-Z]\w*`)

func TestTheTestsThatTheDocumentsNameExist(t *testing.T) {
	tests, seen := declaredTests(t), 0
	for _, path := range documents(t) {
		for _, span := range spans(fence.ReplaceAllString(read(t, path), "")) {
			for _, name := range testName.FindAllString(span, -1) {
				if seen++; !tests[name] {
					t.Errorf("%s names %s, and there is no such test", path, name)
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no document names a test")
	}
}

// declaredTests are the names of every test and benchmark of the tree.
func declaredTests(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		if path, err = filepath.Rel(root, path); err != nil {
			return err
		}
		for _, decl := range parseGo(t, path).Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && testName.MatchString(f.Name.Name) {
				all[f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
