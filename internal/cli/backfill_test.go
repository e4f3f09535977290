package cli

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// asked is a terminal on which somebody answers a question.
type asked struct {
	mu       sync.Mutex
	seen     bytes.Buffer
	question string
	answer   func()
}

// Write looks for the question.
func (a *asked) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := strings.Contains(a.seen.String(), a.question)
	a.seen.Write(p)
	if !before && strings.Contains(a.seen.String(), a.question) {
		a.answer()
	}
	return len(p), nil
}

// backfillAnswered runs a backfill on a terminal where somebody answers.
func backfillAnswered(t *testing.T, config, answer string, meanwhile func()) (code int, stdout string) {
	t.Helper()
	return atTerminal(t, answer, meanwhile, "-c", config, "backfill")
}

// atTerminal runs a command on a terminal where somebody answers its question, and
// lets the world go on before that.
func atTerminal(t *testing.T, answer string, meanwhile func(), args ...string) (code int, stdout string) {
	t.Helper()
	in, keys := io.Pipe()
	defer func() { _ = in.Close() }()
	screen := &asked{question: "[y/N]", answer: func() {
		meanwhile()
		go func() { _, _ = io.WriteString(keys, answer) }()
	}}
	var out bytes.Buffer
	code = Main(t.Context(), Process{
		Args: args, Stdin: in, Stdout: &out, Stderr: screen,
		LookupEnv: func(string) (string, bool) { return "", false }, Terminals: Terminals{Stdin: true},
	})
	return code, out.String()
}

func TestAnAnswerBindsWhatABackfillSends(t *testing.T) {
	for _, c := range []struct {
		answer string
		sends  int
	}{{"y\n", 4}, {"Yes\n", 4}, {"n\n", 0}, {"\n", 0}, {"yessir\n", 0}} {
		t.Run(strings.TrimSpace(c.answer), func(t *testing.T) {
			world := simulator.New(simulator.Options{Seed: 1})
			defer world.Close()
			if _, err := world.Populate(simulator.PopulateOptions{Customers: 2, PerCustomer: 2}); err != nil {
				t.Fatal(err)
			}
			server, err := simulator.Listen("127.0.0.1:0", world)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = server.Close() }()
			config, _, err := writeSimulated(world, server.URL(), t.TempDir(), simulator.ConfigOptions{Timeout: time.Second, Settle: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			ids, err := world.Customers("hotel-1")
			if err != nil {
				t.Fatal(err)
			}
			code, out := backfillAnswered(t, config, c.answer, func() {
				for range 10 { // they come while somebody reads the question
					if _, err := world.AddPreauthorization(simulator.Preauthorization{CustomerID: ids[0], Amount: decimal.NewFromInt(10), Currency: "EUR"}); err != nil {
						t.Error(err)
					}
				}
			})
			if got := world.Account().Creates; code != 0 || got != c.sends {
				t.Errorf("exit code %d, %d creates; it said:\n%s", code, got, out)
			}
		})
	}
}
