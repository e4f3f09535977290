package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// deepest is how many brackets or dashes may be open at once. A configuration
// needs four; the parser's time grows with the square of this.
const deepest = 32

// parse turns a file's text into nodes. It returns nil when the text is no YAML
// mapping at all; the problems then say why.
func parse(text []byte) (*node, []Problem) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	if at := invalidUTF8(text); at >= 0 {
		return nil, []Problem{{Line: 1 + bytes.Count(text[:at], []byte("\n")), Column: 1, Message: "is not valid UTF-8 here"}}
	}
	file, problem := parseYAML(string(text))
	if problem != nil {
		return nil, []Problem{*problem}
	}
	return root(file)
}

func root(file *ast.File) (*node, []Problem) {
	var bodies []*ast.DocumentNode
	for _, doc := range file.Docs {
		if doc.Body != nil || doc.Start != nil {
			bodies = append(bodies, doc)
		}
	}
	first := position{1, 1}
	if len(bodies) == 0 || (len(bodies) == 1 && bodies[0].Body == nil) {
		return nil, []Problem{{Line: 1, Column: 1, Message: "the file is empty: connector, v4 and properties are required"}}
	}
	var t tree
	if len(bodies) > 1 {
		at := first
		if start := bodies[1].Start; start != nil && start.Position != nil {
			at = position{start.Position.Line, start.Position.Column}
		}
		t.problem(at, "", "a second YAML document begins here: one file holds one configuration")
		return nil, t.problems
	}
	tree := t.node("", bodies[0].Body, first)
	if tree != nil && tree.form != isMapping {
		t.problem(tree.position, "", "the file must be a mapping of keys, not "+formNames[tree.form])
		tree = nil
	}
	return tree, t.problems
}

// parseYAML never shows a piece of the text in its problem: it could be a token.
func parseYAML(text string) (file *ast.File, problem *Problem) {
	defer func() {
		if recover() != nil {
			file, problem = nil, &Problem{Line: 1, Column: 1, Message: "cannot be read as YAML"}
		}
	}()
	tokens := lexer.Tokenize(text)
	if tk := tooDeep(tokens); tk != nil {
		return nil, &Problem{Line: tk.Position.Line, Column: tk.Position.Column, Message: fmt.Sprintf("is nested more than %d deep", deepest)}
	}
	// Duplicate keys are reported with all the other problems, not as the first and last.
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err == nil {
		return file, nil
	}
	syntax := Problem{Line: 1, Column: 1, Message: "is not valid YAML"}
	var yamlErr yaml.Error
	if !errors.As(err, &yamlErr) {
		return nil, &syntax
	}
	syntax.Message += ": " + yamlErr.GetMessage()
	if tk := yamlErr.GetToken(); tk != nil && tk.Position != nil {
		syntax.Line, syntax.Column = max(tk.Position.Line, 1), max(tk.Position.Column, 1)
	}
	if lines := strings.Split(text, "\n"); syntax.Line <= len(lines) && strings.Contains(lines[syntax.Line-1], "${") {
		syntax.Message += " (inside { } and [ ] a ${…} must stand in quotes)"
	}
	return nil, &syntax
}

// tooDeep gives the token at which the nesting becomes too deep, or nil.
func tooDeep(tokens token.Tokens) *token.Token {
	brackets, dashes, line := 0, 0, 0
	for _, tk := range tokens {
		if tk.Position.Line != line {
			line, dashes = tk.Position.Line, 0
		}
		switch tk.Type {
		case token.MappingStartType, token.SequenceStartType:
			brackets++
		case token.MappingEndType, token.SequenceEndType:
			brackets--
		case token.SequenceEntryType, token.MappingKeyType:
			dashes++
		default:
		}
		if brackets > deepest || dashes > deepest {
			return tk
		}
	}
	return nil
}

func invalidUTF8(text []byte) int {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}
