package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a configuration file. Its message
// never contains a secret, nor anything that came from outside the file.
type Problem struct {
	// Line and Column count from 1; both are 0 when the file as a whole is meant.
	// What is missing is reported where the section begins that should hold it.
	Line, Column int
	// Key is the key's path, such as properties[0].currency, or empty.
	Key string
	// Message says what is wrong and what would be right.
	Message string
}

// String gives "line 4, column 3: connector.timeout: must be above zero".
func (p Problem) String() string {
	var text strings.Builder
	if p.Line > 0 {
		fmt.Fprintf(&text, "line %d, column %d: ", p.Line, p.Column)
	}
	if p.Key != "" {
		text.WriteString(p.Key + ": ")
	}
	text.WriteString(p.Message)
	return text.String()
}

// Error is returned by Load when a configuration is refused.
type Error struct {
	// Path is the file's, as it was given to Load.
	Path string
	// Problems holds every problem there is, ordered by line and column.
	Problems []Problem

	cause error
}

// Error lists every problem, one a line.
func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return fmt.Sprintf("the configuration %s is refused: %s", e.Path, e.Problems[0])
	}
	var text strings.Builder
	fmt.Fprintf(&text, "the configuration %s is refused, %d problems:", e.Path, len(e.Problems))
	for _, each := range e.Problems {
		text.WriteString("\n  " + each.String())
	}
	return text.String()
}

// Unwrap gives the file system's error when the file could not be read.
func (e *Error) Unwrap() error { return e.cause }

func sortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Key, b.Key))
	})
}
