package cli

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

func TestAProbeBeginsWithAYes(t *testing.T) {
	for answer, sends := range map[string]int{"y\n": 1, "YES\n": 1, "n\n": 0, "\n": 0, "1.00\n": 0} {
		t.Run(strings.TrimSpace(answer), func(t *testing.T) {
			world := simulator.New(simulator.Options{Seed: 1})
			defer world.Close()
			if _, err := world.Populate(simulator.PopulateOptions{Customers: 1}); err != nil {
				t.Fatal(err)
			}
			server, err := simulator.Listen("127.0.0.1:0", world)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = server.Close() }()
			path, _, err := writeSimulated(world, server.URL(), t.TempDir(), simulator.ConfigOptions{Timeout: time.Second, Settle: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			code, out := atTerminal(t, answer, func() {
				if n := world.Account().Creates; n > 0 {
					t.Errorf("%d creates before the answer", n)
				}
			}, "-c", path, "check", "--probe", "101", "--amount", "2.50")
			account := world.Account()
			if code != 0 || account.Creates != sends || account.Captures != sends {
				t.Errorf("exit code %d, %+v; it said:\n%s", code, account, out)
			}
			if said := strings.Contains(out, "Nothing was sent."); said != (sends == 0) {
				t.Errorf("it said:\n%s", out)
			}
			if sends > 0 {
				suggestionLoads(t, path, out)
			}
		})
	}
}

// suggestionLoads puts what a probe suggests into a configuration.
func suggestionLoads(t *testing.T, path, said string) {
	t.Helper()
	_, text, _ := strings.Cut(said, "\n\nv4:\n")
	text, _, _ = strings.Cut(text, "\n\n")
	var suggested, whole map[string]any
	content, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(content, &whole)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte("v4:\n"+text), &suggested); err != nil {
		t.Fatalf("%v in:\n%s", err, said)
	}
	keys := suggested["v4"].(map[string]any)
	if len(keys) != 5 {
		t.Errorf("%v", slices.Sorted(maps.Keys(keys)))
	}
	maps.Copy(whole["v4"].(map[string]any), keys)
	if content, err = yaml.Marshal(whole); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path, config.Options{}); err != nil {
		t.Error(err)
	}
}
