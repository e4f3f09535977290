// Package logdoc holds log lines against docs/logs.md: whatever a test makes the
// program log has to be as the document says.
package logdoc

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Event is what the document says of one.
type Event struct {
	// Levels are those that its lines may have. "journal" is none: it is an event that
	// only the state file's journal has.
	Levels []string
	// Fields are those that its lines may carry, beside Always.
	Fields []string
}

// Always are the fields of every line.
func Always() []string { return []string{"ts", "level", "msg", "event"} }

var (
	row      = regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| ([a-z, ]+) \\| [^|]+ \\| ([^|]*) \\| [^|]+ \\|$")
	groupRow = regexp.MustCompile(`(?m)^\| \*(\w+)\* \| ([^|]+) \|$`)
	name     = regexp.MustCompile("[`*]([a-z_]+)[`*]")
)

// Read gives the document's events by name. A row that is there twice is an error.
func Read(path string) (map[string]Event, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	groups := map[string][]string{}
	for _, found := range groupRow.FindAllStringSubmatch(string(content), -1) {
		groups[found[1]] = fields(found[2], groups)
	}
	events := map[string]Event{}
	for _, found := range row.FindAllStringSubmatch(string(content), -1) {
		if _, twice := events[found[1]]; twice {
			return nil, fmt.Errorf("%s has the event %s twice", path, found[1])
		}
		events[found[1]] = Event{Levels: strings.Split(found[2], ", "), Fields: fields(found[3], groups)}
	}
	return events, nil
}

// fields are those that a cell names, by themselves or as a group above it.
func fields(cell string, groups map[string][]string) []string {
	var all []string
	for _, found := range name.FindAllStringSubmatch(cell, -1) {
		if group, is := groups[found[1]]; is {
			all = append(all, group...)
		} else {
			all = append(all, found[1])
		}
	}
	return all
}

// Faults says in what the lines of one log differ from the document: a line that is
// no JSON object, an event or a level that the document does not have, a field that
// it does not name there, and an error that two events tell at once.
func Faults(path, log string) []error {
	events, err := Read(path)
	if err != nil {
		return []error{err}
	}
	var faults []error
	told := map[string]string{}
	for text := range strings.Lines(log) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			faults = append(faults, fmt.Errorf("not a JSON object: %q: %w", text, err))
			continue
		}
		if err := fault(events, line); err != nil {
			faults = append(faults, fmt.Errorf("%w: %s", err, text))
		}
		if why, failed := line["error"]; failed && line["level"] == "error" {
			key, event := fmt.Sprint(line["ts"], line["cycle_id"], line["preauthorization_id"], why), fmt.Sprint(line["event"])
			if told[key] != "" && told[key] != event {
				faults = append(faults, fmt.Errorf("%s has told this error already: %s", told[key], text))
			}
			told[key] = event
		}
	}
	return faults
}

func fault(events map[string]Event, line map[string]any) error {
	said, known := events[fmt.Sprint(line["event"])]
	if !known {
		return fmt.Errorf("the event %v is not in the document", line["event"])
	}
	if !slices.Contains(said.Levels, fmt.Sprint(line["level"])) {
		return fmt.Errorf("the level is none of %q", said.Levels)
	}
	for _, always := range Always() {
		if _, given := line[always]; !given {
			return fmt.Errorf("there is no field %s", always)
		}
	}
	for _, field := range slices.Sorted(maps.Keys(line)) {
		if !slices.Contains(Always(), field) && !slices.Contains(said.Fields, field) {
			return fmt.Errorf("the document does not give %v the field %s", line["event"], field)
		}
	}
	return nil
}
