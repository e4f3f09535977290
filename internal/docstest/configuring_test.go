package docstest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/config"
)

const configuring = "docs/configuring.md"

func TestTheTableOfKeysIsTheSchema(t *testing.T) {
	rows := []string{"| key | takes | default | what it says |", "|---|---|---|---|"}
	for _, key := range config.Keys() {
		rows = append(rows, keyRow(key))
	}
	want, was := strings.Join(rows, "\n"), section(t, configuring, "keys")
	if *update {
		replace(t, configuring, "keys", was, want)
		was = want
	}
	if diff := cmp.Diff(want, was); diff != "" {
		t.Errorf("the table is not the schema; -update writes it (-schema +document):\n%s", diff)
	}
}

// keyRow is the table's line of a key.
func keyRow(key config.Key) string {
	def := "`" + key.Default + "`"
	switch {
	case key.Required:
		def = "**required**"
	case key.Default == "" && key.Takes == "a mapping":
		def = "" // a section
	case key.Default == "":
		def = "none"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |", key.Path, key.Takes, def, key.Doc)
}

var (
	fileBlock = regexp.MustCompile("(?s)<!-- file (\\S+) -->\n```\\w+\n(.*?)```\n")
	reference = regexp.MustCompile(`\$\{(\w+):([^}]+)\}`)
)

// beside writes every file that the document shows into a folder.
func beside(t *testing.T, path string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	for _, file := range fileBlock.FindAllStringSubmatch(read(t, path), -1) {
		write(t, filepath.Join(folder, file[1]), file[2])
	}
	return folder
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A recipe shows a part of a configuration. What it leaves out is the example's.
func TestEveryRecipeLoads(t *testing.T) {
	text := read(t, configuring)
	recipes := fence.FindAllStringSubmatch(fileBlock.ReplaceAllString(text, ""), -1)
	seen := 0
	for _, recipe := range recipes {
		if recipe[1] != "yaml" {
			continue
		}
		seen++
		folder, environment := beside(t, configuring), map[string]string{}
		for _, found := range reference.FindAllStringSubmatch(recipe[2], -1) {
			switch kind, name := found[1], found[2]; kind {
			case "env":
				environment[name] = "a value for " + name
			case "credential":
				write(t, filepath.Join(folder, "credentials", name), "a value for "+name+"\n")
			case "file":
				write(t, filepath.Join(folder, filepath.Base(name)), "a value for "+name+"\n")
				recipe[2] = strings.ReplaceAll(recipe[2], name, filepath.Base(name)) // not this machine's own
			}
		}
		path := filepath.Join(folder, "config.yaml")
		write(t, path, completed(t, recipe[2]))
		if code, out, errs := program(t.Context(), environment, "-c", path, "check", "--offline"); code != 0 {
			t.Errorf("exit code %d for\n%s%s%s", code, recipe[2], out, errs)
		}
	}
	if seen < 5 {
		t.Errorf("only %d recipes were found", seen)
	}
}

// completed is the example with what a recipe says in its place.
func completed(t *testing.T, recipe string) string {
	t.Helper()
	var all, part map[string]any
	for text, into := range map[string]*map[string]any{read(t, "config.example.yaml"): &all, recipe: &part} {
		if err := yaml.Unmarshal([]byte(text), into); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
	merge(all, part)
	all["state"] = map[string]any{"path": "state.db"}
	merged, err := yaml.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(merged)
}

// merge puts a part's values over those of a whole. Each property is the first
// one's, with its own values over it; a way to log in is whole.
func merge(into, part map[string]any) {
	for key, value := range part {
		below, isMapping := value.(map[string]any)
		was, wasMapping := into[key].(map[string]any)
		switch {
		case key == "auth" && below["login_address"] != nil:
			into[key] = below
		case isMapping && wasMapping:
			merge(was, below)
		case key == "properties":
			into[key] = properties(into[key].([]any)[0].(map[string]any), value.([]any))
		default:
			into[key] = value
		}
	}
}

func properties(first map[string]any, parts []any) []any {
	var all []any
	for _, part := range parts {
		property := maps.Clone(first)
		maps.Copy(property, part.(map[string]any))
		all = append(all, property)
	}
	return all
}

func TestTheRefusedFileIsRefusedAsShown(t *testing.T) {
	folder := beside(t, configuring)
	code, stdout, stderr := program(t.Context(), nil, "-c", filepath.Join(folder, "bad.yaml"), "check", "--offline")
	out := strings.ReplaceAll(stdout+stderr, folder+string(filepath.Separator), "")
	compare(t, configuring, "refused", fmt.Sprintf("$ preauth-sync -c bad.yaml check --offline\n%s$ echo $?\n%d\n", out, code))
}
