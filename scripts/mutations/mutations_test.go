package main

import (
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

func TestEveryMutationFitsTheCode(t *testing.T) {
	for _, m := range all() {
		t.Run(m.name, func(t *testing.T) {
			changed, err := m.mutated(root)
			if err != nil {
				t.Fatal(err)
			}
			for file, content := range changed {
				if _, err := format.Source(content); err != nil {
					t.Errorf("%s is no Go any more: %v", file, err)
				}
			}
		})
	}
}

// The tests themselves run in CI; a name that has changed is found here at once.
func TestEveryTestThatATableNamesIsThere(t *testing.T) {
	declared := map[string]string{}
	for _, m := range all() {
		if len(m.red) == 0 {
			t.Errorf("%s names no test", m.name)
		}
		for _, each := range m.red {
			if _, known := declared[each.folder]; !known {
				declared[each.folder] = testSources(t, each.folder)
			}
			_, body, found := strings.Cut(declared[each.folder], "\nfunc "+each.name+"(t *testing.T)")
			body, _, _ = strings.Cut(body, "\n}\n")
			switch {
			case !found:
				t.Errorf("%s: there is no test %s", m.name, each)
			case strings.Contains(body, "rapid."):
				t.Errorf("%s: %s would leave what it finds in testdata", m.name, each)
			}
		}
	}
}

func testSources(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	}
	return all.String()
}

func TestTheDocumentShowsTheTable(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(root, document))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(content), begin)
	shown, _, closed := strings.Cut(after, end)
	if !closed {
		t.Fatalf("%s has lost the comments around its table", document)
	}
	want, err := table(root)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("%s differs; go run ./scripts/mutations -update writes it anew (-list +document):\n%s", document, diff)
	}
}

func TestNamesAreUniqueAndEveryPlaceHasOne(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range all() {
		places, err := m.places(root)
		if err != nil {
			t.Fatal(err)
		}
		for i, place := range places {
			if place == "" {
				t.Errorf("%s: edit %d is in no declaration", m.name, i)
			}
		}
		if seen[m.name] {
			t.Errorf("%s is there twice", m.name)
		}
		seen[m.name] = true
	}
}

func TestAMutationThatNoLongerFitsIsSaid(t *testing.T) {
	for name, old := range map[string]string{"gone": "no such text", "there twice": "package"} {
		m := mutation{name: name, edits: []edit{{"scripts/mutations/mutation.go", old, ""}}}
		if _, err := m.mutated(root); err == nil || !strings.Contains(err.Error(), "instead of once") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestChoose(t *testing.T) {
	from := []mutation{{name: "a", money: true}, {name: "b"}, {name: "c", money: true}}
	for _, c := range []struct {
		only  string
		money bool
		want  string
	}{
		{"", false, "a b c"}, {"", true, "a c"}, {"c,b", false, "b c"}, {"b,c", true, "c"}, {"b", true, ""}, {"a,x", false, ""},
	} {
		chosen, err := choose(from, c.only, c.money)
		var names []string
		for _, m := range chosen {
			names = append(names, m.name)
		}
		if got := strings.Join(names, " "); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("-only %q -money=%t: %q, %v", c.only, c.money, got, err)
		}
	}
}

// Events of go test -json, as it prints them for a package that passes and one that
// does not compile.
func TestReadEvents(t *testing.T) {
	got, err := readEvents(strings.NewReader(`
		{"Action":"run","Package":"` + module + `state","Test":"TestA"}
		{"Action":"output","Package":"` + module + `state","Test":"TestA","Output":"it says\n"}
		{"Action":"fail","Package":"` + module + `state","Test":"TestA","Elapsed":0.1}
		{"Action":"pass","Package":"` + module + `state","Test":"TestB/part","Elapsed":0}
		{"ImportPath":"` + module + `sync/plan","Action":"build-output","Output":"undefined: x\n"}
		{"Action":"fail","Package":"` + module + `sync/plan","Elapsed":0,"FailedBuild":"` + module + `sync/plan"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := outcome{
		became:  map[test]string{{"state", "TestA"}: "fail", {"state", "TestB/part"}: "pass", {"sync/plan", ""}: "fail"},
		unbuilt: true, output: "it says\nundefined: x\n",
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(outcome{}, test{})); diff != "" {
		t.Error(diff)
	}
	if _, err := readEvents(strings.NewReader("FAIL\n")); err == nil {
		t.Error("what is no event was read")
	}
}
