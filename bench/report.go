package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// row is one figure.
type row struct {
	what string
	// value is what was measured, in unit.
	value float64
	unit  unit
	// against is the yardstick's value, 0 for none, and yardstick its name.
	against   float64
	yardstick string
	// target is for the ratio where there is a yardstick, otherwise for the value.
	target target
}

// target is what shall be reached; without a bound there is none.
type target struct {
	bound bound
	limit float64
}

type bound string

const (
	most  bound = "at most"
	least bound = "at least"
)

func atMost(limit float64) target  { return target{most, limit} }
func atLeast(limit float64) target { return target{least, limit} }

// unit is what a value is in.
type unit string

const (
	number  unit = ""
	seconds unit = "s"
	micros  unit = "µs each"
	rate    unit = "a second"
	octets  unit = "bytes each"
	mebi    unit = "MiB"
	times   unit = "×"
)

// judged is what the target is about.
func (r row) judged() float64 {
	if r.against > 0 {
		return r.value / r.against
	}
	return r.value
}

// missed tells whether there is a target that was not reached.
func (r row) missed() bool {
	return r.target.bound == most && r.judged() > r.target.limit ||
		r.target.bound == least && r.judged() < r.target.limit
}

// String gives the row's columns, with tabs between them.
func (r row) String() string {
	in, ratio, target, verdict := r.unit, "", "", ""
	if r.against > 0 {
		in, ratio = times, amount(r.judged(), times)+" "+r.yardstick
	}
	if r.target.bound != "" {
		target, verdict = string(r.target.bound)+" "+amount(r.target.limit, in), "reached"
	}
	if r.missed() {
		verdict = "MISSED"
	}
	return strings.Join([]string{"  " + r.what, amount(r.value, r.unit), ratio, target, verdict}, "\t")
}

// amount writes three figures, or the whole number, and a unit.
func amount(v float64, in unit) string {
	const figures, whole = 3, 100
	text := strconv.FormatFloat(v, 'g', figures, 64)
	if v >= whole {
		text = strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strings.TrimSpace(text + " " + string(in))
}

// printRows writes a measurement's rows, in columns.
func printRows(out io.Writer, title string, rows []row) error {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(table, r)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s\n", title)
	for line := range strings.Lines(text.String()) {
		fmt.Fprintln(out, strings.TrimRight(line, " \n"))
	}
	return nil
}

// median gives the middle one.
func median(values []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// medianOf gives the median of what is measured in each of some outcomes.
func medianOf(of []outcome, what func(outcome) time.Duration) float64 {
	values := make([]time.Duration, 0, len(of))
	for _, each := range of {
		values = append(values, what(each))
	}
	return median(values).Seconds()
}

// peak is a row with the most memory of some outcomes, or none where the system does not
// tell.
func peak(what string, of []outcome, t target) []row {
	const mega = 1 << 20
	highest := slices.MaxFunc(of, func(a, b outcome) int { return cmp.Compare(a.peak, b.peak) }).peak
	if highest == 0 {
		return nil
	}
	return []row{{what: what, value: float64(highest) / mega, unit: mebi, target: t}}
}

// writeInto puts a text into the block behind <!-- bench --> of a document.
func writeInto(path, text string) error {
	const opening, closing = "<!-- bench -->\n```text\n", "```\n"
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, after, found := strings.Cut(string(content), opening)
	_, after, closed := strings.Cut(after, closing)
	if !found || !closed {
		return errors.New(path + " has no block of text behind <!-- bench -->")
	}
	return os.WriteFile(path, []byte(before+opening+text+closing+after), 0o644) //nolint:gosec // documents are for all
}
