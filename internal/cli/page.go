package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ink is how a word stands out on a terminal. It only repeats what the word says.
type ink string

// The inks, as the parameters of the terminal's select-graphic-rendition sequence.
const (
	noInk   ink = ""
	heading ink = "1"
	faint   ink = "2"
	failure ink = "31"
	fine    ink = "32"
	warning ink = "33"
)

// cell is a text in an ink.
type cell struct {
	text string
	ink  ink
}

// inked gives a formatted text in an ink.
func (i ink) inked(format string, args ...any) cell { return cell{fmt.Sprintf(format, args...), i} }

// say gives a formatted text without one.
func say(format string, args ...any) cell { return noInk.inked(format, args...) }

// titles are the head of a table's columns.
func titles(names ...string) []cell {
	var row []cell
	for _, name := range names {
		row = append(row, heading.inked("%s", name))
	}
	return row
}

// page is what a command prints for people. The first error of writing it stays.
type page struct {
	out io.Writer
	// coloured is set where inks show: on a terminal, unless its user minds.
	coloured bool
	err      error
}

// page begins one on stdout.
func (e *env) page() *page {
	return &page{out: e.Stdout, coloured: e.Terminals.Stdout && !e.minds("NO_COLOR", "") && !e.minds("TERM", "dumb")}
}

// minds tells whether a variable has this value, or with "" any but the empty one.
func (e *env) minds(name, value string) bool {
	got, _ := e.LookupEnv(name)
	return got != "" && (value == "" || got == value)
}

// line prints cells side by side.
func (p *page) line(cells ...cell) { p.table("", cells) }

// gap divides the columns of a table.
const gap = "  "

// table prints rows in columns that are as wide as their widest cell. A row of one
// cell is a line of its own, and makes no column wider.
func (p *page) table(indent string, rows ...[]cell) {
	var widths []int
	for _, row := range rows {
		for i, c := range row[:max(0, len(row)-1)] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(printable(c.text)))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		b.WriteString(indent)
		for i, c := range row {
			text := printable(c.text)
			b.WriteString(p.shown(text, c.ink))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text)) + gap)
			}
		}
		p.write(strings.TrimRight(b.String(), " ") + "\n")
	}
}

func (p *page) write(text string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.out, text)
	}
}

func (p *page) shown(text string, i ink) string {
	if !p.coloured || i == noInk || text == "" {
		return text
	}
	return "\x1b[" + string(i) + "m" + text + "\x1b[0m"
}

// printable keeps what others have written from moving the cursor.
func printable(text string) string {
	if !strings.ContainsFunc(text, unicode.IsControl) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
