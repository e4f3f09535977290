package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdJSON compares one value of a file that is one JSON document and nothing
// else: `json FILE PATH VALUE`. A path is keys and numbers with dots between; a
// final # is a list's length, a final keys an object's keys in order.
func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 3, "json FILE PATH VALUE")
	var value any
	decoder := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		ts.Fatalf("%s is not JSON: %v", args[0], err)
	}
	if decoder.More() {
		ts.Fatalf("%s has more than one JSON document", args[0])
	}
	for step := range strings.SplitSeq(args[1], ".") {
		next, err := descend(value, step)
		if err != nil {
			ts.Fatalf("%s: %s: %v", args[0], args[1], err)
		}
		value = next
	}
	got, err := spell(value)
	ts.Check(err)
	if got != args[2] {
		ts.Fatalf("%s: %s is %s, not %s", args[0], args[1], got, args[2])
	}
}

func descend(value any, step string) (any, error) {
	switch v := value.(type) {
	case map[string]any:
		if step == "keys" {
			return strings.Join(slices.Sorted(maps.Keys(v)), ","), nil
		}
		next, ok := v[step]
		if !ok {
			return nil, fmt.Errorf("there is no %s", step)
		}
		return next, nil
	case []any:
		if step == "len" {
			return len(v), nil
		}
		i, err := strconv.Atoi(step)
		if err != nil || i < 0 || i >= len(v) {
			return nil, fmt.Errorf("there is no item %s of %d", step, len(v))
		}
		return v[i], nil
	default:
		return nil, fmt.Errorf("%s is asked of a %T", step, value)
	}
}

// spell gives a string as it is, everything else as JSON.
func spell(value any) (string, error) {
	if s, ok := value.(string); ok {
		return s, nil
	}
	b, err := json.Marshal(value)
	return string(b), err
}

// cmdLogs looks at a file of log lines: `logs FILE [EVENT COUNT]`. Every line
// must be a JSON object with ts, level, msg and event; only the last may be what
// the command line says at its end. With EVENT it counts that event's lines.
func cmdLogs(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 1, "logs FILE [EVENT COUNT]")
	lines, err := readLogs(ts.ReadFile(args[0]))
	ts.Check(err)
	if len(args) < 3 {
		return
	}
	n := 0
	for _, line := range lines {
		if line["event"] == args[1] {
			n++
		}
	}
	if strconv.Itoa(n) != args[2] {
		ts.Fatalf("%s has %d lines of %s, not %s", args[0], n, args[1], args[2])
	}
}

func readLogs(text string) ([]map[string]any, error) {
	var lines []map[string]any
	for line := range strings.Lines(text) {
		var told map[string]any
		if err := json.Unmarshal([]byte(line), &told); err != nil {
			return nil, fmt.Errorf("the log line %q is not JSON: %w", line, err)
		}
		for _, key := range []string{"ts", "level", "msg", "event"} {
			if s, ok := told[key].(string); !ok || s == "" {
				return nil, fmt.Errorf("the log line %q has no %s", line, key)
			}
		}
		at, err := time.Parse(time.RFC3339, told["ts"].(string))
		if err != nil || at.Location() != time.UTC {
			return nil, fmt.Errorf("the log line %q has a ts that is not RFC 3339 in UTC", line)
		}
		lines = append(lines, told)
	}
	return lines, nil
}

// sealed is a document of a state file, written here once more so that a change
// of its form is noticed.
func sealed(bucket, key, body string) []byte {
	sum := crc32.Checksum([]byte(bucket+key+body), crc32.MakeTable(crc32.Castagnoli))
	return binary.BigEndian.AppendUint32([]byte(body), sum)
}
