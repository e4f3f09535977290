package docstest

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	fence   = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
	comment = regexp.MustCompile(`\s(#|&$|2>).*$`)
	// A command line is named where the program's name is followed by more.
	named = regexp.MustCompile(`(?:^|[/\s])preauth-sync((?: +[a-z-]\S*)(?: +\S+)*)$`)
)

// commandLines are the arguments of every command line that a document names, in
// a shell block or between backticks.
func commandLines(text string) [][]string {
	var candidates []string
	for _, found := range fence.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(found[2]) {
			line = strings.TrimSpace(line)
			if prompted, is := strings.CutPrefix(line, "$ "); is || found[1] == "sh" {
				candidates = append(candidates, strings.TrimSpace(comment.ReplaceAllString(prompted, "")))
			} else {
				candidates = append(candidates, spans(line)...)
			}
		}
	}
	candidates = append(candidates, spans(fence.ReplaceAllString(text, ""))...)
	var all [][]string
	for _, candidate := range candidates {
		if found := named.FindStringSubmatch(candidate); found != nil {
			all = append(all, words(found[1]))
		}
	}
	return all
}

func TestEveryCommandLineInTheDocumentsExists(t *testing.T) {
	seen := 0
	for _, path := range documents(t) {
		for _, args := range commandLines(read(t, path)) {
			seen++
			checkCommand(t, path, args)
		}
	}
	if seen < 10 {
		t.Fatalf("only %d command lines were found in the documents", seen)
	}
}

// checkCommand holds a command, its flags and its arguments against its help.
func checkCommand(t *testing.T, path string, args []string) {
	t.Helper()
	line := "preauth-sync " + strings.Join(args, " ")
	if len(args) > 2 && (args[0] == "-c" || args[0] == "--config") {
		args = args[2:]
	}
	if (args[0] == "state" || args[0] == "parked") && len(args) > 1 { // a command of commands
		args = append([]string{args[0] + " " + args[1]}, args[2:]...)
	}
	code, help, stderr := program(t.Context(), nil, append(strings.Fields(args[0]), "--help")...)
	usage, offered := strings.CutPrefix(help[max(strings.Index(help, "Usage:"), 0):], "Usage:\n  preauth-sync "+args[0])
	if code != 0 || !offered {
		t.Errorf("%s names %q, and there is no such command: %s", path, line, stderr)
		return
	}
	takes, _, _ := strings.Cut(usage, "\n")
	value := false
	for _, arg := range args[1:] {
		switch {
		case strings.HasPrefix(arg, "-"):
			flag, _, inline := strings.Cut(arg, "=")
			declared := regexp.MustCompile(`(?m)^ +(-\w, )?` + regexp.QuoteMeta(flag) + `\b( \w+)?[, ]`).FindStringSubmatch(help)
			if declared == nil {
				t.Errorf("%s names %q, and %s has no %s", path, line, args[0], flag)
				return
			}
			value = !inline && (declared[2] != "" || len(flag) == 2)
		case value:
			value = false
		case !slices.Contains(strings.FieldsFunc(takes, func(r rune) bool { return strings.ContainsRune(" |[].", r) }), placeholder(arg)):
			t.Errorf("%s names %q, and %s takes %q", path, line, args[0], strings.TrimSpace(takes))
		}
	}
}

// placeholder is what a usage calls an argument.
func placeholder(arg string) string {
	if strings.HasPrefix(arg, "/") {
		return "FILE"
	}
	return uuid.ReplaceAllString(arg, "ID")
}
