package logdoc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const document = "| group | fields |\n|---|---|\n| *hotel* | `cycle_id`, `property` |\n| *record* | *hotel*, `identity` |\n\n" +
	"| event | level | says | carries | do |\n|---|---|---|---|---|\n" +
	"| `create.applied` | info, warn | made | *record*, `status` | nothing |\n" +
	"| `sink.failed` | error | gone | `error` | act |\n" +
	"| `sink.broken` | error | broken | `error` | act |\n" +
	"| `record.kept` | journal | kept | nothing more | nothing |\n"

func TestLinesAreHeldAgainstTheDocument(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs.md")
	if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	const ts = `"ts":"2026-01-01T00:00:00.000Z","msg":"m",`
	for name, each := range map[string]struct{ log, want string }{
		"a line as it should be":    {`{` + ts + `"level":"warn","event":"create.applied","cycle_id":"1","identity":2,"status":200}`, ""},
		"no JSON":                   {`panic: oh`, "not a JSON object"},
		"an event nobody knows":     {`{` + ts + `"level":"info","event":"create.done"}`, "create.done is not in the document"},
		"another level":             {`{` + ts + `"level":"error","event":"create.applied"}`, "level is none"},
		"of the journal only":       {`{` + ts + `"level":"info","event":"record.kept"}`, "level is none"},
		"a field too many":          {`{` + ts + `"level":"info","event":"create.applied","token":"x"}`, "the field token"},
		"no time":                   {`{"msg":"m","level":"info","event":"create.applied"}`, "no field ts"},
		"one error told by two":     {`{` + ts + `"level":"error","event":"sink.failed","error":"x"}` + "\n" + `{` + ts + `"level":"error","event":"sink.broken","error":"x"}`, "sink.failed has told this"},
		"two errors told by each":   {`{` + ts + `"level":"error","event":"sink.failed","error":"x"}` + "\n" + `{` + ts + `"level":"error","event":"sink.broken","error":"y"}`, ""},
		"the same event told twice": {`{` + ts + `"level":"error","event":"sink.failed","error":"x"}` + "\n" + `{` + ts + `"level":"error","event":"sink.failed","error":"x"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			faults := Faults(path, each.log)
			switch {
			case each.want == "" && len(faults) > 0:
				t.Error(faults)
			case each.want != "" && (len(faults) != 1 || !strings.Contains(faults[0].Error(), each.want)):
				t.Errorf("got %v, want one with %q", faults, each.want)
			}
		})
	}
}

func TestADocumentWithAnEventTwiceIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs.md")
	if err := os.WriteFile(path, []byte(document+"| `sink.failed` | error | gone | `error` | act |\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil {
		t.Error("it was read")
	}
}
