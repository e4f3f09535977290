package cli

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"
)

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// printed gives what a page prints without colours. With them it must be the same,
// but for the colours.
func printed(t *testing.T, print func(*page) error) string {
	t.Helper()
	var plain, coloured bytes.Buffer
	for _, err := range []error{print(&page{out: &plain}), print(&page{out: &coloured, coloured: true})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := escapes.ReplaceAllString(coloured.String(), ""); got != plain.String() {
		t.Errorf("the colours change what is printed:\n%q", coloured.String())
	}
	if strings.Contains(plain.String(), "\x1b") {
		t.Errorf("an escape sequence where there are no colours: %q", plain.String())
	}
	for line := range strings.Lines(plain.String()) {
		if strings.TrimRight(line, " \n") != strings.TrimRight(line, "\n") {
			t.Errorf("a line ends with spaces: %q", line)
		}
	}
	return plain.String()
}

func TestColumnsAreAlignedInSpiteOfColours(t *testing.T) {
	var out bytes.Buffer
	p := &page{out: &out, coloured: true}
	p.table("", []cell{warning.inked("yellow"), say("a")}, []cell{say("é"), failure.inked("b"), say("c")})
	const want = "\x1b[33myellow\x1b[0m  a\né       \x1b[31mb\x1b[0m  c\n"
	if out.String() != want || p.err != nil {
		t.Errorf("%q, %v", out.String(), p.err)
	}
}

func TestWhatOthersHaveWrittenDoesNotMoveTheCursor(t *testing.T) {
	got := printed(t, func(p *page) error {
		p.line(say("declined\x1b[2J\nby\tthe bank"))
		return p.err
	})
	if got != "declined\uFFFD[2J\uFFFDby\uFFFDthe bank\n" {
		t.Errorf("%q", got)
	}
}

func TestColoursAreForTerminalsWhoseUserDoesNotMind(t *testing.T) {
	for name, c := range map[string]struct {
		terminal bool
		vars     map[string]string
		want     bool
	}{
		"a terminal":                    {true, nil, true},
		"a file":                        {false, nil, false},
		"NO_COLOR":                      {true, map[string]string{"NO_COLOR": "1"}, false},
		"an empty NO_COLOR":             {true, map[string]string{"NO_COLOR": ""}, true},
		"a terminal that has no inks":   {true, map[string]string{"TERM": "dumb"}, false},
		"a terminal of any other kind":  {true, map[string]string{"TERM": "xterm"}, true},
		"a terminal for stderr is none": {false, map[string]string{"TERM": "xterm"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := &env{Process: &Process{
				Terminals: Terminals{Stdout: c.terminal, Stderr: true},
				LookupEnv: func(name string) (string, bool) { value, ok := c.vars[name]; return value, ok },
			}}
			if e.page().coloured != c.want {
				t.Errorf("coloured: %t", !c.want)
			}
		})
	}
}

// full takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("no space left on device")

func TestAPageThatCouldNotBeWrittenSaysSo(t *testing.T) {
	p := &page{out: full{}}
	p.line(say("first"))
	p.line(say("second"))
	if !errors.Is(p.err, errFull) {
		t.Error(p.err)
	}
}
