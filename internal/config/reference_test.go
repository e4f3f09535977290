package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/config"
)

func TestReferencesAreReplacedInValues(t *testing.T) {
	folder, credentials := t.TempDir(), t.TempDir()
	write(t, folder, "one", "file\n")
	write(t, folder, "two", "lines\nand newlines\n\n")
	write(t, folder, "dos", "dos\r\n")
	write(t, credentials, "cred", "credential\n")
	opts := environment(map[string]string{"A": "a", "HOST": "h.example.com", "EMPTY": "", "TRAP": "x\"\nextra: ${env:A}\n", "NUMBER": "12", "WAIT": "7s"})
	opts.CredentialsDir = credentials
	for value, want := range map[string]string{
		"${env:A}":                         "a",
		"<${env:A}-${env:A}${env:EMPTY}>":  "<a-a>",
		"${file:one}":                      "file",
		"${file:two}":                      "lines\nand newlines\n",
		"${file:dos}":                      "dos",
		"${file:" + folder + "/one}":       "file",
		"${credential:cred}/${file:one}":   "credential/file",
		"${env:TRAP}":                      "x\"\nextra: ${env:A}\n",
		"$ $$ {} $env:A }":                 "$ $$ {} $env:A }",
		"'${env:A}'":                       "a",
		"\"\\u0024{env:A}\"":               "a",
		"|\n    ${env:A}\n    ${env:HOST}": "a\nh.example.com\n",
	} {
		t.Run(value, func(t *testing.T) {
			path := write(t, folder, "config.yaml", change(t, "client_token: CT", "client_token: "+value))
			c, err := config.Load(path, opts)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, c.Connector.ClientToken.Reveal()); diff != "" {
				t.Error(diff)
			}
		})
	}
	c := mustLoad(t, change(t, "https://api.example.com", "https://${env:HOST}/x", "v4:\n", "v4:\n  concurrency: ${env:NUMBER}\n  settle: ${env:WAIT}\n",
		"[2", "[\"${env:A}\", 2")+"    payment_methods: {default: \"${env:NUMBER}\"}\n", opts)
	if c.Connector.Address != "https://h.example.com/x" || c.V4.Concurrency != 12 || c.V4.Settle.String() != "7s" ||
		c.Properties[0].Customers.IDs[0] != "a" || c.Properties[0].PaymentMethods.Default.ID != 12 {
		t.Errorf("%+v", c)
	}
}

func TestAReferenceThatCannotBeReplacedSaysWhy(t *testing.T) {
	folder, credentials := t.TempDir(), t.TempDir()
	write(t, folder, "huge", strings.Repeat("x", 70_000))
	const forms = "${ must begin ${env:NAME}, ${file:PATH} or ${credential:NAME}; to have it in a value, put the value into a file or a variable"
	for name, c := range map[string]struct{ value, credentials, want string }{
		"an unset variable":       {"${env:ABSENT}", "", "${env:ABSENT}: the environment variable ABSENT is not set"},
		"no variable":             {"${env:}", "", "${env:}: the variable's name is missing"},
		"a missing file":          {"x${file:absent}", "", "${file:absent}: cannot be read: stat " + folder + "/absent: no such file or directory"},
		"no file":                 {"${file:}", "", "${file:}: the file's path is missing"},
		"a folder":                {"${file:.}", "", "${file:.}: " + folder + " is not a regular file"},
		"a device":                {"${file:/dev/null}", "", "${file:/dev/null}: /dev/null is not a regular file"},
		"a huge file":             {"${file:huge}", "", "${file:huge}: " + folder + "/huge holds more than 64 KiB"},
		"no credentials":          {"${credential:a}", "", "${credential:a}: there is no credentials directory: $CREDENTIALS_DIRECTORY is not set; systemd sets it for a unit with LoadCredential="},
		"a missing credential":    {"${credential:a}", credentials, "${credential:a}: cannot be read: stat " + credentials + "/a: no such file or directory"},
		"a credential elsewhere":  {"${credential:../a}", credentials, "${credential:../a}: a credential's name is a file name without a path"},
		"the folder's parent":     {"${credential:..}", credentials, "${credential:..}: a credential's name is a file name without a path"},
		"a credential of no name": {"${credential:}", credentials, "${credential:}: a credential's name is a file name without a path"},
		"another form":            {"${HOME}", "", forms},
		"a form that is unknown":  {"${vault:x}", "", forms},
		"no end":                  {"${env:A", "", forms},
		"no form":                 {"pass${word", "", forms},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, folder, "config.yaml", change(t, "client_token: CT", "client_token: "+c.value))
			_, err := config.Load(path, config.Options{CredentialsDir: c.credentials})
			if diff := cmp.Diff([]string{"3 connector.client_token: " + c.want}, problems(t, err)); diff != "" {
				t.Error(diff)
			}
		})
	}
	_, err := load(t, change(t, "CT", "${env:X}${env:Y}"), config.Options{})
	if got := problems(t, err); len(got) != 2 {
		t.Errorf("two unset variables make %q", got)
	}
}

