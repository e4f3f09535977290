package docstest

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/config"
)

func TestTheDecisionTableIsTheOneInTheCode(t *testing.T) {
	var table []string
	for line := range strings.Lines(function(t, parseGo(t, "sync/plan/decide.go"), "Decide").Doc.Text()) {
		if row, indented := strings.CutPrefix(line, "\t"); indented {
			table = append(table, row)
		} else if len(table) > 0 && strings.TrimSpace(line) == "" {
			table = append(table, "\n") // an empty line within the table, or after it
		}
	}
	want := strings.TrimRight(strings.Join(table, ""), "\n") + "\n"
	if len(table) < 5 {
		t.Fatal("the comment of Decide has no table any more")
	}
	if *update {
		replace(t, readme, "decision table", block(t, readme, "decision table"), want)
	}
	if diff := cmp.Diff(want, block(t, readme, "decision table")); diff != "" {
		t.Errorf("the README's table is not that of Decide; -update writes it (-code +README):\n%s", diff)
	}
}

// exitWords must stand in the README's row for the constant of that name.
var exitWords = map[string]string{
	"exitDone": "done", "exitFailed": "failed", "exitFound": "found something", "exitConfig": "configuration refused",
	"exitLocked": "locked", "exitFuse": "fuse", "exitStateRefused": "state file refused", "exitInterrupted": "interrupted",
}

var exitRow = regexp.MustCompile(`(?m)^\| (\d+) \| (.+) \|$`)

func TestTheExitCodesAreThoseOfTheCode(t *testing.T) {
	codes := exitCodes(t)
	said := map[string]string{}
	for _, row := range exitRow.FindAllStringSubmatch(section(t, readme, "exit codes"), -1) {
		said[row[1]] = row[2]
	}
	for name, code := range codes {
		words, known := exitWords[name]
		if !known || !strings.Contains(said[code], words) {
			t.Errorf("%s is %s: the README's row %q should say %q", name, code, said[code], words)
		}
		delete(said, code)
	}
	if len(said) > 0 {
		t.Errorf("the README has exit codes that the code does not have: %v", said)
	}
}

func TestTheOrderOfTheExitCodesIsThatOfTheCode(t *testing.T) {
	codes := exitCodes(t)
	var order []string
	ast.Inspect(function(t, parseGo(t, "internal/cli/exit.go"), "exitCode"), func(n ast.Node) bool {
		loop, ok := n.(*ast.RangeStmt)
		if !ok {
			return true
		}
		if list, ok := loop.X.(*ast.CompositeLit); ok {
			for _, e := range list.Elts {
				order = append(order, codes[e.(*ast.Ident).Name])
			}
		}
		return true
	})
	want := "When several apply, the first of " + strings.Join(order, ", ") + " counts."
	if !strings.Contains(read(t, readme), want) {
		t.Errorf("the README does not say: %s", want)
	}
}

// exitCodes are the constants of internal/cli/exit.go, by name.
func exitCodes(t *testing.T) map[string]string {
	t.Helper()
	codes := map[string]string{}
	for _, d := range parseGo(t, "internal/cli/exit.go").Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, s := range group.Specs {
			value := s.(*ast.ValueSpec)
			if literal, ok := value.Values[0].(*ast.BasicLit); ok && strings.HasPrefix(value.Names[0].Name, "exit") {
				codes[value.Names[0].Name] = literal.Value
			}
		}
	}
	if len(codes) < 2 {
		t.Fatal("internal/cli/exit.go has no exit codes any more")
	}
	return codes
}

func TestTheFirstConfigurationLoads(t *testing.T) {
	_, after, found := strings.Cut(read(t, readme), "```yaml\n")
	text, _, closed := strings.Cut(after, "```\n")
	if !found || !closed {
		t.Fatal("the README has no configuration")
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, config.Options{LookupEnv: func(name string) (string, bool) { return "a value for " + name, true }})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Properties[0].Customers.File == "" || len(cfg.Properties[0].PaymentMethods.CreditCards) == 0 {
		t.Error("the README explains a customers file and a card's payment method, and the configuration has neither")
	}
}
