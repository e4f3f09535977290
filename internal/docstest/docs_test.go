// Package docstest holds the documents against the program: what they quote, name
// and list is compared with what the code says and the commands print.
package docstest

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write tables, drawings and outputs into the documents")

const (
	root   = "../.."
	readme = "README.md"
)

// documents are the paths of every Markdown file, from the root.
func documents(t *testing.T) []string {
	t.Helper()
	all := []string{readme, "CHANGELOG.md", "CONTRIBUTING.md"}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" {
			path, err = filepath.Rel(root, path)
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// section is what follows the comment <!-- name --> in a document, up to the next
// line that is empty.
func section(t *testing.T, path, name string) string {
	t.Helper()
	_, after, found := strings.Cut(read(t, path), "<!-- "+name+" -->\n")
	if !found {
		t.Fatalf("%s has no comment <!-- %s -->", path, name)
	}
	text, _, _ := strings.Cut(after, "\n\n")
	return text
}

var opening = regexp.MustCompile("^```\\w+\n")

// block is the fenced block behind the comment <!-- name --> in a document.
func block(t *testing.T, path, name string) string {
	t.Helper()
	_, after, found := strings.Cut(read(t, path), "<!-- "+name+" -->\n")
	if !found || !opening.MatchString(after) {
		t.Fatalf("%s has no block behind <!-- %s -->", path, name)
	}
	text, _, closed := strings.Cut(opening.ReplaceAllString(after, ""), "```\n")
	if !closed {
		t.Fatalf("the block behind <!-- %s --> in %s has no end", name, path)
	}
	return text
}

// replace puts a new text in the place of a section or block, when -update asks for it.
func replace(t *testing.T, path, name, was, text string) {
	t.Helper()
	before, after, _ := strings.Cut(read(t, path), "<!-- "+name+" -->\n")
	after = strings.Replace(after, was, trailing.ReplaceAllString(text, "\n"), 1)
	changed := before + "<!-- " + name + " -->\n" + after
	if err := os.WriteFile(filepath.Join(root, path), []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}

var trailing = regexp.MustCompile(` +\n`)

var codeSpan = regexp.MustCompile("`([^`\n]+)`")

// spans are the texts between single backticks.
func spans(text string) []string {
	var all []string
	for _, found := range codeSpan.FindAllStringSubmatch(text, -1) {
		all = append(all, found[1])
	}
	return all
}

func parseGo(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// function is a declared function of a file.
func function(t *testing.T, file *ast.File, name string) *ast.FuncDecl {
	t.Helper()
	at := slices.IndexFunc(file.Decls, func(d ast.Decl) bool {
		f, ok := d.(*ast.FuncDecl)
		return ok && f.Recv == nil && f.Name.Name == name
	})
	if at < 0 {
		t.Fatalf("there is no function %s any more", name)
	}
	return file.Decls[at].(*ast.FuncDecl)
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestEveryLinkInTheDocumentsLeadsSomewhere(t *testing.T) {
	for _, path := range documents(t) {
		for _, found := range link.FindAllStringSubmatch(read(t, path), -1) {
			target, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			to := path
			if target != "" {
				to = filepath.Join(filepath.Dir(path), target)
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s links to %s: %v", path, found[1], err)
			} else if anchor != "" && !slices.Contains(anchors(read(t, to)), anchor) {
				t.Errorf("%s links to %s, and there is no such heading", path, found[1])
			}
		}
	}
}

func TestTheReadmeLeadsToEveryDocument(t *testing.T) {
	for _, path := range documents(t) {
		if path != readme && !strings.Contains(read(t, readme), "]("+path) {
			t.Errorf("the README has no link to %s", path)
		}
	}
}

var (
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	unlinked = regexp.MustCompile(`[^a-z0-9_ -]`)
)

// anchors are the headings as links spell them.
func anchors(text string) []string {
	var all []string
	for _, found := range heading.FindAllStringSubmatch(text, -1) {
		plain := unlinked.ReplaceAllString(strings.ToLower(found[1]), "")
		all = append(all, strings.ReplaceAll(plain, " ", "-"))
	}
	return all
}