// canaryConfig has a value from outside under every key that takes one.
const canaryConfig = `
schedule: "${env:C}"
timezone: "${env:C}"
state: {path: "${env:EMPTY}"}
log: {level: "${env:C}", format: "x${env:C}"}
connector:
  address: "https://${env:C}:${env:C}@x"
  client_token: "${env:C}"
  timeout: "${env:C}"
  concurrency: "${env:C}"
  rate_limit: {requests: "${env:C}", per: "${env:C}"}
  "${env:C}": 1
v4:
  address: "ftp://${env:C}"
  auth: {token: "${env:C} ${env:C}", login_address: "${env:C}"}
  transaction_token: "${env:C}"
  capture_field: "${env:C}\n"
  already_captured_codes: ["${env:C}"]
mirror: {mode: "${env:C}", hold_warn_after: "${env:C}"}
properties:
  - name: "${env:C}/"
    access_token: "${env:C}"
    currency: "${env:C}"
    customers: {ids: ["${env:C}"], file: "${env:C}"}
    payment_methods: {default: "${env:C}", credit_cards: {x: "${env:C}"}, file: "${env:C}", lookup: "${env:C}"}
    v4: {x: "${env:C}"}
  - {name: b, access_token: "${env:C}", currency: EUR, customers: {file: x}}
`

func TestNoProblemShowsWhatCameFromOutside(t *testing.T) {
	const canary = "canary-value"
	_, err := load(t, canaryConfig, environment(map[string]string{"C": canary, "EMPTY": ""}))
	got := problems(t, err)
	if len(got) < 25 {
		t.Errorf("only %d problems: %q", len(got), got)
	}
	if err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("a value is shown: %v", err)
	}
	for _, want := range []string{
		`2 schedule: must be five cron fields such as "*/5 * * * *", or a descriptor such as @hourly or @every 30s (the value comes from ${env:C})`,
		"7 connector.address: must not contain a user name or password: they have keys of their own (the value comes from ${env:C} and ${env:C})",
	} {
		if !strings.Contains(strings.Join(got, "\n"), want) {
			t.Errorf("%q is not among %q", want, got)
		}
	}
}

func TestNoProblemShowsASecretThatIsInTheFile(t *testing.T) {
	const canary = "canary"
	for _, text := range []string{
		change(t, "client_token: CT", "client_token: [canary]"),
		change(t, "client_token: CT", "client_token: {canary: canary}"),
		change(t, "client_token: CT", "client_token: 1"+"${canary}"),
		change(t, "client_token: CT", "client_token: canary: canary"),
		change(t, "client_token: CT", "client_token: \"canary"),
		change(t, "client_token: CT", "client_token: !canary canary"),
		change(t, "client_token: CT", "client_token: *canary"),
		change(t, "client_token: CT", "client_token: 'canary' canary"),
		change(t, "password: PW", "token: canary canary"),
		change(t, "access_token: AT", "access_tokn: canary"),
		change(t, "https://api.example.com", "https://user:canary@api.example.com"),
		change(t, "https://api.example.com", "https://api.example.com:canary"),
		minimal + "  - {name: b, access_token: canary, currency: EUR, customers: {ids: [a]}}\n" +
			"  - {name: c, access_token: canary, currency: EUR, customers: {ids: [a]}}\n",
	} {
		_, err := load(t, text, config.Options{})
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%v\nfor %s", err, text)
		}
	}
}

func TestTheExampleLoadsAsItIsAndNamesEveryKey(t *testing.T) {
	path := filepath.Join("..", "..", "config.example.yaml")
	c, err := config.Load(path, environment(nil))
	if err != nil {
		t.Fatal(err)
	}
	if c.Properties[0].Name != "prague-center" {
		t.Errorf("%+v", c.Properties)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range config.Keys() {
		name := key.Path[strings.LastIndexByte(key.Path, '.')+1:]
		if !strings.Contains(string(content), name+":") {
			t.Errorf("the example does not show %s", key.Path)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		minimal, canaryConfig, "", "a", "- a", "a: &b {c: *b}\n<<: *b\n", "properties: [{}, 1, ~]\n", "? a\n: b\n", "--- |\n x\n---\n",
		"schedule: '@every 1h'\nconnector: {address: 'http://[::1%25a]'}", "%YAML 1.2\n---\na: !!binary x\n", "\"a\": 'b\n\n c'\nd: >-\n  ${file:x}\n", "v4: {auth: [}",
	} {
		f.Add(seed)
	}
	opts := environment(map[string]string{"A": "a"})
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			t.Skip("long files only take longer")
		}
		_, err := load(t, text, opts)
		if err == nil {
			return
		}
		lines := 1 + strings.Count(text, "\n") + strings.Count(text, "\r") // YAML takes either for a line break
		for _, p := range problemsOf(t, err) {
			if p.Line < 1 || p.Line > lines+1 || p.Column < 1 || p.Message == "" {
				t.Errorf("no place in %d lines: %+v", lines, p)
			}
		}
	})
}
