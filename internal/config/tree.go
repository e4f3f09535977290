package config

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// position is where something stands in the file; both count from 1.
type position struct{ line, column int }

// form is what a node is written as.
type form uint8

const (
	isNothing form = iota
	isText
	isNumber
	isOther // a truth value, infinity and the like: no key takes one
	isMapping
	isList
)

var formNames = [...]string{"nothing", "text", "a number", "a truth value or the like", "a mapping", "a list"} //nolint:gochecknoglobals // a constant table

// node is a piece of the file, reduced to what a configuration may consist of.
type node struct {
	position
	form form
	// text is a scalar's: as it is meant for isText, as it is spelled otherwise.
	text    string
	entries []entry
	items   []*node
}

// entry is a key of a mapping and its value.
type entry struct {
	position
	key   string
	value *node
}

// entry gives what a mapping holds under a key; a nil node holds nothing.
func (n *node) entry(key string) (entry, bool) {
	if n == nil {
		return entry{}, false
	}
	at := slices.IndexFunc(n.entries, func(e entry) bool { return e.key == key })
	if at < 0 {
		return entry{}, false
	}
	return n.entries[at], true
}

// tree builds nodes from what the YAML parser made of a file, and collects what
// is legal YAML but no configuration.
type tree struct{ problems []Problem }

func (t *tree) problem(at position, key, message string) {
	t.problems = append(t.problems, Problem{Line: at.line, Column: at.column, Key: key, Message: message})
}

func (t *tree) node(path string, from ast.Node, fallback position) *node {
	at := place(from, fallback)
	switch n := from.(type) {
	case *ast.MappingNode:
		return t.mapping(path, n.Values, at)
	case *ast.MappingValueNode:
		return t.mapping(path, []*ast.MappingValueNode{n}, at)
	case *ast.SequenceNode:
		list := &node{position: at, form: isList}
		for i, item := range n.Values {
			list.items = append(list.items, t.node(path+"["+strconv.Itoa(i)+"]", item, at))
		}
		return list
	case *ast.StringNode:
		return &node{position: at, form: isText, text: n.Value}
	case *ast.LiteralNode:
		return &node{position: at, form: isText, text: n.Value.Value}
	case *ast.IntegerNode:
		return &node{position: at, form: isNumber, text: n.Token.Value}
	case *ast.FloatNode:
		return &node{position: at, form: isNumber, text: n.Token.Value}
	case *ast.NullNode, nil:
		return &node{position: at, form: isNothing}
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode, *ast.DirectiveNode:
		t.problem(at, path, "anchors (&), aliases (*), merge keys (<<), tags (!) and directives (%) are not supported here: write the value out")
		return nil
	default:
		return &node{position: at, form: isOther}
	}
}

func (t *tree) mapping(path string, values []*ast.MappingValueNode, at position) *node {
	mapping := &node{position: at, form: isMapping}
	lines := map[string]int{}
	for _, value := range values {
		keyAt := place(value.Key, at)
		key, ok := keyText(value.Key)
		if !ok {
			t.problem(keyAt, path, "a key must be a plain word: anchors, merge keys (<<), tags and keys of several parts are not supported here")
			continue
		}
		full := join(path, key)
		if first, twice := lines[key]; twice {
			t.problem(keyAt, full, fmt.Sprintf("is given twice; the first is in line %d", first))
			continue
		}
		lines[key] = keyAt.line
		mapping.entries = append(mapping.entries, entry{keyAt, key, t.node(full, value.Value, keyAt)})
	}
	return mapping
}

func keyText(key ast.MapKeyNode) (string, bool) {
	switch k := key.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return k.GetToken().Value, true
	default:
		return "", false
	}
}

// place gives a node's position. A mapping's own token is its first colon, which
// is of no use to anyone: its first key is where it begins.
func place(n ast.Node, fallback position) position {
	var tk *token.Token
	switch n := n.(type) {
	case nil:
		return fallback
	case *ast.MappingNode:
		if len(n.Values) > 0 && !n.IsFlowStyle {
			return place(n.Values[0], fallback)
		}
		tk = n.Start
	case *ast.MappingValueNode:
		return place(n.Key, fallback)
	default:
		tk = n.GetToken()
	}
	if tk == nil || tk.Position == nil || tk.Position.Line < 1 {
		return fallback
	}
	return position{tk.Position.Line, max(tk.Position.Column, 1)}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
