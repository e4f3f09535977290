package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
)

// module is the path of this module.
const module = "github.com/preauth-sync/preauth-sync/"

// outcome is what became of a run of tests.
type outcome struct {
	// became is pass, fail or skip; a test that did not end is absent.
	became map[test]string
	// unbuilt is set when there is something that does not compile.
	unbuilt bool
	// output is the end of what was printed.
	output string
}

// mostOutput is how much is kept of what tests print, in bytes.
const mostOutput = 4 << 10

// event is a line of go test -json (go doc test2json).
type event struct {
	Action, Package, Test, Output, FailedBuild string
}

// goTest runs the given tests and no others. Red is not an error.
func goTest(ctx context.Context, root string, tests []test, more ...string) (outcome, error) {
	var folders, names []string
	for _, t := range tests {
		folders, names = append(folders, "./"+t.folder), append(names, t.name)
	}
	slices.Sort(folders)
	slices.Sort(names)
	args := append([]string{"test", "-json", "-vet=off", "-timeout=3m"}, more...)
	args = append(args, "-run", "^("+strings.Join(slices.Compact(names), "|")+")$")
	cmd := exec.CommandContext(ctx, "go", append(args, slices.Compact(folders)...)...) //nolint:gosec // the arguments are this program's own
	cmd.Dir = root
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return outcome{}, err
	}
	if err := cmd.Start(); err != nil {
		return outcome{}, err
	}
	result, err := readEvents(stdout)
	var exit *exec.ExitError
	if waited := cmd.Wait(); waited != nil && !errors.As(waited, &exit) {
		err = errors.Join(err, waited)
	}
	if err == nil {
		err = ctx.Err()
	}
	result.output += complaints.String()
	return result, err
}

func readEvents(from io.Reader) (outcome, error) {
	result := outcome{became: map[test]string{}}
	var printed []byte
	for lines := json.NewDecoder(from); ; {
		var e event
		if err := lines.Decode(&e); errors.Is(err, io.EOF) {
			result.output = string(printed)
			return result, nil
		} else if err != nil {
			return result, fmt.Errorf("go test -json cannot be read: %w", err)
		}
		switch e.Action {
		case "pass", "fail", "skip":
			result.became[test{strings.TrimPrefix(e.Package, module), e.Test}] = e.Action
			result.unbuilt = result.unbuilt || e.FailedBuild != ""
		case "output", "build-output":
			printed = append(printed, e.Output...)
			printed = printed[max(0, len(printed)-mostOutput):]
		}
	}
}
